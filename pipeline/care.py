"""The commands `rotation diff` and `rotation prune`: what moved between two builds, and what may go."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, CATALOGUE, published_builds
from pipeline.settings import Settings
from pipeline.terminal import DebugOption, HomeOption, SourceOption, chosen_settings, one_line_errors, out

if TYPE_CHECKING:
    from pipeline.comparison.causes import Comparison
    from pipeline.comparison.moves import RowChange, TableMoves, Value

NAMED_COLUMNS = 4
WORDS = {
    "moved": "moved in the past",
    "removed": "removed from the past",
    "late": "added in the past",
    "changed": "changed",
    "dropped": "dropped",
    "added": "added",
}


class Form(StrEnum):
    """Output of `rotation diff`."""

    table = "table"
    json = "json"


BuildArgument = "Build id or the beginning of one, current, previous, a replay's date, or a build's folder."


def diff(
    first: Annotated[str, typer.Argument(metavar="[A]", help=BuildArgument)] = "previous",
    second: Annotated[str, typer.Argument(metavar="[B]", help="The other build, likewise.")] = "current",
    table: Annotated[str | None, typer.Option("--table", help="Show one table: columns and rows.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Most rows that --table shows.")] = 20,
    form: Annotated[Form, typer.Option("--format", help="How the answer is written.")] = Form.table,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a table differs though nothing upstream does.")
    ] = False,
    source: SourceOption = None,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Show which published values moved between two builds, and why."""
    with one_line_errors(debug):
        from pipeline.comparison.causes import changed_rows, compare

        settings = chosen_settings(source, home)
        folders = _folder(settings, first), _folder(settings, second)
        found = compare(*folders)
        changes = changed_rows(*folders, table, rows) if table else []
        if form is Form.json:
            typer.echo(json.dumps(_as_json(found, table, changes), default=str, indent=1, ensure_ascii=False))
        elif table:
            _print_table(found, table, changes)
        else:
            _print_comparison(found)
        if strict and found.unexplained:
            raise typer.Exit(1)


