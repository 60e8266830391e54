"""Why the tables of two builds differ: walk from each table to what it reads, up to where the difference begins.

A difference of the past is handed down only by a table whose past differs: new sessions explain new rows, never another
value of an old one. An old value moves with captures only where the source edited one of that symbol or series, or rows
of it came into the past or were received anew, from that day on; else the program moved it. Tables and columns come, go
and change type only with the program. Where nothing above a table differs, its difference is a fault.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipeline.comparison.moves import (
    APPEARED,
    Ids,
    RowChange,
    TableMoves,
    attached,
    row_changes,
    table_moves,
)
from pipeline.errors import RotationError
from pipeline.reader import build_record

# what may change any value, as build.json names it, and for people
PROGRAM = {"code_version": "code", "config_hash": "config or SQL", "lock_hash": "packages", "schema_version": "schema"}
EDITED = {"core.prices": "prices", "core.macro_releases": "macro"}  # datasets of core.capture_edits
UNCOMMITTED = "-dirty"
NAMED = 4  # symbols or series that a reason names


@dataclass(frozen=True)
class Edit:
    """Old values of one symbol or series that the source changed between the two builds."""

    dataset: str
    id: str
    kind: str
    first_day: dt.date
    last_day: dt.date
    columns: str
    values: int


@dataclass(frozen=True)
class Reason:
    """Where the difference of one table begins, and that in words. Not explained: it is not reproducible."""

    roots: tuple[str, ...]
    text: str
    is_explained: bool


@dataclass(frozen=True)
class News:
    """What the newer build knows beyond the older one."""

    sessions: int
    observations: int
    revisions: int
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Comparison:
    """Two builds: their build.json, what of the program and which captures differ, tables, and the reason of each."""

    older: dict[str, Any]
    newer: dict[str, Any]
    program: dict[str, tuple[Any, Any]]
    captures: tuple[str, ...]
    news: News
    tables: dict[str, TableMoves]
    reasons: dict[str, Reason]

    @property
    def unexplained(self) -> list[str]:
        """Tables that differ though nothing upstream does."""
        return [name for name, reason in self.reasons.items() if not reason.is_explained]


def compare(first: Path, second: Path) -> Comparison:
    """Compare two build folders, in the order of what they know.

    Raises:
        RotationError: both are one build, or a file of theirs cannot be read.
    """
    (older, before), (newer, after) = in_order(first, second)
    with attached(older, newer) as con:
        tables = table_moves(con, horizon(before))
        upstream = _Upstream(before, after, tables, _reads(con), _news(con, tables))
        return Comparison(
            older=before,
            newer=after,
            program=upstream.program,
            captures=tuple(sorted(upstream.captures)),
            news=upstream.news,
            tables=tables,
            reasons={name: upstream.reason(name) for name in tables},
        )


def changed_rows(first: Path, second: Path, table: str, limit: int) -> list[RowChange]:
    """Return rows of one table that differ, what moved in the past first.

    Raises:
        RotationError: the table is not in both builds, or its rows cannot be compared.
    """
    (older, before), (newer, _) = in_order(first, second)
    with attached(older, newer) as con:
        return row_changes(con, table, limit, horizon(before))


def in_order(first: Path, second: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Both folders with their build.json, first the one that knows less.

    Raises:
        RotationError: both are one build.
    """
    pairs = [(folder, build_record(folder)) for folder in (first, second)]
    if first.resolve() == second.resolve():
        raise RotationError(f"both are the build {pairs[0][1]['build_id']}; name two different ones")
    return sorted(pairs, key=lambda pair: horizon(pair[1]))


def horizon(build: Mapping[str, Any]) -> dt.datetime:
    """Instant of a build, or of its replay."""
    return dt.datetime.fromisoformat(build["as_of"] or build["created_at"])


