"""Odds of the FOMC's decisions from fed funds futures, by the published CME method. Definitions, section 6."""

import datetime as dt
from collections.abc import Iterable

import polars as pl

from pipeline.calendar import new_york_instant
from pipeline.config import Series
from pipeline.contracts.derived.policy import FomcOdds
from pipeline.transforms.policy_rate import target_decisions

STEP_PCT = 0.25
STEP_BP = 25
SETTLED_AT = dt.time(15)  # New York
START_OF_DAY = dt.time(0)
NEGLIGIBLE = 5e-9  # rounds to nothing when published
FRAGILE_DAYS = 4  # a month's average says little of a rate that holds for fewer
FRAGILE_STEP_PCT = 1.0 + 1e-9
STALE_AFTER = "10d"  # a rate published every working day
QUOTE = ["quoted_on"]


def fomc_odds(
    futures: pl.DataFrame, meetings: pl.DataFrame, releases: pl.DataFrame, series: Iterable[Series]
) -> pl.DataFrame:
    """Compute derived.fomc_odds, sorted by key.

    Args:
        futures: core.fed_funds_futures.
        meetings: core.fomc_meetings.
        releases: core.macro_releases, with announcements.
        series: the configured series, for the roles effective_fed_funds and target_upper.
    """
    series = list(series)
    averages = _averages(futures)
    quotes = _quotes(averages, target_decisions(releases, meetings, series), _effective(releases, series))
    return (
        _odds(quotes, _steps(averages, _pending(quotes, meetings)))
        .join(quotes.select(*QUOTE, "target_pct"), on=QUOTE)
        .select(FomcOdds.column_names())
        .sort("quoted_on", "meeting_date", "move_bp")
    )


def _averages(futures: pl.DataFrame) -> pl.DataFrame:
    """Average rate in percent that each day's settlements expect for each month: quoted_on, month, average."""
    return (
        futures.sort("captured_at", "contract")
        .unique(["session_date", "contract_month"], keep="last", maintain_order=True)
        .select(quoted_on="session_date", month="contract_month", average="implied_rate_pct")
    )


def _effective(releases: pl.DataFrame, series: list[Series]) -> pl.DataFrame:
    """Effective rates as first published, in the order of their publication: rate_on, published_at, effective."""
    ids = [one.series_id for one in series if one.role == "effective_fed_funds"]
    return (
        releases.filter(pl.col("series_id").is_in(ids) & pl.col("value").is_not_null())
        .sort("observed_on", "seq")
        .unique("observed_on", keep="first", maintain_order=True)
        .sort("available_at", "observed_on")
        .select(rate_on="observed_on", published_at="available_at", effective="value")
    )


def _quotes(averages: pl.DataFrame, decisions: pl.DataFrame, effective: pl.DataFrame) -> pl.DataFrame:
    """Days with settlements: quoted_on, target_pct at the settlement and moved_on, the day it was decided, start (rate
    in percent before the next meeting).

    The start is the effective rate last published, moved by what the target has changed since the day it is of: that
    of the day after a decision comes out two days after it.
    """
    moves = decisions.with_columns(moved=(pl.col("target_pct") - pl.col("previous_target_pct")).cum_sum())
    known = moves.select("target_pct", moved_on="decided_on", moved_now="moved", known_at="available_at").sort(
        "known_at"
    )
    in_force = moves.select(moved_then="moved", in_force_on=pl.col("decided_on").dt.offset_by("1d"))
    return (
        averages.select(QUOTE)
        .unique()
        .sort(QUOTE)
        .with_columns(
            opens_at=new_york_instant(pl.col("quoted_on"), START_OF_DAY),
            settled_at=new_york_instant(pl.col("quoted_on"), SETTLED_AT),
        )
        .join_asof(
            effective,
            left_on="opens_at",
            right_on="published_at",
            allow_exact_matches=False,
            tolerance=STALE_AFTER,
        )
        .join_asof(known, left_on="settled_at", right_on="known_at")
        .drop_nulls("rate_on")
        .sort("rate_on")
        .join_asof(in_force, left_on="rate_on", right_on="in_force_on")
        .select(
            *QUOTE,
            "target_pct",
            "moved_on",
            start=pl.col("effective") + pl.col("moved_now").fill_null(0.0) - pl.col("moved_then").fill_null(0.0),
        )
        .sort(QUOTE)
    )


