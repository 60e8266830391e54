"""Reading, running and checking SQL models, on small files written here."""

import datetime as dt
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline import sql_models
from pipeline.contracts.columns import DECIMALS
from pipeline.errors import FileError, RotationError
from pipeline.sql_models import Column

GOOD = """\
-- model: Closes
--     of every fund.
-- grain: symbol, session_date
-- column: symbol | Fund or index.
-- column: session_date | Session.
-- column: close | Last price. [usd]
-- column: growth | ln of a | ratio. [ratio, proxy]
-- column: quadrant | Where it stands. [ours]
-- fail: unique(symbol, session_date)
-- fail: not_null(symbol,close)
-- warn: close between 0 and 10

-- a plain comment: not a header line
select symbol, session_date, close, ln(close) as growth, 'leading' as quadrant
from core.prices;
"""


def write(folder: Path, text: str, name: str = "closes") -> Path:
    path = folder / f"{name}.sql"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str) -> sql_models.Model:
    write(folder, text)
    return sql_models.load_models(folder)["closes"]


def model(folder: Path, select: str, *columns: str, tests: tuple[str, ...] = ()) -> sql_models.Model:
    """Load a model with these `name | description` columns; the first is its grain."""
    lines = ["-- model: A model.", f"-- grain: {columns[0].split()[0]}"]
    lines += [f"-- column: {column}" for column in columns] + [f"-- {test}" for test in tests]
    return load(folder, "\n".join([*lines, "", select]))


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        connection.execute("create schema core")
        connection.execute("create table core.t as select 1 as a")
        yield connection


# Reading


def test_the_header_becomes_a_model(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD)
    assert (found.layer, found.name, found.description) == ("marts", "closes", "Closes of every fund.")
    assert found.grain == ("symbol", "session_date")
    assert found.columns == (
        Column("symbol", "Fund or index."),
        Column("session_date", "Session."),
        Column("close", "Last price.", "usd"),
        Column("growth", "ln of a | ratio.", "ratio", "proxy"),
        Column("quadrant", "Where it stands.", None, "ours"),
    )
    assert [(test.severity, test.expression) for test in found.tests] == [
        ("fail", "unique(symbol, session_date)"),
        ("fail", "not_null(symbol,close)"),
        ("warn", "close between 0 and 10"),
    ]
    assert found.inputs == ("core.prices",)
    assert found.path == tmp_path / "closes.sql"
    assert found.sql == GOOD.rstrip().rstrip(";")


def test_a_known_date_and_what_repaints_in_any_order(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).known_date is None
    known = GOOD.replace("-- column: symbol", "-- known: session_date\n-- column: symbol")
    known = (
        known.replace("[usd]", "[repaints, usd]").replace("[ours]", "[ours,repaints]").replace("Fund or index.", "X.")
    )
    found = load(tmp_path, known)
    assert found.known_date == "session_date"
    assert [column.name for column in found.columns if column.repaints] == ["close", "quadrant"]
    assert found.columns[2] == Column("close", "Last price.", "usd", repaints=True)


def test_every_unit_of_the_contracts_can_be_named() -> None:
    assert {unit.replace(" ", "_") for unit in sql_models.UNITS} == {*DECIMALS, "count"}


