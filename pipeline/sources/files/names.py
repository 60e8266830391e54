"""Which symbol, series or day a file or folder name tells."""

import datetime as dt
import re
from collections.abc import Collection

from pipeline.calendar import NEW_YORK

SYMBOL = re.compile(r"^\^?[A-Z][A-Z0-9.=-]{0,9}(_[A-Z])?$")
SERIES = re.compile(r"^[A-Z][A-Z0-9]{1,29}$")
COPY_NUMBER = re.compile(r" ?\(\d+\)$")  # browsers add it: "SPY (1).csv"
FOLDER_MONTH = re.compile(r"^(?:.*[A-Za-z][_-])?(\d{4}-(?:0[1-9]|1[0-2])(?:-\d{2})?)$")
FILE_MONTH = re.compile(r"^(\d{4}-(?:0[1-9]|1[0-2]))(?:-[mq]d)?$")  # FRED-MD: 2024-03.csv, lately 2024-03-md.csv
# a month alone may mean anything ("before the split of 2025-12"): only words that speak of the capture count
SAID = re.compile(
    r"(?:cop(?:y|ied)|downloaded|captured|retrieved|fetched|snapshot|as) (?:of|on|in)?\s*(\d{4}-\d{2}(?:-\d{2})?)\b",
    re.I,
)
LAST_MINUTE = dt.time(23, 59)


def symbol_of(stem: str, known: Collection[str]) -> str | None:
    """Symbol a file's stem tells: itself if known, else its only known word, else itself if it looks like one."""
    stem = COPY_NUMBER.sub("", stem)
    canonical = {symbol.upper(): symbol for symbol in known}
    if stem.upper() in canonical:
        return canonical[stem.upper()]
    words = {word.upper() for word in re.split(r"[ _.-]+", stem)}
    found = words & canonical.keys()
    if len(found) == 1:
        return canonical[found.pop()]
    return stem if not found and SYMBOL.match(stem) else None


def series_of(stem: str) -> str | None:
    """FRED id a file's stem tells, e.g. UNRATE; None for anything else."""
    stem = COPY_NUMBER.sub("", stem).upper()
    return stem if SERIES.match(stem) else None


def end_of(text: str) -> dt.datetime | None:
    """23:59 New York, in UTC, of "2024-10-15", or of the last day of "2024-10"; None if there is no such day."""
    try:
        first = dt.date.fromisoformat(text if len(text) > 7 else f"{text}-01")
    except ValueError:
        return None
    day = first if len(text) > 7 else (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    return dt.datetime.combine(day, LAST_MINUTE, NEW_YORK).astimezone(dt.UTC)


def dated_folder(name: str) -> dt.datetime | None:
    """Capture time that a folder's name tells: 2024-10, copies_2024-10, 2024-10-15."""
    match = FOLDER_MONTH.match(name)
    return end_of(match[1]) if match else None


def dated_file(stem: str) -> dt.datetime | None:
    """Capture time that a file named like a FRED-MD vintage tells."""
    match = FILE_MONTH.match(stem)
    return end_of(match[1]) if match else None


def dated_comment(comment: str) -> dt.datetime | None:
    """Capture time that a comment tells: "# copy of 2024-10", "# same day, file downloaded 2026-05:"."""
    found = SAID.findall(comment)
    return end_of(found[0]) if len(set(found)) == 1 else None
