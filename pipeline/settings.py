"""Settings, read once from the environment (ROTATION_*) and the command line."""

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.errors import RotationError

SOURCES = ("sample", "files", "live")
KEEP_BUILDS = 3
KEEP_DAYS = 90
ENGINES = ("local", "ray")
BARS_PER_SHARD = 1_000_000  # the default universe, 426,000 bars that grow by 18,000 a year, stays one shard
MOST_DAYS = 36_500  # a hundred years; more leave the calendar
NEW_YORK = ZoneInfo("America/New_York")
YAHOO_URL = "https://query2.finance.yahoo.com"
FRED_API_URL = "https://api.stlouisfed.org/fred"
FRED_CSV_URL = "https://fred.stlouisfed.org/graph/fredgraph.csv"


@dataclass(frozen=True)
class Settings:
    """Where the warehouse lives and what a build reads.

    home: folder of the warehouse, default ./warehouse.
    source: one of SOURCES; each has its own folder and history, provenances are never mixed.
    folder: input of the `files` source.
    config_dir: the user's own config files, which replace the default ones of the same name.
    captured_at: when the input of `files` was received; None: the folder's month or the file's time.
    as_of: build the warehouse as it could have been built at this UTC instant; None: everything.
    symbols, series: what the `live` source asks for; both None: everything, one None: nothing of that kind.
    fred_api_key: never printed, logged or stored; None: FRED's public CSV download is used.
    yahoo_url, fred_api_url, fred_csv_url: where the vendors are reached, for a gateway or a mirror.
    webhook_url: who knows it may post there, so it is never printed, logged or stored; None: alerts go to alerts.log.
    keep_builds: how many published builds of a source stay; the current one is always among them.
    keep_days: for how long `rotation prune` leaves Dagster's runs and alerts.log.
    storage: where Parquet lies, s3://bucket/prefix; None: in `home`. What must be local stays there: the lock, the
        DuckDB file, the report, Dagster's history.
    engine: one of ENGINES: who works on the shards of a table.
    bars_per_shard: bars of core.prices that are worked on at a time; memory follows it.
    """

    home: Path
    source: str = "sample"
    folder: Path | None = None
    config_dir: Path | None = None
    captured_at: dt.datetime | None = None
    as_of: dt.datetime | None = None
    symbols: tuple[str, ...] | None = None
    series: tuple[str, ...] | None = None
    fred_api_key: str | None = field(default=None, repr=False)
    yahoo_url: str = YAHOO_URL
    fred_api_url: str = FRED_API_URL
    fred_csv_url: str = FRED_CSV_URL
    webhook_url: str | None = field(default=None, repr=False)
    keep_builds: int = KEEP_BUILDS
    keep_days: int = KEEP_DAYS
    storage: str | None = None
    engine: str = "local"
    bars_per_shard: int = BARS_PER_SHARD

    def __post_init__(self) -> None:
        """Refuse a source or an engine that does not exist, and to keep nothing."""
        if self.source not in SOURCES:
            raise RotationError(f"there is no source '{self.source}'; choose one of: {', '.join(SOURCES)}")
        if self.engine not in ENGINES:
            raise RotationError(f"there is no engine '{self.engine}'; choose one of: {', '.join(ENGINES)}")
        if self.storage is not None and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/[^?#]+)?", self.storage):
            raise RotationError(
                f"ROTATION_STORAGE: '{self.storage}' is no bucket; write s3://bucket or s3://bucket/prefix"
            )
        if self.bars_per_shard < 1:
            raise RotationError(f"ROTATION_BARS_PER_SHARD: {self.bars_per_shard} is no number of bars")
        if self.keep_builds < 2:
            raise RotationError(
                f"ROTATION_KEEP_BUILDS / --keep-builds: {self.keep_builds} is too few; at least 2, so that rotation "
                "rollback has somewhere to go"
            )
        if not 1 <= self.keep_days <= MOST_DAYS:
            raise RotationError(
                f"ROTATION_KEEP_DAYS / --keep-days: {self.keep_days} is not between 1 and {MOST_DAYS} days"
            )

    @property
    def root(self) -> Path:
        """Folder of this source's warehouse."""
        return self.home / self.source

    @property
    def as_of_label(self) -> str | None:
        """Name of the replay's folder: the date for a day's end in New York, else the UTC instant."""
        if self.as_of is None:
            return None
        local = self.as_of.astimezone(NEW_YORK)
        return local.date().isoformat() if local.time() == DAY_END else self.as_of.strftime("%Y-%m-%dT%H%M%SZ")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read ROTATION_* and FRED_API_KEY; an empty variable counts as unset."""

        def path(name: str) -> Path | None:
            return Path(environment[name]) if environment.get(name) else None

        def url(name: str) -> str:
            address = (environment.get(name) or "").rstrip("/")
            if address and not address.startswith(("http://", "https://")):
                raise RotationError(f"{name}: '{address}' is no address; it must begin with http:// or https://")
            return address

        def number(name: str, default: int) -> int:
            text = environment.get(name) or str(default)
            try:
                return int(text)
            except ValueError as error:
                raise RotationError(f"{name}: '{text}' is no whole number") from error

        webhook = (environment.get("ROTATION_WEBHOOK_URL") or "").strip() or None
        if webhook and not re.match(r"https?://[^/]", webhook):
            raise RotationError("ROTATION_WEBHOOK_URL is no address; it must begin with http:// or https:// and a host")
        return cls(
            home=path("ROTATION_HOME") or Path("warehouse"),
            source=environment.get("ROTATION_SOURCE") or "sample",
            folder=path("ROTATION_FROM"),
            config_dir=path("ROTATION_CONFIG"),
            fred_api_key=(environment.get("FRED_API_KEY") or "").strip() or None,
            yahoo_url=url("ROTATION_YAHOO_URL") or YAHOO_URL,
            fred_api_url=url("ROTATION_FRED_API_URL") or FRED_API_URL,
            fred_csv_url=url("ROTATION_FRED_CSV_URL") or FRED_CSV_URL,
            webhook_url=webhook,
            keep_builds=number("ROTATION_KEEP_BUILDS", KEEP_BUILDS),
            keep_days=number("ROTATION_KEEP_DAYS", KEEP_DAYS),
            storage=(environment.get("ROTATION_STORAGE") or "").strip().rstrip("/") or None,
            engine=environment.get("ROTATION_ENGINE") or "local",
            bars_per_shard=number("ROTATION_BARS_PER_SHARD", BARS_PER_SHARD),
        )


DAY_END = dt.time(23, 59, 59)


def parse_instant(text: str, option: str, *, now: dt.datetime) -> dt.datetime:
    """Read an option's date (its end, 23:59:59 New York) or instant (New York time unless it has an offset) as UTC.

    Raises:
        RotationError: it is neither, or a day after today.
    """
    try:
        if len(text) == len("2024-07-16"):
            moment = dt.datetime.combine(dt.date.fromisoformat(text), DAY_END, tzinfo=NEW_YORK)
        else:
            moment = dt.datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise RotationError(
            f"{option}: '{text}' is neither a date nor an instant; write 2024-07-16 or 2024-07-16T16:00-04:00"
        ) from error
    if moment.astimezone(NEW_YORK).date() > now.astimezone(NEW_YORK).date():
        raise RotationError(f"{option}: {text} lies in the future; nothing can have been known or received then")
    return moment
