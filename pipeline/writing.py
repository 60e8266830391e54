"""Check a table or one shard of it against its contract, round it, and write it as Parquet."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import dataframely as dy
import polars as pl

from pipeline.contracts.columns import Table, rounded, validated
from pipeline.errors import RotationError
from pipeline.storage import size, write_parquet
from pipeline.tables import CONTRACTS

SYNTHETIC = "SYNTHETIC DATA. "  # what stands before every description of made-up data
UNITLESS = ("text", "date", "flag", "UTC instant")
TAIL_ROWS = 5


@dataclass(frozen=True)
class TableStats:
    """What one table cost: seconds of reading, transforming and writing (added up over shards), rows, bytes, files."""

    name: str
    rows: int
    bytes: int
    read_seconds: float
    transform_seconds: float
    write_seconds: float
    files: int = 1


class Written(NamedTuple):
    """What became of one shard of a table: its figures and its last rows."""

    stats: TableStats
    tail: pl.DataFrame


def merged(parts: Sequence[Written]) -> Written:
    """The figures of all shards together, and the last rows of the last one that has any."""
    added = {
        field: sum(getattr(part.stats, field) for part in parts)
        for field in ("rows", "bytes", "read_seconds", "transform_seconds", "write_seconds", "files")
    }
    tail = next((part.tail for part in reversed(parts) if part.tail.height), parts[-1].tail)
    return Written(replace(parts[0].stats, **added), tail)


def write(
    address: str,
    name: str,
    frame: pl.DataFrame,
    *,
    is_synthetic: bool,
    seconds: tuple[float, float] = (0.0, 0.0),
    description: Mapping[str, str] | None = None,
) -> Written:
    """Check a table or a shard of it against its contract, round it, and write it.

    Args:
        name: layer and table. Tables without a contract (marts) come checked and described.
        seconds: what reading and computing took.
        description: texts for the Parquet file's metadata.

    Raises:
        RotationError: the frame breaks its contract: a fault of this program, nothing is published.
    """
    started = time.perf_counter()
    contract = CONTRACTS.get(name)
    if contract is not None:
        frame = checked(name, frame, contract)
        description = {"description": described(contract), "columns": json.dumps(column_texts(contract))}
    if is_synthetic and description is not None:
        description = {**description, "description": SYNTHETIC + description["description"]}
    write_parquet(address, frame, compression_level=1, metadata=description)
    stats = TableStats(
        name=name,
        rows=frame.height,
        bytes=size(address),
        read_seconds=round(seconds[0], 3),
        transform_seconds=round(seconds[1], 3),
        write_seconds=round(time.perf_counter() - started, 3),
    )
    return Written(stats, _copied(frame.tail(TAIL_ROWS)))


def _copied(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a copy of a few rows: a slice would keep all of its frame in memory."""
    return pl.DataFrame(rows.rows(), schema=rows.schema, orient="row")


def checked(name: str, frame: pl.DataFrame, contract: type[Table]) -> pl.DataFrame:
    """Select, cast, round and validate against the contract."""
    columns = contract.columns()
    try:
        frame = frame.select(pl.col(column).cast(columns[column].dtype) for column in columns)
        return validated(rounded(frame, contract), contract)
    except (dy.exc.ValidationError, pl.exceptions.PolarsError) as error:
        reason = " ".join(str(error).split())
        raise RotationError(f"{name} breaks its contract, so nothing is published: {reason[:300]}") from error


def described(contract: type[dy.Schema]) -> str:
    """A table's description: its contract's docstring, in one line."""
    return " ".join((contract.__doc__ or "").split())


def column_texts(contract: type[dy.Schema]) -> dict[str, str]:
    """Description and unit of every column, as the dictionary gives them."""
    return {
        name: column_text(column.description or "", (column.metadata or {}).get("unit"))
        for name, column in contract.columns().items()
    }


def column_text(description: str, unit: str | None) -> str:
    """A column's comment: what it is and, for a figure, its unit."""
    return description if unit in (None, *UNITLESS) else f"{description} [{unit}]"
