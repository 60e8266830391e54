"""How a run writes Dagster's event log: through connections that stay open until it ends.

Dagster's own storage connects to the run's database and to the index anew for every event, plans its SQL anew, and has
the disk sync each time: a third of a build. The files stay the ones that it writes, and others read them meanwhile.
"""

import contextlib
import os
from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, StaticPool, create_engine

CONNECT = "_connect"  # the method through which the storage does everything


@contextlib.contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keep the connections to the event log open meanwhile; a storage other than SQLite files stays as it is.

    A killed process loses no event that was stored. A power cut may lose the last ones, and damages nothing.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage) or CONNECT in vars(storage):
        yield
        return
    engines: dict[str, Engine] = {}
    connect = storage._connect

    @contextlib.contextmanager
    def connected(shard: str) -> Iterator[Connection]:
        if shard not in engines:
            with connect(shard):  # makes the database where there is none
                engines.setdefault(shard, _engine(storage.conn_string_for_shard(shard)))
        with storage._db_lock, engines[shard].begin() as connection:
            yield connection
        if shard != INDEX_SHARD_NAME:
            os.utime(storage.path_for_shard(shard))  # the web server watches this file, not the -wal beside it

    vars(storage)[CONNECT] = connected
    try:
        yield
    finally:
        del vars(storage)[CONNECT]
        for engine in engines.values():
            engine.dispose()


def _engine(address: str) -> Engine:
    """An engine of one connection, which syncs at checkpoints of the write-ahead log instead of at every commit."""
    waiting = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    engine = create_engine(address, poolclass=StaticPool, connect_args=waiting)
    with engine.connect() as connection:
        connection.exec_driver_sql("pragma synchronous = normal")
    return engine
