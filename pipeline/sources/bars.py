"""What makes a row a daily bar, whatever its source: an XNYS session, complete and consistent prices."""

import datetime as dt
from collections.abc import Sequence
from functools import cache

import polars as pl

from pipeline.calendar import FINAL_AT, NEW_YORK, sessions

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "adj_close", "volume", "dividend", "capital_gain", "split_ratio")
TOLERANCE = 1e-5  # vendor noise between two prices that the exchange printed as equal is about 1e-6
JUMP = 0.10  # a flat bar this far from both its neighbours, on the same side, is a false print
NEIGHBOUR_DAYS = 10  # and these are neighbours


def last_final_day(moment: dt.datetime) -> dt.date:
    """Newest day whose bar is final at `moment`, session or not."""
    local = moment.astimezone(NEW_YORK)
    return local.date() if local.time() >= FINAL_AT else local.date() - dt.timedelta(days=1)


def bar_fault(unreadable: Sequence[pl.Expr] = ()) -> pl.Expr:
    """Why a row with `session_date` and NUMBERS is no bar, NULL for a good one. The first reason that applies is given.

    `unreadable` holds reasons of the source's own, which come before what is missing.
    """
    day = pl.col("session_date")
    prices = [pl.col(name) for name in PRICES]
    is_session = day.is_in(_session_days())
    missing = pl.concat_str(
        [pl.when(pl.col(p).is_null()).then(pl.lit(p)) for p in PRICES], separator=", ", ignore_nulls=True
    )
    closed = pl.when(day.dt.weekday() > 5).then(day.dt.to_string("%A")).otherwise(pl.lit("holiday"))
    negative = [
        pl.when(pl.col(name) < 0).then(pl.lit(f"{name.replace('_', ' ')} is negative"))
        for name in ("volume", "dividend", "capital_gain", "split_ratio")
    ]
    no_price = pl.all_horizontal(price.is_null() for price in prices)
    return pl.coalesce(
        pl.when(no_price & ~is_session).then(pl.format("no price (not an XNYS session: {})", closed)),
        pl.when(~is_session).then(pl.format("not an XNYS session ({})", closed)),
        pl.when(no_price).then(pl.lit("no price on a session")),
        *unreadable,
        pl.when(missing != "").then(pl.format("bar is incomplete: no {}", missing)),
        pl.when(pl.min_horizontal(prices) <= 0).then(pl.lit("price is not positive")),
        *negative,
        inconsistency(),
    )


def inconsistency() -> pl.Expr:
    """How the four prices of a bar contradict each other, NULL where they do not."""
    high, low = pl.col("high") * (1 + TOLERANCE), pl.col("low") * (1 - TOLERANCE)
    above = [
        pl.when(high < pl.col(name)).then(pl.lit(f"OHLC inconsistent: high is below {name}"))
        for name in ("low", "open", "close")
    ]
    below = [
        pl.when(low > pl.col(name)).then(pl.lit(f"OHLC inconsistent: low is above {name}"))
        for name in ("open", "close")
    ]
    return pl.coalesce(*above, *below)


def false_print() -> pl.Expr:
    """Reason for a flat bar with volume that jumps away from the bar before and back by the next one, else NULL."""
    close, day = pl.col("close"), pl.col("session_date")
    before, after = close.shift(1).over("symbol"), close.shift(-1).over("symbol")
    near = pl.duration(days=NEIGHBOUR_DAYS)
    away, back = close / before - 1, close / after - 1
    is_flat = (pl.col("high") == pl.col("low")) & (pl.col("volume") > 0)
    jumps = (pl.min_horizontal(away, back) > JUMP) | (pl.max_horizontal(away, back) < -JUMP)
    neighbours = (day - day.shift(1).over("symbol") <= near) & (day.shift(-1).over("symbol") - day <= near)
    jump_pct = (away * 100).round(0).cast(pl.Int64)
    return pl.when(is_flat & jumps & neighbours).then(
        pl.format("flat bar (open = high = low = close) that jumps {} % and back by the next session", jump_pct)
    )


def may_be_false_print() -> pl.Expr:
    """TRUE for the newest bar of a symbol where only its next one can tell whether it is a false print."""
    close, volume = pl.col("close"), pl.col("volume")
    jump = (close / close.shift(1).over("symbol") - 1).abs()
    is_newest = pl.int_range(pl.len()).over("symbol") == pl.len().over("symbol") - 1
    return (is_newest & (pl.col("high") == pl.col("low")) & (volume > 0) & (jump > JUMP)).fill_null(False)


@cache
def _session_days() -> pl.Series:
    return sessions()["session_date"].implode()
