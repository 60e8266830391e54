"""Whole and partial builds of a small warehouse through the real graph: what is kept, what is published, what stays."""

import datetime as dt
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import polars as pl
import pyarrow.parquet as pq
import pytest
from dagster._core.test_utils import create_run_for_test
from polars.testing import assert_frame_equal
from small import CAPTURED_AT, FIRST, LAST, LAYERS, ask, bars, build, days, settings, tables

from pipeline.contracts.columns import Table
from pipeline.definitions import JOB, build_definitions
from pipeline.descriptions import GRAINS
from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, CATALOGUE, REPORT
from pipeline.run import dagster_instance
from pipeline.sources import sample
from pipeline.sql_models import load_models
from pipeline.tables import CONTRACTS
from pipeline.warehouse import Warehouse, locked

CHANGED_DAY = dt.date(2022, 6, 8)  # session number 5: IWM closes at 105
LATER = dt.datetime(2024, 3, 1, 22, tzinfo=dt.UTC)
ALLOWED_TYPES = {"date32[day]", "int32", "int64", "double", "string", "large_string", "bool", "timestamp[us, tz=UTC]"}
KILLED_WHILE_PUBLISHING = """
import os, sys
from pathlib import Path
from pipeline import publish
from pipeline.run import run_build
from pipeline.settings import Settings
publish._write_catalogue = lambda *arguments: os._exit(9)
home, folder = map(Path, sys.argv[1:])
run_build(Settings(home=home, source="files", folder=folder), on_table=lambda name: None)
"""


def record(root: Path) -> dict:
    return json.loads((root / "current" / BUILD_FILE).read_text())


def partial(home: Path, *names: str, history: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    """Materialize some assets as the Dagster UI does: no input folder, only what is on disk."""
    found = build_definitions(settings(home))
    selection = [dg.AssetKey(["files", *name.split("/")]) for name in names]
    with history or dg.DagsterInstance.ephemeral() as instance:
        return found.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=selection, raise_on_error=False
        )


def said(result: dg.ExecuteInProcessResult) -> str:
    """What the first failing step of a run says, causes included."""
    [error] = [event.step_failure_data.error for event in result.all_events if event.is_step_failure][:1]
    return error.to_string()


def runs(home: Path) -> list[dg.DagsterRun]:
    with dagster_instance(home) as instance:
        return list(instance.get_runs())


# a first build: figures worked out by hand


def test_the_published_figures_are_those_worked_out_by_hand(home: Path) -> None:
    catalogue = home / "files" / CATALOGUE
    assert ask(catalogue, "select count(*), min(session_date), max(session_date) from core.prices") == [
        (1200, FIRST, LAST)
    ]
    of_day = f"symbol = 'IWM' and basis = 'price' and session_date = '{CHANGED_DAY}'"
    assert ask(catalogue, f"select ret_5d from derived.returns where {of_day}") == [(0.05,)]
    against_spy = f"{of_day} and benchmark = 'SPY'"
    strength = ask(
        catalogue, f"select ratio, ratio_index, spread_5d_pp from derived.relative_strength where {against_spy}"
    )
    assert strength == [(1.05, 105.0, 5.0)]
    streak = "symbol = 'IWM' and basis = 'price' and rule = 'up' and allowed_misses = 0"
    assert ask(catalogue, f"select start_date, end_date, hits, is_open from derived.streak_events where {streak}") == [
        (dt.date(2022, 6, 2), LAST, 399, True)
    ]
    assert ask(
        catalogue,
        "select start_date, observations, min_spread_pp, end_date, uninverted_on, confirmed_on "
        "from derived.yield_curve_inversions where variant = 'sustained'",
    ) == [(FIRST, 30, -0.5, dt.date(2022, 7, 14), dt.date(2022, 7, 15), dt.date(2022, 7, 22))]


def test_a_mart_knows_at_the_close_only_what_was_public(home: Path) -> None:
    """The spread of 2022-07-15 is posted at 17:01, after that day's close."""
    rows = ask(
        home / "files" / CATALOGUE,
        "select session_date, curve_observed_on, is_curve_inverted from marts.rotation_daily "
        "where session_date between '2022-07-15' and '2022-07-18' order by all",
    )
    assert rows == [
        (dt.date(2022, 7, 15), dt.date(2022, 7, 14), True),
        (dt.date(2022, 7, 18), dt.date(2022, 7, 15), False),
    ]


