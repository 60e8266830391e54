"""No test here inherits settings of the machine it runs on; each has its Dagster below its own temporary folder."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, without_report: None, fleeting_history: None
) -> None:
    for name in [name for name in os.environ if name.startswith("ROTATION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
