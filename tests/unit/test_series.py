"""core.series: the range of each series, and where the source contradicts what was captured or configured."""

import datetime as dt

import polars as pl
import pytest
from builders import releases

from pipeline import config
from pipeline.contracts import core, raw
from pipeline.transforms.macro import macro_latest
from pipeline.transforms.reference import contradictions, series, withdrawn
from pipeline.writing import checked

CONFIG = config.load()
UTC = pl.Datetime("us", "UTC")
MAY, JUNE = (dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (5, 6))
LATEST = macro_latest(releases("BAMLH0A0HYM2", [(dt.date(1996, 12, 31), 3.13), (dt.date(2026, 7, 28), 2.84)]))


def table(served_from: dt.date | None = None, dataset: str = "macro") -> pl.DataFrame:
    answer = {"dataset": dataset, "id": "BAMLH0A0HYM2", "served_from": served_from}
    status = pl.DataFrame([answer], schema={"dataset": pl.String, "id": pl.String, "served_from": pl.Date})
    return checked("core.series", series(LATEST, status, CONFIG.series, is_synthetic=False), core.Series)


def served_from(frame: pl.DataFrame) -> dt.date | None:
    return frame.filter(pl.col("series_id") == "BAMLH0A0HYM2")["served_from"].item()


def test_served_from_is_what_the_source_tells_of_the_series():
    assert served_from(table(dt.date(2023, 8, 1))) == dt.date(2023, 8, 1)
    assert served_from(table(dt.date(2023, 8, 1), dataset="metadata")) is None
    assert table().height == len(CONFIG.series)


@pytest.mark.parametrize(
    ("begins", "reasons"),
    [
        (None, []),
        (dt.date(1996, 12, 31), []),
        (dt.date(1990, 1, 1), []),  # periods without a value do not count as captured
        (dt.date(1997, 1, 1), ["served from 1997-01-01, captured from 1996-12-31"]),
    ],
)
def test_a_series_is_withdrawn_where_the_source_begins_later_than_what_was_captured(
    begins: dt.date | None, reasons: list[str]
):
    assert withdrawn(table(begins))["reason"].to_list() == reasons


def stated(*rows: tuple) -> pl.DataFrame:
    """raw.series_captures of UNRATE from (captured_at, frequency, seasonal_adjustment)."""
    empty = raw.SeriesCapture.create_empty()
    said = [
        {"captured_at": at, "series_id": "UNRATE", "frequency": frequency, "seasonal_adjustment": adjustment}
        for at, frequency, adjustment in rows
    ]
    return pl.concat([empty, pl.DataFrame(said, schema_overrides={"captured_at": UTC})], how="diagonal_relaxed")


@pytest.mark.parametrize(
    ("series_id", "frequency", "adjustment"),
    [
        ("UNRATE", "Monthly", "Seasonally Adjusted"),
        ("ICSA", "Weekly, Ending Saturday", "Seasonally Adjusted"),
        ("GDPC1", "Quarterly", "Seasonally Adjusted Annual Rate"),
        ("DFEDTARU", "Daily, 7-Day", "Not Seasonally Adjusted"),
        ("VIXCLS", "Daily, Close", "Not Seasonally Adjusted"),
        ("FYFSD", "Annual, Fiscal Year", "Not Seasonally Adjusted"),
        ("UNRATE", "Monthly, End of Period", "Smoothed Seasonally Adjusted"),
        ("UNRATE", None, None),
    ],
)
def test_the_words_of_fred_mean_those_of_the_config(series_id: str, frequency: str | None, adjustment: str | None):
    captures = stated((MAY, frequency, adjustment)).with_columns(series_id=pl.lit(series_id))
    assert contradictions(table(), captures).is_empty()


def test_a_contradiction_names_the_field_and_both_words():
    captures = stated((MAY, "Weekly, Ending Saturday", "Not Seasonally Adjusted"))
    assert contradictions(table(), captures).rows() == [
        ("UNRATE", "frequency is monthly, Weekly, Ending Saturday at the source"),
        ("UNRATE", "seasonal_adjustment is seasonally adjusted, Not Seasonally Adjusted at the source"),
    ]


def test_the_newest_statement_counts_and_a_replay_has_that_of_its_time():
    captures = stated((JUNE, "Monthly", "Seasonally Adjusted"), (MAY, "Quarterly", "Seasonally Adjusted"))
    assert contradictions(table(), captures).is_empty()
    assert contradictions(table(), captures, MAY).height == 1
    assert contradictions(table(), captures, MAY - dt.timedelta(seconds=1)).is_empty()
