"""No test here inherits a key, an address or a Dagster of the machine it runs on."""

from pathlib import Path

import dagster as dg
import pytest

from pipeline.layout import REPORT

FOREIGN = (
    "ROTATION_HOME",
    "ROTATION_SOURCE",
    "ROTATION_FROM",
    "ROTATION_CONFIG",
    "ROTATION_YAHOO_URL",
    "ROTATION_FRED_API_URL",
    "ROTATION_FRED_CSV_URL",
    "FRED_API_KEY",
)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
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
