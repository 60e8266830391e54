"""The published DuckDB file in clients of other versions, each in an environment of its own, and in the current one."""

import datetime as dt
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from clients import VERSIONS, python_of
from polars.testing import assert_frame_equal
from small import CAPTURED_AT, FIRST, LAST, tables

from pipeline.layout import CATALOGUE

SCRIPT = Path(__file__).with_name("old_client.py")


@pytest.fixture(scope="module", params=VERSIONS)
def client(request: pytest.FixtureRequest, home: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return what one client finds: its tables by layer and name, and what it says of the file."""
    target = tmp_path_factory.mktemp("client")
    command = [python_of(request.param), SCRIPT, home / "files" / CATALOGUE, target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"].startswith(request.param)
    return SimpleNamespace(**found, tables={path.stem: pl.read_parquet(path) for path in target.glob("*.parquet")})


def test_every_row_is_there(client: SimpleNamespace, home: Path) -> None:
    published = tables(home / "files" / "current")
    assert {name for name in client.tables if not name.startswith("meta.")} == published.keys()
    for name, frame in published.items():
        print(name)  # shown where the comparison fails
        assert_frame_equal(client.tables[name], frame, check_exact=True)


def test_closes_are_those_worked_out_by_hand(client: SimpleNamespace) -> None:
    prices = client.tables["core.prices"]
    assert prices["close"].to_list() == [*range(100, 500), *[200] * 400, *[100] * 400]
    assert (prices["session_date"].min(), prices["session_date"].max()) == (FIRST, LAST)
    assert prices["captured_at"].unique().to_list() == [CAPTURED_AT]


def test_comments_are_there(client: SimpleNamespace) -> None:
    assert [name for name, comment in client.comments.items() if not comment] == []
    spread = client.comments["derived.relative_strength.spread_5d_pp"]
    assert spread == "100 x (5-session return of the symbol less that of the benchmark). [pp]"


def test_meta_tables_tell_of_every_table_column_and_build(client: SimpleNamespace, home: Path) -> None:
    meta = {name: client.tables[f"meta.{name}"] for name in ("tables", "columns", "builds")}
    layers = {name: frame for name, frame in client.tables.items() if not name.startswith("meta.")}
    rows = {f"{row['layer']}.{row['table_name']}": row["rows"] for row in meta["tables"].to_dicts()}
    assert rows == {name: frame.height for name, frame in layers.items()}
    assert meta["columns"].height == sum(frame.width for frame in layers.values())
    [build] = meta["builds"].to_dicts()
    assert build["build_id"] == (home / "files" / "current").resolve().name
    assert dt.datetime.now(dt.UTC) - build["created_at"] < dt.timedelta(days=1)
