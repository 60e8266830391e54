"""The DuckDB file of a build: tables, not views over Parquet."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from pipeline.storage import as_relation

STORAGE_VERSION = "v1.4.0"  # files in the storage format of DuckDB 2 do not open in 1.x clients
MEMORY_LIMIT = "1GB"
SCHEMAS = ("core", "derived", "marts", "meta")


@contextlib.contextmanager
def new_catalogue(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty file that has the schemas, as the database in use; what was there before goes."""
    path.unlink(missing_ok=True)
    spill = path.with_name("spill")
    with duckdb.connect() as con:
        con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        con.execute("set threads = 1")  # a table then costs a sixth less and comes out a twentieth smaller
        con.execute(f"set temp_directory = {quoted(str(spill))}")
        con.execute(f"attach {quoted(str(path))} as rotation (storage_version {quoted(STORAGE_VERSION)})")
        con.execute("use rotation")
        for schema in SCHEMAS:
            con.execute(f"create schema {schema}")
        yield con
    shutil.rmtree(spill, ignore_errors=True)


def load_tables(con: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[str]]) -> None:
    """Make tables of Parquet files, two at a time in the order given; the largest should come first.

    To load while the rest of a build computes was tried: two cores then have no time left to gain.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda table: _load(con.cursor(), *table), files.items()))


def _load(con: duckdb.DuckDBPyConnection, name: str, files: Sequence[str]) -> None:
    con.execute("use rotation")
    con.execute(f"create table {name} as select * from {as_relation(con, name, files)}")


def quoted(text: str) -> str:
    """Return an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
