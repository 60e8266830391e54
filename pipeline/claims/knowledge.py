"""What a warehouse knows at the instant of a reading, and which data it lacks."""

import bisect
import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from queue import SimpleQueue

import duckdb
import polars as pl

from pipeline import calendar
from pipeline.claims.articles import NOW, Question, parse_instant
from pipeline.claims.measures import Measure
from pipeline.settings import NEW_YORK

END = ("end", "date")  # date parameters of these names end what a measure looks at; without one the session does
SYNTHETIC = "real prices: this warehouse holds the sample's made-up ones; build --source files or live"
NOT_SYNTHETIC = "the sample's made-up prices, of which this article speaks; build --source sample"
TABLES = ("core.instruments", "core.macro_latest", "core.series", "core.sessions", "derived.macro_indicators")


class Knowledge:
    """What a warehouse has: symbols, series, indicators and sessions, read once from `TABLES`."""

    def __init__(self, *connections: duckdb.DuckDBPyConnection) -> None:
        """Read what the connections, all alike, hold as `core.*` and `derived.*`; they answer in UTC."""
        self._free: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        for con in connections:
            self._free.put(con)
        with self.connection() as con:
            self._read(con)

    @contextlib.contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection that nobody else is using; wait for one."""
        con = self._free.get()
        try:
            yield con
        finally:
            self._free.put(con)

    def _read(self, con: duckdb.DuckDBPyConnection) -> None:
        def rows(sql: str) -> list[tuple]:
            return con.execute(sql).fetchall()

        spans = rows("select symbol, first_session, last_session from core.instruments")
        self.symbols: dict[str, tuple[dt.date | None, dt.date | None]] = {name: (a, b) for name, a, b in spans}
        self.names = {
            "symbol": self.symbols.keys(),
            "series": {name for (name,) in rows("select series_id from core.series")},
            "indicator": {name for (name,) in rows("select distinct indicator from derived.macro_indicators")},
        }
        sessions = con.sql("select session_date, close_at from core.sessions order by session_date").pl()
        self.sessions: list[dt.date] = sessions["session_date"].to_list()
        self.closes: list[dt.datetime] = sessions["close_at"].to_list()
        [(captured,)] = rows("select max(captured_at) from core.macro_latest")
        newest = [instant for instant in (captured, *self.closes[-1:]) if instant]
        self.now: dt.datetime | None = max(newest, default=None)
        [(is_synthetic,)] = rows("select coalesce(bool_or(is_synthetic), false) from core.instruments")
        self.is_synthetic = bool(is_synthetic)

    def known_at(self, instant: str | None, published_at: dt.datetime) -> dt.datetime | None:
        """The instant of a reading; None where it names a session that did not take place, or nothing is known."""
        if instant is None:
            return published_at
        if instant == NOW:
            return self.now
        moment = parse_instant(instant)
        return moment if isinstance(moment, dt.datetime) else self._close_of(moment)

    def _close_of(self, session: dt.date) -> dt.datetime | None:
        at = bisect.bisect_left(self.sessions, session)
        return self.closes[at] if at < len(self.sessions) and self.sessions[at] == session else None

    def session(self, question: Question, known_at: dt.datetime | None) -> dt.date | None:
        """The last session that had closed by an instant; with hindsight the last that every symbol asked about has."""
        at = bisect.bisect_right(self.closes, known_at) if known_at else 0
        if not at:
            return None
        symbols = [name for name in _symbols(question) if name in self.symbols] if question.instant == NOW else []
        lasts = [self.symbols[name][1] for name in symbols]
        return min([self.sessions[at - 1], *(last for last in lasts if last)])

    def ends_before(self, known_at: dt.datetime) -> bool:
        """Whether a session of the exchange that this warehouse does not have had closed by an instant."""
        if not self.closes or known_at <= self.closes[-1]:
            return False
        return (
            not calendar.sessions().filter(pl.col("close_at").is_between(self.closes[-1], known_at, "right")).is_empty()
        )

    def lacks(
        self, question: Question, known_at: dt.datetime | None, session: dt.date | None, *, of_synthetic: bool
    ) -> str | None:
        """Which data are missing for a reading of an article about synthetic data or not; None: it can be measured."""
        if question.measure is None:
            return None
        if of_synthetic != self.is_synthetic:
            return NOT_SYNTHETIC if of_synthetic else SYNTHETIC
        if not question.measure.inputs:
            return None  # arithmetic needs no data
        if known_at is None:
            return self._no_session((question.instant or "").split()[0])
        if session is None:
            return f"sessions before {known_at:%Y-%m-%d %H:%M} UTC: this warehouse has none"
        if question.instant != NOW and self.ends_before(known_at):
            return f"sessions up to {known_at:%Y-%m-%d %H:%M} UTC: this warehouse ends on {self.sessions[-1]}"
        return self._unknown(question) or self._outside(question, session) or _too_late(question, known_at)

    def _no_session(self, day: str) -> str:
        if not self.sessions:
            return "sessions: this warehouse has none"
        first, last = self.sessions[0], self.sessions[-1]
        inside = str(first) <= day <= str(last)
        return f"a session on {day}: " + ("there was none" if inside else f"this warehouse has {first} to {last}")

    def _unknown(self, question: Question) -> str | None:
        """A symbol, series or indicator that is not there."""
        kinds = _kinds(question.measure)
        for name, value in question.values.items():
            kind = kinds[name]
            if value is not None and kind in self.names and value not in self.names[kind]:
                return f"{kind} {value}: it is not in this warehouse"
        return None

    def _outside(self, question: Question, session: dt.date) -> str | None:
        """A day on which prices are needed before they begin or after they end."""
        days = _days(question)
        needed = min([session, *(day for name, day in days.items() if name in END)])
        for symbol in _symbols(question):
            first, last = self.symbols[symbol]
            if first is None or last is None:
                return f"prices of {symbol}: none were captured"
            if session < first:
                return f"prices of {symbol} on {session}: they begin on {first}"
            if last < needed:
                return f"prices of {symbol} on {needed}: they end on {last}"
            early = next((f"{name} {day}" for name, day in days.items() if day < first), None)
            if early:
                return f"prices of {symbol} for {early}: they begin on {first}"
        return None


def why_missing(question: Question, known_at: dt.datetime | None, session: dt.date | None) -> str:
    """What a measure says of a value that is NULL, with the reading's parameters."""
    assert question.measure is not None
    known = f"{known_at:%Y-%m-%d %H:%M} UTC" if known_at else None
    values = {**question.values, "known_at": known, "session": session}
    kinds = _kinds(question.measure)
    newest = {name: "the newest" for name, kind in kinds.items() if kind == "date"}
    stand_in = {**dict.fromkeys(values, "none"), **newest, **dict.fromkeys(END, session)}
    given = {name: stand_in[name] if value is None else value for name, value in values.items()}
    return question.measure.missing.format_map(given)


def _too_late(question: Question, known_at: dt.datetime) -> str | None:
    known_on = known_at.astimezone(NEW_YORK).date()
    late = next((f"{name} {day}" for name, day in _days(question).items() if day > known_on), None)
    return f"what was known at the instant of the reading about {late}, which came later" if late else None


def _kinds(measure: Measure | None) -> Mapping[str, str]:
    return {parameter.name: parameter.kind for parameter in measure.parameters} if measure else {}


def _symbols(question: Question) -> list[str]:
    kinds = _kinds(question.measure)
    return [str(value) for name, value in question.values.items() if kinds[name] == "symbol" and value is not None]


def _days(question: Question) -> dict[str, dt.date]:
    """Dates that must not lie after the instant."""
    kinds = _kinds(question.measure)
    return {name: day for name, day in question.values.items() if kinds[name] == "date" and isinstance(day, dt.date)}
