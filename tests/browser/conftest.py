"""Debian's Chromium, driven by playwright, and a real `dagster dev`. A page that complains fails its test."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from pipeline.config import DEFAULT_DIR

QUIET = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LOCAL = ("127.0.0.1", "localhost")
WITHOUT_HOST = ("file", "data", "blob", "about")
SECONDS = 150  # until a real process must have done what it was asked for, on a busy machine
REPOSITORY = Path(__file__).parents[2]
PAGE_SECONDS = 60  # until a page must show what it was asked for
expect.set_options(timeout=PAGE_SECONDS * 1000)


@pytest.fixture(scope="session")
def chromium(home: Path) -> Iterator[Browser]:
    """Return one Chromium for all tests; `home` is built first, since playwright keeps an event loop in this thread."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("needs Debian's Chromium (apt-get install chromium), or its path in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Return a fresh page; errors on its console, uncaught ones and requests to other machines fail the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PAGE_SECONDS * 1000)
    page = context.new_page()
    faults: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"console: {message.text} ({message.location.get('url')})")

    def see(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in WITHOUT_HOST and address.hostname not in LOCAL:
            faults.append(f"request to {request.url}")

    page.on("console", hear)
    page.on("pageerror", lambda error: faults.append(f"uncaught: {error}"))
    page.on("request", see)
    yield page
    context.close()
    assert faults == []


@dataclass(frozen=True)
class Dagster:
    """A running `dagster dev` on the small input."""

    url: str
    root: Path

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of a GraphQL query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            answer = json.load(reply)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


def wait_for(what: str, found: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Return the first true answer of `found`; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"no {what} within {seconds:.0f} s")


@pytest.fixture(scope="module")
def dagster(shared: Path, home: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    """Return `dagster dev` on a home in which the small input is published once."""
    place = tmp_path_factory.mktemp("dagster")
    shutil.copytree(home, place / "home", symlinks=True)
    shutil.copyfile(DEFAULT_DIR / "dagster.yaml", place / "home" / ".dagster" / "dagster.yaml")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ROTATION_", "DAGSTER_"))},
        "DAGSTER_HOME": str(place / "home" / ".dagster"),
        "ROTATION_HOME": str(place / "home"),
        "ROTATION_SOURCE": "files",
        "ROTATION_FROM": str(folder),
        "PYTHONPATH": str(REPOSITORY),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--module-name", "pipeline.definitions", "--working-directory", str(place)]
    with (
        (place / "log").open("w") as log,
        killed(subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True)),
    ):
        started = Dagster(f"http://127.0.0.1:{port}", place / "home" / "files")
        wait_for(f"Dagster; see {place / 'log'}", lambda: is_ready(started))
        yield started


@contextlib.contextmanager
def killed(process: subprocess.Popen) -> Iterator[None]:
    """End a process and all that it started, whatever happens."""
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_ready(dagster: Dagster) -> bool:
    """Whether the code location is loaded."""
    with contextlib.suppress(OSError):
        return bool(dagster.ask("{ assetNodes { id } }")["assetNodes"])
    return False