def test_every_configured_symbol_is_listed_also_without_prices(home: Path) -> None:
    rows = ask(home / "files" / CATALOGUE, "select symbol, bars from core.instruments where symbol in ('IWM', 'XLK')")
    assert sorted(rows) == [("IWM", 400), ("XLK", 0)]


# the published file


def test_every_table_and_column_of_the_file_has_a_comment(home: Path) -> None:
    catalogue = home / "files" / CATALOGUE
    mute = "comment is null or comment = ''"
    assert ask(catalogue, f"select schema_name, table_name from duckdb_tables() where {mute}") == []
    assert ask(catalogue, f"select table_name, column_name from duckdb_columns() where not internal and ({mute})") == []
    [(comment,)] = ask(
        catalogue,
        "select comment from duckdb_columns() where table_name = 'relative_strength' and column_name = 'spread_5d_pp'",
    )
    assert comment == "100 x (5-session return of the symbol less that of the benchmark). [pp]"


def test_the_file_holds_tables_of_four_schemas_and_no_views(home: Path) -> None:
    catalogue = home / "files" / CATALOGUE
    assert ask(catalogue, "select count(*) from duckdb_views() where not internal") == [(0,)]
    found = ask(catalogue, "select schema_name || '.' || table_name from duckdb_tables()")
    wanted = {*CONTRACTS, *(f"marts.{name}" for name in load_models()), "meta.tables", "meta.columns", "meta.builds"}
    wanted.add("meta.indicators")
    assert {name for (name,) in found} == wanted


def test_meta_columns_is_complete(home: Path) -> None:
    catalogue = home / "files" / CATALOGUE
    real = ask(
        catalogue,
        "select schema_name, table_name, column_name, column_index, data_type from duckdb_columns() "
        "where not internal and schema_name <> 'meta' order by all",
    )
    told = ask(catalogue, "select layer, table_name, column_name, position, type from meta.columns order by all")
    assert told == real
    complete = "description", "grade", "unit", "definition", "source", "licence", "repaints"
    gaps = " or ".join(f"{column} is null or {column}::varchar = ''" for column in complete)
    assert ask(catalogue, f"select table_name, column_name from meta.columns where {gaps}") == []
    assert (
        ask(
            catalogue,
            "select distinct indicator from derived.macro_indicators "
            "anti join (from meta.indicators where description <> '' and grade <> '' and unit <> '') using (indicator)",
        )
        == []
    )
    assert ask(catalogue, "select grade from meta.indicators where indicator = 'cpi_surprise_naive_pp'") == [("ours",)]


def test_meta_tables_counts_the_rows_and_names_a_key_that_holds(home: Path) -> None:
    catalogue = home / "files" / CATALOGUE
    for layer, name, rows, grain in ask(catalogue, "select layer, table_name, rows, grain from meta.tables"):
        if name == "rejects":  # nothing identifies a refused piece but all that is said of it
            continue
        key = ", ".join(f'"{column}"' for column in grain.split(", "))
        [found] = ask(catalogue, f"select count(*), count(distinct row({key})) from {layer}.{name}")
        assert found == (rows, rows), name
    assert ask(catalogue, "select distinct schema_version, is_synthetic from meta.tables") == [(1, False)]


def test_meta_builds_says_what_was_built_from_what(home: Path) -> None:
    catalogue = home / "files" / CATALOGUE
    [(build_id, source, code, hashes, as_of)] = ask(
        catalogue,
        "select build_id, source, code_version, [len(lock_hash), len(config_hash), len(input_hash)], as_of "
        "from meta.builds",
    )
    assert build_id == record(home / "files")["build_id"] == (home / "files" / "current").resolve().name
    assert (source, hashes) == ("files", [64, 64, 64])
    assert code.startswith("0.") and not as_of


def test_the_file_opens_in_clients_of_duckdb_1_4(home: Path) -> None:
    catalogue = home / "files" / CATALOGUE
    [(tags,)] = ask(catalogue, "select tags from duckdb_databases() where not internal")
    assert tags["storage_version"].startswith("v1.4.0")


def test_parquet_holds_only_types_that_every_tool_reads(home: Path) -> None:
    paths = sorted((home / "files" / "current").glob("*/*.parquet"))
    assert len(paths) == len(CONTRACTS) + len(load_models())
    for path in paths:
        types = {str(field.type) for field in pq.read_schema(path)}
        assert types <= ALLOWED_TYPES, path


