"""The types of a SQL model's columns, found by asking DuckDB about empty tables. No Dagster."""

from collections.abc import Iterable, Mapping

import duckdb
import polars as pl

from pipeline.contracts.columns import Table
from pipeline.errors import FileError
from pipeline.sql_models import TYPES, Model

# names of the published types, as DuckDB and meta.columns write them
PUBLISHED: Mapping[type[pl.DataType], str] = {
    pl.Date: "DATE",
    pl.Int64: "BIGINT",
    pl.Float64: "DOUBLE",
    pl.String: "VARCHAR",
    pl.Boolean: "BOOLEAN",
    pl.Datetime: "TIMESTAMP WITH TIME ZONE",
}


def published_type(dtype: pl.DataType) -> str:
    """Name of the type with which a column of this Polars type is published."""
    return PUBLISHED[type(dtype)]


def model_types(models: Iterable[Model], contracts: Mapping[str, type[Table]]) -> dict[str, dict[str, str]]:
    """Return the published type of every column, by model and column.

    Args:
        models: each after the models that it reads.
        contracts: of the tables that they read besides, by full name.

    Raises:
        FileError: DuckDB refuses a select.
    """
    models = list(models)
    found: dict[str, dict[str, str]] = {}
    with duckdb.connect() as con:
        for schema in ("core", "derived", "marts"):
            con.execute(f"create schema {schema}")
        for name in sorted({one for model in models for one in model.inputs} & contracts.keys()):
            columns = contracts[name].columns().items()
            _create(con, name, {column: published_type(spec.dtype) for column, spec in columns})
        for model in models:
            found[model.name] = _types(con, model)
            _create(con, f"{model.layer}.{model.name}", found[model.name])
    return found


def _types(con: duckdb.DuckDBPyConnection, model: Model) -> dict[str, str]:
    try:
        relation = con.sql(model.sql)
    except duckdb.Error as error:
        raise FileError(f"{model.path}: {error}") from error
    types = zip(relation.columns, relation.types, strict=True)
    return {name: published_type(TYPES[kind.id]) if kind.id in TYPES else str(kind) for name, kind in types}


def _create(con: duckdb.DuckDBPyConnection, name: str, types: Mapping[str, str]) -> None:
    columns = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
    con.execute(f"create table {name} ({columns})")
