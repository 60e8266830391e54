"""Event studies: what prices did around each event. Definitions, section 7."""

import datetime as dt
from collections.abc import Iterable
from itertools import chain

import polars as pl

from pipeline.calendar import new_york_instant
from pipeline.config import EventStudy, Recession, StreakRule
from pipeline.contracts.derived.studies import EventStudies
from pipeline.transforms.phases import phases
from pipeline.transforms.streaks import is_hit
from pipeline.transforms.windows import GROUP, MAX_MISSING_SESSIONS, change, in_a_row, levels, pair_levels

INSTRUMENT = ["symbol", "benchmark"]
EVENT = pl.Schema(
    {"event_type": pl.String(), "event_date": pl.Date(), "detail": pl.String(), "known_at": pl.Datetime("us", "UTC")}
)
FIRST_OFFSET, LAST_OFFSET = -126, 252
CURVE = "10y2y"
STREAK = StreakRule(rule="up_1pct", above=0.01)
STREAK_HITS = 5
END_OF_DAY = dt.time(23, 59)  # New York; the hour of most announcements of the NBER is not recorded


# --- events: event_type, event_date, detail, known_at ----------------------------------------------------------------


def all_events(
    prices: pl.DataFrame,
    sessions: pl.DataFrame,
    cuts: pl.DataFrame,
    inversions: pl.DataFrame,
    recessions: Iterable[Recession],
    symbol: str,
) -> pl.DataFrame:
    """All events of the definitions.

    Args:
        prices, sessions: core tables.
        cuts: of `policy_rate.first_cuts`.
        inversions: of `yield_curve.yield_curve_inversions`.
        symbol: the small-cap fund, whose streaks and phases are events.
    """
    small = prices.filter(pl.col("symbol") == symbol)
    return pl.concat(
        [
            first_cuts(cuts),
            uninversions(inversions),
            fifth_hits(small, sessions),
            phase_changes(phases(small), sessions),
            nber_troughs(recessions, sessions),
        ]
    )


def first_cuts(cuts: pl.DataFrame) -> pl.DataFrame:
    """First cuts of the policy rate, from `policy_rate.first_cuts`: decided_on, available_at."""
    return _events("first_cut", cuts, event_date="decided_on", known_at="available_at")


def uninversions(inversions: pl.DataFrame) -> pl.DataFrame:
    """Confirmed ends of sustained inversions of the 10y2y curve, known when the confirming spread was public."""
    ends = inversions.filter(
        (pl.col("curve") == CURVE) & (pl.col("variant") == "sustained") & pl.col("confirmed_on").is_not_null()
    )
    return _events("uninversion", ends, event_date="confirmed_on", known_at="available_at")


