"""What a warehouse need not keep for ever: old builds, Dagster's old runs, old alerts, and what killed runs left.

Captures (`raw/`) are never touched: nothing else can give them back. Nor are the current build, a run that has not
ended, the run that made a build which is kept, and whatever a link leads to outside its own folder.
"""

import datetime as dt
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.alerts import LOG, log_lock
from pipeline.errors import RotationError
from pipeline.layout import current_build, published_builds, surplus_builds
from pipeline.reader import build_record
from pipeline.settings import SOURCES, Settings
from pipeline.warehouse import locked, remove_build, storage_of

if TYPE_CHECKING:
    from pipeline.defs.history import Instance


@dataclass(frozen=True)
class Removed:
    """One thing that went, or would: its kind, its name, and the bytes that this frees."""

    kind: str
    name: str
    bytes: int


Going = tuple[Removed, Callable[[], None]]  # and what removes it


def prune(settings: Settings, *, now: dt.datetime, replays: bool = False, dry_run: bool = False) -> list[Removed]:
    """Remove what the settings do not keep, under the lock of the source; all is read before anything goes.

    Builds, replays and leftovers are those of the source; Dagster's runs and the alerts are those of the whole home.
    Where several homes share one DAGSTER_HOME, the runs behind the other homes' builds are not known, and go by age.

    Args:
        settings: whose `keep_builds` and `keep_days` count.
        now: the instant from which days are counted back.
        replays: remove as_of/ too; a replay can be built again.
        dry_run: only say what would go.

    Raises:
        RotationError: there is no warehouse, or a build of it is running.
    """
    from pipeline.run import dagster_instance  # imports Dagster

    if not settings.root.is_dir():
        raise RotationError(f"there is no warehouse in {settings.root}, so there is nothing to prune")
    before = now - dt.timedelta(days=settings.keep_days)
    with locked(settings.root), dagster_instance(settings.home) as instance:
        surplus = surplus_builds(settings.root, settings.keep_builds)
        tables = storage_of(settings)
        going: list[Going] = [
            (Removed("build", one.name, size(one)), partial(remove_build, one, tables)) for one in surplus
        ]
        going += [*_replays(settings.root, replays=replays), *_alerts(settings.home, before)]
        going += _runs(instance, before, _made_by(settings.home, surplus))
        for _, remove in [] if dry_run else going:
            remove()
    return [removed for removed, _ in going]


# Folders of the source


def _replays(root: Path, *, replays: bool) -> Iterator[Going]:
    """Replays where they are to go, and what killed runs left."""
    links = [link for link in sorted((root / "as_of").glob("[!.]*")) if link.is_symlink()]
    for link in links if replays else []:
        if not link.exists() or _is_replay(link.resolve(), root):
            yield Removed("replay", link.name, size(link.resolve())), partial(_remove_replay, link, root)
    used = {link.resolve() for link in (root / "current", *links)}
    for folder in _leftovers(root):
        if folder.resolve() not in used:
            yield Removed("leftover", str(folder.relative_to(root)), size(folder)), partial(shutil.rmtree, folder)


def _is_replay(folder: Path, root: Path) -> bool:
    """Whether a folder is one that only replays are written to: a link may lead anywhere."""
    return folder.parent == (root / "as_of").resolve() and folder.name.startswith(".") and folder.is_dir()


def _remove_replay(link: Path, root: Path) -> None:
    target = link.resolve()
    link.unlink()
    if _is_replay(target, root):
        shutil.rmtree(target)


def _leftovers(root: Path) -> Iterator[Path]:
    """Builds half removed, replays unfinished or replaced. An unpublished build is none, nor is a link."""
    published = [*published_builds(root), root / "builds" / "next"]
    for folder in [*sorted(root.glob("builds/*")), *sorted(root.glob("as_of/.*"))]:
        if folder.is_dir() and not folder.is_symlink() and folder not in published:
            yield folder


# The whole home


def _alerts(home: Path, before: dt.datetime) -> Iterator[Going]:
    """Lines of alerts.log that are older. A line without an instant stays."""
    log = home / LOG
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.is_file() else []
    old = [line for line in lines if _is_before(line, before)]
    if old:
        freed = sum(len(line.encode()) for line in old)
        yield Removed("alerts", f"{len(old)} of {len(lines)} lines", freed), partial(_remove_alerts, home, before)


def _remove_alerts(home: Path, before: dt.datetime) -> None:
    log = home / LOG
    with log_lock(home):  # a failed run may add its line meanwhile
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        fresh = log.with_suffix(".fresh")
        fresh.write_text("".join(line for line in lines if not _is_before(line, before)), encoding="utf-8")
        fresh.replace(log)


def _is_before(line: str, before: dt.datetime) -> bool:
    try:
        return dt.datetime.fromisoformat(line.split(" ", 1)[0].strip()) < before
    except (ValueError, TypeError):
        return False


def _runs(instance: "Instance", before: dt.datetime, kept: Collection[str]) -> list[Going]:
    """Dagster's old runs."""
    from pipeline.defs.history import delete_run, old_runs, run_files

    return [
        (Removed("run", run_id, sum(map(size, run_files(instance, run_id)))), partial(delete_run, instance, run_id))
        for run_id in old_runs(instance, before=before, kept=kept)
    ]


def _made_by(home: Path, surplus: Collection[Path]) -> set[str]:
    """Runs that made the builds which stay, of any source. A damaged build.json does not name its run."""
    found = set()
    for source in SOURCES:
        builds = {*published_builds(home / source), *filter(None, [current_build(home / source)])}
        for build in builds - set(surplus):
            try:
                found.add(build_record(build)["run_id"])
            except (RotationError, OSError, KeyError):
                continue
    return found


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.lstat().st_size for one in files if one.is_file() or one.is_symlink())
