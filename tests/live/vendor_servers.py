"""Yahoo and FRED on the loopback interface: real HTTP for the real clients, with the faults of the real vendors.

    with YahooServer(made_up_bars(["SPY"], sessions)) as yahoo:
        yahoo.inject(Status(429), match="SPY", times=1)
        ...  # talk to yahoo.url

A server never sleeps by itself: an answer that hangs or is late waits for an event which closing the server sets.
"""

import abc
import contextlib
import datetime as dt
import hashlib
import json
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

import polars as pl
from vendor_data import FOREVER, Bars, Period, Series

XML, CSV, JSON, HTML, TEXT = "text/xml; charset=UTF-8", "application/csv", "application/json", "text/html", "text/plain"
GOOD_KEY = "0123456789abcdef0123456789abcdef"


class Request(NamedTuple):
    """One request as it came in; the path is decoded, `time` is monotonic."""

    time: float
    method: str
    path: str
    query: dict[str, str]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Return the symbols or series asked for."""
        if self.path.startswith(CHART):
            return (self.path.removeprefix(CHART),)
        named = self.query.get("series_id") or self.query.get("id") or self.query.get("symbols") or ""
        return tuple(named.split(",")) if named else ()


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


# Faults --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with an answer. Of faults that replace the answer, the first that matches acts."""


@dataclass(frozen=True)
class Status(Fault):
    """Another status, with the body the vendor sends with it; `retry_after` is sent as it is."""

    code: int
    retry_after: float | str | None = None


@dataclass(frozen=True)
class Hang(Fault):
    """No answer until the server closes."""


@dataclass(frozen=True)
class Latency(Fault):
    """The answer comes later, whatever it is."""

    seconds: float


@dataclass(frozen=True)
class Reset(Fault):
    """The connection is reset after half the body."""


@dataclass(frozen=True)
class Empty(Fault):
    """200 and an empty body."""


@dataclass(frozen=True)
class Html(Fault):
    """200 and an HTML page, as a portal gives; yfinance knows Yahoo's own, which says "Will be right back"."""

    text: str = "Please log in to use this network."


@dataclass(frozen=True)
class Truncated(Fault):
    """200 and half the body, with a Content-Length that fits the half."""


