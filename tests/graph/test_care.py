"""What `rotation prune` takes and what it must never take, with Dagster's real history."""

import datetime as dt
import json
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
import typer
from filelock import FileLock, Timeout
from typer.testing import CliRunner

from pipeline import care, retention, warehouse
from pipeline.alerts import alert
from pipeline.defs.failures import SOURCE_TAG
from pipeline.errors import RotationError
from pipeline.retention import Removed, prune
from pipeline.run import dagster_instance
from pipeline.settings import Settings

pytestmark = pytest.mark.history

NOW = dt.datetime.now(dt.UTC)
LATER = NOW + dt.timedelta(days=91)
ENDED = dg.DagsterRunStatus.SUCCESS


def home_with_builds(home: Path, *names: str, current: str) -> Settings:
    """Write builds that hold ten bytes beside their build.json, and a capture."""
    settings = Settings(home=home)
    for name in names:
        folder = settings.root / "builds" / name
        (folder / "core").mkdir(parents=True)
        (folder / "core" / "prices.parquet").write_bytes(b"0123456789")
        (folder / "build.json").write_text(json.dumps({"build_id": name, "run_id": f"run of {name}"}))
    (settings.root / "current").symlink_to(Path("builds") / current)
    (settings.root / "raw" / "price_captures").mkdir(parents=True)
    (settings.root / "raw" / "price_captures" / "20200101T000000000000Z.parquet").write_bytes(b"capture")
    return settings


def below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def without_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Dagster's history in memory in tests that are about folders."""
    monkeypatch.setattr("pipeline.run.dagster_instance", lambda home: dg.DagsterInstance.ephemeral())