ERRORS = {
    "an unknown header line": ("-- grain: symbol, session_date", "-- owner: me", 3, "unknown header line"),
    "a comment in the header": ("-- grain: symbol, session_date", "-- hello", 3, "unknown header line"),
    "no model line": ("-- model: Closes\n--     of every fund.\n", "", 1, "exactly one '-- model:' line"),
    "two grain lines": ("-- grain: symbol, session_date", "-- grain: symbol\n-- grain: symbol", 4, "and has 2"),
    "an empty line value": ("-- model: Closes\n--     of every fund.", "-- model:", 1, "says nothing"),
    "a grain that is no column": ("-- grain: symbol, session_date", "-- grain: symbol, day", 3, "'day' is not a"),
    "a column without description": ("symbol | Fund or index.", "symbol |", 4, "expected '-- column: name"),
    "a column with only a unit": ("close | Last price. [usd]", "close | [usd]", 6, "expected '-- column: name"),
    "a column name with capitals": ("-- column: symbol |", "-- column: Symbol |", 4, "expected '-- column: name"),
    "an unknown unit": ("[usd]", "[dollars]", 6, "[dollars]: the brackets hold a unit"),
    "two units": ("[usd]", "[usd, pct]", 6, "[usd, pct]: the brackets hold a unit"),
    "repaints twice": ("[usd]", "[repaints, repaints]", 6, "[repaints, repaints]: the brackets hold a unit"),
    "repaints without a known date": ("[usd]", "[usd, repaints]", 6, "says nothing without a '-- known:' line"),
    "a known date that is no column": ("-- column: symbol", "-- known: day\n-- column: symbol", 4, "'day' is not a"),
    "two known dates in a line": ("-- column: symbol", "-- known: a, b\n-- column: symbol", 4, "'a, b' is not a"),
    "two known lines": (
        "-- column: symbol",
        "-- known: session_date\n-- known: session_date\n-- column: symbol",
        5,
        "exactly one '-- known:' line",
    ),
    "a column described twice": ("column: quadrant", "column: close", 8, "close is described twice"),
    "an undescribed column": ("-- column: quadrant | Where it stands. [ours]\n", "", 13, "quadrant has no"),
    "a column that is not selected": (", 'leading' as quadrant", "", 8, "quadrant is described, but not selected"),
    "a column without a name": ("'leading' as quadrant", "'leading' || 'x'", 14, "needs a name"),
    "another order": ("select symbol, session_date", "select session_date, symbol", 1, "order of the select: session"),
    "a test of an unknown column": ("not_null(symbol,close)", "not_null(symbol,open)", 10, "'open' is not a described"),
    "an expression on an unknown column": ("close between 0 and 10", "open > 0", 11, "'open' is not a described"),
    "an expression that is not SQL": ("close between 0 and 10", "close between 0 and", 11, "is not unique(...)"),
    "two tests in one line": ("close between 0 and 10", "close > 0, close < 9", 11, "a test is one expression"),
    "a test that hides a statement": ("close between 0 and 10", "close > 0; drop table x", 11, "a test is one"),
    "a test with a where": ("close between 0 and 10", "close > 0 where true", 11, "a test is one expression"),
    "a test that reads a table": ("close between 0 and 10", "close in (select 1)", 11, "reads no other table"),
    "a header line below the header": ("-- a plain comment: not a header line", "-- fail: close > 0", 13, "move it up"),
    "two statements": ("from core.prices;", "from core.prices; select 1", 1, "found 2 statements"),
    "not a select": ("select symbol, session", "create table x as select symbol, session", 14, "expected a select"),
    "not SQL": ("from core.prices;", "from core.prices where (;", 15, "not valid SQL"),
    "no table": ("from core.prices;", "from range(3) as r(symbol, session_date, close)", 14, "reads no table"),
    "a table without a schema": ("from core.prices;", "from prices;", 15, "prices: name tables as core.x"),
    "a table of the raw layer": ("from core.prices;", "from raw.prices;", 15, "raw.prices: name tables as core.x"),
    "a file as table": ("from core.prices;", "from 'prices.parquet';", 15, "name tables as core.x"),
    "an unknown mart": ("from core.prices;", "from marts.nothing;", 15, "there is no model marts.nothing"),
}


@pytest.mark.parametrize(("old", "new", "line", "message"), ERRORS.values(), ids=list(ERRORS))
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(FileError) as error:
        sql_models.load_models(tmp_path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert message in str(error.value)
    assert isinstance(error.value, RotationError)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    with pytest.raises(FileError, match=r"closes\.sql:1: expected one select, found 0 statements") as error:
        sql_models.load_models(tmp_path)
    assert str(path) in str(error.value)


def test_a_folder_without_models_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no \*\.sql file"):
        sql_models.load_models(tmp_path)


def test_a_file_name_that_is_no_table_name_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "Closes-1")
    with pytest.raises(FileError, match="it is the table's name"):
        sql_models.load_models(tmp_path)


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "closes.sql").write_bytes(b"-- model: \xff")
    with pytest.raises(FileError, match=r"closes\.sql:1: not UTF-8"):
        sql_models.load_models(tmp_path)