def test_parquet_files_describe_themselves(home: Path) -> None:
    for path in sorted((home / "files" / "current").glob("*/*.parquet")):
        metadata = pq.read_schema(path).metadata or pq.read_metadata(path).metadata
        assert metadata[b"description"], path
        assert list(json.loads(metadata[b"columns"])) == pq.read_schema(path).names, path
        assert (
            pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"
            if pq.read_metadata(path).num_rows
            else True
        )


@pytest.mark.parametrize("name", CONTRACTS)
def test_parquet_is_sorted_by_key(name: str, home: Path) -> None:
    contract: type[Table] = CONTRACTS[name]
    key = contract.primary_key() or GRAINS[name]
    if name == "core.rejects":
        return
    frame = pl.read_parquet(home / "files" / "current" / f"{name.replace('.', '/')}.parquet")
    assert_frame_equal(frame, frame.sort(key, maintain_order=True))


def test_build_json_says_where_rows_seconds_and_bytes_went(home: Path) -> None:
    found = record(home / "files")
    assert set(found["tables"]) == {*CONTRACTS, *(f"marts.{name}" for name in load_models())}
    for name, figures in found["tables"].items():
        path = home / "files" / "current" / f"{name.replace('.', '/')}.parquet"
        assert figures["bytes"] == path.stat().st_size
        assert figures["rows"] == pq.read_metadata(path).num_rows
        assert {"read_seconds", "transform_seconds", "write_seconds"} <= set(figures)
    assert set(found["seconds"]) == {"ingest", "read", "transform", "write", "publish", "report"}
    assert found["catalogue_bytes"] == (home / "files" / CATALOGUE).stat().st_size
    assert found["report_bytes"] == (home / "files" / REPORT).stat().st_size
    assert found["is_synthetic"] is False and found["as_of"] is None


def test_parquet_and_duckdb_hold_the_same_rows(home: Path) -> None:
    for name, frame in tables(home / "files" / "current").items():
        assert ask(home / "files" / CATALOGUE, f"select count(*) from {name}") == [(frame.height,)]


def test_nothing_unpublished_is_left_behind(home: Path) -> None:
    [only] = (home / "files" / "builds").iterdir()
    assert sorted(path.name for path in only.iterdir()) == sorted([*LAYERS, BUILD_FILE, CATALOGUE, REPORT])


def test_the_run_is_in_the_history_of_dagster(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home / ".dagster"))
    [run] = runs(home)
    assert (run.job_name, run.status, run.tags["rotation/source"]) == (JOB, dg.DagsterRunStatus.SUCCESS, "files")
    assert record(home / "files")["run_id"] == run.run_id


# a second build, on changed input


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[SimpleNamespace]:
    """Build twice: the second time one old close is changed, SPY's file is cut short, and a file is no data."""
    place = tmp_path_factory.mktemp("grown")
    changed = place / "input"
    shutil.copytree(folder, changed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(place / ".dagster"))
        root = build(place / "home", changed)
        first, captures = (
            (root / "current").resolve(),
            {path: path.read_bytes() for path in root.glob("raw/*/*.parquet")},
        )
        sessions = days()
        iwm = (changed / "prices" / "IWM.csv").read_text()
        old, new = f"{CHANGED_DAY},105,105,105,105,105", f"{CHANGED_DAY},105,106,105,106,106"
        assert old in iwm
        (changed / "prices" / "IWM.csv").write_text(iwm.replace(old, new))
        (changed / "prices" / "SPY.csv").write_text(bars(dict.fromkeys(sessions[:10], 100)))
        (changed / "prices" / "KRE.csv").write_bytes(b"\x00\x01 nothing of the kind")
        build(place / "home", changed, captured_at=LATER)
    yield SimpleNamespace(root=root, first=first, second=(root / "current").resolve(), captures=captures, input=changed)


def test_only_the_changed_value_is_appended(grown: SimpleNamespace) -> None:
    warehouse = Warehouse(grown.root)
    added = pl.read_parquet(warehouse.capture_files("price_captures")[-1])
    assert added.select("symbol", "session_date", "close").rows() == [("IWM", CHANGED_DAY, 106.0)]
    assert len(warehouse.capture_files("macro_captures")) == 1


def test_earlier_captures_are_as_they_were(grown: SimpleNamespace) -> None:
    assert all(path.read_bytes() == content for path, content in grown.captures.items())


