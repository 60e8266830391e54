"""FRED's API: the real fredapi.Fred with the faults of 0.5.2 worked around in one class."""

import datetime as dt
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

import fredapi
import polars as pl

from pipeline.sources.live.http import Session
from pipeline.sources.live.pace import NoData, Refused, Rejected, SourceError, Unknown, Unreadable

KEY_PAGE = "https://fred.stlouisfed.org/docs/api/api_key.html"
ANSWERS = ("seriess", "observations", "vintage_dates")  # root elements; "seriess" is how FRED spells it
OBSERVATION = ("date", "value", "realtime_start", "realtime_end")
BAD_REQUEST = 400
LONGEST_MESSAGE = 200  # characters of FRED's own text


class NoVintages(Unknown):
    """FRED has the series, but its archive ALFRED does not."""


class Client(fredapi.Fred):
    """fredapi.Fred, paced and with typed errors. Safe to share between threads; the key reaches no message.

    All methods raise SourceError: Refused for the key, Unknown for the series, Unreadable for an answer that is not
    FRED's, and what `Session` and `Pace.ask` raise.
    """

    def __init__(self, root_url: str, key: str, session: Session) -> None:
        """Use `session` and its pace for everything that is asked below `root_url`."""
        # fault: the parent sets the proxy of the whole process (install_opener); curl finds proxies by itself
        self.root_url = root_url
        self.api_key = key
        self._session = session

    def get_series_info(self, series_id: str) -> dict[str, str]:
        """Return what FRED says of a series, by its own names."""
        try:
            return cast(dict[str, str], super().get_series_info(quote(series_id, safe="")).to_dict())
        except ValueError:  # an answer without a series in it
            raise NoData("FRED says nothing of the series") from None

    def get_series_vintage_dates(self, series_id: str) -> list[dt.date]:
        """Return the days on which a value of the series came, changed or went, oldest first."""
        try:
            dates = [moment.date() for moment in super().get_series_vintage_dates(quote(series_id, safe=""))]
        except (ValueError, AttributeError):
            raise Unreadable("a vintage date that is no date") from None
        return sorted(set(dates))

    def get_series(self, series_id: str) -> Iterator[pl.DataFrame]:
        """Yield the newest values page by page, as text in the columns OBSERVATION.

        Not the parent's: one value that is no number costs it the whole series, "nan" and "inf" pass for numbers, and
        reading dates one by one takes 150 microseconds each, 3 s for a series from 1954.
        """
        return self._observations(f"series_id={quote(series_id, safe='')}")

    def get_series_all_releases(
        self, series_id: str, realtime_start: dt.date, realtime_end: dt.date
    ) -> Iterator[pl.DataFrame]:
        """Yield every value that held on some day of a window, page by page, as text in the columns OBSERVATION.

        `realtime_start` and `realtime_end` are the first and last day of a value, clipped to the window. At most 2,000
        vintages may fall into it (fault: the parent always asks for all, which FRED refuses).
        Not the parent's: it drops realtime_end, turns "." into NaT under pandas 3, and builds a dict a row.
        """
        window = f"&realtime_start={realtime_start}&realtime_end={realtime_end}"
        return self._observations(f"series_id={quote(series_id, safe='')}{window}")

    def _observations(self, query: str) -> Iterator[pl.DataFrame]:
        for page in self._pages(f"{self.root_url}/series/observations?{query}"):
            yield pl.DataFrame(
                {name: [row.get(name) for row in page] for name in OBSERVATION},
                schema=dict.fromkeys(OBSERVATION, pl.String),
            )

    def _Fred__fetch_data(self, url: str) -> ET.Element:
        """Fetch all pages of an answer as one; every method of the parent comes through here."""
        first, *others = self._pages(url)
        for page in others:
            first.extend(page)
        return first

    def _pages(self, url: str) -> Iterator[ET.Element]:
        """Ask for the pages of an answer; fault: the parent takes the first page for all there is."""
        page = self._session.pace.ask(lambda: self._ask(url))
        count = page.get("count", "0")  # a series' own record has none
        offset = len(page)
        yield page
        while offset < int(count):
            page = self._session.pace.ask(lambda: self._ask(f"{url}&offset={offset}"))  # noqa: B023 - called at once
            if len(page) == 0 or page.get("count") != count:
                raise Unreadable("the answer changed while its pages were read")
            offset += len(page)
            yield page

    def _ask(self, url: str) -> ET.Element:
        """Send one request and read its answer.

        Faults: the parent has no time-out, makes a bare ValueError of every HTTP error, and puts the address, which
        holds the key, into what urllib raises.
        """
        response = self._session.get(f"{url}&api_key={quote(self.api_key, safe='')}")
        root = _parse(response.content)
        if response.status_code >= BAD_REQUEST:
            raise self._error(response.status_code, root)
        if root is None or root.tag not in ANSWERS:
            raise Unreadable(what_else(response.content))
        return root

    def _error(self, status: int, root: Any) -> SourceError:
        """Turn FRED's own words into the kind of error they mean."""
        if root is None or root.tag != "error":
            return Rejected(f"HTTP {status}")
        message = " ".join(root.get("message", "").split())
        if "api_key" in message:
            return Refused(f"FRED refused the key in FRED_API_KEY: get one at {KEY_PAGE}, or unset it to use the CSV")
        if "does not exist in ALFRED" in message:
            return NoVintages("ALFRED has no vintages of the series")
        if "series does not exist" in message:
            return Unknown("FRED does not know the series")
        return Rejected(f"HTTP {status}: {message.replace(self.api_key, '...')[:LONGEST_MESSAGE]}")


def _parse(content: bytes) -> ET.Element | None:
    try:
        return ET.fromstring(content)
    except ET.ParseError:
        return None


def what_else(content: bytes) -> str:
    """Say what came instead of data."""
    begin = content.strip()[:9].lower()
    if not begin:
        return "an empty answer"
    return (
        "a web page instead of data" if begin.startswith((b"<!doctype", b"<html")) else "an answer cut short or garbled"
    )
