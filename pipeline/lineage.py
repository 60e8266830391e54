"""Which columns a column of a SQL model is computed from, as far as the SQL itself tells. No Dagster."""

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

from pipeline.sql_models import Model

Tables = tuple[tuple[str, tuple[str, ...]], ...]  # names of tables and of their columns


def column_lineage(model: Model, columns: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return for every column of the model the columns of its tables that its value is made of, sorted.

    A column is named in full, such as "derived.relative_strength.ratio". What only decides which rows there are (a
    join, a filter) does not count. Empty where sqlglot finds none: constants, count(*), COLUMNS(regex), PIVOT.

    Args:
        model: a SQL model.
        columns: of every table that it reads, the column names.
    """
    return dict(_column_lineage(model, tuple((table, tuple(columns[table])) for table in model.inputs)))


@functools.cache  # the graph and the publication both ask
def _column_lineage(model: Model, tables: Tables) -> dict[str, tuple[str, ...]]:
    found = _nodes(model, tables)
    known = {f"{table}.{column}" for table, columns in tables for column in columns}
    return {
        column.name: tuple(sorted(known.intersection(_leaves(found[column.name])))) if column.name in found else ()
        for column in model.columns
    }


def _nodes(model: Model, tables: Tables) -> dict[str, Node]:
    """Lineage by column; none where sqlglot gives up or is known to be wrong."""
    schema: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for table, columns in tables:
        layer, name = table.split(".")
        schema[layer][name] = dict.fromkeys(columns, "unknown")
    query = sqlglot.parse_one(model.sql, read="duckdb")
    if any(_is_misread(part) for part in query.walk()):
        return {}
    try:
        return lineage(None, query, dict(schema), dialect="duckdb", trim_selects=False, copy=False)
    except (SqlglotError, ValueError):  # a select that only DuckDB understands is published all the same
        return {}


def _is_misread(part: exp.Expr) -> bool:
    """Whether sqlglot 30 names wrong columns: below a lateral subquery, and for a union that goes by name."""
    is_lateral = isinstance(part, exp.Lateral) and isinstance(part.this, exp.Subquery)
    return is_lateral or (isinstance(part, exp.SetOperation) and bool(part.args.get("by_name")))


def _leaves(node: Node) -> Iterator[str]:
    """Columns of tables, where the walk down ends; those of table functions are among them."""
    for one in node.walk():
        if isinstance(one.expression, exp.Table):
            column = one.name.rpartition(".")[2].strip('"')
            yield f"{one.expression.db}.{one.expression.name}.{column}"
