"""The warehouse on disk: captures are kept, builds are swapped, and only the holder of the lock writes."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest

from pipeline.contracts.raw import MacroCapture, PriceCapture
from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE
from pipeline.warehouse import Warehouse, locked, swap_link

MONDAY, TUESDAY = dt.date(2024, 7, 15), dt.date(2024, 7, 16)
FIRST_RUN = dt.datetime(2024, 7, 17, 1, tzinfo=dt.UTC)
SECOND_RUN = dt.datetime(2024, 7, 18, 1, tzinfo=dt.UTC)
HOLD_THE_LOCK = """
import sys
from pathlib import Path
from pipeline.warehouse import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def captured(close: dict[dt.date, float], at: dt.datetime = FIRST_RUN) -> pl.DataFrame:
    rows = [{"symbol": "IWM", "session_date": day, "close": price} for day, price in close.items()]
    given = pl.DataFrame(rows).with_columns(
        captured_at=pl.lit(at, pl.Datetime("us", "UTC")), source=pl.lit("files"), origin=pl.lit("prices/IWM.csv")
    )
    empty = PriceCapture.create_empty()
    return pl.concat([empty, given], how="diagonal").select(empty.columns).cast(dict(empty.schema))


def published(warehouse: Warehouse, build_id: str, content: str = "") -> Path:
    """Release a build that holds one file."""
    warehouse.next.mkdir(parents=True, exist_ok=True)
    (warehouse.next / "content.txt").write_text(content or build_id)
    (warehouse.next / BUILD_FILE).write_text("{}")
    return warehouse.release(build_id)


# captures


