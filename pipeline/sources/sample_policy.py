"""Made-up fed funds futures and target decisions of the sample, consistent with its policy rate."""

import datetime as dt
from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from pipeline.contracts import raw

MONTH_CODES = "FGHJKMNQUVXZ"  # of futures contracts, January to December
FIRST_QUOTE = dt.date(2022, 1, 3)
CONTRACTS = 13  # the current month and the next twelve
CONFIDENCE = 0.92  # of a change to come markets see this share, and of what is a month later this share of it
BELOW_TARGET = 0.17  # percentage points from the upper bound to the rate paid
TICK = 0.005
Rate = Callable[[np.ndarray], np.ndarray]  # upper bound of the policy rate in percent on each day


def decisions(policy_rate: Rate, days: np.ndarray, stamp: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Changes of the policy rate decided on `days`, each on the day before it holds, as `raw.FomcCapture`."""
    now, tomorrow = policy_rate(days), policy_rate(days + np.timedelta64(1, "D"))
    return (
        pl.DataFrame({"decided_on": days, "target_pct": tomorrow, "previous_target_pct": now})
        .filter(pl.col("target_pct") != pl.col("previous_target_pct"))
        .with_columns(**stamp)
        .select(raw.FomcCapture.column_names())
    )


def settlements(
    policy_rate: Rate, sessions: np.ndarray, tilt: np.ndarray, stamp: Mapping[str, pl.Expr]
) -> pl.DataFrame:
    """Settlements of 13 contracts on each of `sessions`, as `raw.FuturesCapture`.

    Markets see each change of the policy rate coming, the less the further ahead it is. `tilt` is what they expect of
    every month besides, in percentage points, one number a session.
    """
    if not len(sessions):
        return raw.FuturesCapture.create_empty()
    month = sessions.astype("datetime64[M]")
    days = np.arange(month[0].astype("datetime64[D]"), (month[-1] + CONTRACTS + 1).astype("datetime64[D]"))
    summed = np.concatenate([[0.0], np.cumsum(policy_rate(days))])  # of all days before the element's
    today, now = (sessions - days[0]).astype(int), policy_rate(sessions)
    pieces = []
    for ahead in range(CONTRACTS):
        first = ((month + ahead).astype("datetime64[D]") - days[0]).astype(int)
        end = ((month + ahead + 1).astype("datetime64[D]") - days[0]).astype(int)
        to_come = np.maximum(first, today + 1)
        seen = CONFIDENCE ** (ahead + 1)
        expected = seen * (summed[end] - summed[to_come]) + (1 - seen) * now * (end - to_come)
        average = (summed[to_come] - summed[first] + expected) / (end - first) - BELOW_TARGET + ahead * tilt
        pieces.append(_contract(sessions, month + ahead, ahead, 100 - TICK * np.round(average / TICK)))
    return pl.concat(pieces).sort("contract", "session_date").with_columns(**stamp).select(
        raw.FuturesCapture.column_names()
    )  # fmt: skip


def _contract(sessions: np.ndarray, month: np.ndarray, ahead: int, settlement: np.ndarray) -> pl.DataFrame:
    """Settlements of the contract so many months ahead of each session; the nearest are traded most."""
    return pl.DataFrame({"session_date": sessions, "month": month.astype("datetime64[D]")}).select(
        "session_date",
        contract=pl.concat_str(
            pl.lit("ZQ"),
            pl.lit(list(MONTH_CODES)).list.get(pl.col("month").dt.month() - 1),
            pl.col("month").dt.to_string("%y"),
        ),
        close=pl.Series(np.round(settlement, 4)),
        volume=pl.lit(float(round(90_000 * 0.7**ahead))),
        open_interest=pl.lit(float(round(300_000 * 0.8**ahead))),
    )