def test_a_changed_value_is_used_flagged_and_listed(grown: SimpleNamespace) -> None:
    catalogue = grown.root / CATALOGUE
    of_day = f"symbol = 'IWM' and session_date = '{CHANGED_DAY}'"
    assert ask(catalogue, f"select close, flags from core.prices where {of_day}") == [(106.0, "revised")]
    edits = ask(
        catalogue,
        "select id, observed_on, column_name, old_value, new_value, kind from core.capture_edits order by all",
    )
    assert edits == [
        ("IWM", CHANGED_DAY, "close", 105.0, 106.0, "revised"),
        ("IWM", CHANGED_DAY, "high", 105.0, 106.0, "revised"),
    ]


def test_a_file_cut_short_shortens_no_history(grown: SimpleNamespace) -> None:
    assert ask(grown.root / CATALOGUE, "select bars from core.instruments where symbol = 'SPY'") == [(400,)]


def test_a_file_that_is_no_data_is_named_and_its_neighbours_are_built(grown: SimpleNamespace) -> None:
    [(origin, reason)] = ask(grown.root / CATALOGUE, "select origin, reason from core.rejects")
    assert origin == "prices/KRE.csv" and reason
    ingest = json.loads((grown.second / BUILD_FILE).read_text())["ingest"]
    assert ingest["refused"] == 1
    assert ingest["added"]["price_captures"] == 1


def test_an_open_reader_keeps_its_build_and_the_next_one_sees_the_new(grown: SimpleNamespace) -> None:
    of_day = f"select close from core.prices where symbol = 'IWM' and session_date = '{CHANGED_DAY}'"
    assert ask(grown.first / CATALOGUE, of_day) == [(105.0,)]
    assert ask(grown.second / CATALOGUE, of_day) == [(106.0,)]
    assert [
        row[0] for row in ask(grown.second / CATALOGUE, "select build_id from meta.builds order by created_at")
    ] == [
        grown.first.name,
        grown.second.name,
    ]


# the same captures give the same tables, and what fails changes nothing


