"""Dagster's history: which runs of ours need not be kept, and what to delete of them."""

import datetime as dt
import shutil
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

from pipeline.defs.failures import source_of

Instance = dg.DagsterInstance  # for those who may not import Dagster
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def old_runs(instance: dg.DagsterInstance, *, before: dt.datetime, kept: Collection[str]) -> list[str]:
    """Ids of our runs that ended, and of runs that Dagster has forgotten but whose files are left.

    Other projects' runs in the same instance are never among them. Runs of another warehouse of ours are: nothing says
    which home a run was for.

    Args:
        instance: whose runs; files are looked for only where its events are SQLite below its root.
        before: runs created since then stay, and so do those that have not ended.
        kept: ids of runs that stay in any case.
    """
    on_disk = _on_disk(instance)
    known = set(instance.get_run_ids())  # after the disk was read: a run that begins now is in neither
    ended = instance.get_runs(dg.RunsFilter(statuses=ENDED, created_before=before))
    old = {run.run_id for run in ended if source_of(run) is not None}
    return sorted((old | on_disk - known) - set(kept))


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with its events and logs, and the files that Dagster leaves."""
    instance.delete_run(run_id)
    for path in run_files(instance, run_id):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def run_files(instance: dg.DagsterInstance, run_id: str) -> tuple[Path, Path]:
    """Compute logs and events of a run."""
    root = Path(instance.root_directory)
    return root / "storage" / run_id, root / "history" / "runs" / f"{run_id}.db"


def _on_disk(instance: dg.DagsterInstance) -> set[str]:
    """Runs that have files; none where runs are kept elsewhere: these files may be another instance's."""
    root, events = Path(instance.root_directory), instance.event_log_storage
    if not isinstance(events, SqliteEventLogStorage) or Path(events.path_for_shard("")).parent != root / "history/runs":
        return set()
    names = {path.name for path in root.glob("storage/*")} | {path.stem for path in root.glob("history/runs/*.db")}
    return {name for name in names if _is_run_id(name)}


def _is_run_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