@pytest.mark.usefixtures("without_runs")
def test_builds_beyond_those_to_keep_go_oldest_first_and_captures_stay(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", "2", "3", "4", "5", current="5")
    (settings.root / "builds" / "next").mkdir()  # an unpublished build is no leftover
    removed = prune(settings, now=NOW)
    assert [(one.kind, one.name) for one in removed] == [("build", "1"), ("build", "2")]
    assert removed[0].bytes == 10 + len('{"build_id": "1", "run_id": "run of 1"}')
    assert below(settings.root / "builds") == ["3", "4", "5", "next"]
    assert (settings.root / "raw" / "price_captures" / "20200101T000000000000Z.parquet").read_bytes() == b"capture"


@pytest.mark.usefixtures("without_runs")
def test_the_build_that_a_rollback_put_back_stays_and_counts(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", "2", "3", "4", current="1")
    prune(settings, now=NOW)
    assert below(settings.root / "builds") == ["1", "3", "4"]


@pytest.mark.usefixtures("without_runs")
def test_the_current_build_stays_without_its_build_json_and_with_a_damaged_one(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", "2", current="2")
    for name, text in (("1", "{"), ("2", None)):
        path = settings.root / "builds" / name / "build.json"
        path.unlink() if text is None else path.write_text(text)
    assert prune(settings, now=NOW) == []
    assert below(settings.root / "builds") == ["1", "2"]


@pytest.mark.usefixtures("without_runs")
def test_while_nothing_is_current_as_many_builds_stay_and_links_are_none(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", "2", "3", "4", current="gone")
    elsewhere = home_with_builds(tmp_path / "elsewhere", "0", current="0").root / "builds" / "0"
    (settings.root / "builds" / "0").symlink_to(elsewhere)
    assert [one.name for one in prune(settings, now=NOW)] == ["1"]
    assert below(settings.root / "builds") == ["0", "2", "3", "4"]
    assert below(elsewhere) == ["build.json", "core"]
    warehouse.remove_build(settings.root / "builds" / "0")
    assert below(settings.root / "builds") == ["2", "3", "4"]
    assert below(elsewhere) == ["build.json", "core"]


@pytest.mark.usefixtures("without_runs")
def test_links_among_the_replays_are_followed_no_further_than_the_folder(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", current="1")
    as_of, outside = settings.root / "as_of", tmp_path / ".outside"
    for folder in (as_of / ".2024-07-16-b", as_of / "plain", outside):
        folder.mkdir(parents=True)
    links = {
        "2024-07-16": ".2024-07-16-b",
        "again": ".2024-07-16-b",  # which is gone when its turn comes
        "build": "../builds/1",
        "dangling": ".nowhere",
        "kept": "plain",
        "out": str(outside),
    }
    for name, target in links.items():
        (as_of / name).symlink_to(target)
    removed = prune(settings, now=NOW, replays=True)
    assert [(one.kind, one.name) for one in removed] == [
        ("replay", name) for name in ("2024-07-16", "again", "dangling")
    ]
    assert below(as_of) == ["build", "kept", "out", "plain"]
    assert below(settings.root / "builds" / "1") == ["build.json", "core"]
    assert outside.is_dir()


@pytest.mark.usefixtures("without_runs")
def test_what_killed_runs_left_goes_and_replays_only_when_asked(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", current="1")
    as_of = settings.root / "as_of"
    for folder in (as_of / ".2024-07-16-a", as_of / ".2024-07-16-b", as_of / ".2024-07-17-next"):
        folder.mkdir(parents=True)
    (as_of / "2024-07-16").symlink_to(".2024-07-16-b")
    (settings.root / "builds" / "half").mkdir()  # removed as far as its build.json
    left = ["builds/half", "as_of/.2024-07-16-a", "as_of/.2024-07-17-next"]
    assert [one.name for one in prune(settings, now=NOW)] == left
    assert below(as_of) == [".2024-07-16-b", "2024-07-16"]
    assert prune(settings, now=NOW) == []
    assert prune(settings, now=NOW, replays=True) == [Removed("replay", "2024-07-16", 0)]
    assert below(as_of) == []


@pytest.mark.usefixtures("without_runs")
def test_alerts_go_by_their_instant_and_lines_without_one_stay(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", current="1")
    old, fresh = "2024-01-01T00:00:00Z the build failed\n", "2024-03-01T00:00:00Z so did this\n"
    (tmp_path / "alerts.log").write_text(f"{old}a note\n{fresh}")
    removed = prune(settings, now=dt.datetime(2024, 4, 1, tzinfo=dt.UTC))
    assert removed == [Removed("alerts", "1 of 3 lines", len(old))]
    assert (tmp_path / "alerts.log").read_text() == f"a note\n{fresh}"


@pytest.mark.usefixtures("without_runs")
def test_an_alert_that_comes_while_old_ones_go_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = home_with_builds(tmp_path, "1", "2", "3", "4", current="4")
    (tmp_path / "alerts.log").write_text("2024-01-01T00:00:00Z the build failed\n")
    instant = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
    # builds go after all was read, and before the log
    monkeypatch.setattr(retention, "remove_build", lambda build, tables: alert(settings, "so did this", now=instant))
    assert [one.kind for one in prune(settings, now=instant)] == ["build", "alerts"]
    assert (tmp_path / "alerts.log").read_text() == "2024-04-01T00:00:00Z so did this\n"


@pytest.mark.usefixtures("without_runs")
def test_alerts_log_is_written_and_rewritten_under_one_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = home_with_builds(tmp_path, "1", current="1")
    alert(settings, "it failed", now=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    monkeypatch.setattr("pipeline.alerts.FileLock", partial(FileLock, timeout=0))
    with FileLock(tmp_path / "alerts.log.lock"):
        with pytest.raises(Timeout):
            alert(settings, "so did this", now=NOW)
        with pytest.raises(RotationError):
            prune(settings, now=NOW)


def test_old_runs_go_with_their_files_but_not_those_alive_young_or_behind_a_kept_build(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", current="1")

    @dg.job(tags={SOURCE_TAG: "sample"})
    def nothing() -> None:
        dg.op(name="step")(lambda: None)()

    @dg.asset(key=["theirs", "prices"])
    def prices() -> None: ...

    with dagster_instance(tmp_path) as instance:
        root = Path(instance.root_directory)
        old, kept = (nothing.execute_in_process(instance=instance).run_id for _ in range(2))
        alive = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED).run_id
        theirs = dg.materialize([prices], instance=instance).run_id
    forgotten = "00000000-0000-4000-8000-000000000000"  # deleted in the UI, which leaves the logs
    for name in (old, forgotten, "no-run"):
        (root / "storage" / name).mkdir(parents=True, exist_ok=True)
    (settings.root / "builds" / "1" / "build.json").write_text(json.dumps({"build_id": "1", "run_id": kept}))
    damaged = settings.root / "builds" / "0" / "build.json"
    damaged.parent.mkdir()
    damaged.write_text("{")  # it names no run, and stops nothing

    assert prune(settings, now=NOW) == [Removed("run", forgotten, 0)]  # the others are young
    would = prune(settings, now=LATER, dry_run=True)
    assert [(one.kind, one.name) for one in would] == [("run", old)]
    assert would[0].bytes > 0
    assert prune(settings, now=LATER) == would
    with dagster_instance(tmp_path) as instance:
        assert set(instance.get_run_ids()) == {kept, alive, theirs}
    assert (root / "history" / "runs" / f"{kept}.db").is_file()
    assert not (root / "history" / "runs" / f"{old}.db").exists()
    assert not (root / "storage" / old).exists()
    assert (root / "storage" / "no-run").is_dir()


def test_the_run_of_a_surplus_build_goes_with_it_and_a_dry_run_says_so(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", "2", "3", "4", current="4")
    with dagster_instance(tmp_path) as instance:
        run_id = dg.materialize(
            [dg.asset(name="core")(lambda: None)], instance=instance, tags={SOURCE_TAG: "sample"}
        ).run_id
    (settings.root / "builds" / "1" / "build.json").write_text(json.dumps({"run_id": run_id}))
    would = prune(settings, now=LATER, dry_run=True)
    assert [(one.kind, one.name) for one in would] == [("build", "1"), ("run", run_id)]
    assert prune(settings, now=LATER) == would


def test_files_stay_where_dagster_keeps_its_runs_elsewhere(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", current="1")
    left = tmp_path / "dagster" / "storage" / "00000000-0000-4000-8000-000000000000"
    left.mkdir(parents=True)
    (tmp_path / "dagster" / "dagster.yaml").write_text(f"storage: {{sqlite: {{base_dir: '{tmp_path / 'runs'}'}}}}")
    assert prune(settings, now=LATER) == []
    assert left.is_dir()


@pytest.mark.usefixtures("without_runs")
def test_a_dry_run_says_what_would_go_and_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = home_with_builds(tmp_path, "1", "2", "3", "4", current="4")
    monkeypatch.setenv("ROTATION_HOME", str(tmp_path))
    monkeypatch.setenv("ROTATION_KEEP_BUILDS", "2")
    app = typer.Typer()
    app.command()(care.prune)
    said = CliRunner().invoke(app, ["--dry-run"])
    assert said.output.splitlines() == ["build 1  0.0 MB", "build 2  0.0 MB", "would free 0.0 MB (2 items)"]
    assert below(settings.root / "builds") == ["1", "2", "3", "4"]
    assert CliRunner().invoke(app, ["--keep-builds", "3"]).output.splitlines()[-1] == "freed 0.0 MB (1 item)"
    assert below(settings.root / "builds") == ["2", "3", "4"]


def test_nothing_is_removed_while_a_build_runs_or_where_there_is_no_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = home_with_builds(tmp_path, "1", "2", "3", "4", current="4")
    monkeypatch.setattr(retention, "locked", lambda root: warehouse.locked(root, seconds=0))
    with FileLock(settings.root / "build.lock"), pytest.raises(RotationError, match="another build"):
        prune(settings, now=NOW)
    assert below(settings.root / "builds") == ["1", "2", "3", "4"]
    with pytest.raises(RotationError, match="there is no warehouse in"):
        prune(Settings(home=tmp_path / "nowhere"), now=NOW)


def test_a_publication_keeps_as_many_builds_as_asked(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", "2", "3", current="3")
    house = warehouse.Warehouse(settings.root, keep_builds=2)
    house.next.mkdir()
    (house.next / "build.json").write_text("{}")
    house.release("4")
    assert below(settings.root / "builds") == ["3", "4"]


def test_a_reader_that_has_a_file_of_a_removed_build_open_reads_on(tmp_path: Path) -> None:
    settings = home_with_builds(tmp_path, "1", "2", current="2")
    build = settings.root / "builds" / "1"
    with (build / "core" / "prices.parquet").open("rb") as file:
        warehouse.remove_build(build)
        assert not build.exists()
        assert file.read() == b"0123456789"
