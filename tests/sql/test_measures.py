"""Every measure against its YAML cases, in a database that holds only what the measure says it reads.

A case is `tests/sql/measures.<measure>/<the_rule_it_shows>.yaml` with `inputs` (rows per table, as for marts), `ask`
(`parameters`, and the instant as `session` and `known_at`) and `expect` (`value`, `as_of` and of the `evidence` what
matters). A row with `days: 250` stands for as many, a day apart.
"""

import datetime as dt
import re
from functools import cache
from pathlib import Path
from typing import Any

import dataframely as dy
import duckdb
import pytest
import yaml
from case_tables import comparable, fill

from pipeline.claims.measures import Measure, load_measures
from pipeline.tables import CONTRACTS

MEASURES, FAULTS = load_measures()
CASES = sorted(Path(__file__).parent.glob("measures.*/*.yaml"))
NAMES = [f"{path.parent.name}: {path.stem}" for path in CASES]
EVENING = dt.datetime(2024, 1, 31, 21, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)

Rows = dict[str, list[dict[str, Any]]]


def read(path: Path) -> tuple[Measure, dict[str, Any]]:
    """Return the measure of a case, and the case."""
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    inputs = {table: [one for row in rows for one in expanded(row)] for table, rows in case["inputs"].items()}
    return MEASURES[path.parent.name.removeprefix("measures.")], {**case, "inputs": inputs}


def expanded(row: dict[str, Any]) -> list[dict[str, Any]]:
    kept = {name: value for name, value in row.items() if name != "days"}
    return [
        {**kept, "session_date": row["session_date"] + n * DAY, "session_no": row["session_no"] + n} if n else kept
        for n in range(row.get("days", 1))
    ]


def instant(ask: dict[str, Any]) -> tuple[dt.date, dt.datetime]:
    known_at = dt.datetime.fromisoformat(ask["known_at"]) if "known_at" in ask else EVENING
    return ask.get("session", EVENING.date()), known_at


def run(measure: Measure, ask: dict[str, Any], rows: Rows) -> list[tuple]:
    """Fill in the parameters and run the select in a database with the measure's inputs and nothing else.

    A database takes longer to open than a case to run: all share one, and leave it empty.
    """
    given = {name: str(value) for name, value in ask.get("parameters", {}).items()}
    assert given.keys() <= measure.by_name.keys()
    values = {name: one.parse(given.get(name, one.default)) for name, one in measure.by_name.items()}
    session, known_at = instant(ask)
    connection = database()
    connection.begin()
    try:
        for table in measure.inputs:
            fill(connection, table, CONTRACTS[table].create_empty(), rows.get(table, []))
        sql = measure.filled({**values, "session": session, "known_at": known_at})
        return connection.execute(sql).fetchall()
    finally:
        connection.rollback()


@cache
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return connection


def test_every_measure_can_be_read() -> None:
    assert FAULTS == []
    assert MEASURES


@pytest.mark.parametrize("reverse", [False, True], ids=["as_written", "rows_reversed"])
@pytest.mark.parametrize("path", CASES, ids=NAMES)
def test_case(path: Path, reverse: bool) -> None:
    measure, case = read(path)
    unread = set(case["inputs"]) - set(measure.inputs)
    assert not unread, f"the measure does not read {sorted(unread)}"
    inputs = {table: rows[::-1] if reverse else rows for table, rows in case["inputs"].items()}

    [(value, as_of, evidence)] = run(measure, case["ask"], inputs)

    expected = case["expect"]
    assert value == comparable(value, expected["value"])
    if "as_of" in expected:
        assert as_of == expected["as_of"]
    for name, wanted in expected.get("evidence", {}).items():
        assert evidence[name] == comparable(evidence[name], wanted), name


