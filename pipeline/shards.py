"""Work on one shard of symbols at a time, so that memory follows the shard and not the market. No Dagster.

A shard is a range of symbols in alphabetical order. core.prices has one file a shard, and so has every table that is
computed from it symbol by symbol. What stands here is sent to Ray workers as it is.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from pipeline.config import Instrument
from pipeline.storage import scan_parquet
from pipeline.tables import CONTRACTS, RAW
from pipeline.transforms.prices import prices
from pipeline.transforms.rejects import split_by_contract
from pipeline.writing import Written, write

Range = tuple[str, str]  # first and last symbol of a shard


# --- how a table is computed -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PerSymbol:
    """A table computed symbol by symbol: of each shard of core.prices by itself.

    `compute` takes the shard and core.prices of the benchmarks (None: the shard is everything).
    """

    compute: Callable[[pl.DataFrame, pl.DataFrame | None], pl.DataFrame]

    def __call__(self, prices: pl.DataFrame) -> pl.DataFrame:
        """Compute the table of everything at once."""
        return self.compute(prices, None)


@dataclass(frozen=True)
class CrossSection:
    """A table across symbols: `narrow` takes from each shard the little that `reduce` needs of all.

    `reduce` takes what came of the shards, one below the other, and core.prices of the benchmarks.
    """

    narrow: Callable[[pl.DataFrame], pl.DataFrame]
    reduce: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]

    def __call__(self, prices: pl.DataFrame) -> pl.DataFrame:
        """Compute the table of everything at once."""
        return self.reduce(self.narrow(prices), prices)


@dataclass(frozen=True)
class OfSymbols:
    """A table of chosen symbols: nothing else of core.prices, its first input, is read."""

    compute: Callable[..., pl.DataFrame]
    symbols: tuple[str, ...]

    def __call__(self, *inputs: pl.DataFrame) -> pl.DataFrame:
        """Compute the table."""
        return self.compute(*inputs)


@dataclass(frozen=True)
class OfCaptures:
    """A table made from raw.price_captures, its first input, symbol by symbol: `narrow` takes the captures of a shard.

    `reduce` takes what came of the shards, one below the other, and the other inputs.
    """

    narrow: Callable[[pl.DataFrame], pl.DataFrame]
    reduce: Callable[..., pl.DataFrame]

    def __call__(self, captures: pl.DataFrame, *others: pl.DataFrame) -> pl.DataFrame:
        """Compute the table of everything at once."""
        return self.reduce(self.narrow(captures), *others)


def ranges(bars: pl.DataFrame, most: int) -> list[Range]:
    """Cut symbols into ranges of about equally many bars.

    Args:
        bars: symbol and number of bars (`len`), one row a symbol.
        most: bars that a shard should have at most; a symbol is never cut.

    Returns:
        First and last symbol of each shard, at least one shard.
    """
    if bars.is_empty():
        return [("", "")]
    count = -(-int(bars["len"].sum()) // most)
    middle = pl.col("len").cum_sum() - pl.col("len") / 2
    cut = bars.sort("symbol").with_columns(shard=(middle * count / pl.col("len").sum()).floor())
    found = cut.group_by("shard", maintain_order=True).agg(first=pl.col("symbol").first(), last=pl.col("symbol").last())
    return found.select("first", "last").rows()


# --- work on one shard -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TableWork:
    """Compute one shard of a table from one of core.prices, and write it."""

    name: str
    compute: Callable[[pl.DataFrame, pl.DataFrame | None], pl.DataFrame]
    is_synthetic: bool

    def __call__(self, files: tuple[str, str], benchmarks: pl.DataFrame | None) -> Written:
        """Work on the shard of core.prices in the first file, and write to the second."""
        source, target = files
        started = time.perf_counter()
        shard = scan_parquet([source]).collect()
        read = time.perf_counter()
        frame = self.compute(shard, benchmarks)
        seconds = (read - started, time.perf_counter() - read)
        return write(target, self.name, frame, is_synthetic=self.is_synthetic, seconds=seconds)


@dataclass(frozen=True)
class NarrowWork:
    """Take from one shard of core.prices what a table across symbols needs."""

    narrow: Callable[[pl.DataFrame], pl.DataFrame]

    def __call__(self, file: str, _: Any) -> pl.DataFrame:
        """Work on the shard in the file."""
        return self.narrow(scan_parquet([file]).collect())


class PriceShard(NamedTuple):
    """One shard of core.prices as it was written, and the rows of core.rejects that came of it."""

    written: Written
    left_out: pl.DataFrame  # copies that core does not use
    broken: pl.DataFrame  # rows that break the contract


@dataclass(frozen=True)
class PriceWork:
    """Compute one shard of core.prices from its captures, and write it."""

    captures: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    is_synthetic: bool

    def __call__(self, item: tuple[Range, str], sessions: pl.DataFrame) -> PriceShard:
        """Work on the symbols of a range, and write to a file."""
        symbols, target = item
        started = time.perf_counter()
        captures = captures_of(self.captures, symbols)
        read = time.perf_counter()
        found = prices(captures, sessions, self.instruments)
        good, broken = split_by_contract("core.prices", found.prices, CONTRACTS["core.prices"])
        seconds = (read - started, time.perf_counter() - read)
        written = write(target, "core.prices", good, is_synthetic=self.is_synthetic, seconds=seconds)
        return PriceShard(written, found.rejects, broken)


@dataclass(frozen=True)
class CaptureWork:
    """Compute something from the price captures of one shard."""

    captures: tuple[str, ...]
    compute: Callable[[pl.DataFrame], pl.DataFrame]

    def __call__(self, symbols: Range, _: Any) -> pl.DataFrame:
        """Work on the symbols of a range."""
        return self.compute(captures_of(self.captures, symbols))


def captures_of(files: Iterable[str], symbols: Range) -> pl.DataFrame:
    """All price captures of a range of symbols, in the order in which they were received."""
    first, last = map(pl.lit, symbols)
    return scan_captures("price_captures", files).filter(pl.col("symbol").is_between(first, last)).collect()


def scan_captures(table: str, files: Iterable[str]) -> pl.LazyFrame:
    """Everything ever captured into one raw table, in its contract's columns; older files may lack some."""
    contract = RAW[table]
    frames = [contract.create_empty().lazy(), *(scan_parquet([file]) for file in files)]
    return pl.concat(frames, how="diagonal").select(contract.column_names())
