"""The DuckDB file of a build, loaded while the build goes on: each table as soon as it is written."""

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb

from pipeline.storage import as_relation

STORAGE_VERSION = "v1.4.0"  # files in the storage format of DuckDB 2 do not open in 1.x clients
MEMORY_LIMIT = "1GB"
SCHEMAS = ("core", "derived", "marts", "meta")


class Catalogue:
    """One DuckDB file being written: tables, not views over Parquet.

    Loading a table is compressing it, on one core; much of a build keeps only one busy, so it happens beside.
    """

    def __init__(self, path: Path) -> None:
        """Plan to write a file; whatever is there goes when the first table comes."""
        self.path = path
        self._con: duckdb.DuckDBPyConnection | None = None
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._loads: dict[str, Future[None]] = {}

    def add(self, name: str, files: Sequence[str]) -> None:
        """Begin to load a table such as core.prices from its Parquet files, which must stay as they are."""
        self._con = self._con or _created(self.path)
        self._loads[name] = self._pool.submit(_load, self._con.cursor(), name, files)

    def finished(self, tables: Mapping[str, Sequence[str]]) -> duckdb.DuckDBPyConnection:
        """Wait until all these tables are loaded, also those that were not added before; return the connection."""
        for name, files in tables.items():
            if name not in self._loads:
                self.add(name, files)
        for load in self._loads.values():
            load.result()
        assert self._con is not None  # there is no build without tables
        return self._con

    def close(self) -> None:
        """Close the file, whether it was finished or not."""
        self._pool.shutdown(cancel_futures=True)
        if self._con is not None:
            self._con.close()
            shutil.rmtree(_spill(self.path), ignore_errors=True)


def _created(path: Path) -> duckdb.DuckDBPyConnection:
    """Open an empty file that has the schemas, as the database in use."""
    path.unlink(missing_ok=True)
    con = duckdb.connect()
    con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    con.execute("set threads = 1")  # a table then costs a sixth less and comes out a twentieth smaller
    con.execute(f"set temp_directory = {quoted(str(_spill(path)))}")
    con.execute(f"attach {quoted(str(path))} as rotation (storage_version {quoted(STORAGE_VERSION)})")
    con.execute("use rotation")
    for schema in SCHEMAS:
        con.execute(f"create schema {schema}")
    return con


def _spill(path: Path) -> Path:
    return path.with_name("spill")


def _load(con: duckdb.DuckDBPyConnection, name: str, files: Sequence[str]) -> None:
    con.execute("use rotation")
    con.execute(f"create or replace table {name} as select * from {as_relation(con, name, files)}")


def quoted(text: str) -> str:
    """Return an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
