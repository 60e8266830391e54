"""Which header means what. A new vendor's header is a line in PRICE_FIELDS; a new kind of table a function below."""

import re
from dataclasses import dataclass

from pipeline.sources.files.refusals import Refused

# header words, without blanks, dots and underscores, in lower case
DATES = {"date", "datetime", "timestamp", "observationdate"}
PRICE_FIELDS = {
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "price": "close",  # Investing.com
    "adjclose": "adj_close",
    "adjustedclose": "adj_close",  # Alpha Vantage
    "volume": "volume",
    "vol": "volume",
    "dividends": "dividend",
    "dividend": "dividend",
    "dividendamount": "dividend",
    "capitalgains": "capital_gain",
    "stocksplits": "split_ratio",
    "splitcoefficient": "split_ratio",
    "ticker": "symbol",
    "symbol": "symbol",
}
NEEDED = ("open", "high", "low", "close")
SERIES_COLUMN = re.compile(r"^[A-Z][A-Z0-9]{1,29}(_\d{8})?$")
ACCEPTED = (
    "accepted are daily prices (Date, Open, High, Low, Close, ...), one FRED series (DATE,SERIES or date,value), "
    "FRED-MD (sasdate, ...), vintages (date,vintage_month,value), futures (contract,date,close,volume,open_interest) "
    "and FOMC decisions (date,actual,previous)"
)


@dataclass(frozen=True)
class Shape:
    """What a header means: the kind of table, and for each field the position of its column."""

    kind: str  # prices, series, fred_md, vintages, futures, fomc
    columns: dict[str, int]
    words: tuple[str, ...]  # the header in the form of `word`


def word(name: str) -> str:
    """A header name without blanks, dots and underscores, in lower case."""
    return re.sub(r"[\s._]+", "", name).lower()


def recognise(header: tuple[str, ...]) -> Shape:
    """Say what a header means. Raises Refused where nobody can."""
    words = tuple(word(name) for name in header)
    place = {name: index for index, name in reversed(list(enumerate(words)))}
    if set(NEEDED[:3]) <= set(words):
        return _prices(header, words)
    if {"contract", "date", "close", "volume", "openinterest"} <= set(words):
        fields = {"contract": "contract", "date": "session_date", "close": "close", "volume": "volume"}
        columns = {field: place[name] for name, field in fields.items()}
        return Shape("futures", {**columns, "open_interest": place["openinterest"]}, words)
    if words == ("date", "actual", "previous"):
        return Shape("fomc", {"decided_on": 0, "target_pct": 1, "previous_target_pct": 2}, words)
    if words == ("date", "vintagemonth", "value"):
        return Shape("vintages", {"date": 0, "vintage_month": 1, "value": 2}, words)
    if words[0] == "sasdate" and len(words) > 1:
        return Shape("fred_md", {name: index for index, name in enumerate(header) if index and name}, words)
    if words[0] in DATES and len(words) > 1 and _are_series(header, words):
        return Shape("series", {name: index for index, name in enumerate(header) if index}, words)
    raise Refused(_unknown(header, words))


def _are_series(header: tuple[str, ...], words: tuple[str, ...]) -> bool:
    if len(words) == 2 and words[1] == "value":
        return True
    ids = all(SERIES_COLUMN.match(name) for name in header[1:]) and len(set(header)) == len(header)
    return ids and not set(words[1:]) & PRICE_FIELDS.keys()


def _prices(header: tuple[str, ...], words: tuple[str, ...]) -> Shape:
    columns: dict[str, int] = {}
    for index, name in enumerate(words):
        field = (
            "date"
            if name in DATES or (name == "" and index == 0 and not DATES & set(words))
            else PRICE_FIELDS.get(name)
        )
        if field in columns:
            raise Refused(f"two columns that mean the same: {header[columns[field]]} and {header[index]}")
        if field:
            columns[field] = index
    missing = [name for name in ("date", *NEEDED) if name not in columns]
    if missing:
        raise Refused(f"header not recognised: {_shown(header)}; a price table also needs {', '.join(missing)}")
    return Shape("prices", columns, words)


def _unknown(header: tuple[str, ...], words: tuple[str, ...]) -> str:
    if "event" in words and "actual" in words:
        return "an economic calendar (events and their results), not a series: not taken over"
    if header[0].lstrip().startswith("<"):
        return "a web page, not data: the download failed"
    return f"header not recognised: {_shown(header)}; {ACCEPTED}"


def _shown(header: tuple[str, ...]) -> str:
    text = ",".join(header)
    return text if len(text) <= 80 else f"{text[:77]}..."
