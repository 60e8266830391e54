"""Dagster's history: which runs need not be kept, and what to delete of them."""

import datetime as dt
import shutil
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

import dagster as dg

from pipeline.retention import Removed, size

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def prune_runs(
    instance: dg.DagsterInstance, *, before: dt.datetime, kept: Collection[str], dry_run: bool
) -> list[Removed]:
    """Delete runs that ended, with events and logs, and the files of runs that Dagster has forgotten.

    Args:
        instance: whose runs; its storage is SQLite below its root.
        before: runs created since then stay, and so do those that have not ended.
        kept: ids of runs that stay in any case.
        dry_run: only say what would go.
    """
    on_disk = _on_disk(instance)
    known = set(instance.get_run_ids())  # after the disk was read: a run that begins now is in neither
    old = instance.get_run_ids(dg.RunsFilter(statuses=ENDED, created_before=before))
    going = sorted((set(old) | on_disk - known) - set(kept))
    found = [Removed("run", run_id, sum(map(size, _files(instance, run_id)))) for run_id in going]
    for run in [] if dry_run else found:
        _delete(instance, run.name)
    return found


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run, and the files that Dagster leaves."""
    instance.delete_run(run_id)
    for path in _files(instance, run_id):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _files(instance: dg.DagsterInstance, run_id: str) -> tuple[Path, Path]:
    """Compute logs and events of a run."""
    root = Path(instance.root_directory)
    return root / "storage" / run_id, root / "history" / "runs" / f"{run_id}.db"


def _on_disk(instance: dg.DagsterInstance) -> set[str]:
    """Runs that have files."""
    root = Path(instance.root_directory)
    names = {path.name for path in root.glob("storage/*")} | {path.stem for path in root.glob("history/runs/*.db")}
    return {name for name in names if _is_run_id(name)}


def _is_run_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
