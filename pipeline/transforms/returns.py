"""Returns and volatility of every symbol. Definitions, section 1."""

import polars as pl

from pipeline.contracts.derived.strength import RETURN_WINDOWS
from pipeline.transforms.windows import GROUP, MAX_MISSING_SESSIONS, apart, change, guarded, levels

KEY = ["symbol", "basis"]
SESSIONS_A_YEAR = 252


def returns(prices: pl.DataFrame) -> pl.DataFrame:
    """Compute derived.returns from core.prices.

    The year-to-date base is the symbol's last bar of the previous calendar year, so a fund that started this
    year has none.
    """
    return (
        apart(levels(prices))
        .lazy()
        .with_columns(year=pl.col("session_date").dt.year(), is_first=pl.col(GROUP) != pl.col(GROUP).shift(1))
        .with_columns(log_return=guarded(pl.col("level").log().diff(), 1), row=pl.int_range(pl.len()), base=_base())
        .select(
            *KEY,
            "session_date",
            *(change(pl.col("level"), n).alias(f"ret_{n}d") for n in RETURN_WINDOWS),
            ret_ytd=_year_to_date(),
            realized_vol_21d=guarded(_deviation_21d() * SESSIONS_A_YEAR**0.5, 21),
        )
        .collect(engine="in-memory")
    )


def _deviation_21d() -> pl.Expr:
    return pl.col("log_return").rolling_std(21, ddof=1).over(GROUP)


def _base() -> pl.Expr:
    """Row of the last bar of the previous calendar year, carried through this year; -1 where there is none."""
    year, row = pl.col("year"), pl.int_range(pl.len())
    starts_year = year == year.shift(1) + 1
    # a year without bars in between leaves no base, nor does the series before
    changes = pl.when("is_first").then(-1).when(starts_year).then(row - 1).when(year != year.shift(1)).then(-1)
    return changes.forward_fill().fill_null(-1)


def _year_to_date() -> pl.Expr:
    base, session, level = pl.col("base"), pl.col("session_no"), pl.col("level")
    missing = (session - session.gather(base)) - (pl.col("row") - base)
    is_whole = (base >= 0) & (missing <= MAX_MISSING_SESSIONS)
    return pl.when(is_whole).then(level / level.gather(base) - 1)
