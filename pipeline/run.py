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

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_build(settings: Settings, *, on_table: Callable[[str], None], debug: bool = False) -> None:
    """Build and publish everything of one source.

    A replay (`as_of`) keeps out of Dagster's history.

    Raises:
        RotationError: a step failed; the message is the step's own, in one line.
    """
    job = build_definitions(settings, on_table).resolve_job_def(JOB)
    config = {} if debug else QUIET
    if settings.as_of is not None:
        result = job.execute_in_process(run_config=config, raise_on_error=False)
    else:
        with dagster_instance(settings.home) as instance:
            result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    if not result.success:
        raise RotationError(_first_failure(result, debug=debug))


def dagster_instance(home: Path) -> dg.DagsterInstance:
    """The instance under warehouse/.dagster, or where DAGSTER_HOME says; its settings are written on first use."""
    folder = Path(os.environ.setdefault("DAGSTER_HOME", str((home / ".dagster").absolute())))
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        shutil.copyfile(DEFAULT_DIR / "dagster.yaml", folder / "dagster.yaml")
    return dg.DagsterInstance.get()


def _first_failure(result: dg.ExecuteInProcessResult, *, debug: bool) -> str:
    for event in result.all_events:
        data = event.event_specific_data
        error = getattr(data, "error", None)
        if event.is_failure and error is not None:
            return error.to_string() if debug else _root(error)
    return "the build failed; run it again with --debug to see where"


def _root(error: SerializableErrorInfo) -> str:
    """Message of the innermost cause, in one line, without the name of our own exception."""
    while error.cause is not None:
        error = error.cause
    message = " ".join(error.message.split())
    return message.removeprefix("pipeline.errors.RotationError: ")
