"""How input is refused: a whole table by an exception, single lines by a frame of faults."""

import datetime as dt
from dataclasses import dataclass

import polars as pl

from pipeline.contracts import raw

SOURCE = "files"
EXCERPT_LENGTH = 160
FAULT_SCHEMA = {"line": pl.Int64, "reason": pl.String, "excerpt": pl.String}


class Refused(Exception):
    """A table or file that cannot be taken over at all. `line` is where it shows, None for the whole file."""

    def __init__(self, reason: str, *, line: int | None = None, excerpt: str = "") -> None:
        super().__init__(reason)
        self.reason, self.line, self.excerpt = reason, line, excerpt


@dataclass(frozen=True)
class Capture:
    """Where a table came from and when it was received.

    `complete_by` (UTC) is the instant up to which its bars can be final. It is earlier than `captured_at` where that is
    only known as a month: a file written on the 20th holds no final bar of the 30th.
    """

    origin: str
    captured_at: dt.datetime
    complete_by: dt.datetime


def fault(line: int | None, reason: str, excerpt: str = "") -> pl.DataFrame:
    """One fault: line (Int64, may be NULL), reason, excerpt."""
    return pl.DataFrame({"line": [line], "reason": [reason], "excerpt": [excerpt]}, schema=FAULT_SCHEMA)


def faults_of(rows: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Give refused lines (`line`, `reason`) their excerpt, the cells of that line in `rows` joined by commas."""
    if refused.is_empty():
        return pl.DataFrame(schema=FAULT_SCHEMA)
    cells = [pl.col(name).fill_null("") for name in rows.columns if name != "line"]
    texts = rows.join(refused.select("line").unique(), on="line", how="semi").select(
        "line", excerpt=pl.concat_str(cells, separator=",")
    )
    return refused.select("line", "reason").join(texts, on="line", how="left", maintain_order="left").fill_null("")


def rejects(faults: pl.DataFrame, capture: Capture) -> pl.DataFrame:
    """Shape faults as `raw.Reject`; excerpts are shortened and freed of control characters."""
    return faults.select(
        captured_at=instant(capture.captured_at),
        source=pl.lit(SOURCE),
        origin=pl.lit(capture.origin),
        line="line",
        reason="reason",
        excerpt=pl.col("excerpt").str.slice(0, EXCERPT_LENGTH).str.replace_all(r"[\x00-\x1f\x7f]", " "),
    ).select(raw.Reject.column_names())


def instant(moment: dt.datetime) -> pl.Expr:
    """A UTC instant as a literal of the type that captures use."""
    return pl.lit(moment).cast(pl.Datetime("us", "UTC"))
