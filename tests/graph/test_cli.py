"""The command `rotation` as a person meets it: help, answers, and one clear line when something is wrong."""

import csv
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
from small import ask
from typer.testing import CliRunner, Result

import pipeline
from pipeline.cli import app
from pipeline.layout import BUILD_FILE, CATALOGUE, REPORT

CHECKOUT = Path(pipeline.__file__).parent.parent
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()"]
FIRST_TWO = (
    "select symbol, session_date, close, flags from core.prices where symbol = 'IWM' order by session_date limit 2"
)


def rotation(*words: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], terminal_width=120)


def fails(result: Result, *parts: str, code: int = 1) -> None:
    """Check that a command said what is wrong in one line, on stderr, and nothing else."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    [line] = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    for part in parts:
        assert part in line


@pytest.fixture
def place(home: Path) -> list[object]:
    """Return the options that lead to the small warehouse."""
    return ["--source", "files", "--home", home]


@pytest.fixture
def three_builds(home: Path, tmp_path: Path) -> Path:
    """Return a home with three builds, the newest current."""
    shutil.copytree(home / "files", tmp_path / "home" / "files", symlinks=True)
    root = tmp_path / "home" / "files"
    published = (root / "current").resolve()
    for name in ("20240101T000000Z-aaaaaaaa", "20240102T000000Z-bbbbbbbb", "20240103T000000Z-cccccccc"):
        shutil.copytree(published, root / "builds" / name)
        (root / "current").unlink()
        (root / "current").symlink_to(f"builds/{name}")
    shutil.rmtree(published)
    return tmp_path / "home"


# help


def test_help_lists_the_commands_and_where_to_start() -> None:
    result = rotation("--help")
    assert result.exit_code == 0
    for word in ("build", "query", "status", "rollback", "Start with: rotation build"):
        assert word in result.stdout
    assert rotation().stdout == result.stdout or "Usage" in rotation().output


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "build",
            [
                "--source",
                "--from",
                "--as-of",
                "--captured-at",
                "--config",
                "--strict",
                "--home",
                "--debug",
                "2024-07-16",
            ],
        ),
        (
            "query",
            ["--format", "--output", "--limit", "--as-of", "--source", "--home", "--debug", "table|csv|json|parquet"],
        ),
        ("status", ["--source", "--home", "--all", "--debug"]),
        ("rollback", ["--to", "--source", "--home", "--debug"]),
    ],
)
def test_help_of_a_command_names_its_options(command: str, words: list[str]) -> None:
    result = rotation(command, "--help")
    assert result.exit_code == 0
    for word in words:
        assert word in result.stdout, word


def test_help_names_the_environment_variables() -> None:
    assert all(name in rotation("build", "-h").stdout for name in ("ROTATION_SOURCE", "ROTATION_HOME", "ROTATION_FROM"))


# query


def test_query_as_a_table(place: list[object]) -> None:
    result = rotation("query", *place, FIRST_TWO)
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["symbol", "session_date", "close", "flags"],
        ["IWM", "2022-06-01", "100.0", "NULL"],
        ["IWM", "2022-06-02", "101.0", "NULL"],
    ]


def test_query_as_csv(place: list[object]) -> None:
    result = rotation("query", *place, "--format", "csv", FIRST_TWO)
    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["symbol", "session_date", "close", "flags"],
        ["IWM", "2022-06-01", "100.0", ""],
        ["IWM", "2022-06-02", "101.0", ""],
    ]


def test_query_as_json(place: list[object]) -> None:
    result = rotation("query", *place, "--format", "json", FIRST_TWO)
    assert json.loads(result.stdout) == [
        {"symbol": "IWM", "session_date": "2022-06-01", "close": 100.0, "flags": None},
        {"symbol": "IWM", "session_date": "2022-06-02", "close": 101.0, "flags": None},
    ]


def test_json_is_json_whatever_the_numbers(place: list[object]) -> None:
    sql = "select 'nan'::double as a, 'inf'::double as b, 1.5 as c, 10::hugeint as d, true as e, [1.0, 2.0] as f"
    text = rotation("query", *place, "--format", "json", sql).stdout
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert found == [{"a": None, "b": None, "c": 1.5, "d": 10, "e": True, "f": [1.0, 2.0]}]


def test_query_as_parquet_into_a_file(place: list[object], tmp_path: Path) -> None:
    path = tmp_path / "it's an answer [1].parquet"
    result = rotation("query", *place, "--format", "parquet", "--output", path, FIRST_TWO)
    assert (result.exit_code, result.output) == (0, "")
    assert pl.read_parquet(path, glob=False)["close"].to_list() == [100.0, 101.0]


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_an_answer_can_go_into_a_file(form: str, place: list[object], tmp_path: Path) -> None:
    result = rotation("query", *place, "--format", form, "-o", tmp_path / "answer", FIRST_TWO)
    assert (result.exit_code, result.output) == (0, "")
    assert "2022-06-02" in (tmp_path / "answer").read_text()


def test_an_answer_of_no_rows_is_an_answer(place: list[object]) -> None:
    nothing = "select symbol from core.prices where symbol = 'NONE'"
    assert rotation("query", *place, "--format", "csv", nothing).stdout == "symbol\n"
    assert json.loads(rotation("query", *place, "--format", "json", nothing).stdout) == []
    assert rotation("query", *place, nothing).stdout.split() == ["symbol"]


def test_a_long_table_is_cut_and_says_so(place: list[object]) -> None:
    sql = "select session_date from core.prices where symbol = 'IWM'"
    result = rotation("query", *place, "--limit", "3", sql)
    assert result.stdout.splitlines()[-1] == "3 of 400 rows; --limit 0 shows all"
    assert len(rotation("query", *place, "--limit", "0", sql).stdout.splitlines()) == 401


def test_text_that_looks_like_markup_is_shown_as_it_is(place: list[object]) -> None:
    assert "[bold]x[/bold] [red]" in rotation("query", *place, "select '[bold]x[/bold] [red]' as \"[b]\"").stdout


def test_instants_are_utc(place: list[object]) -> None:
    sql = "select close_at from core.sessions where session_date = '2022-06-01'"
    assert "2022-06-01 20:00+00:00" in rotation("query", *place, sql).stdout


@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_wrong_sql_is_one_line(form: str, place: list[object], tmp_path: Path) -> None:
    output = tmp_path / "answer"
    fails(rotation("query", *place, "--format", form, "-o", output, "selec 1"), "the query failed", "selec")
    fails(rotation("query", *place, "--format", form, "-o", output, "from core.nothing"), "nothing does not exist")
    fails(rotation("query", *place, "--format", form, "-o", output, " "), "no statement")
    assert not output.exists()


def test_an_answer_that_parquet_cannot_hold_is_one_line(place: list[object], tmp_path: Path) -> None:
    words = ["--format", "parquet", "-o", tmp_path / "answer", "select interval 1 month as step"]
    fails(rotation("query", *place, *words), "Parquet cannot hold this answer", "cast")


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "copy (select 1) to '{out}'",
        "export database '{out}'",
        "attach '{out}' as other",
        "insert into core.sessions select * from core.sessions",
        "delete from core.prices",
        "drop table core.prices",
        "create table core.more as select 1",
        "create or replace view core.prices as select 1",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "reset enable_external_access",
        "set TimeZone = 'America/New_York'",
        "install httpfs",
        "load httpfs",
        "select * from rotation",
    ],
)
def test_a_query_reads_the_warehouse_and_nothing_else(
    sql: str, place: list[object], tmp_path: Path, home: Path
) -> None:
    before = (home / "files" / CATALOGUE).read_bytes()
    fails(rotation("query", *place, sql.format(out=tmp_path / "out")), "the query failed")
    assert not (tmp_path / "out").exists()
    assert (home / "files" / CATALOGUE).read_bytes() == before


def test_a_query_leaves_no_file_beside_the_published_one(place: list[object], home: Path) -> None:
    rotation("query", *place, "select * from core.prices order by random() limit 1")
    names = {path.name for path in (home / "files" / "current").iterdir()}
    assert names == {"core", "derived", "marts", BUILD_FILE, CATALOGUE, REPORT}


def test_a_reader_that_closes_the_pipe_is_no_error(home: Path) -> None:
    words = ["query", "--source", "files", "--home", str(home), "--format", "csv", "from core.prices, range(200)"]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.readline().startswith("symbol,")
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait() == 0


# status


def test_status_says_how_fresh_what_is(place: list[object]) -> None:
    result = rotation("status", *place)
    assert result.exit_code == 0
    assert "source: files" in result.stdout
    assert "newest session 2024-01-03" in result.stdout
    assert "UNRATE (monthly) 2022-07-01" in result.stdout
    assert "SYNTHETIC" not in result.stdout
    everything = rotation("status", *place, "--all").stdout
    assert "symbol XLK" in everything and "symbol IWM" not in everything  # configured, and nothing captured


def test_status_names_what_was_refused_and_changed_and_stale(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "home"
    (tmp_path / "in" / "prices").mkdir(parents=True)
    text = "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n2022-06-08,105,106,105,106,106,1000,0,0\n"
    (tmp_path / "in" / "prices" / "IWM.csv").write_text(text)
    (tmp_path / "in" / "prices" / "SPY.csv").write_text("nothing of the kind")
    shutil.copytree(home, own, symlinks=True)
    words = ["--source", "files", "--from", tmp_path / "in", "--captured-at", "2024-03-01", "--home", own]
    strict = rotation("build", *words, "--strict")
    assert strict.exit_code == 1
    assert "2 warnings" in strict.stdout and "prices/SPY.csv" in strict.stdout
    assert "published" in strict.stdout  # the good neighbours are published nevertheless
    assert rotation("build", *words).exit_code == 0
    told = rotation("status", "--source", "files", "--home", own).stdout
    assert "prices/SPY.csv" in told
    assert "IWM: 2 values revised" in told


# errors


def test_nothing_published_yet(tmp_path: Path) -> None:
    for command in (["query", "select 1"], ["status"], ["rollback"]):
        fails(rotation(*command, "--home", tmp_path), "nothing is published in", str(tmp_path / "sample"))
    fails(rotation("status", "--source", "files", "--home", tmp_path), "rotation build --source files")


def test_an_unknown_source(tmp_path: Path) -> None:
    for command in (["build"], ["query", "select 1"], ["status"], ["rollback"]):
        fails(
            rotation(*command, "--source", "yahoo", "--home", tmp_path), "there is no source 'yahoo'", "sample, files"
        )


def test_the_files_source_needs_a_folder_once(tmp_path: Path) -> None:
    fails(rotation("build", "--source", "files", "--home", tmp_path), "needs a folder", "--from DIR")


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    words = ["--source", "files", "--from", tmp_path / "nowhere", "--home", tmp_path / "home"]
    fails(rotation("build", *words), f"{tmp_path / 'nowhere'} is not a folder")


def test_a_folder_without_a_data_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    fails(
        rotation("build", "--source", "files", "--from", tmp_path / "in", "--home", tmp_path), "holds no CSV or Parquet"
    )


def test_from_goes_with_the_files_source(tmp_path: Path) -> None:
    fails(rotation("build", "--from", tmp_path, "--home", tmp_path), "--from goes with --source files")


@pytest.mark.parametrize("option", ["--as-of", "--captured-at"])
@pytest.mark.parametrize("text", ["nonsense", "2024-02-30", "9999-12-31"])
def test_a_date_that_is_none(option: str, text: str, tmp_path: Path) -> None:
    fails(rotation("build", option, text, "--home", tmp_path), f"{option}: '{text}'", "2024-07-16")
    assert not list(tmp_path.glob("files"))


def test_a_replay_that_was_not_made(place: list[object]) -> None:
    fails(rotation("query", *place, "--as-of", "2022-07-15", "select 1"), "rotation build --as-of 2022-07-15")


def test_a_mistake_in_a_config_file_names_file_line_and_field(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        "streak_rules:\n  - {rule: up, above: much}\nvaluation_pairs: []\ncurves: []\n"
    )
    result = rotation("build", "--config", tmp_path, "--home", tmp_path)
    fails(result, f"{tmp_path / 'rules.yaml'}:2: streak_rules.0.above")
    fails(rotation("build", "--config", tmp_path / "no", "--home", tmp_path), "no such folder")


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    fails(rotation("build", "--home", tmp_path / "home"), str(tmp_path / "home"))
    fails(rotation("query", "--home", tmp_path / "home", "select 1"), "nothing is published")


def test_a_read_only_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.mkdir

    def refuse(path: Path, *how: object, **more: object) -> None:
        if path.is_relative_to(tmp_path / "home"):
            raise OSError(30, "Read-only file system", str(path))
        real(path, *how, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refuse)
    result = rotation("build", "--source", "files", "--from", tmp_path, "--home", tmp_path / "home")
    fails(result, str(tmp_path / "home"), "ead-only file system", "what was published before stays")


@pytest.mark.parametrize("name", ["50% off", "what?", "back\\slash"])
def test_a_home_whose_name_databases_cannot_take(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    fails(rotation("build", "--home", tmp_path / name), "holds the character", "another folder")


def test_a_damaged_publication(three_builds: Path) -> None:
    place = ["--source", "files", "--home", three_builds]
    current = three_builds / "files" / "current"
    (current / CATALOGUE).write_bytes(b"not a database")
    fails(rotation("query", *place, "select 1"), "cannot be opened", "rotation rollback")
    fails(rotation("status", *place), "cannot be opened")
    (current / CATALOGUE).unlink()
    fails(rotation("query", *place, "select 1"), "cannot be opened")
    assert rotation("rollback", *place).exit_code == 0
    assert rotation("query", *place, "select 1").exit_code == 0
    (current / BUILD_FILE).write_text("{ half")
    fails(rotation("status", *place), "is damaged", "rotation rollback")


def test_an_answer_that_cannot_be_written(place: list[object], tmp_path: Path) -> None:
    fails(
        rotation("query", *place, "-o", tmp_path / "no" / "such" / "folder.csv", "select 1"),
        "no such file or directory",
    )


def test_a_fault_of_the_program_is_one_line_too(place: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("pipeline.reader.query", broken)
    fails(rotation("query", *place, "select 1"), "ZeroDivisionError: division by zero", "--debug")


def test_debug_shows_the_traceback(home: Path, tmp_path: Path) -> None:
    for words in (
        ["query", "--debug", "--source", "files", "--home", str(home), "selec 1"],
        ["build", "--debug", "--source", "files", "--from", str(tmp_path / "nowhere"), "--home", str(tmp_path)],
    ):
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "Traceback" in done.stderr and "RotationError" in done.stderr


def test_an_interrupted_build_says_that_it_stopped(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.warehouse.Warehouse.write", interrupt)
    result = rotation("build", "--source", "files", "--from", folder, "--home", tmp_path)
    assert result.exit_code == 130, result.output
    assert result.stderr.strip() == "stopped; what has arrived is kept, what was published before stays"


# rollback


def test_rollback_puts_the_build_before_back(three_builds: Path) -> None:
    place = ["--source", "files", "--home", three_builds]
    current = three_builds / "files" / "current"
    assert rotation("rollback", *place).stdout == "current is now 20240102T000000Z-bbbbbbbb\n"
    assert current.resolve().name == "20240102T000000Z-bbbbbbbb"
    assert rotation("rollback", *place).exit_code == 0
    assert current.resolve().name == "20240101T000000Z-aaaaaaaa"
    fails(rotation("rollback", *place), "no build before 20240101T000000Z-aaaaaaaa", "20240103T000000Z-cccccccc")
    assert ask(three_builds / "files" / CATALOGUE, "select count(*) from core.prices") == [(1200,)]


def test_rollback_to_a_build_by_its_id(three_builds: Path) -> None:
    place = ["--source", "files", "--home", three_builds]
    assert rotation("rollback", *place, "--to", "20240101T000000Z-aaaaaaaa").exit_code == 0
    assert rotation("rollback", *place, "--to", "20240103T000000Z-cccccccc").exit_code == 0
    assert (three_builds / "files" / "current").resolve().name == "20240103T000000Z-cccccccc"
    fails(
        rotation("rollback", *place, "--to", "1999"), "there is no build 1999; kept builds: 20240101T000000Z-aaaaaaaa, "
    )


def test_rollback_throws_away_what_was_computed_from_the_build_that_goes(three_builds: Path) -> None:
    unpublished = three_builds / "files" / "builds" / "next" / "derived"
    unpublished.mkdir(parents=True)
    assert rotation("rollback", "--source", "files", "--home", three_builds).exit_code == 0
    assert not unpublished.exists()


# paths and the environment


def test_a_home_with_quotes_brackets_and_spaces(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / 'it\'s [my] "data" *'
    result = rotation("build", "--source", "files", "--from", folder, "--captured-at", "2024-02-01", "--home", home)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    for words in (
        "published",
        "core",
        "derived",
        "marts",
        "Dagster and start-up",
        "Peak memory",
        "Try:",
        "rotation query",
    ):
        assert words in result.stdout
    for line in result.stdout.splitlines():
        if line.strip().startswith("rotation query"):
            words = shlex.split(line)[1:]
            assert str(home) in words
            assert rotation(*words).exit_code == 0, words
    assert (home / "files" / CATALOGUE).is_file()


def test_the_environment_counts_where_no_option_is_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTATION_HOME", str(home))
    monkeypatch.setenv("ROTATION_SOURCE", "files")
    assert rotation("query", "select 1").exit_code == 0
    fails(rotation("query", "--source", "sample", "select 1"), "nothing is published")


def test_a_replay_can_be_asked(tmp_path: Path, home: Path) -> None:
    shutil.copytree(home, tmp_path / "home", symlinks=True)
    words = ["--source", "files", "--home", tmp_path / "home", "--as-of", "2022-07-15"]
    built = rotation("build", *words)
    assert built.exit_code == 0
    assert str(tmp_path / "home" / "files" / "as_of" / "2022-07-15" / CATALOGUE) in built.stdout
    answer = rotation("query", *words, "--format", "csv", "select max(session_date) as newest from core.prices")
    assert answer.stdout == "newest\n2022-07-15\n"


# the wheel


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it, as an installation does."""
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = place.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(place / "unpacked")
    return place / "unpacked"


