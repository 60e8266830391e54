"""Where tables live: append a capture, read a table, write a table, publish a build.

Layout below `root` (one folder a source):
    raw/<table>/*.parquet        captures: immutable files, one per run that brought something new
    builds/next/                 the unpublished build; the only place that tables are written to
    builds/<id>/                 published builds: never changed again
    current -> builds/<id>       swapped as the last step of publishing; the only step that readers see
    as_of/<label> -> .<label>-<id>   replays, never current
"""

import contextlib
import datetime as dt
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import dataframely as dy
import polars as pl
from filelock import FileLock, Timeout

from pipeline.captures import new_rows
from pipeline.contracts.columns import Table, rounded
from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, CATALOGUE, REPORT, current_build, published_builds, surplus_builds
from pipeline.settings import KEEP_BUILDS
from pipeline.tables import CONTRACTS, RAW

LOCK_SECONDS = 60
SYNTHETIC = "SYNTHETIC DATA. "  # what stands before every description of made-up data
UNITLESS = ("text", "date", "flag", "UTC instant")


@dataclass(frozen=True)
class TableStats:
    """What one table cost: seconds of reading, transforming and writing, rows and Parquet bytes."""

    name: str
    rows: int
    bytes: int
    read_seconds: float
    transform_seconds: float
    write_seconds: float


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
        as_of: str | None = None,
        is_synthetic: bool = False,
        keep_builds: int = KEEP_BUILDS,
        on_table: Callable[[str], None] | None = None,
    ) -> None:
        """Open the warehouse at `root`.

        Args:
            root: folder of one source.
            as_of: label of a replay.
            is_synthetic: whether every table says that its data are made up.
            keep_builds: how many published builds stay after a publication, the new one among them.
            on_table: hears each table's name.
        """
        self.root = root
        self.as_of = as_of
        self.is_synthetic = is_synthetic
        self.keep_builds = keep_builds
        self.on_table = on_table or (lambda name: None)
        self.next = root / "builds" / "next" if as_of is None else root / "as_of" / f".{as_of}-next"

    # captures

    def capture_files(self, table: str) -> list[Path]:
        """Capture files of one raw table, oldest run first."""
        return sorted((self.root / "raw" / table).glob("*.parquet"))

    def captures(self, table: str) -> pl.DataFrame:
        """Everything ever captured into one raw table, in its contract's columns."""
        contract = RAW[table]
        frames = [pl.read_parquet(path, glob=False) for path in self.capture_files(table)]
        return pl.concat([contract.create_empty(), *frames], how="diagonal").select(contract.column_names())

    def append(self, table: str, incoming: pl.DataFrame, *, run_at: dt.datetime) -> int:
        """Add the rows that are new or changed, as one immutable file; return how many there were."""
        contract = RAW[table]
        added = new_rows(table, self.captures(table), contract.validate(incoming))
        if added.height:
            folder = self.root / "raw" / table
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{run_at:%Y%m%dT%H%M%S%fZ}.parquet"
            unfinished = path.with_suffix(".unfinished")
            added.write_parquet(unfinished, compression="zstd")
            sync(unfinished)
            unfinished.rename(path)
            sync(folder)
        return added.height

    # tables

    def start(self) -> None:
        """Throw away an unpublished build, and unfinished files that a killed run left behind."""
        for unfinished in self.root.glob("raw/*/*.unfinished"):
            unfinished.unlink()
        shutil.rmtree(self.next, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Parquet file of a table such as `core.prices`: of the unpublished build, else of the current one.

        Raises:
            RotationError: neither has it.
        """
        layer, table = name.split(".")
        for folder in (self.next, self.root / "current"):
            path = folder / layer / f"{table}.parquet"
            if path.is_file():
                return path
        raise RotationError(f"{name} has not been built yet; run the whole build first: rotation build")

    def read(self, name: str) -> pl.DataFrame:
        """One table, whole; of a raw table all captures."""
        layer, table = name.split(".")
        return self.captures(table) if layer == "raw" else pl.read_parquet(self.path(name), glob=False)

    def write(
        self,
        name: str,
        frame: pl.DataFrame,
        *,
        read_seconds: float = 0.0,
        transform_seconds: float = 0.0,
        description: dict[str, str] | None = None,
    ) -> TableStats:
        """Check a table against its contract, round it, and write it into the unpublished build.

        Args:
            name: layer and table. Tables without a contract (marts) come checked and described.
            description: texts for the Parquet file's metadata.

        Raises:
            RotationError: the frame breaks its contract: a fault of this program, nothing is published.
        """
        started = time.perf_counter()
        contract = CONTRACTS.get(name)
        if contract is not None:
            frame = checked(name, frame, contract)
            description = {"description": described(contract), "columns": json.dumps(column_texts(contract))}
        if self.is_synthetic and description is not None:
            description = {**description, "description": SYNTHETIC + description["description"]}
        layer, table = name.split(".")
        path = self.next / layer / f"{table}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, compression="zstd", compression_level=1, statistics=True, metadata=description)
        stats = TableStats(
            name=name,
            rows=frame.height,
            bytes=path.stat().st_size,
            read_seconds=round(read_seconds, 3),
            transform_seconds=round(transform_seconds, 3),
            write_seconds=round(time.perf_counter() - started, 3),
        )
        self.note("table", name, asdict(stats))
        self.on_table(name)
        return stats

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

    def release(self, build_id: str) -> Path:
        """Make the finished unpublished build public under its id, and prune old ones. Returns its folder."""
        shutil.rmtree(self.next / "notes", ignore_errors=True)
        for path in [*self.next.rglob("*"), self.next]:
            sync(path)
        if self.as_of is not None:
            return self._release_replay(build_id)
        build = self.next.parent / build_id
        self.next.rename(build)
        sync(build.parent)
        self.point_to(build)
        for old in surplus_builds(self.root, self.keep_builds):
            remove_build(old)
        return build

    def point_to(self, build: Path) -> None:
        """Swap `current` to a build: the one step that readers see."""
        swap_link(self.root / "current", Path("builds") / build.name)
        for name in (CATALOGUE, REPORT):
            if not (self.root / name).is_symlink():
                swap_link(self.root / name, Path("current") / name)

    def _release_replay(self, build_id: str) -> Path:
        link = self.root / "as_of" / str(self.as_of)
        old = link.resolve() if link.is_symlink() else None
        build = link.with_name(f".{self.as_of}-{build_id}")
        self.next.rename(build)
        swap_link(link, Path(build.name))
        sync(link.parent)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
        return link


def remove_build(build: Path) -> None:
    """Delete a build; one that a kill leaves half deleted is no longer listed. Of a link only the link goes."""
    if build.is_symlink():
        build.unlink()
        return
    (build / BUILD_FILE).unlink(missing_ok=True)
    shutil.rmtree(build)


def checked(name: str, frame: pl.DataFrame, contract: type[Table]) -> pl.DataFrame:
    """Select, cast, round and validate against the contract."""
    columns = contract.columns()
    try:
        frame = frame.select(pl.col(column).cast(columns[column].dtype) for column in columns)
        return contract.validate(rounded(frame, contract))
    except (dy.exc.ValidationError, pl.exceptions.PolarsError) as error:
        reason = " ".join(str(error).split())
        raise RotationError(f"{name} breaks its contract, so nothing is published: {reason[:300]}") from error


def described(contract: type[dy.Schema]) -> str:
    """A table's description: its contract's docstring, in one line."""
    return " ".join((contract.__doc__ or "").split())


def column_texts(contract: type[dy.Schema]) -> dict[str, str]:
    """Description and unit of every column, as the dictionary gives them."""
    return {
        name: column_text(column.description or "", (column.metadata or {}).get("unit"))
        for name, column in contract.columns().items()
    }


def column_text(description: str, unit: str | None) -> str:
    """A column's comment: what it is and, for a figure, its unit."""
    return description if unit in (None, *UNITLESS) else f"{description} [{unit}]"


def swap_link(link: Path, target: Path) -> None:
    """Point a symbolic link somewhere else in one step."""
    fresh = link.with_name(f".{link.name}.fresh")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    sync(link.parent)


def sync(path: Path) -> None:
    """Force a file's or folder's content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