def prune(
    keep_builds: Annotated[
        int | None, typer.Option("--keep-builds", help="Builds to keep. (environment: ROTATION_KEEP_BUILDS; 3)")
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option("--keep-days", help="Days of runs and alerts to keep. (environment: ROTATION_KEEP_DAYS; 90)"),
    ] = None,
    replays: Annotated[bool, typer.Option("--replays", help="Remove the replays in as_of/ too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    source: SourceOption = None,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Remove builds of the source beyond those to keep, old Dagster runs and alerts, and what killed runs left.

    Captures and the current build always stay.
    """
    with one_line_errors(debug):
        from pipeline.retention import prune as remove

        settings = chosen_settings(source, home, keep_builds=keep_builds, keep_days=keep_days)
        found = remove(settings, now=dt.datetime.now(dt.UTC), replays=replays, dry_run=dry_run)
        for one in found:
            out.print(f"{one.kind} {escape(one.name)}  {one.bytes / 1e6:,.1f} MB", highlight=False, soft_wrap=True)
        done = "would free" if dry_run else "freed"
        out.print(f"{done} {sum(one.bytes for one in found) / 1e6:,.1f} MB ({_plural(len(found), 'item')})")


def _folder(settings: Settings, name: str) -> Path:
    """Folder of the build that a person names: a word, a replay, an id, and only then a path.

    Raises:
        RotationError: there is none of that name, or more than one.
    """
    from pipeline.reader import published

    kept = published_builds(settings.root)
    if name == "current":
        return published(settings)
    if name == "previous":
        current = published(settings)
        found = [path for path in kept if path.name < current.name][-1:]
        fault = f"no build before {current.name} is kept"
    else:
        replays = [settings.root / "as_of" / name]
        found = _builds(replays) or [path for path in kept if path.name.startswith(name)] or _builds([Path(name)])
        fault = f"{len(found)} builds begin with {name}" if found else f"there is no build or replay {name}"
    if len(found) != 1:
        published(settings)
        raise RotationError(f"{fault}; kept builds: {', '.join(path.name for path in kept)}")
    return found[0]


def _builds(folders: Iterable[Path]) -> list[Path]:
    """Those that hold a whole build; an unpublished one has no build.json, and the warehouse only the catalogue."""
    return [folder for folder in folders if all((folder / name).is_file() for name in (CATALOGUE, BUILD_FILE))]


def _as_json(found: "Comparison", table: str | None, changes: Iterable["RowChange"]) -> dict[str, Any]:
    names = ("build_id", "created_at", "as_of", "code_version")
    answer: dict[str, Any] = {
        "older": {name: found.older[name] for name in names},
        "newer": {name: found.newer[name] for name in names},
        "program": found.program,
        "captures": found.captures,
        "news": dataclasses.asdict(found.news),
        "unexplained": found.unexplained,
        "tables": {
            name: {**dataclasses.asdict(moves), "reason": dataclasses.asdict(found.reasons[name])}
            for name, moves in found.tables.items()
            if table in (None, name)
        },
    }
    return answer | ({"rows": [dataclasses.asdict(one) for one in changes]} if table else {})


# Printing


def _print_comparison(found: "Comparison") -> None:
    _print_header(found)
    if not found.tables:
        out.print("every table is the same")
        return
    overview = Table("table", "past", "state", "by design", "new", box=None, pad_edge=False, header_style="bold")
    overview.columns[0].overflow = "fold"
    for column in overview.columns[1:]:
        column.justify = "right"
    for name, moves in found.tables.items():
        groups = (("moved", "removed", "late"), ("changed", "dropped", "added"), ("by_design",), ("new",))
        counts = [sum(moves.rows.get(kind, 0) for kind in kinds) for kinds in groups]
        overview.add_row(name, *(f"{count:,}" if count else "" for count in counts))
    out.print(overview, highlight=False)
    out.print("rows that differ; state: of tables without a known date; --table NAME: one in full", style="dim")
    told = [name for name, moves in found.tables.items() if _is_told(moves) or name in found.unexplained]
    for name in sorted(told, key=lambda name: name not in found.unexplained):
        _print_line(found, name)
    if not any(moves.is_past_broken for moves in found.tables.values()):
        out.print("no value of the past moved other than by design")


def _print_header(found: "Comparison") -> None:
    for title, build in (("older", found.older), ("newer", found.newer)):
        instant = f"as of {build['as_of']}" if build["as_of"] else build["created_at"]
        out.print(f"[bold]{title}[/]  {build['build_id']}  {instant}", highlight=False)
    program = [
        name if len(str(old)) > 40 else f"{name} {old} -> {new}" if old != new else f"{name} {old}"
        for name, (old, new) in found.program.items()
    ]
    edits = len({edit.id for edit in found.news.edits})
    news = {
        "session": found.news.sessions,
        "observation": found.news.observations,
        "revision": found.news.revisions,
        "edited history": edits,
    }
    captured = [_plural(count, what) for what, count in news.items() if count] or (
        [f"more in {', '.join(found.captures)}"] if found.captures else ["nothing new"]
    )
    out.print(f"[bold]captured[/] {', '.join(captured)}", highlight=False)
    out.print(f"[bold]program[/] {escape(', '.join(program) or 'the same')}", highlight=False)


def _is_told(moves: "TableMoves") -> bool:
    """Whether a table needs a line of its own: its past or its shape differs."""
    return bool(moves.is_past_broken or moves.note or moves.columns_added or moves.columns_vanished or moves.retyped)


def _print_line(found: "Comparison", name: str) -> None:
    """One table: what moved, and why."""
    reason = found.reasons[name]
    said = ", ".join(_said(found.tables[name]))
    why = f"because {escape(reason.text)}" if reason.is_explained else f"[bold red]{escape(reason.text)}[/]"
    out.print(f"[bold]{name}[/]: {escape(said)}, {why}", highlight=False)


def _said(moves: "TableMoves") -> list[str]:
    """What differs in a table, in words."""
    columns = [column for column in moves.columns if not column.repaints] or list(moves.columns)
    named = [f"{column.name} {column.values:,}" for column in columns[:NAMED_COLUMNS]]
    more = [_plural(len(columns) - NAMED_COLUMNS, "more column")] if len(columns) > NAMED_COLUMNS else []
    values = f" ({', '.join(named + more)})" if columns else ""
    said = [
        f"{_plural(count, 'row')} {WORDS[kind]}" + (values if kind in ("moved", "changed") else "")
        for kind, count in moves.rows.items()
        if kind in WORDS
    ]
    shape = {"appeared": moves.columns_added, "vanished": moves.columns_vanished}
    said += [f"columns {how}: {' '.join(names)}" for how, names in shape.items() if names]
    said += [f"{name} changed from {old} to {new}" for name, (old, new) in moves.retyped.items()]
    if not said and moves.rows:
        said = [f"{_plural(count, 'row')} {kind.replace('_', ' ')}" for kind, count in moves.rows.items()]
    return said + ([moves.note] if moves.note else [])


def _print_table(found: "Comparison", name: str, changes: Iterable["RowChange"]) -> None:
    """One table in full: every column that changed with its largest change, then rows."""
    if name not in found.tables:
        out.print(f"{name} is the same in both")
        return
    _print_line(found, name)
    columns = Table("column", "values", "largest change", "at", box=None, pad_edge=False, header_style="bold")
    for column in found.tables[name].columns:
        by_design = " (repaints)" if column.repaints else ""
        columns.add_row(
            column.name + by_design, f"{column.values:,}", escape(_change(column.largest)), _key(column.largest.key)
        )
    rows = Table("row", "key", "column", "old -> new", box=None, pad_edge=False, header_style="bold")
    for change in changes:
        values = [(name, escape(f"{_word(old)} -> {_word(new)}")) for name, (old, new) in change.values.items()]
        for what in values or [("", "")]:
            rows.add_row(change.kind.replace("_", " "), _key(change.key), *what)
    for table in (columns, rows):
        for one in table.columns:
            one.overflow = "fold"
        if table.row_count:
            out.print(table, highlight=False)


def _plural(count: int, what: str) -> str:
    many = what.removesuffix("y") + "ies" if what.endswith("y") else f"{what}s"
    return f"{count:,} {what if count == 1 else many}"


def _change(value: "Value") -> str:
    return f"{_word(value.old)} -> {_word(value.new)}"


def _key(key: dict[str, Any]) -> str:
    return escape(" ".join(_word(value) for value in key.values()))


def _word(value: Any) -> str:
    return "NULL" if value is None else str(value)