@dataclass(frozen=True)
class ChangedBars(Fault):
    """The bars of a chart answer are changed; only chart requests can match."""

    def change(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Return the bars to serve, of those that the request is for."""
        return bars


@dataclass(frozen=True)
class LastBarNull(ChangedBars):
    """The last bar is there and all its values are null."""

    def change(self, bars: pl.DataFrame) -> pl.DataFrame:
        return _null_in_last(bars, ["open", "high", "low", "close", "adj_close", "volume"])


@dataclass(frozen=True)
class LastCloseNull(ChangedBars):
    """The last bar has no close and no adjusted close yet."""

    def change(self, bars: pl.DataFrame) -> pl.DataFrame:
        return _null_in_last(bars, ["close", "adj_close"])


@dataclass(frozen=True)
class MissingDays(ChangedBars):
    """Some days have no bar; their dividends and splits go with them."""

    days: tuple[dt.date, ...]

    def change(self, bars: pl.DataFrame) -> pl.DataFrame:
        return bars.filter(~pl.col("date").is_in(self.days))


@dataclass(frozen=True)
class ReorderedKeys(Fault):
    """The keys of every JSON object come in the opposite order; only JSON answers of Yahoo can match."""


@dataclass(frozen=True)
class ReorderedColumns(Fault):
    """The CSV download has the value before the date; only CSV requests can match."""


Match = str | Callable[[Request], bool] | None
CHART, QUOTE, CRUMB = "/v8/finance/chart/", "/v7/finance/quote", "/v1/test/getcrumb"
API, DOWNLOAD = "/fred", "/graph/fredgraph.csv"


def _null_in_last(bars: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    last = pl.int_range(pl.len()) == pl.len() - 1
    return bars.with_columns(pl.when(~last).then(pl.col(name)).alias(name) for name in names)


def _page_of(status: int, text: str) -> Answer:
    page = f"<!DOCTYPE html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>\n"
    return Answer(status, HTML, page.encode())


def _reorder(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reorder(value[key]) for key in reversed(value)}
    return [_reorder(item) for item in value] if isinstance(value, list) and value[:1] and not _plain(value) else value


def _plain(value: list[Any]) -> bool:
    return not isinstance(value[0], dict | list)


def _can_apply(fault: Fault, request: Request) -> bool:
    if isinstance(fault, ChangedBars):
        return request.path.startswith(CHART)
    if isinstance(fault, ReorderedKeys):
        return request.path.startswith((CHART, QUOTE))
    return not isinstance(fault, ReorderedColumns) or request.path == DOWNLOAD


def _matches(match: Match, request: Request) -> bool:
    if match is None:
        return True
    if callable(match):
        return match(request)
    return request.path.startswith(match) if match.startswith("/") else match in request.subjects


@dataclass
class _Injected:
    fault: Fault
    match: Match
    left: int | None

    def take(self, request: Request) -> bool:
        """Tell whether the fault acts on this request, and count it."""
        if self.left == 0 or not _can_apply(self.fault, request) or not _matches(self.match, request):
            return False
        if self.left is not None:
            self.left -= 1
        return True


# What both servers share ---------------------------------------------------------------------------------------------


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: "VendorServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.owner._connected(self.connection)

    def finish(self) -> None:
        self.server.owner._disconnected(self.connection)
        super().finish()

    def do_GET(self) -> None:
        owner = self.server.owner
        request, faults = owner._arrived(self.command, self.path)
        with contextlib.ExitStack() as here:
            here.callback(owner._left)
            try:
                self._respond(owner, request, faults, here)
            except ConnectionError:
                self.close_connection = True

    def _respond(
        self, owner: "VendorServer", request: Request, faults: list[Fault], here: contextlib.ExitStack
    ) -> None:
        for fault in faults:
            if isinstance(fault, Latency):
                owner._closing.wait(fault.seconds)
            if isinstance(fault, Hang):
                owner._closing.wait()
        if owner._closing.is_set():
            self.close_connection = True
            return
        answer = owner._faulty(request, faults)
        if any(isinstance(fault, Reset) for fault in faults):
            self._reset(answer)
        else:
            here.close()  # before the answer: who has it may ask again at once, and is still one at a time
            self.wfile.write(self._head(answer) + answer.body)

    def _head(self, answer: Answer) -> bytes:
        lines = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            f"Content-Type: {answer.kind}",
            f"Content-Length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _reset(self, answer: Answer) -> None:
        self.wfile.write(self._head(answer) + answer.body[: len(answer.body) // 2])
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.owner._disconnected(self.connection)
        os.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the server keeps its own log."""


class VendorServer(abc.ABC):
    """An HTTP server on a free port of the loopback interface, with faults and a log."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.errors: list[Exception] = []
        self.peak = 0
        self._lock = threading.Lock()
        self._arrival = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._injected: list[_Injected] = []
        self._random: tuple[float, tuple[Fault, ...], int] | None = None
        self._asked: Counter[str] = Counter()
        self._now = 0
        self._sockets: set[socket.socket] = set()
        self._cache: dict[object, Answer] = {}
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Return the address, without a slash at its end."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close; a mistake of the server itself is raised here unless the test failed anyway."""
        self.close()
        if self.errors and kind is None:
            raise self.errors[0]

    def close(self) -> None:
        """Stop answering: hung answers end, open connections close, the port refuses. A second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        with self._lock:
            for connection in self._sockets:
                _hang_up(connection)

    def inject(self, fault: Fault, match: Match = None, times: int | None = None) -> None:
        """Have a fault act on the next `times` requests that match, or on all of them.

        `match` is a symbol or series id, the beginning of a path (with its slash), or a function of the request.
        """
        with self._lock:
            self._injected.append(_Injected(fault, match, times))

    def fail_at_random(self, probability: float, faults: Sequence[Fault], seed: int) -> None:
        """Have each request fail with this probability; only the seed, what is asked, and how often it was asked count.

        So the same requests fail alike in whatever order they arrive. An injected fault that replaces the answer goes
        first.
        """
        with self._lock:
            self._random = (probability, tuple(faults), seed)

    def heal(self) -> None:
        """End all faults, injected and random; what hangs goes on hanging."""
        with self._lock:
            self._injected.clear()
            self._random = None

    def count(self, path_prefix: str = "/", subject: str | None = None) -> int:
        """Return how many requests came for paths with this beginning (and for this symbol or series)."""
        with self._lock:
            asked = [request for request in self.requests if request.path.startswith(path_prefix)]
        return sum(1 for request in asked if subject is None or subject in request.subjects)

    def wait_for(self, number: int, timeout: float = 30.0) -> bool:
        """Wait until so many requests came; tell whether they did."""
        with self._arrival:
            return self._arrival.wait_for(lambda: len(self.requests) >= number, timeout)

    def forget(self) -> None:
        """Empty the log and the peak; the faults and their counts stay."""
        with self._lock:
            self.requests.clear()
            self.peak = self._now

    # What subclasses say

    @abc.abstractmethod
    def answer(self, request: Request, faults: Sequence[Fault] = ()) -> Answer:
        """Return the true answer, with the faults that change data."""

    @abc.abstractmethod
    def error(self, request: Request, status: int) -> Answer:
        """Return the vendor's answer of a status that it gives for no fault of the request."""

    # What the handler calls

    def _connected(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connection)
            if self._closing.is_set():
                _hang_up(connection)

    def _disconnected(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(connection)

    def _arrived(self, method: str, target: str) -> tuple[Request, list[Fault]]:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(time.monotonic(), method, unquote(parts.path), query)
        with self._lock:
            self.requests.append(request)
            self._arrival.notify_all()
            self._now += 1
            self.peak = max(self.peak, self._now)
            return request, self._faults(request)

    def _left(self) -> None:
        with self._lock:
            self._now -= 1

    def _faults(self, request: Request) -> list[Fault]:
        chosen: list[Fault] = []
        replaced = False
        for injected in self._injected:
            replaces = not isinstance(injected.fault, _ALONGSIDE)
            if not (replaces and replaced) and injected.take(request):
                chosen.append(injected.fault)
                replaced = replaced or replaces
        drawn = self._draw(request)
        if drawn is not None and (not replaced or isinstance(drawn, _ALONGSIDE)):
            chosen.append(drawn)
        return chosen

    def _draw(self, request: Request) -> Fault | None:
        what = f"{request.path} {','.join(request.subjects)}"
        self._asked[what] += 1
        if self._random is None:
            return None
        probability, faults, seed = self._random
        digest = hashlib.sha256(f"{seed} {what} {self._asked[what]}".encode()).digest()
        if int.from_bytes(digest[:8]) >= probability * 2**64:
            return None
        fault = faults[int.from_bytes(digest[8:16]) % len(faults)]
        return fault if _can_apply(fault, request) else None

    def _faulty(self, request: Request, faults: list[Fault]) -> Answer:
        for fault in faults:
            if isinstance(fault, Status):
                answer = self.error(request, fault.code)
                after = () if fault.retry_after is None else (("Retry-After", str(fault.retry_after)),)
                return answer._replace(headers=after)
            if isinstance(fault, Empty):
                return Answer(200, self._true(request, faults).kind, b"")
            if isinstance(fault, Html):
                return _page_of(200, fault.text)
        answer = self._true(request, faults)
        if any(isinstance(fault, Truncated) for fault in faults):
            return answer._replace(body=answer.body[: len(answer.body) // 2])
        return answer

    def _true(self, request: Request, faults: list[Fault]) -> Answer:
        try:
            return self.answer(request, faults)
        except Exception as error:
            self.errors.append(error)
            return Answer(500, TEXT, repr(error).encode())

    def _cached(self, key: object, render: Callable[[], Answer]) -> Answer:
        with self._lock:
            known, cache = self._cache.get(key), self._cache
        if known is not None:
            return known
        answer = render()
        with self._lock:
            cache[key] = answer
        return answer

    def _forget_answers(self) -> None:
        with self._lock:
            self._cache = {}


_ALONGSIDE = (Latency, ChangedBars, ReorderedKeys, ReorderedColumns)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


# Yahoo ---------------------------------------------------------------------------------------------------------------

RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]
OPENS, CLOSES = dt.time(9, 30), dt.time(16, 0)


class YahooServer(VendorServer):
    """Charts, quotes and the crumb.

    `data` maps symbols to bars and `facts` maps symbols to what a quote says of them; replace either as a whole to
    change what is served. A `range` counts back from the newest bar of the symbol, whatever the clock says.
    """

    def __init__(self, data: Mapping[str, Bars], facts: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__()
        self._data = dict(data)
        self.facts: Mapping[str, Mapping[str, Any]] = facts or {}
        self.crumb = "a.made.up.crumb"
        self.needs_crumb = False

    @property
    def data(self) -> Mapping[str, Bars]:
        """Return the bars of each symbol."""
        return self._data

    @data.setter
    def data(self, data: Mapping[str, Bars]) -> None:
        self._data = dict(data)
        self._forget_answers()

    def answer(self, request: Request, faults: Sequence[Fault] = ()) -> Answer:
        """Answer a chart, a quote or the crumb."""
        if request.path.startswith(CHART):
            return self._chart(request, faults)
        if request.path == QUOTE:
            return self._quote(request, faults)
        return Answer(200, TEXT, self.crumb.encode()) if request.path == CRUMB else self.error(request, 404)

    def error(self, request: Request, status: int) -> Answer:
        """Yahoo says 429 in plain words and serves a page for a broken server; the rest is JSON."""
        if status == 429:
            return Answer(429, TEXT, b"Edge: Too Many Requests")
        if status >= 500:
            return _page_of(status, HTTPStatus(status).phrase)
        phrase = HTTPStatus(status).phrase
        top = "chart" if request.path.startswith(CHART) else "finance"
        return _json({top: {"result": None, "error": {"code": phrase, "description": phrase}}}, status=status)

    def _chart(self, request: Request, faults: Sequence[Fault]) -> Answer:
        bars = self._data.get(request.path.removeprefix(CHART))
        if bars is None:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return _json({"chart": {"result": None, "error": error}}, faults, 404)
        changes = tuple(f for f in faults if isinstance(f, ChangedBars | ReorderedKeys))
        query = request.query
        key = (bars.symbol, tuple(query.get(name) for name in ("period1", "period2", "range", "events")), changes)
        return self._cached(key, lambda: _json(_chart(bars, query, changes), changes))

    def _quote(self, request: Request, faults: Sequence[Fault]) -> Answer:
        if self.needs_crumb and request.query.get("crumb") != self.crumb:
            error = {"code": "Unauthorized", "description": "Invalid Crumb"}
            return _json({"finance": {"result": None, "error": error}}, faults, 401)
        known = [symbol for symbol in request.subjects if symbol in self._data or symbol in self.facts]
        result = [self._facts(symbol) for symbol in known]
        return _json({"quoteResponse": {"result": result, "error": None}}, faults)

    def _facts(self, symbol: str) -> dict[str, Any]:
        bars = self._data.get(symbol)
        plain: dict[str, Any] = {"language": "en-US", "region": "US", "quoteType": bars.kind if bars else "ETF"}
        if bars is not None and len(bars.frame):
            plain["regularMarketTime"] = _stamp(bars.dates[-1], CLOSES, bars.zone)
            plain["regularMarketPrice"] = bars.frame["close"][-1]
        return {**plain, **self.facts.get(symbol, {}), "symbol": symbol}


def _json(payload: Any, faults: Sequence[Fault] = (), status: int = 200) -> Answer:
    if any(isinstance(fault, ReorderedKeys) for fault in faults):
        payload = _reorder(payload)
    return Answer(status, JSON, json.dumps(payload, separators=(",", ":")).encode())


def _stamp(day: dt.date, clock: dt.time, zone: str) -> int:
    return int(dt.datetime.combine(day, clock, ZoneInfo(zone)).timestamp())


def _stamps(bars: Bars, frame: pl.DataFrame) -> pl.Series:
    opens = frame["date"].cast(pl.Datetime("us")) + dt.timedelta(hours=OPENS.hour, minutes=OPENS.minute)
    return opens.dt.replace_time_zone(bars.zone).dt.epoch("s").alias("stamp")


def _asked_for(bars: Bars, query: Mapping[str, str]) -> pl.DataFrame:
    """Return the bars of the window or range, with their time stamps."""
    frame = bars.frame.with_columns(_stamps(bars, bars.frame))
    if "period1" in query or "period2" in query:
        first, last = int(query.get("period1", 0)), int(query.get("period2", 2**62))
        return frame.filter((pl.col("stamp") >= first) & (pl.col("stamp") < last))
    span = query.get("range", "1d")
    if span == "max" or not len(frame):
        return frame
    newest = frame["date"][-1]
    if span == "ytd":
        return frame.filter(pl.col("date") >= newest.replace(month=1, day=1))
    if span.endswith("d"):
        return frame.tail(int(span[:-1]))
    return frame.filter(pl.col("date") > pl.Series([newest]).dt.offset_by(f"-{span.replace('wk', 'w')}")[0])


def _chart(bars: Bars, query: Mapping[str, str], changes: Sequence[Fault]) -> dict[str, Any]:
    frame = _asked_for(bars, query)
    for fault in changes:
        if isinstance(fault, ChangedBars):
            frame = fault.change(frame)
    result: dict[str, Any] = {"meta": _meta(bars, query)}
    if len(frame):
        result["timestamp"] = frame["stamp"].to_list()
        if events := _events(frame, query.get("events", "")):
            result["events"] = events
        values = {name: frame[name].to_list() for name in ("high", "volume", "open", "low", "close")}
        result["indicators"] = {"quote": [values], "adjclose": [{"adjclose": frame["adj_close"].to_list()}]}
    else:
        result["indicators"] = {"quote": [{}], "adjclose": [{}]}
    return {"chart": {"result": [result], "error": None}}


def _events(frame: pl.DataFrame, wanted: str) -> dict[str, dict[str, Any]]:
    events: dict[str, dict[str, Any]] = {}
    if "div" in wanted:
        events["dividends"] = {str(s): {"amount": v, "date": s} for s, v in _paid(frame, "dividend")}
    if "capitalGains" in wanted:
        events["capitalGains"] = {str(s): {"amount": v, "date": s} for s, v in _paid(frame, "capital_gain")}
    if "split" in wanted:
        events["splits"] = {str(s): _split(s, v) for s, v in _paid(frame, "split")}
    return {name: found for name, found in events.items() if found}


def _paid(frame: pl.DataFrame, column: str) -> list[tuple[int, float]]:
    return frame.filter(pl.col(column) != 0).select("stamp", column).rows()


def _split(stamp: int, ratio: float) -> dict[str, Any]:
    exact = Fraction(ratio).limit_denominator(1000)
    up, down = exact.numerator, exact.denominator
    return {"date": stamp, "numerator": float(up), "denominator": float(down), "splitRatio": f"{up}:{down}"}


def _meta(bars: Bars, query: Mapping[str, str]) -> dict[str, Any]:
    days = bars.dates
    newest = days[-1] if days else dt.date(2020, 1, 2)
    noon = dt.datetime.combine(newest, dt.time(12), ZoneInfo(bars.zone))
    offset = int((noon.utcoffset() or dt.timedelta()).total_seconds())
    last = bars.frame["close"].drop_nulls()
    return {
        "currency": "USD",
        "symbol": bars.symbol,
        "exchangeName": {"INDEX": "SNP", "FUTURE": "CBT"}.get(bars.kind, "PCX"),
        "instrumentType": bars.kind,
        "firstTradeDate": _stamp(days[0], OPENS, bars.zone) if days else None,
        "regularMarketTime": _stamp(newest, CLOSES, bars.zone),
        "hasPrePostMarketData": bars.kind == "ETF",
        "gmtoffset": offset,
        "timezone": noon.tzname(),
        "exchangeTimezoneName": bars.zone,
        "regularMarketPrice": last[-1] if len(last) else None,
        "priceHint": 2,
        "currentTradingPeriod": _trading_period(newest, bars.zone, noon.tzname() or "", offset),
        "dataGranularity": "1d",
        "range": "" if "period1" in query or "period2" in query else query.get("range", "1d"),
        "validRanges": RANGES,
    }


def _trading_period(day: dt.date, zone: str, name: str, offset: int) -> dict[str, Any]:
    clocks = {"pre": (dt.time(4), OPENS), "regular": (OPENS, CLOSES), "post": (CLOSES, dt.time(20))}
    return {
        part: {
            "timezone": name,
            "start": _stamp(day, start, zone),
            "end": _stamp(day, end, zone),
            "gmtoffset": offset,
        }
        for part, (start, end) in clocks.items()
    }


# FRED ----------------------------------------------------------------------------------------------------------------

FIRST_DAY = dt.date(1776, 7, 4)
READ_MORE = "Read https://fred.stlouisfed.org/docs/api/api_key.html for more information."
NO_SERIES = "The series does not exist."
NOT_ARCHIVED = (
    "The series does not exist in ALFRED but may exist in FRED.  Try setting realtime_start and realtime_end to "
    "today's date or removing the realtime_start and realtime_end variables."
)


class _BadRequest(Exception):
    """A request that FRED refuses with 400 and this message."""


class FredServer(VendorServer):
    """The API in XML and the CSV download.

    `data` maps ids to series; replace it, or use `replace`, to change what is served. Nothing that happened after
    `today` is known. The limits of the real API can be lowered to see what a client does when it meets them.
    """

    def __init__(self, data: Mapping[str, Series], *, today: dt.date | None = None, api_key: str = GOOD_KEY) -> None:
        super().__init__()
        self._data = dict(data)
        self.today = today or dt.datetime.now(dt.UTC).date()
        self.api_key = api_key
        self.max_observations = 100_000
        self.max_vintage_dates = 10_000
        self.max_vintages_in_window = 2_000
        self.csv_missing = ""

    @property
    def api_url(self) -> str:
        """Return what `Fred.root_url` is set to."""
        return self.url + API

    @property
    def csv_url(self) -> str:
        """Return the address of the CSV download, to which `?id=SERIES` is added."""
        return self.url + DOWNLOAD

    @property
    def data(self) -> Mapping[str, Series]:
        """Return the series by their ids."""
        return self._data

    @data.setter
    def data(self, data: Mapping[str, Series]) -> None:
        self._data = dict(data)
        self._forget_answers()

    def replace(self, *series: Series) -> None:
        """Serve these series instead of those with the same ids: `fred.replace(fred.data["UNRATE"].revise(...))`."""
        self.data = {**self._data, **{one.series_id: one for one in series}}

    def answer(self, request: Request, faults: Sequence[Fault] = ()) -> Answer:
        """Answer one of the three API calls or the download."""
        if request.path == DOWNLOAD:
            return self._download(request.query, any(isinstance(fault, ReorderedColumns) for fault in faults))
        calls = {
            f"{API}/series": self._series,
            f"{API}/series/observations": self._observations,
            f"{API}/series/vintagedates": self._vintage_dates,
        }
        call = calls.get(request.path)
        if call is None:
            return self.error(request, 404)
        try:
            self._check_key(request.query.get("api_key"))
            return call(request.query)
        except _BadRequest as error:
            return _xml_error(400, f"Bad Request.  {error}")

    def error(self, request: Request, status: int) -> Answer:
        """The API puts a message into XML; the download serves a page."""
        if request.path.startswith(f"{API}/"):
            phrase = HTTPStatus(status).phrase
            more = "  Exceeded Rate Limit" if status == 429 else ""
            return _xml_error(status, f"{phrase}.{more}")
        return _page_of(status, HTTPStatus(status).phrase)

    def _check_key(self, key: str | None) -> None:
        if not key:
            raise _BadRequest(f"Variable api_key is not set.  {READ_MORE}")
        if len(key) != 32 or not key.isascii() or not key.isalnum() or key != key.lower():
            wrong = "is not a 32 character alpha-numeric lower-case string"
            raise _BadRequest(f"The value for variable api_key {wrong}.  {READ_MORE}")
        if key != self.api_key:
            raise _BadRequest(f"The value for variable api_key is not registered.  {READ_MORE}")

    def _window(self, query: Mapping[str, str], start: dt.date, end: dt.date) -> tuple[dt.date, dt.date]:
        start = _date(query, "realtime_start", start)
        end = _date(query, "realtime_end", end)
        for name, day in (("realtime_start", start), ("realtime_end", end)):
            if self.today < day < FOREVER:
                raise _BadRequest(f"Variable {name} can not be after today's date ({self.today}).")
        if end < start:
            raise _BadRequest("Variable realtime_end can not be before realtime_start.")
        return start, end

    def _find(self, query: Mapping[str, str], window: tuple[dt.date, dt.date]) -> Series:
        name = query.get("series_id")
        if not name:
            raise _BadRequest("Variable series_id is not set.")
        found, only_today = self._data.get(name), window == (self.today, self.today)
        if found is None or not any(p.start <= self.today for p in found.periods):
            raise _BadRequest(NO_SERIES if only_today else NOT_ARCHIVED)
        if not only_today and (not found.in_alfred or found.vintages[0] > window[1]):
            raise _BadRequest(NOT_ARCHIVED)
        return found

    def _vintages(self, series: Series, window: tuple[dt.date, dt.date]) -> list[dt.date]:
        return [day for day in series.vintages if window[0] <= day <= min(window[1], self.today)]

    def _series(self, query: Mapping[str, str]) -> Answer:
        window = self._window(query, self.today, self.today)
        series = self._find(query, window)
        known = series.known_on(self.today)
        about = {
            "id": series.series_id,
            **_between(window),
            "title": series.title,
            "observation_start": min(p.observed_on for p in known),
            "observation_end": max(p.observed_on for p in known),
            "frequency": series.frequency,
            "frequency_short": series.frequency[:1],
            "units": series.units,
            "units_short": series.units,
            "seasonal_adjustment": "Not Seasonally Adjusted",
            "seasonal_adjustment_short": "NSA",
            "last_updated": f"{max(self._vintages(series, (FIRST_DAY, self.today)))} 07:46:02-05",
            "popularity": 50,
        }
        return _xml("seriess", _between(window), [f"  <series{_attributes(about)}/>"])

    def _observations(self, query: Mapping[str, str]) -> Answer:
        limits = (self.max_observations, self.max_vintages_in_window)
        key = ("observations", self.today, limits, *_said(query))
        return self._cached(key, lambda: self._observations_now(query))

    def _observations_now(self, query: Mapping[str, str]) -> Answer:
        window = self._window(query, self.today, self.today)
        series = self._find(query, window)
        if (count := len(self._vintages(series, window))) > self.max_vintages_in_window:
            raise _BadRequest(
                f"There are {count} vintage dates in the specified real-time period: {window[0]} to {window[1]}.  "
                f"This exceeds the maximum number of vintage dates allowed for this file type "
                f"({self.max_vintages_in_window})."
            )
        span = (_date(query, "observation_start", FIRST_DAY), _date(query, "observation_end", FOREVER))
        rows = [
            p._replace(start=max(p.start, window[0]), end=min(p.end, window[1]))
            for p in series.known_on(self.today)
            if p.start <= window[1] and p.end >= window[0] and span[0] <= p.observed_on <= span[1]
        ]
        page, paging = _page(query, rows, self.max_observations)
        head = {
            **_between(window),
            "observation_start": span[0],
            "observation_end": span[1],
            "units": "lin",
            "output_type": 1,
            "file_type": "xml",
            "order_by": "observation_date",
            "sort_order": "asc",
            **paging,
        }
        return _xml("observations", head, [_observation(p) for p in page])

    def _vintage_dates(self, query: Mapping[str, str]) -> Answer:
        window = self._window(query, FIRST_DAY, FOREVER)
        days = self._vintages(self._find(query, window), window)
        page, paging = _page(query, days, self.max_vintage_dates)
        head = {**_between(window), "order_by": "vintage_date", "sort_order": "asc", **paging}
        return _xml("vintage_dates", head, [f"  <vintage_date>{day}</vintage_date>" for day in page])

    def _download(self, query: Mapping[str, str], value_first: bool) -> Answer:
        name = query.get("id", "")
        series = self._data.get(name)
        known = series.known_on(self.today) if series else []
        if not known:
            return _page_of(404, HTTPStatus(404).phrase)
        try:
            first, last = _date(query, "cosd", FIRST_DAY), _date(query, "coed", FOREVER)
        except _BadRequest:
            return _page_of(400, HTTPStatus(400).phrase)
        rows = [("observation_date", name)] + [
            (str(p.observed_on), self.csv_missing if p.value is None else _number(p.value))
            for p in known
            if p.end == FOREVER and first <= p.observed_on <= last
        ]
        text = "".join(f"{value},{day}\n" if value_first else f"{day},{value}\n" for day, value in rows)
        disposition = ("Content-Disposition", f'attachment; filename="{name}.csv"')
        return Answer(200, CSV, text.encode(), (disposition,))


def _said(query: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in query.items() if name != "api_key"))


def _date(query: Mapping[str, str], name: str, default: dt.date) -> dt.date:
    try:
        return dt.date.fromisoformat(query[name]) if name in query else default
    except ValueError:
        raise _BadRequest(f"The value for variable {name} is not a valid date.") from None


def _page(query: Mapping[str, str], rows: list[Any], most: int) -> tuple[list[Any], dict[str, int]]:
    try:
        limit, offset = int(query.get("limit", most)), int(query.get("offset", 0))
    except ValueError:
        raise _BadRequest("The value for variable limit or offset is not an integer.") from None
    if not 1 <= limit <= most:
        raise _BadRequest(f"The value for variable limit is not between 1 and {most}.")
    return rows[offset : offset + limit], {"count": len(rows), "offset": offset, "limit": limit}


def _number(value: float) -> str:
    return format(value, ".15g") if abs(value) < 1e15 else repr(value)


def _observation(p: Period) -> str:
    value = "." if p.value is None else _number(p.value)
    return f'  <observation realtime_start="{p.start}" realtime_end="{p.end}" date="{p.observed_on}" value="{value}"/>'


def _between(window: tuple[dt.date, dt.date]) -> dict[str, dt.date]:
    return {"realtime_start": window[0], "realtime_end": window[1]}


def _attributes(values: Mapping[str, object]) -> str:
    return "".join(f" {name}={quoteattr(str(value))}" for name, value in values.items())


def _xml(tag: str, attributes: Mapping[str, object], lines: Sequence[str], status: int = 200) -> Answer:
    start = f'<?xml version="1.0" encoding="utf-8" ?>\n<{tag}{_attributes(attributes)}'
    text = "\n".join([f"{start}>", *lines, f"</{tag}>", ""]) if lines else f"{start}/>\n"
    return Answer(status, XML, text.encode())


def _xml_error(status: int, message: str) -> Answer:
    return _xml("error", {"code": status, "message": message}, [], status)
