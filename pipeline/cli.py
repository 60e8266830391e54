"""The command `rotation`. Commands that need no Dagster do not import it."""

import contextlib
import csv
import datetime as dt
import decimal
import gc
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline.care import diff, prune
from pipeline.claims.command import app as claims_app
from pipeline.errors import RotationError
from pipeline.report.command import report
from pipeline.settings import ENGINES, Settings, parse_instant
from pipeline.terminal import DebugOption, HomeOption, SourceOption, chosen_settings, err, one_line_errors, out

if TYPE_CHECKING:
    from pipeline.reader import Failing

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Rotation: a market-data warehouse for the rotation between small and large US stocks.",
    epilog="Start with: rotation build. It needs no network and no keys.",
)
app.add_typer(claims_app, name="claims")


QUERIES = (
    "select session_date, ratio, quadrant, curve_state from marts.rotation_daily order by session_date desc limit 5",
    "select symbol, name, ret_21d, spread_63d_pp from marts.leaderboard order by spread_63d_pp desc limit 5",
    "select symbol, session_date, value, since_date from derived.records "
    "where measure = 'ret_5d' and direction = 'high' order by session_date desc limit 5",
)

NO_KEY = (
    "No FRED_API_KEY: macro values are dated by release rules. With a key (free: "
    "https://fred.stlouisfed.org/docs/api/api_key.html) every revision comes with its true date."
)


class Format(StrEnum):
    """Output of `rotation query`."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


@app.command()
def build(
    source: SourceOption = None,
    folder: Annotated[
        Path | None, typer.Option("--from", help="Folder of the files source. (environment: ROTATION_FROM)")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Replay: build as of a date or instant into as_of/, e.g. 2024-07-16."),
    ] = None,
    captured_at: Annotated[
        str | None, typer.Option("--captured-at", help="When the files were downloaded; default: the files' time.")
    ] = None,
    config_dir: Annotated[
        Path | None, typer.Option("--config", help="Folder of your own config files. (environment: ROTATION_CONFIG)")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", help="Of the live source ask only for these, e.g. IWM,SPY.")
    ] = None,
    series: Annotated[
        str | None, typer.Option("--series", help="Of the live source ask only for these, e.g. UNRATE,T10Y2Y.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", help=f"Who works on the shards: {', '.join(ENGINES)}. (environment: ROTATION_ENGINE)"),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option("--storage", help="s3://bucket/prefix for all Parquet. (environment: ROTATION_STORAGE; the home)"),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when anything was refused or not served.")
    ] = False,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Fetch, derive and publish everything of one source."""
    started, now = time.perf_counter(), dt.datetime.now(dt.UTC)
    with one_line_errors(debug):
        settings = chosen_settings(
            source,
            home,
            folder=folder,
            config_dir=config_dir,
            as_of=parse_instant(as_of, "--as-of", now=now) if as_of else None,
            captured_at=parse_instant(captured_at, "--captured-at", now=now) if captured_at else None,
            symbols=_names(symbols),
            series=_names(series),
            engine=engine,
            storage=storage,
        )
        if folder is not None and settings.source != "files":
            raise RotationError("--from goes with --source files")
        if (symbols or series) and settings.source != "live":
            raise RotationError("--symbols and --series go with --source live")
        with _progress() as (on_table, on_answer):
            gc.disable()  # or the collector walks Dagster's half million objects time and again
            from pipeline.run import run_build  # Dagster takes 2 s to import

            gc.freeze()
            gc.enable()
            run_build(settings, on_table=on_table, on_answer=on_answer, debug=debug)
        from pipeline import reader

        folder = reader.published(settings, settings.as_of_label)
        record = reader.build_record(folder)
        _summarise(settings, record, time.perf_counter() - started)
    if strict and _refused(record):
        raise typer.Exit(1)


def _names(text: str | None) -> tuple[str, ...] | None:
    """Names separated by commas or spaces, in capitals, each once."""
    return tuple(dict.fromkeys(text.upper().replace(",", " ").split())) if text else None


