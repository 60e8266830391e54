"""Two small catalogues with known differences: what moved, what was expected, and why."""

import datetime as dt
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from pipeline import care
from pipeline.comparison.causes import Comparison, Edit, changed_rows, compare
from pipeline.comparison.moves import ColumnMoves, Ids, RowChange, Value
from pipeline.errors import RotationError

JAN_2, JAN_3, JAN_4, JAN_5 = (dt.date(2024, 1, day) for day in (2, 3, 4, 5))
CAPTURES = {"raw.price_captures": "p1", "raw.macro_captures": "m1"}

# name: columns, grain, known date, what repaints, what it reads
TABLES: dict[str, tuple[str, str, str | None, tuple[str, ...], str]] = {
    "core.prices": (
        "symbol varchar, session_date date, close double, traded double",
        "symbol, session_date",
        "session_date",
        ("close",),
        "raw.price_captures",
    ),
    "core.macro_releases": (
        "series_id varchar, observed_on date, seq bigint, available_at timestamptz, value double",
        "series_id, observed_on, seq",
        "available_at",
        (),
        "raw.macro_captures",
    ),
    "core.capture_edits": (
        "dataset varchar, id varchar, observed_on date, column_name varchar, captured_at timestamptz, kind varchar",
        "dataset, id, observed_on, column_name, captured_at",
        None,
        ("kind",),
        "raw.price_captures, core.macro_releases",
    ),
    "derived.records": (
        "symbol varchar, benchmark varchar, session_date date, z_score double, since_date date",
        "symbol, benchmark, session_date",
        "session_date",
        (),
        "core.prices",
    ),
    "derived.drawdowns": (
        "symbol varchar, peak_date date, depth double, recovered_on date",
        "symbol, peak_date",
        "recovered_on",
        (),
        "core.prices",
    ),
    "derived.odds": (
        'quoted_on date, "offset" bigint, probability double',
        "quoted_on, offset",
        "quoted_on",
        (),
        "core.macro_releases",
    ),
    "marts.leaderboard": ("symbol varchar, rank bigint", "symbol", None, ("rank",), "derived.records"),
}
ROWS: dict[str, list[str]] = {
    "core.prices": [
        "('XSML', '2024-01-02', 10, 10)",
        "('XSML', '2024-01-03', 11, 11)",
        "('XLRG', '2024-01-02', 20, 20)",
        "('XLRG', '2024-01-03', 21, 21)",
    ],
    "core.macro_releases": ["('SYN_UNRATE', '2023-12-01', 1, '2024-01-05 13:30Z', 3.7)"],
    "core.capture_edits": [],
    "derived.records": [
        "('XSML', NULL, '2024-01-02', 1.0, NULL)",
        "('XSML', NULL, '2024-01-03', 1.5, '2023-06-01')",
        "('XSML', 'XLRG', '2024-01-03', 2.0, NULL)",
    ],
    "derived.drawdowns": ["('XSML', '2023-11-01', -0.2, NULL)", "('XLRG', '2023-11-01', -0.1, '2024-01-02')"],
    "derived.odds": ["('2024-01-03', 0, 0.5)", "('2024-01-03', 25, 0.5)"],
    "marts.leaderboard": ["('XSML', 1)", "('XLRG', 2)"],
}
EDIT = "('prices', 'XSML', '2024-01-03', 'close', '2024-01-04 22:00Z', 'revised')"

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalogue with ROWS."""
    path = tmp_path_factory.mktemp("catalogue") / "rotation.duckdb"
    with duckdb.connect(path) as con:
        con.execute("begin; create schema core; create schema derived; create schema marts; create schema meta")
        con.execute("create table meta.tables (layer text, table_name text, grain text, known_date text, reads text)")
        con.execute("create table meta.columns (layer text, table_name text, column_name text, repaints boolean)")
        for name, (columns, grain, known, repaints, reads) in TABLES.items():
            con.execute(f"create table {name} ({columns})")
            con.execute("insert into meta.tables values (?, ?, ?, ?, ?)", [*name.split("."), grain, known, reads])
            for column in repaints:
                con.execute("insert into meta.columns values (?, ?, ?, true)", [*name.split("."), column])
        con.execute(inserts(ROWS) + "; commit")
    return path


@pytest.fixture
def make(tmp_path: Path, catalogue: Path) -> Make:
    """Return what writes a build folder: rows replace those in ROWS, `sql` runs at the end, the rest is build.json."""

    def build(build_id: str, rows: Mapping[str, list[str]] | None = None, sql: str = "", **record: Any) -> Path:
        folder = tmp_path / "sample" / "builds" / build_id
        folder.mkdir(parents=True)
        shutil.copyfile(catalogue, folder / "rotation.duckdb")
        emptied = [f"delete from {name}" for name in rows or {}]
        if statements := ";".join([*emptied, inserts(rows or {}), sql]).strip(";"):
            with duckdb.connect(folder / "rotation.duckdb") as con:
                con.execute(statements)
        said = {
            "build_id": build_id,
            "created_at": f"2024-01-{build_id[:2]}T22:00:00+00:00",
            "as_of": None,
            "code_version": "1+abc",
            "config_hash": "c",
            "lock_hash": "l",
            "schema_version": 1,
            "captures": CAPTURES,
        }
        (folder / "build.json").write_text(json.dumps(said | record))
        return folder

    return build


def inserts(rows: Mapping[str, list[str]]) -> str:
    return ";".join(f"insert into {name} values {', '.join(some)}" for name, some in rows.items() if some)


def changed(name: str, *replaced: tuple[str, str], more: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """ROWS of one table, with some replaced (by '': taken out) and some more."""
    rows = [dict(replaced).get(row, row) for row in ROWS[name]]
    return {name: [row for row in rows if row] + list(more)}


def moved(make: Make, rows: Mapping[str, list[str]], sql: str = "") -> Comparison:
    """Compare ROWS with other rows, two days and more captures later."""
    more = {name: f"{digest} and more" for name, digest in CAPTURES.items()}
    return compare(make("03-old"), make("05-new", rows, sql, captures=more))


# What moved


def test_two_builds_of_the_same_data_differ_in_nothing(make: Make) -> None:
    found = compare(make("03-old"), make("05-new"))
    assert (found.tables, found.reasons, found.unexplained, found.program) == ({}, {}, [], {})


def test_rows_after_the_newest_day_of_the_older_build_are_new_and_no_past_moved(make: Make) -> None:
    rows = changed("core.prices", more=("('XSML', '2024-01-04', 12, 12)", "('XSML', '2024-01-05', 13, 13)"))
    found = moved(make, rows)
    assert found.tables["core.prices"].rows == {"new": 2}
    assert not found.tables["core.prices"].is_past_broken
    assert found.news.sessions == 2


def test_a_value_of_the_past_that_moved_is_counted_by_column_with_the_largest_change_and_its_key(make: Make) -> None:
    rows = changed(
        "derived.records",
        ("('XSML', NULL, '2024-01-02', 1.0, NULL)", "('XSML', NULL, '2024-01-02', 1.1, NULL)"),
        ("('XSML', NULL, '2024-01-03', 1.5, '2023-06-01')", "('XSML', NULL, '2024-01-03', 0.9, '2023-07-01')"),
    )
    table = moved(make, rows).tables["derived.records"]
    key = {"symbol": "XSML", "benchmark": None, "session_date": JAN_3}
    assert table.rows == {"moved": 2}
    assert table.columns == (
        ColumnMoves("z_score", 2, False, Value(key, 1.5, 0.9)),
        ColumnMoves("since_date", 1, False, Value(key, dt.date(2023, 6, 1), dt.date(2023, 7, 1))),
    )
    assert table.ids == (Ids("XSML", 2, JAN_2, JAN_3, moved_from=JAN_2, received_from=None),)


def test_a_value_that_becomes_null_has_moved(make: Make) -> None:
    rows = changed("derived.odds", ("('2024-01-03', 0, 0.5)", "('2024-01-03', 0, NULL)"))
    [column] = moved(make, rows).tables["derived.odds"].columns
    assert column == ColumnMoves("probability", 1, False, Value({"quoted_on": JAN_3, "offset": 0}, 0.5, None))


def test_a_column_that_repaints_changes_by_design(make: Make) -> None:
    rows = changed("core.prices", ("('XSML', '2024-01-02', 10, 10)", "('XSML', '2024-01-02', 5, 10)"))
    table = moved(make, rows).tables["core.prices"]
    assert table.rows == {"by_design": 1}
    assert [(column.name, column.repaints) for column in table.columns] == [("close", True)]


def test_rows_that_come_into_the_past_or_leave_it_are_told_apart_from_new_ones(make: Make) -> None:
    rows = changed(
        "core.prices",
        ("('XLRG', '2024-01-02', 20, 20)", ""),
        more=("('XTEC', '2024-01-03', 30, 30)", "('XTEC', '2024-01-04', 31, 31)"),
    )
    assert moved(make, rows).tables["core.prices"].rows == {"removed": 1, "late": 1, "new": 1}


def test_a_row_that_was_not_known_yet_may_change_vanish_or_appear(make: Make) -> None:
    def drawdowns(*rows: str) -> dict[str, list[str]]:
        return {"derived.drawdowns": ["('XLRG', '2023-11-01', -0.1, '2024-01-02')", *rows]}

    deeper, recovered, gone = (f"('{symbol}', '2023-11-01', -0.2, NULL)" for symbol in ("XSML", "XVAL", "XGRO"))
    older = make("03-old", drawdowns(deeper, recovered, gone))
    fresh = "('XTEC', '2023-12-01', -0.1, NULL)"
    rows = drawdowns("('XSML', '2023-11-01', -0.3, NULL)", "('XVAL', '2023-11-01', -0.2, '2024-01-04')", fresh)
    found = compare(older, make("05-new", rows, captures={}))
    assert found.tables["derived.drawdowns"].rows == {"by_design": 3, "new": 1}


def test_a_row_that_now_says_that_it_is_known_later_was_restated_by_news(make: Make) -> None:
    first = "('SYN_UNRATE', '2023-12-01', 1, '2024-01-05 13:30Z', 3.7)"
    rows = changed("core.macro_releases", (first, "('SYN_UNRATE', '2023-12-01', 1, '2024-02-02 13:30Z', 3.8)"))
    older = make("06-old")
    table = compare(older, make("08-new", rows, captures={})).tables["core.macro_releases"]
    assert (table.rows, table.columns) == ({"by_design": 1}, ())


def test_what_the_older_build_dates_after_itself_is_not_its_newest_day(make: Make) -> None:
    planned = "('SYN_MEETING', '2024-03-20', 1, '2024-03-20 18:00Z', NULL)"
    come = "('SYN_UNRATE', '2024-01-01', 1, '2024-02-02 13:30Z', 3.8)"
    older = make("06-old", changed("core.macro_releases", more=(planned,)))
    newer = make("08-new", changed("core.macro_releases", more=(planned, come)), captures={})
    assert compare(older, newer).tables["core.macro_releases"].rows == {"new": 1}


def test_a_table_without_a_known_date_shows_a_state(make: Make) -> None:
    rows = changed("marts.leaderboard", ("('XSML', 1)", "('XSML', 2)"), ("('XLRG', 2)", ""), more=("('XTEC', 1)",))
    table = moved(make, rows).tables["marts.leaderboard"]
    assert table.rows == {"changed": 1, "dropped": 1, "added": 1}
    assert not table.is_past_broken


def test_rows_of_a_grain_that_says_too_little_are_paired_one_to_one(make: Make) -> None:
    twice = {"marts.leaderboard": ["('XSML', 1)", "('XSML', 2)"]}
    older = make("03-old", twice)
    newer = make("05-new", {"marts.leaderboard": ["('XSML', 3)", "('XSML', 4)"]}, captures={})
    assert compare(older, newer).tables["marts.leaderboard"].rows == {"changed": 2}


def test_tables_and_columns_that_come_go_or_change_type_are_named(make: Make) -> None:
    sql = (
        "drop table marts.leaderboard; create table marts.fresh (a int); alter table core.prices drop column traded;"
        "alter table core.prices add column volume double; alter table core.prices add column open double;"
        "alter table core.prices add column bid double; alter table derived.odds alter probability type varchar"
    )
    found = moved(make, {}, sql)
    assert (found.tables["marts.leaderboard"].note, found.tables["marts.fresh"].note) == ("vanished", "appeared")
    prices, odds = found.tables["core.prices"], found.tables["derived.odds"]
    assert (prices.columns_added, prices.columns_vanished, prices.rows) == (("volume", "open", "bid"), ("traded",), {})
    assert odds.retyped == {"probability": ("DOUBLE", "VARCHAR")}


def test_rows_of_another_grain_are_not_compared(make: Make) -> None:
    rows = changed("marts.leaderboard", ("('XSML', 1)", "('XSML', 2)"))
    table = moved(make, rows, "update meta.tables set grain = 'rank' where table_name = 'leaderboard'").tables
    assert table["marts.leaderboard"].note == "its grain changed: rows not compared"


def test_rows_that_differ_are_listed_the_moved_ones_first(make: Make) -> None:
    rows = changed(
        "core.prices",
        ("('XLRG', '2024-01-03', 21, 21)", "('XLRG', '2024-01-03', 42, 21)"),
        ("('XSML', '2024-01-03', 11, 11)", "('XSML', '2024-01-03', 12, 12)"),
        more=("('XLRG', '2024-01-04', 22, 22)",),
    )
    listed = changed_rows(make("05-new", rows, captures={}), make("03-old"), "core.prices", 9)
    assert listed == [
        RowChange("moved", {"symbol": "XSML", "session_date": JAN_3}, {"close": (11, 12), "traded": (11, 12)}),
        RowChange("by_design", {"symbol": "XLRG", "session_date": JAN_3}, {"close": (21, 42)}),
        RowChange("new", {"symbol": "XLRG", "session_date": JAN_4}, {}),
    ]


def test_fewer_rows_are_listed_where_fewer_are_asked_for(make: Make) -> None:
    rows = changed("core.prices", more=("('XLRG', '2024-01-04', 22, 22)", "('XSML', '2024-01-04', 12, 12)"))
    assert len(changed_rows(make("03-old"), make("05-new", rows, captures={}), "core.prices", 1)) == 1


# Why

PRICE_MOVED = changed("core.prices", ("('XSML', '2024-01-03', 11, 11)", "('XSML', '2024-01-03', 12, 12)"))
RECORD_MOVED = changed(
    "derived.records", ("('XSML', NULL, '2024-01-02', 1.0, NULL)", "('XSML', NULL, '2024-01-02', 9.0, NULL)")
)
RANK_MOVED = changed("marts.leaderboard", ("('XSML', 1)", "('XSML', 2)"), ("('XLRG', 2)", "('XLRG', 1)"))


def test_a_value_that_the_source_edited_is_named_down_to_the_last_mart(make: Make) -> None:
    found = moved(make, {**PRICE_MOVED, **RECORD_MOVED, **RANK_MOVED, "core.capture_edits": [EDIT]})
    said = "XSML 2024-01-03 close edited by the source"
    assert found.news.edits == (Edit("prices", "XSML", "revised", JAN_3, JAN_3, "close", 1),)
    assert found.reasons["core.prices"].text == said
    for name in ("derived.records", "marts.leaderboard"):
        assert (found.reasons[name].roots, found.reasons[name].text) == (("core.prices",), f"core.prices: {said}")
    assert found.unexplained == []


def test_rows_that_no_edit_lists_did_not_move_with_the_captures_of_the_day(make: Make) -> None:
    other = "('prices', 'XLRG', '2024-01-02', 'close', '2024-01-04 22:00Z', 'revised')"
    late = "('prices', 'XSML', '2024-01-04', 'close', '2024-01-04 22:00Z', 'revised')"
    new = "('XSML', '2024-01-05', 13, 13)"
    rows = {"core.prices": [*PRICE_MOVED["core.prices"], new], "core.capture_edits": [other, late]}
    found = moved(make, {**rows, **RECORD_MOVED})
    assert found.reasons["core.prices"].text == "nothing upstream differs: not reproducible"
    assert found.unexplained == ["core.prices"]
    assert found.reasons["derived.records"].text == (
        "core.prices: XSML 2024-01-03 (1), XLRG 2024-01-02 close edited by the source, XSML 2024-01-04 close edited by "
        "the source"
    )


def test_the_program_moved_what_no_edit_lists_though_there_are_new_captures(make: Make) -> None:
    more = {name: f"{digest} and more" for name, digest in CAPTURES.items()}
    found = compare(
        make("03-old"), make("05-new", {**PRICE_MOVED, **RECORD_MOVED}, captures=more, code_version="1+def")
    )
    assert found.reasons["core.prices"].text == "the code changed"
    assert found.reasons["derived.records"].text == "core.prices: XSML 2024-01-03 (1)"


def test_of_two_symbols_that_moved_only_the_edited_one_is_explained(make: Make) -> None:
    both = changed(
        "core.prices",
        ("('XSML', '2024-01-03', 11, 11)", "('XSML', '2024-01-03', 12, 12)"),
        ("('XLRG', '2024-01-03', 21, 21)", "('XLRG', '2024-01-03', 22, 22)"),
    )
    found = moved(make, {**both, "core.capture_edits": [EDIT]})
    assert found.reasons["core.prices"].text == (
        "XSML 2024-01-03 close edited by the source; nothing upstream differs for the rest: not reproducible"
    )
    assert found.unexplained == ["core.prices"]


@pytest.mark.parametrize(
    ("edit", "unexplained"),
    [
        ("('prices', 'XSML', '2024-01-02', 'dividend', '2024-01-04 22:00Z', 'revised')", []),  # a total return runs on
        ("('prices', 'XSML', '2024-01-04', 'split_ratio', '2024-01-04 22:00Z', 'revised')", []),  # reaches back
        ("('prices', 'XSML', '2024-01-04', 'close', '2024-01-04 22:00Z', 'split')", []),
        ("('prices', 'XSML', '2024-01-04', 'close', '2024-01-04 22:00Z', 'revised')", ["core.prices"]),
        ("('macro', 'XSML', '2024-01-02', 'value', '2024-01-04 22:00Z', 'revised')", ["core.prices"]),
    ],
)
def test_an_edit_moves_rows_from_its_day_on_and_a_split_all(make: Make, edit: str, unexplained: list[str]) -> None:
    assert moved(make, {**PRICE_MOVED, "core.capture_edits": [edit]}).unexplained == unexplained


def test_rows_received_for_the_past_explain_themselves_and_what_follows_from_them(make: Make) -> None:
    early = ("('XSML', '2024-01-02', 10, 10)", "('XSML', '2024-01-02', 10, 9)")
    followed = changed("core.prices", more=("('XSML', '2023-12-29', 9, 9)", "('XTEC', '2024-01-02', 30, 30)"))
    found = moved(make, {"core.prices": [dict([early]).get(row, row) for row in followed["core.prices"]]})
    assert found.tables["core.prices"].rows == {"moved": 1, "late": 2}
    assert (found.reasons["core.prices"].text, found.unexplained) == ("new captures in raw.price_captures", [])


def test_a_row_that_was_received_before_the_late_one_did_not_follow_from_it(make: Make) -> None:
    rows = changed(
        "core.prices",
        ("('XSML', '2024-01-02', 10, 10)", "('XSML', '2024-01-02', 10, 9)"),
        ("('XSML', '2024-01-03', 11, 11)", ""),
    )
    older = make("03-old", {"core.prices": [*ROWS["core.prices"][:1], *ROWS["core.prices"][2:]]})
    newer = make("05-new", {"core.prices": [*rows["core.prices"], ROWS["core.prices"][1]]}, captures={})
    found = compare(older, newer)
    assert found.tables["core.prices"].rows == {"moved": 1, "late": 1}
    assert found.unexplained == ["core.prices"]


FIRST_PRINT = "update core.macro_releases set available_at = '2024-01-04 13:30Z'"
RECEIVED = "alter table core.macro_releases add column captured_at timestamptz"


@pytest.mark.parametrize(("received", "unexplained"), [("2024-01-05", []), ("2024-01-03", ["core.macro_releases"])])
def test_a_new_capture_that_dates_a_first_print_moves_it(make: Make, received: str, unexplained: list[str]) -> None:
    older = make("06-old", sql=f"{RECEIVED}; update core.macro_releases set captured_at = '2024-01-03 22:00Z'")
    dated = f"{RECEIVED}; {FIRST_PRINT}, captured_at = '{received} 22:00Z'"
    found = compare(older, make("08-new", sql=dated, captures={**CAPTURES, "raw.macro_captures": "m2"}))
    assert found.tables["core.macro_releases"].rows == {"moved": 1}
    assert found.unexplained == unexplained
    if not unexplained:
        assert found.reasons["core.macro_releases"].text == "new captures in raw.macro_captures"


RESHAPED = {
    "core.prices": "alter table core.prices add column volume double; insert into core.prices values "
    "('XSML', '2024-01-05', 13, 13, 1)",
    "derived.odds": "alter table derived.odds alter probability type varchar",
    "derived.records": "update meta.tables set grain = 'symbol' where table_name = 'records'",
    "marts.leaderboard": "drop table marts.leaderboard",
    "marts.fresh": "create table marts.fresh (symbol varchar); insert into meta.tables values "
    "('marts', 'fresh', 'symbol', null, 'core.prices')",
}


@pytest.mark.parametrize("name", RESHAPED)
def test_tables_and_columns_come_go_and_change_type_with_the_program_never_with_captures(make: Make, name: str) -> None:
    more = {captures: f"{digest} and more" for captures, digest in CAPTURES.items()}
    older = make("03-old")
    mended = compare(older, make("05-new", sql=RESHAPED[name], captures=more, schema_version=2))
    assert (mended.reasons[name].roots, mended.reasons[name].text) == ((name,), "the schema changed")
    assert compare(older, make("06-new", sql=RESHAPED[name], captures=more)).unexplained == [name]


def test_what_reads_a_table_that_cannot_be_compared_differs_because_of_it(make: Make) -> None:
    price = changed("core.prices", more=("('XSML', '2024-01-04', 12, 12)",))
    found = moved(make, {**RANK_MOVED, **price}, RESHAPED["derived.records"])
    assert found.reasons["marts.leaderboard"].text == "derived.records: its grain changed: rows not compared"


def test_new_sessions_explain_new_rows_and_never_another_value_of_an_old_one(make: Make) -> None:
    price = changed("core.prices", more=("('XSML', '2024-01-04', 12, 12)",))
    record = "('XSML', NULL, '2024-01-04', 3.0, NULL)"
    grown = moved(make, {**price, "derived.records": [*ROWS["derived.records"], record]})
    assert grown.reasons["derived.records"].text == "core.prices: new rows"
    broken = compare(make("07-a"), make("08-b", {**price, **RECORD_MOVED}, captures={"raw.price_captures": "p2"}))
    assert broken.unexplained == ["derived.records"]
    assert broken.reasons["derived.records"].text == "nothing upstream differs: not reproducible"


def test_another_value_from_the_same_captures_and_program_is_not_reproducible(make: Make) -> None:
    found = compare(make("03-old"), make("05-new", {**PRICE_MOVED, **RECORD_MOVED}))
    assert found.unexplained == ["core.prices"]  # the records moved because the prices did
    assert found.reasons["derived.records"].text == "core.prices: XSML 2024-01-03 (1)"


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"code_version": "1+def"}, "the code changed"),
        ({"config_hash": "d"}, "the config or SQL changed"),
        ({"lock_hash": "m"}, "the packages changed"),
        ({"schema_version": 2}, "the schema changed"),
    ],
)
def test_another_program_may_move_any_value(make: Make, differs: dict[str, Any], said: str) -> None:
    found = compare(make("03-old"), make("05-new", RECORD_MOVED, **differs))
    assert (found.reasons["derived.records"].text, found.unexplained) == (said, [])


def test_one_commit_with_uncommitted_changes_may_be_two_programs(make: Make) -> None:
    dirty = {"code_version": "1+abc-dirty"}
    found = compare(make("03-old", **dirty), make("05-new", RECORD_MOVED, **dirty))
    assert found.reasons["derived.records"].text == "the uncommitted code changed"


def test_other_captures_do_not_explain_a_table_that_does_not_read_them(make: Make) -> None:
    found = compare(make("03-old"), make("05-new", RECORD_MOVED, captures={**CAPTURES, "raw.macro_captures": "m2"}))
    assert found.unexplained == ["derived.records"]


def test_a_build_too_old_to_say_what_its_tables_read_differs_for_any_captures(make: Make) -> None:
    found = moved(make, RECORD_MOVED, "alter table meta.tables drop column reads")
    said = "new captures in raw.macro_captures, raw.price_captures"
    assert (found.reasons["derived.records"].text, found.unexplained) == (said, [])


def test_the_build_that_knows_less_counts_as_the_older_one_whatever_the_order(make: Make) -> None:
    now = make("03-now", changed("core.prices", more=("('XSML', '2024-01-04', 12, 12)",)))
    replay = make("05-replay", as_of="2024-01-03T04:59:59+00:00")
    for pair in ((now, replay), (replay, now)):
        found = compare(*pair)
        assert (found.older["build_id"], found.tables["core.prices"].rows) == ("05-replay", {"new": 1})
        assert found.reasons["core.prices"].text == "they are as of different instants"


def test_a_replay_that_gives_another_past_is_not_explained_by_its_instant(make: Make) -> None:
    found = compare(make("03-replay", as_of="2024-01-03T22:00:00+00:00"), make("05-now", RECORD_MOVED))
    assert found.unexplained == ["derived.records"]


# The command

app = typer.Typer()
app.command()(care.diff)
app.command()(care.prune)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Return what runs `rotation diff` in a terminal of 60 columns, on builds made by `make`."""
    monkeypatch.setenv("ROTATION_HOME", str(tmp_path))
    monkeypatch.delenv("ROTATION_SOURCE", raising=False)

    def diff(*options: str) -> tuple[int, str]:
        monkeypatch.setattr(care.out, "width", 60)
        result = CliRunner().invoke(app, ["diff", *options])
        return result.exit_code, result.output

    return diff


