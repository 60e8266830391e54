"""Breadth: how many members of a list of funds take part. Definitions, section 7."""

from collections.abc import Iterable

import polars as pl

from pipeline.config import Universe
from pipeline.transforms.windows import (
    GROUP,
    RETURN_TOLERANCE,
    at_least,
    change,
    divided,
    guarded,
    levels,
    moving_average,
    pair_levels,
)

KEY = ["universe", "session_date"]
MEMBER_CLOSES = 200
YEAR = 252
CHANGE_SESSIONS = 20


def breadth(prices: pl.DataFrame, universes: Iterable[Universe], equal_weight: str, large: str) -> pl.DataFrame:
    """Compute derived.breadth from core.prices.

    The universes are lists of today's funds, so those that closed are missing from every earlier session.

    Args:
        prices: core.prices, sorted by key.
        universes: named lists of symbols; a symbol may be in several.
        equal_weight, large: the funds of the ratio that shows broadening, RSP and SPY.
    """
    listed = _listed(universes)
    ratio = _ratio_changes(prices, equal_weight, large)
    above_50 = pl.col("pct_above_sma50")
    return (
        listed.join(_members(prices.filter(pl.col("symbol").is_in([*listed["symbol"]]))), on="symbol")
        .group_by(*KEY, "universe_version", "session_no")
        .agg(_shares())
        .sort(KEY)
        .join(ratio, on="session_date", how="left", maintain_order="left")
        .with_columns(earlier=guarded(above_50.shift(CHANGE_SESSIONS), CHANGE_SESSIONS).over("universe"))
        .with_columns(is_broadening=_is_broadening())
        .drop("session_no", "earlier")
    )


def _listed(universes: Iterable[Universe]) -> pl.DataFrame:
    return pl.DataFrame(
        [(one.universe, one.version, symbol) for one in universes for symbol in one.symbols],
        schema={"universe": pl.String, "universe_version": pl.Date, "symbol": pl.String},
        orient="row",
    )


def _members(prices: pl.DataFrame) -> pl.DataFrame:
    """One row per symbol and session with a full, unbroken window of 200 closes, and what the symbol did.

    That window holds the 50 closes and the daily return, so that only `at_high_252` can be NULL.
    """
    close = pl.col("level")
    return (
        levels(prices)
        .filter(pl.col("basis") == "price")
        .with_columns(
            sma_50=moving_average(close, 50).over(GROUP),
            sma_200=moving_average(close, MEMBER_CLOSES).over(GROUP),
            at_high_252=guarded(at_least(close, close.rolling_max(YEAR)), YEAR - 1).over(GROUP),
            ret=change(close, 1).over(GROUP),
        )
        .filter(pl.col("sma_200").is_not_null())
        .select(
            "symbol",
            "session_date",
            "session_no",
            "at_high_252",
            above_50=at_least(close, pl.col("sma_50")),
            above_200=at_least(close, pl.col("sma_200")),
            advances=pl.col("ret") > RETURN_TOLERANCE,
            declines=pl.col("ret") < -RETURN_TOLERANCE,
        )
    )


def _shares() -> list[pl.Expr]:
    """Counts, and percentages as one division of two whole numbers, so that equal shares are equal numbers."""

    def total(flag: str) -> pl.Expr:
        return pl.col(flag).sum().cast(pl.Int64)

    with_year = pl.col("at_high_252").count()
    return [
        pl.len().cast(pl.Int64).alias("members"),
        (100 * total("above_50") / pl.len()).alias("pct_above_sma50"),
        (100 * total("above_200") / pl.len()).alias("pct_above_sma200"),
        divided(100 * total("at_high_252"), with_year).alias("pct_at_high_252"),
        total("advances").alias("advancers"),
        total("declines").alias("decliners"),
    ]


def _ratio_changes(prices: pl.DataFrame, equal_weight: str, large: str) -> pl.DataFrame:
    """Change of the price ratio over 20 common sessions, per common session."""
    ratio = pl.col("level") / pl.col("benchmark_level")
    legs = prices.filter(pl.col("symbol").is_in([equal_weight, large]))
    return (
        pair_levels(legs, [(equal_weight, large)])
        .filter(pl.col("basis") == "price")
        .select("session_date", rsp_spy_change_20d=change(ratio, CHANGE_SESSIONS).over(GROUP))
    )


def _is_broadening() -> pl.Expr:
    ratio, earlier = pl.col("rsp_spy_change_20d"), pl.col("earlier")
    broadens = (ratio > RETURN_TOLERANCE) & (pl.col("pct_above_sma50") > earlier)
    return pl.when(ratio.is_not_null() & earlier.is_not_null()).then(broadens)  # "no" and unknown is unknown
