"""Breadth: how many members of a list of funds take part. Definitions, section 7."""

from collections.abc import Iterable

import polars as pl

from pipeline.config import Universe
from pipeline.transforms.windows import (
    GROUP,
    RETURN_TOLERANCE,
    apart,
    at_least,
    change,
    divided,
    guarded,
    pair_levels,
)

KEY = ["universe", "session_date"]
SESSION = [*KEY, "universe_version", "session_no"]
MEMBER_CLOSES = 200
YEAR = 252
CHANGE_SESSIONS = 20


def breadth(prices: pl.DataFrame, universes: Iterable[Universe], equal_weight: str, large: str) -> pl.DataFrame:
    """Compute derived.breadth from core.prices, whole; `member_counts` and `from_counts` do it shard by shard."""
    return from_counts(member_counts(prices, universes), prices, equal_weight, large)


def member_counts(prices: pl.DataFrame, universes: Iterable[Universe]) -> pl.DataFrame:
    """Count what the members of each universe do on each session.

    Args:
        prices: core.prices, or one shard of its symbols, sorted by key.
        universes: named lists of symbols; a symbol may be in several.

    Returns:
        universe, universe_version, session_date, session_no, and the counts: members, above_50, above_200, at_high,
        with_year (members whose 252 sessions are full), advancers, decliners.
    """
    listed = _listed(universes)
    members = _members(prices.filter(pl.col("symbol").is_in([*listed["symbol"]])))
    return listed.join(members, on="symbol").group_by(SESSION).agg(_counts()).sort(KEY)


def from_counts(counts: pl.DataFrame, prices: pl.DataFrame, equal_weight: str, large: str) -> pl.DataFrame:
    """Compute derived.breadth from `member_counts` of all shards, one below the other.

    The universes are lists of today's funds, so those that closed are missing from every earlier session.

    Args:
        prices: core.prices of at least the two funds of the ratio that shows broadening, sorted by key.
        equal_weight, large: these funds, RSP and SPY.
    """
    ratio = _ratio_changes(prices, equal_weight, large)
    above_50 = pl.col("pct_above_sma50")
    return (
        counts.group_by(SESSION)
        .agg(pl.all().sum())
        .sort(KEY)
        .select(*SESSION, *_shares())
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
    close = pl.col("close")
    bars = prices.select("symbol", "session_date", "session_no", "close", pl.col("symbol").rle_id().alias(GROUP))
    return (
        bars.with_columns(
            apart(bars)
            .select(
                sma_50=guarded(close.rolling_mean(50).over(GROUP), 49),
                sma_200=guarded(close.rolling_mean(MEMBER_CLOSES).over(GROUP), MEMBER_CLOSES - 1),
                at_high_252=guarded(at_least(close, close.rolling_max(YEAR)), YEAR - 1),
                ret=change(close, 1),
            )
            .get_columns()
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


def _counts() -> list[pl.Expr]:
    def total(flag: str) -> pl.Expr:
        return pl.col(flag).sum().cast(pl.Int64)

    return [
        pl.len().cast(pl.Int64).alias("members"),
        total("above_50"),
        total("above_200"),
        total("at_high_252").alias("at_high"),
        pl.col("at_high_252").count().cast(pl.Int64).alias("with_year"),
        total("advances").alias("advancers"),
        total("declines").alias("decliners"),
    ]


def _shares() -> list[pl.Expr]:
    """Counts, and percentages as one division of two whole numbers, so that equal shares are equal numbers."""
    members = pl.col("members")
    return [
        members,
        (100 * pl.col("above_50") / members).alias("pct_above_sma50"),
        (100 * pl.col("above_200") / members).alias("pct_above_sma200"),
        divided(100 * pl.col("at_high"), pl.col("with_year")).alias("pct_at_high_252"),
        pl.col("advancers"),
        pl.col("decliners"),
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
