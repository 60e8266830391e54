"""Where Parquet lies: a folder, or the objects of an S3 bucket below a prefix.

Polars reads and writes both; pyarrow lists, copies and deletes. DuckDB here has no extension for S3, so it gets Arrow.
Keys, region and endpoint of S3 are those of the environment (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL, ...).
"""

import functools
import os
import posixpath
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.layout import sync

if TYPE_CHECKING:
    import duckdb
    from pyarrow.fs import FileSystem

S3 = "s3://"
SUFFIX = ".parquet"
UNFINISHED = ".unfinished"  # of files being written, in a folder


@dataclass(frozen=True)
class Storage:
    """A folder or an s3:// prefix by its address: nothing but text, so that a Ray worker can be sent one."""

    address: str

    @property
    def is_remote(self) -> bool:
        """Whether it is S3."""
        return self.address.startswith(S3)

    def below(self, *names: str) -> "Storage":
        """Return the storage of these names below this one."""
        return Storage(posixpath.join(self.address, *names))

    def files(self) -> list[str]:
        """Addresses of the Parquet files that lie directly here, by name."""
        from pyarrow.fs import FileSelector

        filesystem, path = located(self.address)
        found = filesystem.get_file_info(FileSelector(path, allow_not_found=True))
        names = sorted(one.base_name for one in found if one.is_file and one.base_name.endswith(SUFFIX))
        return [posixpath.join(self.address, name) for name in names]

    def table(self, name: str) -> list[str]:
        """Files of a table such as core.prices, in the order of its key: one, or one a shard; none: not there."""
        layer, table = name.split(".")
        single = self.below(layer, f"{table}{SUFFIX}").address
        return [single] if is_file(single) else self.below(layer, table).files()

    def target(self, name: str, shard: int = 0, shards: int = 1) -> str:
        """Address to which one shard of a table is written; the table of one shard is one file."""
        layer, table = name.split(".")
        file = f"{table}{SUFFIX}" if shards == 1 else posixpath.join(table, f"{shard:05d}{SUFFIX}")
        return self.below(layer, file).address

    def keep_only(self, name: str, files: Sequence[str]) -> None:
        """Delete all other files of a table: of an earlier writing of it, with another number of shards."""
        layer, table = name.split(".")
        for file in {*self.table(name), *self.below(layer, table).files()} - {*files}:
            filesystem, path = located(file)
            filesystem.delete_file(path)

    def remove(self) -> None:
        """Delete all that lies here, if anything does."""
        from pyarrow.fs import FileType

        filesystem, path = located(self.address)
        if filesystem.get_file_info(path).type != FileType.NotFound:
            filesystem.delete_dir(path)

    def move(self, target: "Storage") -> None:
        """Move the objects here to another prefix of the same bucket: S3 has no rename, so it copies on its side."""
        from pyarrow.fs import FileSelector

        filesystem, path = located(self.address)
        _, goal = located(target.address)
        for one in filesystem.get_file_info(FileSelector(path, recursive=True, allow_not_found=True)):
            if one.is_file:
                filesystem.copy_file(one.path, goal + one.path.removeprefix(path))
        self.remove()


def located(address: str) -> "tuple[FileSystem, str]":
    """File system and path of an address."""
    from pyarrow import fs

    if not address.startswith(S3):
        return fs.LocalFileSystem(), address
    return _s3(os.environ.get("AWS_ENDPOINT_URL")), address.removeprefix(S3)


@functools.cache
def _s3(endpoint: str | None) -> "FileSystem":
    """S3 as pyarrow sees it; its AWS library does not look at AWS_ENDPOINT_URL, as other clients do."""
    from pyarrow import fs

    return fs.S3FileSystem(**({"endpoint_override": endpoint} if endpoint else {}))


def is_file(address: str) -> bool:
    """Whether there is a file or object."""
    filesystem, path = located(address)
    return bool(filesystem.get_file_info(path).is_file)


def size(address: str) -> int:
    """Bytes of a file or object."""
    filesystem, path = located(address)
    return int(filesystem.get_file_info(path).size)


def content(address: str) -> bytes:
    """What a file or object holds."""
    filesystem, path = located(address)
    with filesystem.open_input_stream(path) as stream:
        return bytes(stream.read())


def put(address: str, text: str) -> None:
    """Write a small object in one step."""
    filesystem, path = located(address)
    with filesystem.open_output_stream(path) as stream:
        stream.write(text.encode())


def copy(source: str, target: str) -> None:
    """Copy a file or object within its file system."""
    filesystem, path = located(source)
    _, goal = located(target)
    filesystem.create_dir(posixpath.dirname(goal), recursive=True)
    filesystem.copy_file(path, goal)


def write_parquet(
    address: str,
    frame: pl.DataFrame,
    *,
    compression_level: int | None = None,
    metadata: Mapping[str, str] | None = None,
    is_synced: bool = False,
) -> None:
    """Write a frame so that nobody ever sees half of it, also where two workers write the same shard.

    Args:
        is_synced: whether it must be on the disk when this returns; S3 answers only then anyway.
    """
    options = {"compression": "zstd", "compression_level": compression_level, "statistics": True}
    described = dict(metadata) if metadata is not None else None
    if address.startswith(S3):
        frame.write_parquet(address, metadata=described, **options)  # type: ignore[arg-type]
        return
    path = Path(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    frame.write_parquet(unfinished, metadata=described, **options)  # type: ignore[arg-type]
    if is_synced:
        sync(unfinished)
    unfinished.replace(path)
    if is_synced:
        sync(path.parent)


def scan_parquet(files: Sequence[str]) -> pl.LazyFrame:
    """Return a lazy frame over files of one schema, one after the other."""
    return pl.scan_parquet(list(files), glob=False)


def as_relation(con: "duckdb.DuckDBPyConnection", name: str, files: Sequence[str]) -> str:
    """Return what a FROM clause needs to read files on a connection.

    Args:
        name: under which the Arrow data set of files in S3 is registered.
    """
    if not files[0].startswith(S3):
        return f"read_parquet([{', '.join(_quoted_pattern(file) for file in files)}])"
    from pyarrow import dataset

    filesystem, _ = located(files[0])
    con.register(name, dataset.dataset([located(file)[1] for file in files], filesystem=filesystem))
    return f'"{name}"'


def _quoted_pattern(path: str) -> str:
    """SQL text of a path that may hold characters of a pattern."""
    literal = "".join(f"[{one}]" if one in "*?[" else one for one in path)
    return "'" + literal.replace("'", "''") + "'"
