"""Measures and articles as files: what becomes of good ones, and every mistake named by file, line and field."""

import datetime as dt
import re
from pathlib import Path

import duckdb
import pytest

from pipeline.claims.articles import Article, Question, load_article, load_articles, parse_instant
from pipeline.claims.measures import Measure, Parameter, Value, literal, load_measures

GOOD = """\
-- measure: Return
--     of a fund.
-- parameter: symbol symbol | Fund or | index.
-- parameter: basis choice(price, total) = price | price: closes; total: with dividends.
-- parameter: sessions count = 5 | How many sessions.
-- parameter: start date = none | First day; none: the first
--     that there is.
-- parameter: factor number = -0.5 | Factor.
-- parameter: strict flag=true| Whether.
-- parameter: word text = it's | A word.
-- value: Return [of a kind] here. [pct]
-- missing: closes of {symbol} ({basis}) on {session}, known by {known_at}

-- the select: not a header line
select
    close * $factor as value,
    session_date as as_of,
    {word: $word, strict: $strict, sessions: $sessions, basis: $basis} as evidence
from core.prices
where symbol = $symbol and session_date <= $session and session_date >= $start and $known_at > now();
"""


def write(folder: Path, text: str, name: str = "change.sql") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def one_fault(faults: list[str]) -> str:
    assert len(faults) == 1, faults
    assert "\n" not in faults[0]
    return faults[0]


# Measures


def test_the_header_becomes_a_measure(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    measures, faults = load_measures(tmp_path)
    assert faults == []
    found = measures["change"]
    assert (found.name, found.description, found.path) == ("change", "Return of a fund.", path)
    assert found.parameters == (
        Parameter("symbol", "symbol", "Fund or | index."),
        Parameter("basis", "choice", "price: closes; total: with dividends.", ("price", "total"), "price"),
        Parameter("sessions", "count", "How many sessions.", default="5"),
        Parameter("start", "date", "First day; none: the first that there is.", default="none"),
        Parameter("factor", "number", "Factor.", default="-0.5"),
        Parameter("strict", "flag", "Whether.", default="true"),
        Parameter("word", "text", "A word.", default="it's"),
    )
    assert (found.value, found.unit) == ("Return [of a kind] here.", "pct")
    assert found.missing == "closes of {symbol} ({basis}) on {session}, known by {known_at}"
    assert found.inputs == ("core.prices",)
    assert found.sql.startswith("-- the select: not a header line\nselect")
    assert found.sql.endswith("> now()")


ERRORS: dict[str, tuple[str, str, int | None, str]] = {
    "an unknown header line": ("-- parameter: symbol symbol", "-- owner: symbol", 3, "unknown header line"),
    "a line of the marts": ("-- value: Return [of a kind] here. [pct]", "-- column: value | x. [pct]", 11, "unknown"),
    "no measure line": ("-- measure: Return\n--     of a fund.\n", "", None, "exactly one '-- measure:' line"),
    "two measure lines": ("-- parameter: symbol", "-- measure: More\n-- parameter: symbol", 3, "and has 2"),
    "no value line": ("-- value: Return [of a kind] here. [pct]\n", "", None, "exactly one '-- value:' line"),
    "two value lines": ("-- missing: closes", "-- value: V. [pct]\n-- missing: closes", 12, "and has 2"),
    "no missing line": (
        GOOD[GOOD.index("-- missing:") : GOOD.index("\n-- the select")],
        "",
        None,
        "'-- missing:' line",
    ),
    "an empty missing line": (GOOD[GOOD.index("closes of {") : GOOD.index("\n\n-- the")], "", 12, "says nothing"),
    "an unknown kind": ("symbol symbol |", "symbol ticker |", 3, "a kind of symbol, series"),
    "a parameter without a kind": ("symbol symbol |", "symbol |", 3, "expected '-- parameter: name kind"),
    "a parameter without a description": ("flag=true| Whether.", "flag=true|", 9, "expected '-- parameter: name kind"),
    "a parameter without a bar": ("flag=true| Whether.", "flag=true", 9, "expected '-- parameter: name kind"),
    "a parameter with capitals": ("symbol symbol |", "Symbol symbol |", 3, "expected '-- parameter: name kind"),
    "a choice without options": ("choice(price, total) = price", "choice", 4, "choice(a, b)"),
    "a choice of nothing": ("choice(price, total) = price", "choice()", 4, "choice(a, b)"),
    "options that are no choice": ("sessions count = 5", "sessions count(1, 5) = 5", 5, "choice(a, b)"),
    "a parameter called known_at": ("start date = none", "known_at date = none", 6, "expected '-- parameter:"),
    "a parameter called session": ("start date = none", "session date = none", 6, "expected '-- parameter:"),
    "a default that is no choice": (") = price", ") = close", 4, "basis: the default 'close' is none of price, total"),
    "a default that is no count": ("count = 5", "count = 5.5", 5, "sessions: the default '5.5' is no whole number"),
    "a negative count": ("count = 5", "count = -5", 5, "sessions: the default '-5' is no whole number"),
    "a default that is no date": ("date = none", "date = 2024-02-30", 6, "start: the default '2024-02-30' is no date"),
    "a default that is no number": ("number = -0.5", "number = nan", 8, "factor: the default 'nan' is no number"),
    "an infinite default": ("number = -0.5", "number = -inf", 8, "factor: the default '-inf' is no number"),
    "a default that is no flag": ("flag=true", "flag=True", 9, "strict: the default 'True' is neither true nor false"),
    "an undeclared parameter": ("close * $factor", "close * $factor * $other", None, "$other has no '-- parameter:'"),
    "an unused parameter": ("strict: $strict, ", "", None, "parameter strict is not used in the select"),
    "a parameter declared twice": (
        "-- parameter: factor",
        "-- parameter: word text = x | Again.\n-- parameter: factor",
        None,
        "parameter word is declared twice",
    ),
    "a $name in a text": ("{word: $word", "{word: 'the $word'", None, "a $name stands in a text or a comment"),
    "a $name in a comment": (
        "-- the select: not",
        "-- the $symbol: not",
        None,
        "a $name stands in a text or a comment",
    ),
    "a $name in a trailing comment": ("from core.prices", "from core.prices -- $word", None, "in a text or a comment"),
    "a parameter used only in a comment": (
        "close * $factor as value,",
        "close as value, -- times $factor",
        None,
        "a $name stands in a text or a comment",
    ),
    "another result column": ("as value,", "as result,", None, "a measure selects value, as_of, evidence"),
    "another order": (
        "close * $factor as value,\n    session_date as as_of,",
        "session_date as as_of,\n    close * $factor as value,",
        None,
        "in this order",
    ),
    "a column more": (" as evidence", " as evidence, 1 as more", None, "a measure selects value, as_of, evidence"),
    "a column less": ("    session_date as as_of,\n", "", None, "a measure selects value, as_of, evidence"),
    "two statements": ("> now();", "> now(); select 1", None, "found 2 statements"),
    "not a select": ("select\n    close", "create table x as select\n    close", 15, "expected a select"),
    "not SQL": ("from core.prices", "from core.prices where (", None, "not valid SQL"),
    "a table of the marts": (
        "select\n    close",
        "with x as (from marts.leaderboard)\nselect\n    close",
        15,
        "marts.leaderboard: name tables as core.x",
    ),
    "a table of the raw layer": (
        "select\n    close",
        "with x as (from raw.prices)\nselect\n    close",
        15,
        "raw.prices: name tables as core.x",
    ),
    "a table without a schema": (
        "select\n    close",
        "with x as (from prices)\nselect\n    close",
        15,
        "prices: name tables as core.x",
    ),
    "a table of another database": (
        "select\n    close",
        "with x as (from x.core.prices)\nselect\n    close",
        15,
        "x.core.prices: name tables as core.x",
    ),
    "an unknown unit": ("[pct]", "[percent]", 11, "expected '-- value: What it is. [unit]'"),
    "no unit": (" [pct]", "", 11, "expected '-- value: What it is. [unit]'"),
    "two units": ("[pct]", "[pct, pp]", 11, "expected '-- value: What it is. [unit]'"),
    "a unit alone": ("Return [of a kind] here. [pct]", "[pct]", 11, "expected '-- value: What it is. [unit]'"),
    "an unknown brace": ("of {symbol}", "of {fund}", 12, "missing: {fund} is not a parameter"),
    "a brace without its partner": ("of {symbol}", "of {symbol", 12, "missing: a brace without its partner"),
    "an empty brace": ("of {symbol}", "of {}", 12, "missing: {} is not a parameter"),
    "a brace with a format": ("of {symbol}", "of {symbol:>9}", 12, "is not a parameter"),
    "a brace with an attribute": ("of {symbol}", "of {symbol.__class__}", 12, "is not a parameter"),
    "a header line below the header": (
        "-- the select: not a header line",
        "-- missing: more",
        14,
        "'-- missing:' below the header; move it up",
    ),
}


@pytest.mark.parametrize(("old", "new", "line", "message"), ERRORS.values(), ids=list(ERRORS))
def test_a_mistake_in_a_measure_is_one_line_and_leaves_the_others(
    tmp_path: Path, old: str, new: str, line: int | None, message: str
) -> None:
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    write(tmp_path, GOOD, "another.sql")
    measures, faults = load_measures(tmp_path)
    fault = one_fault(faults)
    assert re.match(rf"{re.escape(str(path))}:{line or '[0-9]+'}: ", fault)
    assert message in fault
    assert list(measures) == ["another"]


def test_a_table_that_no_build_has_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("core.prices", "core.price"))
    fault = one_fault(load_measures(tmp_path)[1])
    assert fault.startswith(f"{path}:")
    assert "core.price" in fault


