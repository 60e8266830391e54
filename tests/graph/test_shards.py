"""Work on shards of symbols: results do not depend on how the symbols are cut."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.config import Config, EventStudy, Instrument, Pair, Split, Universe
from pipeline.contracts.raw import PriceCapture
from pipeline.defs.derived import computations
from pipeline.shards import CrossSection, PerSymbol
from pipeline.transforms import reference
from pipeline.transforms.captures import price_edits
from pipeline.warehouse import Warehouse

SYMBOLS = [f"S{number:02d}" for number in range(66)]
BENCHMARKS = ["S00", "S40", "S65"]  # in the first, a middle and the last shard
RUN = dt.datetime(2024, 7, 17, 1, tzinfo=dt.UTC)
SESSIONS = 300


def market() -> pl.DataFrame:
    """Captures of 66 symbols: random walks, dividends, a split, missing sessions, short histories, a corrected bar."""
    random = np.random.default_rng(20261122)
    days = reference.sessions(RUN).tail(SESSIONS)["session_date"]
    frames = []
    for number, symbol in enumerate(SYMBOLS):
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, SESSIONS)))
        close[150:] /= 2 if number == 7 else 1
        high, low = (close * (1 + sign * random.uniform(0, 0.02, SESSIONS)) for sign in (1, -1))
        frame = pl.DataFrame({"session_date": days, "open": random.uniform(low, high), "high": high, "low": low})
        frame = frame.with_columns(
            symbol=pl.lit(symbol),
            close=pl.Series(close),
            volume=pl.Series(random.uniform(1e5, 1e6, SESSIONS)),
            dividend=pl.when(pl.int_range(pl.len()) % 63 == 20).then(0.5).otherwise(0.0),
            split_ratio=pl.when(pl.int_range(pl.len()) == (150 if number == 7 else -1)).then(2.0).otherwise(1.0),
        )
        whole = frame[number % 5 * 20 :]
        frames.append(whole.filter(pl.int_range(pl.len()) % 90 > 3) if number == 9 else whole)  # gaps of four
    first = pl.concat(frames).with_columns(captured_at=pl.lit(RUN), source=pl.lit("files"), origin=pl.lit("a.csv"))
    later = first.filter((pl.col("symbol") == "S33") & (pl.col("session_date") == days[200])).with_columns(
        close=pl.col("close") * 1.001, captured_at=pl.lit(RUN + dt.timedelta(days=1)), origin=pl.lit("b.csv")
    )
    empty = PriceCapture.create_empty()
    return pl.concat([empty, first, later], how="diagonal_relaxed").select(empty.columns).cast(dict(empty.schema))


def universe() -> Config:
    roles = {"S00": "large", "S40": "equal_weight", "S65": "small"}
    instruments = tuple(
        Instrument(
            symbol=symbol,
            name=symbol,
            role=roles.get(symbol, f"other_{symbol.lower()}"),
            group="size",
            splits=(Split(session_date=dt.date(2024, 7, 1), ratio=3),) if symbol == "S12" else (),
            why="a test",
        )
        for symbol in SYMBOLS
    )
    pairs = tuple(Pair(symbol=one, benchmark=other) for one in SYMBOLS for other in BENCHMARKS if one != other)
    base = config.load()
    rules = base.rules.model_copy(
        update={
            "universes": (Universe(universe="u", version=dt.date(2024, 1, 1), symbols=tuple(SYMBOLS[5:60])),),
            "event_studies": (EventStudy(symbol="S03", benchmark="S40"),),
        }
    )
    return base.model_copy(update={"instruments": instruments, "pairs": pairs, "rules": rules})


def built(root: Path, parts: int) -> tuple[dict[str, pl.DataFrame], Warehouse]:
    """Every table that is worked on by shards, each of about so small a part of the bars."""
    captures, chosen = market(), universe()
    warehouse = Warehouse(root, bars_per_shard=-(-captures.height // parts))
    warehouse.append("price_captures", captures, run_at=RUN)
    found = warehouse.write_prices(reference.sessions(RUN), chosen.instruments)
    tables = {"edits": warehouse.map_captures(price_edits), "left_out": found.left_out, "broken": found.broken}
    for name, compute in computations(chosen).items():
        if isinstance(compute, PerSymbol):
            warehouse.write_shards(name, compute, chosen.benchmarks)
            tables[name] = warehouse.read(name)
        elif isinstance(compute, CrossSection):
            tables[name] = warehouse.cross_section(compute, chosen.benchmarks)
    return {"core.prices": warehouse.read("core.prices"), **tables}, warehouse


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, pl.DataFrame], Warehouse]:
    return built(tmp_path_factory.mktemp("one"), 1)


def test_one_shard_is_one_file(whole: tuple[dict[str, pl.DataFrame], Warehouse]) -> None:
    tables, warehouse = whole
    assert [Path(file).name for file in warehouse.files("derived.trend")] == ["trend.parquet"]
    assert {name: frame.height for name, frame in tables.items() if frame.is_empty()} == {"left_out": 0, "broken": 0}
    assert tables["edits"]["id"].to_list() == ["S33"]
    assert tables["derived.relative_strength"]["benchmark"].unique().sort().to_list() == BENCHMARKS


# histories differ and a symbol is never cut, so 65 parts fill 64 shards
@pytest.mark.parametrize(("parts", "shards"), [(7, 7), (65, 64)])
def test_results_do_not_depend_on_the_number_of_shards(
    whole: tuple[dict[str, pl.DataFrame], Warehouse], tmp_path: Path, parts: int, shards: int
) -> None:
    tables, warehouse = built(tmp_path, parts)
    files = warehouse.files("derived.trend")
    assert (len(files), Path(files[0]).name) == (shards, "00000.parquet")
    assert tables.keys() == whole[0].keys()
    for name, expected in whole[0].items():
        found = tables[name]
        if name == "derived.records":  # each shard holds single symbols first, then pairs
            found, expected = found.sort(found.columns), expected.sort(expected.columns)
        assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("parts", [(7, 1), (1, 7), (7, 3)])
def test_a_table_written_again_in_other_shards_leaves_nothing_of_the_first(
    tmp_path: Path, parts: tuple[int, int]
) -> None:
    captures = market()
    warehouse = Warehouse(tmp_path)
    warehouse.append("price_captures", captures, run_at=RUN)
    for count in parts:
        warehouse.bars_per_shard = -(-captures.height // count)
        warehouse.write_prices(reference.sessions(RUN), universe().instruments)
        assert len(warehouse.files("core.prices")) == count
        assert warehouse.read("core.prices").height == captures.height - 1  # one bar was captured twice
