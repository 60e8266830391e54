"""Small frames in the shape of the tables, for tests: plain Python in, polars out. Nothing here is under test."""

import datetime as dt
import random
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

import polars as pl

NEW_YORK = ZoneInfo("America/New_York")
FIRST = dt.date(2001, 1, 1)  # a Monday
CAPTURED_AT = dt.datetime(2026, 1, 2, 12, 0, tzinfo=dt.UTC)
CLOSE = dt.time(21)  # of every session, UTC
NOTHING: Mapping[dt.date, float] = {}
PRICE_SCHEMA = {
    "symbol": pl.String,
    "session_date": pl.Date,
    "session_no": pl.Int64,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "volume": pl.Float64,
    "dividend": pl.Float64,
    "capital_gain": pl.Float64,
    "split_ratio": pl.Float64,
    "close_as_traded": pl.Float64,
    "total_return_index": pl.Float64,
}


def session(number: int) -> dt.date:
    """The weekday that stands for session `number`: 0 is Monday 2001-01-01."""
    weeks, day = divmod(number, 5)
    return FIRST + dt.timedelta(days=7 * weeks + day)


def bars(
    symbol: str,
    closes: Sequence[float | None],
    *,
    dividends: Mapping[int, float] | None = None,
    capital_gains: Mapping[int, float] | None = None,
    is_fund: bool = True,
    days: Sequence[dt.date] | None = None,
) -> pl.DataFrame:
    """core.prices of one symbol, one close a session; None is a session on which the symbol has no bar.

    `dividends` (capital gains included) and `capital_gains` are by session number.
    """
    dividends, capital_gains = dividends or {}, capital_gains or {}
    rows: list[tuple] = []
    index, before = 1.0, None
    for number, close in enumerate(closes):
        if close is None:
            continue
        paid = dividends.get(number, 0.0)
        if before is not None:
            index *= (close + paid) / before
        before = close
        day = session(number) if days is None else days[number]
        gain = capital_gains.get(number, 0.0)
        tail = (1000.0, paid, gain, 1.0, close, index if is_fund else None)
        rows.append((symbol, day, number, close, close, close, close, *tail))
    return pl.DataFrame(rows, schema=PRICE_SCHEMA, orient="row")


def walk(n: int, seed: int) -> list[float]:
    """A random walk of closes from 100, with a daily SD of 2 %."""
    source, closes = random.Random(seed), [100.0]
    while len(closes) < n:
        closes.append(closes[-1] * (1 + source.gauss(0, 0.02)))
    return closes


def column(frame: pl.DataFrame, name: str, **where: object) -> list:
    """Values of one column in the rows where every named column has the given value (None: is NULL)."""
    for key, value in where.items():
        frame = frame.filter(pl.col(key).is_null() if value is None else pl.col(key) == value)
    return frame[name].to_list()


