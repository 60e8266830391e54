"""Seasonality and event studies. Definitions, section 7."""

import dataframely as dy
import polars as pl

from pipeline.contracts.columns import BASIS, SYMBOL, Table, count, day, flag, instant, number, text

BENCHMARK = "Benchmark whose return is subtracted; NULL for the symbol alone."
BUCKET_TYPE = (
    "month, turn_of_year, tax_loss, election_year_calendar, election_252_before or election_252_after; the effect of "
    "election years changes its sign with the window."
)
BUCKET = "01 to 12 for month, all for the other types."
SEASON = ("symbol", "benchmark", "basis", "bucket_type", "bucket")


class SeasonalityYears(Table):
    """Return of a symbol over a part of the year, one row a year in which the window is complete."""

    section = 7
    known_date = "window_end"

    symbol = text(SYMBOL)
    benchmark = text(BENCHMARK, nullable=True)
    basis = text(BASIS)
    bucket_type = text(BUCKET_TYPE)
    bucket = text(BUCKET)
    year = dy.Int64(
        nullable=False, description="Calendar year; of turn_of_year that of January.", metadata={"unit": "year"}
    )
    value = number(
        "fraction",
        "Return from the close before the window to the close of its end; with a benchmark less the benchmark's.",
        nullable=False,
    )
    window_start = day("First XNYS session of the window.", nullable=False)
    window_end = day("Last XNYS session of the window; the row is known from its close.", nullable=False)
    sessions = count("Sessions of the window with a bar (with a benchmark: of both).", nullable=False)

    @dy.rule()
    def key_is_unique(cls) -> pl.Expr:  # noqa: D102
        return ~pl.struct(*SEASON, "year").is_duplicated()


class Seasonality(Table):
    """Returns of a symbol over a part of the year, summed up over all years that are complete at the build."""

    section = 7

    symbol = text(SYMBOL)
    benchmark = text(BENCHMARK, nullable=True)
    basis = text(BASIS)
    bucket_type = text(BUCKET_TYPE)
    bucket = text(BUCKET)
    n = count("Years.", nullable=False)
    mean = number("fraction", "Mean of the yearly values.", nullable=False)
    median = number("fraction", "Median of the yearly values.", nullable=False)
    hit_rate = number("probability", "Share of the years with a value above zero (1e-6).", nullable=False)
    ci_low = number("fraction", "2.5th percentile of the means of 2,000 resamples; NULL under 5 years.", grade="ours")
    ci_high = number("fraction", "97.5th percentile of the means of 2,000 resamples; NULL under 5 years.", grade="ours")

    @dy.rule()
    def key_is_unique(cls) -> pl.Expr:  # noqa: D102
        return ~pl.struct(*SEASON).is_duplicated()


class EventStudies(Table):
    """Return around each event, from 126 sessions before it to 252 after: one row per event, instrument and offset.

    Every event is a row of its own; no mean is published, and none of fewer than 8 events should be tested.
    """

    section = 7
    known_date = "known_on"

    event_type = text("first_cut, uninversion, streak, phase_change or nber_trough.", grade="ours")
    event_date = day("Day of the event; it may have become known later.", nullable=False)
    detail = text("phase_change: the phases, e.g. warning -> bearish; NULL for the other types.", nullable=True)
    symbol = text(SYMBOL)
    benchmark = text(BENCHMARK, nullable=True)
    basis = text(
        "total for funds; price with an index, and where distributions are not said at offsets -1 and 0. Where they "
        "are not said later the return is NULL."
    )
    event_no = count(
        "Number of the event among those of its type with a study of this instrument, by known_at; the largest is "
        "their count. The n of a mean is the number of values at that offset, not this.",
        nullable=False,
    )
    known_at = instant("Instant from which the event was public.")
    offset = dy.Int64(
        nullable=False,
        description="Sessions of the instrument since the first close at or after known_at, which is 0.",
        metadata={"unit": "sessions"},
    )
    session_date = day("Session of the offset.", nullable=False)
    known_on = day(
        "Session from whose close the row is known: that of the offset, or before offset 0 that of offset 0.",
        nullable=False,
    )
    cum_return = number("fraction", "Level of the symbol over its level at offset -1, less 1.")
    cum_abnormal = number("fraction", "cum_return less that of the benchmark; NULL for the symbol alone.")
    overlaps_earlier = flag(
        "Offset 0 of the event before lies at most 252 sessions before. FALSE says nothing of events after it; nearly "
        "all phase changes overlap.",
        nullable=False,
        grade="ours",
    )

    @dy.rule()
    def key_is_unique(cls) -> pl.Expr:  # noqa: D102
        return ~pl.struct("event_type", "event_date", "symbol", "benchmark", "offset").is_duplicated()
