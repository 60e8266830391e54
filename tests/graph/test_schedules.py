"""When a build runs by itself, and what it is asked to do."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from pipeline.config import load
from pipeline.definitions import JOB, build_definitions
from pipeline.defs import ingest
from pipeline.settings import NEW_YORK, Settings
from pipeline.sources import Batch, Received
from pipeline.warehouse import Warehouse

AFTER_THE_CLOSE, MACRO_MORNINGS = "after_the_close", "macro_mornings"


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions(Settings(home=Path("warehouse"), source="live"))


def schedule(definitions: dg.Definitions, name: str) -> dg.ScheduleDefinition:
    found = definitions.resolve_schedule_def(name)
    assert isinstance(found, dg.ScheduleDefinition)
    return found


def tick(definitions: dg.Definitions, name: str, instant: str) -> dg.RunRequest | str:
    """Return the run asked for at a New York instant, or why there is none."""
    moment = dt.datetime.fromisoformat(instant).replace(tzinfo=NEW_YORK).astimezone(dt.UTC)
    context = dg.build_schedule_context(scheduled_execution_time=moment)
    data = schedule(definitions, name).evaluate_tick(context)
    if data.skip_message is not None:
        assert not data.run_requests
        return data.skip_message
    [request] = data.run_requests or []
    return request


@pytest.mark.parametrize(
    ("instant", "key"),
    [
        ("2026-11-20 20:30", "live session 2026-11-20"),
        ("2026-11-27 20:30", "live session 2026-11-27"),  # a half day
        ("2026-03-09 20:30", "live session 2026-03-09"),  # 00:30 UTC of the 10th, the first in summer time
        ("2026-11-02 20:30", "live session 2026-11-02"),  # 01:30 UTC of the 3rd, the first in winter time
        ("2026-11-11 20:30", "live session 2026-11-11"),  # Veterans Day: the exchange trades
    ],
)
def test_every_session_is_built_once_after_its_bars_are_final(
    definitions: dg.Definitions, instant: str, key: str
) -> None:
    request = tick(definitions, AFTER_THE_CLOSE, instant)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == key  # the same for a second tick of the day, so Dagster does not run it again
    assert request.run_config == {}


@pytest.mark.parametrize(
    ("name", "instant", "reason"),
    [
        (AFTER_THE_CLOSE, "2026-11-26 20:30", "no session on 2026-11-26: Thanksgiving"),
        (AFTER_THE_CLOSE, "2026-04-03 20:30", "no session on 2026-04-03: Good Friday"),
        (AFTER_THE_CLOSE, "2025-01-09 20:30", "no session on 2025-01-09: special closing"),
        (AFTER_THE_CLOSE, "2026-11-21 20:30", "no session on 2026-11-21: weekend"),  # tested by hand in the UI
        (MACRO_MORNINGS, "2026-11-26 10:30", "no releases on 2026-11-26: Thanksgiving Day"),
        (MACRO_MORNINGS, "2026-11-11 10:30", "no releases on 2026-11-11: Veterans Day"),
    ],
)
def test_a_holiday_is_skipped_by_its_name(definitions: dg.Definitions, name: str, instant: str, reason: str) -> None:
    assert tick(definitions, name, instant) == reason


def test_the_morning_asks_for_macro_series_alone(definitions: dg.Definitions) -> None:
    request = tick(definitions, MACRO_MORNINGS, "2026-04-03 10:30")  # Good Friday: payrolls came out
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "live macro 2026-04-03"
    assert request.run_config["ops"] == {"live_captures": {"config": {"ask": "macro"}}}
    job = definitions.resolve_job_def(JOB)
    assert dg.validate_run_config(job, request.run_config)


@pytest.mark.parametrize(
    ("name", "clock", "winter", "summer"),
    [
        (AFTER_THE_CLOSE, dt.time(20, 30), dt.time(1, 30), dt.time(0, 30)),
        (MACRO_MORNINGS, dt.time(10, 30), dt.time(15, 30), dt.time(14, 30)),
    ],
)
def test_the_clock_is_new_yorks_on_both_sides_of_a_change(
    definitions: dg.Definitions, name: str, clock: dt.time, winter: dt.time, summer: dt.time
) -> None:
    found = schedule(definitions, name)
    start = dt.datetime(2026, 10, 29, 16, tzinfo=dt.UTC)  # Thursday noon; the clocks go back on Sunday 1 November
    times = schedule_execution_time_iterator(start.timestamp(), found.cron_schedule, found.execution_timezone)
    ticks = [next(times) for _ in range(4)]
    local = [one.astimezone(NEW_YORK) for one in ticks]
    assert {one.time() for one in local} == {clock}
    assert not {one.weekday() for one in local} & {5, 6}
    assert {one.astimezone(dt.UTC).time() for one in ticks} == {winter, summer}


def test_schedules_wait_to_be_turned_on(definitions: dg.Definitions) -> None:
    found = {one.name: one for one in definitions.schedules or () if isinstance(one, dg.ScheduleDefinition)}
    assert set(found) == {AFTER_THE_CLOSE, MACRO_MORNINGS}
    for one in found.values():
        assert one.default_status == dg.DefaultScheduleStatus.STOPPED
        assert one.job_name == JOB
        assert one.description


@pytest.mark.parametrize(
    ("source", "ask", "is_macro_alone"),
    [("live", "macro", True), ("live", "everything", False), ("sample", "macro", False)],
)
def test_only_the_live_source_is_asked_for_less(
    source: str, ask: str, is_macro_alone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    universe = load()
    asked: list[Settings] = []

    def fetch(settings: Settings, *_: object, **__: object) -> Received:
        asked.append(settings)
        return Received(Batch.of(), interruption=RuntimeError("far enough"))

    monkeypatch.setattr(ingest, "fetch", fetch)
    settings = Settings(home=tmp_path, source=source)
    [captures] = ingest.ingest_assets(settings, universe)
    step = captures(config=ingest.Ask(ask=ask), warehouse=Warehouse(tmp_path))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="far enough"):
        next(iter(step))
    [given] = asked
    assert given.symbols is None
    assert given.series == (tuple(universe.by_series_id) if is_macro_alone else None)
