"""Macro series: FRED and ALFRED copies, FRED-MD, and vintages by month."""

import datetime as dt
import re
from collections.abc import Collection

import polars as pl

from pipeline.calendar import NEW_YORK, final_at, sessions
from pipeline.contracts import raw
from pipeline.sources.files.cells import to_dates, to_numbers
from pipeline.sources.files.document import Table
from pipeline.sources.files.names import LAST_MINUTE, dated_file, end_of, series_of
from pipeline.sources.files.refusals import SOURCE, Capture, Refused, faults_of, instant
from pipeline.sources.files.shapes import Shape

VINTAGE_COLUMN = re.compile(r"^(.+)_(\d{4})(\d{2})(\d{2})$")
NOTES = r"(?i)^(transform|factors?):?$"  # FRED-MD's second line, FRED-QD's second and third
AHEAD = dt.timedelta(days=7)  # a week may be named by its end, a target rate by the day it takes effect


def read_macro(
    table: Table, shape: Shape, capture: Capture, stem: str, known_symbols: Collection[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turn a macro table into (captures as `raw.MacroCapture`, faults). Raises Refused for a table as a whole.

    `stem`, the file's name, is the series where the header names none. A symbol is not taken for a series.
    """
    if shape.kind == "vintages":
        values = _vintages(table, _checked(series_of(stem), known_symbols))
    elif shape.kind == "fred_md":
        rows = table.rows.filter(~pl.col("0").fill_null("").str.contains(NOTES))
        is_vintage = dated_file(stem) == capture.captured_at  # FRED-MD is published under its month
        values = _stacked(
            [_column(rows, 0, i, name, capture.captured_at, is_vintage) for name, i in shape.columns.items()]
        )
    else:
        values = _series(table, shape, capture, stem, known_symbols)
    values = _without_duplicates(values.with_columns(reason=_reason()))
    refused = values.filter(pl.col("reason").is_not_null()).sort("line").unique(["line", "reason"], maintain_order=True)
    taken = values.filter(pl.col("reason").is_null()).sort("series_id", "observed_on", "captured_at")
    return (
        taken.with_columns(
            source=pl.lit(SOURCE),
            origin=pl.lit(capture.origin),
            # a column of ALFRED may be one of a choice: its day says when it was known, not since when
            vintage_on=pl.lit(None, pl.Date),
        ).select(raw.MacroCapture.column_names()),
        faults_of(table.rows, refused),
    )


def served(captures: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    """What a copy of whole series says of their length, as `raw.Answer`: a later copy may have less.

    Vintages hold changes only, and FRED-MD begins where the panel begins, not where the series does.
    """
    copies = captures.filter(~pl.col("is_vintage")) if shape.kind == "series" else captures.clear()
    closed = sessions().select("session_date", closed_by=final_at())
    has_value = pl.col("value").is_not_null()
    return (
        copies.group_by("captured_at", "source", "origin", id="series_id", maintain_order=True)
        .agg(
            served_from=pl.col("observed_on").filter(has_value).min(),
            served_to=pl.col("observed_on").filter(has_value).max(),
        )
        # a copy that claims to be from before the first session of the calendar says nothing
        .join_asof(closed, left_on="captured_at", right_on="closed_by", strategy="backward")
        .filter(pl.col("session_date").is_not_null())
        .with_columns(dataset=pl.lit("macro"), outcome=pl.lit("ok"), detail=pl.lit(None, pl.String))
        .select(raw.Answer.column_names())
    )


def _series(table: Table, shape: Shape, capture: Capture, stem: str, known_symbols: Collection[str]) -> pl.DataFrame:
    parts = []
    for name, index in shape.columns.items():
        dated = VINTAGE_COLUMN.match(name)
        told = end_of(f"{dated[2]}-{dated[3]}-{dated[4]}") if dated else None
        series = series_of(stem) if name.lower() == "value" else dated[1] if dated and told else name
        parts.append(
            _column(
                table.rows, 0, index, _checked(series, known_symbols), told or capture.captured_at, told is not None
            )
        )
    if len(parts) > 1:  # series of different frequency side by side: a blank is no observation
        parts = [part.filter(pl.col("value").is_not_null()) for part in parts]
    return _stacked(parts)


def _checked(series: str | None, known_symbols: Collection[str]) -> str:
    if series is None:
        raise Refused("cannot tell which series this is; name the file SERIES.csv or the column after the series")
    if series in known_symbols:
        raise Refused(f"{series} is a symbol, not a macro series; a price table needs open, high, low and close")
    return series


def _column(
    rows: pl.DataFrame, day: int, place: int, series: str, captured_at: dt.datetime, is_vintage: bool
) -> pl.DataFrame:
    return pl.DataFrame(
        [
            rows["line"],
            to_dates(rows[str(day)]).alias("observed_on"),
            to_numbers(rows[str(place)]).alias("value"),
        ]
    ).with_columns(series_id=pl.lit(series), captured_at=instant(captured_at), is_vintage=pl.lit(is_vintage))


def _stacked(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts)


def _vintages(table: Table, series: str) -> pl.DataFrame:
    month = pl.col("1").str.strip_chars()
    last_day = (month + "-01").str.to_date("%Y-%m-%d", strict=False).dt.month_end()
    told = last_day.dt.combine(LAST_MINUTE).dt.replace_time_zone(NEW_YORK.key).dt.convert_time_zone("UTC")
    return pl.DataFrame(
        [
            table.rows["line"],
            to_dates(table.rows["0"]).alias("observed_on"),
            to_numbers(table.rows["2"]).alias("value"),
        ]
    ).with_columns(
        series_id=pl.lit(series),
        captured_at=table.rows.select(pl.when(month.str.contains(r"^\d{4}-\d{2}$")).then(told))
        .to_series()
        .cast(pl.Datetime("us", "UTC")),
        is_vintage=pl.lit(True),
    )


def _reason() -> pl.Expr:
    """Why a row is refused, NULL for a good one."""
    ahead = pl.col("observed_on") > (pl.col("captured_at").dt.date() + AHEAD)
    when = pl.col("captured_at").dt.to_string("%Y-%m-%d")
    return pl.coalesce(
        pl.when(pl.col("observed_on").is_null()).then(pl.lit("date cannot be read")),
        pl.when(pl.col("captured_at").is_null()).then(pl.lit("vintage month cannot be read")),
        pl.when(pl.col("value").is_nan()).then(pl.format("number cannot be read in {}", "series_id")),
        pl.when(ahead & pl.col("value").is_not_null()).then(pl.format("dated after its capture ({})", when)),
    )


def _without_duplicates(values: pl.DataFrame) -> pl.DataFrame:
    """Keep one of equal rows, and give all rows of a period that have different values a reason: none is more right."""
    key = ["series_id", "observed_on", "captured_at"]
    good = pl.col("reason").is_null()
    if values.filter(good).select(pl.struct(key).is_unique().all()).item():
        return values
    values = values.unique([*key, "value", "reason"], keep="first", maintain_order=True)
    differs = good & (pl.len().over(*key, "reason") > 1)
    return values.with_columns(
        reason=pl.when(differs).then(pl.lit("the period comes twice with different values")).otherwise("reason")
    )
