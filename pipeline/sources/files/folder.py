"""Which files of a folder are read, when they were captured, and what became of each."""

import datetime as dt
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import polars as pl

from pipeline.calendar import NEW_YORK
from pipeline.errors import RotationError
from pipeline.sources import Batch
from pipeline.sources.files.document import Table, tables_of
from pipeline.sources.files.futures import read_fomc, read_futures
from pipeline.sources.files.macro import read_macro, served
from pipeline.sources.files.names import dated_file, dated_folder, symbol_of
from pipeline.sources.files.prices import read_prices
from pipeline.sources.files.refusals import Capture, Refused, fault, rejects
from pipeline.sources.files.shapes import Shape, recognise

FOLDERS = ("prices", "macro", "macro_vintages", "macro_snapshots", "futures")
NEVER_READ = ("defects", "calendar")
TEXT, PARQUET = (".csv", ".txt"), (".parquet",)
IGNORED = (".md", ".rst", ".py", ".sql", ".ipynb", ".log")  # what lies beside data and never is any
KIND_OF_SHAPE = {"prices": "prices", "futures": "futures", "fomc": "fomc"}  # the rest is macro

Pieces = dict[str, list[pl.DataFrame]]  # the arguments of Batch.of


def read_folder(
    folder: Path,
    *,
    known_symbols: Collection[str],
    captured_at: dt.datetime | None = None,
    on_file: Callable[[str], None] | None = None,
) -> Batch:
    """Read every CSV and Parquet file below the data folders of `folder`, or below itself where it has none of them.

    `known_symbols` lets a symbol be found in a longer file name. `captured_at` is when the files were received;
    without it a month in a folder's name counts (23:59 New York of its last day), else each file's own time. `on_file`
    is called with each file's path before it is read. A file that cannot be read becomes a row of `rejects`.

    Raises RotationError where the folder is missing, cannot be opened or holds no file to read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RotationError(f"{folder} is not a folder; give one that holds CSV or Parquet files")
    try:
        present = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    except OSError as error:
        raise RotationError(f"{folder} cannot be opened ({error.strerror}); check its permissions") from None
    roots = [folder / name for name in FOLDERS if name in present] or [folder]
    pieces: Pieces = {}
    count = 0
    for path, refusal in (found for root in roots for found in _files(root, folder)):
        origin = path.relative_to(folder).as_posix()
        count += 1
        if on_file:
            on_file(origin)
        try:
            if refusal:
                raise Refused(refusal)
            capture = _capture(path, folder, origin, captured_at)
        except (Refused, OSError) as error:
            now = _utc(captured_at) if captured_at else dt.datetime.now(dt.UTC)
            _add(pieces, "rejects", rejects(fault(None, _said(error)), Capture(origin, now, now)))
            continue
        _merge(pieces, _read(path, capture, known_symbols))
    if not count:
        looked = ", ".join(f"{root.name}/" for root in roots) if roots != [folder] else "all its folders"
        raise RotationError(f"{folder} holds no CSV or Parquet file (looked in {looked}); put some there")
    return Batch.of(**pieces)


def read_file(path: Path, *, origin: str, known_symbols: Collection[str], captured_at: dt.datetime) -> Batch:
    """Read one file, whatever it holds; what cannot be taken over is in `rejects`. Never raises on the file's account.

    `origin` is written into every row; `captured_at` counts where the file itself does not date its values.
    """
    moment = _utc(captured_at)
    return Batch.of(**_read(Path(path), Capture(origin, moment, moment), known_symbols))


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _files(root: Path, folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Files below `root` in order of name, each with the reason why it is not to be opened, or None."""
    unopened: list[OSError] = []
    for here, folders, names in os.walk(root, onerror=unopened.append):
        for name in sorted(folders):
            path = Path(here) / name
            if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
                yield path, "a link that leads out of the folder: not followed"
        folders[:] = sorted(name for name in folders if name not in NEVER_READ and not name.startswith("."))
        for name in sorted(names):
            path = Path(here) / name
            ending = path.suffix.lower()
            if name.startswith(".") or ending in IGNORED or name.upper().startswith(("README", "LICENSE")):
                continue
            yield path, _why_not(path, ending, folder)
    for error in unopened:
        yield Path(error.filename), f"folder cannot be opened: {error.strerror}"


