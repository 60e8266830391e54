"""Which rows and values differ between two catalogues, table by table. All of it is SQL in one in-memory DuckDB.

A row is identified by its table's grain. Of a table with a known date, what lies after the newest day that the older
build has is expected; everything else is the past, where only columns that say `repaints` may change.
"""

import contextlib
import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from pipeline.errors import RotationError
from pipeline.layout import CATALOGUE

MEMORY_LIMIT = "1GB"
LAYERS = ("core", "derived", "marts")
NUMBERS = ("DOUBLE", "BIGINT", "INTEGER")
RECEIVED = "captured_at"  # of core tables: another instant, another capture
# Kinds of rows that differ. Of a table with a known date:
NEW = "new"  # after the newest day that the older build has, or not known yet: expected
LATE = "late"  # added in the past
REMOVED = "removed"  # taken out of the past
MOVED = "moved"  # of the past, and a column that never repaints changed
BY_DESIGN = (
    "by_design"  # only columns that repaint changed, the row was not known yet, or it says that it is known later
)
# and of a table without one, which shows the state at the build:
ADDED, DROPPED, CHANGED = "added", "dropped", "changed"
APPEARED, VANISHED = "appeared", "vanished"
ALIKE = "rows alike"
REGRAINED = "its grain changed: rows not compared"
BOTH = "old._n is not null and new._n is not null and was_known and is_known"  # pairs with two sides, of the past
KINDS = (MOVED, REMOVED, LATE, CHANGED, DROPPED, ADDED, BY_DESIGN, NEW)


@dataclass(frozen=True)
class Value:
    """One value that changed: the key of its row, before and after."""

    key: dict[str, Any]
    old: Any
    new: Any


@dataclass(frozen=True)
class ColumnMoves:
    """How many values of a column changed in the past, and the largest change (of a text or date: the first)."""

    name: str
    values: int
    repaints: bool
    largest: Value


@dataclass(frozen=True)
class Ids:
    """Rows of the past that differ, of one symbol or series (None: the table has none).

    moved_from: first day of rows that moved or were removed; None: none did.
    received_from: first day of rows that came into the past, or moved and were received anew; None: none did.
    """

    id: str | None
    rows: int
    first_day: dt.date | None
    last_day: dt.date | None
    moved_from: dt.date | None
    received_from: dt.date | None

    @property
    def is_moved_by_news(self) -> bool:
        """Whether the rows that moved may follow from those received."""
        return self.moved_from is None or (self.received_from is not None and self.received_from <= self.moved_from)


@dataclass(frozen=True)
class TableMoves:
    """How one table differs. `rows` counts by kind; `retyped` holds (old, new) types by column."""

    name: str
    rows: dict[str, int] = field(default_factory=dict)
    columns: tuple[ColumnMoves, ...] = ()
    ids: tuple[Ids, ...] = ()
    columns_added: tuple[str, ...] = ()
    columns_vanished: tuple[str, ...] = ()
    retyped: dict[str, tuple[str, str]] = field(default_factory=dict)
    note: str | None = None  # APPEARED, VANISHED, ALIKE or REGRAINED

    @property
    def is_incomparable(self) -> bool:
        """Whether its rows cannot be compared at all."""
        return self.note in (APPEARED, VANISHED, REGRAINED)

    @property
    def is_reshaped(self) -> bool:
        """Whether its columns, their types or its grain differ, or it is in one build only."""
        return bool(self.is_incomparable or self.columns_added or self.columns_vanished or self.retyped)

    @property
    def is_past_changed(self) -> bool:
        """Whether a row that was there before reads otherwise now, by design or not, or one came into the past."""
        return bool(self.rows.keys() - {NEW}) or self.is_incomparable

    @property
    def is_past_broken(self) -> bool:
        """Whether rows of the past moved, came or went other than by design."""
        return bool(self.rows.keys() & {MOVED, LATE, REMOVED})


@dataclass(frozen=True)
class RowChange:
    """One row that differs: its kind, its key, and (old, new) by column where both builds have it."""

    kind: str
    key: dict[str, Any]
    values: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class _Table:
    """What is needed to compare one table: names as SQL, unquoted."""

    name: str
    columns: dict[str, str]  # those of both builds that have one type, with it
    grain: tuple[str, ...]
    known_date: str | None
    repaints: frozenset[str]


@contextlib.contextmanager
def attached(older: Path, newer: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open two build folders read-only as the databases `old` and `new` of an empty one.

    Raises:
        RotationError: a catalogue is missing or cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix="rotation-diff-") as spill, duckdb.connect() as con:
        con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        con.execute(f"set temp_directory = {_text(spill)}")
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")
        con.execute("set preserve_insertion_order = false")
        for name, folder in (("old", older), ("new", newer)):
            try:
                con.execute(f"attach {_text(str(folder / CATALOGUE))} as {name} (read_only)")
            except duckdb.Error as error:
                raise RotationError(f"{folder / CATALOGUE} cannot be opened: {str(error).splitlines()[0]}") from error
        yield con


