"""A warehouse whose Parquet lies in S3, on a local server (moto): the same tables, and nothing else in the folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from moto.server import ThreadedMotoServer
from polars.testing import assert_frame_equal
from pyarrow.fs import FileSelector, S3FileSystem
from small import CAPTURED_AT, ask, build, settings, tables

from pipeline.contracts.raw import Reject
from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, CATALOGUE, published_builds
from pipeline.settings import Settings
from pipeline.storage import Storage, content, located
from pipeline.transforms import reference
from pipeline.warehouse import Warehouse, storage_of

pytestmark = pytest.mark.usefixtures("without_report", "fleeting_history")
BARS = 500  # of 1,200: three shards of one symbol each
REJECT = pl.DataFrame(
    [(CAPTURED_AT, "files", "a.csv", None, "a test", "1,2,3")], schema=Reject.create_empty().schema, orient="row"
)
BY_THE_CLOCK = ("known_at",)  # what only the instant of the run decides


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """An S3 server with one bucket; the environment leads Polars and pyarrow there."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ALLOW_HTTP", "true")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "of-no-account")
        patch.setenv("AWS_REGION", "us-east-1")
        options = {"endpoint_override": f"http://{host}:{port}", "allow_bucket_creation": True}
        S3FileSystem(**options).create_dir("market")
        yield
    moto.stop()


def stored(home: Path) -> Settings:
    """Settings of a warehouse whose Parquet lies in the bucket, below a prefix of its own."""
    return settings(home, storage=f"s3://market/{home.name}", bars_per_shard=BARS)


def names(storage: Storage) -> list[str]:
    """All objects below a storage."""
    filesystem, path = located(storage.address)
    found = filesystem.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    return sorted(one.path.removeprefix(path + "/") for one in found if one.is_file)


def remote_tables(build: Storage) -> dict[str, pl.DataFrame]:
    """Every table of a build by name."""
    found = {name.split(".")[0].split("/0")[0].replace("/", ".") for name in names(build)}
    return {name: pl.concat(map(pl.read_parquet, build.table(name))) for name in found}


@pytest.fixture(scope="module")
def far(server: None, tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Settings:
    """A warehouse in S3, published once."""
    chosen = stored(tmp_path_factory.mktemp("far"))
    build(chosen.home, folder, storage=chosen.storage, bars_per_shard=BARS)
    return chosen


def test_all_parquet_lies_in_the_bucket_and_no_other_file_does(far: Settings) -> None:
    assert not list(far.root.rglob("*.parquet"))
    storage, [build_folder] = storage_of(far), published_builds(far.root)
    assert content(storage.below("current.txt").address).decode() == f"builds/{build_folder.name}\n"
    found = names(storage)
    assert {name.rpartition(".")[2] for name in found} == {"parquet", "txt"}
    assert {name.split("/")[1] for name in found if name.startswith("builds/")} == {build_folder.name}
    record = json.loads((build_folder / BUILD_FILE).read_text())
    assert record["storage"] == f"{far.storage}/files/builds/{build_folder.name}"
    assert record["tables"]["derived.trend"]["files"] == 3


def test_the_tables_are_those_of_a_warehouse_in_a_folder(far: Settings, home: Path) -> None:
    [build_folder] = published_builds(far.root)
    found = remote_tables(storage_of(far).below("builds", build_folder.name))
    expected = tables(home / "files" / "current")
    assert found.keys() == expected.keys()
    for name, frame in expected.items():
        wanted = frame.select(column for column in frame.columns if column not in BY_THE_CLOCK)
        given = found[name].select(wanted.columns)
        if name == "derived.records":  # each shard holds single symbols first, then pairs
            given, wanted = given.sort(given.columns), wanted.sort(wanted.columns)
        assert_frame_equal(given, wanted, check_exact=True)


def test_duckdb_gets_what_lies_in_the_bucket(far: Settings, home: Path) -> None:
    for table in ("core.prices", "derived.trend", "marts.leaderboard"):
        counted = [ask(root / CATALOGUE, f"select count(*) from {table}") for root in (far.root, home / "files")]
        assert counted[0] == counted[1] != [(0,)]


def test_captures_are_kept_once_and_builds_that_go_leave_the_bucket(server: None, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path, storage=Storage("s3://market/small"), keep_builds=2)
    for number in range(3):
        warehouse.append("rejects", REJECT, run_at=CAPTURED_AT)
        warehouse.start()
        warehouse.write("core.sessions", reference.sessions(CAPTURED_AT))
        warehouse.next.mkdir(parents=True, exist_ok=True)
        (warehouse.next / BUILD_FILE).write_text("{}")
        warehouse.release(str(number))
    kept = [f"builds/{number}/core/sessions.parquet" for number in (1, 2)]
    assert names(warehouse.storage) == [*kept, "current.txt", "raw/rejects/20240201T220000000000Z.parquet"]
    assert warehouse.read("core.sessions").height == reference.sessions(CAPTURED_AT).height


def test_what_an_unfinished_build_left_in_the_bucket_is_gone_at_the_next_start(server: None, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path, storage=Storage("s3://market/unfinished"))
    warehouse.write("core.sessions", reference.sessions(CAPTURED_AT))
    assert names(warehouse.storage) == ["builds/next/core/sessions.parquet"]
    warehouse.start()
    assert names(warehouse.storage) == []


def test_captures_in_the_folder_are_not_left_behind(server: None, tmp_path: Path, folder: Path) -> None:
    chosen = stored(tmp_path)
    (chosen.root / "raw" / "price_captures").mkdir(parents=True)
    with pytest.raises(RotationError, match=r"copy the folder raw there first"):
        build(tmp_path, folder, storage=chosen.storage)


@pytest.mark.parametrize("address", ["market/prefix", "s3://", "s3:///prefix", "s3://UPPER", "https://market/x"])
def test_an_address_that_is_no_bucket_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(RotationError, match="is no bucket; write s3://bucket"):
        settings(tmp_path, storage=address)
