"""Marts: one asset a SQL model, run over the Parquet of the tables it reads."""

import contextlib
import functools
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg
import duckdb
import polars as pl

from pipeline.catalogue import MEMORY_LIMIT
from pipeline.config import Config
from pipeline.defs import checks
from pipeline.defs.charts import Chart, charts
from pipeline.defs.schemas import identity, lineage_metadata, model_metadata
from pipeline.defs.warehouse import preview
from pipeline.errors import RotationError
from pipeline.model_types import model_types
from pipeline.settings import Settings
from pipeline.sql_models import Model, Violation, run, violations
from pipeline.storage import as_relation
from pipeline.tables import CONTRACTS
from pipeline.warehouse import Warehouse
from pipeline.writing import column_text

SQL_TESTS = "sql_tests"
NAMED = 10  # rows that a broken test names at most
_NUMBERS = itertools.count(1)


def mart_assets(settings: Settings, config: Config, models: Mapping[str, Model]) -> list[dg.AssetsDefinition]:
    """One asset per SQL model."""
    types, drawn = model_types(models.values(), CONTRACTS), charts(settings, config)
    columns = {
        **{name: contract.column_names() for name, contract in CONTRACTS.items()},
        **{f"marts.{name}": list(found) for name, found in types.items()},
    }
    return [
        _mart(settings, model, types[model.name], columns, drawn.get(f"marts.{model.name}"))
        for model in models.values()
    ]


def _mart(
    settings: Settings,
    model: Model,
    types: Mapping[str, str],
    columns: Mapping[str, Sequence[str]],
    chart: Chart | None,
) -> dg.AssetsDefinition:
    name = f"marts.{model.name}"

    @dg.asset(
        **identity(settings, name, model.inputs),
        kinds={"sql", "duckdb", "parquet"},
        description=model.description,
        metadata=model_metadata(model, types),
        check_specs=[checks.spec(settings, name, SQL_TESTS, "The warn: lines of the model's header hold.")],
    )
    def _asset(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        started = time.perf_counter()
        with connected(warehouse, model.inputs) as con:
            frame = run(model, con)
            broken = violations(model, con, frame)
            _refuse(model, broken)
            odd = _named(model, broken, con, frame)
        texts = {column.name: column_text(column.description, column.unit) for column in model.columns}
        stats, tail = warehouse.write(
            name,
            frame,
            seconds=(0.0, time.perf_counter() - started),
            description={"description": model.description, "columns": json.dumps(texts)},
        )
        warehouse.note("warnings", name, {one.test.expression: one.rows for one in broken})
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": stats.rows,
                "bytes": stats.bytes,
                "seconds": round(stats.transform_seconds + stats.write_seconds, 3),
                "preview": preview(tail),
                **lineage_metadata(settings, model, columns),
                **(chart.metadata(frame.lazy()) if chart else {}),
            },
            check_results=[checks.result(settings, name, SQL_TESTS, checks.Finding(odd))],
        )

    return _asset


def _named(
    model: Model, broken: Iterable[Violation], con: duckdb.DuckDBPyConnection, frame: pl.DataFrame
) -> pl.DataFrame:
    """Say of each broken test how many rows break it and, where it is about single rows, which come first."""
    grain = ", ".join(f'"{column}"' for column in model.grain)
    lines = []
    con.register("result", frame)
    for one in broken:
        which = ""
        if one.test.columns is None:
            rows = con.execute(f"select {grain} from result where not ({one.test.expression}) limit {NAMED}").fetchall()
            which = ": " + ", ".join(" ".join(map(str, row)) for row in rows)
        lines.append((one.test.expression, f"rows: {one.rows}{which}"))
    return pl.DataFrame(lines, schema={"test": pl.String, "found": pl.String}, orient="row")


@contextlib.contextmanager
def connected(
    warehouse: Warehouse, inputs: Iterable[str], *, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty in-memory database that holds the tables given, and nothing else, as views over Parquet."""
    database = f"inputs_{next(_NUMBERS)}"
    with _instance(threads).cursor() as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach ':memory:' as {database}")
        con.execute(f"use {database}")
        try:
            for name in inputs:
                con.execute(f"create schema if not exists {name.split('.')[0]}")
                con.execute(f"create view {name} as select * from {as_relation(con, name, warehouse.files(name))}")
            yield con
        finally:
            con.execute("use memory")
            con.execute(f"detach {database}")


@functools.cache
def _instance(threads: int | None) -> duckdb.DuckDBPyConnection:
    """One DuckDB for the whole build: to start one takes 30 ms, to attach one more database to it takes 1 ms."""
    con = duckdb.connect(config={"threads": threads} if threads else {})
    con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    return con


def _refuse(model: Model, broken: list[Violation]) -> None:
    failed = next((one for one in broken if one.test.severity == "fail"), None)
    if failed is not None:
        raise RotationError(
            f"marts.{model.name} breaks its test '{failed.test.expression}' on {failed.rows} rows; nothing is published"
        )
