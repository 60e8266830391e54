"""How other programs read a Parquet file: each function returns the table in the types that its reader gives it.

Nothing here is told what a column should be. What a reader has no type for is listed in `LOST`.
"""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

UTC = pl.Datetime("us", "UTC")
JAVASCRIPT_TYPES = {"string": pl.String, "boolean": pl.Boolean, "number": pl.Float64, "bigint": pl.Int64, "Date": UTC}


def with_pyarrow(path: Path) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(pq.read_table(path)))


def with_polars(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path, glob=False)


def with_duckdb(path: Path) -> pl.DataFrame:
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        return pl.DataFrame(pl.from_arrow(con.read_parquet(str(path)).to_arrow_table()))


def with_pandas(path: Path) -> pl.DataFrame:
    return from_pandas(pd.read_parquet(path))


def with_pandas_arrow_types(path: Path) -> pl.DataFrame:
    return from_pandas(pd.read_parquet(path, dtype_backend="pyarrow"))


def with_fastparquet(path: Path) -> pl.DataFrame:
    import fastparquet  # warns when it is imported

    with path.open("rb") as file:
        return from_pandas(fastparquet.ParquetFile(file).to_pandas())


def from_pandas(frame: pd.DataFrame) -> pl.DataFrame:
    """Return what pandas holds; its missing values (None, NaN, NaT, NA) are NULL."""
    return pl.DataFrame(pl.from_arrow(pa.Table.from_pandas(frame, preserve_index=False)))


def from_javascript(path: Path) -> pl.DataFrame:
    """Return the table that read.mjs wrote."""
    columns = json.loads(path.read_text(encoding="utf-8"))
    return pl.DataFrame([_javascript_column(name, **column) for name, column in columns.items()])


def _javascript_column(name: str, type: str | None, values: list) -> pl.Series:
    if type == "bigint":
        values = [None if value is None else int(value) for value in values]
    if type == "Date":
        values = [None if value is None else dt.datetime.fromisoformat(value) for value in values]
    return pl.Series(name, values, JAVASCRIPT_TYPES[type] if type else pl.Null)


IN_PYTHON: dict[str, Callable[[Path], pl.DataFrame]] = {
    "pyarrow": with_pyarrow,
    "polars": with_polars,
    "duckdb": with_duckdb,
    "pandas": with_pandas,
    "pandas, Arrow types": with_pandas_arrow_types,
    "fastparquet": with_fastparquet,
}
# what a reader shows (left) for want of the published type (right); a column of NULLs alone has no type in these either
LOST: dict[str, set[tuple[pl.DataType | type[pl.DataType], pl.DataType | type[pl.DataType]]]] = {
    "pandas": {(pl.Float64, pl.Int64)},  # NumPy has no integers with NULL
    # no dates without Arrow; and it does not look at the flag that says UTC
    "fastparquet": {(pl.Datetime("ns"), pl.Date), (pl.Datetime("us"), UTC)},
    "hyparquet": {(UTC, pl.Date)},  # JavaScript's Date is an instant
}


def restored(frame: pl.DataFrame, reader: str, schema: pl.Schema) -> pl.DataFrame:
    """Give columns the published type where the reader has none for it; a cast that loses anything raises."""
    if reader not in LOST:
        return frame
    return frame.with_columns(
        _restored(frame[name], schema[name])
        for name, dtype in frame.schema.items()
        if dtype == pl.Null or (dtype, schema[name]) in LOST[reader]
    )


def _restored(column: pl.Series, dtype: pl.DataType) -> pl.Series:
    if dtype == UTC and column.dtype != pl.Null:
        return column.dt.replace_time_zone("UTC")
    cast = column.cast(dtype)
    assert cast.cast(column.dtype).equals(column, null_equal=True), f"{column.name} is not {dtype}"
    return cast