@pytest.mark.parametrize("name", ["Change.sql", "big-change.sql", "5d.sql", "a b.sql"])
def test_a_file_name_that_cannot_be_a_measures_is_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, GOOD, name)
    write(tmp_path, GOOD, "another.sql")
    measures, faults = load_measures(tmp_path)
    assert one_fault(faults).startswith(f"{path}:1: name the file in small letters")
    assert list(measures) == ["another"]


def test_a_measure_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "change.sql"
    path.write_bytes(GOOD.replace("Factor.", "Größe.").encode("latin-1"))
    write(tmp_path, GOOD, "another.sql")
    measures, faults = load_measures(tmp_path)
    assert one_fault(faults) == f"{path}:1: not UTF-8 text; save it as UTF-8"
    assert list(measures) == ["another"]


def test_an_empty_measure_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    assert one_fault(load_measures(tmp_path)[1]).startswith(f"{path}:1: ")


def test_every_wrong_measure_has_its_line(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, GOOD.replace("[pct]", "[percent]"), f"{name}.sql")
    measures, faults = load_measures(tmp_path)
    assert measures == {}
    assert [fault.split(":")[0] for fault in faults] == [str(tmp_path / "a.sql"), str(tmp_path / "b.sql")]


def test_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "change.sql").write_bytes(GOOD.replace("\n", "\r\n").encode())
    measures, faults = load_measures(tmp_path)
    assert faults == []
    assert measures["change"].missing == "closes of {symbol} ({basis}) on {session}, known by {known_at}"
    assert measures["change"].sql.splitlines()[0] == "-- the select: not a header line"


# Values

