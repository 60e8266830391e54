"""What analysts' SQL rests on: no published table or column vanishes or changes its type unnoticed.

After a wanted change write the file anew with `python tests/graph/test_published_schema.py`. It refuses while something
has vanished or changed its type and SCHEMA_VERSION in pipeline/tables.py is still that of the file.
"""

import json
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline.descriptions import published_types
from pipeline.layout import CATALOGUE
from pipeline.sql_models import load_models
from pipeline.tables import SCHEMA_VERSION

PATH = Path(__file__).with_name("published_schema.json")
RENEW = "python tests/graph/test_published_schema.py"
Types = dict[str, dict[str, str]]


def broken(was: Types, now_is: Types) -> list[str]:
    """One line for each table or column that vanished or changed its type."""
    lines = [f"{table} has vanished" for table in was if table not in now_is]
    for table, columns in was.items():
        for column, kind in columns.items() if table in now_is else ():
            found = now_is[table].get(column)
            if found is None:
                lines.append(f"{table}.{column} has vanished")
            elif found != kind:
                lines.append(f"{table}.{column} was {kind} and is {found}")
    return lines


def fault(on_file: dict, version: int, now_is: Types) -> str | None:
    """What is wrong, and what to do; None where the file is right."""
    lines = broken(on_file["tables"], now_is)
    if lines and version <= on_file["schema_version"]:
        return f"{'; '.join(lines)}: analysts' SQL breaks. Take it back, or raise SCHEMA_VERSION in pipeline/tables.py"
    if (on_file["schema_version"], on_file["tables"]) != (version, now_is):
        return f"{PATH.name} is not what is published; write it anew: {RENEW}"
    return None


def test_what_is_published_is_on_file() -> None:
    wrong = fault(json.loads(PATH.read_text(encoding="utf-8")), SCHEMA_VERSION, published_types(load_models()))
    assert wrong is None, wrong


WAS: Types = {"core.a": {"k": "VARCHAR", "x": "DOUBLE"}, "marts.b": {"k": "VARCHAR"}}


@pytest.mark.parametrize(
    ("now_is", "line"),
    [
        ({"core.a": WAS["core.a"]}, "marts.b has vanished"),
        ({**WAS, "core.a": {"k": "VARCHAR"}}, "core.a.x has vanished"),
        ({**WAS, "core.a": {"k": "VARCHAR", "y": "DOUBLE"}}, "core.a.x has vanished"),
        ({**WAS, "core.a": {"k": "VARCHAR", "x": "BIGINT"}}, "core.a.x was DOUBLE and is BIGINT"),
    ],
)
def test_what_breaks_a_query_asks_for_a_new_version(now_is: Types, line: str) -> None:
    on_file = {"schema_version": 3, "tables": WAS}
    assert fault(on_file, 3, now_is) == f"{line}: analysts' SQL breaks. Take it back, or raise SCHEMA_VERSION in " + (
        "pipeline/tables.py"
    )
    assert RENEW in str(fault(on_file, 4, now_is))
    assert fault({"schema_version": 4, "tables": now_is}, 4, now_is) is None


@pytest.mark.parametrize(
    "now_is", [{**WAS, "core.new": {"k": "VARCHAR"}}, {**WAS, "marts.b": {"k": "VARCHAR", "new": "DOUBLE"}}]
)
def test_what_is_added_asks_only_for_the_file(now_is: Types) -> None:
    assert broken(WAS, now_is) == []
    assert RENEW in str(fault({"schema_version": 3, "tables": WAS}, 3, now_is))


# --- the published file itself ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalogue(home: Path):
    with duckdb.connect(home / "files" / CATALOGUE, read_only=True) as con:
        yield con


def test_the_types_are_those_of_the_published_file(catalogue: duckdb.DuckDBPyConnection) -> None:
    rows = catalogue.sql(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() where not internal"
    ).fetchall()
    found: Types = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    assert found == published_types(load_models())


