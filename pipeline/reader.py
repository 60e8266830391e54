"""Read what is published: queries and status. No Dagster, no build, never a write."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, CATALOGUE, current_build
from pipeline.settings import Settings

SAFE: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
}

FAILING = """
    select dataset, id, outcome, detail, failing_since, coalesce(last_session, last_observed_on), is_delisted
    from core.source_status
    left join core.instruments on dataset = 'prices' and id = symbol
    left join core.series on dataset = 'macro' and id = series_id
    where outcome <> 'ok'
    order by is_delisted, dataset, outcome, failing_since, id
"""
NO_STATEMENT = 'there is no statement that answers something; try: rotation query "from meta.tables"'


@dataclass(frozen=True)
class Answer:
    """Result of a query: column names and rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def published(settings: Settings, as_of: str | None = None) -> Path:
    """Folder of the published build, or of a replay.

    Raises:
        RotationError: there is none yet.
    """
    if as_of is not None:
        folder = settings.root / "as_of" / as_of
        if not (folder / CATALOGUE).is_file():
            raise RotationError(f"{folder} does not exist; make it with: rotation build --as-of {as_of}")
        return folder.resolve()
    current = current_build(settings.root)
    if current is None:
        raise RotationError(
            f"nothing is published in {settings.root} yet; run: rotation build --source {settings.source}"
        )
    return current


def connect(settings: Settings, as_of: str | None = None) -> duckdb.DuckDBPyConnection:
    """Open the published file read-only, without access to other files, with UTC instants and locked settings."""
    path = published(settings, as_of) / CATALOGUE
    try:
        con = duckdb.connect(path, read_only=True, config=SAFE)
    except duckdb.Error as error:
        raise RotationError(
            f"{path} cannot be opened: {_first_lines(error)}; "
            "put an earlier build back with rotation rollback, or build again"
        ) from error
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")  # DuckDB would draw it into the answer of a slow query
    con.execute("set lock_configuration = true")
    return con


def query(settings: Settings, sql: str, as_of: str | None = None) -> Answer:
    """Run one statement on the published file.

    Raises:
        RotationError: nothing is published, or the statement is wrong.
    """
    with connect(settings, as_of) as con:
        try:
            cursor = con.execute(sql)
            rows = [] if cursor is None else cursor.fetchall()
        except duckdb.Error as error:
            raise RotationError(f"the query failed: {_first_lines(error)}") from error
        if cursor is None:
            raise RotationError(NO_STATEMENT)
        return Answer([column[0] for column in cursor.description or []], rows)


def query_arrow(settings: Settings, sql: str, as_of: str | None = None) -> Any:
    """Run one statement on the published file; return a pyarrow.Table."""
    with connect(settings, as_of) as con:
        try:
            relation = con.sql(sql)
            table = None if relation is None else relation.to_arrow_table()
        except duckdb.Error as error:
            raise RotationError(f"the query failed: {_first_lines(error)}") from error
        if table is None:
            raise RotationError(NO_STATEMENT)
        return table


def _first_lines(error: duckdb.Error) -> str:
    """DuckDB's message in one line, without the excerpt of the statement."""
    return " ".join(str(error).split("\nLINE")[0].split())


def build_record(folder: Path) -> dict[str, Any]:
    """The build.json of a published folder."""
    path = folder / BUILD_FILE
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RotationError(
            f"{path} is damaged; put an earlier build back with rotation rollback, or build again"
        ) from error
    return record


@dataclass(frozen=True)
class Status:
    """What `rotation status` shows."""

    build: dict[str, Any]
    newest_session: dt.date | None
    stale: list[tuple[str, dt.date]]
    missing: list[tuple[str, str]]
    series: list[tuple[str, str, dt.date | None, dt.datetime | None]]
    rejects: list[tuple[str, str, int]]
    edits: list[tuple[str, str, int]]
    failing: list["Failing"]


@dataclass(frozen=True)
class Failing:
    """One thing that the source did not serve, or not in full, when it was last asked."""

    dataset: str
    id: str
    outcome: str
    detail: str | None
    since: dt.datetime | None
    last_observed_on: dt.date | None
    is_delisted: bool


def status(settings: Settings) -> Status:
    """Last build, freshness by symbol and series, what was refused, and what is missing."""
    folder = published(settings)
    with connect(settings) as con:

        def rows(sql: str) -> list[Any]:
            return con.execute(sql).fetchall()

        return Status(
            build=build_record(folder),
            newest_session=rows("select max(session_date) from core.prices")[0][0],
            stale=rows(
                "select symbol, last_session from core.instruments "
                "where last_session < (select max(session_date) from core.prices) order by last_session, symbol"
            ),
            missing=rows(
                "select 'symbol', symbol from core.instruments where is_configured and bars = 0 "
                "union all select 'series', series_id from core.series where observations = 0 order by 1 desc, 2"
            ),
            series=rows(
                "select s.series_id, s.frequency, s.last_observed_on, max(m.captured_at) from core.series s "
                "left join core.macro_latest m using (series_id) where s.observations > 0 group by all order by all"
            ),
            rejects=rows(
                "select origin, reason, count(*) from core.rejects group by all order by count(*) desc, origin, reason"
            ),
            edits=rows(
                "select id, kind, count(*) from core.capture_edits group by all order by count(*) desc, id, kind"
            ),
            failing=[Failing(*row) for row in rows(FAILING)],
        )