def publish(build: Path) -> None:
    link = build.parent.parent / "current"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("builds") / build.name)


def test_without_names_the_build_before_the_current_one_is_compared_with_it(
    make: Make, run: Callable[..., tuple[int, str]]
) -> None:
    make("01-first")
    make("03-old")
    rows = {**PRICE_MOVED, **RECORD_MOVED, "core.capture_edits": [EDIT]}
    publish(make("05-new", rows, captures={"raw.price_captures": "p2"}))
    code, text = run()
    assert code == 0
    assert "older  03-old" in text
    assert "newer  05-new" in text
    assert max(map(len, text.splitlines())) <= 60
    assert (
        "derived.records: 1 row moved in the past (z_score 1), because core.prices: XSML 2024-01-03 close edited by "
        "the source" in " ".join(text.split())
    )


def test_a_beginning_of_an_id_a_replay_and_a_folder_name_builds(
    make: Make, run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    publish(make("03-old"))
    make("05-new")
    (tmp_path / "sample" / "as_of").mkdir()
    (tmp_path / "sample" / "as_of" / "2024-01-07").symlink_to(make("07-replay"))
    assert "every table is the same" in run("03", "05-n")[1]
    assert "newer  07-replay" in run("current", "2024-01-07")[1]
    assert "newer  05-new" in run("03-old", str(tmp_path / "sample" / "builds" / "05-new"))[1]


def test_words_replays_and_ids_count_before_paths_of_the_working_directory(
    make: Make, run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("03-old")
    publish(make("05-new"))
    (tmp_path / "sample" / "as_of").mkdir()
    (tmp_path / "sample" / "as_of" / "2024-01-07").symlink_to(make("07-replay"))
    for name in ("current", "previous", "2024-01-07", "03-old", "here"):
        make("09-other").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert "older  03-old" in run()[1]
    assert "newer  05-new" in run()[1]
    assert "newer  07-replay" in run("03-old", "2024-01-07")[1]
    assert "newer  09-other" in run("03-old", "here")[1]


def test_a_folder_that_holds_no_whole_build_is_none(
    make: Make, run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(make("03-old"))
    unpublished = make("next")
    (unpublished / "build.json").unlink()
    (tmp_path / "sample" / "rotation.duckdb").symlink_to("current/rotation.duckdb")
    monkeypatch.chdir(tmp_path / "sample")
    assert "there is no build or replay .; kept builds: 03-old" in run(".", "current")[1]
    assert "there is no build or replay builds/next; kept builds: 03-old" in run("builds/next", "current")[1]


def test_only_strict_makes_a_difference_without_a_reason_an_error(
    make: Make, run: Callable[..., tuple[int, str]]
) -> None:
    make("03-old")
    publish(make("05-new", RECORD_MOVED))
    assert run()[0] == 0
    code, text = run("--strict")
    assert code == 1
    assert "not reproducible" in " ".join(text.split())


def test_one_table_is_shown_with_its_columns_and_rows(make: Make, run: Callable[..., tuple[int, str]]) -> None:
    make("03-old")
    publish(make("05-new", RECORD_MOVED))
    text = " ".join(run("--table", "derived.records")[1].split())
    assert "z_score 1 1.0 -> 9.0 XSML NULL 2024-01-02" in text
    assert "moved XSML NULL 2024-01-02 z_score 1.0 -> 9.0" in text


def test_json_has_the_whole_comparison(make: Make, run: Callable[..., tuple[int, str]]) -> None:
    make("03-old")
    publish(make("05-new", RECORD_MOVED))
    answer = json.loads(run("--format", "json", "--table", "derived.records")[1])
    assert (answer["older"]["build_id"], answer["unexplained"]) == ("03-old", ["derived.records"])
    assert answer["tables"]["derived.records"]["rows"] == {"moved": 1}
    assert answer["rows"][0]["values"] == {"z_score": [1.0, 9.0]}


def test_a_build_that_cannot_be_meant_is_an_error_that_names_those_kept(
    make: Make, run: Callable[..., tuple[int, str]]
) -> None:
    assert "nothing is published" in run()[1]
    publish(make("03-old"))
    make("05-new")
    assert "no build before 03-old is kept; kept builds: 03-old, 05-new" in run()[1]
    assert "there is no build or replay 99; kept builds: 03-old, 05-new" in run("99", "current")[1]
    assert "2 builds begin with 0; kept builds" in run("0", "current")[1]
    assert "both are the build 03-old" in run("current", "03")[1]
    assert "marts.nothing is not in both builds; tables of both: core.capture_edits," in " ".join(
        run("03", "05", "--table", "marts.nothing")[1].split()
    )


def test_a_catalogue_that_does_not_open_is_an_error(make: Make) -> None:
    damaged = make("05-new")
    (damaged / "rotation.duckdb").write_text("no database" * 1000)
    with pytest.raises(RotationError, match=r"rotation\.duckdb cannot be opened"):
        compare(make("03-old"), damaged)
