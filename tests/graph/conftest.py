"""Each test's Dagster lives below its own temporary folder; one small warehouse is built for all that only read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small import build, write_folder


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ROTATION_HOME", "ROTATION_SOURCE", "ROTATION_FROM", "ROTATION_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the small input; tests that change it work on a copy."""
    return write_folder(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Path]:
    """Return a home in which the small input is published once, for tests that only read."""
    place = tmp_path_factory.mktemp("it's a home with spaces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(place / ".dagster"))
        build(place, folder)
    yield place
