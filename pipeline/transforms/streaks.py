"""Streaks: runs of sessions on which a rule on the daily return held. Definitions, section 2."""

from collections.abc import Iterable

import polars as pl

from pipeline.config import StreakRule
from pipeline.transforms.windows import GROUP, RETURN_TOLERANCE, change, levels

KEY = ["symbol", "basis"]
ALLOWED_MISSES = (0, 1)
MIN_HITS = 2


def streak_events(prices: pl.DataFrame, rules: Iterable[StreakRule]) -> pl.DataFrame:
    """Compute derived.streak_events from core.prices.

    A streak starts and ends on a hit, holds at most `allowed_misses` misses and lies inside no larger such window.
    """
    bars = levels(prices).with_columns(
        ret=change(pl.col("level"), 1).over(GROUP),
        before=pl.col("level").shift(1).over(GROUP),
        bar=pl.int_range(pl.len()).over(GROUP),
        bars=pl.len().over(GROUP),
    )
    dates = bars.select(GROUP, "bar", confirmed_on="session_date")
    names = bars.select(GROUP, *KEY).unique(GROUP)
    events = [
        _windows(runs, misses).with_columns(rule=pl.lit(rule.rule), allowed_misses=pl.lit(misses, pl.Int64))
        for rule in rules
        for runs in [_runs(bars, rule)]
        for misses in ALLOWED_MISSES
    ]
    return (
        pl.concat(events)
        .filter(pl.col("hits") >= MIN_HITS)
        .with_columns(bar=pl.col("end_bar") + pl.col("allowed_misses") - pl.col("misses") + 1)
        .join(dates, on=[GROUP, "bar"], how="left")
        .join(names, on=GROUP)
        .with_columns(is_open=pl.col("confirmed_on").is_null())
        .select(
            *KEY,
            "rule",
            "allowed_misses",
            "start_date",
            "end_date",
            "hits",
            "sessions",
            "cum_return",
            "max_ret_1d",
            "min_ret_1d",
            "confirmed_on",
            "is_open",
        )
        .sort(*KEY, "rule", "allowed_misses", "start_date")
    )


def hit(rule: StreakRule) -> pl.Expr:
    """TRUE where the daily return `ret` meets the rule; a NULL return is a miss.

    A threshold of zero means zero beyond vendor noise; other thresholds are strict on unrounded returns.
    """
    if rule.above is not None:
        met = pl.col("ret") > (rule.above or RETURN_TOLERANCE)
    else:
        met = pl.col("ret") < (rule.below or -RETURN_TOLERANCE)
    return met.fill_null(False)


def _runs(bars: pl.DataFrame, rule: StreakRule) -> pl.DataFrame:
    """One row per unbroken run of hits, with the return of the miss right before it.

    Misses before a run grow from run to run, so they also number the runs.
    """
    is_hit = hit(rule)
    marked = bars.with_columns(is_hit=is_hit).with_columns(misses_before=(~pl.col("is_hit")).cum_sum().over(GROUP))
    hits = (
        marked.filter("is_hit")
        .group_by(GROUP, "misses_before", maintain_order=True)
        .agg(
            start_bar=pl.col("bar").first(),
            end_bar=pl.col("bar").last(),
            start_date=pl.col("session_date").first(),
            end_date=pl.col("session_date").last(),
            before=pl.col("before").first(),
            level=pl.col("level").last(),
            hits=pl.len().cast(pl.Int64),
            high=pl.col("ret").max(),
            low=pl.col("ret").min(),
        )
    )
    # the k-th miss stands right before the run that has k misses before it
    misses = marked.filter(~pl.col("is_hit")).select(GROUP, "misses_before", miss="ret")
    return hits.join(misses, on=[GROUP, "misses_before"], how="left", maintain_order="left")


def _windows(runs: pl.DataFrame, allowed: int) -> pl.DataFrame:
    """Join runs into the largest windows with at most `allowed` misses (0 or 1)."""
    if allowed == 0:
        return runs.select(
            GROUP,
            "start_date",
            "end_date",
            "end_bar",
            "hits",
            sessions="hits",
            misses=pl.lit(0, pl.Int64),
            cum_return=pl.col("level") / pl.col("before") - 1,
            max_ret_1d="high",
            min_ret_1d="low",
        )
    reaches = (pl.col("misses_before").shift(-1) - pl.col("misses_before") == 1).over(GROUP).fill_null(False)
    reached = reaches.shift(1).over(GROUP).fill_null(False)
    columns = ("end_date", "end_bar", "hits", "level", "high", "low")
    following = {name: pl.col(name).shift(-1).over(GROUP) for name in columns}
    miss = pl.col("miss").shift(-1).over(GROUP)

    def joined(name: str, both: pl.Expr) -> pl.Expr:
        return pl.when("reaches").then(both).otherwise(pl.col(name))

    return (
        runs.with_columns(reaches=reaches, reached=reached)
        .with_columns(
            end_date=joined("end_date", following["end_date"]),
            end_bar=joined("end_bar", following["end_bar"]),
            hits=joined("hits", pl.col("hits") + following["hits"]),
            level=joined("level", following["level"]),
            high=joined("high", pl.max_horizontal(pl.col("high"), following["high"], miss)),
            low=joined("low", pl.min_horizontal(pl.col("low"), following["low"], miss)),
        )
        .filter(pl.col("reaches") | ~pl.col("reached"))
        .select(
            GROUP,
            "start_date",
            "end_date",
            "end_bar",
            "hits",
            sessions=pl.col("end_bar") - pl.col("start_bar") + 1,
            misses=pl.col("reaches").cast(pl.Int64),
            cum_return=pl.col("level") / pl.col("before") - 1,
            max_ret_1d="high",
            min_ret_1d="low",
        )
    )