@contextlib.contextmanager
def _progress() -> Iterator[tuple[Any, Any]]:
    """A bar that names the table just written, and one a vendor while it is asked; quiet when not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.completed}{task.fields[total_text]}"),
        TimeElapsedColumn(),
    )
    if not err.is_terminal:
        yield (lambda name: None), (lambda vendor, answered, questions, item: None)
        return
    with (
        os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal,  # Dagster sends the step's own stderr into its log
        Progress(*columns, console=Console(file=terminal), transient=True) as progress,
    ):
        tables = progress.add_task("starting", total=None, total_text="")
        vendors: dict[str, TaskID] = {}

        def on_table(name: str) -> None:
            progress.update(tables, description=name, advance=1)

        def on_answer(vendor: str, answered: int, questions: int, item: str) -> None:
            if vendor not in vendors:
                vendors[vendor] = progress.add_task(vendor, total=questions, total_text=f" of {questions}")
            progress.update(vendors[vendor], description=f"{vendor}: {item}", completed=answered)

        yield on_table, on_answer


def _summarise(settings: Settings, record: dict[str, Any], seconds: float) -> None:
    label = settings.as_of_label
    folder = settings.root / ("current" if label is None else f"as_of/{label}")
    synthetic = "  SYNTHETIC DATA" if record["is_synthetic"] else ""
    out.print(f"[bold]published[/] {record['build_id']}  source: {record['source']}{synthetic}", highlight=False)
    table = Table("layer", "tables", "rows", "MB", box=None, pad_edge=False)
    for layer in ("core", "derived", "marts"):
        figures = [one for name, one in record["tables"].items() if name.startswith(layer)]
        rows, size = sum(one["rows"] for one in figures), sum(one["bytes"] for one in figures)
        table.add_row(layer, str(len(figures)), f"{rows:,}", f"{size / 1e6:.1f}")
    out.print(table)
    spent = record["seconds"]
    phases = ", ".join(f"{name} {spent[name]:.1f}" for name in spent)
    ours = sum(spent.values())
    out.print(
        f"{seconds:.1f} s: {phases}; Dagster and start-up {max(seconds - ours, 0):.1f}. "
        f"Peak memory {record['peak_memory_bytes'] / 1e6:,.0f} MB.",
        highlight=False,
        soft_wrap=True,
    )
    _print_warnings(record)
    if settings.source == "live" and settings.fred_api_key is None:
        out.print(NO_KEY, soft_wrap=True, highlight=False)
    out.print(f"\nDuckDB:  {folder / 'rotation.duckdb'}  ({record['catalogue_bytes'] / 1e6:.0f} MB)", soft_wrap=True)
    out.print(f"Parquet: {record['storage'] or folder}/core, derived, marts", soft_wrap=True)
    out.print(f"Report:  {folder / 'report.html'}  ({record['report_bytes'] / 1e6:.1f} MB)", soft_wrap=True)
    if label is None:
        invoked = Path(sys.argv[0])  # as `make run` calls it, the command is not on the PATH
        command = sys.argv[0] if invoked.name == "rotation" and not invoked.is_absolute() else "rotation"
        chosen = "" if settings.source == "sample" else f" --source {settings.source}"
        chosen += (
            "" if settings.home == Settings.from_environment().home else f" --home {shlex.quote(str(settings.home))}"
        )
        out.print("\nTry:")
        for sql in QUERIES:
            out.print(f'  {command} query{chosen} "{sql}"', soft_wrap=True, highlight=False, markup=False)
        for words in (f"claims{chosen}", f"report{chosen} --open"):
            out.print(f"  {command} {words}", soft_wrap=True, highlight=False, markup=False)


def _refused(record: dict[str, Any]) -> list[str]:
    """What was not served in this run, what the parser refused, by origin and reason, and what core left out."""
    by_parser = [
        f"{one['origin']}"
        + (f":{one['line']}" if one["line"] else "")
        + f": {one['reason']}"
        + (f" ({one['rows']} rows)" if one["rows"] > 1 else "")
        for one in record["ingest"].get("refusals", [])
    ]
    left_out = [f"{one['origin']}: {one['reason']}: {one['excerpt']}" for one in record["left_out"]]
    return _not_served(record["ingest"].get("failed", [])) + by_parser + left_out


def _not_served(failed: list[dict[str, Any]], named: int = 5) -> list[str]:
    """One line for all that failed in the same way."""
    alike: dict[tuple[str, str, str | None], list[str]] = {}
    for one in failed:
        alike.setdefault((one["dataset"], one["outcome"], one["detail"]), []).append(one["id"])
    return [
        f"{dataset} {', '.join(ids[:named])}"
        + (f" and {len(ids) - named} more" if ids[named:] else "")
        + f": {outcome.replace('_', ' ')}"
        + (f" ({detail})" if detail else "")
        for (dataset, outcome, detail), ids in alike.items()
    ]


def _print_warnings(record: dict[str, Any], shown: int = 10) -> None:
    lines = _refused(record) + [
        f"{name}: {test} ({rows} row{'' if rows == 1 else 's'})"
        for name, broken in record["warnings"].items()
        for test, rows in broken.items()
    ]
    if not lines:
        return
    out.print(f"[bold yellow]{len(lines)} warning{'' if len(lines) == 1 else 's'}[/]")
    for line in lines[:shown]:
        out.print(f"  {escape(line)}", soft_wrap=True, highlight=False)
    if len(lines) > shown:
        out.print(f"  ... and {len(lines) - shown} more: rotation status", highlight=False)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One statement of DuckDB SQL.")],
    form: Annotated[Format, typer.Option("--format", help="How the answer is written.")] = Format.table,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: the terminal.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Most rows that a table shows; 0: all.")] = 40,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Ask a replay instead, by its folder's name.")] = None,
    source: SourceOption = None,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Ask the published warehouse in SQL, read-only."""
    from pipeline import reader

    with one_line_errors(debug):
        settings = chosen_settings(source, home)
        if form is Format.parquet:
            _write_parquet(reader.query_arrow(settings, sql, as_of), output)
            return
        answer = reader.query(settings, sql, as_of)
        with contextlib.ExitStack() as stack:
            stream = (
                sys.stdout if output is None else stack.enter_context(output.open("w", encoding="utf-8", newline=""))
            )
            if form is Format.csv:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(answer.columns)
                writer.writerows(answer.rows)
            elif form is Format.json:
                rows = [dict(zip(answer.columns, map(_json, row), strict=True)) for row in answer.rows]
                stream.write(json.dumps(rows, default=str, indent=1, ensure_ascii=False) + "\n")
            else:
                console = out if output is None else Console(file=stream, width=200)
                _print_table(console, answer.columns, answer.rows, limit)
                if settings.source == "sample":
                    console.print("SYNTHETIC DATA of the sample source", style="dim")
            stream.flush()


