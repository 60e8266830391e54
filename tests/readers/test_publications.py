"""Readers while builds are published: a build once opened does not change, and how to see the next one.

Every publication here is the real swap and the real pruning (`Warehouse.release`) of a copy of the build before, with
its number in one column of `marts.leaderboard`.
"""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from clients import CURRENT, VERSIONS, python_of
from long_reader import FIGURE, TABLE
from small import ask

from pipeline.layout import BUILD_FILE, CATALOGUE
from pipeline.settings import KEEP_BUILDS
from pipeline.warehouse import Warehouse

SCRIPT = Path(__file__).with_name("long_reader.py")
TABLE_FILE = Path("marts") / "leaderboard.parquet"


@pytest.fixture
def root(home: Path, tmp_path: Path) -> Path:
    """Return the folder of a source with one published build."""
    shutil.copytree(home / "files", tmp_path / "files", symlinks=True)
    return tmp_path / "files"


def publish(root: Path, number: int) -> str:
    """Publish a build that says `number`; return its id."""
    warehouse = Warehouse(root)
    shutil.copytree(root / "current", warehouse.next)
    record = json.loads((warehouse.next / BUILD_FILE).read_text())
    record |= {
        "build_id": f"30000101T0000{number:02}Z-publication",
        "created_at": f"3000-01-01T00:00:{number:02}+00:00",
    }
    (warehouse.next / BUILD_FILE).write_text(json.dumps(record))
    with duckdb.connect(warehouse.next / CATALOGUE) as con:
        con.execute("update marts.leaderboard set ret_1d = ?", [number])
        con.execute("update core.sessions set session_no = session_no + 1")  # and a table of many blocks
        values = [record["build_id"], record["created_at"]]
        con.execute("insert into meta.builds (build_id, created_at) values (?, ?)", values)
        con.execute(f"copy marts.leaderboard to '{str(warehouse.next / TABLE_FILE).replace(chr(39), chr(39) * 2)}'")
    return warehouse.release(record["build_id"]).name


class Reader:
    """A process that keeps the published file open."""

    def __init__(self, root: Path, how: str, version: str = CURRENT) -> None:
        command = [python_of(version), SCRIPT, root / CATALOGUE, how]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.say("asked")  # the file is open

    def say(self, command: str) -> Any:
        """Send a command; return its answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., Reader]]:
    """Return what starts a reader: how it reads (open, attach, reopen), and the version of its client."""
    with contextlib.ExitStack() as stack:
        yield lambda *how: stack.enter_context(contextlib.closing(Reader(root, *how)))


def figure(root: Path) -> list[Any]:
    """What opening the file anew finds: the newest build, and the figure that every publication changes."""
    return list(ask(root / CATALOGUE, FIGURE)[0])


def test_an_open_file_stays_the_same_build_across_ten_publications(root: Path, start: Callable[..., Reader]) -> None:
    first, readers = figure(root), [start("open"), start("attach")]
    names = [name for (name,) in ask(root / CATALOGUE, "select layer || '.' || table_name from meta.tables")]
    tables = {name: list(ask(root / CATALOGUE, TABLE.format(name))[0]) for name in names}
    for number in range(1, 11):
        build = publish(root, number)
        assert [reader.say("asked") for reader in readers] == [{"answers": [first], "errors": []}] * 2
        assert figure(root) == [build, number]
    assert first[0] not in [path.name for path in (root / "builds").iterdir()]
    for reader in readers:  # most tables were never read while the file still had a name
        assert {name: reader.say(f"table {name}") for name in names} == tables
    assert start("open").say("asked") == {"answers": [[build, 10]], "errors": []}


def test_who_opens_the_file_again_and_again_always_finds_a_whole_build(
    root: Path, start: Callable[..., Reader]
) -> None:
    builds, reader = [figure(root)], start("reopen")
    for number in range(1, 4):
        builds.append([publish(root, number), number])
        assert builds[-1] in reader.say("asked")["answers"]
    told = reader.say("asked")
    assert told["errors"] == []
    assert all(answer in builds for answer in told["answers"])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recipe_refreshes_a_reader_that_attached_the_file(
    version: str, root: Path, start: Callable[..., Reader]
) -> None:
    reader = start("attach", version)
    build = publish(root, 1)
    assert [build, 1] not in reader.say("asked")["answers"]
    assert reader.say("refresh") == [build, 1]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_further_connection_finds_the_new_build_but_in_duckdb_1_4(
    version: str, root: Path, start: Callable[..., Reader]
) -> None:
    """DuckDB 1.4 has one database a path in a process, and does not look where the link points now."""
    first, reader = figure(root), start("open", version)
    build = publish(root, 1)
    assert reader.say("further") == (first if version == "1.4." else [build, 1])


def test_who_resolved_current_reads_one_build_while_it_is_kept(root: Path) -> None:
    folder = (root / "current").resolve()
    first = pq.read_table(folder / TABLE_FILE)
    for number in range(1, KEEP_BUILDS):
        publish(root, number)
        assert pq.read_table(folder / TABLE_FILE).equals(first)
    open_file = pq.ParquetFile(folder / TABLE_FILE)
    publish(root, KEEP_BUILDS)  # the first build goes
    assert open_file.read().equals(first)
    with pytest.raises(FileNotFoundError):
        pq.ParquetFile(folder / TABLE_FILE)
    assert set(pq.read_table((root / "current").resolve() / TABLE_FILE)["ret_1d"].to_pylist()) == {KEEP_BUILDS}