class _Upstream:
    """What lies above the tables of two builds."""

    def __init__(
        self,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        tables: Mapping[str, TableMoves],
        reads: Mapping[str, tuple[str, ...]],
        news: News,
    ) -> None:
        self.tables, self.reads, self.news = tables, reads, news
        self.program = dict(_program(before, after))
        self.is_replay = before["as_of"] != after["as_of"]
        old, new = before["captures"], after["captures"]
        self.captures = {name for name in old.keys() | new if old.get(name) != new.get(name)}

    def reason(self, name: str) -> Reason:
        """Why a table differs."""
        if self.tables[name].is_reshaped:
            return self._by_program((name,), [])
        past = self.tables[name].is_past_broken
        roots = tuple(sorted(self._roots(name, past=past)))
        parts = [self._part(root, name) for root in roots if root != name or self._is_by_captures(root)]
        if self.is_replay and not past:
            parts.append("they are as of different instants")
        if not parts or (roots == (name,) and self._unedited(name)):
            return self._by_program(roots, parts)
        return Reason(roots, "; ".join(parts), is_explained=True)

    def _by_program(self, roots: tuple[str, ...], parts: Sequence[str]) -> Reason:
        """What `parts` leave open was the program, or a fault."""
        nothing = f"nothing upstream differs{' for the rest' if parts else ''}: not reproducible"
        program = [f"the {name} changed" for name in self.program]
        return Reason(roots, "; ".join([*parts, *(program or [nothing])]), is_explained=bool(program))

    def _is_by_captures(self, root: str) -> bool:
        """Whether captures that a table reads explain some of its difference."""
        broken = [ids for ids in self.tables[root].ids if ids.moved_from or ids.received_from]
        return bool(self._captures(root)) and (not broken or self._unedited(root) != broken)

    def _unedited(self, root: str) -> list[Ids]:
        """Symbols or series of which rows of the past moved or went, though their captures give no reason."""
        edits = [edit for edit in self.news.edits if edit.dataset == EDITED.get(root)]
        moved = [ids for ids in self.tables[root].ids if self.reads and not ids.is_moved_by_news]
        return [ids for ids in moved if not any(_moves(edit, ids) for edit in edits)]

    def _roots(self, name: str, *, past: bool) -> set[str]:
        """Tables where the difference begins: those whose captures differ, or that read nothing that does."""
        if self.tables[name].is_incomparable:
            return {name}
        found = {name} if self._captures(name) else set()
        for one in self.reads.get(name, ()):
            if one in self.tables and (self.tables[one].is_past_changed or not past):
                found |= self._roots(one, past=past)
        return found or {name}

    def _captures(self, name: str) -> set[str]:
        """Captures read directly that differ; of a build too old to say what its tables read, all that do."""
        return self.captures & set(self.reads[name]) if self.reads else self.captures

    def _part(self, root: str, name: str) -> str:
        """What differs in a root: what moved without a reason (but of itself), what the source changed, other rows."""
        edits = [edit for edit in self.news.edits if edit.dataset == EDITED.get(root)]
        if root == name and not edits:
            return f"new captures in {', '.join(sorted(self._captures(root)))}"
        edited = {edit.id for edit in edits}
        unedited = self._unedited(root)
        others = [ids for ids in self.tables[root].ids if ids.id not in edited and ids not in unedited]
        said = [*map(_rows, unedited if root != name else []), *map(_edit, edits), *map(_rows, others)]
        more = [f"{len(said) - NAMED} more"] if len(said) > NAMED else []
        words = ", ".join(said[:NAMED] + more) or self.tables[root].note or "new rows"
        return words if root == name else f"{root}: {words}"


def _program(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What of the program differs, or may."""
    for name, words in PROGRAM.items():
        pair = (before[name], after[name])
        if pair[0] != pair[1]:
            yield words, pair
        elif str(pair[0]).endswith(UNCOMMITTED):
            yield f"uncommitted {words}", pair


def _moves(edit: Edit, ids: Ids) -> bool:
    """Whether an edit may have moved rows: total returns run on from it, and a split reaches back."""
    is_before = ids.moved_from is not None and edit.first_day <= ids.moved_from
    return edit.id == ids.id and (is_before or "split" in f"{edit.kind} {edit.columns}")


def _edit(edit: Edit) -> str:
    how = "edited by the source" if edit.kind == "revised" else f"edited by the source ({edit.kind})"
    return f"{edit.id} {_days(edit.first_day, edit.last_day)} {edit.columns} {how}"


def _rows(ids: Ids) -> str:
    days = f" {_days(ids.first_day, ids.last_day)}" if ids.first_day and ids.last_day else ""
    return f"{ids.id or 'rows'}{days} ({ids.rows:,})"


def _days(first: dt.date, last: dt.date) -> str:
    return f"{first}" if first == last else f"{first}..{last}"


def _reads(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """What each table is computed from; empty for a build too old to say so."""
    has_reads = con.execute(
        "select 1 from duckdb_columns() where database_name = 'new' and schema_name = 'meta' "
        "and table_name = 'tables' and column_name = 'reads'"
    ).fetchone()
    if has_reads is None:
        return {}
    rows = con.execute("select layer || '.' || table_name, reads from new.meta.tables").fetchall()
    return defaultdict(tuple, {name: tuple((reads or "").split(", ")) for name, reads in rows})


def _news(con: duckdb.DuckDBPyConnection, tables: Mapping[str, TableMoves]) -> News:
    """New sessions with prices, macro values, and values that the source changed."""

    def rows(table: str, sql: str) -> list[Any]:
        moves = tables.get(table)
        return [] if moves is None or moves.note == APPEARED else con.execute(sql).fetchall()

    [(sessions,)] = rows(
        "core.prices",
        "select count(distinct session_date) from new.core.prices "
        "where session_date > (select max(session_date) from old.core.prices)",
    ) or [(0,)]
    [(observations, revisions)] = rows(
        "core.macro_releases",
        "select count(*) filter (seq = 1), count(*) filter (seq > 1) from new.core.macro_releases "
        "anti join old.core.macro_releases using (series_id, observed_on, seq)",
    ) or [(0, 0)]
    edits = rows(
        "core.capture_edits",
        "select dataset, id, kind, min(observed_on), max(observed_on), "
        "string_agg(distinct column_name, ' ' order by column_name), count(*) from new.core.capture_edits "
        "anti join old.core.capture_edits using (dataset, id, observed_on, column_name, captured_at) "
        "group by dataset, id, kind order by count(*) desc, dataset, id, kind",
    )
    return News(sessions, observations, revisions, tuple(Edit(*row) for row in edits))
