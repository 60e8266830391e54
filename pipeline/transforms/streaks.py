"""Streaks: runs of sessions on which a rule on the daily return held. Definitions, section 2."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.config import StreakRule
from pipeline.transforms.windows import GROUP, MAX_MISSING_SESSIONS, RETURN_TOLERANCE, apart, change, levels, series_of

KEY = ["symbol", "basis"]
ALLOWED_MISSES = (0, 1)
MIN_HITS = 2


class Windows(NamedTuple):
    """Streaks as ranges of rows: the first and the last, both hits, and how many misses lie inside."""

    first: np.ndarray
    last: np.ndarray
    misses: np.ndarray


def streak_events(prices: pl.DataFrame, rules: Iterable[StreakRule]) -> pl.DataFrame:
    """Compute derived.streak_events from core.prices.

    A streak starts and ends on a hit, holds at most `allowed_misses` misses and lies inside no larger such window.
    """
    bars = levels(prices).rechunk()
    bars = bars.with_columns(apart(bars).select(ret=change(pl.col("level"), 1)).get_columns())
    ret, group = bars["ret"].to_numpy(), bars[GROUP].to_numpy()
    padded = np.append(ret, np.nan)  # the end of a range may be the end of the rows
    events = [
        _events(bars, padded, largest_windows(is_hit(ret, rule), group, allowed), rule.rule, allowed)
        for rule in sorted(rules, key=lambda rule: rule.rule)
        for allowed in ALLOWED_MISSES
    ]
    # sorted by series alone, for the rest already is
    found = pl.concat(events).sort(GROUP, maintain_order=True)
    return found.select(series_of(bars).select(KEY)[found[GROUP]].get_columns() + found.drop(GROUP).get_columns())


def is_hit(ret: np.ndarray, rule: StreakRule) -> np.ndarray:
    """TRUE where the daily return meets the rule; a missing return (NaN) is a miss.

    A threshold of zero means zero beyond vendor noise; other thresholds are strict on unrounded returns.
    """
    if rule.above is not None:
        return ret > (rule.above or RETURN_TOLERANCE)
    return ret < (rule.below or -RETURN_TOLERANCE)


def largest_windows(hit: np.ndarray, group: np.ndarray, allowed: int) -> Windows:
    """Find the windows with at most `allowed` (0 or 1) misses that lie in no larger one.

    Args:
        hit, group: of every row, series one after the other.
    """
    same = np.append(False, group[1:] == group[:-1])
    first = np.flatnonzero(hit & ~(np.append(False, hit[:-1]) & same))
    last = np.flatnonzero(hit & ~np.append(hit[1:] & same[1:], False))
    if allowed == 0:
        return Windows(first, last, np.zeros_like(first))
    # a run joins the next one across a single miss; a run that the one before has joined is no window of its own
    reaches = np.zeros(len(first), bool)
    reaches[:-1] = (first[1:] - last[:-1] == 2) & (group[first[1:]] == group[last[:-1]])
    reached = np.roll(reaches, 1)  # the last run reaches none, so nothing wraps around
    is_window = reaches | ~reached
    end = np.where(reaches, np.roll(last, -1), last)
    return Windows(first[is_window], end[is_window], reaches[is_window].astype(first.dtype))


def _events(bars: pl.DataFrame, ret: np.ndarray, windows: Windows, rule: str, allowed: int) -> pl.DataFrame:
    """One row a streak.

    Args:
        ret: daily return of every bar, and one value more.
    """
    sessions = windows.last - windows.first + 1
    many = sessions - windows.misses >= MIN_HITS
    first, last, misses = windows.first[many], windows.last[many], windows.misses[many]
    group, dates, level = bars[GROUP], bars["session_date"], bars["level"]
    # as many misses after the last hit as settle that it stays the last one
    confirming = pl.Series(last + allowed - misses + 1)
    settled = confirming < bars.height
    confirming = confirming.clip(upper_bound=max(bars.height - 1, 0))
    settled &= group.gather(confirming) == group.gather(last)
    number = bars["session_no"]
    missing = number.gather(last) - number.gather(first - 1) - pl.Series(last - first + 1)
    moved = level.gather(last) / level.gather(first - 1) - 1
    ranges = np.column_stack([first, last + 1]).ravel()
    return pl.DataFrame({GROUP: group.gather(last)}).with_columns(
        rule=pl.lit(rule),
        allowed_misses=pl.lit(allowed, pl.Int64),
        start_date=dates.gather(first),
        end_date=dates.gather(last),
        hits=pl.Series(last - first + 1 - misses),
        sessions=pl.Series(last - first + 1),
        cum_return=pl.select(pl.when(missing <= MAX_MISSING_SESSIONS).then(moved)).to_series(),
        max_ret_1d=pl.Series(np.fmax.reduceat(ret, ranges)[::2] if len(ranges) else ret[:0]),
        min_ret_1d=pl.Series(np.fmin.reduceat(ret, ranges)[::2] if len(ranges) else ret[:0]),
        confirmed_on=pl.select(pl.when(settled).then(dates.gather(confirming))).to_series(),
        is_open=~settled,
    )