# Dependencies


SELECTS = {
    "a CTE is no input": ("with a as (select 1 as k from core.x) select k from a", ("core.x",)),
    "a CTE is found whatever its capitals": (
        "with Newest as (select 1 as k from core.x) select k from newest",
        ("core.x",),
    ),
    "asof": (
        "select s.k from core.sessions as s asof left join derived.curve as c on s.at >= c.at",
        ("core.sessions", "derived.curve"),
    ),
    "subqueries": (
        "select (select max(b) from core.b) as k from core.a where exists (select 1 from derived.c) "
        "and a in (select d from derived.d)",
        ("core.a", "core.b", "derived.c", "derived.d"),
    ),
    "lateral": ("select l.k from core.a, lateral (select a.x as k from core.b) as l", ("core.a", "core.b")),
    "qualify": (
        "select k from core.a qualify row_number() over (order by k) <= (select n from core.b)",
        ("core.a", "core.b"),
    ),
    "union": ("select k from core.b union all select k from core.a", ("core.a", "core.b")),
    "from first": ("from core.a select k", ("core.a",)),
    "a table function is no input": ("select k from core.a, generate_series(1, 2) as g(k)", ("core.a",)),
    "twice is once": ("select a.k from core.a as a join core.a as b using (k)", ("core.a",)),
}


@pytest.mark.parametrize(("select", "inputs"), SELECTS.values(), ids=list(SELECTS))
def test_inputs_are_the_tables_that_are_read(tmp_path: Path, select: str, inputs: tuple[str, ...]) -> None:
    assert model(tmp_path, select, "k | Key.").inputs == inputs


def test_models_come_after_the_models_they_read(tmp_path: Path) -> None:
    header = "-- model: A model.\n-- grain: k\n-- column: k | Key.\n"
    write(tmp_path, header + "select k from marts.b join marts.c using (k)", "a")
    write(tmp_path, header + "select k from marts.c", "b")
    write(tmp_path, header + "select k from core.x", "c")
    models = sql_models.load_models(tmp_path)
    assert list(models) == ["c", "b", "a"]
    assert models["a"].inputs == ("marts.b", "marts.c")


@pytest.mark.parametrize("reads", [("b", "a"), ("a", "a")])
def test_a_circle_is_an_error(tmp_path: Path, reads: tuple[str, str]) -> None:
    header = "-- model: A model.\n-- grain: k\n-- column: k | Key.\n"
    write(tmp_path, header + f"select k from marts.{reads[0]}", "a")
    write(tmp_path, header + f"select k from marts.{reads[1]}", "b")
    with pytest.raises(FileError, match=r"[ab]\.sql:4: models read each other in a circle: marts\.[ab] -> marts"):
        sql_models.load_models(tmp_path)


# Running


def test_types_are_those_that_are_published(tmp_path: Path, connection) -> None:
    columns = {
        "n": ("sum(a)", "Sum, a HUGEINT.", pl.Int64, 1),
        "m": ("1::utinyint", "Small.", pl.Int64, 1),
        "price": ("1.5", "DECIMAL. [usd]", pl.Float64, 1.5),
        "x": ("0.5::float", "REAL. [usd]", pl.Float64, 0.5),
        "d": ("date '2024-01-02'", "Date.", pl.Date, dt.date(2024, 1, 2)),
        "s": ("'a'", "Text.", pl.String, "a"),
        "b": ("true", "Flag.", pl.Boolean, True),
        "t": (
            "timestamptz '2024-01-02 16:00:00-05'",
            "Instant.",
            pl.Datetime("us", "UTC"),
            dt.datetime(2024, 1, 2, 21, tzinfo=dt.UTC),
        ),
    }
    select = ", ".join(f"{sql} as {name}" for name, (sql, *_) in columns.items())
    found = model(tmp_path, f"select {select} from core.t", *(f"{name} | {c[1]}" for name, c in columns.items()))
    frame = sql_models.run(found, connection)
    assert frame.schema == pl.Schema({name: c[2] for name, c in columns.items()})
    assert frame.row(0) == tuple(c[3] for c in columns.values())
    assert sql_models.run(load(tmp_path, found.sql + " having false"), connection).schema == frame.schema


