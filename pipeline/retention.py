"""What a warehouse need not keep for ever: old builds, Dagster's old runs, old alerts, and what killed runs left.

Captures (`raw/`) are never touched: nothing else can give them back. Nor are the current build, a run that has not
ended, and the run that made a build which is kept.
"""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.alerts import LOG
from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, surplus_builds
from pipeline.settings import SOURCES, Settings
from pipeline.warehouse import locked, remove_build


@dataclass(frozen=True)
class Removed:
    """One thing that went, or would: its kind, its name, and the bytes that this frees."""

    kind: str
    name: str
    bytes: int


def prune(settings: Settings, *, now: dt.datetime, replays: bool = False, dry_run: bool = False) -> list[Removed]:
    """Remove what the settings do not keep, under the lock of the source.

    Builds, replays and leftovers are those of the source; Dagster's runs and the alerts are those of the whole home.

    Args:
        settings: whose `keep_builds` and `keep_days` count.
        now: the instant from which days are counted back.
        replays: remove as_of/ too; a replay can be built again.
        dry_run: only say what would go.

    Raises:
        RotationError: there is no warehouse, or a build of it is running.
    """
    if not settings.root.is_dir():
        raise RotationError(f"there is no warehouse in {settings.root}, so there is nothing to prune")
    before = now - dt.timedelta(days=settings.keep_days)
    with locked(settings.root):
        found = [*_folders(settings, replays=replays, dry_run=dry_run), *_alerts(settings.home, before, dry_run)]
        return found + _runs(settings.home, before, dry_run)


# Folders of the source


def _folders(settings: Settings, *, replays: bool, dry_run: bool) -> Iterator[Removed]:
    root = settings.root
    for build in surplus_builds(root, settings.keep_builds):
        yield Removed("build", build.name, size(build))
        if not dry_run:
            remove_build(build)
    links = [link for link in sorted((root / "as_of").glob("[!.]*")) if link.is_symlink()]
    for link in links if replays else []:
        yield Removed("replay", link.name, size(link.resolve()))
        if not dry_run:
            target = link.resolve()
            link.unlink()
            shutil.rmtree(target)
    for folder in _leftovers(root, {link.resolve().name for link in links}):
        yield Removed("leftover", str(folder.relative_to(root)), size(folder))
        if not dry_run:
            shutil.rmtree(folder)


def _leftovers(root: Path, replays: set[str]) -> Iterator[Path]:
    """What killed runs left: builds half removed, replays unfinished or replaced. An unpublished build is none."""
    for folder in sorted(root.glob("builds/*")):
        if folder.is_dir() and folder.name != "next" and not (folder / BUILD_FILE).is_file():
            yield folder
    for folder in sorted(root.glob("as_of/.*")):
        if folder.is_dir() and not folder.is_symlink() and folder.name not in replays:
            yield folder


# The whole home


def _alerts(home: Path, before: dt.datetime, dry_run: bool) -> Iterator[Removed]:
    """Lines of alerts.log that are older. A line without an instant stays."""
    log = home / LOG
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.is_file() else []
    old = [line for line in lines if _is_before(line, before)]
    if not old:
        return
    yield Removed("alerts", f"{len(old)} of {len(lines)} lines", sum(len(line.encode()) for line in old))
    if not dry_run:
        fresh = log.with_suffix(".fresh")
        fresh.write_text("".join(line for line in lines if not _is_before(line, before)), encoding="utf-8")
        fresh.replace(log)


def _is_before(line: str, before: dt.datetime) -> bool:
    try:
        return dt.datetime.fromisoformat(line.split(" ", 1)[0].strip()) < before
    except (ValueError, TypeError):
        return False


def _runs(home: Path, before: dt.datetime, dry_run: bool) -> list[Removed]:
    """Dagster's old runs, but those that made a build which is kept, of any source."""
    from pipeline.defs.history import prune_runs  # imports Dagster
    from pipeline.run import dagster_instance

    builds = (path for source in SOURCES for path in (home / source).glob(f"builds/*/{BUILD_FILE}"))
    kept = {json.loads(path.read_text(encoding="utf-8"))["run_id"] for path in builds}
    with dagster_instance(home) as instance:
        return prune_runs(instance, before=before, kept=kept, dry_run=dry_run)


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.lstat().st_size for one in files if one.is_file() or one.is_symlink())
