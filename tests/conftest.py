"""One small warehouse is built for all tests that only read it, whichever worker they run in.

`small` is imported where it is used: it brings Dagster along, which the tests of `make check` do without.
"""

from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.layout import REPORT


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return the temporary folder that all workers of this run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the small input; tests that change it work on a copy."""
    from small import write_folder

    return write_folder(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="session")
def home(shared: Path, folder: Path) -> Path:
    """Return a home in which the small input is published once, for tests that only read."""
    from small import build

    place = shared / "it's a home with spaces"
    with FileLock(shared / "home.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(place / ".dagster"))
        if not (place / "files" / "current").exists():
            build(place, folder)
    return place


@pytest.fixture
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write an empty page: making the real one takes a tenth of a small build, and has tests of its own."""

    def empty(folder: Path) -> dict[str, dict[str, int]]:
        (folder / REPORT).touch()
        return {}

    monkeypatch.setattr("pipeline.publish._write_report", empty)


@pytest.fixture
def fleeting_history(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Dagster's history in memory, which halves the time of a small build, but for tests that look at it."""
    if request.node.get_closest_marker("history") is None:
        from dagster import DagsterInstance

        monkeypatch.setattr("pipeline.run.dagster_instance", lambda home: DagsterInstance.ephemeral())
