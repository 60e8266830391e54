"""What failed, in one line, and the sensor that tells it: also of runs started from the command line."""

import datetime as dt
from collections.abc import Iterable

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from pipeline.alerts import alert
from pipeline.settings import SOURCES, Settings

SOURCE_TAG = "rotation/source"
INTERRUPTED = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")


def failure_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that alerts of every failed run of ours in this Dagster instance, whoever started it."""

    @dg.run_failure_sensor(
        monitor_all_code_locations=True,  # runs from the command line belong to none
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Posts a line about each failed run to ROTATION_WEBHOOK_URL, else appends it to alerts.log.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        source = source_of(context.dagster_run)
        if source is None:
            return  # a SkipReason beside another run's alert would fail the tick, and repeat the alert
        job = "materialization" if context.dagster_run.job_name.startswith("__") else context.dagster_run.job_name
        message = f"Rotation: {job} of {source} failed: {_what_failed(context)} (run {context.dagster_run.run_id})"
        context.log.info(f"told in: {alert(settings, message, now=dt.datetime.now(dt.UTC))}")

    return failed_runs


def source_of(run: dg.DagsterRun) -> str | None:
    """Source that a run is about; None: another project's run. A materialization from the UI has assets, no tag."""
    paths = [key.path for key in run.asset_selection or ()]
    found = run.tags.get(SOURCE_TAG) or next((path[0] for path in paths), None)
    return found if found in SOURCES else None


def _what_failed(context: dg.RunFailureSensorContext) -> str:
    events = [*context.get_step_failure_events(), context.failure_event]
    error = first_error(events)
    if error is None:
        return context.failure_event.message or "nothing says why"
    if causes(error)[-1].cls_name in INTERRUPTED:
        return "it was stopped (Ctrl-C or a signal)"
    return own_message(error) or innermost_message(error)


def first_error(events: Iterable[dg.DagsterEvent]) -> SerializableErrorInfo | None:
    """The first error that failure events tell of."""
    errors = (getattr(event.event_specific_data, "error", None) for event in events if event.is_failure)
    return next((error for error in errors if error is not None), None)


def causes(error: SerializableErrorInfo) -> list[SerializableErrorInfo]:
    """Return the error and what caused it, the innermost last."""
    found = [error]
    while found[-1].cause is not None:
        found.append(found[-1].cause)
    return found


def own_message(error: SerializableErrorInfo) -> str | None:
    """In one line the message of our own exception among the causes; None: there is none."""
    for cause in causes(error):
        name, _, message = cause.message.partition(": ")
        if name.startswith("pipeline.") and name.endswith("Error"):
            return " ".join(message.split())
    return None


def innermost_message(error: SerializableErrorInfo) -> str:
    """In one line what the innermost cause says."""
    return " ".join(causes(error)[-1].message.split())
