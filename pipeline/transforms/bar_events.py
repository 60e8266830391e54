"""Gaps, outside and inside days: each bar against the bar before it. Definitions, section 2."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import polars as pl

from pipeline.contracts.derived.bar_events import BarEvents
from pipeline.transforms.searches import first_at_least
from pipeline.transforms.windows import GROUP, MAX_MISSING_SESSIONS, apart, divided, guarded, starts

TOLERANCE = 1e-5  # prices of two bars this near to each other, relatively, are equal
OPENS_WINDOW = 252
MIN_OPENS = 21
MAX_COPIED_OPENS_PCT = 15
GAP_COLUMNS = ("is_gap_up", "is_gap_down", "is_partial_gap_up", "is_partial_gap_down")


def bar_events(prices: pl.DataFrame) -> pl.DataFrame:
    """Compute derived.bar_events from core.prices, sorted by key."""
    price = ("open", "high", "low", "close")
    found = (
        prices.select(
            "symbol", "session_date", "session_no", *price, "dividend", pl.col("symbol").rle_id().alias(GROUP)
        )
        .pipe(_with_prior, price[1:])
        .with_columns(opens_are_reliable=_opens_are_reliable().over(GROUP))
        .with_columns(**_gaps(), **_days())
        .with_columns(gap_size=_gap_size())
    )
    return found.with_columns(gap_filled_on=_gap_filled_on(found)).select(BarEvents.column_names())


def _with_prior(bars: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    return bars.with_columns(
        apart(bars).select(guarded(pl.col(name).shift(1), 1).alias(f"prior_{name}") for name in names).get_columns()
    )


def _above(a: str, b: str) -> pl.Expr:
    return pl.col(a) > pl.col(b) * (1 + TOLERANCE)


def _below(a: str, b: str) -> pl.Expr:
    return pl.col(a) < pl.col(b) * (1 - TOLERANCE)


def _opens_are_reliable() -> pl.Expr:
    """Whether opens are told apart from the close before; a bar without an open is not counted.

    The window grows from 21 bars to 252, so its missing sessions are counted from the symbol's first bar.
    """
    session, row, back = pl.col("session_no"), pl.int_range(pl.len()), OPENS_WINDOW - 1
    is_copied = ~(_above("open", "prior_close") | _below("open", "prior_close"))

    def recent(is_met: pl.Expr) -> pl.Expr:
        return is_met.fill_null(False).cast(pl.Int64).rolling_sum(OPENS_WINDOW, min_samples=1)

    copied, opens = recent(is_copied), recent(pl.col("open").is_not_null())
    missing = session - session.shift(back).fill_null(session.first()) - row.clip(upper_bound=back)
    is_known = (opens >= MIN_OPENS) & (missing <= MAX_MISSING_SESSIONS)
    return pl.when(is_known).then(100 * copied <= MAX_COPIED_OPENS_PCT * opens)


def _gaps() -> dict[str, pl.Expr]:
    up, down = _above("open", "prior_high"), _below("open", "prior_low")
    gaps = {
        "is_gap_up": up,
        "is_gap_down": down,
        "is_partial_gap_up": _above("open", "prior_close") & ~up,
        "is_partial_gap_down": _below("open", "prior_close") & ~down,
    }
    return {name: pl.when("opens_are_reliable").then(gap) for name, gap in gaps.items()}


def _days() -> dict[str, pl.Expr]:
    outside = _above("high", "prior_high") & _below("low", "prior_low")
    is_first = pl.col("session_no").shift(1).over(GROUP).is_null()
    return {
        "is_outside_day": outside,
        # not FALSE where nobody knows whether it was an outside day
        "is_negative_outside_day": pl.when(outside.is_not_null()).then(outside & _below("close", "prior_close")),
        "is_positive_outside_day": pl.when(outside.is_not_null()).then(outside & _above("close", "prior_close")),
        "is_inside_day": _below("high", "prior_high") & _above("low", "prior_low"),
        "is_ex_dividend": pl.when(~is_first).then(pl.col("dividend") > 0),
    }


def _gap_size() -> pl.Expr:
    edge = pl.when("is_gap_up").then("prior_high").when("is_gap_down").then("prior_low")
    return divided(pl.col("open"), edge) - 1


def _gap_filled_on(bars: pl.DataFrame) -> pl.Series:
    """First session, from the gap's own on, whose range reaches the edge of the gap.

    Symbol by symbol: the search's table of one fits a processor's cache.
    """
    border = starts(bars[GROUP].to_numpy().astype(np.int64))
    filled = np.full(bars.height, -1)
    for is_gap, edge, side, sign in (
        ("is_gap_up", "prior_high", "low", -1.0),
        ("is_gap_down", "prior_low", "high", 1.0),
    ):
        gaps = bars[is_gap].fill_null(False).to_numpy()
        reach, wanted = sign * bars[side].to_numpy(), sign * bars[edge].to_numpy()
        wanted -= TOLERANCE * np.abs(wanted)
        for start, end in pairwise(border):
            rows = np.flatnonzero(gaps[start:end])
            found = first_at_least(reach[start:end], wanted[start + rows], rows)
            filled[start + rows] = np.where(found < 0, -1, start + found)
    dates = bars["session_date"].gather(np.maximum(filled, 0))
    return pl.select(pl.when(pl.Series(filled >= 0)).then(dates)).to_series()
