"""What the technical-analysis libraries work on: the arrays of one symbol, or pair, at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.config import StreakRule
from pipeline.transforms.windows import pair_levels

Found = dict[str, np.ndarray]  # by column: values of all series, one after the other


class Input(NamedTuple):
    """Keys of all rows, and of each series its columns as arrays."""

    keys: pl.DataFrame
    rows: pl.DataFrame
    arrays: list[dict[str, np.ndarray]]


Series = dict[str, Input]  # by family


def prepared(prices: pl.DataFrame, pairs: list[tuple[str, str]], rules: list[StreakRule]) -> Series:
    """Bars of each symbol and joined levels of each pair; the libraries have no join, so it costs them nothing."""
    joined = pair_levels(prices, pairs).with_columns(ratio=pl.col("level") / pl.col("benchmark_level"))
    of_symbols = _input(prices, ["symbol"], ["high", "low", "close"])
    of_pairs = _input(joined, ["symbol", "benchmark"], ["level", "benchmark_level", "ratio"])
    return {"returns": of_symbols, "trend": of_symbols, "relative_strength": of_pairs}


def _input(rows: pl.DataFrame, key: list[str], columns: list[str]) -> Input:
    parts = rows.partition_by(key, maintain_order=True)
    arrays = [{name: part[name].to_numpy() for name in columns} for part in parts]
    return Input(rows.select(*key, "session_date"), rows.select(*key, *columns), arrays)


def computed(
    given: Input, functions: Mapping[tuple[str, ...], Callable], columns: Sequence[str] | None = None
) -> Found:
    """Columns of every series in turn.

    Args:
        functions: by the columns that each gives, from the arrays of one series.
        columns: these alone; None: all.
    """
    chosen = {names: one for names, one in functions.items() if columns is None or set(names) & set(columns)}
    found: dict[str, list] = {name: [] for names in chosen for name in names}
    for arrays in given.arrays:
        for names, function in chosen.items():
            for name, values in zip(names, function(arrays), strict=True):
                found[name].append(values)
    return {name: np.concatenate([np.asarray(part, float) for part in parts]) for name, parts in found.items()}


def frame(data: Series, family: str, found: Found) -> pl.DataFrame:
    """The columns beside their keys."""
    return data[family].keys.with_columns(**found)
