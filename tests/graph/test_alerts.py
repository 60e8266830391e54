"""Failed runs are told: to a real web server, into alerts.log, in one line, and never with the webhook's address."""

import contextlib
import datetime as dt
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest

from pipeline import alerts
from pipeline.alerts import alert
from pipeline.definitions import build_definitions
from pipeline.defs.failures import failure_sensor
from pipeline.errors import RotationError
from pipeline.run import dagster_instance, run_build
from pipeline.settings import Settings

pytestmark = pytest.mark.history

NOW = dt.datetime(2026, 11, 20, 1, 30, tzinfo=dt.UTC)
SECRET = "/services/T0/B0/who-knows-this-may-post"


@dataclass
class Receiver:
    """A web server that keeps what is posted to it and answers with `status`; 0: it never does."""

    url: str
    status: int = 200
    posted: list[dict] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found: list[Receiver] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found[0].posted.append({"path": self.path, "type": self.headers["Content-Type"], "json": json.loads(body)})
            if found[0].status == 0:
                found[0].released.wait(30)
            else:
                self.send_response(found[0].status)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.append(Receiver(f"http://127.0.0.1:{server.server_port}{SECRET}"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found[0]
        found[0].released.set()
        server.shutdown()


def log(home: Path) -> list[str]:
    return (home / "alerts.log").read_text(encoding="utf-8").splitlines() if (home / "alerts.log").exists() else []


def test_an_alert_is_posted_as_slack_takes_it(receiver: Receiver, tmp_path: Path) -> None:
    assert alert(Settings(tmp_path, webhook_url=receiver.url), "a < b &\n c", now=NOW) == "webhook"
    assert receiver.posted == [{"path": SECRET, "type": "application/json", "json": {"text": "a &lt; b &amp; c"}}]
    assert log(tmp_path) == []


def test_without_a_webhook_a_line_is_added_to_the_log(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "new" / "home")
    for message in ("first\nof two lines", "second"):
        assert alert(settings, message, now=NOW) == "alerts.log"
    assert log(settings.home) == ["2026-11-20T01:30:00Z first of two lines", "2026-11-20T01:30:00Z second"]


@pytest.mark.parametrize(("status", "why"), [(500, "HTTP 500"), (404, "HTTP 404"), (0, "no answer within 0.2 s")])
def test_where_the_webhook_fails_the_log_says_why(
    status: int, why: str, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "TIMEOUT", 0.2)
    receiver.status = status
    assert alert(Settings(tmp_path, webhook_url=receiver.url), "it failed", now=NOW) == "alerts.log"
    assert log(tmp_path) == [f"2026-11-20T01:30:00Z it failed (webhook: {why})"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://127.0.0.1:1{SECRET}", "Connection refused"),
        (f"http://no.such.host.invalid{SECRET}", "webhook: "),
        (f"http://127.0.0.1:port{SECRET}", "InvalidURL"),
        (f"http://127.0.0.1/with a blank{SECRET}", "InvalidURL"),
        (f"https://[::1{SECRET}", "ValueError"),
    ],
)
def test_the_address_is_nowhere_but_at_its_owner(
    url: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    settings = Settings(tmp_path, webhook_url=url)
    assert alert(settings, "it failed", now=NOW) == "alerts.log"
    [line] = log(tmp_path)
    assert why in line and "may-post" not in line
    assert "may-post" not in repr(settings)


def evaluate(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None) -> str | None:
    """Let the sensor look once, as the daemon does for the location that it belongs to; return its new cursor."""
    repository = dg.Definitions(sensors=[sensor]).get_repository_def()
    name = repository.name  # without it the runs of the command line, which have none, would seem its own
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, repository_def=repository, repository_name=name
    ) as context:
        return sensor.evaluate_tick(context).cursor


@dg.job
def of_another_project() -> None:
    @dg.op
    def falls() -> None:
        raise ValueError("none of our business")

    falls()


def test_a_run_that_failed_on_the_command_line_is_told_once(receiver: Receiver, tmp_path: Path) -> None:
    """The sensor of a web server for `sample` sees a build of `files`, and leaves other projects' runs alone."""
    home = tmp_path / "home"
    sensor = failure_sensor(Settings(home, webhook_url=receiver.url))
    with dagster_instance(home) as instance:
        cursor = evaluate(sensor, instance, None)
        missing = tmp_path / "not <there>"
        with pytest.raises(RotationError) as told:
            run_build(Settings(home, source="files", folder=missing), on_table=lambda name: None)
        of_another_project.execute_in_process(instance=instance, raise_on_error=False)
        [ours] = instance.get_run_records(dg.RunsFilter(job_name="build"))
        run_id = ours.dagster_run.run_id
        for _ in range(3):
            cursor = evaluate(sensor, instance, cursor)
    [posted] = receiver.posted
    reason = str(told.value).replace("<", "&lt;").replace(">", "&gt;")
    assert posted["json"] == {"text": f"Rotation: build of files failed: {reason} (run {run_id})"}
    assert str(missing).rpartition("/")[0] in reason
    assert log(home) == []


def test_a_failed_materialization_from_the_ui_is_told_with_its_cause(tmp_path: Path) -> None:
    """The UI's run of some assets has another job and no tag. Nothing has been built, so core.instruments cannot be."""
    definitions = build_definitions(Settings(tmp_path))
    key = dg.AssetKey(["sample", "core", "instruments"])
    job = definitions.resolve_implicit_global_asset_job_def()
    sensor = definitions.resolve_sensor_def("failed_runs")
    with dagster_instance(tmp_path) as instance:
        cursor = evaluate(sensor, instance, None)
        result = job.execute_in_process(instance=instance, asset_selection=[key], raise_on_error=False)
        evaluate(sensor, instance, cursor)
    [line] = log(tmp_path)
    assert line.endswith(
        "Rotation: materialization of sample failed: core.prices has not been built yet; "
        f"run the whole build first: rotation build (run {result.run_id})"
    )


def test_a_build_that_cannot_begin_and_one_that_was_stopped_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors before the first step belong to no step; Ctrl-C looks like a failure to Dagster."""
    sensor = failure_sensor(Settings(tmp_path))
    settings = Settings(tmp_path, source="files", folder=tmp_path)

    @contextlib.contextmanager
    def locked(root: Path) -> Iterator[None]:
        raise RotationError("another build runs")
        yield

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with dagster_instance(tmp_path) as instance:
        cursor = evaluate(sensor, instance, None)
        with monkeypatch.context() as patch, pytest.raises(RotationError):
            patch.setattr("pipeline.defs.warehouse.locked", locked)
            run_build(settings, on_table=lambda name: None)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("pipeline.defs.ingest.fetch", stopped)
            run_build(settings, on_table=lambda name: None)
        for _ in range(2):
            cursor = evaluate(sensor, instance, cursor)
    first, second = log(tmp_path)
    assert "Rotation: build of files failed: another build runs (run " in first
    assert "Rotation: build of files failed: it was stopped (Ctrl-C or a signal) (run " in second