@pytest.fixture
def copied(home: Path, tmp_path: Path) -> Path:
    """Return a home of its own in which the small input is published."""
    shutil.copytree(home, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def test_two_builds_on_the_same_captures_give_equal_tables(copied: Path) -> None:
    before = (copied / "files" / "current").resolve()
    build(copied)
    after = (copied / "files" / "current").resolve()
    assert before != after
    old, new = tables(before), tables(after)
    assert old.keys() == new.keys()
    for name in old:
        assert_frame_equal(old[name], new[name], check_exact=True)


def test_a_broken_test_of_a_mart_leaves_the_publication_as_it_was(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = load_models()
    model = models["leaderboard"]
    wrong = type(model.tests[0])(severity="fail", expression="ret_1d > 100")
    changed = {**models, "leaderboard": type(model)(**{**vars(model), "tests": (*model.tests, wrong)})}
    monkeypatch.setattr("pipeline.definitions.load_models", lambda: changed)
    before = (copied / "files" / "current").resolve()
    with pytest.raises(RotationError) as told:
        build(copied)
    assert str(told.value) == "marts.leaderboard breaks its test 'ret_1d > 100' on 3 rows; nothing is published"
    assert (copied / "files" / "current").resolve() == before
    assert [path.name for path in Warehouse(copied / "files").builds()] == [before.name]


def test_a_warning_is_published_and_counted(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = load_models()
    model = models["leaderboard"]
    odd = type(model.tests[0])(severity="warn", expression="ret_1d > 100")
    changed = {**models, "leaderboard": type(model)(**{**vars(model), "tests": (odd,)})}
    monkeypatch.setattr("pipeline.definitions.load_models", lambda: changed)
    result = partial(copied, "marts/leaderboard", "published/rotation")
    assert result.success
    assert record(copied / "files")["warnings"]["marts.leaderboard"] == {"ret_1d > 100": 3}
    monkeypatch.undo()
    monkeypatch.setenv("DAGSTER_HOME", str(copied / ".dagster"))
    assert partial(copied, "marts/rotation_map", "published/rotation").success
    assert record(copied / "files")["warnings"]["marts.leaderboard"] == {"ret_1d > 100": 3}, "the mart was carried over"


def test_a_full_disk_is_one_line_and_leaves_the_publication(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "prices.parquet")

    monkeypatch.setattr("pipeline.warehouse.Warehouse.write", full)
    before = (copied / "files" / "current").resolve()
    with pytest.raises(RotationError, match=r"No space left on device.*what was published before stays") as told:
        build(copied)
    assert "\n" not in str(told.value)
    assert (copied / "files" / "current").resolve() == before


def test_input_of_which_nothing_is_usable_leaves_the_publication(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "IWM.csv").write_text("")
    before = (copied / "files" / "current").resolve()
    with pytest.raises(RotationError, match=r"nothing in .*bad could be used; first: IWM\.csv: .* stays"):
        build(copied, tmp_path / "bad")
    assert (copied / "files" / "current").resolve() == before


@pytest.mark.history
def test_a_build_killed_while_publishing_leaves_no_trace_after_the_next(
    copied: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (copied / "files" / "current").resolve()
    monkeypatch.setenv("DAGSTER_HOME", str(copied / ".dagster"))
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_PUBLISHING, str(copied), str(folder)], check=False)
    assert killed.returncode == 9
    assert (copied / "files" / "builds" / "next").is_dir()
    assert (copied / "files" / "current").resolve() == before
    assert ask(copied / "files" / CATALOGUE, "select count(*) from core.prices") == [(1200,)]

    build(copied)
    assert not (copied / "files" / "builds" / "next").exists()
    assert (copied / "files" / "current").resolve() != before
    newest, dead, _ = runs(copied)
    assert (newest.status, dead.status) == (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)


# partial builds


def test_a_partial_build_takes_the_rest_from_the_current_one(copied: Path) -> None:
    before = tables(copied / "files" / "current")
    assert partial(copied, "marts/rotation_map", "published/rotation").success
    after = tables(copied / "files" / "current")
    assert after.keys() == before.keys()
    assert len(Warehouse(copied / "files").builds()) == 2
    for name in before:
        assert_frame_equal(before[name], after[name])
        assert ask(copied / "files" / CATALOGUE, f"select count(*) from {name}") == [(before[name].height,)]
    assert set(record(copied / "files")["tables"]) == set(before)


def test_steps_one_after_the_other_publish_what_they_built_together(copied: Path) -> None:
    """As an operator clicks: first a table, then what is computed from it, then publish."""
    assert partial(copied, "derived/streak_events").success
    assert len(Warehouse(copied / "files").builds()) == 1
    assert partial(copied, "marts/streak_history").success
    assert partial(copied, "marts/claims", "marts/claim_readings", "marts/claim_articles").success
    assert partial(copied, "published/rotation").success
    assert len(Warehouse(copied / "files").builds()) == 2


def test_prices_without_what_is_computed_from_them_are_not_published(copied: Path) -> None:
    before = (copied / "files" / "current").resolve()
    result = partial(copied, "core/prices", "core/rejects", "published/rotation")
    assert not result.success
    assert "core.instruments was computed from an earlier core.prices; materialize core.instruments (and " in said(
        result
    )
    assert (copied / "files" / "current").resolve() == before


def test_a_publication_that_failed_can_be_tried_again(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.publish._write_catalogue", full)
        assert not partial(copied, "marts/rotation_map", "published/rotation").success
    assert partial(copied, "published/rotation").success
    assert len(record(copied / "files")["tables"]) == len(CONTRACTS) + len(load_models())


def test_new_captures_reach_all_tables_that_read_them_or_none(copied: Path, tmp_path: Path) -> None:
    """Prices of new captures beside edits of old ones would be two states of the data in one publication."""
    more = tmp_path / "more"
    (more / "prices").mkdir(parents=True)
    (more / "prices" / "IWM.csv").write_text(bars({CHANGED_DAY: 106.0}))
    chosen = settings(copied, more, captured_at=LATER)
    found = build_definitions(chosen)
    with dagster_instance(copied) as instance:
        job = found.resolve_implicit_global_asset_job_def()
        raw = [key for key in found.resolve_asset_graph().get_all_asset_keys() if key.path[1] == "raw"]
        assert job.execute_in_process(instance=instance, asset_selection=raw).success
    downstream = [name for name in graph_below_prices() if name not in ("core/capture_edits", "core/sessions")]
    result = partial(copied, *downstream, "published/rotation")
    assert not result.success
    assert "raw.price_captures" in said(result)


def graph_below_prices() -> list[str]:
    assets = build_definitions(settings(Path("warehouse"))).resolve_asset_graph()
    below, waiting = set(), [dg.AssetKey(["files", "core", "prices"]), dg.AssetKey(["files", "core", "rejects"])]
    while waiting:
        key = waiting.pop()
        below.add("/".join(key.path[1:]))
        waiting.extend(assets.get(key).child_keys)
    return sorted(below - {"published/rotation"})


def test_without_a_build_there_is_nothing_to_take_the_rest_from(tmp_path: Path) -> None:
    result = partial(tmp_path / "home", "derived/returns", "published/rotation")
    assert not result.success
    assert "core.prices has not been built yet; run the whole build first: rotation build" in said(result)
    alone = partial(tmp_path / "home", "published/rotation")
    assert "has not been built yet; run the whole build first: rotation build" in said(alone)
    assert Warehouse(tmp_path / "home" / "files").current() is None


# the lock


def test_a_build_stops_with_a_clear_line_while_another_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.defs.warehouse.locked", functools.partial(locked, seconds=0.01))
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "files"):
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        with pytest.raises(RotationError, match=r"^another build of .*files has been running for over .* try again$"):
            build(tmp_path)
    finally:
        done.set()
        holder.join()


def test_the_wait_for_another_build_is_a_minute() -> None:
    assert locked.__wrapped__.__defaults__ == (60,)  # type: ignore[attr-defined]


@pytest.mark.history
def test_the_next_holder_marks_runs_failed_whose_process_is_gone(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    marks = tmp_path / "files" / "runs"
    marks.mkdir(parents=True)
    with dagster_instance(tmp_path) as instance:
        ids = {}
        for name, status, process in (
            ("killed", dg.DagsterRunStatus.STARTED, gone.pid),
            ("waiting", dg.DagsterRunStatus.STARTED, os.getpid()),
            ("ended", dg.DagsterRunStatus.SUCCESS, gone.pid),
        ):
            ids[name] = create_run_for_test(instance, JOB, status=status).run_id
            (marks / ids[name]).write_text(str(process))
        ids["of another source"] = create_run_for_test(instance, JOB, status=dg.DagsterRunStatus.STARTED).run_id
    assert not partial(tmp_path, "core/instruments", history=dagster_instance(tmp_path)).success
    with dagster_instance(tmp_path) as instance:
        after = {name: instance.get_run_by_id(run_id).status for name, run_id in ids.items()}
    assert after == {
        "killed": dg.DagsterRunStatus.FAILURE,
        "waiting": dg.DagsterRunStatus.STARTED,
        "ended": dg.DagsterRunStatus.SUCCESS,
        "of another source": dg.DagsterRunStatus.STARTED,
    }
    assert [mark.name for mark in marks.iterdir()] == [ids["waiting"]]


# replays


def test_a_replay_knows_what_was_known_then_and_touches_nothing_else(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(copied / ".dagster"))
    root = copied / "files"
    published, history = (root / "current").resolve(), [run.run_id for run in runs(copied)]
    end_of_day = dt.datetime(2022, 7, 16, 3, 59, 59, tzinfo=dt.UTC)  # 2022-07-15 in New York, session number 30
    for _ in range(2):
        build(copied, as_of=end_of_day)
    assert (root / "current").resolve() == published
    assert [run.run_id for run in runs(copied)] == history
    assert (
        len([path for path in (root / "as_of").iterdir() if not path.is_symlink()]) == 1
    )  # the second replaced the first

    replay = root / "as_of" / "2022-07-15" / CATALOGUE
    day = dt.date(2022, 7, 15)
    assert ask(replay, "select symbol, count(*), max(session_date) from core.prices group by all order by all") == [
        ("IWM", 31, day),
        ("QQQ", 31, day),
        ("SPY", 31, day),
    ]
    assert ask(replay, "select max(session_date) from core.sessions") == [(day,)]
    # July's rate is published in August
    assert ask(replay, "select observed_on, value from core.macro_latest where series_id = 'UNRATE'") == [
        (dt.date(2022, 6, 1), 3.6)
    ]
    spells = "select variant, is_open, observations from derived.yield_curve_inversions order by variant"
    assert ask(replay, spells) == [("raw", False, 30), ("sustained", True, 30)]
    assert json.loads((replay.parent / BUILD_FILE).read_text())["as_of"] == "2022-07-16T03:59:59+00:00"


def test_a_replay_equals_the_build_cut_off_at_its_date(copied: Path) -> None:
    build(copied, as_of=dt.datetime(2022, 12, 31, 4, 59, 59, tzinfo=dt.UTC))
    whole = tables(copied / "files" / "current")
    replayed = tables(copied / "files" / "as_of" / "2022-12-30")
    for name in ("core.prices", "derived.returns", "derived.relative_strength"):
        known = whole[name].filter(pl.col("session_date") <= dt.date(2022, 12, 30))
        assert known.height
        assert_frame_equal(replayed[name], known)


# the sample


@pytest.fixture(scope="module")
def sample_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build five symbols of the sample: those with planted events, and what they are compared with."""
    whole = sample.generate
    kept = ["XSML", "XLRG", "XTEC", "XGRW", "XSVA"]

    def five(**how: dt.datetime | dt.date) -> object:
        batch = whole(**how)
        return type(batch)(**{**vars(batch), "prices": batch.prices.filter(pl.col("symbol").is_in(kept))})

    home = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / ".dagster"))
        patch.setattr(sample, "generate", five)
        yield build(home, source="sample", captured_at=None)


def test_the_report_of_the_sample_is_whole_and_says_that_it_is_made_up(sample_root: Path) -> None:
    assert "report" not in record(sample_root)["warnings"]
    page = (sample_root / REPORT).read_text(encoding="utf-8")
    assert len(page.encode()) <= 3_000_000
    assert "SYNTHETIC DATA." in page


def test_the_claims_about_planted_events_have_the_verdicts_that_were_planted(sample_root: Path) -> None:
    verdicts = dict(
        ask(sample_root / CATALOGUE, "select claim_id, verdict from marts.claims where article = 'planted'")
    )
    assert verdicts == {
        "planted-streak": "supported",
        "planted-largest": "contradicted",  # 2.6 %, not 3
        "planted-five": "supported_only_under",  # at the close of the fifth day, not of the fourth
        "planted-record": "supported",
        "planted-gap": "supported",
        "planted-widest": "supported",
        "planted-inverted": "supported",
        "planted-unemployment": "supported_only_under",  # as first published, not as revised
        "planted-sigma": "inconsistent",  # one sigma is the 84th percentile
        "planted-weights": "not_testable",
        "planted-outlook": "opinion",
    }
    decided = ask(
        sample_root / CATALOGUE, "select decided_by from marts.claims where claim_id = 'planted-unemployment'"
    )
    assert decided == [("true as first published, false as revised since",)]


def test_nothing_of_the_five_articles_is_judged_on_made_up_prices(sample_root: Path) -> None:
    counted = "select article, claims, not_testable from marts.claim_articles where not is_synthetic order by 1"
    rows = ask(sample_root / CATALOGUE, counted)
    assert [article for article, _, _ in rows] == ["a0", "a1", "a2", "a3", "a4"]
    assert all(claims == not_testable for _, claims, not_testable in rows)


def test_everything_of_the_sample_says_synthetic(sample_root: Path) -> None:
    root, catalogue = sample_root, sample_root / CATALOGUE
    unmarked = "schema_name <> 'meta' and not starts_with(comment, 'SYNTHETIC DATA')"
    assert ask(catalogue, f"select table_name from duckdb_tables() where {unmarked}") == []
    for name in ("meta.tables", "meta.builds", "core.instruments", "core.series"):
        assert ask(catalogue, f"select distinct is_synthetic from {name}") == [(True,)]
    assert ask(catalogue, "select distinct source from core.prices") == [("sample",)]
    assert record(root)["is_synthetic"] is True
    for path in sorted((root / "current").glob("*/*.parquet")):
        assert pq.read_metadata(path).metadata[b"description"].startswith(b"SYNTHETIC DATA. "), path
    assert ask(catalogue, "select distinct small_symbol, large_symbol, tech_symbol from marts.rotation_daily") == [
        ("XSML", "XLRG", "XTEC")
    ]


def test_nothing_of_the_files_source_says_synthetic(home: Path) -> None:
    assert ask(home / "files" / CATALOGUE, "select count(*) from duckdb_tables() where comment like '%SYNTHETIC%'") == [
        (0,)
    ]
    assert CAPTURED_AT.date() == ask(home / "files" / CATALOGUE, "select max(captured_at)::date from core.prices")[0][0]