def known(table: str, rows: list[dict[str, Any]], ask: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that a warehouse cut at the instant holds; a table without a known date is left as it is."""
    name = CONTRACTS[table].known_date
    session, known_at = instant(ask)
    if name is None:
        return rows
    if isinstance(CONTRACTS[table].columns()[name], dy.Datetime):
        return [row for row in rows if name in row and dt.datetime.fromisoformat(row[name]) <= known_at]
    return [row for row in rows if name in row and row[name] <= session]


def later(table: str, rows: list[dict[str, Any]], ask: dict[str, Any], factor: float) -> list[dict[str, Any]]:
    """What nobody could know at the instant: the rows of a table again, later, and with other figures.

    Of daily tables each instrument's last row, one and two days after the session; of tables of instants every row, a
    second after the instant, as a revision and as newer observations; of all others every row, settled one and two days
    after the session.
    """
    contract = CONTRACTS[table]
    session, known_at = instant(ask)
    if contract.known_date is None:
        return []
    columns = contract.columns()
    instants = {name for name, column in columns.items() if isinstance(column, dy.Datetime)}
    late = dict.fromkeys(instants, (known_at + dt.timedelta(seconds=1)).isoformat())
    if contract.known_date == "session_date":
        names = [name for name in contract.primary_key() if name != "session_date"]
        newest = {
            tuple(row.get(name) for name in names): row for row in sorted(rows, key=lambda row: row["session_date"])
        }
        rows = list(newest.values())
    new = []
    for n in (1, 2):
        for row in rows:
            other = {name: otherwise(columns[name], name, value, factor**n, n) for name, value in row.items()} | late
            if contract.known_date in instants:
                new.append(other)
                new.append({**other, "observed_on": max(one["observed_on"] for one in rows) + n * 7 * DAY})
            else:
                new.append({**other, contract.known_date: session + n * DAY})
    return new


def otherwise(column: dy.Column, name: str, value: Any, factor: float, n: int) -> Any:
    """Another value of a column: figures times the factor, counts and events moved on by n, flags turned round."""
    if value is None or name in ("offset", "allowed_misses", "move_bp", "year"):
        return value
    if isinstance(column, dy.Bool):
        return not value
    if isinstance(column, dy.Float64):
        return value * factor
    if isinstance(column, dy.Int64):
        return value + n
    return value + n * DAY if name == "event_date" else value


@pytest.mark.parametrize("path", CASES, ids=NAMES)
def test_what_becomes_known_later_changes_no_answer(path: Path) -> None:
    measure, case = read(path)
    inputs, ask = case["inputs"], case["ask"]

    then = {table: known(table, rows, ask) for table, rows in inputs.items()}
    higher, lower = (
        {table: [*rows, *later(table, rows, ask, factor)] for table, rows in inputs.items()} for factor in (4.0, 0.25)
    )

    answer = run(measure, ask, then)
    assert run(measure, ask, higher) == answer
    assert run(measure, ask, lower) == answer


ENDS = [(path, name) for path in CASES for name in ("end", "date") if name in read(path)[0].by_name]


@pytest.mark.parametrize(("path", "name"), ENDS, ids=[f"{path.parent.name}: {path.stem}" for path, _ in ENDS])
def test_dates_that_are_not_over_have_no_answer_yet(path: Path, name: str) -> None:
    measure, case = read(path)
    tomorrow = instant(case["ask"])[0] + DAY
    ask = {**case["ask"], "parameters": {**case["ask"]["parameters"], name: tomorrow}}

    then = {table: known(table, rows, ask) for table, rows in case["inputs"].items()}
    now = {table: [*rows, *later(table, rows, ask, 4.0)] for table, rows in then.items()}

    found = run(measure, ask, now)
    assert found[0][0] is None
    assert found == run(measure, ask, then)


def test_every_measure_has_cases_and_every_folder_a_measure() -> None:
    folders = [path.parent.name for path in CASES]
    assert set(folders) == {f"measures.{name}" for name in MEASURES}
    assert {folder for folder in folders if folders.count(folder) < 2} == set()


@pytest.mark.parametrize("path", CASES, ids=NAMES)
def test_a_case_has_a_name_that_says_a_rule_and_three_parts(path: Path) -> None:
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", path.stem)
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert list(case) == ["inputs", "ask", "expect"]
    assert case["ask"].keys() <= {"parameters", "session", "known_at"}
    assert case["expect"].keys() <= {"value", "as_of", "evidence"}


SOME = {
    "symbol": "XSML",
    "series": "SYN_UNRATE",
    "indicator": "vix",
    "text": "x",
    "date": "2024-01-02",
    "number": "2",
    "count": "5",
    "window": "5",
    "ahead": "2024-03-20",
    "flag": "true",
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=list(MEASURES))
def test_without_any_rows_a_measure_that_reads_tables_has_one_row_without_a_value(measure: Measure) -> None:
    if not measure.inputs:
        pytest.skip("it reads no table")
    given = {
        one.name: one.choices[0] if one.kind == "choice" else SOME[one.kind]
        for one in measure.parameters
        if one.default is None
    }
    [(value, _, evidence)] = run(measure, {"parameters": given}, {})
    assert value is None
    assert isinstance(evidence, dict)
