"""No test here inherits settings of the machine it runs on; each has its Dagster below its own temporary folder."""

import os
from pathlib import Path

import dagster as dg
import pytest

from pipeline.layout import REPORT


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ROTATION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))


@pytest.fixture(autouse=True)
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write an empty page: making the real one takes a tenth of a small build, and has tests of its own."""

    def empty(folder: Path) -> dict[str, dict[str, int]]:
        (folder / REPORT).touch()
        return {}

    monkeypatch.setattr("pipeline.publish._write_report", empty)


@pytest.fixture(autouse=True)
def fleeting_history(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Dagster's history in memory, which halves the time of a small build, but for tests that look at it."""
    if request.node.get_closest_marker("history") is None:
        monkeypatch.setattr("pipeline.run.dagster_instance", lambda home: dg.DagsterInstance.ephemeral())
