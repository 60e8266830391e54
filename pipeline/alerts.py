"""What an operator is told outside the UI: a line to a webhook, or into alerts.log. No Dagster."""

import datetime as dt
import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path

from filelock import FileLock

from pipeline.settings import Settings

LOG = "alerts.log"
TIMEOUT = 10  # seconds
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})  # it takes <...> for a link


def alert(settings: Settings, message: str, *, now: dt.datetime) -> str:
    """Post one line to the webhook; without one, or where that fails, append it to alerts.log. Returns where it went.

    Neither the log nor the answer ever holds the webhook's address: who knows it may post there.
    """
    line = " ".join(message.split())
    if settings.webhook_url is None:
        return _logged(settings.home, line, now)
    try:
        _post(settings.webhook_url, line)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _logged(settings.home, f"{line} (webhook: {_why(error)})", now)
    return "webhook"


def _post(url: str, line: str) -> None:
    """Post in the form that Slack, Mattermost and others take."""
    body = json.dumps({"text": line.translate(_SLACK)}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT):
        pass


def _why(error: Exception) -> str:
    """What went wrong, in words that cannot hold the address."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {TIMEOUT} s"
    if isinstance(cause, OSError) and cause.errno and cause.strerror:  # other texts may tell the host
        return cause.strerror
    return type(cause).__name__


def _logged(home: Path, line: str, now: dt.datetime) -> str:
    home.mkdir(parents=True, exist_ok=True)
    with log_lock(home), (home / LOG).open("a", encoding="utf-8") as file:
        file.write(f"{now:%Y-%m-%dT%H:%M:%SZ} {line}\n")
    return LOG


def log_lock(home: Path) -> FileLock:
    """Lock of alerts.log, which is rewritten while old lines go."""
    return FileLock(home / f"{LOG}.lock")
