"""Every measure against its YAML cases, in a database that holds only what the measure says it reads.

A case is `tests/sql/measures.<measure>/<the_rule_it_shows>.yaml` with `inputs` (rows per table, as for marts), `ask`
(`parameters`, and the instant as `session` and `known_at`) and `expect` (`value`, `as_of` and of the `evidence` what
matters).
"""

import datetime as dt
import re
from pathlib import Path
from typing import Any

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


def run(measure: Measure, ask: dict[str, Any], rows: dict[str, list[dict]]) -> list[tuple]:
    """Fill in the parameters and run the select in a database with the measure's inputs and nothing else."""
    given = {name: str(value) for name, value in ask.get("parameters", {}).items()}
    assert given.keys() <= measure.by_name.keys()
    values = {name: one.parse(given.get(name, one.default)) for name, one in measure.by_name.items()}
    known_at = dt.datetime.fromisoformat(ask["known_at"]) if "known_at" in ask else EVENING
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table in measure.inputs:
            fill(connection, table, CONTRACTS[table].create_empty(), rows.get(table, []))
        sql = measure.filled({**values, "session": ask.get("session", EVENING.date()), "known_at": known_at})
        return connection.execute(sql).fetchall()


def test_every_measure_can_be_read() -> None:
    assert FAULTS == []
    assert MEASURES


@pytest.mark.parametrize("reverse", [False, True], ids=["as_written", "rows_reversed"])
@pytest.mark.parametrize("path", CASES, ids=NAMES)
def test_case(path: Path, reverse: bool) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    measure = MEASURES[path.parent.name.removeprefix("measures.")]
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