@pytest.mark.parametrize(
    ("unit", "published"),
    [
        ("fraction", 0.12345679),
        ("ratio", 0.12345679),
        ("probability", 0.12345679),
        ("points", 0.123457),
        ("pct", 0.123457),
        ("pp", 0.123457),
        ("sd", 0.123457),
        ("usd", 0.123456789123),
        ("as served", 0.123456789123),
    ],
)
def test_figures_are_rounded_by_their_unit(tmp_path: Path, connection, unit: str, published: float) -> None:
    found = model(tmp_path, "select 0.123456789123::double as x from core.t", f"x | Figure. [{unit}]")
    assert sql_models.run(found, connection).item() == published


def test_minus_zero_is_zero_and_what_is_not_finite_is_null(tmp_path: Path, connection) -> None:
    select = "select unnest(['-0.0', 'nan', 'inf', '-1e-12'])::double as x from core.t"
    values = sql_models.run(model(tmp_path, select, "x | Figure. [pp]"), connection)["x"]
    assert [str(value) for value in values] == ["0.0", "None", "None", "0.0"]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("[1]", "column x is list; cast it"),
        ("timestamp '2024-01-02 16:00:00'", "column x is timestamp; cast it"),
        ("interval 1 day", "column x is interval; cast it"),
        ("null", "column x is null; cast it"),
        ("1.5", r"column x is decimal and needs a unit: \[fraction\]"),
        ("2::hugeint ** 100", "needs a unit"),
        ("170141183460469231731687303715884105727::hugeint", "closes.sql: "),
        ("no_such_column", "closes.sql: .*no_such_column"),
    ],
)
def test_what_cannot_be_published_is_an_error(tmp_path: Path, connection, expression: str, message: str) -> None:
    found = model(tmp_path, f"select {expression} as x from core.t", "x | Figure.")
    with pytest.raises(FileError, match=message):
        sql_models.run(found, connection)


@pytest.mark.parametrize(("expression", "is_fine"), [("a", False), ("'2024'", False), ("date '2024-01-02'", True)])
def test_a_row_is_known_from_a_day_or_an_instant(tmp_path: Path, connection, expression: str, is_fine: bool) -> None:
    found = model(tmp_path, f"select {expression} as x from core.t", "x | Known.", tests=("known: x",))
    if is_fine:
        assert sql_models.run(found, connection).height == 1
        return
    with pytest.raises(FileError, match=r"closes\.sql: a row is known from a day or an instant, and column x is"):
        sql_models.run(found, connection)


@pytest.mark.parametrize("columns", [("a | A.",), ("a | A.", "b | B.", "c | C."), ("b | B.", "a | A.")])
def test_columns_behind_a_star_are_compared_when_it_runs(tmp_path: Path, connection, columns: tuple[str, ...]) -> None:
    found = model(tmp_path, "with t as (select a, 2 as b from core.t) select * from t", *columns)
    with pytest.raises(FileError, match=r"closes\.sql: the select's columns are not those of the header"):
        sql_models.run(found, connection)


def test_the_result_has_the_order_of_the_select(tmp_path: Path, connection) -> None:
    found = model(tmp_path, "select range as x from core.t, range(5000) order by x % 7, x desc", "x | Number.")
    assert sql_models.run(found, connection)["x"].to_list() == sorted(range(5000), key=lambda x: (x % 7, -x))


# Tests


FRAME = pl.DataFrame(
    {"a": [1, 1, 2, None, None, 3], "b": ["x", "x", "x", "y", "y", None], "ok": [True, False, None, True, True, True]}
)
VIOLATED = {
    "unique(a)": 4,
    "unique(a, b)": 4,
    "unique(a, b, ok)": 2,
    "not_null(a)": 2,
    "not_null( a , b )": 3,
    "a > 1": 2,
    "ok": 1,
    "not ok or a = 2": 2,
    "count(*) > 100": 1,
    "a = 1 and b = 'x' or a > 1": 0,
    "coalesce(a > 1, false)": 4,
}