def test_the_wheel_holds_all_that_is_not_python_too(unpacked: Path) -> None:
    for wanted in (
        "pipeline/config/*.yaml",
        "pipeline/config/sample/*.yaml",
        "dbt_like_sql/marts/*.sql",
        "pipeline/**/*.py",
    ):
        here = sorted(path.relative_to(CHECKOUT) for path in CHECKOUT.glob(wanted))
        there = sorted(path.relative_to(unpacked) for path in unpacked.glob(wanted))
        assert here and there == here
    assert (unpacked / "pipeline" / "config" / "dagster.yaml").is_file()
    assert {path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"} == {"pipeline", "dbt_like_sql"}


def test_the_wheel_works_from_an_empty_folder_in_a_narrow_terminal(
    unpacked: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {"PYTHONPATH": str(unpacked), "COLUMNS": "40"}

    def run(*words: str, code: str = COMMAND[2]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    where = run(code="import pipeline; print(pipeline.__file__)").stdout
    assert where.startswith(str(unpacked)), "not the checkout"
    assert run("query", "select 1").stderr.startswith("error: nothing is published in warehouse/sample yet")

    built = run("build", "--source", "files", "--from", str(folder), "--captured-at", "2024-02-01")
    assert built.returncode == 0, built.stderr
    home = tmp_path / "empty" / "warehouse"
    assert ask(home / "files" / CATALOGUE, "select count(*) from core.prices") == [(1200,)]
    assert (home / ".dagster" / "dagster.yaml").read_text() == (unpacked / "pipeline/config/dagster.yaml").read_text()
    assert (home / ".dagster" / "history" / "runs.db").is_file()
    assert {path.name for path in home.parent.iterdir()} == {"warehouse"}

    for words in (["--help"], ["build", "--help"], ["status", "--source", "files", "--all"]):
        done = run(*words)
        assert done.returncode == 0 and done.stdout, done.stderr
    narrow = run("query", "--source", "files", "from marts.rotation_daily limit 2")
    assert narrow.returncode == 0 and max(map(len, narrow.stdout.splitlines())) <= 40
    assert run("query", "--source", "files", "selec").returncode == 1


def test_the_command_is_installed_under_its_name() -> None:
    from importlib.metadata import entry_points

    [command] = entry_points(group="console_scripts", name="rotation")
    assert command.value == "pipeline.cli:main"