PARSED: dict[str, tuple[Parameter, str, Value]] = {
    "symbol": (Parameter("p", "symbol", ""), "^RUT", "^RUT"),
    "text keeps what looks like a number": (Parameter("p", "text", ""), "007", "007"),
    "choice": (Parameter("p", "choice", "", ("price", "total")), "total", "total"),
    "date": (Parameter("p", "date", ""), "2024-02-29", dt.date(2024, 2, 29)),
    "number": (Parameter("p", "number", ""), "-1e-7", -1e-7),
    "count": (Parameter("p", "count", ""), "0", 0),
    "flag": (Parameter("p", "flag", ""), "false", False),
    "the default none": (Parameter("p", "date", "", default="none"), "none", None),
}


@pytest.mark.parametrize(("parameter", "text", "value"), PARSED.values(), ids=list(PARSED))
def test_a_text_becomes_the_value_of_its_kind(parameter: Parameter, text: str, value: Value) -> None:
    found = parameter.parse(text)
    assert found == value
    assert type(found) is type(value)


WRONG: dict[str, tuple[Parameter, str, str]] = {
    "none without that default": (Parameter("p", "date", ""), "none", "'none' is no date; write it as 2024-07-16"),
    "no such day": (Parameter("p", "date", "", default="none"), "2023-02-29", "'2023-02-29' is no date"),
    "an instant": (Parameter("p", "date", ""), "2024-07-16T13:00", "is no date"),
    "a comma": (Parameter("p", "number", ""), "9,5", "'9,5' is no number"),
    "a percent sign": (Parameter("p", "number", ""), "9%", "'9%' is no number"),
    "not a number": (Parameter("p", "number", ""), "NaN", "'NaN' is no number"),
    "infinity": (Parameter("p", "number", ""), "1e999", "'1e999' is no number"),
    "a fraction as count": (Parameter("p", "count", ""), "5.0", "'5.0' is no whole number from 0 to"),
    "a negative count": (Parameter("p", "count", ""), "-1", "'-1' is no whole number from 0 to"),
    "digits of another script": (Parameter("p", "count", ""), "٣", "is no whole number from 0 to"),
    "an empty count": (Parameter("p", "count", ""), "", "'' is no whole number from 0 to"),
    "yes": (Parameter("p", "flag", ""), "yes", "'yes' is neither true nor false"),
    "no such choice": (Parameter("p", "choice", "", ("price", "total")), "Total", "'Total' is none of price, total"),
}


@pytest.mark.parametrize(("parameter", "text", "message"), WRONG.values(), ids=list(WRONG))
def test_a_text_of_the_wrong_kind_says_what_was_expected(parameter: Parameter, text: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        parameter.parse(text)
    assert message in str(error.value)


NEW_YORK_NOON = dt.datetime(2024, 7, 16, 12, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=-4)))
LITERALS: dict[str, tuple[Value, object]] = {
    "a text": ("IWM", "IWM"),
    "quotes": ("it's 'so'", "it's 'so'"),
    "a text that would end the statement": ("'; drop table core.prices; --", "'; drop table core.prices; --"),
    "a backslash": ("a\\'b", "a\\'b"),
    "a $name": ("$symbol", "$symbol"),
    "nothing": (None, None),
    "true": (True, True),
    "false": (False, False),
    "a date": (dt.date(2024, 2, 29), dt.date(2024, 2, 29)),
    "an instant of another zone": (NEW_YORK_NOON, dt.datetime(2024, 7, 16, 16, 0, 30, tzinfo=dt.UTC)),
    "a count": (5, 5),
    "a number": (2.5, 2.5),
    "a negative number": (-2.5, -2.5),
    "a negative count": (-2, -2),
    "a number with more digits than a DECIMAL multiplies": (0.1234567890123456, 0.1234567890123456),
    "an instant with microseconds": (
        dt.datetime(2024, 7, 16, 17, 0, 0, 250, tzinfo=dt.UTC),
        dt.datetime(2024, 7, 16, 17, 0, 0, 250, tzinfo=dt.UTC),
    ),
    "a tiny number": (1e-7, 1e-7),
    "a big number": (1e22, 1e22),
}


@pytest.mark.parametrize(("value", "expected"), LITERALS.values(), ids=list(LITERALS))
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_literal_is_the_value_in_duckdb(value: Value, expected: object, zone: str) -> None:
    with duckdb.connect() as con:
        con.execute(f"set TimeZone = '{zone}'")
        [(found,)] = con.execute(f"select {literal(value)}").fetchall()
    assert found == expected
    assert type(found) is type(expected)


def test_a_negative_number_after_a_minus_is_no_comment() -> None:
    with duckdb.connect() as con:
        assert con.execute(f"select 10 -{literal(-1)}, {literal(-1)}::int::text").fetchall() == [(11, "-1")]


def test_the_line_of_a_fault_is_that_of_the_file_behind_parameters_too(tmp_path: Path) -> None:
    text = GOOD.replace("core.prices", "marts.leaderboard")
    path = write(tmp_path, text)
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "marts.leaderboard" in line]
    assert one_fault(load_measures(tmp_path)[1]).startswith(f"{path}:{lines[0]}: marts.leaderboard")


def test_a_folder_that_is_called_like_a_measure_is_named(tmp_path: Path) -> None:
    (tmp_path / "change.sql").mkdir()
    assert "cannot be read" in one_fault(load_measures(tmp_path)[1])


