"""The ledger on a warehouse of five sessions: what each reading sees, and what becomes of what cannot be tested."""

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.claims.articles import load_articles
from pipeline.claims.knowledge import TABLES, Knowledge
from pipeline.claims.ledger import judged
from pipeline.claims.measures import load_measures
from pipeline.claims.results import ArticleResult, ClaimResult, ReadingResult
from pipeline.tables import CONTRACTS

YES, NO, NONE, WRONG = "supported", "contradicted", "not_testable", "inconsistent"
DAY = [dt.date(2024, 7, day) for day in (11, 12, 15, 16, 17)]  # Thursday to Wednesday; the 13th is a Saturday
CLOSES = [200.0, 210.0, 220.0, 209.0, 230.0]
IN_SESSION = "2024-07-16T13:00:00-04:00"  # of Tuesday, the 16th: the newest close is the 220 of Monday


def utc(day: int, hour: int, minute: int = 0, month: int = 7) -> dt.datetime:
    return dt.datetime(2024, month, day, hour, minute, tzinfo=dt.UTC)


def insert(con: duckdb.DuckDBPyConnection, table: str, *rows: Mapping[str, Any]) -> None:
    for row in rows:
        columns, marks = ", ".join(row), ", ".join("?" for _ in row)
        con.execute(f"insert into {table} ({columns}) values ({marks})", list(row.values()))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """IWM and SPY with a bar on every session, OLD until the 12th, NEW from the 15th, EMPTY without any."""
    path = tmp_path_factory.mktemp("warehouse") / "template.duckdb"
    with duckdb.connect(path) as con:
        con.execute("set TimeZone = 'UTC'")
        for table in {*TABLES, "core.prices", "core.macro_releases"}:
            con.execute(f"create schema if not exists {table.split('.')[0]}")
            con.register("empty_table", CONTRACTS[table].create_empty())
            con.execute(f"create table {table} as from empty_table")
            con.unregister("empty_table")
        insert(con, "core.sessions", *({"session_date": day, "close_at": utc(day.day, 20)} for day in DAY))
        bars = {"IWM": (0, 5), "SPY": (0, 5), "OLD": (0, 2), "NEW": (2, 5)}
        for symbol, (start, stop) in bars.items():
            held = list(zip(DAY, CLOSES, strict=True))[start:stop]
            insert(con, "core.prices", *({"symbol": symbol, "session_date": d, "close": c} for d, c in held))
            insert(
                con,
                "core.instruments",
                {
                    "symbol": symbol,
                    "first_session": held[0][0],
                    "last_session": held[-1][0],
                    "is_synthetic": False,
                },
            )
        insert(con, "core.instruments", {"symbol": "EMPTY", "is_synthetic": False})
        insert(con, "core.series", {"series_id": "UNRATE"})
        insert(con, "derived.macro_indicators", {"indicator": "unemployment", "available_at": utc(5, 12, 30)})
        macro(con, utc(5, 12, 30))
    return path


