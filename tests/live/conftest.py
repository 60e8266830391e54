"""No test here inherits a key, an address or a Dagster of the machine it runs on."""

from pathlib import Path

import pytest

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
def own_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, without_report: None, fleeting_history: None
) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
