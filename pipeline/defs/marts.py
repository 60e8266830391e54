"""Marts: one asset a SQL model, run over the Parquet of the tables it reads."""

import json
import time
from collections.abc import Iterable, Mapping

import dagster as dg
import duckdb

from pipeline.defs.warehouse import key, preview
from pipeline.errors import RotationError
from pipeline.publish import MEMORY_LIMIT, read_parquet
from pipeline.settings import Settings
from pipeline.sql_models import Model, Violation, run, violations
from pipeline.warehouse import Warehouse, column_text


def mart_assets(settings: Settings, models: Mapping[str, Model]) -> list[dg.AssetsDefinition]:
    """One asset per SQL model."""
    return [_mart(settings, model) for model in models.values()]


def _mart(settings: Settings, model: Model) -> dg.AssetsDefinition:
    name = f"marts.{model.name}"
    asset_key = key(settings, name)

    @dg.asset(
        key=asset_key,
        deps=[key(settings, one) for one in model.inputs],
        group_name="marts",
        kinds={"sql", "duckdb", "parquet"},
        description=model.description,
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(name=column.name, description=column.description) for column in model.columns]
            )
        },
        check_specs=[
            dg.AssetCheckSpec("sql_tests", asset=asset_key, description="The warn: lines of the model's header hold.")
        ],
    )
    def _asset(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        started = time.perf_counter()
        with connected(warehouse, model.inputs) as con:
            frame = run(model, con)
            broken = violations(model, con, frame)
        seconds = time.perf_counter() - started
        _refuse(model, broken)
        texts = {column.name: column_text(column.description, column.unit) for column in model.columns}
        stats = warehouse.write(
            name,
            frame,
            transform_seconds=seconds,
            description={"description": model.description, "columns": json.dumps(texts)},
        )
        warnings = {one.test.expression: one.rows for one in broken}
        warehouse.note("warnings", name, warnings)
        return dg.MaterializeResult(
            metadata={"dagster/row_count": stats.rows, "bytes": stats.bytes, "preview": preview(frame)},
            check_results=[
                dg.AssetCheckResult(
                    check_name="sql_tests",
                    asset_key=asset_key,
                    passed=not warnings,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata=dict(warnings),
                )
            ],
        )

    return _asset


def connected(warehouse: Warehouse, inputs: Iterable[str]) -> duckdb.DuckDBPyConnection:
    """Open an empty in-memory database that holds the tables given, and nothing else, as views over Parquet."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    for name in inputs:
        con.execute(f"create schema if not exists {name.split('.')[0]}")
        con.execute(f"create view {name} as select * from {read_parquet(warehouse.path(name))}")
    return con


def _refuse(model: Model, broken: list[Violation]) -> None:
    failed = next((one for one in broken if one.test.severity == "fail"), None)
    if failed is not None:
        raise RotationError(
            f"marts.{model.name} breaks its test '{failed.test.expression}' on {failed.rows} rows; nothing is published"
        )
