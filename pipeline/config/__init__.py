"""The lists that are data: funds, pairs, macro series and rules, read from YAML and checked.

The files beside this module are the default. A folder of overrides may hold any of the same
file names; a file found there replaces the default file of that name whole.
"""

import datetime as dt
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.contracts.derived.moves import RECORD_WINDOWS
from pipeline.errors import FileError
from pipeline.yaml_files import Entry, Loc, entries, single, wrong

DEFAULT_DIR = Path(__file__).parent
SAMPLE_DIR = DEFAULT_DIR / "sample"
FILES = {"etfs.yaml", "pairs.yaml", "macro.yaml", "rules.yaml", "fomc.yaml", "recessions.yaml"}

Group = Literal["size", "style", "sector", "credit", "bond", "commodity", "international", "index", "volatility"]
Frequency = Literal["daily", "weekly", "monthly", "quarterly", "annual"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]  # New York


class Split(Entry):
    """A share split that the price source does not report."""

    session_date: dt.date
    ratio: Annotated[float, Field(gt=0)]


class Instrument(Entry):
    """One fund or index."""

    symbol: Annotated[str, Field(min_length=1)]
    name: str
    role: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    group: Group
    why: str
    splits: tuple[Split, ...] = ()

    @property
    def is_fund(self) -> bool:
        """Funds pay distributions and so have a total-return basis; indexes do not."""
        return self.group not in ("index", "volatility")


class Pair(Entry):
    """A symbol measured against a benchmark."""

    symbol: str
    benchmark: str

    @model_validator(mode="after")
    def _two_symbols(self) -> "Pair":
        if self.symbol == self.benchmark:
            raise ValueError("a symbol cannot be its own benchmark")
        return self


