"""The whole way on real market data: known answers hold, and a replay knows no more than was known then.

The claims of the five articles have the outcomes of the issue that asked for the ledger and of shared/claims.md.
"""

import csv
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.layout import BUILD_FILE, CATALOGUE, REPORT
from pipeline.run import run_build
from pipeline.settings import Settings, parse_instant
from pipeline.sql_models import load_models
from pipeline.tables import CONTRACTS

SHARED = Path(__file__).parents[2].parent / "shared"
REPLAYED = dt.datetime(2024, 7, 29, 12, tzinfo=dt.UTC)  # the instant of the latest article, a1
DATA, ANSWERS, CHECK = SHARED / "market-data", SHARED / "golden" / "anchors.csv", SHARED / "golden" / "check.py"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real market data: {DATA} does not exist")


def build(home: Path, **more: object) -> Path:
    settings = Settings(home=home, source="files", **more)  # type: ignore[arg-type]
    run_build(settings, on_table=lambda name: None)
    return settings.root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build everything once, then replay 2023-10-01, and the latest article's instant, from the same captures."""
    home = tmp_path_factory.mktemp("real data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / ".dagster"))
        build(home, folder=DATA)
        build(home, as_of=parse_instant("2023-10-01", "--as-of", now=dt.datetime.now(dt.UTC)))
        build(home, as_of=REPLAYED)
        yield home / "files"


def ask(catalogue: Path, sql: str) -> list[tuple]:
    with duckdb.connect(catalogue, read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        return con.execute(sql).fetchall()


def test_every_known_answer_about_a_table_that_exists_holds(root: Path, tmp_path: Path) -> None:
    with ANSWERS.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    asked = [row for row in rows if row["table"] in CONTRACTS]
    assert len(asked) > 100
    some = tmp_path / "answers.csv"
    with some.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(asked)
    done = subprocess.run(
        [sys.executable, str(CHECK), str(root / CATALOGUE), str(some)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == f"{len(asked)} of {len(asked)} known answers hold", done.stdout + done.stderr
    assert done.returncode == 0


def test_every_file_is_taken_over(root: Path) -> None:
    assert ask(root / CATALOGUE, "select origin, reason from core.rejects where layer = 'raw'") == []
    symbols = {path.stem for path in (DATA / "prices").glob("*.csv")}
    assert len(symbols) == 73
    assert ask(root / CATALOGUE, "select count(*) from core.instruments where is_configured and bars > 0") == [(73,)]


def test_every_series_of_the_data_is_configured_and_has_values(root: Path) -> None:
    series = {path.stem for path in (DATA / "macro").glob("*.csv")}
    assert len(series) == 47
    found = {name for (name,) in ask(root / CATALOGUE, "select series_id from core.series where observations > 0")}
    assert series <= found


def test_the_rate_of_august_2023_was_3_8_as_first_published(root: Path) -> None:
    """It has been revised to 3.7 since; a replay of the autumn of 2023 does not know that."""
    august = "select value from core.macro_latest where series_id = 'UNRATE' and observed_on = '2023-08-01'"
    assert ask(root / "as_of" / "2023-10-01" / CATALOGUE, august) == [(3.8,)]
    assert ask(root / CATALOGUE, august) == [(3.7,)]


def test_a_replay_holds_nothing_that_came_later(root: Path) -> None:
    replay = root / "as_of" / "2023-10-01" / CATALOGUE
    [(newest,)] = ask(replay, "select max(session_date)::varchar from core.prices")
    assert newest == "2023-09-29"  # a Friday; the replay's date is a Sunday
    assert ask(replay, "select count(*) from core.macro_releases where available_at >= '2023-10-02 04:00Z'") == [(0,)]
    # the report on September is published on 2023-10-06
    newest = "select max(observed_on)::varchar from core.macro_latest where series_id = 'UNRATE'"
    assert ask(replay, newest) == [("2023-08-01",)]


def test_every_table_is_published_and_the_file_is_of_a_size_to_copy(root: Path) -> None:
    record = json.loads((root / "current" / BUILD_FILE).read_text())
    assert set(record["tables"]) == {*CONTRACTS, *(f"marts.{name}" for name in load_models())}
    assert record["catalogue_bytes"] <= 400e6


def test_the_report_is_whole_and_of_a_size_to_send(root: Path) -> None:
    record = json.loads((root / "current" / BUILD_FILE).read_text())
    assert "report" not in record["warnings"]
    assert record["report_bytes"] == (root / REPORT).stat().st_size <= 3_000_000


# the claims ledger


@pytest.fixture(scope="module")
def full(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file of the full build."""
    with duckdb.connect(root / CATALOGUE, read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        yield con


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def claim(con: duckdb.DuckDBPyConnection, claim_id: str) -> dict[str, Any]:
    [found] = rows(con, f"select * from marts.claims where claim_id = '{claim_id}'")
    return found


def readings(con: duckdb.DuckDBPyConnection, claim_id: str) -> list[dict[str, Any]]:
    return rows(con, f"select * from marts.claim_readings where claim_id = '{claim_id}' order by reading_no")


def test_every_claim_of_the_commentary_is_in_the_ledger(full: duckdb.DuckDBPyConnection) -> None:
    """shared/claims.md has a table an article, each row beginning with the claim's id."""
    lines = (SHARED / "claims.md").read_text(encoding="utf-8").splitlines()
    wanted = [
        line.split("|")[1].strip() for line in lines if line.startswith(("| a0-", "| a1-", "| a2-", "| a3-", "| a4-"))
    ]
    assert len(wanted) > 40
    assert [
        one["claim_id"] for one in rows(full, "select claim_id from marts.claims order by article, claim_no")
    ] == wanted


@pytest.mark.parametrize(
    ("claim_id", "verdict"),
    [
        ("a0-gap-0602", "supported"),
        ("a0-outside", "supported"),
        ("a1-over-5", "contradicted"),
        ("a1-sigma", "inconsistent"),
        ("a1-inverted-since", "inconsistent"),
        ("a0-mega-share", "not_testable"),
        ("a0-financials", "not_testable"),
        ("a1-century", "not_testable"),
        ("a2-odds", "not_testable"),
        ("a2-earnings", "not_testable"),
    ],
)
def test_known_verdicts(full: duckdb.DuckDBPyConnection, claim_id: str, verdict: str) -> None:
    assert claim(full, claim_id)["verdict"] == verdict


def test_none_of_the_days_exceeded_five_percent(full: duckdb.DuckDBPyConnection) -> None:
    """The largest of those days is below 4 %, for the index and for its fund."""
    largest = [
        one["measured_value"]
        for one in readings(full, "a1-over-5")
        if one["measure"] == "largest_day" and any(name in one["parameters"] for name in ('"IWM"', '"^RUT"'))
    ]
    assert len(largest) >= 2
    assert all(3 < value < 4 for value in largest)


def test_the_best_five_days_since(full: duckdb.DuckDBPyConnection) -> None:
    """At the close of 2024-07-16 IWM was up 11.5 %, the best since 2020-04-29: not since June 2020."""
    found = claim(full, "a2-five")
    assert found["verdict"] in ("supported_only_under", "contradicted")
    [close] = [
        one
        for one in readings(full, "a2-five")
        if one["as_of"] == dt.date(2024, 7, 16)
        and '"symbol": "IWM"' in one["parameters"]
        and '"price"' in one["parameters"]
        and '"level_pct": null' in one["parameters"]
    ]
    assert close["verdict"] == "contradicted"
    assert close["is_hindsight"]
    assert close["measured_value"] == pytest.approx(11.519364, abs=1e-6)
    assert '"since_date": "2020-04-29"' in close["evidence"]


def test_the_inversion_began_in_july_2022(full: duckdb.DuckDBPyConnection) -> None:
    found = readings(full, "a1-inverted-since")
    assert "supported" in [one["verdict"] for one in found if not one["is_arithmetic"] and "2022-07" in one["claimed"]]
    assert [one["verdict"] for one in found if one["is_arithmetic"]] == ["inconsistent"]


def test_three_sigma_is_not_the_99_3rd_percentile(full: duckdb.DuckDBPyConnection) -> None:
    """Of a normal distribution 99.865 % lie below three standard deviations."""
    [check] = [one for one in readings(full, "a1-sigma") if one["is_arithmetic"]][:1]
    assert check["measured_value"] == pytest.approx(99.8650102, abs=1e-6)


def test_small_caps_beat_large_caps_from_the_peak_to_the_trough(full: duckdb.DuckDBPyConnection) -> None:
    found = [
        one
        for one in readings(full, "a3-2000")
        if "2000-03-24" in one["parameters"] and "2002-10-09" in one["parameters"]
    ]
    assert {one["verdict"] for one in found if "^RUT" in one["parameters"]} == {"supported"}


def test_unemployment_rose_by_eleven_percent_only_from_december_to_june_as_known_then(
    full: duckdb.DuckDBPyConnection,
) -> None:
    """3.7 to 4.1 is +10.8 %, as revised 3.8 to 4.1 is +7.9 %."""
    found = readings(full, "a1-unemployment")
    [fits] = [one for one in found if one["verdict"] == "supported"]
    assert fits["measured_value"] == pytest.approx(100 * (4.1 / 3.7 - 1), abs=1e-6)
    assert not fits["is_hindsight"]
    revised = [one for one in found if one["is_hindsight"] and one["measured_value"] is not None]
    assert any(one["measured_value"] == pytest.approx(100 * (4.1 / 3.8 - 1), abs=1e-6) for one in revised)


def test_what_is_missing_is_said(full: duckdb.DuckDBPyConnection) -> None:
    silent = rows(
        full,
        "select claim_id, reading from marts.claim_readings "
        "where verdict = 'not_testable' and coalesce(missing, '') = ''",
    )
    assert silent == []
    assert rows(full, "select claim_id from marts.claims where verdict = 'not_testable' and missing is null") == []


def test_where_readings_disagree_it_is_said_what_decides(full: duckdb.DuckDBPyConnection) -> None:
    divided = rows(
        full, "select claim_id, decided_by from marts.claims where readings_supported > 0 and readings_contradicted > 0"
    )
    assert divided and all(one["decided_by"] for one in divided)
    assert claim(full, "a0-ytd-small")["decided_by"] == "true on total return, false on price"


def test_the_published_sql_gives_every_published_figure(full: duckdb.DuckDBPyConnection) -> None:
    asked = rows(full, "select * from marts.claim_readings where sql is not null")
    assert len(asked) > 100
    for one in asked:
        [(value, as_of, _)] = full.execute(one["sql"]).fetchall()
        where = f"{one['claim_id']}: {one['reading']}"
        assert as_of == one["as_of"], where
        if one["measured_value"] is not None:
            assert round(float(value), 8) == one["measured_value"], where


def test_no_day_of_the_evidence_is_later_than_the_instant(full: duckdb.DuckDBPyConnection) -> None:
    late = "evidence_to > (known_at at time zone 'America/New_York')::date"
    assert rows(full, f"select claim_id, reading, known_at, evidence_to from marts.claim_readings where {late}") == []


def test_the_ledger_of_a_replay_is_that_of_the_full_build(root: Path, full: duckdb.DuckDBPyConnection) -> None:
    """A warehouse that ends at the instant of the latest article judges every reading up to then in the same way."""
    columns = "claim_id, reading, verdict, measured_value, as_of, evidence, sql"
    compared = f"select {columns} from marts.claim_readings where known_at <= timestamptz '{REPLAYED}'"
    with duckdb.connect(root / "as_of" / "2024-07-29T120000Z" / CATALOGUE, read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        replayed = {(one["claim_id"], one["reading"]): one for one in rows(con, compared)}
        assert rows(con, "select max(session_date) as last from core.prices") == [{"last": dt.date(2024, 7, 26)}]
    expected = {(one["claim_id"], one["reading"]): one for one in rows(full, compared)}
    assert len(expected) > 100
    assert {one["claim_id"][:2] for one in expected.values()} == {"a0", "a1", "a2", "a3", "a4"}
    for name, one in expected.items():
        assert replayed[name] == one, name