def test_a_measure_filled_in_is_plain_sql_and_a_value_with_a_dollar_stays(tmp_path: Path) -> None:
    write(
        tmp_path,
        "-- measure: M.\n-- parameter: word text | W.\n-- parameter: words text | Longer name.\n-- value: V. [text]\n"
        "-- missing: none\n\nselect $word || $words as value, $session as as_of, {known_at: $known_at} as evidence;\n",
    )
    values = {
        "word": "$words isn't ",
        "words": "$word",
        "session": dt.date(2024, 7, 15),
        "known_at": dt.datetime(2024, 7, 16, 17, tzinfo=dt.UTC),
    }
    sql = load_measures(tmp_path)[0]["change"].filled(values)
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        rows = con.execute(sql).fetchall()
    assert rows == [("$words isn't $word", values["session"], {"known_at": values["known_at"]})]


# Articles

CHANGE = """\
-- measure: Change.
-- parameter: symbol symbol | Fund.
-- parameter: basis choice(price, total) = price | Basis.
-- parameter: sessions count | Sessions.
-- parameter: start date = none | Start.
-- value: Change. [pct]
-- missing: closes of {symbol}

select $sessions as value, $start as as_of, {symbol: $symbol, basis: $basis} as evidence
"""
LEVEL = """\
-- measure: Level.
-- parameter: symbol symbol | Fund.
-- parameter: factor number = 1 | Factor.
-- value: Level. [usd]
-- missing: closes of {symbol}

select $factor as value, null::date as as_of, {symbol: $symbol} as evidence
"""
ARTICLE = """\
title: Small caps run
publisher: a news story
published_at: 2024-07-16T13:00:00-04:00
claims:
  - id: first
    claim: It rose by more than 9 %.
    kind: number
    measure: change
    parameters: {symbol: IWM, sessions: 5}
    expect: {more_than: 9}
    readings:
      - reading: the close before
      - reading: the close of that day
        parameters: {basis: total}
        instant: 2024-07-16 close
    arithmetic:
      - reading: sums up
        measure: level
        expect: {value: 1, tolerance: 0}
  - id: second
    claim: It weighs 28 %.
    kind: number
    missing: weights
  - id: third
    claim: It will rise.
    kind: opinion
    opinion: a forecast
"""


@pytest.fixture
def measures(tmp_path: Path) -> dict[str, Measure]:
    folder = tmp_path / "measures"
    folder.mkdir()
    write(folder, CHANGE)
    write(folder, LEVEL, "level.sql")
    found, faults = load_measures(folder)
    assert faults == []
    return found


def good(path: Path, measures: dict[str, Measure]) -> Article:
    article, faults = load_article(path, measures)
    assert faults == []
    assert article is not None
    return article


def questions(path: Path, measures: dict[str, Measure]) -> tuple[Question, ...]:
    return good(path, measures).statements[0].questions


def ids(article: Article | None) -> list[str]:
    assert article is not None
    return [one.claim.id for one in article.statements]


def test_an_article_becomes_its_claims_and_readings(tmp_path: Path, measures: dict[str, Measure]) -> None:
    found = good(write(tmp_path, ARTICLE, "a2-small_caps.yaml"), measures)
    assert found.id == "a2-small_caps"
    assert (found.head.title, found.head.publisher) == ("Small caps run", "a news story")
    assert found.head.published_at == dt.datetime(2024, 7, 16, 17, tzinfo=dt.UTC)
    assert not found.head.is_synthetic
    assert ids(found) == ["first", "second", "third"]
    first, second, third = found.statements
    assert [one.label for one in first.questions] == ["the close before", "the close of that day", "sums up"]
    assert [one.is_arithmetic for one in first.questions] == [False, False, True]
    assert second.questions == third.questions == ()
    assert (second.claim.missing, third.claim.opinion) == ("weights", "a forecast")


def test_what_a_reading_does_not_say_its_claim_says(tmp_path: Path, measures: dict[str, Measure]) -> None:
    before, that_day, check = questions(write(tmp_path, ARTICLE, "a.yaml"), measures)
    assert before.measure == that_day.measure == measures["change"]
    assert before.values == {"symbol": "IWM", "basis": "price", "sessions": 5, "start": None}
    assert that_day.values == {"symbol": "IWM", "basis": "total", "sessions": 5, "start": None}
    assert (before.instant, that_day.instant) == (None, "2024-07-16 close")
    assert [one.more_than for one in (*before.expect, *that_day.expect)] == [9.0, 9.0]
    assert check.measure == measures["level"]
    assert check.values == {"symbol": "IWM", "factor": 1.0}  # sessions is none of its parameters
    assert [(one.value, one.tolerance, one.more_than) for one in check.expect] == [(1.0, 0.0, None)]


def test_a_reading_overrides_measure_parameters_and_expectation(tmp_path: Path, measures: dict[str, Measure]) -> None:
    readings = """\
    readings:
      - {reading: other, measure: level, parameters: {factor: -2.5, symbol: ^RUT}, expect: {at_most: 3}}
      - {reading: both, expect: [{at_least: 1, less_than: 2}, {of: basis, from: 2024-07-01, to: 2024-07-01}],
         mixes_bases: true, instant: now}
      - {reading: reset, parameters: {start: none}}
      - {reading: nobody, missing: quotes of that day}
"""
    text = ARTICLE[: ARTICLE.index("    readings:")] + readings
    text = text.replace("sessions: 5}", "sessions: 5, start: 2024-01-02}")
    other, both, reset, nobody = questions(write(tmp_path, text, "a.yaml"), measures)
    assert (other.measure, other.values) == (measures["level"], {"symbol": "^RUT", "factor": -2.5})
    assert [one.at_most for one in other.expect] == [3.0]
    assert [(one.at_least, one.less_than, one.of, one.first, one.last) for one in both.expect] == [
        (1.0, 2.0, None, None, None),
        (None, None, "basis", dt.date(2024, 7, 1), dt.date(2024, 7, 1)),
    ]
    assert (both.mixes_bases, both.instant) == (True, "now")
    assert both.values["start"] == dt.date(2024, 1, 2)
    assert reset.values["start"] is None
    assert (nobody.missing, nobody.measure) == ("quotes of that day", None)
    assert not any(one.mixes_bases for one in (other, reset, nobody))