class ReleaseRule(Entry):
    """When an observation becomes public: a day, and the New York clock time of the release.

    Exactly one way to name the day:
    - ``business_days``: that many US federal business days after ``observed_on`` (0: the day itself);
    - ``days``: that many calendar days after ``observed_on``;
    - ``months`` with ``day``: that day of the month, so many months after the observation's month;
    - ``months`` with ``weekday`` and ``nth``: e.g. the second Friday of the next month;
    - ``after_week_of`` with ``weekday`` and ``nth``: e.g. the third Friday after the week (Sunday to Saturday) that
      holds the 12th of the observation's month, and a week later where that falls on 1 to 3 January. This is how the
      Employment Situation is scheduled (US Bureau of Labor Statistics).
    A day that is no federal business day moves to the next one. ``since`` is the first
    ``observed_on`` the rule holds for; the rule with the latest ``since`` applies.
    """

    at: Clock
    since: dt.date | None = None
    business_days: Annotated[int, Field(ge=0)] | None = None
    days: Annotated[int, Field(ge=0)] | None = None
    months: Annotated[int, Field(ge=0)] | None = None
    day: Annotated[int, Field(ge=1, le=31)] | None = None
    after_week_of: Annotated[int, Field(ge=1, le=28)] | None = None
    weekday: Weekday | None = None
    nth: Annotated[int, Field(ge=1, le=5)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "ReleaseRule":
        ways: dict[str, set[str]] = {
            "business_days": {"business_days"},
            "days": {"days"},
            "months and day": {"months", "day"},
            "months, weekday and nth": {"months", "weekday", "nth"},
            "after_week_of, weekday and nth": {"after_week_of", "weekday", "nth"},
        }
        given = {field for field in set().union(*ways.values()) if getattr(self, field) is not None}
        if given not in ways.values():
            raise ValueError(f"name the release day in exactly one way: {'; '.join(ways)}")
        return self


class Series(Entry):
    """One macro series."""

    series_id: Annotated[str, Field(min_length=1)]
    role: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    unit: str
    frequency: Frequency
    decimals: Annotated[int, Field(ge=0, le=6)]
    seasonal_adjustment: Literal["seasonally adjusted", "not seasonally adjusted", "annual rate, seasonally adjusted"]
    is_revised: bool
    release: Annotated[tuple[ReleaseRule, ...], Field(min_length=1)]
    shutdown_releases: dict[dt.date, dt.date] = Field(default_factory=dict)
    licence: str
    why: str

    @field_validator("release")
    @classmethod
    def _covers_all_observations(cls, release: tuple[ReleaseRule, ...]) -> tuple[ReleaseRule, ...]:
        if sum(rule.since is None for rule in release) != 1:
            raise ValueError("exactly one rule has no 'since': it holds for the earliest observations")
        if len({rule.since for rule in release}) < len(release):
            raise ValueError("two rules begin on the same day")
        return release


class StreakRule(Entry):
    """A predicate on the daily return: strictly above, or strictly below, a fraction."""

    rule: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_side(self) -> "StreakRule":
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        return self


class ValuationPair(Entry):
    """A growth fund and the value fund it is compared with."""

    growth: str
    value: str


class Curve(Entry):
    """A yield curve: the spread series and the long leg; the short yield is long minus spread."""

    curve: str
    spread: str
    long_yield: str
    has_recession_probability: bool = False


class EventStudy(Entry):
    """What is studied around events: a symbol, or a symbol against a benchmark."""

    symbol: str
    benchmark: str | None = None

    @model_validator(mode="after")
    def _two_symbols(self) -> "EventStudy":
        if self.symbol == self.benchmark:
            raise ValueError("a symbol cannot be its own benchmark")
        return self


class Universe(Entry):
    """A list of symbols whose breadth is measured, and the day it was drawn up."""

    universe: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    version: dt.date
    symbols: Annotated[tuple[str, ...], Field(min_length=1)]


class Rules(Entry):
    """Rules of the derived tables."""

    streak_rules: Annotated[tuple[StreakRule, ...], Field(min_length=1)]
    valuation_pairs: tuple[ValuationPair, ...]
    curves: tuple[Curve, ...]
    record_windows: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = RECORD_WINDOWS
    universes: tuple[Universe, ...] = ()
    event_studies: tuple[EventStudy, ...] = ()


class Announced(Entry):
    """The clock time at which decisions of the FOMC are announced, from the day `since` on."""

    at: Clock
    since: dt.date | None = None


class Fomc(Entry):
    """Meetings of the Federal Open Market Committee, by the day of the decision.

    `unscheduled` gives the hour of each decision between meetings, `cancelled` the day on which a scheduled meeting was
    called off.
    """

    announced: Annotated[tuple[Announced, ...], Field(min_length=1)]
    scheduled: Annotated[tuple[dt.date, ...], Field(min_length=1)]
    unscheduled: dict[dt.date, Clock] = Field(default_factory=dict)
    cancelled: dict[dt.date, dt.date] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _each_day_once(self) -> "Fomc":
        days = [*self.scheduled, *self.unscheduled]
        if twice := sorted(day for day in set(days) if days.count(day) > 1):
            raise ValueError(f"{twice[0]} is listed twice")
        if strange := sorted(self.cancelled.keys() - set(self.scheduled)):
            raise ValueError(f"{strange[0]} is cancelled but not scheduled")
        if sum(one.since is None for one in self.announced) != 1:
            raise ValueError("exactly one entry of 'announced' has no 'since': it holds for the earliest decisions")
        return self


class Recession(Entry):
    """A recession as the NBER announced it: peak and trough by the first day of their months."""

    peak: dt.date
    peak_announced_on: dt.date
    trough: dt.date | None = None
    trough_announced_on: dt.date | None = None

    @field_validator("peak", "trough")
    @classmethod
    def _is_a_month(cls, day: dt.date | None) -> dt.date | None:
        if day is not None and day.day != 1:
            raise ValueError("a month is given by its first day")
        return day

    @model_validator(mode="after")
    def _in_order(self) -> "Recession":
        if (self.trough is None) != (self.trough_announced_on is None):
            raise ValueError("a trough has a month and the day of its announcement, or neither")
        trough, trough_announced_on = self.trough or dt.date.max, self.trough_announced_on or dt.date.max
        if not self.peak < trough <= trough_announced_on:
            raise ValueError("a trough comes after the peak and is announced after its month")
        if not self.peak < self.peak_announced_on < trough_announced_on:
            raise ValueError("a peak is announced after its month and before the trough")
        return self


class Config(BaseModel):
    """All six files together."""

    model_config = ConfigDict(frozen=True)

    instruments: tuple[Instrument, ...]
    pairs: tuple[Pair, ...]
    series: tuple[Series, ...]
    rules: Rules
    fomc: Fomc
    recessions: tuple[Recession, ...]

    @cached_property
    def by_symbol(self) -> dict[str, Instrument]:
        """Instruments by symbol."""
        return {instrument.symbol: instrument for instrument in self.instruments}

    def symbol(self, role: str) -> str:
        """Symbol of a role; without one an empty text, with which nothing joins."""
        return next((instrument.symbol for instrument in self.instruments if instrument.role == role), "")

    @cached_property
    def benchmarks(self) -> tuple[str, ...]:
        """Symbols that others are measured against, or that a table across symbols needs by name."""
        roles = (self.symbol("large"), self.symbol("equal_weight"))
        return tuple(sorted({*(pair.benchmark for pair in self.pairs), *roles}))

    @cached_property
    def studied(self) -> tuple[str, ...]:
        """Symbols of the event studies and their benchmarks, and the small-cap fund, whose moves are events."""
        studies = self.rules.event_studies
        others = (one.benchmark for one in studies if one.benchmark is not None)
        return tuple(sorted({*(one.symbol for one in studies), *others, self.symbol("small")}))

    @cached_property
    def by_series_id(self) -> dict[str, Series]:
        """Macro series by id."""
        return {series.series_id: series for series in self.series}


def load(*overrides: Path | None) -> Config:
    """Read the default files; each override folder, in order, replaces whole files of the same name.

    Raises:
        FileError: a file is missing, is not YAML, or has a wrong, missing, unknown or repeated entry.
    """
    folders = [DEFAULT_DIR, *(folder for folder in overrides if folder is not None)]
    for folder in folders:
        if not folder.is_dir():
            raise FileError(f"{folder}: no such folder of config files; check --config or ROTATION_CONFIG")
        names = {path.name for path in folder.glob("*.y*ml")} - {"dagster.yaml"}
        if not names or names - FILES:
            strange = f"{folder / min(names - FILES)}: unknown file" if names else f"{folder}: no config file in it"
            raise FileError(f"{strange}; the files are {', '.join(sorted(FILES))}")
    files = {
        name: _newest(folders, f"{name}.yaml") for name in ("etfs", "pairs", "macro", "rules", "fomc", "recessions")
    }
    config = Config(
        instruments=entries(files["etfs"], Instrument),
        pairs=entries(files["pairs"], Pair),
        series=entries(files["macro"], Series),
        rules=single(files["rules"], Rules),
        fomc=single(files["fomc"], Fomc),
        recessions=entries(files["recessions"], Recession),
    )
    etfs, pairs, macro, rules, _, recessions = files.values()
    _check_unique(etfs, [((i, "symbol"), one.symbol) for i, one in enumerate(config.instruments)])
    _check_unique(etfs, [((i, "role"), one.role) for i, one in enumerate(config.instruments)])
    _check_unique(pairs, [((i, "symbol"), f"{one.symbol}/{one.benchmark}") for i, one in enumerate(config.pairs)])
    _check_unique(macro, [((i, "series_id"), one.series_id) for i, one in enumerate(config.series)])
    _check_unique(macro, [((i, "role"), one.role) for i, one in enumerate(config.series)])
    streaks, gaps, curves = config.rules.streak_rules, config.rules.valuation_pairs, config.rules.curves
    _check_unique(rules, [(("streak_rules", i, "rule"), one.rule) for i, one in enumerate(streaks)])
    _check_unique(rules, [(("valuation_pairs", i, "growth"), f"{v.growth}/{v.value}") for i, v in enumerate(gaps)])
    _check_unique(rules, [(("curves", i, "curve"), one.curve) for i, one in enumerate(curves)])
    universes = config.rules.universes
    _check_unique(rules, [(("universes", i, "universe"), one.universe) for i, one in enumerate(universes)])
    studies = config.rules.event_studies
    named = ["/".join(filter(None, (study.symbol, study.benchmark))) for study in studies]
    _check_unique(rules, [(("event_studies", i, "symbol"), name) for i, name in enumerate(named)])
    for i, (earlier, later) in enumerate(pairwise(config.recessions), start=1):
        if not (earlier.trough or dt.date.max) < later.peak:
            raise wrong(recessions, (i, "peak"), f"{later.peak} is not after the trough of the recession before it")
    for i, pair in enumerate(config.pairs):
        _check_known(pairs, (i, "symbol"), pair.symbol, config.by_symbol, etfs)
        _check_known(pairs, (i, "benchmark"), pair.benchmark, config.by_symbol, etfs)
    for i, gap in enumerate(gaps):
        _check_known(rules, ("valuation_pairs", i, "growth"), gap.growth, config.by_symbol, etfs)
        _check_known(rules, ("valuation_pairs", i, "value"), gap.value, config.by_symbol, etfs)
    for i, curve in enumerate(curves):
        _check_known(rules, ("curves", i, "spread"), curve.spread, config.by_series_id, macro)
        _check_known(rules, ("curves", i, "long_yield"), curve.long_yield, config.by_series_id, macro)
    for i, universe in enumerate(universes):
        _check_unique(rules, [(("universes", i, "symbols", j), one) for j, one in enumerate(universe.symbols)])
        for j, symbol in enumerate(universe.symbols):
            _check_known(rules, ("universes", i, "symbols", j), symbol, config.by_symbol, etfs)
    for i, study in enumerate(studies):
        _check_known(rules, ("event_studies", i, "symbol"), study.symbol, config.by_symbol, etfs)
        if study.benchmark is not None:
            _check_known(rules, ("event_studies", i, "benchmark"), study.benchmark, config.by_symbol, etfs)
    return config


def _newest(folders: list[Path], name: str) -> Path:
    return next(folder / name for folder in reversed(folders) if (folder / name).is_file())


def _check_unique(path: Path, values: list[tuple[Loc, str]]) -> None:
    seen = set()
    for loc, value in values:
        if value in seen:
            raise wrong(path, loc, f"{value} is listed twice")
        seen.add(value)


def _check_known(path: Path, loc: Loc, value: str, known: dict[str, Any], listed_in: Path) -> None:
    if value not in known:
        raise wrong(
            path, loc, f"{value} is not listed in {listed_in}; files that name each other are overridden together"
        )
