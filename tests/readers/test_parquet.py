"""The published Parquet files as other programs read them: same rows, types that make sense, NULLs kept."""

import datetime as dt
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl
import pytest
from parquet_readers import IN_PYTHON, from_javascript, restored
from polars.testing import assert_frame_equal
from small import CAPTURED_AT, FIRST, LAST, LAYERS, days

from pipeline.layout import CATALOGUE

JAVASCRIPT = Path(__file__).parent / "js"
NO_JAVASCRIPT = "needs node and npm, then `make test` fetches hyparquet"


@pytest.fixture(scope="module")
def published(home: Path) -> dict[str, pl.DataFrame]:
    """Return every table of the DuckDB file, by layer and name."""
    with duckdb.connect(home / "files" / CATALOGUE, read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        names = con.execute("select layer || '.' || table_name from meta.tables").fetchall()
        return {name: pl.DataFrame(pl.from_arrow(con.sql(f"from {name}").to_arrow_table())) for (name,) in names}


@pytest.fixture(scope="module", params=[*IN_PYTHON, "hyparquet"])
def read(
    request: pytest.FixtureRequest, home: Path, published: Mapping[str, pl.DataFrame], tmp_path_factory
) -> dict[str, pl.DataFrame]:
    """Return every table as one reader reads it, by layer and name."""
    build = home / "files" / "current"
    paths = [path for layer in LAYERS for path in sorted((build / layer).glob("*.parquet"))]
    if request.param in IN_PYTHON:
        tables = {f"{path.parent.name}.{path.stem}": IN_PYTHON[request.param](path) for path in paths}
    else:
        tables = read_with_javascript(paths, tmp_path_factory.mktemp("javascript"))
    return {name: restored(frame, request.param, published[name].schema) for name, frame in tables.items()}


def read_with_javascript(paths: list[Path], target: Path) -> dict[str, pl.DataFrame]:
    node = shutil.which("node")
    if node is None or not (JAVASCRIPT / "node_modules").exists():
        pytest.skip(NO_JAVASCRIPT)
    subprocess.run([node, JAVASCRIPT / "read.mjs", target, *paths], check=True)
    return {path.stem: from_javascript(path) for path in target.glob("*.json")}


def test_every_table_has_the_rows_types_and_nulls_of_the_duckdb_file(
    read: Mapping[str, pl.DataFrame], published: Mapping[str, pl.DataFrame]
) -> None:
    assert read.keys() == published.keys()
    for name, frame in read.items():
        print(name)  # shown where the comparison fails
        assert_frame_equal(frame, published[name], check_exact=True)


def test_closes_are_those_worked_out_by_hand(read: Mapping[str, pl.DataFrame]) -> None:
    prices = read["core.prices"]
    assert prices["symbol"].to_list() == ["IWM"] * 400 + ["QQQ"] * 400 + ["SPY"] * 400
    assert prices["close"].to_list() == [*range(100, 500), *[200] * 400, *[100] * 400]
    assert prices["session_date"].to_list() == days() * 3
    assert (prices["session_date"].min(), prices["session_date"].max()) == (FIRST, LAST)
    assert prices["session_no"].diff().drop_nulls().to_list() == [*[1] * 399, -399, *[1] * 399, -399, *[1] * 399]


def test_instants_are_utc(read: Mapping[str, pl.DataFrame]) -> None:
    """Sessions end at 16:00 New York, the one after Thanksgiving at 13:00; New York is 4 hours behind in summer."""
    assert read["core.prices"]["captured_at"].unique().to_list() == [CAPTURED_AT]
    ends = {
        dt.date(2022, 7, 15): (dt.datetime(2022, 7, 15, 20, tzinfo=dt.UTC), False),
        dt.date(2022, 11, 25): (dt.datetime(2022, 11, 25, 18, tzinfo=dt.UTC), True),
        dt.date(2024, 1, 2): (dt.datetime(2024, 1, 2, 21, tzinfo=dt.UTC), False),
    }
    sessions = read["core.sessions"].filter(pl.col("session_date").is_in(list(ends)))
    assert {row["session_date"]: (row["close_at"], row["is_half_day"]) for row in sessions.to_dicts()} == ends


def test_what_is_unknown_is_null(read: Mapping[str, pl.DataFrame]) -> None:
    """The first five sessions have no five before them; nothing at all is flagged; IWM's run of rises has not ended."""
    of_iwm = (pl.col("symbol") == "IWM") & (pl.col("basis") == "price")
    returns = read["derived.returns"].filter(of_iwm)["ret_5d"]
    assert returns.head(6).to_list() == [None] * 5 + [0.05]
    assert returns.is_null().sum() == 5
    assert read["core.prices"]["flags"].to_list() == [None] * 1200
    [run] = read["derived.streak_events"].filter(of_iwm & (pl.col("rule") == "up")).unique("rule").to_dicts()
    assert (run["start_date"], run["hits"], run["is_open"], run["confirmed_on"]) == (
        dt.date(2022, 6, 2),
        399,
        True,
        None,
    )


def test_a_mart_is_as_readable_as_the_rest(read: Mapping[str, pl.DataFrame]) -> None:
    daily = read["marts.rotation_daily"].filter(pl.col("session_date") == dt.date(2022, 7, 15))
    assert daily.select("ratio", "curve_observed_on", "is_curve_inverted").rows() == [(1.3, dt.date(2022, 7, 14), True)]


def test_no_published_figure_is_nan_or_infinite(published: Mapping[str, pl.DataFrame]) -> None:
    """So that NaN in pandas and fastparquet, which have nothing else for NULL, always means NULL."""
    for name, frame in published.items():
        figures = frame.select(pl.col(pl.Float64).is_finite().all())
        assert all(figures.row(0)) if figures.width else True, name
