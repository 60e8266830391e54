"""Who runs the work on shards: this process, one shard after the other, or the workers of a Ray cluster."""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, Protocol, TypeVar

from pipeline.errors import RotationError

Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES = 5  # of a shard whose worker died
ANSWER_SECONDS = 10
END_SECONDS = 60
# tasks run side by side, so each gets one thread; set before polars is imported there
TASK = {"num_cpus": 1, "max_retries": RETRIES, "runtime_env": {"env_vars": {"POLARS_MAX_THREADS": "1"}}}


class Engine(Protocol):
    """Runs the same function on every shard. Results come in the order of the shards."""

    def share(self, value: Any) -> Any:
        """Hand a value to whoever works, once; `map` takes what this returns."""

    def map(self, work: Callable[[Item, Any], Result], items: Iterable[Item], shared: Any = None) -> list[Result]:
        """Call `work(item, value that was shared)` for every item; nothing of it runs on when this has returned."""

    def close(self) -> None:
        """Let go of what the engine opened."""


class Local:
    """This process. A shard's work keeps all cores busy (Polars), and memory holds one shard."""

    def share(self, value: Any) -> Any:
        """Return the value itself."""
        return value

    def map(self, work: Callable[[Item, Any], Result], items: Iterable[Item], shared: Any = None) -> list[Result]:
        """One after the other."""
        return [work(item, shared) for item in items]

    def close(self) -> None:
        """Nothing is open."""


class Ray:
    """A Ray cluster: the one at RAY_ADDRESS, else one on this machine alone. A task is one shard on one core.

    A task whose worker dies is run again on another. Work, storage and config must be reachable under the same
    addresses on every machine, and the same release of this package must be installed there.
    """

    def __init__(self) -> None:
        """Connect, if this process is not connected yet.

        Raises:
            RotationError: Ray is not installed, or its cluster does not answer.
        """
        try:
            import ray
        except ImportError as error:
            raise RotationError("--engine ray needs Ray: pip install 'rotation[ray]', or build without it") from error
        self._ray = ray
        self._is_own = not ray.is_initialized()
        if self._is_own:
            _connect(ray)

    def share(self, value: Any) -> Any:
        """Put the value into the cluster's object store, from where each machine fetches it once."""
        return self._ray.put(value)

    def map(self, work: Callable[[Item, Any], Result], items: Iterable[Item], shared: Any = None) -> list[Result]:
        """Run all items as tasks.

        Raises:
            RotationError: the cluster did not carry a task through.
            Exception: what the work raised there; the context has Ray's account of it.
        """
        errors = self._ray.exceptions
        task: Any = self._ray.remote(**TASK)(_call)
        function = self._ray.put(work)
        running = [task.remote(function, item, shared) for item in items]
        try:
            with self._ended(running):
                return self._ray.get(running)
        except errors.RayTaskError as error:
            raise error.cause  # noqa: B904 - it is the error itself; Ray's account stays beside it as its context
        except errors.RayError as error:
            raise RotationError(
                f"Ray gave a shard up ({type(error).__name__}: {_line(error)}); where its workers ran out of memory, "
                "set ROTATION_BARS_PER_SHARD lower"
            ) from error

    def close(self) -> None:
        """Disconnect; a cluster that was started here ends."""
        if self._is_own:
            self._ray.shutdown()

    @contextlib.contextmanager
    def _ended(self, tasks: list) -> Iterator[None]:
        """Leave no task behind an error or Ctrl-C: it would go on writing."""
        try:
            yield
        except BaseException:
            for task in tasks:
                self._ray.cancel(task)
            self._ray.wait(tasks, num_returns=len(tasks), timeout=END_SECONDS)
            raise


def _connect(ray: ModuleType) -> None:
    address = os.environ.get("RAY_ADDRESS") or "local"
    try:
        if ":" in address:
            _knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, OverflowError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise RotationError(f"no Ray cluster answers at {address} (RAY_ADDRESS): {_line(error)}") from error


def _knock(address: str) -> None:
    """See whether anyone is there: Ray itself tries for a quarter of an hour."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _call(work: Callable[[Item, Any], Result], item: Item, shared: Any) -> Result:
    return work(item, shared)


def engine(name: str) -> Engine:
    """Return the engine of that name."""
    return Ray() if name == "ray" else Local()
