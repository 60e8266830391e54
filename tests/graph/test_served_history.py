"""A source that serves less than it did: nothing is deleted, the series says so, and the build is yellow.

The twin of a real case: since April 2026 FRED has served only three years of each ICE BofA series.
"""

import datetime as dt
import json
from pathlib import Path

import dagster as dg
import pytest
from small import ask, settings
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.definitions import JOB, build_definitions
from pipeline.layout import BUILD_FILE, CATALOGUE

CREDIT = "BAMLH0A0HYM2"
BEGAN, CUT = dt.date(2019, 1, 2), dt.date(2023, 8, 1)
DECEMBER, JULY, AUGUST = (
    dt.datetime(2025, 12, 31, 22, tzinfo=dt.UTC),
    dt.datetime(2026, 7, 31, 22, tzinfo=dt.UTC),
    dt.datetime(2026, 8, 31, 22, tzinfo=dt.UTC),
)
WARNING = f"serves_all_history: {CREDIT} served from {CUT}, captured from {BEGAN}"


def copy(folder: Path, begins: dt.date, ends: dt.date) -> Path:
    """Write a folder with the credit spread from one day to another, the day's ordinal as the value."""
    folder.mkdir(parents=True)
    days = [dt.date.fromordinal(i) for i in range(begins.toordinal(), ends.toordinal() + 1)]
    lines = [f"{day},{'.' if day.weekday() > 4 else day.toordinal() % 700 / 100}" for day in days]
    (folder / f"{CREDIT}.csv").write_text("\n".join(["observation_date,BAMLH0A0HYM2", *lines, ""]))
    return folder


def build(home: Path, folder: Path, captured_at: dt.datetime) -> dict[str, dg.AssetCheckEvaluation]:
    """Build everything; return what the checks of core.series say."""
    job = build_definitions(settings(home, folder, captured_at=captured_at)).resolve_job_def(JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)
    evaluations = [one for one in result.get_asset_check_evaluations() if one.asset_key.path[1:] == ["core", "series"]]
    return {one.check_name: one for one in evaluations}


def credit(home: Path) -> tuple:
    """first_observed_on, observations and served_from of the credit spread."""
    [row] = ask(
        home / "files" / CATALOGUE,
        f"select first_observed_on, observations, served_from from core.series where series_id = '{CREDIT}'",
    )
    return row


def warnings(home: Path) -> dict:
    return json.loads((home / "files" / "current" / BUILD_FILE).read_text())["warnings"]


def test_a_series_cut_short_keeps_its_history_and_turns_yellow(tmp_path: Path) -> None:
    home = tmp_path / "home"
    whole = copy(tmp_path / "whole", BEGAN, dt.date(2025, 12, 30))
    checks = build(home, whole, DECEMBER)
    assert all(one.passed for one in checks.values()) and set(checks) == {
        "contract",
        "serves_all_history",
        "matches_source",
    }
    assert warnings(home) == {}
    first, observations, served_from = credit(home)
    assert (first, served_from) == (BEGAN, BEGAN)

    checks = build(home, copy(tmp_path / "cut", CUT, dt.date(2026, 7, 30)), JULY)
    check = checks["serves_all_history"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert {name: one.value for name, one in check.metadata.items()} == {
        CREDIT: f"served from {CUT}, captured from {BEGAN}"
    }
    weekdays = 152  # from Wednesday 2025-12-31 to Thursday 2026-07-30: 30 weeks and two days
    assert credit(home) == (BEGAN, observations + weekdays, CUT)
    [value] = ask(
        home / "files" / CATALOGUE,
        f"select value from core.macro_latest where series_id = '{CREDIT}' and observed_on = '{BEGAN}'",
    )
    assert value == (BEGAN.toordinal() % 700 / 100,)
    assert warnings(home) == {"core.series": {WARNING: 1}}

    checks = build(home, whole, AUGUST)  # served in full again
    assert checks["serves_all_history"].passed
    assert credit(home) == (BEGAN, observations + weekdays, BEGAN)
    assert warnings(home) == {}


def test_the_command_says_what_is_not_served_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    for folder, captured_at in (
        (copy(tmp_path / "whole", BEGAN, CUT), DECEMBER),
        (copy(tmp_path / "cut", CUT, CUT), JULY),
    ):
        arguments = ["build", "--source", "files", "--home", str(home), "--from", str(folder)]
        done = CliRunner().invoke(app, [*arguments, "--captured-at", f"{captured_at:%Y-%m-%dT%H:%M:%SZ}"])
        assert done.exit_code == 0, done.output
    assert f"core.series: {WARNING}" in " ".join(done.output.split())


def test_of_several_copies_in_one_folder_the_newest_counts_and_of_one_instant_the_longest(tmp_path: Path) -> None:
    folder = tmp_path / "input" / "macro_snapshots"
    copy(folder / "2026-01", BEGAN, dt.date(2026, 1, 2))
    copy(folder / "2026-07", CUT, dt.date(2026, 7, 1))
    checks = build(tmp_path / "home", tmp_path / "input", JULY)  # both received together
    assert checks["serves_all_history"].passed
    dated = settings(tmp_path / "dated", tmp_path / "input", captured_at=None)
    job = build_definitions(dated).resolve_job_def(JOB)
    result = job.execute_in_process()
    failed = [one.check_name for one in result.get_asset_check_evaluations() if not one.passed]
    assert "serves_all_history" in failed
    assert credit(tmp_path / "dated")[2] == CUT