def _pending(quotes: pl.DataFrame, meetings: pl.DataFrame) -> pl.DataFrame:
    """Meetings to come as they were scheduled on each quoted day, numbered from 1.

    A day's settlement comes after its decision. `month_after` and `month_before` are NULL where they hold a meeting, or
    where the calendar of that year was not yet known; so are all months where one month holds two meetings.
    """
    day, month = pl.col("meeting_date"), pl.col("month")
    after, before = month.dt.offset_by("1mo"), month.dt.offset_by("-1mo")
    next_month, previous_month = month.shift(-1).over(QUOTE), month.shift(1).over(QUOTE)
    scheduled = meetings.select("scheduled_on", "cancelled_on", meeting_date="decided_on")
    calendars = scheduled.group_by(year_after=day.dt.year()).agg(calendar_known_on=pl.col("scheduled_on").min())
    calendar_is_known = pl.col("calendar_known_on") <= pl.col("quoted_on")
    return (
        quotes.select(QUOTE)
        .join(scheduled.with_columns(month=day.dt.month_start()), how="cross")
        .filter(
            day > pl.col("quoted_on"),
            pl.col("scheduled_on") <= pl.col("quoted_on"),
            (pl.col("cancelled_on") > pl.col("quoted_on")).fill_null(True),
        )
        .with_columns(year_after=after.dt.year())
        .join(calendars, on="year_after", how="left")
        .sort(*QUOTE, "meeting_date")
        .with_columns(
            number=pl.int_range(1, pl.len() + 1).over(QUOTE),
            month_after=pl.when((next_month != after).fill_null(True) & calendar_is_known).then(after),
            month_before=pl.when(previous_month != before).then(before),
            shares_month=((next_month == month) | (previous_month == month)).fill_null(False),
        )
        .with_columns(pl.when(~pl.col("shares_month")).then(name).alias(name) for name in ("month", "month_after"))
    )


def _steps(averages: pl.DataFrame, pending: pl.DataFrame) -> pl.DataFrame:
    """What the settlements say around each meeting, in percent; NULL where there is no such contract or anchor.

    Columns: quoted_on, meeting_date, number, days_before and days_after the decision in its month, average of the
    month, before and after (those of the months around it that hold no meeting), has_before, has_anchor (there are
    such months).
    """
    frame = pending
    for month, name in (("month", "average"), ("month_before", "before"), ("month_after", "after")):
        of_month = averages.select(*QUOTE, pl.col("month").alias(month), pl.col("average").alias(name))
        frame = frame.join(of_month, on=[*QUOTE, month], how="left")
    day = pl.col("meeting_date")
    days_before = day.dt.day().cast(pl.Int64) - 1
    return frame.select(
        *QUOTE,
        "meeting_date",
        "number",
        "average",
        "before",
        "after",
        days_before=days_before,
        days_after=day.dt.month_end().dt.day().cast(pl.Int64) - days_before,
        has_before=pl.col("month_before").is_not_null(),
        has_anchor=pl.col("month_after").is_not_null(),
    )


def _odds(quotes: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """Follow the meetings one by one: each adds a step of two possible sizes to what had come before it."""
    chain = quotes.select(*QUOTE, "start", "moved_on", is_fragile=pl.lit(False))
    moves = quotes.select(*QUOTE, move=pl.lit(0, pl.Int64), probability=pl.lit(1.0))
    found = []
    for (_,), of_number in steps.sort("number").group_by("number", maintain_order=True):
        step = _step(chain.join(of_number, on=QUOTE))
        moves = _convolved(moves, step)
        found.append(moves.join(step.select(*QUOTE, "meeting_date", "end", "is_fragile"), on=QUOTE))
        chain = step.select(*QUOTE, "is_fragile", "moved_on", start="end")
    empty = moves.clear().with_columns(meeting_date=pl.lit(None, pl.Date), end=pl.lit(0.0), is_fragile=pl.lit(False))
    return (
        pl.concat([empty, *found])
        .filter(pl.col("probability") >= NEGLIGIBLE)
        .rename({"end": "implied_end_rate_pct"})
        .with_columns(move_bp=pl.col("move") * STEP_BP)
    )


def _step(meetings: pl.DataFrame) -> pl.DataFrame:
    """End rate of one meeting of each quoted day, and how many steps it is from the start: a floor, and the rest.

    A missing contract ends the chain: the day has no row for this meeting, nor for any later one.
    """
    start = pl.when("has_before").then("before").otherwise("start")
    by_month = (pl.col("average") * (pl.col("days_before") + pl.col("days_after")) - pl.col("days_before") * start) / (
        pl.col("days_after")
    )
    end = pl.when("has_anchor").then("after").otherwise(by_month)
    steps = (end - start) / STEP_PCT
    rests_on_few_days = ~pl.col("has_anchor") & (pl.col("days_after") < FRAGILE_DAYS)
    moved_this_month = ~pl.col("has_anchor") & _same_month(pl.col("moved_on"), pl.col("meeting_date"))
    return meetings.select(
        *QUOTE,
        "meeting_date",
        "moved_on",
        end=end,
        floor=steps.floor().cast(pl.Int64),
        rest=steps - steps.floor(),
        is_fragile=pl.col("is_fragile")
        | rests_on_few_days
        | moved_this_month
        | ((end - start).abs() > FRAGILE_STEP_PCT),
    ).drop_nulls("rest")


def _same_month(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return (one.dt.month_start() == other.dt.month_start()).fill_null(False)


def _convolved(moves: pl.DataFrame, step: pl.DataFrame) -> pl.DataFrame:
    """Distribution of the sum of independent steps; a cell has at most two summands, so their order changes no bit."""
    both = moves.join(step, on=QUOTE)
    low = both.select(
        *QUOTE, move=pl.col("move") + pl.col("floor"), probability=pl.col("probability") * (1 - pl.col("rest"))
    )
    high = both.select(
        *QUOTE, move=pl.col("move") + pl.col("floor") + 1, probability=pl.col("probability") * pl.col("rest")
    )
    return pl.concat([low, high]).group_by(*QUOTE, "move").agg(pl.col("probability").sum())
