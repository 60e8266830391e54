"""Run the graph from the command line: the same job, instance and history as the Dagster UI. Imports Dagster."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from pipeline.config import DEFAULT_DIR
from pipeline.definitions import JOB, build_definitions
from pipeline.errors import RotationError
from pipeline.settings import Settings
from pipeline.sources import OnAnswer

INTERRUPTED = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
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
        with dagster_instance(settings.home) as instance:
            result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    if not result.success:
        error = _first_error(result)
        if error is None:
            raise RotationError("the build failed; run it again with --debug to see where")
        if _causes(error)[-1].cls_name in INTERRUPTED:
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


def _first_error(result: dg.ExecuteInProcessResult) -> SerializableErrorInfo | None:
    errors = (getattr(event.event_specific_data, "error", None) for event in result.all_events if event.is_failure)
    return next((error for error in errors if error is not None), None)


def _causes(error: SerializableErrorInfo) -> list[SerializableErrorInfo]:
    """Return the error and what caused it, the innermost last."""
    causes = [error]
    while causes[-1].cause is not None:
        causes.append(causes[-1].cause)
    return causes


def _root(error: SerializableErrorInfo) -> str:
    """In one line the message of our own exception, else of the innermost cause."""
    causes = _causes(error)
    for cause in causes:
        name, _, message = cause.message.partition(": ")
        if name.startswith("pipeline.") and name.endswith("Error"):
            return " ".join(message.split())
    return f"{' '.join(causes[-1].message.split())}; what was published before stays (--debug shows where it happened)"


def _refuse_unusable(folder: Path) -> None:
    """SQLite's addresses and DuckDB's paths give these characters a meaning of their own."""
    path = str(folder.absolute())
    found = next((character for character in "?%\\" if character in path), None)
    if found is not None:
        raise RotationError(
            f"{path} holds the character {found}, with which its databases do not open; use another folder"
        )
