"""Fed funds futures and the meetings that move them. Definitions, section 6."""

import datetime as dt

import polars as pl

from pipeline.calendar import new_york_day, new_york_instant
from pipeline.config import Fomc
from pipeline.contracts import core

MONTH_CODES = "FGHJKMNQUVXZ"  # of futures contracts, January to December
END_OF_DAY = dt.time(23, 59, 59)
CONTRACT = rf"^ZQ([{MONTH_CODES}])(\d{{1,4}})$"
UTC = pl.Datetime("us", "UTC")


def fed_funds_futures(captures: pl.DataFrame, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """Compute core.fed_funds_futures from raw.futures_captures: the newest capture of a settlement, sorted by key.

    Contracts on other rates are left out. With `as_of` so are settlements that were not yet public.
    """
    known = captures if as_of is None else captures.filter(_settled_at() <= as_of)
    return (
        known.filter(pl.col("contract").str.contains(CONTRACT))
        .sort("contract", "session_date", "captured_at", maintain_order=True)
        .unique(["contract", "session_date"], keep="last", maintain_order=True)
        .with_columns(contract_month=_contract_month(), implied_rate_pct=100 - pl.col("close"))
        .rename({"close": "settlement"})
        .select(core.FedFundsFutures.column_names())
    )


def _settled_at() -> pl.Expr:
    """A settlement is that of 15:00 New York, and the exchange publishes it within the hour."""
    return new_york_instant(pl.col("session_date"), dt.time(16))


def _contract_month() -> pl.Expr:
    """First day of the month that a contract such as ZQN23 is about.

    A year of one or two digits is the first such year that is not before the session's: a contract ends in its month.
    """
    parts = pl.col("contract").str.extract_groups(CONTRACT)
    month = parts.struct[0].replace_strict({code: i + 1 for i, code in enumerate(MONTH_CODES)}, return_dtype=pl.Int32)
    digits = parts.struct[1]
    year, cycle = digits.cast(pl.Int32), pl.lit(10, pl.Int32).pow(digits.str.len_chars().cast(pl.Int32))
    since = pl.col("session_date").dt.year()
    full = pl.when(digits.str.len_chars() == 4).then(year).otherwise(since + (year - since) % cycle)
    return pl.date(full, month, 1)


def fomc_meetings(captures: pl.DataFrame, fomc: Fomc, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """Compute core.fomc_meetings from raw.fomc_captures and the calendar in fomc.yaml, sorted by key.

    The newest capture that states a decision wins. With `as_of` meetings that were not yet planned are left out, and
    what was not yet decided is NULL.
    """
    meetings = (
        _listed(fomc)
        .join(_newest(captures), on="decided_on", how="full", coalesce=True)
        .with_columns(is_scheduled=pl.coalesce("is_scheduled", _is_scheduled(fomc)))
        .with_columns(scheduled_on=pl.when("is_scheduled").then(_planned_on()), decided_at=_decided_at(fomc))
        .sort("decided_on")
        .select(core.FomcMeetings.column_names())
    )
    return meetings if as_of is None else _known_by(meetings, as_of)


def _listed(fomc: Fomc) -> pl.DataFrame:
    """Meetings in fomc.yaml: decided_on, is_scheduled, cancelled_on, at (clock time of an unscheduled decision)."""
    rows: list[tuple] = [(day, True, fomc.cancelled.get(day), None) for day in fomc.scheduled]
    rows += [(day, False, None, dt.time.fromisoformat(at)) for day, at in fomc.unscheduled.items()]
    schema = {"decided_on": pl.Date, "is_scheduled": pl.Boolean, "cancelled_on": pl.Date, "at": pl.Time}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _newest(captures: pl.DataFrame) -> pl.DataFrame:
    """The newest capture of each meeting; one that states the decision goes before one that does not."""
    return (
        captures.with_columns(was_planned=pl.col("target_pct").is_null().any().over("decided_on"))
        .sort("decided_on", pl.col("target_pct").is_not_null(), "captured_at", maintain_order=True)
        .unique("decided_on", keep="last", maintain_order=True)
        .select("decided_on", "target_pct", "previous_target_pct", "captured_at", "was_planned")
    )


def _is_scheduled(fomc: Fomc) -> pl.Expr:
    """Of a captured meeting that is not listed: a planned one is scheduled, one among the listed ones is not."""
    inside = pl.col("decided_on").is_between(min(fomc.scheduled), max(fomc.scheduled))
    return pl.when("was_planned").then(True).when(inside).then(False)


def _planned_on() -> pl.Expr:
    """1 September of the year before: the calendar of a year is published in the spring or summer before it."""
    return pl.date(pl.col("decided_on").dt.year() - 1, 9, 1)


def _decided_at(fomc: Fomc) -> pl.Expr:
    clock = pl.lit(None, pl.Time)
    for one in sorted(fomc.announced, key=lambda one: one.since or dt.date.min):
        applies = pl.lit(True) if one.since is None else pl.col("decided_on") >= one.since
        clock = pl.when(applies).then(pl.lit(dt.time.fromisoformat(one.at))).otherwise(clock)
    at = pl.col("decided_on").dt.combine(pl.coalesce("at", clock))
    return at.dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC")


def _known_by(meetings: pl.DataFrame, as_of: dt.datetime) -> pl.DataFrame:
    """Meetings as they were known at an instant."""
    today = new_york_day(pl.lit(as_of, UTC))
    is_decided = pl.col("decided_at") <= as_of
    is_cancelled = new_york_instant(pl.col("cancelled_on"), END_OF_DAY) <= as_of
    decided = ["target_pct", "previous_target_pct", "captured_at"]
    return meetings.filter(is_decided | (pl.col("scheduled_on") <= today)).with_columns(
        *(pl.when(is_decided).then(pl.col(name)).alias(name) for name in decided),
        cancelled_on=pl.when(is_cancelled).then("cancelled_on"),
    )
