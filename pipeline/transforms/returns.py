"""Returns and volatility of every symbol. Definitions, section 1."""

import polars as pl

from pipeline.contracts.derived.strength import RETURN_WINDOWS
from pipeline.transforms.windows import GROUP, MAX_MISSING_SESSIONS, change, guarded, levels

KEY = ["symbol", "basis"]
SESSIONS_A_YEAR = 252


def returns(prices: pl.DataFrame) -> pl.DataFrame:
    """Compute derived.returns from core.prices.

    The year-to-date base is the symbol's last bar of the previous calendar year, so a fund that started this
    year has none.
    """
    return (
        levels(prices)
        .with_columns(year=pl.col("session_date").dt.year())
        .with_columns(
            log_return=guarded(pl.col("level").log().diff(), 1).over(GROUP),
            **_last_year(),
        )
        .select(
            *KEY,
            "session_date",
            *(change(pl.col("level"), n).over(GROUP).alias(f"ret_{n}d") for n in RETURN_WINDOWS),
            ret_ytd=_year_to_date(),
            realized_vol_21d=guarded(pl.col("log_return").rolling_std(21, ddof=1) * SESSIONS_A_YEAR**0.5, 21).over(
                GROUP
            ),
        )
    )


def _last_year() -> dict[str, pl.Expr]:
    """Level, session number and row of the last bar of the previous calendar year, carried through this year."""
    starts_year = (pl.col("year") == pl.col("year").shift(1) + 1).fill_null(False)
    breaks_year = pl.col("year") != pl.col("year").shift(1)
    row = pl.int_range(pl.len())

    def carried(x: pl.Expr) -> pl.Expr:
        # a year without bars in between leaves no base: NaN stops the fill there
        return pl.when(starts_year).then(x.shift(1)).when(breaks_year).then(float("nan")).forward_fill().over(GROUP)

    return {
        "base_level": carried(pl.col("level")),
        "base_session": carried(pl.col("session_no").cast(pl.Float64)),
        "row": row.over(GROUP),
        "base_row": carried(row.cast(pl.Float64)),
    }


def _year_to_date() -> pl.Expr:
    missing = (pl.col("session_no") - pl.col("base_session")) - (pl.col("row") - pl.col("base_row"))
    return pl.when(missing <= MAX_MISSING_SESSIONS).then(pl.col("level") / pl.col("base_level") - 1)
