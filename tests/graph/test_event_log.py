"""Dagster's event log through connections that stay open: nothing less is in it, and others read it meanwhile."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from pipeline.defs.event_log import kept_open
from pipeline.run import dagster_instance

pytestmark = pytest.mark.history

SECONDS = 30  # until another thread must have heard, on a busy machine
ROWS = 7
# what another process finds in a database, and whether it may write
OTHER_PROCESS = """
import sqlite3, sys
for path in sys.argv[1:]:
    with sqlite3.connect(path, timeout=0) as other:
        events = other.execute("select step_key, dagster_event_type from event_logs order by id")
        print(*(f"{step}.{kind}" for step, kind in events))
        other.execute("begin immediate")
        other.rollback()
"""
KILLED = """
import os
import dagster as dg
from pipeline.defs.event_log import kept_open

@dg.op
def broken():
    raise ValueError("no more bars")

@dg.job
def build():
    broken()

with dg.DagsterInstance.get() as instance, kept_open(instance):
    build.execute_in_process(instance=instance, raise_on_error=False)
    os._exit(9)
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(tmp_path) as opened:
        yield opened


def run(instance: dg.DagsterInstance, during: Callable[[dg.AssetExecutionContext], None] = lambda context: None) -> str:
    """Run two assets, the first with a check, the second calling `during`; return the id of the run."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("fresh", asset="first")])
    def first() -> dg.MaterializeResult:
        return dg.MaterializeResult(
            metadata={"dagster/row_count": ROWS}, check_results=[dg.AssetCheckResult(check_name="fresh", passed=False)]
        )

    @dg.asset(deps=[first])
    def second(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        during(context)
        return dg.MaterializeResult()

    return dg.materialize([first, second], instance=instance).run_id


def steps(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str | None, str]]:
    """Return the step and the type of every event of a run, in the order in which they were stored."""
    events = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event is not None]
    return [(event.step_key, event.event_type_value) for event in events]


def test_the_history_is_the_one_that_dagster_writes_itself(instance: dg.DagsterInstance) -> None:
    plain = run(instance)
    with kept_open(instance):
        kept = run(instance)
    assert steps(instance, kept) == steps(instance, plain)
    event = instance.get_latest_materialization_event(dg.AssetKey("first"))
    assert event is not None
    assert (event.run_id, event.asset_materialization.metadata["dagster/row_count"].value) == (kept, ROWS)
    check = dg.AssetCheckKey(dg.AssetKey("first"), "fresh")
    [newest, _] = instance.event_log_storage.get_asset_check_execution_history(check, limit=5)
    assert (newest.run_id, newest.event.dagster_event.asset_check_evaluation_data.passed) == (kept, False)


def test_each_database_is_connected_to_once(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: Counter[str] = Counter()
    connect = SqliteEventLogStorage._connect

    def counted(storage: SqliteEventLogStorage, shard: str) -> object:
        connected[shard] += 1
        return connect(storage, shard)

    monkeypatch.setattr(SqliteEventLogStorage, "_connect", counted)
    with kept_open(instance), kept_open(instance):  # the run that the command line keeps open, and its resource
        run_id = run(instance)
        assert connected == {run_id: 1, "index": 1}
    assert len(steps(instance, run_id)) > 10
    assert connected[run_id] > 1  # afterwards as ever


def test_another_process_reads_and_may_write_while_a_run_writes(instance: dg.DagsterInstance) -> None:
    folder = Path(instance.root_directory) / "history" / "runs"
    said: list[str] = []

    def look(context: dg.AssetExecutionContext) -> None:
        paths = [str(folder / f"{name}.db") for name in (context.run.run_id, "index")]
        other = subprocess.run(
            [sys.executable, "-c", OTHER_PROCESS, *paths], check=True, capture_output=True, text=True
        )
        said.extend(other.stdout.splitlines())

    with kept_open(instance):
        run_id = run(instance, look)
    own, index = said
    assert own.split()[-1] == "second.STEP_START"
    assert "first.STEP_SUCCESS" in own.split()
    assert "first.ASSET_MATERIALIZATION" in index.split()
    assert sorted(path.name for path in folder.iterdir()) == sorted([f"{run_id}.db", "index.db"])  # no -wal, no -shm


def test_who_watches_a_run_hears_of_a_step_before_the_run_ends(instance: dg.DagsterInstance) -> None:
    """As the page of a run does, in the web server."""
    heard = threading.Event()

    def listen(entry: dg.EventLogEntry, cursor: str) -> None:
        if entry.user_message == "on the way":
            heard.set()

    with dg.DagsterInstance.get() as web_server, kept_open(instance):

        def during(context: dg.AssetExecutionContext) -> None:
            web_server.watch_event_logs(context.run.run_id, None, listen)
            context.log.info("on the way")
            assert heard.wait(SECONDS)

        run(instance, during)


def test_a_process_killed_after_a_failure_has_stored_why(instance: dg.DagsterInstance) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True)
    assert killed.returncode == 9
    [failed] = instance.get_runs()
    assert failed.status is dg.DagsterRunStatus.FAILURE
    events = [entry.dagster_event for entry in instance.all_logs(failed.run_id)]
    [failure] = [event for event in events if event is not None and event.is_step_failure]
    assert "no more bars" in failure.step_failure_data.error.to_string()
    assert run(instance) in instance.get_run_ids()  # the instance works


def test_a_history_in_memory_stays_as_it_is() -> None:
    with dg.DagsterInstance.ephemeral() as instance, kept_open(instance):
        assert ("first", "STEP_SUCCESS") in steps(instance, run(instance))
