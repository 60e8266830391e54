"""Every mart against its YAML cases, in a database that holds only what the model says it reads.

A case is `tests/sql/<layer>.<model>/<the_rule_it_shows>.yaml` with `inputs` (rows per table, only the columns that
matter) and `expect` (every row of the result in order, only the columns that matter). Tables have all the columns
and types of their contracts; what a case does not give is NULL, a table it does not give is empty.
"""

import re
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml
from case_tables import comparable, fill

from pipeline import sql_models
from pipeline.tables import CONTRACTS

MODELS = sql_models.load_models()
CASES = sorted(Path(__file__).parent.glob("marts.*/*.yaml"))
NAMES = [f"{path.parent.name}: {path.stem}" for path in CASES]


def empty(table: str, models: dict[str, sql_models.Model]) -> pl.DataFrame:
    """Return the table's columns and types; those of another mart come from running it on nothing."""
    layer, name = table.split(".")
    return run_case(models[name], {}, models)[0] if layer == sql_models.LAYER else CONTRACTS[table].create_empty()


def run_case(model: sql_models.Model, rows: dict[str, list[dict]], models: dict[str, sql_models.Model] = MODELS):
    """Run the model in a database with its inputs and nothing else; return its result and the tests it breaks."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table in model.inputs:
            fill(connection, table, empty(table, models), rows.get(table, []))
        frame = sql_models.run(model, connection)
        return frame, sql_models.violations(model, connection, frame)


@pytest.mark.parametrize("reverse", [False, True], ids=["as_written", "rows_reversed"])
@pytest.mark.parametrize("path", CASES, ids=NAMES)
def test_case(path: Path, reverse: bool) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    model = MODELS[path.parent.name.removeprefix(f"{sql_models.LAYER}.")]
    unread = set(case["inputs"]) - set(model.inputs)
    assert not unread, f"the model does not read {sorted(unread)}"
    inputs = {table: rows[::-1] if reverse else rows for table, rows in case["inputs"].items()}

    frame, violations = run_case(model, inputs)

    actual = frame.to_dicts()
    assert len(actual) == len(case["expect"]), frame
    for number, (row, expected) in enumerate(zip(actual, case["expect"], strict=True), 1):
        seen = {column: row[column] for column in expected}
        wanted = {column: comparable(row[column], value) for column, value in expected.items()}
        assert seen == wanted, f"row {number} of the result"
    broken = [violation for violation in violations if violation.test.severity == "fail"]
    assert not broken, "the case breaks the model's own tests"


def test_every_model_has_cases_and_every_folder_a_model() -> None:
    folders = [path.parent.name for path in CASES]
    assert set(folders) == {f"{model.layer}.{model.name}" for model in MODELS.values()}
    assert {folder for folder in folders if folders.count(folder) < 2} == set()


@pytest.mark.parametrize("path", CASES, ids=NAMES)
def test_a_case_has_a_name_that_says_a_rule_and_two_parts(path: Path) -> None:
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", path.stem)
    assert list(yaml.safe_load(path.read_text(encoding="utf-8"))) == ["inputs", "expect"]


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_a_model_fails_on_repeated_rows_of_its_grain(model: sql_models.Model) -> None:
    assert any(t.severity == "fail" and t.sql("x") == unique_sql(model) for t in model.tests)


def unique_sql(model: sql_models.Model) -> str:
    return sql_models.Test("fail", f"unique({', '.join(model.grain)})").sql("x")


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_without_any_rows_a_model_is_empty_and_every_test_can_be_evaluated(model: sql_models.Model) -> None:
    frame, violations = run_case(model, {})
    assert (frame.height, violations) == (0, [])


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_a_model_asks_for_roles_and_never_for_a_symbol(model: sql_models.Model) -> None:
    etfs = yaml.safe_load((Path(sql_models.__file__).parent / "config" / "etfs.yaml").read_text(encoding="utf-8"))
    words = set(re.findall(r"[\^A-Z0-9]+", model.path.read_text(encoding="utf-8")))
    assert words & {entry["symbol"] for entry in etfs} == set()


def test_a_case_can_give_rows_of_another_mart(tmp_path: Path) -> None:
    header = "-- model: Closes.\n-- grain: symbol\n-- column: symbol | Fund.\n-- column: close | Close. [usd]\n"
    (tmp_path / "closes.sql").write_text(f"{header}select symbol, close from core.prices")
    (tmp_path / "doubled.sql").write_text(f"{header}select symbol, 2 * close as close from marts.closes")
    models = sql_models.load_models(tmp_path)
    frame, _ = run_case(models["doubled"], {"marts.closes": [{"symbol": "XSML", "close": 1.5}]}, models)
    assert frame.rows() == [("XSML", 3.0)]
