"""Where tables live: append a capture, read a table, write a table, publish a build.

Layout below `root` (one folder a source); with a storage in S3 the Parquet lies there under the same names:
    raw/<table>/*.parquet        captures: immutable files, one per run that brought something new
    builds/next/                 the unpublished build; the only place that tables are written to
    builds/<id>/                 published builds: never changed again
    current -> builds/<id>       swapped as the last step of publishing; the only step that readers see
    as_of/<label> -> .<label>-<id>   replays, never current
"""

import contextlib
import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from pipeline.captures import KEYS, new_rows
from pipeline.config import Instrument
from pipeline.engines import Engine, Local
from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, CATALOGUE, REPORT, current_build, published_builds, surplus_builds, sync
from pipeline.settings import BARS_PER_SHARD, KEEP_BUILDS, Settings
from pipeline.shards import (
    CaptureWork,
    CrossSection,
    NarrowWork,
    PerSymbol,
    PriceShard,
    PriceWork,
    Range,
    TableWork,
    ranges,
    scan_captures,
)
from pipeline.storage import UNFINISHED, Storage, copy, put, scan_parquet, write_parquet
from pipeline.tables import RAW
from pipeline.writing import Written, merged, write

LOCK_SECONDS = 60
POINTER = "current.txt"  # in S3, where there are no links: names the published build


@contextlib.contextmanager
def locked(root: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock of one source's warehouse; it is released when the process ends, however it ends.

    Raises:
        RotationError: another build holds it, or the folder cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / "build.lock")
        with lock.acquire(timeout=seconds):
            yield
    except Timeout as error:
        raise RotationError(
            f"another build of {root} has been running for over {seconds:.0f} s; wait for it to end, then try again"
        ) from error


