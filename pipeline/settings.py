"""Settings, read once from the environment (ROTATION_*) and the command line."""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.errors import RotationError

SOURCES = ("sample", "files")
NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Settings:
    """Where the warehouse lives and what a build reads.

    home: folder of the warehouse, default ./warehouse.
    source: one of SOURCES; each has its own folder and history, provenances are never mixed.
    folder: input of the `files` source.
    config_dir: the user's own config files, which replace the default ones of the same name.
    captured_at: when the input of `files` was received; None: the folder's month or the file's time.
    as_of: build the warehouse as it could have been built at this UTC instant; None: everything.
    """

    home: Path
    source: str = "sample"
    folder: Path | None = None
    config_dir: Path | None = None
    captured_at: dt.datetime | None = None
    as_of: dt.datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a source that does not exist."""
        if self.source not in SOURCES:
            raise RotationError(f"there is no source '{self.source}'; choose one of: {', '.join(SOURCES)}")

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
        """Read ROTATION_HOME, ROTATION_SOURCE, ROTATION_FROM and ROTATION_CONFIG; an empty variable counts as unset."""

        def path(name: str) -> Path | None:
            return Path(environment[name]) if environment.get(name) else None

        return cls(
            home=path("ROTATION_HOME") or Path("warehouse"),
            source=environment.get("ROTATION_SOURCE") or "sample",
            folder=path("ROTATION_FROM"),
            config_dir=path("ROTATION_CONFIG"),
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
