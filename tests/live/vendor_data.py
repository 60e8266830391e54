"""What the loopback vendors serve: daily bars as Yahoo has them, observations with their vintages as FRED has them.

Both come either from plain arithmetic (`made_up_bars`, `made_up_series`) or from a folder of real market data beside
the clone (`read_market_data`). Nothing here is ever changed in place: a method returns a changed copy, and a server is
given the copy.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"
FOREVER = dt.date(9999, 12, 31)
ONE_DAY = dt.timedelta(days=1)
NOT_IN_ALFRED = ("BAMLC0A0CM", "BAMLH0A0HYM2", "SP500")

BAR_SCHEMA: dict[str, type[pl.DataType]] = {
    "date": pl.Date,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "adj_close": pl.Float64,
    "volume": pl.Int64,
    "dividend": pl.Float64,
    "split": pl.Float64,
    "capital_gain": pl.Float64,
}
CSV_COLUMNS = {
    "Date": "date",
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
    "Dividends": "dividend",
    "Stock Splits": "split",
    "Capital Gains": "capital_gain",
}


def kind_of(symbol: str) -> str:
    """Return Yahoo's instrument type, told from the shape of the symbol."""
    if symbol.startswith("^"):
        return "INDEX"
    return "FUTURE" if symbol.endswith((".CBT", ".CME", "=F")) else "ETF"


@dataclass(frozen=True)
class Bars:
    """The daily bars of one symbol, oldest first, in a frame with the columns of `BAR_SCHEMA`."""

    symbol: str
    frame: pl.DataFrame
    kind: str = "ETF"
    zone: str = NEW_YORK

    @classmethod
    def of(cls, symbol: str, frame: pl.DataFrame) -> "Bars":
        """Return bars whose instrument type and exchange time zone follow from the symbol; absent columns are 0."""
        absent = [pl.lit(0).alias(name) for name in BAR_SCHEMA if name not in frame.columns]
        kind = kind_of(symbol)
        typed = frame.with_columns(absent).select(pl.col(name).cast(kind_) for name, kind_ in BAR_SCHEMA.items())
        return cls(symbol, typed.sort("date"), kind, CHICAGO if kind == "FUTURE" else NEW_YORK)

    @property
    def dates(self) -> list[dt.date]:
        """Return the sessions, oldest first."""
        return self.frame["date"].to_list()

    def until(self, last: dt.date) -> "Bars":
        """Return the bars up to a day, that day included."""
        return replace(self, frame=self.frame.filter(pl.col("date") <= last))

    def without(self, *days: dt.date) -> "Bars":
        """Return the bars without some days."""
        return replace(self, frame=self.frame.filter(~pl.col("date").is_in(days)))

    def change(self, day: dt.date, **values: float | None) -> "Bars":
        """Return the bars with some values of one day replaced: `bars.change(day, close=7.0, volume=None)`."""
        changed = [
            pl.when(pl.col("date") == day).then(pl.lit(value, BAR_SCHEMA[name])).otherwise(pl.col(name)).alias(name)
            for name, value in values.items()
        ]
        return replace(self, frame=self.frame.with_columns(changed))


class Period(NamedTuple):
    """One value of one observation and the days on which it was the newest, both ends included."""

    observed_on: dt.date
    start: dt.date
    end: dt.date
    value: float | None


