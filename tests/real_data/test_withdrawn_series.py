"""The real withdrawal: copies of 2025-12 reach back to 1996, the copy of 2026-07 holds three years."""

import datetime as dt
import json
from pathlib import Path

import duckdb
import pytest

from pipeline.layout import BUILD_FILE, CATALOGUE
from pipeline.run import run_build
from pipeline.settings import Settings

DATA = Path(__file__).parents[2].parent / "shared" / "market-data"
CREDIT = "BAMLH0A0HYM2"
RECEIVED = dt.datetime(2025, 12, 31, 22, tzinfo=dt.UTC)

pytestmark = [
    pytest.mark.soak,  # its twin on made-up data is tests/graph/test_served_history.py
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no real market data: {DATA} does not exist"),
]


def ask(home: Path, sql: str) -> list[tuple]:
    with duckdb.connect(home / "files" / CATALOGUE, read_only=True) as con:
        return con.execute(sql).fetchall()


def test_a_copy_of_three_years_shortens_no_history_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    before = f"select count(*) from core.macro_latest where series_id = '{CREDIT}' and observed_on < '2023-08-01'"
    series = f"select first_observed_on, served_from from core.series where series_id = '{CREDIT}'"

    def build(folder: str, captured_at: dt.datetime | None) -> str:
        settings = Settings(home=tmp_path, source="files", folder=DATA / folder, captured_at=captured_at)
        run_build(settings, on_table=lambda name: None)
        warnings = json.loads((tmp_path / "files" / "current" / BUILD_FILE).read_text())["warnings"]
        return " ".join(warnings.get("core.series", {}))

    assert build("macro", RECEIVED) == ""
    old_values = ask(tmp_path, before)
    assert ask(tmp_path, series) == [(dt.date(1996, 12, 31), dt.date(1996, 12, 31))]

    warning = build("macro_snapshots/2026-07", None)
    assert f"{CREDIT} served from 2023-08-01, captured from 1996-12-31" in warning
    assert ask(tmp_path, before) == old_values
    assert ask(tmp_path, series) == [(dt.date(1996, 12, 31), dt.date(2023, 8, 1))]