def _write_parquet(table: Any, output: Path | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if output is None and sys.stdout.isatty():
        raise RotationError("Parquet is not for a terminal; name a file with --output")
    try:
        pq.write_table(table, output or sys.stdout.buffer, compression="zstd")
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise RotationError(
            f"Parquet cannot hold this answer: {error}; cast the column, for example to varchar"
        ) from error


def _json(value: Any) -> Any:
    """What JSON has no word for: NaN and infinity become null, decimals numbers."""
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _json(one) for name, one in value.items()}
    value = float(value) if isinstance(value, decimal.Decimal) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_table(console: Console, columns: list[str], rows: list[tuple[Any, ...]], limit: int) -> None:
    shown = rows[:limit] if limit > 0 else rows
    table = Table(*(escape(name) for name in columns), box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(table.columns):
        column.overflow = "fold"
        if shown and isinstance(shown[0][index], int | float) and not isinstance(shown[0][index], bool):
            column.justify = "right"
    for row in shown:
        table.add_row(*(escape(_cell(value)) for value in row))
    console.print(table)
    if len(shown) < len(rows):
        console.print(f"{len(shown)} of {len(rows)} rows; --limit 0 shows all", style="dim")


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return str(value)


@app.command()
def status(
    source: SourceOption = None,
    home: HomeOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every symbol and series, not only the notable ones.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Show the last build, how fresh each symbol and series is, what was refused and what is missing."""
    from pipeline import reader

    with one_line_errors(debug):
        settings = chosen_settings(source, home)
        found = reader.status(settings)
        record = found.build
        synthetic = "  SYNTHETIC DATA" if record["is_synthetic"] else ""
        out.print(f"[bold]build[/]    {record['build_id']}  source: {record['source']}{synthetic}", highlight=False)
        out.print(f"[bold]made[/]     {record['created_at']}  code {record['code_version']}", highlight=False)
        out.print(
            f"[bold]prices[/]   newest session {found.newest_session}, {_days_ago(found.newest_session)}; "
            f"behind it: {len(found.stale)} symbols"
        )
        shown = None if everything else 15
        _print_list("behind", [f"{symbol} since {last}" for symbol, last in found.stale], shown)
        series = [f"{name} ({frequency}) {last}" for name, frequency, last, _ in found.series]
        out.print(f"[bold]macro[/]    {len(series)} series; newest observation of each:")
        _print_list("", series, shown)
        _print_list("missing (configured, nothing captured)", [f"{kind} {name}" for kind, name in found.missing], shown)
        _print_list("not served, or not in full, when last asked", [_failing(one) for one in found.failing], shown)
        _print_list("refused", [f"{origin}: {reason} ({n})" for origin, reason, n in found.rejects], shown)
        _print_list("changed by the source", [f"{name}: {n} values {kind}" for name, kind, n in found.edits], shown)


def _failing(one: "Failing") -> str:
    """What is not served, since when, and what of it stays."""
    outcome = "delisted, it seems" if one.is_delisted else one.outcome.replace("_", " ")
    since = f" since {one.since:%Y-%m-%d %H:%M} UTC" if one.since else ""
    detail = f" ({one.detail})" if one.detail else ""
    stays = f"; what was captured up to {one.last_observed_on} stays" if one.since and one.last_observed_on else ""
    return f"{one.dataset} {one.id}: {outcome}{since}{detail}{stays}"


def _days_ago(day: dt.date | None) -> str:
    return "none" if day is None else f"{(dt.date.today() - day).days} days ago"


def _print_list(title: str, lines: list[str], shown: int | None) -> None:
    if not lines:
        return
    if title:
        out.print(f"[bold]{title}[/]: {len(lines)}")
    for line in lines[:shown]:
        out.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    if shown is not None and len(lines) > shown:
        out.print(f"  ... and {len(lines) - shown} more (--all)", highlight=False)


@app.command()
def rollback(
    to: Annotated[str | None, typer.Option("--to", help="Build id; default: the build before the current one.")] = None,
    source: SourceOption = None,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Put an earlier published build back."""
    from pipeline.warehouse import Warehouse, locked, storage_of

    with one_line_errors(debug):
        settings = chosen_settings(source, home)
        warehouse = Warehouse(settings.root, storage=storage_of(settings))
        current = warehouse.current()
        if current is None:
            raise RotationError(f"nothing is published in {settings.root} yet, so there is nothing to go back to")
        with locked(settings.root):
            build = _earlier(warehouse.builds(), current, to)
            warehouse.start()  # what was not published yet may be computed from the build that goes
            warehouse.point_to(build)
        out.print(f"current is now {build.name}", highlight=False)


def _earlier(builds: list[Path], current: Path, to: str | None) -> Path:
    names = ", ".join(path.name for path in builds)
    if to is not None:
        found = next((path for path in builds if path.name == to), None)
    else:
        found = next((path for path in reversed(builds) if path.name < current.name), None)
    if found is None:
        wanted = f"no build {to}" if to else f"no build before {current.name}"
        raise RotationError(f"there is {wanted}; kept builds: {names}")
    return found


for command in (report, diff, prune):
    app.command()(command)


def main() -> None:
    """Entry point of the command.

    It ends without Python's own clean-up, which takes as long as a query once Dagster is loaded. Everything that must
    be on the disk has been forced there, and locks end with the process.
    """
    try:
        app()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 1 if end.code else 0)