def releases(series_id: str, values: Iterable[tuple], *, clock: dt.time = dt.time(22, 1)) -> pl.DataFrame:
    """core.macro_releases of one series from (observed_on, value) or (observed_on, value, available_at) in order.

    A day that comes again is its next value. Without an instant a value is known on its day at `clock`, UTC.
    """
    rows, count = [], {}
    for day, value, *told in values:
        count[day] = count.get(day, 0) + 1
        at = told[0] if told else dt.datetime.combine(day, clock, dt.UTC)
        rows.append((series_id, day, at, count[day], value, "rule", at))
    schema = {
        "series_id": pl.String,
        "observed_on": pl.Date,
        "available_at": pl.Datetime("us", "UTC"),
        "seq": pl.Int64,
        "value": pl.Float64,
        "availability": pl.String,
        "captured_at": pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def price_captures(
    symbol: str,
    closes: Mapping[dt.date, float],
    *,
    captured_at: dt.datetime = CAPTURED_AT,
    origin: str = "one.csv",
    flags: str | None = None,
    dividend: Mapping[dt.date, float] | None = NOTHING,
    capital_gain: Mapping[dt.date, float] | None = None,
    split_ratio: Mapping[dt.date, float] | None = NOTHING,
) -> pl.DataFrame:
    """raw.price_captures of one copy; a flat bar per close.

    `dividend`, `capital_gain`, `split_ratio` by day: stated for every bar (0, or 1 for splits, where no day is given);
    None: NULL on every bar, as in a copy that does not say.
    """
    none = {"dividend": 0.0, "capital_gain": 0.0, "split_ratio": 1.0}
    stated = {"dividend": dividend, "capital_gain": capital_gain, "split_ratio": split_ratio}
    rows = [
        {
            "captured_at": captured_at,
            "source": "files",
            "origin": origin,
            "symbol": symbol,
            "session_date": day,
            **dict.fromkeys(("open", "high", "low", "close"), float(close)),
            "adj_close": None,
            "volume": 1000.0,
            **{name: None if said is None else said.get(day, none[name]) for name, said in stated.items()},
            "flags": flags,
        }
        for day, close in closes.items()
    ]
    number = dict.fromkeys(("open", "high", "low", "close", "adj_close", "volume", *none), pl.Float64)
    schema = {
        "captured_at": pl.Datetime("us", "UTC"),
        "source": pl.String,
        "origin": pl.String,
        "symbol": pl.String,
        "session_date": pl.Date,
        **number,
        "flags": pl.String,
    }
    return pl.DataFrame(rows, schema=schema)


def macro_captures(series_id: str, rows: Iterable[tuple], *, is_vintage: bool = False) -> pl.DataFrame:
    """raw.macro_captures of one series from (observed_on, value, captured_at), or with a fourth, the day of a vintage.

    A vintage whose day the source told is one whatever `is_vintage` says.
    """
    schema = {
        "observed_on": pl.Date,
        "value": pl.Float64,
        "captured_at": pl.Datetime("us", "UTC"),
        "vintage_on": pl.Date,
    }
    full = [(*row, None) if len(row) == 3 else row for row in rows]
    return pl.DataFrame(full, schema=schema, orient="row").select(
        "captured_at",
        pl.lit("files").alias("source"),
        pl.lit(f"{series_id}.csv").alias("origin"),
        pl.lit(series_id).alias("series_id"),
        "observed_on",
        "value",
        is_vintage=pl.lit(is_vintage) | pl.col("vintage_on").is_not_null(),
        vintage_on="vintage_on",
    )


def fact_captures(rows: Iterable[tuple]) -> pl.DataFrame:
    """raw.fact_captures from (symbol, trailing_pe, captured_at); the quote is of the capture's New York day."""
    schema = {
        "captured_at": pl.Datetime("us", "UTC"),
        "source": pl.String,
        "origin": pl.String,
        "symbol": pl.String,
        "quoted_on": pl.Date,
        "trailing_pe": pl.Float64,
        "yield_pct": pl.Float64,
    }
    full = [(at, "live", "facts", symbol, at.astimezone(NEW_YORK).date(), pe, None) for symbol, pe, at in rows]
    return pl.DataFrame(full, schema=schema, orient="row")


def sessions(count: int) -> pl.DataFrame:
    """The part of core.sessions that transforms read: the first `count` sessions of this module's calendar.

    Each closes at 21:00 UTC.
    """
    days = [session(i) for i in range(count)]
    closes = pl.Series([dt.datetime.combine(day, CLOSE, dt.UTC) for day in days], dtype=pl.Datetime("us", "UTC"))
    return pl.DataFrame({"session_date": days, "session_no": list(range(count)), "close_at": closes})


def facts(rows: Iterable[tuple]) -> pl.DataFrame:
    """core.fund_facts from (symbol, trailing_pe, available_at)."""
    schema = {
        "symbol": pl.String,
        "quoted_on": pl.Date,
        "trailing_pe": pl.Float64,
        "yield_pct": pl.Float64,
        "available_at": pl.Datetime("us", "UTC"),
    }
    full = [(symbol, at.date(), pe, None, at) for symbol, pe, at in rows]
    return pl.DataFrame(full, schema=schema, orient="row")
