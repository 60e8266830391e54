"""When a build runs by itself. Both schedules are off until someone turns them on."""

import datetime as dt

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipeline import calendar
from pipeline.defs.ingest import Ask, step
from pipeline.settings import NEW_YORK, Settings


def schedules(settings: Settings, job: UnresolvedAssetJobDefinition) -> list[dg.ScheduleDefinition]:
    """After the close of every session, and every morning on which macro series may be released."""

    @dg.schedule(
        job=job,
        cron_schedule="30 20 * * 1-5",
        execution_timezone=NEW_YORK.key,
        description="The whole build at 20:30 New York on every XNYS session, when its bars are final.",
    )
    def after_the_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = _day(context)
        closed = calendar.market_closing(day)
        if closed is not None:
            return dg.SkipReason(f"no session on {day}: {closed}")
        return dg.RunRequest(run_key=f"{settings.source} session {day}")

    @dg.schedule(
        job=job,
        cron_schedule="30 10 * * 1-5",
        execution_timezone=NEW_YORK.key,
        description="A build at 10:30 New York on every federal working day, once FRED has the releases of 8:30 and "
        "10:00. The live source is asked for macro series alone.",
    )
    def macro_mornings(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = _day(context)
        closed = calendar.federal_closing(day)
        if closed is not None:
            return dg.SkipReason(f"no releases on {day}: {closed}")
        return dg.RunRequest(
            run_key=f"{settings.source} macro {day}", run_config=dg.RunConfig({step(settings): Ask(ask="macro")})
        )

    return [after_the_close, macro_mornings]


def _day(context: dg.ScheduleEvaluationContext) -> dt.date:
    """The day in New York; a run key of it makes sure that a restart does not run twice."""
    return context.scheduled_execution_time.astimezone(NEW_YORK).date()
