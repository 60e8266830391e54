"""Whether two tables of the same definitions agree, column by column: asked before any time is taken."""

from dataclasses import dataclass

import polars as pl

from pipeline.transforms.windows import MAX_MISSING_SESSIONS

TOLERANCE = 1e-9  # absolute below 1, relative above


@dataclass(frozen=True)
class Agreement:
    """How a peer's column compares: rows that differ, those of them that only one side has, the largest difference."""

    column: str
    rows: int
    differing: int
    one_sided: int
    largest: float

    @property
    def agrees(self) -> bool:
        """No row differs."""
        return self.differing == 0


def agreements(ours: pl.DataFrame, theirs: pl.DataFrame, key: list[str]) -> list[Agreement]:
    """Compare each column that both have, on the rows of both sorted by key.

    Raises:
        ValueError: the rows themselves are others; then nothing else can be compared.
    """
    ours, theirs = (table.sort(key, nulls_last=True) for table in (ours, theirs))
    dates = [name for name, dtype in ours.schema.items() if dtype == pl.Date and name in theirs.columns]
    theirs = theirs.with_columns(pl.col(dates).cast(pl.Date))
    keys, other_keys = ours.select(key), theirs.select(pl.col(name).cast(ours.schema[name]) for name in key)
    if not keys.equals(other_keys):
        sides = ((other_keys, keys), (keys, other_keys))
        extra, lacking = (a.join(b, on=key, how="anti", nulls_equal=True) for a, b in sides)
        raise ValueError(f"rows differ: {extra.height} too many, {lacking.height} too few of {keys.height}")
    shared = [name for name in ours.columns if name in theirs.columns and name not in key]
    return [_agreement(name, ours[name], theirs[name]) for name in shared]


def _agreement(column: str, ours: pl.Series, theirs: pl.Series) -> Agreement:
    both = pl.DataFrame({"a": ours, "b": theirs})
    a, b = pl.col("a"), pl.col("b")
    gap = pl.lit(0.0)
    if ours.dtype.is_numeric():
        a, b = a.cast(pl.Float64).fill_nan(None), b.cast(pl.Float64).fill_nan(None)
        gap = ((a - b).abs() / pl.max_horizontal(1.0, a.abs())).fill_null(0.0)
        differs = gap > TOLERANCE
    else:
        differs = (a != b.cast(ours.dtype)).fill_null(False)
    one_sided = a.is_null() != b.is_null()
    figures = both.select(differing=(differs | one_sided).sum(), one_sided=one_sided.sum(), largest=gap.max()).row(0)
    return Agreement(column, both.height, figures[0], figures[1], figures[2] or 0.0)


def unbroken(prices: pl.DataFrame) -> pl.Series:
    """Symbols none of whose bars follows the one before after more than ten missing sessions."""
    gap = pl.col("session_no").diff().over("symbol").max() - 1
    return (
        prices.group_by("symbol", maintain_order=True)
        .agg(gap=gap.max())
        .filter(pl.col("gap").fill_null(0) <= MAX_MISSING_SESSIONS)["symbol"]
    )