def table_moves(con: duckdb.DuckDBPyConnection, horizon: dt.datetime) -> dict[str, TableMoves]:
    """Compare all tables of two attached builds; those that are the same are left out.

    Args:
        horizon: instant of the older build, or of its replay: what it dates later (planned meetings) is no past.
    """
    before, after = _columns(con, "old"), _columns(con, "new")
    found = [_one(con, name, before.get(name), after.get(name), horizon) for name in sorted(before.keys() | after)]
    return {moves.name: moves for moves in found if moves is not None}


def row_changes(con: duckdb.DuckDBPyConnection, name: str, limit: int, horizon: dt.datetime) -> list[RowChange]:
    """Return the rows of one table that differ, what moved in the past first, then in the order of the key.

    Raises:
        RotationError: the table is not in both builds, or its rows cannot be compared.
    """
    before, after = _columns(con, "old"), _columns(con, "new")
    if name not in before or name not in after:
        raise RotationError(f"{name} is not in both builds; tables of both: {', '.join(sorted(before.keys() & after))}")
    table = _table(con, name, before[name], after[name])
    if table is None:
        raise RotationError(f"{name} has another grain in the newer build, so its rows cannot be compared")
    _pair(con, table, horizon)
    order = " ".join(f"when '{kind}' then {place}" for place, kind in enumerate(KINDS))
    keys = ", ".join(f"coalesce(old.{_id(key)}, new.{_id(key)})" for key in table.grain)
    rows = con.execute(f"select kind, old, new from pairs order by case kind {order} end, {keys} limit {limit}")
    return [_row_change(table, *row) for row in rows.fetchall()]


