"""Phases: the six orderings of close, SMA50 and SMA200. Definitions, section 3; after C. Dukas 2007."""

import polars as pl

from pipeline.transforms.windows import GROUP, at_least, in_a_row, moving_average

PHASES = ("bullish", "warning", "distribution", "bearish", "recovery", "accumulation")
NO_PHASE = -1


def phases(prices: pl.DataFrame) -> pl.DataFrame:
    """Compute the phases of every symbol of core.prices, for tables that need nothing else of derived.trend.

    Returns:
        symbol, session_date, phase_raw, phase, days_in_phase, is_phase_confirmed; in the order of `prices`.
    """
    close = pl.col("close")
    bars = prices.select("symbol", "session_date", "session_no", "close", pl.col("symbol").rle_id().alias(GROUP))
    averages = {f"sma_{n}": moving_average(close, n).over(GROUP) for n in (50, 200)}
    return with_phases(bars.with_columns(**averages)).drop("session_no", "close", GROUP, *averages)


def with_phases(bars: pl.DataFrame) -> pl.DataFrame:
    """Add phase_raw, phase, days_in_phase and is_phase_confirmed.

    Args:
        bars: group, close, sma_50 and sma_200 of one symbol after the other, sorted by session.
    """
    phase = pl.col("phase")
    return (
        # numbers instead of names until the end: several times faster to carry forward
        bars.with_columns(phase_raw=_ordering())
        .with_columns(phase=_settled(pl.col("phase_raw")).over(GROUP))
        .with_columns(pl.when(pl.col(name) != NO_PHASE).then(pl.col(name)) for name in ("phase_raw", "phase"))
        .with_columns(
            days_in_phase=pl.when(phase.is_not_null()).then(in_a_row(phase == phase.shift(1)).over(GROUP) + 1),
            is_phase_confirmed=pl.col("phase_raw") == phase,
        )
        .with_columns(
            pl.col(name).replace_strict(range(len(PHASES)), PHASES, return_dtype=pl.String)
            for name in ("phase_raw", "phase")
        )
    )


def _ordering() -> pl.Expr:
    """Number of the ordering in PHASES, NO_PHASE without both averages; a tie counts as above.

    The order of the questions settles ties that do not carry over: close equal to SMA50 and SMA50 to SMA200, but the
    close a hair more than the tolerance below SMA200, is bullish.
    """
    close, sma_50, sma_200 = pl.col("close"), pl.col("sma_50"), pl.col("sma_200")
    above_50, above_200, is_rising = at_least(close, sma_50), at_least(close, sma_200), at_least(sma_50, sma_200)
    number = {name: i for i, name in enumerate(PHASES)}
    return (
        pl.when(sma_50.is_null() | sma_200.is_null())
        .then(NO_PHASE)
        .when(above_50 & is_rising)
        .then(number["bullish"])
        .when(above_50 & above_200)
        .then(number["accumulation"])
        .when(above_50)
        .then(number["recovery"])
        .when(above_200)
        .then(number["warning"])
        .when(is_rising)
        .then(number["distribution"])
        .otherwise(number["bearish"])
        .cast(pl.Int8)
    )


def _settled(raw: pl.Expr) -> pl.Expr:
    """The raw phase that two closes in a row had, carried on until another has; without averages it ends at once."""
    return pl.when((raw == raw.shift(1)) | (raw == NO_PHASE)).then(raw).forward_fill()
