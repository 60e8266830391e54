"""What core does not use, and what a source changed: the two tables that keep a build honest."""

from collections.abc import Iterable

import dataframely as dy
import polars as pl

from pipeline.config import Series
from pipeline.contracts import core
from pipeline.contracts.columns import keeps


def split_by_contract(name: str, frame: pl.DataFrame, contract: type[dy.Schema]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Separate the rows that keep a contract from those that break it; the others come as core.rejects rows."""
    columns = contract.columns()
    typed = frame.select(pl.col(column).cast(columns[column].dtype) for column in columns)
    if keeps(typed, contract):
        return typed, core.Rejects.create_empty()
    good, failure = contract.filter(typed)
    bad = failure.invalid()
    broken = ", ".join(sorted(failure.counts())) or "a rule"
    key = contract.primary_key()
    excerpt = pl.format(" ".join("{}" for _ in key), *(pl.col(column).cast(pl.String) for column in key))
    return good, bad.select(
        layer=pl.lit("core"),
        origin="source",
        line=pl.lit(None, pl.Int64),
        reason=pl.lit(f"breaks the contract of {name}: {broken}"),
        excerpt=excerpt,
        captured_at="captured_at",
    )


def rejects(
    raw_rejects: pl.DataFrame, macro_captures: pl.DataFrame, series: Iterable[Series], *others: pl.DataFrame
) -> pl.DataFrame:
    """Compute core.rejects: what the parser refused, what core left out, and series that are not configured."""
    refused = raw_rejects.select(pl.lit("raw").alias("layer"), "origin", "line", "reason", "excerpt", "captured_at")
    unknown = (
        macro_captures.filter(~pl.col("series_id").is_in([one.series_id for one in series]))
        .group_by("series_id", "origin", maintain_order=True)
        .agg(pl.len(), captured_at=pl.col("captured_at").max())
        .select(
            layer=pl.lit("core"),
            origin="origin",
            line=pl.lit(None, pl.Int64),
            reason=pl.format("series {} is not in macro.yaml: add it with its release rule to use it", "series_id"),
            excerpt=pl.format("{}: {} values", "series_id", "len"),
            captured_at="captured_at",
        )
    )
    return pl.concat([core.Rejects.create_empty(), refused, unknown, *others]).sort("layer", "origin", "line", "reason")


def macro_edits(releases: pl.DataFrame) -> pl.DataFrame:
    """Every macro value that replaced an earlier one, in the shape of core.capture_edits.

    Args:
        releases: core.macro_releases, sorted by key, so that the value before stands in the row before.
    """
    return (
        releases.with_columns(old_value=pl.col("value").shift(1), old_captured_at=pl.col("captured_at").shift(1))
        # two copies of one instant that differ are no edit of each other
        .filter((pl.col("seq") > 1) & (pl.col("captured_at") > pl.col("old_captured_at")))
        .select(
            dataset=pl.lit("macro"),
            id="series_id",
            observed_on="observed_on",
            column_name=pl.lit("value"),
            captured_at="captured_at",
            old_captured_at="old_captured_at",
            old_value="old_value",
            new_value="value",
            kind=pl.lit("revised"),
            origin=pl.col("availability"),
        )
    )