def _row_change(table: _Table, kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> RowChange:
    has_both = old["_n"] is not None and new["_n"] is not None
    side = new if old["_n"] is None else old
    changed = {name: (old[name], new[name]) for name in table.columns if has_both and old[name] != new[name]}
    return RowChange(kind, {key: side[key] for key in table.grain}, changed)


def _columns(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, dict[str, str]]:
    """Types by column, by table, of what a build publishes."""
    rows = con.execute(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() "
        f"where database_name = ? and list_contains({list(LAYERS)}, schema_name) order by table_oid, column_index",
        [database],
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _one(
    con: duckdb.DuckDBPyConnection,
    name: str,
    before: Mapping[str, str] | None,
    after: Mapping[str, str] | None,
    horizon: dt.datetime,
) -> TableMoves | None:
    """How a table differs; None: it does not."""
    if before is None or after is None:
        return TableMoves(name, note=APPEARED if before is None else VANISHED)
    shape: dict[str, Any] = {
        "columns_added": tuple(c for c in after if c not in before),
        "columns_vanished": tuple(c for c in before if c not in after),
        "retyped": {c: (before[c], after[c]) for c in before if c in after and before[c] != after[c]},
    }
    table = _table(con, name, before, after)
    if table is None:
        return TableMoves(name, **shape, note=REGRAINED)
    if _digest(con, "old", table) == _digest(con, "new", table):
        return TableMoves(name, **shape, note=ALIKE) if any(shape.values()) else None
    _pair(con, table, horizon)
    rows = dict(con.execute("select kind, count(*) from pairs group by all").fetchall())
    return TableMoves(
        name,
        {kind: rows[kind] for kind in KINDS if kind in rows},
        _column_moves(con, table),
        _ids(con, table),
        **shape,
    )


def _table(
    con: duckdb.DuckDBPyConnection, name: str, before: Mapping[str, str], after: Mapping[str, str]
) -> _Table | None:
    """What meta says of a table; None where the two builds do not identify its rows alike."""
    [(grain, known_date)], [(old_grain, _)] = (
        con.execute(
            f"select grain, known_date from {database}.meta.tables where layer || '.' || table_name = ?", [name]
        ).fetchall()
        for database in ("new", "old")
    )
    columns = {column: kind for column, kind in before.items() if after.get(column) == kind}
    keys = tuple(grain.split(", "))
    if grain != old_grain or not columns.keys() >= set(keys):
        return None
    repaints = con.execute(
        "select column_name from new.meta.columns where layer || '.' || table_name = ? and repaints", [name]
    ).fetchall()
    known = known_date if known_date in columns else None
    return _Table(name, columns, keys, known, frozenset(column for (column,) in repaints))


def _digest(con: duckdb.DuckDBPyConnection, database: str, table: _Table) -> tuple[Any, ...] | None:
    """Rows, and the sum of their hashes: alike for tables that are alike."""
    return con.execute(f"select count(*), sum({_hash(table)}) from {database}.{table.name}").fetchone()


def _pair(con: duckdb.DuckDBPyConnection, table: _Table, horizon: dt.datetime) -> None:
    """Make the table `pairs`: rows that differ, joined by key, with their kind and whether the old one was known."""
    columns, keys = (", ".join(map(_id, names)) for names in (table.columns, table.grain))
    gone, come = (
        f"select {columns}, row_number() over (partition by {keys}) as _n from {database}.{table.name} "
        f"anti join (select {_hash(table)} as _h from {other}.{table.name}) on {_hash(table)} = _h"
        for database, other in (("old", "new"), ("new", "old"))
    )  # numbered, because a grain that says too little must still pair rows one to one
    same_key = " and ".join(f"gone.{_id(key)} is not distinct from come.{_id(key)}" for key in table.grain)
    known = _known(con, table, horizon)
    con.execute(
        f"create or replace temp table pairs as select *, {_kind(table)} as kind from ("
        f"select *, {known.format(side='old')} as was_known, {known.format(side='new')} as is_known from (select gone "
        f"as old, come as new from ({gone}) as gone full join ({come}) as come on {same_key} and gone._n = come._n))"
    )


def _known(con: duckdb.DuckDBPyConnection, table: _Table, horizon: dt.datetime) -> str:
    """SQL for whether the row of {side} is of the past: known by the newest day that the older build's table has.

    What the older build dates after its horizon (a planned meeting) does not count as its newest day.
    """
    if table.known_date is None:
        return "true"
    known = _id(table.known_date)
    until = horizon.date() if table.columns[table.known_date] == "DATE" else horizon
    [(newest,)] = con.execute(f"select max({known}) from old.{table.name} where {known} <= ?", [until]).fetchall()
    return "false" if newest is None else f"coalesce({{side}}.{known} <= {_text(str(newest))}, false)"


def _kind(table: _Table) -> str:
    """SQL for the kind of a pair."""
    if table.known_date is None:
        return f"case when old._n is null then '{ADDED}' when new._n is null then '{DROPPED}' else '{CHANGED}' end"
    moved = " or ".join(_differs(name) for name in table.columns if name not in table.repaints)
    return (
        f"case when old._n is null then if(is_known, '{LATE}', '{NEW}') "
        f"when not was_known then '{BY_DESIGN}' when new._n is null then '{REMOVED}' "
        f"when is_known and ({moved}) then '{MOVED}' else '{BY_DESIGN}' end"
    )


def _column_moves(con: duckdb.DuckDBPyConnection, table: _Table) -> tuple[ColumnMoves, ...]:
    """Every column with changed values in rows of the past that both builds have."""
    names = [name for name in table.columns if name not in table.grain]
    if not names:
        return ()
    counted = con.execute(
        f"select {', '.join(f'count(*) filter ({_differs(name)})' for name in names)} from pairs where {BOTH}"
    ).fetchone()
    assert counted is not None
    found = [
        ColumnMoves(name, values, name in table.repaints, _largest(con, table, name))
        for name, values in zip(names, counted, strict=True)
        if values
    ]
    return tuple(sorted(found, key=lambda one: -one.values))


def _largest(con: duckdb.DuckDBPyConnection, table: _Table, name: str) -> Value:
    """The largest change of a number, else the first in the order of the key."""
    keys = ", ".join(f"new.{_id(key)}" for key in table.grain)
    is_number = table.columns[name] in NUMBERS
    by_size = f"abs(new.{_id(name)} - old.{_id(name)}) desc nulls last, " if is_number else ""
    row = con.execute(
        f"select {keys}, old.{_id(name)}, new.{_id(name)} from pairs where {BOTH} and {_differs(name)} "
        f"order by {by_size}{keys} limit 1"
    ).fetchone()
    assert row is not None
    return Value(dict(zip(table.grain, row, strict=False)), *row[-2:])


def _ids(con: duckdb.DuckDBPyConnection, table: _Table) -> tuple[Ids, ...]:
    """Rows of the past that differ by the first text of the key, with the days of its first date."""
    name = next((_id(key) for key in table.grain if table.columns[key] == "VARCHAR"), None)
    day = next((_id(key) for key in table.grain if table.columns[key] == "DATE"), None)

    def either(column: str | None) -> str:
        return "null" if column is None else f"coalesce(old.{column}, new.{column})"

    anew = f"kind = '{MOVED}' and {_differs(RECEIVED)}" if RECEIVED in table.columns else "false"
    rows = con.execute(
        f"select {either(name)}, count(*), min({either(day)}), max({either(day)}), "
        f"min({either(day)}) filter (kind in ('{MOVED}', '{REMOVED}')), "
        f"min({either(day)}) filter (kind = '{LATE}' or {anew}) "
        f"from pairs where kind <> '{NEW}' group by 1 order by 2 desc, 1"
    ).fetchall()
    return tuple(Ids(*row) for row in rows)


def _hash(table: _Table) -> str:
    return f"hash({', '.join(map(_id, table.columns))})"


def _differs(name: str) -> str:
    return f"old.{_id(name)} is distinct from new.{_id(name)}"


def _id(name: str) -> str:
    """Return an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