def test_a_claim_without_readings_is_its_one_reading(tmp_path: Path, measures: dict[str, Measure]) -> None:
    head, rest = ARTICLE.split("    readings:")
    text = head + rest[rest.index("  - id: second") :]
    [only] = questions(write(tmp_path, text, "a.yaml"), measures)
    assert (only.measure, only.instant, only.is_arithmetic) == (measures["change"], None, False)
    assert [one.more_than for one in only.expect] == [9.0]


def test_a_measured_opinion_may_leave_out_what_it_expects(tmp_path: Path, measures: dict[str, Measure]) -> None:
    text = ARTICLE + "    measure: level\n    parameters: {symbol: IWM}\n"
    [one] = good(write(tmp_path, text, "a.yaml"), measures).statements[2].questions
    assert (one.measure, one.expect) == (measures["level"], ())


# change of the article, line, the field that the line names, what it says, the claims that stay
CLAIM_ERRORS: dict[str, tuple[str, str, int, str, str]] = {
    "an unknown measure": ("measure: change", "measure: chnage", 8, "measure", "there is no measure 'chnage'"),
    "an unknown measure of a reading": (
        "measure: level",
        "measure: lvl",
        18,
        "arithmetic.0.measure",
        "there is no measure 'lvl'",
    ),
    "a missing parameter": (
        "{symbol: IWM, sessions: 5}",
        "{symbol: IWM}",
        12,
        "readings.0.parameters",
        "missing parameter sessions of measure change",
    ),
    "an unknown parameter of the claim": (
        "sessions: 5}",
        "sessions: 5, sesions: 6}",
        9,
        "parameters.sesions",
        "no measure of this claim has it",
    ),
    "an unknown parameter of a reading": (
        "{basis: total}",
        "{base: total}",
        14,
        "readings.1.parameters.base",
        "measure change has no such parameter",
    ),
    "a parameter of another measure in a reading": (
        "{basis: total}",
        "{factor: 2}",
        14,
        "readings.1.parameters.factor",
        "measure change has no such parameter",
    ),
    "a parameter of the wrong kind": (
        "sessions: 5}",
        "sessions: five}",
        9,
        "parameters.sessions",
        "'five' is no whole number",
    ),
    "a choice that there is not": (
        "{basis: total}",
        "{basis: totl}",
        14,
        "readings.1.parameters.basis",
        "'totl' is none of price, total",
    ),
    "a date that there is not": (
        "{basis: total}",
        "{start: 2024-02-30}",
        14,
        "readings.1.parameters.start",
        "'2024-02-30' is no date",
    ),
    "a parameter without a value": ("{basis: total}", "{basis: }", 14, "readings.1.parameters.basis", "valid string"),
    "a list as parameter": ("{basis: total}", "{basis: [total]}", 14, "readings.1.parameters.basis", "valid string"),
    "an unknown field of a claim": (
        "    kind: number\n    measure",
        "    sort: number\n    measure",
        5,
        "kind",
        "required",
    ),
    "a field too many": ("    measure: change\n", "    measure: change\n    source: x\n", 9, "source", "not permitted"),
    "an unknown field of a reading": ("instant: 2024", "moment: 2024", 15, "readings.1.moment", "not permitted"),
    "an unknown field of a condition": ("{more_than: 9}", "{above: 9}", 10, "expect", "not permitted"),
    "an unknown kind": ("kind: number\n    measure", "kind: figure\n    measure", 7, "kind", "number"),
    "an instant without an offset": (
        "instant: 2024-07-16 close",
        "instant: 2024-07-16T16:00",
        15,
        "readings.1.instant",
        "'2024-07-16T16:00': write '2024-07-16 close', 2024-07-16T13:00-04:00 or now",
    ),
    "a word as instant": ("instant: 2024-07-16 close", "instant: today", 15, "readings.1.instant", "'today': write"),
    "a close of no day": ("2024-07-16 close", "2024-02-30 close", 15, "readings.1.instant", "close"),
    "a close in another order": (
        "instant: 2024-07-16 close",
        "instant: close 2024-07-16",
        15,
        "readings.1.instant",
        "now",
    ),
    "no expectation": ("    expect: {more_than: 9}\n", "", 11, "readings.0.expect", "say what the claim expects"),
    "an empty expectation": ("{more_than: 9}", "[]", 10, "expect", "at least 1"),
    "a number as expectation": ("{more_than: 9}", "9", 10, "expect", "dictionary"),
    "a field of the evidence alone": ("{more_than: 9}", "{of: base}", 10, "expect", "say in one way what is expected"),
    "a word as bound": ("{more_than: 9}", "{more_than: nine}", 10, "expect", "valid number"),
    "an infinite bound": ("{more_than: 9}", "{more_than: inf}", 10, "expect", "finite number"),
    "two forms": ("{more_than: 9}", "{more_than: 9, rank: 1}", 10, "expect", "say in one way what is expected"),
    "a value and a bound": ("{more_than: 9}", "{value: 9, tolerance: 1, at_least: 8}", 10, "expect", "in one way"),
    "two lower bounds": ("{more_than: 9}", "{more_than: 9, at_least: 9}", 10, "expect", "say in one way"),
    "two upper bounds": ("{more_than: 9}", "{less_than: 9, at_most: 9}", 10, "expect", "say in one way"),
    "a value without tolerance": ("{more_than: 9}", "{value: 9}", 10, "expect", "value and tolerance"),
    "a tolerance alone": ("{more_than: 9}", "{tolerance: 9}", 10, "expect", "value and tolerance"),
    "a negative tolerance": ("{more_than: 9}", "{value: 9, tolerance: -1}", 10, "expect", "greater than or equal to 0"),
    "a window without an end": ("{more_than: 9}", "{from: 2024-07-01}", 10, "expect", "from and to (dates)"),
    "from after to": (
        "{more_than: 9}",
        "{from: 2024-07-02, to: 2024-07-01}",
        10,
        "expect",
        "from 2024-07-02 is after to 2024-07-01",
    ),
    "a date that is none": ("{more_than: 9}", "{from: 2024-02-30, to: 2024-03-01}", 10, "expect", "date"),
    "rank 0": ("{more_than: 9}", "{rank: 0}", 10, "expect", "greater than or equal to 1"),
    "half a rank": ("{more_than: 9}", "{rank: 1.5}", 10, "expect", "integer"),
    "a field with capitals": ("{more_than: 9}", "{of: Base, rank: 1}", 10, "expect", "pattern"),
    "the second of two conditions": ("{more_than: 9}", "[{more_than: 9}, {rank: 0}]", 10, "expect.1", "equal to 1"),
    "two readings with one name": (
        "the close of that day",
        "the close before",
        5,
        "",
        "two readings are called 'the clo",
    ),
    "a check called as a reading": ("reading: sums up", "reading: the close before", 5, "", "two readings are called"),
    "a reading without a name": (
        "      - reading: the close before\n",
        "      - instant: now\n",
        12,
        "readings.0.reading",
        "req",
    ),
    "a reading with an empty name": (
        "reading: the close before",
        "reading: ''",
        12,
        "readings.0.reading",
        "at least 1",
    ),
    "a measure and what is missing": (
        "    measure: change\n",
        "    measure: change\n    missing: x\n",
        5,
        "",
        "'missing' goes",
    ),
    "a flag that is none": (
        "        instant: 2024-07-16 close\n",
        "        mixes_bases: perhaps\n",
        15,
        "readings.1.mixes_bases",
        "boolean",
    ),
    "a field that the evidence does not have": (
        "{more_than: 9}",
        "{of: bases, more_than: 9}",
        10,
        "expect",
        "the evidence of change has no bases; symbol, basis",
    ),
    "a word for a figure": ("{more_than: 9}", "{is: up}", 10, "expect", "'is' goes with a text or a flag"),
    "a rank for a percentage": ("{more_than: 9}", "{rank: 9}", 10, "expect", "'rank' goes with a count"),
    "a date for a figure": (
        "{more_than: 9}",
        "{from: 2024-07-01, to: 2024-07-31}",
        10,
        "expect",
        "'from' and 'to' go with a date",
    ),
    "a stray parameter beside a missing one": (
        "{symbol: IWM, sessions: 5}",
        "{symbol: IWM, session: 5}",
        12,
        "readings.0.parameters",
        "missing parameter sessions of measure change; it has no session",
    ),
    "a part of one reading alone": (
        "      - reading: the close before\n",
        "      - {reading: the close before, part: first}\n",
        5,
        "entry",
        "either every reading has a part or none",
    ),
    "an id with capitals": ("id: first", "id: First", 5, "id", "small letters"),
    "an id with a space": ("id: first", "id: the first", 5, "id", "small letters"),
    "an empty statement": ("claim: It rose by more than 9 %.", "claim: ''", 6, "claim", "at least 1"),
    "a statement without a value": ("claim: It rose by more than 9 %.", "claim:", 6, "claim", "valid string"),
}