class Warehouse:
    """One source's warehouse, open for one build. Only the holder of `locked(root)` may write."""

    def __init__(
        self,
        root: Path,
        *,
        storage: Storage | None = None,
        engine: Engine | None = None,
        bars_per_shard: int = BARS_PER_SHARD,
        as_of: str | None = None,
        is_synthetic: bool = False,
        keep_builds: int = KEEP_BUILDS,
        on_table: Callable[[str], None] | None = None,
    ) -> None:
        """Open the warehouse at `root`.

        Args:
            root: folder of one source.
            storage: where its Parquet lies; None: in `root`.
            engine: who works on the shards; None: this process.
            bars_per_shard: bars of core.prices that are worked on at a time.
            as_of: label of a replay.
            is_synthetic: whether every table says that its data are made up.
            keep_builds: how many published builds stay after a publication, the new one among them.
            on_table: hears each table's name.
        """
        self.root = root
        self.storage = storage or Storage(str(root))
        self.engine = engine or Local()
        self.bars_per_shard = bars_per_shard
        self.as_of = as_of
        self.is_synthetic = is_synthetic
        self.keep_builds = keep_builds
        self.on_table = on_table or (lambda name: None)
        self.next = root / "builds" / "next" if as_of is None else root / "as_of" / f".{as_of}-next"
        self._shared: dict[tuple[str, ...], object] = {}

    # captures

    def capture_files(self, table: str) -> list[str]:
        """Capture files of one raw table, oldest run first."""
        return self.storage.below("raw", table).files()

    def captures(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Everything ever captured into one raw table, in its contract's columns or some of them."""
        return self.read(f"raw.{table}", columns)

    def append(self, table: str, incoming: pl.DataFrame, *, run_at: dt.datetime) -> int:
        """Add the rows that are new or changed, as one immutable file; return how many there were."""
        incoming = RAW[table].validate(incoming)
        keys = incoming.lazy().select(KEYS[table]).unique()
        kept = scan_captures(table, self.capture_files(table))
        existing = kept.join(keys, on=KEYS[table], how="semi", nulls_equal=True, maintain_order="left").collect()
        added = new_rows(table, existing, incoming)
        if added.height:
            address = self.storage.below("raw", table, f"{run_at:%Y%m%dT%H%M%S%fZ}.parquet").address
            write_parquet(address, added, is_synced=True)
        return added.height

    def symbol_ranges(self) -> list[Range]:
        """First and last symbol of each shard: as many shards as the captured bars fill."""
        captured = scan_captures("price_captures", self.capture_files("price_captures"))
        return ranges(captured.group_by("symbol").len().collect(), self.bars_per_shard)

    def map_captures(self, compute: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        """Compute something from the price captures, shard by shard; the results one below the other."""
        work = CaptureWork(tuple(self.capture_files("price_captures")), compute)
        return pl.concat(self.engine.map(work, self.symbol_ranges()))

    # tables

    def start(self) -> None:
        """Throw away an unpublished build, and unfinished files that a killed run left behind.

        Raises:
            RotationError: captures lie in the folder, and none in the storage that is to be used instead.
        """
        if self.storage.is_remote and (self.root / "raw").is_dir() and not any(map(self.capture_files, RAW)):
            raise RotationError(
                f"captures lie in {self.root / 'raw'} and none in {self.storage.address}; copy the folder raw there "
                "first, so that the new builds have them"
            )
        for unfinished in self.root.glob(f"raw/*/*{UNFINISHED}"):
            unfinished.unlink()
        shutil.rmtree(self.next, ignore_errors=True)
        if self.storage.is_remote:
            self.tables_of(self.next).remove()

    def tables_of(self, build: Path) -> Storage:
        """Where the Parquet of a build lies: in its folder, or below the same name in S3."""
        return _tables(self.storage, build)

    def files(self, name: str) -> list[str]:
        """Parquet files of a table such as `core.prices`: of the unpublished build, else of the current one.

        Raises:
            RotationError: neither has it.
        """
        current = self.current()
        for build in (self.next, current):
            if build is not None and (found := self.tables_of(build).table(name)):
                return found
        raise RotationError(f"{name} has not been built yet; run the whole build first: rotation build")

    def scan(self, name: str) -> pl.LazyFrame:
        """One table, lazily; of a raw table all captures."""
        layer, table = name.split(".")
        return scan_captures(table, self.capture_files(table)) if layer == "raw" else scan_parquet(self.files(name))

    def read(self, name: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """One table, whole or some of its columns; of a raw table all captures."""
        found = self.scan(name)
        return (found if columns is None else found.select(columns)).collect()

    def write(
        self,
        name: str,
        frame: pl.DataFrame,
        *,
        seconds: tuple[float, float] = (0.0, 0.0),
        description: dict[str, str] | None = None,
    ) -> Written:
        """Check a table against its contract, round it, and write it into the unpublished build as one file.

        Args, errors: those of `writing.write`.
        """
        [address] = targets = self._targets(name, 1)
        written = write(address, name, frame, is_synthetic=self.is_synthetic, seconds=seconds, description=description)
        return self._noted(written, targets)

    def write_prices(self, sessions: pl.DataFrame, instruments: Iterable[Instrument]) -> PriceShard:
        """Compute core.prices from the captures, shard by shard, and write it: one file a shard."""
        self._shared.clear()
        symbols = self.symbol_ranges()
        work = PriceWork(tuple(self.capture_files("price_captures")), tuple(instruments), self.is_synthetic)
        targets = self._targets("core.prices", len(symbols))
        shards = self.engine.map(work, zip(symbols, targets, strict=True), self.engine.share(sessions))
        return PriceShard(
            self._noted(merged([one.written for one in shards]), targets),
            pl.concat(one.left_out for one in shards),
            pl.concat(one.broken for one in shards),
        )

    def write_shards(self, name: str, table: PerSymbol, benchmarks: Sequence[str]) -> Written:
        """Compute a table symbol by symbol from core.prices, and write it: one file a shard.

        Args:
            benchmarks: symbols that every shard may need beside its own.
        """
        files = self.files("core.prices")
        work = TableWork(name, table.compute, self.is_synthetic)
        targets = self._targets(name, len(files))
        shared = self._benchmarks(files, tuple(benchmarks))
        return self._noted(merged(self.engine.map(work, zip(files, targets, strict=True), shared)), targets)

    def cross_section(self, table: CrossSection, benchmarks: Sequence[str]) -> pl.DataFrame:
        """Compute a table across symbols from the little that it needs of each shard of core.prices."""
        narrow = pl.concat(self.engine.map(NarrowWork(table.narrow), self.files("core.prices")))
        return table.reduce(narrow, self.prices_of(benchmarks))

    def prices_of(self, symbols: Sequence[str]) -> pl.DataFrame:
        """Return core.prices of some symbols."""
        return self.scan("core.prices").filter(pl.col("symbol").is_in(list(symbols))).collect()

    def _benchmarks(self, files: Sequence[str], symbols: tuple[str, ...]) -> object:
        """Prices of the benchmarks, handed to the engine once a run; None where the only shard holds them."""
        if len(files) == 1:
            return None
        if symbols not in self._shared:
            self._shared[symbols] = self.engine.share(self.prices_of(symbols))
        return self._shared[symbols]

    def _targets(self, name: str, shards: int) -> list[str]:
        tables = self.tables_of(self.next)
        return [tables.target(name, shard, shards) for shard in range(shards)]

    def _noted(self, written: Written, targets: Sequence[str]) -> Written:
        """Keep a table's figures for build.json, and say its name; what it was before in this build goes."""
        self.tables_of(self.next).keep_only(written.stats.name, targets)
        self.note("table", written.stats.name, asdict(written.stats))
        self.on_table(written.stats.name)
        return written

    def carry_over(self, name: str, build: Path) -> None:
        """Copy a table of a published build into the unpublished one."""
        old, new = self.tables_of(build), self.tables_of(self.next)
        for file in old.table(name):
            copy(file, new.address + file.removeprefix(old.address))

    def note(self, kind: str, name: str, content: dict) -> None:
        """Keep something about the unpublished build for its build.json."""
        path = self.next / "notes" / f"{kind}.{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")

    def notes(self, kind: str) -> dict[str, dict]:
        """All notes of a kind by name."""
        found = sorted((self.next / "notes").glob(f"{kind}.*.json"))
        return {path.stem.removeprefix(f"{kind}."): json.loads(path.read_text(encoding="utf-8")) for path in found}

    # builds

    def builds(self) -> list[Path]:
        """Published builds, oldest first."""
        return published_builds(self.root)

    def current(self) -> Path | None:
        """The published build, or None before the first."""
        return current_build(self.root)

    def _published(self, build_id: str) -> Path:
        """Folder that the unpublished build will have under its id."""
        return self.next.with_name(build_id if self.as_of is None else f".{self.as_of}-{build_id}")

    def published_at(self, build_id: str) -> str:
        """Address that the Parquet of the unpublished build will have under its id."""
        return self.tables_of(self._published(build_id)).address

    def release(self, build_id: str) -> Path:
        """Make the finished unpublished build public under its id, and prune old ones. Returns its folder."""
        shutil.rmtree(self.next / "notes", ignore_errors=True)
        for unfinished in self.next.rglob(f"*{UNFINISHED}"):  # of a worker that was killed
            unfinished.unlink()
        for path in [*self.next.rglob("*"), self.next]:
            sync(path)
        build = self._published(build_id)
        if self.storage.is_remote:
            self.tables_of(self.next).move(self.tables_of(build))
        self.next.rename(build)
        sync(build.parent)
        if self.as_of is not None:
            return self._point_replay_to(build)
        self.point_to(build)
        for old in surplus_builds(self.root, self.keep_builds):
            remove_build(old, self.storage)
        return build

    def point_to(self, build: Path) -> None:
        """Swap `current` to a build: the one step that readers see."""
        if self.storage.is_remote:
            put(self.storage.below(POINTER).address, f"builds/{build.name}\n")
        swap_link(self.root / "current", Path("builds") / build.name)
        for name in (CATALOGUE, REPORT):
            if not (self.root / name).is_symlink():
                swap_link(self.root / name, Path("current") / name)

    def _point_replay_to(self, build: Path) -> Path:
        link = self.root / "as_of" / str(self.as_of)
        old = link.resolve() if link.is_symlink() else None
        swap_link(link, Path(build.name))
        if old is not None and old.is_dir():
            remove_build(old, self.storage)
        return link


def storage_of(settings: Settings) -> Storage:
    """Where the Parquet of a source lies: in S3 below the source's name, else in its folder."""
    return Storage(f"{settings.storage}/{settings.source}" if settings.storage else str(settings.root))


def remove_build(build: Path, storage: Storage | None = None) -> None:
    """Delete a build or a replay; one that a kill leaves half deleted is no longer listed.

    Of a link only the link goes.

    Args:
        storage: of the source, where its Parquet does not lie in the folder.
    """
    if build.is_symlink():
        build.unlink()
        return
    (build / BUILD_FILE).unlink(missing_ok=True)
    if storage is not None and storage.is_remote:
        _tables(storage, build).remove()
    shutil.rmtree(build)


def _tables(storage: Storage, build: Path) -> Storage:
    return storage.below(build.parent.name, build.name)


def swap_link(link: Path, target: Path) -> None:
    """Point a symbolic link somewhere else in one step."""
    fresh = link.with_name(f".{link.name}.fresh")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    sync(link.parent)
