"""Work on a real Ray cluster of three nodes gives what this process gives, also where workers and nodes die.

The tests share the cluster; the last one takes a node from it.
"""

import datetime as dt
import io
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import polars as pl
import pytest

from benchmarks import market
from pipeline import config
from pipeline.contracts.raw import PriceCapture
from pipeline.defs.derived import computations
from pipeline.engines import Ray
from pipeline.errors import RotationError
from pipeline.shards import CrossSection, PerSymbol, TableWork
from pipeline.storage import UNFINISHED, Storage
from pipeline.transforms import reference, returns
from pipeline.transforms.captures import price_edits
from pipeline.warehouse import Warehouse

ray = pytest.importorskip("ray")
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers cannot import a test

CONFIG = config.load()
TABLES = computations(CONFIG)
PER_SYMBOL = [name for name, table in TABLES.items() if isinstance(table, PerSymbol)]
SYMBOLS = ("DIA", "IWM", "QQQ", "RSP", "SPY", "XLE", "XLF", "XLK")
BARS_PER_SHARD = 1_000
SHARDS = 5  # of 8 symbols with some 550 bars each
CAPTURED = (market.CAPTURED_AT, market.CAPTURED_AT + dt.timedelta(days=1))
PATIENCE = 60  # seconds until a test of tasks that wait for one another fails


def captures() -> pl.DataFrame:
    """A made-up market under the names of funds, captured twice; every fiftieth close was corrected."""
    names = {market.symbol(number): name for number, name in enumerate(SYMBOLS)}
    bars = market.whole_market(len(SYMBOLS), 600).with_columns(
        pl.col("symbol").replace(names), adj_close=pl.lit(None, pl.Float64), origin=pl.lit("made up")
    )
    later = bars.gather_every(50).with_columns(close=pl.col("low"), captured_at=pl.lit(CAPTURED[1]))
    return pl.concat([bars, later]).select(PriceCapture.column_names())


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with captures and nothing else."""
    root = tmp_path_factory.mktemp("raw")
    Warehouse(root).append("price_captures", captures(), run_at=CAPTURED[1])
    return root


@pytest.fixture
def opened(raw: Path, tmp_path: Path) -> Callable[..., Warehouse]:
    """Open a warehouse of its own over the same captures."""

    def open_(name: str, **options: Any) -> Warehouse:
        (tmp_path / name).mkdir()
        (tmp_path / name / "raw").symlink_to(raw / "raw")
        return Warehouse(tmp_path / name, bars_per_shard=BARS_PER_SHARD, **options)

    return open_


@pytest.fixture(scope="module")
def warehouses(raw: Path, engine: Ray) -> list[Warehouse]:
    """Return two warehouses with core.prices: built in this process, and on the cluster."""
    both = []
    for name, worker in (("local", None), ("ray", engine)):
        root = raw / name
        root.mkdir()
        (root / "raw").symlink_to(raw / "raw")
        both.append(Warehouse(root, bars_per_shard=BARS_PER_SHARD, engine=worker))
        both[-1].write_prices(reference.sessions(CAPTURED[1]), CONFIG.instruments)
    return both


def same(warehouses: list[Warehouse], name: str) -> None:
    """There are as many files, and their rows, sorted, are equal in every byte."""
    local, on_ray = (warehouse.files(name) for warehouse in warehouses)
    assert [Path(file).name for file in local] == [Path(file).name for file in on_ray]
    assert as_bytes(warehouses[0].read(name)) == as_bytes(warehouses[1].read(name))


def as_bytes(frame: pl.DataFrame) -> bytes:
    assert frame.height > 0
    written = io.BytesIO()
    frame.sort(frame.columns).rechunk().write_ipc(written)
    return written.getvalue()


# --- the same as in one process --------------------------------------------------------------------------------------


def test_prices_are_the_same(warehouses: list[Warehouse]) -> None:
    same(warehouses, "core.prices")
    assert len(warehouses[1].files("core.prices")) == SHARDS


@pytest.mark.parametrize("name", PER_SYMBOL)
def test_a_table_computed_by_symbol_is_the_same(warehouses: list[Warehouse], name: str) -> None:
    written = [one.write_shards(name, TABLES[name], CONFIG.benchmarks) for one in warehouses]
    same(warehouses, name)
    assert written[0].tail.equals(written[1].tail)
    assert (written[1].stats.rows, written[1].stats.files) == (written[0].stats.rows, SHARDS)


def test_a_table_across_symbols_is_the_same(warehouses: list[Warehouse]) -> None:
    breadth = TABLES["derived.breadth"]
    assert isinstance(breadth, CrossSection)
    for warehouse in warehouses:
        warehouse.write("derived.breadth", warehouse.cross_section(breadth, CONFIG.benchmarks))
    same(warehouses, "derived.breadth")


def test_what_is_computed_from_captures_is_the_same(warehouses: list[Warehouse]) -> None:
    for warehouse in warehouses:
        warehouse.write("core.capture_edits", warehouse.map_captures(price_edits))
    same(warehouses, "core.capture_edits")


@pytest.mark.usefixtures("without_report", "fleeting_history")
def test_a_build_is_the_same(
    engine: Ray, tmp_path: Path, home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from small import build, tables

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    local = tables(home / "files" / "current")
    root = build(tmp_path, folder, engine="ray", bars_per_shard=400)
    on_ray = Storage(str(root / "current"))
    assert len(on_ray.table("core.prices")) == 3
    for name, table in local.items():
        found = pl.read_parquet(on_ray.table(name))
        assert found.sort(found.columns).equals(table.sort(table.columns)), name
    assert ray.is_initialized(), "a run does not close a connection that it found"


# --- how it works ----------------------------------------------------------------------------------------------------


def met(number: int, folder: str) -> tuple[str, int, bool]:
    """Wait for the other one of two tasks; return the node, Polars' threads, and whether Dagster is there."""
    own, other = (os.open(f"{folder}/{one}", os.O_RDWR) for one in (number, 1 - number))
    os.write(other, b"!")
    assert select.select([own], [], [], PATIENCE)[0], "the other one does not run at the same time"
    return ray.get_runtime_context().get_node_id(), pl.thread_pool_size(), "dagster" in sys.modules