@pytest.mark.parametrize(("old", "new", "line", "field", "message"), CLAIM_ERRORS.values(), ids=list(CLAIM_ERRORS))
def test_a_mistake_in_a_claim_is_one_line_and_leaves_the_others(
    tmp_path: Path, measures: dict[str, Measure], old: str, new: str, line: int, field: str, message: str
) -> None:
    assert ARTICLE.count(old) == 1
    path = write(tmp_path, ARTICLE.replace(old, new), "a.yaml")
    article, faults = load_article(path, measures)
    fault = one_fault(faults)
    assert fault.startswith(f"{path}:{line}: ")
    assert re.search(rf" {re.escape(field)}[.0-9a-z_]*: ", fault)
    assert message in fault
    assert ids(article) == ["second", "third"]


BLANK = ["{more_than: }", "{rank: }", "{is: }", "{is: []}", "{from: , to: }", "{value: , tolerance: }", "{}"]


@pytest.mark.parametrize("expect", [*BLANK, "{from: 0, to: 2024-07-16}", "{from: 2024-07-16T00:00, to: 2024-07-17}"])
def test_an_expectation_that_says_nothing_is_a_fault(tmp_path: Path, measures: dict[str, Measure], expect: str) -> None:
    text = f"{HEAD}claims:\n  - {{id: a, claim: x, kind: number, missing: y}}\n" + (
        f"  - {{id: b, claim: x, kind: number, measure: level, parameters: {{symbol: IWM}}, expect: {expect}}}\n"
    )
    path = write(tmp_path, text, "a.yaml")
    article, faults = load_article(path, measures)
    assert " expect" in one_fault(faults)
    assert ids(article) == ["a"]


def test_a_fault_is_one_line_whatever_the_words_in_it(tmp_path: Path, measures: dict[str, Measure]) -> None:
    text = f'{HEAD}claims:\n  - {{id: b, claim: x, kind: number, measure: "m\\nn", expect: {{rank: 1}}}}\n'
    assert "\n" not in one_fault(load_article(write(tmp_path, text, "a.yaml"), measures)[1])


