"""Run the graph from the command line: the same job, instance and history as the Dagster UI. Imports Dagster."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from pipeline.config import DEFAULT_DIR
from pipeline.definitions import JOB, build_definitions
from pipeline.defs.event_log import kept_open
from pipeline.defs.failures import INTERRUPTED, causes, first_error, innermost_message, own_message
from pipeline.errors import RotationError
from pipeline.settings import Settings
from pipeline.sources import OnAnswer

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_build(
    settings: Settings,
    *,
    on_table: Callable[[str], None],
    on_answer: OnAnswer | None = None,
    debug: bool = False,
) -> None:
    """Build and publish everything of one source.

    A replay (`as_of`) keeps out of Dagster's history.

    Raises:
        RotationError: a step failed; the message is the step's own, in one line.
        KeyboardInterrupt: Ctrl-C, which Dagster makes a failure of the step.
    """
    _refuse_unusable(settings.home)
    job = build_definitions(settings, on_table, on_answer).resolve_job_def(JOB)
    config = {} if debug else QUIET
    if settings.as_of is not None:
        result = job.execute_in_process(run_config=config, raise_on_error=False)
    else:
        with dagster_instance(settings.home) as instance, kept_open(instance):
            result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    if not result.success:
        error = first_error(result.all_events)
        if error is None:
            raise RotationError("the build failed; run it again with --debug to see where")
        if causes(error)[-1].cls_name in INTERRUPTED:
            raise KeyboardInterrupt
        raise RotationError(error.to_string() if debug else _root(error))


def dagster_instance(home: Path) -> dg.DagsterInstance:
    """The instance under warehouse/.dagster, or where DAGSTER_HOME says; its settings are written on first use."""
    folder = Path(os.environ.get("DAGSTER_HOME") or home / ".dagster").absolute()
    _refuse_unusable(folder)
    os.environ["DAGSTER_HOME"] = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        shutil.copyfile(DEFAULT_DIR / "dagster.yaml", folder / "dagster.yaml")
    return dg.DagsterInstance.get()


def _root(error: SerializableErrorInfo) -> str:
    """In one line the message of our own exception, else of the innermost cause."""
    foreign = f"{innermost_message(error)}; what was published before stays (--debug shows where it happened)"
    return own_message(error) or foreign


def _refuse_unusable(folder: Path) -> None:
    """SQLite's addresses and DuckDB's paths give these characters a meaning of their own."""
    path = str(folder.absolute())
    found = next((character for character in "?%\\" if character in path), None)
    if found is not None:
        raise RotationError(
            f"{path} holds the character {found}, with which its databases do not open; use another folder"
        )
