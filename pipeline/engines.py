"""Who runs the work on shards: this process, one shard after the other, or the workers of a Ray cluster."""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

from pipeline.errors import RotationError

Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES = 5  # of a shard whose worker died
ANSWER_SECONDS = 10
END_SECONDS = 60
# tasks run side by side, so each gets one thread; a task's environment stands before polars is imported there
ONE_THREAD = {"env_vars": {"POLARS_MAX_THREADS": "1"}}


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
            raise RotationError(
                "--engine ray needs Ray: pip install '.[ray]' in the checkout, or build without it"
            ) from error
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
            Exception: what the work raised there; its context is Ray's account of it.
        """
        task: Any = self._ray.remote(num_cpus=1, max_retries=RETRIES, runtime_env=ONE_THREAD)(_call)
        function = self._ray.put(work)
        results: dict[int, Result] = {}
        running: dict[Any, int] = {}
        with self._plain_errors(running):
            for number, item in enumerate(items):
                while len(running) >= self._places():
                    self._collect(running, results)
                running[task.remote(function, item, shared)] = number
            while running:
                self._collect(running, results)
        return [results[number] for number in sorted(results)]

    def close(self) -> None:
        """Disconnect; a cluster that was started here ends."""
        if self._is_own:
            self._ray.shutdown()

    def _places(self) -> int:
        """How many tasks to have under way: each core's, and its next. A cluster may grow meanwhile."""
        return 2 * max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _collect(self, running: dict[Any, int], results: dict[int, Any]) -> None:
        """Wait for a task to end, and take its result."""
        (done,), _ = self._ray.wait(list(running), num_returns=1)
        results[running.pop(done)] = self._ray.get(done)

    @contextlib.contextmanager
    def _plain_errors(self, running: dict[Any, int]) -> Iterator[None]:
        """Raise what the work raised, once the tasks under way have ended: they would go on writing.

        They are not cancelled: Ray 2.60 aborts the process where a task ends just then.
        """
        errors = self._ray.exceptions
        try:
            yield
        except errors.RayError as error:
            if running:
                self._ray.wait(list(running), num_returns=len(running), timeout=END_SECONDS)
            if isinstance(error, errors.RayTaskError):
                raise error.cause  # noqa: B904 - it is the error itself; Ray's account stays its context
            raise RotationError(
                f"Ray gave a shard up ({type(error).__name__}: {_line(error)}); where its workers ran out of memory, "
                "set ROTATION_BARS_PER_SHARD lower"
            ) from error


def _connect(ray: ModuleType) -> None:
    address = os.environ.get("RAY_ADDRESS") or "local"
    folder = Path(str(ray.__file__)).parent
    if address == "local" and " " in str(folder):
        raise RotationError(
            f"Ray does not start from a folder whose path has a space ({folder}); "
            "move the environment, name a cluster in RAY_ADDRESS, or build without --engine ray"
        )
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