def test_a_claim_whose_readings_all_lack_data_may_still_name_its_measure(
    tmp_path: Path, measures: dict[str, Measure]
) -> None:
    text = (
        f"{HEAD}claims:\n  - {{id: b, claim: x, kind: number, measure: level, parameters: {{symbol: IWM}},"
        " readings: [{reading: r, missing: quotes}]}\n"
    )
    assert load_article(write(tmp_path, text, "a.yml"), measures)[1] == []
    assert [one.id for one in load_articles([tmp_path], measures)[0]] == ["a"]


def test_readings_that_are_no_list(tmp_path: Path, measures: dict[str, Measure]) -> None:
    first, rest = ARTICLE.split("    readings:\n")
    text = first + "    readings: {reading: as said}\n" + rest[rest.index("    arithmetic:") :]
    path = write(tmp_path, text, "a.yaml")
    article, faults = load_article(path, measures)
    assert one_fault(faults).startswith(f"{path}:11: readings: ")
    assert ids(article) == ["second", "third"]


def test_neither_a_measure_nor_what_is_missing(tmp_path: Path, measures: dict[str, Measure]) -> None:
    path = write(tmp_path, ARTICLE.replace("    missing: weights\n", ""), "a.yaml")
    article, faults = load_article(path, measures)
    assert one_fault(faults).startswith(f"{path}:20: ")
    assert "give a measure, or say under 'missing' which data are" in faults[0]
    assert ids(article) == ["first", "third"]


def test_a_reading_without_a_measure_where_the_claim_has_none(tmp_path: Path, measures: dict[str, Measure]) -> None:
    path = write(tmp_path, ARTICLE.replace("    measure: change\n", ""), "a.yaml")
    article, faults = load_article(path, measures)
    assert one_fault(faults).startswith(f"{path}:11: first: readings.0.measure: ")
    assert ids(article) == ["second", "third"]


@pytest.mark.parametrize("opinion", ["", "    opinion: ''\n", "    opinion:\n"], ids=["no", "empty", "null"])
def test_an_opinion_says_what_it_is(tmp_path: Path, measures: dict[str, Measure], opinion: str) -> None:
    path = write(tmp_path, ARTICLE.replace("    opinion: a forecast\n", opinion), "a.yaml")
    article, faults = load_article(path, measures)
    assert re.match(rf"{re.escape(str(path))}:2[4-7]: ", one_fault(faults))
    assert "opinion" in faults[0]
    assert ids(article) == ["first", "second"]


def test_every_wrong_claim_has_its_line(tmp_path: Path, measures: dict[str, Measure]) -> None:
    text = ARTICLE.replace("{more_than: 9}", "{rank: 0}").replace("kind: opinion", "kind: view")
    path = write(tmp_path, text, "a.yaml")
    article, faults = load_article(path, measures)
    assert [fault.split(": ")[0] for fault in faults] == [f"{path}:10", f"{path}:26"]
    assert ids(article) == ["second"]


def test_two_claims_of_one_id_in_a_file(tmp_path: Path, measures: dict[str, Measure]) -> None:
    path = write(tmp_path, ARTICLE.replace("id: third", "id: second"), "a.yaml")
    article, faults = load_article(path, measures)
    assert one_fault(faults) == f"{path}:24: id: there are two claims second"
    assert ids(article) == ["first", "second"]
    assert article is not None
    assert article.statements[1].claim.missing == "weights"  # the first of them


def test_two_claims_of_one_id_in_two_files(tmp_path: Path, measures: dict[str, Measure]) -> None:
    write(tmp_path, ARTICLE.replace("id: second", "id: again").replace("id: third", "id: last"), "a.yaml")
    path = write(tmp_path, ARTICLE.replace("id: first", "id: again"), "b.yaml")
    found, faults = load_articles([tmp_path], measures)
    fault = one_fault(faults)
    assert fault.startswith(f"{path}:")
    assert "again" in fault
    assert "a.yaml" in fault
    assert [ids(article) for article in found] == [["first", "again", "last"], ["second", "third"]]


def test_two_claims_of_one_id_in_two_folders(tmp_path: Path, measures: dict[str, Measure]) -> None:
    folders = [tmp_path / "real", tmp_path / "sample"]
    for folder in folders:
        folder.mkdir()
        write(folder, ARTICLE, f"{folder.name}.yaml")
    found, faults = load_articles(folders, measures)
    assert len(faults) == 3
    assert all(fault.startswith(f"{tmp_path / 'sample' / 'sample.yaml'}:") for fault in faults)
    assert [ids(article) for article in found] == [["first", "second", "third"], []]


HEAD_ERRORS: dict[str, tuple[str, str, int, str]] = {
    "no title": ("title: Small caps run\n", "", 1, "title: "),
    "an empty title": ("title: Small caps run", "title:", 1, "title: "),
    "an unknown field": ("publisher: a news", "author: me\npublisher: a news", 2, "author: "),
    "published_at without an offset": ("13:00:00-04:00", "13:00:00", 3, "published_at: "),
    "published_at as a number": ("2024-07-16T13:00:00-04:00", "20240716", 3, "published_at: "),
    "published_at before all time": ("2024-07-16T13:00:00-04:00", "0001-01-01T00:00+05:00", 3, "published_at: "),
    "published_at without a time": ("2024-07-16T13:00:00-04:00", "2024-07-16", 3, "published_at: "),
    "published_at on no day": ("2024-07-16T13", "2024-02-30T13", 3, "published_at: "),
    "a flag that is none": ("publisher: a", "is_synthetic: perhaps\npublisher: a", 2, "is_synthetic: "),
    "a field given twice": ("publisher: a", "title: Again\npublisher: a", 2, "title: given twice"),
    "broken YAML": ("publisher: a", "publisher: [a", 2, "not valid YAML"),
    "a tab": ("publisher: a", "\tpublisher: a", 2, "not valid YAML"),
    "two documents": ("publisher: a", "---\npublisher: a", 2, "not valid YAML"),
}


