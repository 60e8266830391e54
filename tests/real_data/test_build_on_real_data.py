"""The whole way on real market data: known answers hold, and a replay knows no more than was known then."""

import csv
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipeline.layout import BUILD_FILE, CATALOGUE
from pipeline.run import run_build
from pipeline.settings import Settings, parse_instant
from pipeline.sql_models import load_models
from pipeline.tables import CONTRACTS

SHARED = Path(__file__).parents[2].parent / "shared"
DATA, ANSWERS, CHECK = SHARED / "market-data", SHARED / "golden" / "anchors.csv", SHARED / "golden" / "check.py"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real market data: {DATA} does not exist")


def build(home: Path, **more: object) -> Path:
    settings = Settings(home=home, source="files", **more)  # type: ignore[arg-type]
    run_build(settings, on_table=lambda name: None)
    return settings.root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build everything once, then replay 2023-10-01 from the same captures."""
    home = tmp_path_factory.mktemp("real data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / ".dagster"))
        build(home, folder=DATA)
        build(home, as_of=parse_instant("2023-10-01", "--as-of", now=dt.datetime.now(dt.UTC)))
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
