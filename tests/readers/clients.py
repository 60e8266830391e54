"""Interpreters with DuckDB clients of several versions, each in an environment of its own."""

import sys
from pathlib import Path

import duckdb

ENVIRONMENTS = Path(__file__).parents[2] / ".venv"
CURRENT = duckdb.__version__
VERSIONS = ["1.4.", "1.5.", CURRENT]


def python_of(version: str) -> Path:
    """Return the interpreter of the environment that `make test` sets up for a version."""
    if version == CURRENT:
        return Path(sys.executable)
    found = sorted(ENVIRONMENTS.glob(f"duckdb-{version}*/bin/python"))
    assert found, f"there is no environment with DuckDB {version}x; make it with: make .venv/readers"
    return found[-1]
