"""The five articles on real market data: known outcomes, SQL that gives each figure again, and nothing known too early.

Expected outcomes are those of the issue that asked for the ledger and of shared/claims.md, not of the code.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.layout import CATALOGUE
from pipeline.run import run_build
from pipeline.settings import Settings

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "market-data"
REPLAYED = dt.datetime(2024, 7, 29, 12, tzinfo=dt.UTC)  # the instant of the latest article, a1

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real market data: {DATA} does not exist")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build everything, then replay the instant of the latest article from the same captures."""
    home = tmp_path_factory.mktemp("claims")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / ".dagster"))
        for more in ({"folder": DATA}, {"as_of": REPLAYED}):
            run_build(Settings(home=home, source="files", **more), on_table=lambda name: None)  # type: ignore[arg-type]
        yield home / "files"


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