def test_tasks_run_on_two_nodes_at_once_with_one_thread_and_without_dagster(engine: Ray, tmp_path: Path) -> None:
    for number in range(2):
        os.mkfifo(tmp_path / str(number))
    (one, *threads_and_dagster), (other, *others) = engine.map(met, range(2), str(tmp_path))
    assert one != other
    assert threads_and_dagster == others == [1, False]


def test_what_every_shard_needs_is_sent_once_a_run(opened: Callable[..., Warehouse], engine: Ray) -> None:
    warehouse = opened("run", engine=engine)
    with mock.patch.object(engine, "share", wraps=engine.share) as share:
        warehouse.write_prices(reference.sessions(CAPTURED[1]), CONFIG.instruments)
        assert share.call_count == 1, "the sessions"
        for name in ("derived.relative_strength", "derived.records", "derived.trend"):
            warehouse.write_shards(name, TABLES[name], CONFIG.benchmarks)
        assert share.call_count == 2, "core.prices of the benchmarks"


def after_the_sixth(number: int, folder: str) -> int:
    """The first task ends last of the first six."""
    if number == 0:
        Path(folder, "sixth").read_text()
    if number == 5:
        Path(folder, "sixth").write_text("")
    return number * number


def test_results_come_in_the_order_of_the_items(engine: Ray, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sixth")
    assert engine.map(after_the_sixth, range(20), str(tmp_path)) == [number * number for number in range(20)]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_of_the_work_comes_as_it_was_raised(warehouses: list[Warehouse], engine: Ray, tmp_path: Path) -> None:
    work = TableWork("derived.returns", lambda prices, _: prices.select("symbol"), is_synthetic=False)
    items = [(file, str(tmp_path / Path(file).name)) for file in warehouses[1].files("core.prices")]
    with pytest.raises(RotationError) as told:
        engine.map(work, items)
    assert type(told.value) is RotationError
    assert str(told.value).startswith("derived.returns breaks its contract, so nothing is published: ")
    assert "\n" not in str(told.value)
    assert told.value.__cause__ is None and "in checked" in str(told.value.__context__), "Ray's account for --debug"


def test_an_error_of_polars_comes_as_it_was_raised(engine: Ray) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        engine.map(lambda item, _: pl.DataFrame().select(item), ["close"])


def fails_or_waits(number: int, folder: str) -> None:
    """The first task fails once the second runs; that one ends when the test has seen the error."""
    if number == 0:
        Path(folder, "runs").read_text()
        raise RotationError("no")
    if number == 1:
        Path(folder, "runs").write_text("")
        Path(folder, "seen").read_text()
    Path(folder, f"{number} ended").touch()


def test_an_error_ends_the_map_when_what_runs_has_ended(engine: Ray, tmp_path: Path) -> None:
    for name in ("runs", "seen"):
        os.mkfifo(tmp_path / name)
    get = ray.get

    def seen(task: Any) -> Any:
        try:
            return get(task)
        except RotationError:
            (tmp_path / "seen").write_text("")
            raise

    with mock.patch.object(ray, "get", seen), pytest.raises(RotationError, match=r"^no$"):
        engine.map(fails_or_waits, range(40), str(tmp_path))
    ended = sorted(path.name for path in tmp_path.glob("* ended"))
    assert ended == ["1 ended", "2 ended", "3 ended"], "one on the other core, and one ahead of each"


# --- workers that die ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DiesOnce:
    """Work that the first time it comes to the third shard dies before the file it has written gets its name."""

    work: TableWork
    folder: Path
    die: Callable[[], NoReturn]

    def __call__(self, item: tuple[str, str], shared: Any) -> Any:
        file, died = self.folder / Path(item[1]).name, self.folder / "died"
        with file.open("a") as calls:
            calls.write("called\n")
        if not item[1].endswith("00002.parquet") or died.exists():
            return self.work(item, shared)
        died.touch()
        with mock.patch("pathlib.Path.replace", lambda *_: self.die()):
            return self.work(item, shared)

    def calls(self) -> list[int]:
        """How often each shard was begun."""
        return [len(file.read_text().splitlines()) for file in sorted(self.folder.glob("*.parquet"))]


def killed_worker() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def killed_node() -> NoReturn:
    """Kill what Ray runs on a node, whose child a worker is, and wait for the end that this brings."""
    os.kill(os.getppid(), signal.SIGKILL)
    select.select([], [], [], PATIENCE)
    raise AssertionError


def test_a_shard_on_which_every_worker_dies_is_given_up_in_one_line(
    engine: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.engines.RETRIES", 0)
    with pytest.raises(
        RotationError, match=r"^Ray gave a shard up \(WorkerCrashedError: .*BARS_PER_SHARD lower$"
    ) as told:
        engine.map(lambda *_: os.kill(os.getpid(), signal.SIGKILL), [1])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("die", [killed_worker, killed_node])
def test_a_death_in_the_middle_of_a_shard_is_survived(
    die: Callable[[], NoReturn],
    warehouses: list[Warehouse],
    opened: Callable[..., Warehouse],
    engine: Ray,
    tmp_path: Path,
) -> None:
    warehouse = opened("run", engine=engine)
    warehouse.write_prices(reference.sessions(CAPTURED[1]), CONFIG.instruments)
    begun = tmp_path / "begun"
    begun.mkdir()
    work = TableWork("derived.returns", lambda prices, _: returns.returns(prices), is_synthetic=False)
    dies = DiesOnce(work, begun, die)
    targets = [warehouse.tables_of(warehouse.next).target(work.name, shard, SHARDS) for shard in range(SHARDS)]

    written = engine.map(dies, zip(warehouse.files("core.prices"), targets, strict=True))

    assert (begun / "died").exists() and dies.calls()[2] >= 2
    folder = warehouse.next / "derived" / "returns"
    assert [path.name.partition(".")[0] for path in folder.glob(f"*{UNFINISHED}")] == ["00002"], "half of the work"
    warehouses[0].write_shards(work.name, TABLES[work.name], CONFIG.benchmarks)
    same([warehouses[0], warehouse], work.name)
    assert sum(one.stats.rows for one in written) == warehouse.read(work.name).height
    published = warehouse.release("one")
    found = sorted(path.name for path in (published / "derived" / "returns").iterdir())
    assert found == [f"{shard:05d}.parquet" for shard in range(SHARDS)]