def fifth_hits(prices: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Sessions with the fifth gain above 1 % in a row of one symbol's close; one event a run."""
    close = levels(prices).filter(pl.col("basis") == "price").with_columns(ret=change(pl.col("level"), 1))
    fifth = close.with_columns(hit=is_hit(close["ret"].to_numpy(), STREAK)).filter(
        in_a_row(pl.col("hit")) == STREAK_HITS
    )
    return _at_the_close("streak", fifth, sessions)


def phase_changes(phased: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Sessions on which one symbol's phase changed from one to another: session_date, phase.

    The first phase, and the first one after sessions without any, is no change.
    """
    phase, before = pl.col("phase"), pl.col("phase").shift(1)
    changes = phased.with_columns(detail=pl.format("{} -> {}", before, phase), is_change=phase != before)
    return _at_the_close("phase_change", changes.filter("is_change"), sessions)


def nber_troughs(recessions: Iterable[Recession], sessions: pl.DataFrame) -> pl.DataFrame:
    """Last sessions of the months in which recessions ended, known when the NBER had announced them."""
    announced = pl.DataFrame(
        [(one.trough, one.trough_announced_on) for one in recessions],
        schema={"month": pl.Date, "announced_on": pl.Date},
        orient="row",
    ).with_columns(known_at=new_york_instant(pl.col("announced_on"), END_OF_DAY))
    last = sessions.group_by(month=pl.col("session_date").dt.month_start()).agg(pl.col("session_date").max())
    troughs = announced.join(last, on="month").sort("month")
    return _events("nber_trough", troughs, event_date="session_date", known_at="known_at")


def _at_the_close(event_type: str, found: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Events that are known from the close of their session."""
    closed = found.join(sessions.select("session_date", "close_at"), on="session_date", maintain_order="left")
    return _events(event_type, closed, event_date="session_date", known_at="close_at")


def _events(event_type: str, found: pl.DataFrame, *, event_date: str, known_at: str) -> pl.DataFrame:
    detail = pl.col("detail") if "detail" in found.columns else pl.lit(None, pl.String)
    return found.select(
        pl.lit(event_type).alias("event_type"),
        pl.col(event_date).alias("event_date"),
        detail.alias("detail"),
        pl.col(known_at).alias("known_at"),
    ).cast(EVENT)


# --- studies ---------------------------------------------------------------------------------------------------------


def event_studies(
    prices: pl.DataFrame, sessions: pl.DataFrame, events: pl.DataFrame, instruments: Iterable[EventStudy]
) -> pl.DataFrame:
    """Compute derived.event_studies from core.prices, core.sessions and events.

    Offsets count the instrument's own bars (with a benchmark: common ones). An event without a bar at or after the
    instant from which it was public, or without one before that, has no study.

    Args:
        events: event_type, event_date, detail, known_at; event_date is unique within a type.
    """
    bars = _bars(prices, instruments).join(
        sessions.select("session_date", "close_at"), on="session_date", maintain_order="left"
    )
    first = pl.max_horizontal(FIRST_OFFSET, pl.col("first_row") - pl.col("zero"))
    last = pl.min_horizontal(LAST_OFFSET, pl.col("last_row") - pl.col("zero"))
    rows = _studies(bars, events).with_columns(offset=pl.int_ranges(first, last + 1)).explode("offset")
    figures = bars.drop(*INSTRUMENT, GROUP, "close_at").rechunk()
    here, base, zero = (figures[rows["zero"] + offset] for offset in (rows["offset"], -1, 0))
    date = here["session_date"]
    is_total = _has_total(base) & _has_total(zero)
    return rows.with_columns(
        session_date=date,
        known_on=pl.select(pl.max_horizontal(date, zero["session_date"])).to_series(),
        basis=pl.select(pl.when(is_total).then(pl.lit("total")).otherwise(pl.lit("price"))).to_series(),
        **_returns(rows["offset"], here, base, is_total),
    ).select(EventStudies.column_names())


def _bars(prices: pl.DataFrame, instruments: Iterable[EventStudy]) -> pl.DataFrame:
    """Levels of the instruments, one after the other; `total` and `benchmark_total` are NULL where there is none."""
    instruments = list(instruments)
    alone = [one.symbol for one in instruments if one.benchmark is None]
    pairs = [(one.symbol, one.benchmark) for one in instruments if one.benchmark is not None]
    studied = prices.filter(pl.col("symbol").is_in({*alone, *chain(*pairs)}))
    single = levels(studied).filter(pl.col("symbol").is_in(alone))
    paired = pair_levels(studied, pairs)
    both = pl.concat([single, paired], how="diagonal")
    total = both.filter(pl.col("basis") == "total").select(
        *INSTRUMENT, "session_no", total="level", benchmark_total="benchmark_level"
    )
    return (
        both.filter(pl.col("basis") == "price")
        .join(total, on=[*INSTRUMENT, "session_no"], how="left", nulls_equal=True, maintain_order="left")
        .select(*INSTRUMENT, "session_date", "session_no", "level", "benchmark_level", "total", "benchmark_total")
        .with_columns(pl.struct(INSTRUMENT).rle_id().alias(GROUP))
    )


def _has_total(bars: pl.DataFrame) -> pl.Series:
    """A pair has a total-return level where both of its funds have."""
    return bars["total"].is_not_null()


def _studies(bars: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """One row per instrument and event that has a base: number of the bar of offset 0, event_no, overlaps_earlier."""
    numbered = bars.with_columns(row=pl.int_range(pl.len()))
    instruments = numbered.group_by(GROUP, *INSTRUMENT, maintain_order=True).agg(
        first_row=pl.col("row").first(), last_row=pl.col("row").last()
    )
    closes = numbered.select(GROUP, "close_at", zero="row").sort("close_at")
    by_type = [GROUP, "event_type"]
    return (
        instruments.join(events, how="cross")
        .sort("known_at")
        .join_asof(
            closes, left_on="known_at", right_on="close_at", by=GROUP, strategy="forward", check_sortedness=False
        )
        .filter(pl.col("zero") > pl.col("first_row"))
        .sort(GROUP, "event_type", "known_at", "event_date")
        .with_columns(
            event_no=pl.int_range(1, pl.len() + 1).over(by_type),
            overlaps_earlier=(pl.col("zero") - pl.col("zero").shift(1).over(by_type) <= LAST_OFFSET).fill_null(False),
        )
        .sort("event_type", "event_date", "symbol", "benchmark")
    )


def _returns(offset: pl.Series, here: pl.DataFrame, base: pl.DataFrame, is_total: pl.Series) -> dict[str, pl.Series]:
    """Returns since offset -1, NULL where more than ten sessions are missing between."""
    missing = (here["session_no"] - base["session_no"]).abs() - (offset + 1).abs()
    is_whole = missing <= MAX_MISSING_SESSIONS

    def since_base(price: str, total: str) -> pl.Series:
        moved = pl.when(is_total).then(here[total] / base[total] - 1).otherwise(here[price] / base[price] - 1)
        return pl.select(pl.when(is_whole).then(moved)).to_series()

    own, other = since_base("level", "total"), since_base("benchmark_level", "benchmark_total")
    return {"cum_return": own, "cum_abnormal": own - other}