@pytest.fixture
def con(warehouse: Path, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the warehouse, which a test may change."""
    with duckdb.connect(shutil.copy(warehouse, tmp_path / "own.duckdb")) as con:
        con.execute("set TimeZone = 'UTC'")
        yield con


def macro(con: duckdb.DuckDBPyConnection, received: dt.datetime) -> None:
    """A macro value that became known and was received at an instant."""
    row = {"series_id": "UNRATE", "observed_on": dt.date(2024, 6, 1), "available_at": received, "captured_at": received}
    insert(con, "core.macro_releases", row)
    insert(con, "core.macro_latest", row)


CLOSE = """\
-- measure: Last close.
-- parameter: symbol symbol = IWM | Fund.
-- value: Close. [usd]
-- missing: a close of {symbol} on {session}, known by {known_at}

select close as value, session_date as as_of, {session: session_date, asked: $session, known_at: $known_at} as evidence
from (select $session as day) as asked
left join core.prices on session_date = asked.day and symbol = $symbol
"""
RETURN = """\
-- measure: Return between two days.
-- parameter: symbol symbol = IWM | Fund.
-- parameter: start date | First day.
-- parameter: end date = none | Last day; none: the last session.
-- value: Return. [pct]
-- missing: closes of {symbol} on {start} and {end}

select
    100 * (b.close / a.close - 1) as value,
    b.session_date as as_of,
    {base: a.session_date, level: b.close} as evidence
from (select $session as day) as asked
left join core.prices as a on a.symbol = $symbol and a.session_date = $start
left join core.prices as b
    on b.symbol = $symbol and b.session_date = coalesce($end, asked.day) and b.session_date <= asked.day
"""
GAP = """\
-- measure: Close of one fund less that of another.
-- parameter: symbol symbol | Fund.
-- parameter: benchmark symbol | The other.
-- value: Gap. [usd]
-- missing: closes of {symbol} and {benchmark} on {session}

select a.close - b.close as value, a.session_date as as_of, {a: a.close, b: b.close} as evidence
from (select $session as day) as asked
left join core.prices as a on a.symbol = $symbol and a.session_date = asked.day
left join core.prices as b on b.symbol = $benchmark and b.session_date = asked.day
"""
MACRO = """\
-- measure: Whether a series is there.
-- parameter: series series = none | Series.
-- parameter: indicator indicator = none | Indicator.
-- value: One. [count]
-- missing: nothing

select count(*) as value, null::date as as_of, {series: $series, indicator: $indicator} as evidence from core.series
"""
TWICE = """\
-- measure: Arithmetic, without any table.
-- parameter: number number | Number.
-- value: Twice the number. [count]
-- missing: nothing

select 2 * $number as value, null::date as as_of, {number: $number} as evidence
"""
MEASURES = {"close": CLOSE, "return": RETURN, "gap": GAP, "macro": MACRO, "twice": TWICE}


def measure(value: str, *, as_of: str = "$session", evidence: str = "{a: 1}", unit: str = "usd", more: str = "") -> str:
    """A measure without parameters that reads one row of core.prices."""
    source = "(select * from core.prices limit 1) as prices"
    return (
        f"-- measure: M.\n-- value: V. [{unit}]\n-- missing: nothing\n\n"
        f"select {value} as value, {as_of} as as_of, {evidence} as evidence from {source}{more}\n"
    )


Judge = Callable[..., ArticleResult]


@pytest.fixture
def judge(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Judge:
    """Judge an article of these claims, with these measures beside the usual ones."""

    def _judge(
        claims: str,
        *,
        published_at: str = IN_SESSION,
        head: str = "",
        measures: Mapping[str, str] | None = None,
        beside: Iterable[duckdb.DuckDBPyConnection] = (),
    ) -> ArticleResult:
        for name, text in {**MEASURES, **(measures or {})}.items():
            (tmp_path / f"{name}.sql").write_text(text, encoding="utf-8")
        article = f"title: T\npublisher: P\npublished_at: {published_at}\n{head}claims:\n{claims}"
        (tmp_path / "story.yaml").write_text(article, encoding="utf-8")
        known, faults = load_measures(tmp_path)
        assert faults == []
        articles, faults = load_articles([tmp_path], known)
        assert faults == []
        [result] = judged(articles, con, *beside)
        return result

    return _judge


@pytest.fixture
def claim(judge: Judge) -> Callable[..., ClaimResult]:
    """Judge one claim, given as flow mapping without its id, text and kind."""

    def _claim(fields: str, *, kind: str = "number", **more: Any) -> ClaimResult:
        [result] = judge(f"  - {{id: one, claim: It is so., kind: {kind}, {fields}}}\n", **more).results
        return result

    return _claim


@pytest.fixture
def read(claim: Callable[..., ClaimResult]) -> Callable[..., ReadingResult]:
    """Judge the one reading of a claim; without other words it expects a value above 0."""

    def _read(fields: str, *, expect: str = "{more_than: 0}", **more: Any) -> ReadingResult:
        [result] = claim(f"{fields}, expect: {expect}", **more).results
        return result

    return _read


Read = Callable[..., ReadingResult]
Claim = Callable[..., ClaimResult]


def at(instant: str) -> str:
    return f"measure: close, readings: [{{reading: r, instant: '{instant}'}}]"


def of(given: str) -> dict[str, Any]:
    return json.loads(given)


# What a reading sees


def test_an_article_during_the_session_sees_the_close_before(read: Read) -> None:
    found = read("measure: close", expect="{value: 220, tolerance: 0}")
    assert (found.verdict, found.measured_value, found.margin) == (YES, 220.0, 0.0)
    assert (found.as_of, found.known_at, found.is_hindsight) == (DAY[2], utc(16, 17), False)
    assert (found.claimed, found.measured, found.unit) == ("220 USD", "220.00 USD", "usd")
    assert (found.claim_id, found.reading_no, found.reading, found.measure) == ("one", 1, "as said", "close")
    assert found.missing is None


CLOSINGS = {
    "a second before the close": ("2024-07-16T15:59:59-04:00", 220.0),
    "at the close": ("2024-07-16T16:00:00-04:00", 209.0),
    "at the close, in UTC": ("2024-07-16T20:00:00Z", 209.0),
    "in the evening": ("2024-07-16T23:00:00-04:00", 209.0),
    "on a Saturday": ("2024-07-13T12:00:00-04:00", 210.0),
    "before a Monday's close": ("2024-07-15T09:30:00-04:00", 210.0),
    "at the first close of all": ("2024-07-11T16:00:00-04:00", 200.0),
}


@pytest.mark.parametrize(("published_at", "value"), CLOSINGS.values(), ids=list(CLOSINGS))
def test_an_article_sees_the_last_close_by_its_instant(read: Read, published_at: str, value: float) -> None:
    assert read("measure: close", published_at=published_at).measured_value == value


def test_a_reading_at_a_close_sees_that_close_and_is_hindsight(read: Read) -> None:
    found = read(at("2024-07-16 close"))
    assert (found.measured_value, found.as_of) == (209.0, DAY[3])
    assert (found.known_at, found.is_hindsight) == (utc(16, 20), True)


def test_a_close_before_the_article_is_no_hindsight(read: Read) -> None:
    found = read(at("2024-07-12 close"))
    assert (found.measured_value, found.known_at, found.is_hindsight) == (210.0, utc(12, 20), False)


def test_a_close_at_the_instant_of_the_article_is_no_hindsight(read: Read) -> None:
    assert not read(at("2024-07-16 close"), published_at="2024-07-16T16:00:00-04:00").is_hindsight


def test_the_close_of_a_half_day_is_known_from_that_close_on(read: Read, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("update core.sessions set close_at = timestamptz '2024-07-16 17:00:00+00' where day(session_date) = 16")
    assert read("measure: close").measured_value == 209.0
    assert read(at("2024-07-16 close")).known_at == utc(16, 17)


MOMENTS = {
    "2024-07-12T15:59-04:00": (200.0, False),
    "2024-07-12T16:00-04:00": (210.0, False),
    "2024-07-16T13:00-04:00": (220.0, False),
    "2024-07-16T13:01-04:00": (220.0, True),
    "2024-07-16T20:00+00:00": (209.0, True),
    "2024-07-17T05:00+09:00": (209.0, True),
    "2024-07-17T04:59+09:00": (220.0, True),
}


@pytest.mark.parametrize(("instant", "seen"), MOMENTS.items(), ids=list(MOMENTS))
def test_a_reading_at_a_moment(read: Read, instant: str, seen: tuple[float, bool]) -> None:
    found = read(at(instant))
    assert (found.measured_value, found.is_hindsight) == seen


def test_now_is_the_last_close_where_nothing_came_after_it(read: Read) -> None:
    found = read(at("now"))
    assert (found.measured_value, found.known_at, found.is_hindsight) == (230.0, utc(17, 20), True)


def test_now_is_the_last_macro_value_where_that_came_after_the_close(
    read: Read, con: duckdb.DuckDBPyConnection
) -> None:
    macro(con, utc(18, 12, 30))
    found = read(at("now"))
    assert (found.measured_value, found.known_at, found.as_of) == (230.0, utc(18, 12, 30), DAY[4])
    assert of(found.evidence)["known_at"] == "2024-07-18T12:30:00+00:00"


def test_now_of_prices_that_ended_is_their_last_session(read: Read) -> None:
    found = read("measure: close, parameters: {symbol: OLD}, readings: [{reading: r, instant: now}]")
    assert (found.verdict, found.measured_value, found.as_of) == (YES, 210.0, DAY[1])


def test_now_of_two_funds_is_the_last_session_of_both(read: Read) -> None:
    fields = "measure: gap, parameters: {symbol: IWM, benchmark: OLD}, readings: [{reading: r, instant: now}]"
    found = read(fields, expect="{value: 0, tolerance: 0}")
    assert (found.verdict, found.as_of) == (YES, DAY[1])


# What cannot be tested: fields of the claim, and words that say what is missing
UNTESTABLE: dict[str, tuple[str, list[str]]] = {
    "a session that did not take place": (at("2024-07-13 close"), ["session on 2024-07-13"]),
    "a session after the last": (at("2024-07-18 close"), ["session on 2024-07-18"]),
    "an instant before all sessions": (at("2024-07-11T15:59-04:00"), ["2024-07-11 19:59 UTC"]),
    "an unknown symbol": ("measure: close, parameters: {symbol: ^RUT}", ["symbol ^RUT"]),
    "an unknown second symbol": ("measure: gap, parameters: {symbol: IWM, benchmark: VTV}", ["symbol VTV"]),
    "a symbol in small letters": ("measure: close, parameters: {symbol: iwm}", ["symbol iwm"]),
    "an unknown series": ("measure: macro, parameters: {series: ICSA}", ["series ICSA"]),
    "an unknown indicator": ("measure: macro, parameters: {indicator: claims}", ["indicator claims"]),
    "a series is no indicator": ("measure: macro, parameters: {indicator: UNRATE}", ["indicator UNRATE"]),
    "a symbol without prices": ("measure: close, parameters: {symbol: EMPTY}", ["prices of EMPTY"]),
    "a symbol without prices, now": (
        "measure: close, parameters: {symbol: EMPTY}, readings: [{reading: r, instant: now}]",
        ["prices of EMPTY"],
    ),
    "prices that had not begun": (
        "measure: close, parameters: {symbol: NEW}, readings: [{reading: r, instant: 2024-07-12 close}]",
        ["prices of NEW on 2024-07-12", "begin on 2024-07-15"],
    ),
    "a second fund that had not begun": (
        "measure: gap, parameters: {symbol: IWM, benchmark: NEW}, readings: [{reading: r, instant: 2024-07-12 close}]",
        ["prices of NEW on 2024-07-12", "begin on 2024-07-15"],
    ),
    "a day before the prices": (
        "measure: return, parameters: {symbol: NEW, start: 2024-07-12}",
        ["prices of NEW", "start 2024-07-12", "begin on 2024-07-15"],
    ),
    "an end before the prices": (
        "measure: return, parameters: {symbol: NEW, start: 2024-07-15, end: 2024-07-12}",
        ["prices of NEW", "end 2024-07-12", "begin on 2024-07-15"],
    ),
    "prices that had ended": (
        "measure: close, parameters: {symbol: OLD}",
        ["prices of OLD on 2024-07-15", "end on 2024-07-12"],
    ),
    "prices that ended before the end": (
        "measure: return, parameters: {symbol: OLD, start: 2024-07-11, end: 2024-07-15}",
        ["prices of OLD on 2024-07-15", "end on 2024-07-12"],
    ),
    "a day after the instant": (
        "measure: return, parameters: {start: 2024-07-17}",
        ["start 2024-07-17", "came later"],
    ),
    "an end after the instant": (
        "measure: return, parameters: {start: 2024-07-11, end: 2024-07-17}",
        ["end 2024-07-17", "came later"],
    ),
    "tomorrow in London is later in New York": (
        "measure: return, parameters: {start: 2024-07-11, end: 2024-07-17},"
        " readings: [{reading: r, instant: '2024-07-17T01:00+01:00'}]",
        ["end 2024-07-17", "came later"],
    ),
}


@pytest.mark.parametrize(("fields", "words"), UNTESTABLE.values(), ids=list(UNTESTABLE))
def test_what_a_warehouse_lacks_is_said_and_not_measured(claim: Claim, fields: str, words: list[str]) -> None:
    one = claim(f"{fields}, expect: {{more_than: 0}}")
    [found] = one.results
    assert (one.verdict, found.verdict) == (NONE, NONE)
    assert found.missing is not None
    assert [word for word in words if word not in found.missing] == []
    assert one.missing == found.missing
    measured = (found.sql, found.measured, found.measured_value, found.margin, found.as_of, found.evidence)
    assert measured == (None,) * 6
    assert (found.evidence_from, found.evidence_to) == (None, None)
    assert found.claimed == one.claimed
    assert found.claimed is not None
    assert found.measure is not None
    assert found.parameters is not None


def test_a_session_that_did_not_take_place_has_no_instant(read: Read) -> None:
    found = read(at("2024-07-13 close"))
    assert (found.known_at, found.is_hindsight) == (None, False)


def test_an_end_by_which_the_prices_had_not_ended_is_measured(read: Read) -> None:
    fields = "measure: return, parameters: {symbol: OLD, start: 2024-07-11, end: 2024-07-12}"
    found = read(fields, expect="{value: 5, tolerance: 0.01}")  # 210 / 200
    assert (found.verdict, found.measured_value, found.as_of) == (YES, pytest.approx(5), DAY[1])


def test_a_day_of_the_instant_itself_is_the_measures_to_judge(read: Read) -> None:
    found = read("measure: return, parameters: {start: 2024-07-11, end: 2024-07-16}")
    assert found.verdict == NONE  # its close came after 13:00
    assert found.missing == "closes of IWM on 2024-07-11 and 2024-07-16"
    assert found.sql is not None
    later = "measure: return, parameters: {start: 2024-07-11, end: 2024-07-16}, readings: [{reading: r, instant: now}]"
    assert read(later).measured_value == pytest.approx(4.5)  # 209 / 200


def test_a_value_that_is_null_is_missing_in_the_words_of_the_measure(
    claim: Claim, con: duckdb.DuckDBPyConnection
) -> None:
    con.execute("delete from core.prices where symbol = 'IWM' and day(session_date) = 15")
    one = claim("measure: close, expect: {more_than: 0}")
    [found] = one.results
    assert (one.verdict, found.verdict) == (NONE, NONE)
    assert found.missing == "a close of IWM on 2024-07-15, known by 2024-07-16 17:00 UTC"
    assert one.missing == found.missing
    assert (found.measured, found.measured_value, found.margin) == (None, None, None)
    assert found.sql is not None
    assert of(found.evidence) == {
        "session": None,
        "asked": "2024-07-15",
        "known_at": "2024-07-16T17:00:00+00:00",
    }


def test_a_reading_that_says_what_is_missing_is_not_measured(claim: Claim) -> None:
    one = claim(
        "measure: close, expect: {more_than: 219}, readings: [{reading: a, missing: a quote of 13:00}, {reading: b}]"
    )
    assert [found.verdict for found in one.results] == [NONE, YES]
    assert (one.verdict, one.missing) == ("supported_only_under", "a quote of 13:00")
    first = one.results[0]
    assert (first.missing, first.measure, first.parameters, first.sql) == ("a quote of 13:00", None, None, None)
    assert (one.measured_value, one.as_of) == (220.0, DAY[2])  # of the reading that was tested


# Measures that do not work

BROKEN = {
    "fails in SQL": (measure("close / (select max(no_such_column) from core.prices)"), "bad fails: Binder Error"),
    "fails on its rows": (measure("cast('x' as integer)"), "bad fails: Conversion Error"),
    "returns two rows": (measure("close", more=", range(2) as two (n)"), "bad returns 2 rows, not one"),
    "returns no row": (measure("close", more=" where false"), "bad returns 0 rows, not one"),
    "returns no struct": (measure("close", evidence="'all of it'"), "bad returns no struct as evidence"),
    "returns an empty struct": (measure("close", evidence="null::struct(a integer)"), "no struct as evidence"),
    "looks ahead": (measure("close", as_of="date '2024-07-17'"), "looks ahead: it answers as of 2024-07-17"),
    "answers at an instant": (measure("close", as_of="now()"), "bad returns no date as as_of"),
    "answers of a text": (measure("close", as_of="'2024-07-16'"), "bad returns no date as as_of"),
    "has a list as value": (measure("[close]"), "bad returns a list as value"),
    "answers in words": (measure("close", evidence="{a: 'long ago'}"), "fits what is expected"),
}


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=list(BROKEN))
def test_a_measure_that_does_not_work_leaves_the_other_readings(claim: Claim, text: str, words: str) -> None:
    one = claim(
        "measure: close, expect: [{more_than: 1}], readings: [{reading: a, measure: bad,"
        " expect: {of: a, rank: 1}}, {reading: b}, {reading: c, instant: 2024-07-16 close}]",
        measures={"bad": text},
    )
    assert [found.verdict for found in one.results] == [NONE, YES, YES]
    bad, *_ = one.results
    assert bad.missing is not None
    assert words in bad.missing
    assert "\n" not in bad.missing
    assert (bad.measured, bad.measured_value, bad.margin) == (None, None, None)
    assert bad.sql is not None
    assert (one.verdict, one.readings_not_testable) == ("supported_only_under", 1)
    assert bad.is_misfit
    assert one.missing == bad.missing


@pytest.mark.parametrize("value", ["1 / 0.0", "'nan'::double", "'-inf'::double"])
def test_what_is_no_number_is_no_value(read: Read, value: str) -> None:
    found = read("measure: odd", measures={"odd": measure(value)})
    assert (found.verdict, found.measured_value, found.missing) == (NONE, None, "nothing")


def test_evidence_of_any_type_is_json(read: Read) -> None:
    evidence = "{t: time '10:00', d: 2.5, n: 'nan'::double, m: map {date '2024-07-15': 1}, l: [date '2024-07-15']}"
    found = read("measure: odd", expect="{of: d, at_least: 2.5}", measures={"odd": measure("1", evidence=evidence)})
    assert found.verdict == YES
    assert of(found.evidence) == {"t": "10:00:00", "d": 2.5, "n": None, "m": {"2024-07-15": 1}, "l": ["2024-07-15"]}


def test_an_instant_in_the_evidence_has_a_day(read: Read) -> None:
    odd = measure("1", evidence="{t: timestamptz '2024-07-15 20:00:00+00'}")
    expect = "{of: t, from: 2024-07-15, to: 2024-07-15}"
    assert read("measure: odd", expect=expect, measures={"odd": odd}).verdict == YES


def test_parameters_are_published_as_they_were_run(read: Read) -> None:
    found = read("measure: twice, parameters: {number: 0.1234567890123456}")
    assert of(found.parameters) == {"number": 0.1234567890123456}


# A warehouse that ends before the article


@pytest.mark.parametrize(
    ("instant", "verdict"),
    [
        ("2024-07-18T15:59:59-04:00", YES),  # the session of the 18th has not closed
        ("2024-07-18T16:00:00-04:00", NONE),
        ("2024-08-30T12:00:00-04:00", NONE),
    ],
)
def test_an_old_close_does_not_stand_in_for_sessions_that_are_not_there(read: Read, instant: str, verdict: str) -> None:
    found = read("measure: close", published_at=instant)
    assert found.verdict == verdict
    if verdict == NONE:
        assert found.missing is not None and found.missing.endswith("this warehouse ends on 2024-07-17")


def test_arithmetic_needs_no_sessions(read: Read) -> None:
    assert read("measure: twice, parameters: {number: 2}", published_at="1999-07-16T13:00:00-04:00").verdict == YES


def test_the_day_of_the_instant_is_not_ahead_of_it_and_new_york_says_which_day(read: Read) -> None:
    measures = {"today": measure("close", as_of="date '2024-07-16'")}
    assert read("measure: today", measures=measures).verdict == YES
    late = "measure: today, readings: [{reading: r, instant: '2024-07-16T00:30+00:00'}]"  # 20:30 on the 15th
    assert read(late, measures=measures).verdict == NONE


# Made-up data


def test_a_real_article_is_not_judged_on_made_up_prices(claim: Claim, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("update core.instruments set is_synthetic = true")
    one = claim("measure: close, expect: {more_than: 0}")
    assert one.verdict == NONE
    assert one.missing is not None
    assert "--source files or live" in one.missing
    assert one.results[0].sql is None


def test_a_made_up_article_is_not_judged_on_real_prices(claim: Claim) -> None:
    one = claim("measure: close, expect: {more_than: 0}", head="is_synthetic: true\n")
    assert one.verdict == NONE
    assert one.missing is not None
    assert "--source sample" in one.missing


def test_a_made_up_article_is_judged_on_made_up_prices(judge: Judge, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("update core.instruments set is_synthetic = true")
    claims = "  - {id: one, claim: C., kind: number, measure: close, expect: {more_than: 0}}\n"
    result = judge(claims, head="is_synthetic: true\n")
    assert (result.is_synthetic, result.results[0].verdict) == (True, YES)


def test_nothing_of_a_real_article_is_judged_on_made_up_prices(read: Read, con: duckdb.DuckDBPyConnection) -> None:
    con.execute("update core.instruments set is_synthetic = true")
    assert read("measure: twice, parameters: {number: 3}", expect="{value: 6, tolerance: 0}").verdict == NONE


# Several connections


def test_claims_measured_at_a_time_keep_their_order_and_their_values(
    judge: Judge, con: duckdb.DuckDBPyConnection
) -> None:
    asked = "kind: number, measure: twice, expect: {more_than: 0}, parameters"
    claims = "".join(f"  - {{id: n{n}, claim: C., {asked}: {{number: {n}}}}}\n" for n in range(1, 31))
    with con.cursor() as second, con.cursor() as third:
        results = judge(claims, beside=[second, third]).results
    assert [(one.claim_id, one.claim_no, one.measured_value) for one in results] == [
        (f"n{n}", n, 2.0 * n) for n in range(1, 31)
    ]


def test_a_connection_is_lent_to_one_at_a_time(con: duckdb.DuckDBPyConnection) -> None:
    with con.cursor() as other:
        knowledge = Knowledge(con, other)
        with knowledge.connection() as a, knowledge.connection() as b:
            assert {id(a), id(b)} == {id(con), id(other)}
        with pytest.raises(duckdb.Error), knowledge.connection() as lent:  # and comes back from one that fails
            lent.execute("select nothing")
        with knowledge.connection() as a, knowledge.connection() as b:
            assert a is not b


# What is published


def test_the_published_sql_gives_the_published_figure_again(judge: Judge, con: duckdb.DuckDBPyConnection) -> None:
    claims = """\
  - id: one
    claim: It rose.
    kind: number
    measure: return
    parameters: {start: 2024-07-11}
    expect: {more_than: 9}
    readings:
      - reading: as known
      - {reading: that close, instant: 2024-07-16 close}
      - {reading: until then, parameters: {end: 2024-07-12}}
      - {reading: now, instant: now, parameters: {symbol: SPY}}
      - {reading: the gap, measure: gap, parameters: {symbol: IWM, benchmark: SPY}}
      - {reading: twice, measure: twice, parameters: {number: -1e-7}}
"""
    found = judge(claims).results[0].results
    assert [one.measured_value for one in found] == pytest.approx([10.0, 4.5, 5.0, 15.0, 0.0, -2e-7])
    for one in found:
        [(value, as_of, _)] = con.execute(one.sql).fetchall()
        assert float(value) == one.measured_value
        assert as_of == one.as_of
        assert "$" not in one.sql
    assert "timestamptz '2024" not in found[0].sql  # it does not ask for the instant
    assert "date '2024-07-15'" in found[0].sql


EVIDENCE = """{
    since: date '2024-06-03', exact: 0.25::decimal(20, 12), rounded: 0.123456789012::double, whole: 7, nothing: null,
    held: true, word: 'größer als "zwei"', known: timestamptz '2024-07-15 20:00:00+00',
    nested: {low: 1.5::decimal(4, 2), held_on: date '2024-07-01', none: null},
    days: [date '2024-07-01', date '2024-07-02'], pairs: [{n: 1, held_on: date '2024-07-02'}], day: null::date
}"""


def test_the_evidence_is_a_json_object_with_its_first_and_last_day(read: Read) -> None:
    found = read("measure: facts", measures={"facts": measure("1.5", as_of="date '2024-07-12'", evidence=EVIDENCE)})
    assert of(found.evidence) == {
        "since": "2024-06-03",
        "exact": 0.25,
        "rounded": 0.12345679,
        "whole": 7,
        "nothing": None,
        "held": True,
        "word": 'größer als "zwei"',
        "known": "2024-07-15T20:00:00+00:00",
        "nested": {"low": 1.5, "held_on": "2024-07-01", "none": None},
        "days": ["2024-07-01", "2024-07-02"],
        "pairs": [{"n": 1, "held_on": "2024-07-02"}],
        "day": None,
    }
    assert "größer" in found.evidence
    # days count, instants do not
    assert (found.evidence_from, found.evidence_to) == (dt.date(2024, 6, 3), dt.date(2024, 7, 12))
    assert (found.measured_value, type(found.measured_value)) == (1.5, float)  # a DECIMAL of DuckDB's


def test_the_day_of_the_value_is_a_day_of_the_evidence(read: Read) -> None:
    found = read("measure: facts", measures={"facts": measure("1", evidence="{since: date '2024-07-12'}")})
    assert (found.evidence_from, found.evidence_to) == (DAY[1], DAY[2])
    found = read("measure: facts", measures={"facts": measure("1", as_of="null::date")})
    assert (found.as_of, found.evidence_from, found.evidence_to) == (None, None, None)


VALUES = {
    "a date": ("date '2024-07-15'", "date", "{from: 2024-07-15, to: 2024-07-15}", YES, None, "2024-07-15", 0.0),
    "another date": ("date '2024-07-12'", "date", "{from: 2024-07-15, to: 2024-07-16}", NO, None, "2024-07-12", -3.0),
    "a word": ("'inverted'", "text", "{is: [normal, flat]}", NO, None, "inverted", None),
    "a flag": ("true", "flag", "{is: true}", YES, 1.0, "true", None),
    "a flag that is false": ("false", "flag", "{is: true}", NO, 0.0, "false", None),
    "a count": ("3::hugeint", "count", "{at_least: 5}", NO, 3.0, "3", -2.0),
    "a figure": ("9.25::double", "pct", "{more_than: 9}", YES, 9.25, "9.25%", 0.25),
}


@pytest.mark.parametrize("case", VALUES.values(), ids=list(VALUES))
def test_a_value_of_any_kind(read: Read, case: tuple[Any, ...]) -> None:
    value, unit, expect, verdict, figure, words, margin = case
    found = read("measure: any_kind", expect=expect, measures={"any_kind": measure(value, unit=unit)})
    assert (found.verdict, found.measured_value, found.measured, found.margin) == (verdict, figure, words, margin)
    assert found.unit == unit


def test_the_parameters_are_a_json_object_with_the_defaults(read: Read) -> None:
    fields = "measure: return, parameters: {start: 2024-07-11}, readings: [{reading: r, mixes_bases: true}]"
    found = read(fields)
    assert of(found.parameters) == {"symbol": "IWM", "start": "2024-07-11", "end": None}
    assert found.mixes_bases


def test_a_field_that_was_asked_for_stands_beside_the_value(read: Read) -> None:
    found = read(
        "measure: return, parameters: {start: 2024-07-11}",
        expect="[{more_than: 9}, {of: base, from: 2024-07-12, to: 2024-07-31}]",
    )
    assert (found.verdict, found.margin) == (NO, -1.0)  # days
    assert found.claimed == "more than 9%; base 2024-07-12 to 2024-07-31"
    assert found.measured == "10.00%; base 2024-07-11"


# Claims


def test_a_claim_counts_its_readings_and_shows_the_first_that_was_tested(claim: Claim) -> None:
    one = claim(
        "measure: close, expect: {more_than: 215}, readings: ["
        "{reading: a Saturday, instant: 2024-07-13 close}, {reading: that close, instant: 2024-07-16 close},"
        " {reading: the close before}, {reading: the first, instant: 2024-07-11 close},"
        " {reading: later, instant: 2024-07-18 close}, {reading: an index, parameters: {symbol: ^RUT}}]"
    )
    assert [found.verdict for found in one.results] == [NONE, NO, YES, NO, NONE, NONE]
    assert [found.reading_no for found in one.results] == [1, 2, 3, 4, 5, 6]
    counts = (one.readings, one.readings_supported, one.readings_contradicted, one.readings_not_testable)
    assert counts == (6, 1, 2, 3)
    assert one.verdict == "supported_only_under"
    assert one.supported_under == "the close before"
    assert (one.claimed, one.measured, one.unit) == ("more than 215 USD", "209.00 USD", "usd")
    assert (one.measured_value, one.margin, one.as_of) == (209.0, -6.0, DAY[3])
    assert one.decided_by == (
        "true at the close of 2024-07-15, false at the close of 2024-07-16 or the close of 2024-07-11"
    )
    assert one.missing is not None
    parts = one.missing.split("; ")
    assert ["2024-07-13" in parts[0], "2024-07-18" in parts[1], "^RUT" in parts[2]] == [True, True, True]


def test_readings_that_differ_only_in_what_they_expect_are_told_apart(claim: Claim) -> None:
    one = claim(
        "measure: close, readings: [{reading: a, expect: {more_than: 215}}, {reading: b, expect: {less_than: 9}}]"
    )
    assert (one.verdict, one.supported_under) == ("supported_only_under", "a")
    assert one.decided_by == 'all else equal: true for "a", false for "b"'


def test_what_is_missing_twice_is_said_once(claim: Claim) -> None:
    one = claim(
        "measure: close, parameters: {symbol: ^RUT}, expect: {more_than: 0}, readings: [{reading: a}, {reading: b}]"
    )
    assert one.missing == one.results[0].missing == one.results[1].missing
    assert (one.verdict, one.readings_not_testable, one.measured) == (NONE, 2, None)
    assert one.claimed == "more than 0 USD"
    assert (one.decided_by, one.supported_under) == (None, None)


def test_a_claim_that_says_what_is_missing_has_no_reading(claim: Claim) -> None:
    one = claim("missing: weights of the index, note: They are licensed.")
    assert (one.verdict, one.missing, one.note) == (NONE, "weights of the index", "They are licensed.")
    assert (one.readings, one.results) == (0, ())
    assert (one.claimed, one.measured, one.unit, one.as_of) == (None, None, None, None)


CHECK = "{reading: sums up, measure: twice, parameters: {number: 3}, expect: {value: %s, tolerance: 0.5}}"


def test_arithmetic_that_fails_makes_the_claim_inconsistent_and_is_shown(claim: Claim) -> None:
    one = claim(
        f"measure: close, expect: {{more_than: 0}}, arithmetic: [{CHECK % 6}, {CHECK.replace('sums', 'adds') % 8}]"
    )
    assert [found.verdict for found in one.results] == [YES, YES, WRONG]
    assert [found.is_arithmetic for found in one.results] == [False, True, True]
    assert one.verdict == WRONG
    assert (one.claimed, one.measured_value, one.margin) == ("8 ± 0.5", 6.0, -2.0)
    assert (one.readings, one.readings_supported) == (1, 1)
    assert one.supported_under == "as said"


def test_arithmetic_that_holds_changes_nothing(claim: Claim) -> None:
    one = claim(f"measure: close, expect: {{more_than: 300}}, arithmetic: [{CHECK % 6}]")
    assert [found.verdict for found in one.results] == [NO, YES]
    assert (one.verdict, one.measured_value, one.readings) == (NO, 220.0, 1)
    assert (one.decided_by, one.supported_under) == (None, None)


@pytest.mark.parametrize(("number", "verdict"), [(8, WRONG), (6, NONE)], ids=["fails", "holds"])
def test_arithmetic_without_readings(claim: Claim, number: int, verdict: str) -> None:
    one = claim(f"missing: weights, arithmetic: [{CHECK % number}]")
    assert (one.verdict, one.readings, len(one.results)) == (verdict, 0, 1)
    assert one.missing == "weights"
    assert one.measured_value == (6.0 if verdict == WRONG else None)


def test_an_opinion_is_not_judged(claim: Claim) -> None:
    one = claim("opinion: a forecast", kind="opinion")
    assert (one.verdict, one.opinion, one.readings, one.measured) == ("opinion", "a forecast", 0, None)


def test_a_measured_opinion_shows_what_was_measured(claim: Claim) -> None:
    one = claim("opinion: a motive, measure: close", kind="opinion")
    [found] = one.results
    assert (one.verdict, one.measured, one.measured_value, one.as_of) == ("opinion", "220.00 USD", 220.0, DAY[2])
    assert (found.verdict, found.margin, found.claimed, one.claimed) == ("opinion", None, None, None)
    assert (one.readings, one.readings_supported, one.readings_contradicted) == (1, 0, 0)


def test_an_opinion_with_a_part_that_can_be_tested_stays_one(claim: Claim) -> None:
    one = claim(
        f"opinion: a motive, measure: close, expect: {{more_than: 300}}, arithmetic: [{CHECK % 8}]", kind="opinion"
    )
    assert [found.verdict for found in one.results] == [NO, WRONG]
    assert (one.verdict, one.measured_value, one.margin) == ("opinion", 220.0, -80.0)


def test_a_claim_that_is_measured_may_have_a_part_that_is_opinion(claim: Claim) -> None:
    one = claim("opinion: the motive, measure: close, expect: {more_than: 0}")
    assert (one.verdict, one.opinion) == (YES, "the motive")


def test_an_article_counts_its_claims_and_keeps_their_order(judge: Judge) -> None:
    claims = """\
  - {id: b, claim: B., kind: number, measure: close, expect: {more_than: 0}}
  - {id: a, claim: A., kind: record, measure: close, expect: {more_than: 300}}
  - {id: c, claim: C., kind: event, missing: weights}
  - {id: d, claim: D., kind: opinion, opinion: a forecast}
  - {id: e, claim: E., kind: trend, measure: close, expect: {less_than: 1}}
"""
    found = judge(claims, head="note: Undated.\n")
    assert [(one.claim_no, one.claim_id, one.kind) for one in found.results] == [
        (1, "b", "number"),
        (2, "a", "record"),
        (3, "c", "event"),
        (4, "d", "opinion"),
        (5, "e", "trend"),
    ]
    assert {one.article for one in found.results} == {"story"}
    assert found.counts == {YES: 1, NO: 2, NONE: 1, "opinion": 1}
    assert sum(found.counts.values()) == len(found.results)
    assert (found.article, found.title, found.publisher, found.note) == ("story", "T", "P", "Undated.")
    assert (found.published_at, found.is_synthetic) == (utc(16, 17), False)


def test_a_warehouse_without_anything_tests_nothing(judge: Judge, con: duckdb.DuckDBPyConnection) -> None:
    for table in {*TABLES, "core.prices", "core.macro_releases"}:
        con.execute(f"delete from {table}")
    claims = "".join(
        f"  - {{id: c{number}, claim: C., kind: number, measure: close, expect: {{more_than: 0}},"
        f" readings: [{{reading: r{instant}}}]}}\n"
        for number, instant in enumerate(["", ", instant: now", ", instant: 2024-07-16 close"])
    )
    found = judge(claims).results
    assert [one.verdict for one in found] == [NONE, NONE, NONE]
    assert all(one.missing for one in found)
