"""A Ray cluster of several nodes on this machine, for benchmarks and tests: each node has a loopback address."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HEAD = "127.0.0.2"  # Ray replaces 127.0.0.1 by the machine's own address
OBJECT_STORE = 100_000_000  # bytes a node
START_SECONDS = 120
EARLY = {"RAY_health_check_period_ms": "500"}  # a dead node is noticed within seconds
ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


class Node:
    """One machine of the cluster: a process of `ray start`, whose children end with it."""

    def __init__(self, folder: Path, ip: str, *options: str) -> None:
        """Start it; `folder` is its own, with a short path: sockets lie there."""
        self.folder = folder / ip
        self.folder.mkdir()
        self.log = self.folder / "start.log"
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--node-ip-address={ip}"]
        quiet = ["--include-log-monitor=false", "--dashboard-agent-listen-port=0", f"--temp-dir={self.folder}"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *quiet, f"--object-store-memory={OBJECT_STORE}", *options],
                env={**os.environ, **ENVIRONMENT, **EARLY},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for who started it
                preexec_fn=_end_with_parent,
            )

    def wait(self) -> None:
        """Until it has joined the cluster.

        Raises:
            RuntimeError: it does not.
        """
        until = time.monotonic() + START_SECONDS
        while not (self.folder / "ray_current_cluster").exists():  # written when it has
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"no Ray node: {self.log.read_text()[-1000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Start a head that takes no tasks and workers that take one at a time; all end with the block.

    Yields:
        The address for RAY_ADDRESS.
    """
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    nodes: list[Node] = []
    address = f"{HEAD}:{_free_port()}"
    port, client_port = address.rpartition(":")[2], _free_port()
    head = (f"--port={port}", f"--ray-client-server-port={client_port}", "--include-dashboard=false")
    try:
        nodes.append(Node(folder, HEAD, "--head", *head, "--num-cpus=0"))
        for number in range(workers):
            nodes.append(Node(folder, f"127.0.0.{number + 3}", f"--address={address}", "--num-cpus=1"))
        for node in nodes:
            node.wait()
        yield address
    finally:
        for node in reversed(nodes):
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_parent() -> None:
    """However the process that started it ends (Linux)."""
    parent_death_signal = 1
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HEAD, 0))
        return one.getsockname()[1]