def test_the_same_rows_twice_add_nothing(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    assert warehouse.append("price_captures", captured({MONDAY: 216.0, TUESDAY: 224.0}), run_at=FIRST_RUN) == 2
    again = captured({MONDAY: 216.0, TUESDAY: 224.0}, at=SECOND_RUN)
    assert warehouse.append("price_captures", again, run_at=SECOND_RUN) == 0
    assert len(warehouse.capture_files("price_captures")) == 1


def test_a_changed_old_value_is_appended_and_the_old_one_stays(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.append("price_captures", captured({MONDAY: 216.0, TUESDAY: 224.0}), run_at=FIRST_RUN)
    changed = captured({MONDAY: 216.5, TUESDAY: 224.0}, at=SECOND_RUN)
    assert warehouse.append("price_captures", changed, run_at=SECOND_RUN) == 1
    closes = warehouse.captures("price_captures").filter(pl.col("session_date") == MONDAY)["close"].to_list()
    assert closes == [216.0, 216.5]


def test_a_value_that_goes_back_is_a_change_too(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for number, close in enumerate((216.0, 216.5, 216.0)):
        at = FIRST_RUN + dt.timedelta(days=number)
        warehouse.append("price_captures", captured({MONDAY: close}, at=at), run_at=at)
    assert warehouse.captures("price_captures")["close"].to_list() == [216.0, 216.5, 216.0]


def test_captures_are_never_rewritten(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.append("price_captures", captured({MONDAY: 216.0}), run_at=FIRST_RUN)
    [first] = map(Path, warehouse.capture_files("price_captures"))
    before = (first.read_bytes(), first.stat().st_mtime_ns, first.stat().st_ino)
    warehouse.append("price_captures", captured({MONDAY: 217.0, TUESDAY: 224.0}, at=SECOND_RUN), run_at=SECOND_RUN)
    assert len(warehouse.capture_files("price_captures")) == 2
    assert (first.read_bytes(), first.stat().st_mtime_ns, first.stat().st_ino) == before


def test_a_shorter_file_never_shortens_history(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.append("price_captures", captured({MONDAY: 216.0, TUESDAY: 224.0}), run_at=FIRST_RUN)
    warehouse.append("price_captures", captured({TUESDAY: 224.0}, at=SECOND_RUN), run_at=SECOND_RUN)
    warehouse.append("price_captures", PriceCapture.create_empty(), run_at=SECOND_RUN)
    assert warehouse.captures("price_captures")["session_date"].to_list() == [MONDAY, TUESDAY]


def test_what_a_killed_run_left_unfinished_is_gone_at_the_next_start(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.append("price_captures", captured({MONDAY: 216.0}), run_at=FIRST_RUN)
    unfinished = tmp_path / "raw" / "price_captures" / "20240718T010000000000Z.unfinished"
    unfinished.write_bytes(b"PAR1 half a file")
    (warehouse.next / "core").mkdir(parents=True)
    (warehouse.next / "core" / "prices.parquet").write_bytes(b"PAR1 half a table")

    assert warehouse.captures("price_captures").height == 1  # also before the start nobody reads it
    warehouse.start()

    assert not unfinished.exists()
    assert not warehouse.next.exists()
    assert warehouse.captures("price_captures").height == 1


def test_a_full_disk_during_an_append_loses_no_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.append("price_captures", captured({MONDAY: 216.0}), run_at=FIRST_RUN)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.storage.sync", full)
    with pytest.raises(OSError, match="No space left"):
        warehouse.append("price_captures", captured({TUESDAY: 224.0}, at=SECOND_RUN), run_at=SECOND_RUN)
    warehouse.start()
    assert warehouse.captures("price_captures")["session_date"].to_list() == [MONDAY]


def test_captures_from_before_a_column_existed_are_read_and_compared(tmp_path: Path) -> None:
    """A column that raw gains later (vintage_on) is NULL in the files that are there already."""
    warehouse = Warehouse(tmp_path)
    new = MacroCapture.create_empty()
    row = {"series_id": "UNRATE", "observed_on": dt.date(2023, 8, 1), "value": 3.8, "is_vintage": False}
    row |= {"captured_at": FIRST_RUN, "source": "files", "origin": "UNRATE.csv", "vintage_on": None}
    incoming = pl.DataFrame([row], schema=new.schema)
    folder = tmp_path / "raw" / "macro_captures"
    folder.mkdir(parents=True)
    incoming.drop("vintage_on").write_parquet(folder / "20230101T000000000000Z.parquet")

    assert warehouse.captures("macro_captures").rows() == incoming.rows()
    assert warehouse.append("macro_captures", incoming, run_at=FIRST_RUN) == 0
    told = incoming.with_columns(value=pl.lit(3.7), captured_at=pl.lit(SECOND_RUN), vintage_on=pl.lit(TUESDAY))
    assert warehouse.append("macro_captures", told.cast(dict(new.schema)), run_at=SECOND_RUN) == 1
    assert warehouse.captures("macro_captures")["vintage_on"].to_list() == [None, TUESDAY]


def test_a_path_with_characters_of_a_pattern_is_a_path(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "it's [my] *")
    warehouse.append("price_captures", captured({MONDAY: 216.0}), run_at=FIRST_RUN)
    assert warehouse.captures("price_captures").height == 1


# tables


def test_a_table_is_read_from_the_unpublished_build_first_then_from_the_current_one(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with pytest.raises(RotationError, match=r"core\.sessions has not been built yet.*rotation build"):
        warehouse.read("core.sessions")
    warehouse.write("core.sessions", sessions(MONDAY))
    published(warehouse, "1")
    assert warehouse.read("core.sessions")["session_date"].to_list() == [MONDAY]
    warehouse.write("core.sessions", sessions(TUESDAY))
    assert warehouse.read("core.sessions")["session_date"].to_list() == [TUESDAY]


def sessions(day: dt.date) -> pl.DataFrame:
    close_at = dt.datetime.combine(day, dt.time(20), tzinfo=dt.UTC)
    return pl.DataFrame({"session_date": [day], "session_no": [13_756], "close_at": [close_at], "is_half_day": [False]})


def test_a_frame_that_breaks_its_contract_is_not_written(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    twice = pl.concat([sessions(MONDAY), sessions(MONDAY)])
    with pytest.raises(RotationError, match=r"core\.sessions breaks its contract, so nothing is published") as told:
        warehouse.write("core.sessions", twice)
    assert "\n" not in str(told.value)
    assert not list(warehouse.next.rglob("*.parquet"))


# builds


def test_current_moves_only_when_a_build_is_released(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    assert warehouse.current() is None
    first = published(warehouse, "1")
    assert warehouse.current() == first.resolve()
    warehouse.next.mkdir()
    (warehouse.next / "content.txt").write_text("half of a second build")
    assert (tmp_path / "current" / "content.txt").read_text() == "1"
    warehouse.start()
    assert (tmp_path / "current" / "content.txt").read_text() == "1"


def test_the_last_three_builds_stay(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for build_id in "12345":
        published(warehouse, build_id)
    assert [build.name for build in warehouse.builds()] == ["3", "4", "5"]
    assert sorted(path.name for path in (tmp_path / "builds").iterdir()) == ["3", "4", "5"]


def test_a_build_after_a_rollback_keeps_itself_and_becomes_current(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for build_id in "123":
        published(warehouse, build_id)
    warehouse.point_to(tmp_path / "builds" / "1")
    published(warehouse, "4")
    assert (tmp_path / "current" / "content.txt").read_text() == "4"
    assert [build.name for build in warehouse.builds()] == ["2", "3", "4"]


def test_the_links_are_relative_so_that_the_folder_can_be_moved(tmp_path: Path) -> None:
    published(Warehouse(tmp_path / "here"), "1")
    (tmp_path / "here").rename(tmp_path / "there")
    assert (tmp_path / "there" / "current" / "content.txt").read_text() == "1"
    assert (tmp_path / "there" / "rotation.duckdb").readlink() == Path("current/rotation.duckdb")


def test_a_swap_that_was_killed_half_way_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".current.fresh").symlink_to("builds/0")
    swap_link(tmp_path / "current", Path("builds/1"))
    assert (tmp_path / "current").readlink() == Path("builds/1")


def test_a_reader_of_the_old_build_keeps_it_through_the_swap(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    published(warehouse, "1")
    with (tmp_path / "current" / "content.txt").open() as reader:
        for build_id in "2345":
            published(warehouse, build_id)
        assert reader.read() == "1"


def test_a_replay_goes_to_its_own_folder_and_replaces_the_one_before(tmp_path: Path) -> None:
    published(Warehouse(tmp_path), "1")
    replay = Warehouse(tmp_path, as_of="2024-07-16")
    for build_id in ("2", "3"):
        published(replay, build_id)
    assert (tmp_path / "as_of" / "2024-07-16" / "content.txt").read_text() == "3"
    assert (tmp_path / "current" / "content.txt").read_text() == "1"
    assert sorted(path.name for path in (tmp_path / "as_of").iterdir()) == [".2024-07-16-3", "2024-07-16"]


def test_published_files_can_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        warehouse = Warehouse(tmp_path)
        warehouse.write("core.sessions", sessions(MONDAY))
        build = published(warehouse, "1")
    finally:
        os.umask(before)
    assert (build / "core" / "sessions.parquet").stat().st_mode & 0o777 == 0o644
    assert build.stat().st_mode & 0o777 == 0o755


# the lock


def test_a_second_build_waits_and_then_says_so(tmp_path: Path) -> None:
    done = threading.Event()
    held = threading.Event()

    def hold() -> None:
        with locked(tmp_path):
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        said = r"another build of .* has been running for over .* try again"
        with pytest.raises(RotationError, match=said), locked(tmp_path, seconds=0.01):
            raise AssertionError("two builds at once")
    finally:
        done.set()
        holder.join()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(RotationError, match="another build"), locked(tmp_path, seconds=0.01):
            pass
        holder.send_signal(signal.SIGKILL)
    with locked(tmp_path, seconds=0.01):
        assert (tmp_path / "build.lock").exists()


def test_sources_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with locked(tmp_path / "files"), locked(tmp_path / "sample", seconds=0.01):
        pass