@dataclass(frozen=True)
class Series:
    """One FRED series: every value every observation ever had."""

    series_id: str
    periods: tuple[Period, ...]
    title: str = "A series"
    frequency: str = "Monthly"
    units: str = "Percent"
    in_alfred: bool = True
    vintages: tuple[dt.date, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sort the periods and note the vintage dates: the days on which a value came, changed or went."""
        object.__setattr__(self, "periods", tuple(sorted(self.periods, key=lambda p: p[:2])))
        days = {p.start for p in self.periods} | {p.end + ONE_DAY for p in self.periods if p.end < FOREVER}
        object.__setattr__(self, "vintages", tuple(sorted(days)))

    @classmethod
    def of_states(
        cls, series_id: str, states: Iterable[tuple[dt.date, Mapping[dt.date, float | None]]], **more: object
    ) -> "Series":
        """Return a series from full states: what the whole series was from each of these days on."""
        done: list[Period] = []
        alive: dict[dt.date, Period] = {}
        for day, state in sorted(states, key=lambda pair: pair[0]):
            for observed_on in [o for o, p in alive.items() if o not in state or state[o] != p.value]:
                done.append(alive.pop(observed_on)._replace(end=day - ONE_DAY))
            for observed_on, value in state.items():
                alive.setdefault(observed_on, Period(observed_on, day, FOREVER, value))
        return cls(series_id, (*done, *alive.values()), **more)  # type: ignore[arg-type]

    @classmethod
    def of_changes(
        cls, series_id: str, changes: Iterable[tuple[dt.date, dt.date, float | None]], **more: object
    ) -> "Series":
        """Return a series from rows (observation, first day of the value, value); a value holds until the next."""
        newest: dict[tuple[dt.date, dt.date], float | None] = {(o, start): value for o, start, value in changes}
        periods: list[Period] = []
        for (observed_on, start), value in sorted(newest.items(), key=lambda item: item[0]):
            if periods and periods[-1].observed_on == observed_on:
                periods[-1] = periods[-1]._replace(end=start - ONE_DAY)
            periods.append(Period(observed_on, start, FOREVER, value))
        return cls(series_id, tuple(periods), **more)  # type: ignore[arg-type]

    def revise(self, observed_on: dt.date, value: float | None, on: dt.date) -> "Series":
        """Return the series with an observation added or revised on a day that is not before its newest value."""
        kept = [
            p._replace(end=on - ONE_DAY) if p.observed_on == observed_on and p.end == FOREVER else p
            for p in self.periods
            if not (p.observed_on == observed_on and p.start == on)
        ]
        return replace(self, periods=(*kept, Period(observed_on, on, FOREVER, value)))

    def cut(self, years: int = 3) -> "Series":
        """Return only the last years, counted from the newest observation, as FRED cut the ICE BofA series."""
        newest = max(p.observed_on for p in self.periods)
        first = (pl.Series([newest]).dt.offset_by(f"-{years}y"))[0]
        return replace(self, periods=tuple(p for p in self.periods if p.observed_on >= first))

    def known_on(self, today: dt.date) -> list[Period]:
        """Return the periods that had begun by a day, with those that still held on it open-ended."""
        begun = (p for p in self.periods if p.start <= today)
        return [p._replace(end=FOREVER) if today <= p.end < FOREVER else p for p in begun]


def weekdays(first: dt.date, count: int) -> list[dt.date]:
    """Return as many weekdays from a day on; holidays are weekdays too."""
    days = (first + dt.timedelta(days=i) for i in range(count * 2 + 3))
    return [day for day in days if day.weekday() < 5][:count]


def adjusted(closes: Sequence[float], dividends: Mapping[int, float]) -> list[float]:
    """Adjust closes as Yahoo does: before a dividend, times one less the dividend over the close before it."""
    factor, result = 1.0, []
    for i in reversed(range(len(closes))):
        result.append(closes[i] * factor)
        if i and dividends.get(i):
            factor *= 1 - dividends[i] / closes[i - 1]
    return result[::-1]


def made_up_bars(
    symbols: Iterable[str],
    sessions: Sequence[dt.date],
    *,
    close: Callable[[str, int], float] = lambda symbol, i: 100.0 + i,
    dividends: Mapping[str, Mapping[int, float]] = {},
    splits: Mapping[str, Mapping[int, float]] = {},
    capital_gains: Mapping[str, Mapping[int, float]] = {},
) -> dict[str, Bars]:
    """Return bars that can be worked out in the head.

    Session number i (from 0) closes at 100 + i unless `close` says otherwise; it opens at its close, its high is 1
    above and its low 1 below; 1000 + i shares are traded. Dividends, splits and capital gains are given by symbol and
    number of the session. Closes are taken as already adjusted for splits, as Yahoo's are.
    """
    result = {}
    for symbol in symbols:
        closes = [float(close(symbol, i)) for i in range(len(sessions))]
        paid, split, gain = dividends.get(symbol, {}), splits.get(symbol, {}), capital_gains.get(symbol, {})
        frame = pl.DataFrame({"date": sessions, "open": closes, "close": closes}).with_columns(
            high=pl.col("close") + 1,
            low=pl.col("close") - 1,
            adj_close=pl.Series(adjusted(closes, paid)),
            volume=pl.Series([1000 + i for i in range(len(closes))]),
            dividend=pl.Series([float(paid.get(i, 0)) for i in range(len(closes))]),
            split=pl.Series([float(split.get(i, 0)) for i in range(len(closes))]),
            capital_gain=pl.Series([float(gain.get(i, 0)) for i in range(len(closes))]),
        )
        result[symbol] = Bars.of(symbol, frame)
    return result


def next_day(series_id: str, observed_on: dt.date) -> dt.date:
    """Say that an observation became public on the day after it."""
    return observed_on + ONE_DAY


def made_up_series(
    series_id: str,
    values: Mapping[dt.date, float | None] | Sequence[float | None],
    *,
    first: dt.date = dt.date(2020, 1, 1),
    released: Callable[[str, dt.date], dt.date] = next_day,
    **more: object,
) -> Series:
    """Return a series never revised; a plain list of values is monthly from `first` on."""
    if not isinstance(values, Mapping):
        months = pl.Series([first]).dt.offset_by(pl.Series([f"{i}mo" for i in range(len(values))]))
        values = dict(zip(months.to_list(), values, strict=True))
    changes = ((day, released(series_id, day), value) for day, value in values.items())
    return Series.of_changes(series_id, changes, **more)


@dataclass(frozen=True)
class MarketData:
    """What is in a folder of real market data."""

    bars: dict[str, Bars]
    series: dict[str, Series]
    vintages: dict[str, Series]


def read_bars(path: Path) -> Bars:
    """Read one file of bars as yfinance returns them; its name is the symbol."""
    frame = pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)
    return Bars.of(path.stem, frame.select(pl.col(old).alias(CSV_COLUMNS[old]) for old in frame.columns))


def read_observations(path: Path) -> dict[dt.date, float | None]:
    """Read one CSV copy of a series, whatever its header: the first column is the date; '.' or blank is missing."""
    frame = pl.read_csv(path, infer_schema=False, null_values=[".", ""])
    days, values = frame.to_series(0).str.to_date(), frame.to_series(1).cast(pl.Float64)
    return dict(zip(days, values, strict=True))


def last_day_of_month(series_id: str, observed_on: dt.date, month: dt.date) -> dt.date:
    """Say that a value became public on the last day of its vintage month."""
    return (month.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - ONE_DAY


def read_vintages(path: Path, public_on: Callable[[str, dt.date, dt.date], dt.date] = last_day_of_month) -> Series:
    """Read one file of monthly vintages; `public_on(series, observation, first day of vintage month)` gives the day."""
    frame = pl.read_csv(path, schema={"date": pl.Date, "vintage_month": pl.String, "value": pl.Float64})
    months = (frame["vintage_month"] + "-01").str.to_date()
    rows = zip(frame["date"], months, frame["value"], strict=True)
    return Series.of_changes(path.stem, ((day, public_on(path.stem, day, month), value) for day, month, value in rows))


def read_market_data(
    folder: Path,
    *,
    symbols: Iterable[str] | None = None,
    series: Iterable[str] | None = None,
    released: Callable[[str, dt.date], dt.date] = next_day,
    public_on: Callable[[str, dt.date, dt.date], dt.date] = last_day_of_month,
) -> MarketData:
    """Read `prices`, `macro` and `macro_vintages` of a folder of real market data, all of it or what is named.

    `series` holds one state of each series, each observation public on the day that `released` gives; `vintages`
    holds the few series whose revisions are known. Serve `data.series | data.vintages` to have both.
    """

    def files(name: str, wanted: Iterable[str] | None) -> list[Path]:
        chosen = None if wanted is None else set(wanted)
        return [p for p in sorted((folder / name).glob("*.csv")) if chosen is None or p.stem in chosen]

    states = {path.stem: read_observations(path) for path in files("macro", series)}
    return MarketData(
        bars={path.stem: read_bars(path) for path in files("prices", symbols)},
        series={
            name: made_up_series(name, values, released=released, in_alfred=name not in NOT_IN_ALFRED)
            for name, values in states.items()
        },
        vintages={path.stem: read_vintages(path, public_on) for path in files("macro_vintages", series)},
    )
