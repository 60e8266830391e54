"""What the cases of marts and of measures share: tables filled with a few rows, and values that compare."""

import datetime as dt

import duckdb
import polars as pl
import pytest


def fill(connection: duckdb.DuckDBPyConnection, table: str, empty: pl.DataFrame, rows: list[dict]) -> None:
    """Create a table with the columns and types of `empty` and insert the rows; what a row does not give is NULL."""
    connection.execute(f"create schema if not exists {table.split('.')[0]}")
    connection.register("empty_input", empty)
    connection.execute(f"create table {table} as from empty_input")
    connection.unregister("empty_input")
    for row in rows:
        columns = ", ".join(f'"{column}"' for column in row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"insert into {table} ({columns}) values ({marks})", list(row.values()))


def comparable(value: object, expected: object) -> object:
    """Make a written instant an instant, and a number approximate."""
    if isinstance(value, dt.datetime) and isinstance(expected, str):
        return dt.datetime.fromisoformat(expected)
    if isinstance(value, float) and isinstance(expected, int | float):
        return pytest.approx(expected, rel=1e-9, abs=1e-9)
    return expected