def _why_not(path: Path, ending: str, folder: Path) -> str | None:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        return "a link that leads out of the folder: not followed"
    if not path.is_file():  # a pipe would make the reader wait for ever
        return "a broken link" if path.is_symlink() else "not a regular file"
    if ending not in (*TEXT, *PARQUET):
        return "not a CSV or Parquet file"
    return None


def _capture(path: Path, folder: Path, origin: str, captured_at: dt.datetime | None) -> Capture:
    if captured_at:
        return Capture(origin, _utc(captured_at), _utc(captured_at))
    written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    parents = [folder.resolve().name, *Path(origin).parts[:-1]]
    told = next(filter(None, map(dated_folder, reversed(parents))), None) or dated_file(path.stem)
    if told is None:
        return Capture(origin, written, written)
    # a copy made later tells nothing; one written within that month was complete no later than that
    same_month = f"{written.astimezone(NEW_YORK):%Y-%m}" == f"{told.astimezone(NEW_YORK):%Y-%m}"
    return Capture(origin, told, min(told, written) if same_month else told)


def _read(path: Path, capture: Capture, known_symbols: Collection[str]) -> Pieces:
    """Read one file behind a guard: no input, however odd, may stop the files beside it."""
    pieces: Pieces = {}
    try:
        data = path.read_bytes()
        if path.suffix.lower() in PARQUET and data and not data.startswith(b"PAR1"):
            raise Refused("not a Parquet file, whatever its name says")
        tables = tables_of(data)
        for table in tables:
            _merge(pieces, _read_table(table, capture, path.stem, known_symbols, alone=len(tables) == 1))
    except (Exception, pl.exceptions.PanicException) as error:
        line, excerpt = (error.line, error.excerpt) if isinstance(error, Refused) else (None, "")
        pieces = {"rejects": [rejects(fault(line, _said(error), excerpt), capture)]}
    return pieces


def _read_table(table: Table, capture: Capture, stem: str, known_symbols: Collection[str], *, alone: bool) -> Pieces:
    if table.captured_at:
        capture = Capture(capture.origin, table.captured_at, table.captured_at)
    try:
        if not alone and not table.captured_at:
            raise Refused(
                f"several tables in one file and no capture date for the one at line {table.line}; write a comment "
                "such as '# copy of 2024-10' above it"
            )
        shape = recognise(table.header) if not table.tickers else Shape("prices", {}, ())
        if table.rows.is_empty() and table.faults.is_empty():
            raise Refused("a header and no rows")
        if shape.kind == "prices":
            taken, faults = read_prices(table, capture, symbol_of(stem, known_symbols))
        elif shape.kind == "futures":
            taken, faults = read_futures(table, shape, capture)
        elif shape.kind == "fomc":
            taken, faults = read_fomc(table, shape, capture)
        else:
            taken, faults = read_macro(table, shape, capture, stem, known_symbols)
    except Refused as error:
        line = error.line or (None if alone else table.line)
        return {"rejects": [rejects(fault(line, error.reason, error.excerpt or ",".join(table.header)), capture)]}
    pieces: Pieces = {}
    if taken.height:
        kind = KIND_OF_SHAPE.get(shape.kind, "macro")
        _add(pieces, kind, taken)
        if kind == "macro":
            _add(pieces, "answers", served(taken, shape))
    all_faults = pl.concat([table.faults, faults])
    if all_faults.height:
        _add(pieces, "rejects", rejects(all_faults.sort("line"), capture))
    return pieces


def _said(error: BaseException) -> str:
    if isinstance(error, Refused):
        return error.reason
    if isinstance(error, OSError):
        return f"could not be read: {error.strerror or error}"
    return f"could not be read: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _add(pieces: Pieces, kind: str, frame: pl.DataFrame) -> None:
    pieces.setdefault(kind, []).append(frame)


def _merge(pieces: Pieces, more: Pieces) -> None:
    for kind, frames in more.items():
        pieces.setdefault(kind, []).extend(frames)
