"""One HTTP session for all vendors: paced, with timeouts, and errors that say what kind of trouble it is."""

import datetime as dt
import email.utils
from typing import Any

from curl_cffi import requests

from pipeline.sources.live.pace import Pace, RateLimited, Unreachable

TIMEOUT = 30.0  # seconds for a whole answer; curl's own limit, so a server that drips bytes is cut off too
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500


class Session(requests.Session):
    """A curl_cffi session (the only kind that Yahoo answers reliably) that keeps to a vendor's pace.

    Safe to share between threads. Addresses never reach a message: FRED's hold the key.
    """

    def __init__(self, pace: Pace) -> None:
        """Open a session that asks `pace` before every request."""
        super().__init__(impersonate="chrome", timeout=TIMEOUT)
        self.pace = pace

    def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        """Send one request when the pace admits it.

        Raises:
            RateLimited: 429.
            Unreachable: no answer, a broken one, or a server error.
            NotAsked: the vendor is not asked any more in this run.
        """
        try:
            response = self.send(method, url, *args, **options)
        except requests.exceptions.RequestException as error:
            raise Unreachable(_kind(error)) from None
        if response.status_code == TOO_MANY_REQUESTS:
            raise RateLimited("HTTP 429, too many requests", retry_after(response.headers.get("Retry-After")))
        if response.status_code >= SERVER_ERROR:
            raise Unreachable(f"HTTP {response.status_code}")
        return response

    def send(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        """Send one request when the pace admits it; what curl raises and what the status says is the caller's."""
        slot = self.pace.admit()
        try:
            return super().request(method, url, *args, **options)
        finally:
            self.pace.over(slot)


def _kind(error: requests.exceptions.RequestException) -> str:
    """Name of what went wrong; curl's own text holds the address."""
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {TIMEOUT:.0f} s"
    if isinstance(error, requests.exceptions.DNSError):
        return "its name cannot be resolved"
    if isinstance(error, requests.exceptions.CertificateVerifyError):
        return "its certificate is not trusted"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection"
    return f"the connection broke (curl error {int(error.code)})"


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, which it gives as a number or a date; None: it does not say."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:  # how Python reads "-0000"
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())