def test_meta_comments_and_parquet_say_the_same(catalogue: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Of every table its description, of every column description and unit."""
    tables = dict(catalogue.sql("select layer || '.' || table_name, description from meta.tables").fetchall())
    columns = catalogue.sql(
        "select layer || '.' || table_name, column_name, description, unit not in ('text', 'date', 'flag', "
        "'UTC instant', 'number'), unit "
        "from meta.columns order by layer, table_name, position"
    ).fetchall()
    told: dict[str, dict[str, str]] = {name: {} for name in tables}
    for table, column, description, is_figure, unit in columns:
        told[table][column] = f"{description} [{unit}]" if is_figure and unit else description

    commented = dict(catalogue.sql("select schema_name || '.' || table_name, comment from duckdb_tables()").fetchall())
    comments = catalogue.sql("select schema_name || '.' || table_name, column_name, comment from duckdb_columns()")
    in_file = {(table, column): comment for table, column, comment in comments.fetchall()}
    for name, of_columns in told.items():
        layer, table = name.split(".")
        stored = pl.read_parquet_metadata(home / "files" / "current" / layer / f"{table}.parquet")
        assert tables[name] == commented[name] == stored["description"]
        assert of_columns == json.loads(stored["columns"])
        assert of_columns == {column: in_file[name, column] for column in of_columns}


def test_meta_columns_leaves_nothing_open(catalogue: duckdb.DuckDBPyConnection) -> None:
    """A mart with a known date says which columns repaint; only figures without columns below have no lineage."""
    for column in ("definition", "source", "licence", "grade", "description", "repaints", "is_key"):
        assert (
            catalogue.sql(f"select * from meta.columns where {column} is null or {column}::text = ''").fetchall() == []
        )

    def told(layer: str, table: str, column: str, what: str) -> object:
        where = f"layer = '{layer}' and table_name = '{table}' and column_name = '{column}'"
        return catalogue.sql(f"select {what} from meta.columns where {where}").fetchall()

    served = "whoever served them (Yahoo Finance: personal use, not to be passed on)"
    assert told("core", "sessions", "close_at", "source, repaints") == [("exchange calendar", False)]
    assert told("core", "series", "title", "repaints") == [(True,)]
    assert told("derived", "trend", "sma_50", "definition, lineage") == [
        ("docs/definitions.md, 3. Trend, momentum, phases, drawdowns", None)
    ]
    assert told("derived", "relative_strength", "mansfield_252", "definition_source, source") == [
        ("S. Mansfield", "prices, exchange calendar")
    ]
    assert told("marts", "rotation_daily", "ratio", "lineage, repaints, source, licence") == [
        (
            "derived.relative_strength.ratio",
            True,
            "prices, exchange calendar",
            f"prices: {served}; exchange calendar: exchange_calendars (Apache-2.0), free to pass on",
        )
    ]
    assert told("marts", "rotation_daily", "curve_state", "source, repaints, definition") == [
        (
            "macro series, FOMC calendar",
            False,
            "dbt_like_sql/marts/rotation_daily.sql; docs/definitions.md, 4. Yield curve",
        )
    ]
    assert told("marts", "valuation_gap_now", "sessions_since_start", "lineage, source") == [
        (None, "prices, fund facts, exchange calendar")
    ]
    known = "select known_date from meta.tables where table_name = "
    assert catalogue.sql(f"{known} 'rotation_daily'").fetchall() == [("session_date",)]
    assert catalogue.sql(f"{known} 'leaderboard'").fetchall() == [(None,)]


if __name__ == "__main__":
    now = published_types(load_models())
    old = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {"schema_version": 0, "tables": {}}
    lost = broken(old["tables"], now)
    if lost and old["schema_version"] >= SCHEMA_VERSION:
        sys.exit(fault(old, SCHEMA_VERSION, now))
    PATH.write_text(json.dumps({"schema_version": SCHEMA_VERSION, "tables": now}, indent=1) + "\n", encoding="utf-8")