@pytest.mark.parametrize(("expression", "rows"), VIOLATED.items())
def test_a_test_counts_the_rows_that_break_it(tmp_path: Path, connection, expression: str, rows: int) -> None:
    columns = ("a | A.", "b | B.", "ok | Ok.")
    found = model(tmp_path, "select a, b, ok from core.t", *columns, tests=(f"warn: {expression}",))
    violations = sql_models.violations(found, connection, FRAME)
    assert [(v.test.severity, v.test.expression, v.rows) for v in violations] == (
        [("warn", expression, rows)] if rows else []
    )


@pytest.mark.parametrize("apart", [[], ["count(*) > 100"]], ids=["rows", "rows and an aggregate"])
def test_tests_count_side_by_side_what_they_count_alone(tmp_path: Path, connection, apart: list[str]) -> None:
    expressions = [one for one in VIOLATED if one in apart or "count(" not in one]
    tests = tuple(f"warn: {expression}" for expression in expressions)
    found = model(tmp_path, "select a, b, ok from core.t", "a | A.", "b | B.", "ok | Ok.", tests=tests)
    violations = sql_models.violations(found, connection, FRAME)
    assert {v.test.expression: v.rows for v in violations} == {
        one: VIOLATED[one] for one in expressions if VIOLATED[one]
    }


def test_violations_keep_the_order_of_the_header_and_leave_nothing_behind(tmp_path: Path, connection) -> None:
    tests = ("warn: a > 1", "fail: a > 0", "fail: unique(a)")
    found = model(tmp_path, "select a, b, ok from core.t", "a | A.", "b | B.", "ok | Ok.", tests=tests)
    violations = sql_models.violations(found, connection, FRAME)
    assert [(v.test.severity, v.test.expression) for v in violations] == [("warn", "a > 1"), ("fail", "unique(a)")]
    assert connection.sql("select count(*) from duckdb_views() where not internal").fetchall() == [(0,)]


def test_a_test_works_on_a_connection_that_only_reads(tmp_path: Path) -> None:
    duckdb.connect(tmp_path / "x.duckdb").close()
    found = model(tmp_path, "select a, b, ok from core.t", "a | A.", "b | B.", "ok | Ok.", tests=("fail: unique(a)",))
    config = {"enable_external_access": "false", "python_enable_replacements": "false"}
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True, config=config) as reader:
        assert [violation.rows for violation in sql_models.violations(found, reader, FRAME)] == [4]


@pytest.mark.parametrize(
    ("expression", "message"),
    [("a", r"closes\.sql:6: 'a' gives bigint, not true or false"), ("nosuch(a)", r"closes\.sql:6: 'nosuch\(a\)'")],
)
def test_a_test_that_says_neither_yes_nor_no_is_an_error(tmp_path: Path, connection, expression, message) -> None:
    found = model(
        tmp_path, "select a, b, ok from core.t", "a | A.", "b | B.", "ok | Ok.", tests=(f"fail: {expression}",)
    )
    with pytest.raises(FileError, match=message):
        sql_models.violations(found, connection, FRAME)


def test_of_several_tests_the_one_at_fault_is_named(tmp_path: Path, connection) -> None:
    tests = ("fail: unique(a)", "warn: a > 0", "fail: a", "warn: ok")
    found = model(tmp_path, "select a, b, ok from core.t", "a | A.", "b | B.", "ok | Ok.", tests=tests)
    with pytest.raises(FileError, match=r"closes\.sql:8: 'a' gives bigint, not true or false"):
        sql_models.violations(found, connection, FRAME)


# The models of this project


def test_the_marts_are_found_beside_the_package() -> None:
    models = sql_models.load_models()
    assert set(models) >= {"rotation_daily", "leaderboard", "inversion_history", "streak_history", "valuation_gap_now"}
    assert {found.layer for found in models.values()} == {"marts"}


def test_dagster_is_not_needed() -> None:
    code = "import sys, pipeline.sql_models; assert not any(m.split('.')[0] == 'dagster' for m in sys.modules)"
    root = Path(sql_models.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
