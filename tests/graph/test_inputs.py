"""The database in which a model runs: the tables that it names, and nothing of what else is open."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import polars as pl
import pytest

from pipeline.defs.marts import connected


@pytest.fixture
def warehouse(tmp_path: Path) -> Any:
    for name in ("core.sessions", "core.series"):
        pl.DataFrame({"table": [name]}).write_parquet(tmp_path / f"{name}.parquet")
    return SimpleNamespace(files=lambda name: [str(tmp_path / f"{name}.parquet")])


def test_a_model_sees_its_own_inputs_only(warehouse: Any) -> None:
    with connected(warehouse, ["core.sessions"]) as one, connected(warehouse, ["core.series"]) as other:
        assert one.execute("from core.sessions").fetchall() == [("core.sessions",)]
        assert other.execute("from core.series").fetchall() == [("core.series",)]
        with pytest.raises(duckdb.CatalogException):
            other.execute("from core.sessions")
        assert one.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_nothing_stays_behind_not_even_of_a_model_that_failed(warehouse: Any) -> None:
    with pytest.raises(duckdb.BinderException), connected(warehouse, ["core.sessions"]) as con:
        con.execute("select nothing")
    with connected(warehouse, []) as con:
        databases = con.execute("select count(*) from duckdb_databases() where not internal").fetchall()
        assert databases == [(2,)]  # its own, and the one that every DuckDB has


def test_threads_are_those_asked_for(warehouse: Any) -> None:
    with connected(warehouse, [], threads=1) as one, connected(warehouse, []) as any_number:
        threads = [con.execute("select current_setting('threads')").fetchall()[0][0] for con in (one, any_number)]
        assert threads[0] == 1
        assert threads[1] == duckdb.execute("select current_setting('threads')").fetchall()[0][0]