@pytest.mark.parametrize(("old", "new", "line", "message"), HEAD_ERRORS.values(), ids=list(HEAD_ERRORS))
def test_a_mistake_that_spoils_the_file_is_one_line(
    tmp_path: Path, measures: dict[str, Measure], old: str, new: str, line: int, message: str
) -> None:
    assert ARTICLE.count(old) == 1
    path = write(tmp_path, ARTICLE.replace(old, new), "b.yaml")
    write(tmp_path, ARTICLE, "c.yaml")
    assert load_article(path, measures)[0] is None
    found, faults = load_articles([tmp_path], measures)
    fault = one_fault(faults)
    assert message in fault
    assert re.match(rf"{re.escape(str(path))}:[0-9]+: ", fault)
    if "valid YAML" not in message:  # where YAML breaks is the parser's to say
        assert fault.startswith(f"{path}:{line}: ")
    assert [(one.id, ids(one)) for one in found] == [("c", ["first", "second", "third"])]


HEAD = ARTICLE[: ARTICLE.index("claims:")]
NO_ARTICLES: dict[str, tuple[str, str]] = {
    "an empty file": ("", "expected fields with values"),
    "only a comment": ("# later\n", "expected fields with values"),
    "a list": ("- title: x\n", "expected fields with values"),
    "a text": ("hello\n", "expected fields with values"),
    "no claims": (HEAD, "claims: expected a list of claims"),
    "empty claims": (HEAD + "claims: []\n", "claims: expected a list of claims"),
    "claims without a value": (HEAD + "claims:\n", "claims: expected a list of claims"),
    "claims that are a mapping": (HEAD + "claims:\n  id: x\n", "claims: expected a list of claims"),
}


@pytest.mark.parametrize(("text", "message"), NO_ARTICLES.values(), ids=list(NO_ARTICLES))
def test_a_file_that_is_no_article_is_one_line(
    tmp_path: Path, measures: dict[str, Measure], text: str, message: str
) -> None:
    path = write(tmp_path, text, "a.yaml")
    article, faults = load_article(path, measures)
    assert article is None
    assert re.match(rf"{re.escape(str(path))}:[0-9]+: ", one_fault(faults))
    assert message in faults[0]


@pytest.mark.parametrize("entry", ["hello", "", "[a]", "7"])
def test_a_claim_that_is_no_mapping_is_one_line(tmp_path: Path, measures: dict[str, Measure], entry: str) -> None:
    path = write(tmp_path, ARTICLE + f"  - {entry}\n", "a.yaml")
    article, faults = load_article(path, measures)
    assert one_fault(faults).startswith(f"{path}:28: ")
    assert ids(article) == ["first", "second", "third"]


def test_an_article_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path, measures: dict[str, Measure]) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(ARTICLE.replace("a news story", "Börse").encode("latin-1"))
    article, faults = load_article(path, measures)
    assert article is None
    assert one_fault(faults) == f"{path}:2: not UTF-8 text; save it as UTF-8"


@pytest.mark.parametrize("name", ["Small.yaml", "small caps.yaml", "-a.yaml", "größe.yaml"])
def test_a_file_name_that_cannot_be_an_id_is_named(tmp_path: Path, measures: dict[str, Measure], name: str) -> None:
    path = write(tmp_path, ARTICLE, name)
    article, faults = load_article(path, measures)
    assert article is None
    assert one_fault(faults).startswith(f"{path}: name the file in small letters")


def test_a_file_that_is_gone_is_named(tmp_path: Path, measures: dict[str, Measure]) -> None:
    article, faults = load_article(tmp_path / "gone.yaml", measures)
    assert article is None
    assert one_fault(faults).startswith(f"{tmp_path / 'gone.yaml'}: cannot be read")


def test_words_that_yaml_would_turn_into_something_else_stay_words(
    tmp_path: Path, measures: dict[str, Measure]
) -> None:
    text = ARTICLE.replace("symbol: IWM", "symbol: ON").replace(
        "{more_than: 9}", "[{of: basis, is: [true, 16:15, 007]}]"
    )
    one, *_ = questions(write(tmp_path, text, "a.yaml"), measures)
    assert one.values["symbol"] == "ON"
    assert one.expect[0].one_of == ("true", "16:15", "007")


INSTANTS: dict[str, dt.date | dt.datetime] = {
    "2024-07-16 close": dt.date(2024, 7, 16),
    "2024-07-16T13:00-04:00": dt.datetime(2024, 7, 16, 17, tzinfo=dt.UTC),
    "2024-12-16T13:00:30-05:00": dt.datetime(2024, 12, 16, 18, 0, 30, tzinfo=dt.UTC),
    "2024-07-16T23:00Z": dt.datetime(2024, 7, 16, 23, tzinfo=dt.UTC),
    "2024-07-17T01:00+09:00": dt.datetime(2024, 7, 16, 16, tzinfo=dt.UTC),
}


@pytest.mark.parametrize(("text", "instant"), INSTANTS.items(), ids=list(INSTANTS))
def test_an_instant_is_a_close_or_a_moment(text: str, instant: dt.date | dt.datetime) -> None:
    found = parse_instant(text)
    assert found == instant
    assert type(found) is type(instant)


NO_INSTANTS = ["2024-07-16", "2024-07-16T13:00", "close", "2024-7-16 close", "2024-07-16 open", ""]


@pytest.mark.parametrize("text", [*NO_INSTANTS, "0001-01-01T00:00+05:00", "2024-02-30 close"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)
