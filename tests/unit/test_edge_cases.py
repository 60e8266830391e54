"""Every table made of prices, and the curve, on inputs at the edge: short, broken, flat, silent, split, empty.

Expected figures are worked out by hand; what `said` leaves out of a row is NULL there.
"""

import datetime as dt
import importlib
import math
import random
import statistics
from collections.abc import Callable, Iterable
from typing import NamedTuple

import polars as pl
import polars.selectors as cs
import pytest
from builders import CLOSE, bars, facts, price_captures, releases, session, sessions, walk
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.config import Curve, EventStudy, Universe, ValuationPair
from pipeline.contracts.columns import Table
from pipeline.contracts.derived.curve import YieldCurveInversions, YieldCurveStatus
from pipeline.defs import derived
from pipeline.transforms.prices import prices as core_prices
from pipeline.transforms.yield_curve import yield_curve_inversions, yield_curve_status
from pipeline.writing import checked

PAIRS = [("A", "B")]
UNIVERSES = [Universe(universe="both", version=dt.date(2026, 11, 21), symbols=("A", "B"))]
GAPS = [ValuationPair(growth="A", value="B")]


KNOWN_AT = {n: dt.datetime.combine(session(n), CLOSE, dt.UTC) for n in (4, 300)}  # two events, on these sessions
EVENTS = pl.DataFrame(
    [("streak", session(n), None, at) for n, at in KNOWN_AT.items()],
    schema={
        "event_type": pl.String,
        "event_date": pl.Date,
        "detail": pl.String,
        "known_at": pl.Datetime("us", "UTC"),
    },
    orient="row",
)
STUDIES = [EventStudy(symbol="A"), EventStudy(symbol="A", benchmark="B")]


class PriceTable(NamedTuple):
    """Where the function and the contract of a table stand, and what the function takes besides core.prices."""

    function: str  # module.name in pipeline.transforms
    contract: str  # module.name in pipeline.contracts.derived
    more: tuple = ()


TABLES = {
    "returns": PriceTable("returns.returns", "strength.Returns"),
    "relative_strength": PriceTable("relative_strength.relative_strength", "strength.RelativeStrength", (PAIRS,)),
    "streak_events": PriceTable("streaks.streak_events", "moves.StreakEvents", (config.load().rules.streak_rules,)),
    "records": PriceTable("records.records", "moves.Records", (PAIRS,)),
    "valuation_gap": PriceTable(
        "valuation_gap.valuation_gap", "valuation.ValuationGap", (facts([]), sessions(600), GAPS)
    ),
    "drawdowns": PriceTable("drawdowns.drawdowns", "drawdowns.Drawdowns"),
    "breadth": PriceTable("breadth.breadth", "breadth.Breadth", (UNIVERSES, "A", "B")),
    "trend": PriceTable("trend.trend", "trend.Trend", ("B",)),
    "bar_events": PriceTable("bar_events.bar_events", "bar_events.BarEvents"),
    "seasonality": PriceTable("seasonality.seasonality", "studies.Seasonality", (PAIRS,)),
    "seasonality_years": PriceTable("seasonality.seasonality_years", "studies.SeasonalityYears", (PAIRS,)),
    "event_studies": PriceTable(
        "event_studies.event_studies", "studies.EventStudies", (sessions(600), EVENTS, STUDIES)
    ),
}
Closes = list[float | None]


def named(package: str, place: str) -> object:
    module, name = place.split(".")
    return getattr(importlib.import_module(f"pipeline.{package}.{module}"), name)


def contract(name: str) -> type[Table]:
    return named("contracts.derived", TABLES[name].contract)


def computed(name: str, prices: pl.DataFrame) -> pl.DataFrame:
    """One table in the columns of its contract, unrounded, after a look at what must hold of every table."""
    function: Callable[..., pl.DataFrame] = named("transforms", TABLES[name].function)
    return sound(f"derived.{name}", function(prices, *TABLES[name].more), contract(name))


def sound(name: str, frame: pl.DataFrame, shape: type[Table]) -> pl.DataFrame:
    """Keys are unique and all rules of the contract hold; no figure is NaN or infinite before rounding."""
    strange = frame.select(cs.float().is_nan() | cs.float().is_infinite())
    assert not any(strange[column].any() for column in strange.columns), frame
    checked(name, frame, shape)
    return frame.select(shape.column_names())


def tables(prices: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {name: computed(name, prices) for name in TABLES}


def heights(found: dict[str, pl.DataFrame]) -> dict[str, int]:
    return {name: table.height for name, table in found.items() if table.height}


def said(table: pl.DataFrame, *keys: str, row: int = -1, **where: object) -> dict:
    """What one of the rows with these values says: its columns that are not NULL, without those asked for."""
    chosen = [pl.lit(True), *(pl.col(column) == value for column, value in where.items())]
    found = table.filter(chosen).row(row, named=True)
    left_out = {"symbol", "benchmark", "basis", "growth", "value", "universe", "universe_version", "session_date"}
    left_out = (left_out | {*where, *keys}) - ({"value"} if "measure" in table.columns else set())
    return {column: value for column, value in found.items() if value is not None and column not in left_out}


def near(**expected: object) -> dict:
    """Expected figures; floats within rounding noise."""
    return {key: pytest.approx(x, rel=1e-9, abs=1e-12) if isinstance(x, float) else x for key, x in expected.items()}


def a_and_b(a: Iterable[float | None], b: Iterable[float | None]) -> pl.DataFrame:
    return pl.concat([bars("A", list(a)), bars("B", list(b))])


# what a first bar, or one after a long gap, says of the running maximum
AT_ITS_PEAK = {"drawdown": 0.0, "is_bear_territory": False, "is_correction": False}
# a bar that has one before it, of opens that are too few to be relied on
NO_EVENT = dict.fromkeys(
    ("is_outside_day", "is_negative_outside_day", "is_positive_outside_day", "is_inside_day", "is_ex_dividend"), False
)


def flat_trend(level: float, sessions: int) -> dict:
    """What derived.trend says of a price that has stood still for so many sessions, at least 252."""
    zeros = (
        "momentum_200", "momentum_200_sma50", "momentum_200_sma200", "momentum_200_upper", "momentum_200_lower",
        "sma_50_slope_20", "sma_200_slope_20", "atr_14", "atr_14_pct", "high_252_distance", "drawdown",
    )  # fmt: skip
    return {
        **dict.fromkeys(("sma_50", "sma_200", "ema_21", "bollinger_upper", "bollinger_lower"), level),
        **{name: 0.0 for name in zeros if name != "momentum_200_sma200" or sessions >= 399},
        "rsi_14": 50.0,  # no moves
        "phase_raw": "bullish",  # ties count as above
        "phase": "bullish",
        "days_in_phase": sessions - 200,  # settled by the close after the 200th
        "is_phase_confirmed": True,
        "closes_above_sma50": sessions - 49,
        "is_high_252": True,
        "is_low_252": True,
        "relative_volume_50": 1.0,
        "is_bear_territory": False,
        "is_correction": False,
    }


def test_every_table_made_of_prices_is_listed():
    made = {name.removeprefix("derived.") for name, inputs in derived.INPUTS.items() if "core.prices" in inputs}
    assert made <= set(TABLES)


# --- a symbol with one row -------------------------------------------------------------------------------------------


def test_one_row():
    found = tables(a_and_b([100.0], [50.0]))
    assert heights(found) == {"returns": 4, "relative_strength": 2, "valuation_gap": 1, "trend": 2, "bar_events": 2}
    assert said(found["trend"], symbol="A") == AT_ITS_PEAK
    assert said(found["bar_events"], symbol="A") == {}
    assert said(found["returns"], symbol="A", basis="price") == {}
    assert said(found["relative_strength"], basis="price") == near(ratio=2.0, ratio_index=100.0)
    assert said(found["valuation_gap"]) == near(
        log_price_ratio=math.log(2), log_total_ratio=0.0, history_start=session(0)
    )


# --- ten rows --------------------------------------------------------------------------------------------------------


def test_ten_rows():
    # t-1 is 116, t-5 is 108, t-6 is 106; B stands still
    found = tables(a_and_b([100.0, 102, 104, 106, 108, 110, 112, 114, 116, 120], [50.0] * 10))
    assert heights(found) == {
        "returns": 40, "relative_strength": 20, "valuation_gap": 10, "streak_events": 8, "trend": 20, "bar_events": 20,
        "event_studies": 20,
    }  # fmt: skip
    # offsets -4 to 5 of the fifth session; offset -1 is 106
    alone = found["event_studies"].filter(pl.col("benchmark").is_null())
    event = {"event_date": session(4), "event_type": "streak", "event_no": 1, "known_at": KNOWN_AT[4]}
    assert said(alone, row=0) == near(
        **event, offset=-4, known_on=session(4), cum_return=100 / 106 - 1, overlaps_earlier=False
    )
    since = 120 / 106 - 1
    assert said(found["event_studies"], benchmark="B") == near(
        **event, offset=5, known_on=session(9), cum_return=since, cum_abnormal=since, overlaps_earlier=False
    )
    assert said(found["trend"], symbol="A") == AT_ITS_PEAK
    assert said(found["bar_events"], symbol="A") == NO_EVENT
    day, five = 120 / 116 - 1, 120 / 110 - 1
    assert said(found["returns"], symbol="A", basis="price") == near(
        ret_1d=day, ret_5d=120 / 108 - 1, ret_6d=120 / 106 - 1
    )
    assert five < 120 / 108 - 1  # the fifth earlier bar is not the fifth last one
    assert said(found["relative_strength"], basis="price") == near(
        ratio=2.4, ratio_index=120.0, spread_1d_pp=100 * day, spread_5d_pp=100 / 9, ratio_change_5d=1 / 9
    )
    # all nine returns are above one percent: 2/102 to 4/116 with 2/114 the smallest
    for rule in ("up", "up_1pct"):
        for allowed in (0, 1):
            one = said(found["streak_events"], basis="price", rule=rule, allowed_misses=allowed)
            assert one == near(
                start_date=session(1), end_date=session(9), hits=9, sessions=9, cum_return=0.2, max_ret_1d=4 / 116,
                min_ret_1d=2 / 114, is_open=True,
            )  # fmt: skip
    assert said(found["valuation_gap"]) == near(
        log_price_ratio=math.log(2.4), log_total_ratio=math.log(1.2), history_start=session(0)
    )


# --- a gap of a year -------------------------------------------------------------------------------------------------

RETURNED = 512  # the session on which A is back, 253 sessions after its bar before


@pytest.fixture(scope="module")
def gap() -> dict[str, pl.DataFrame]:
    """A stands at 100 for 260 sessions, is away for 252, and comes back at 110, then 121. B stands at 50."""
    return tables(a_and_b([*[100.0] * 260, *[None] * 252, 110.0, 121.0], [50.0] * 514))


def test_no_return_reaches_across_a_gap_of_a_year(gap: dict[str, pl.DataFrame]):
    assert session(259).year == 2001 and session(RETURNED).year == 2002  # the year to date would start before the gap
    assert said(gap["returns"], row=-2, symbol="A", basis="price") == {}
    assert said(gap["returns"], symbol="A", basis="price") == near(ret_1d=0.1)
    assert gap["streak_events"].is_empty()  # the first return is missing, so a single hit remains


def test_a_gap_of_one_leg_is_one_of_the_pair(gap: dict[str, pl.DataFrame]):
    table = gap["relative_strength"]
    assert said(table, row=-2, basis="price") == near(ratio=2.2, ratio_index=110.0)
    assert said(table, basis="price") == near(ratio=2.42, ratio_index=121.0, spread_1d_pp=10.0)
    before = said(table, row=259, basis="price")
    assert before == near(
        ratio=2.0, ratio_index=100.0, mansfield_252=0.0, is_ratio_high_252=True, regime_63d="down_lagging",
        **{f"spread_{n}d_pp": 0.0 for n in (1, 5, 21, 63, 252)},
        **{f"ratio_change_{n}d": 0.0 for n in (5, 21, 63, 252)},
    )  # fmt: skip


def test_records_after_a_gap_of_a_year(gap: dict[str, pl.DataFrame]):
    # the 261st and 262nd close; of the returns (and spreads) the first that is not zero, the 260th
    table = gap["records"].filter(pl.col("basis") == "price")
    assert table.select("measure", "direction", "session_date").rows() == [
        ("close", "high", session(RETURNED)),
        ("close", "high", session(RETURNED + 1)),
        ("ret_1d", "high", session(RETURNED + 1)),
        ("ratio", "high", session(RETURNED)),
        ("ratio", "high", session(RETURNED + 1)),
        ("spread_1d_pp", "high", session(RETURNED + 1)),
    ]
    assert table["is_all_time"].all()
    back, close, ret, *_ = table.iter_rows(named=True)
    # all before are equal: no z-score; of 261 values the highest
    assert (back["value"], back["z_score"], back["percentile"]) == (110, None, pytest.approx(260.5 / 261))
    # the 261 closes before have mean 100 + 10/261 and sample variance (100 - 100/261) / 260 = 100/261
    assert close["z_score"] == pytest.approx((21 - 10 / 261) / (10 / 261**0.5), rel=1e-9)
    assert close["percentile"] == pytest.approx(261.5 / 262)
    assert (ret["value"], ret["percentile"]) == (pytest.approx(0.1), pytest.approx(259.5 / 260))


def test_valuation_after_a_gap_of_a_year(gap: dict[str, pl.DataFrame]):
    # the divergence is of all 262 common sessions; yields of a year with missing sessions are not known
    x = [math.log(2)] * 260 + [math.log(2.2), math.log(2.42)]
    line = statistics.linear_regression(range(262), x)
    assert said(gap["valuation_gap"]) == near(
        log_price_ratio=x[-1],
        log_total_ratio=math.log(1.21),
        z_expanding=(x[-1] - statistics.fmean(x)) / statistics.stdev(x),
        percentile_expanding=261.5 / 262,
        trend_residual=x[-1] - (line.intercept + 261 * line.slope),
        history_start=session(0),
        value_distribution_yield=0.0,
        value_distributions_n=0,
    )


def test_breadth_after_a_gap_of_a_year(gap: dict[str, pl.DataFrame]):
    table = gap["breadth"]
    assert table["session_date"].to_list() == [session(n) for n in range(199, 514)]
    assert table["members"].to_list() == [2] * 61 + [1] * 254
    # B alone, level with its averages; the ratio of 20 common sessions earlier lies before the gap
    assert said(table) == near(
        members=1, pct_above_sma50=100.0, pct_above_sma200=100.0, pct_at_high_252=100.0, advancers=0, decliners=0
    )
    assert said(table, row=60)["rsp_spy_change_20d"] == 0


def test_trend_and_bar_events_after_a_gap_of_a_year(gap: dict[str, pl.DataFrame]):
    for row in (-2, -1):
        assert said(gap["trend"], row=row, symbol="A") == AT_ITS_PEAK
    # no bar before that one is compared with; two bars later the flags are back, gaps only with enough opens
    assert said(gap["bar_events"], row=-2, symbol="A") == {"is_ex_dividend": False}
    assert said(gap["bar_events"], symbol="A") == NO_EVENT
    assert said(gap["trend"], symbol="B") == near(**flat_trend(50.0, 514))


def test_an_event_during_a_gap_of_a_year(gap: dict[str, pl.DataFrame]):
    # offset 0 is the first bar back, offset -1 the last before the gap: nothing is known across, -2 and -1 are
    table = gap["event_studies"].filter(pl.col("event_date") == session(300), pl.col("benchmark").is_null())
    assert table["offset"].to_list() == [*range(-126, 2)]
    assert table["session_date"].to_list()[-4:] == [session(n) for n in (258, 259, RETURNED, RETURNED + 1)]
    assert table["cum_return"].to_list() == [0.0] * 126 + [None] * 2
    assert set(table["known_on"][:-1]) == {session(RETURNED)}


def test_seasons_around_a_gap_of_a_year(gap: dict[str, pl.DataFrame]):
    # A, from 2001-01-01 to 12-28, has February to November and the tax-loss season (to 12-21), the pair as well; B,
    # to 2002-12-19, has 22 months, one tax-loss season and one turn of the year; each on two bases
    years = gap["seasonality_years"]
    assert years.group_by("symbol", "benchmark").len().sort("symbol", "benchmark").rows() == [
        ("A", None, 22), ("A", "B", 22), ("B", None, 48),
    ]  # fmt: skip
    assert set(years["value"]) == {0}
    # of B's 12 months, ten have two years
    assert gap["seasonality"].filter(pl.col("symbol") == "B")["n"].value_counts().sort("n").rows() == [(1, 8), (2, 20)]
    assert gap["seasonality"].select("ci_low", "ci_high").null_count().row(0) == (22 + 22 + 28,) * 2


def test_a_drawdown_reaches_across_a_gap():
    # from 100 to 80 over a gap of a year: levels are compared, not returns
    table = computed("drawdowns", bars("A", [90.0, 100.0, *[None] * 252, 80.0, 100.0]))
    assert said(table) == near(
        peak_date=session(1), peak_close=100.0, bear_level=80.0, trough_date=session(254), depth=-0.2,
        confirmed_bear_on=session(254), left_bear_territory_on=session(255), new_bull_on=session(255),
        recovered_on=session(255), is_open=False,
    )  # fmt: skip


# --- a constant price ------------------------------------------------------------------------------------------------


def test_constant_prices():
    # 7.3 and 2.1 are no binary fractions: sums of them carry noise
    found = tables(a_and_b([7.3] * 300, [2.1] * 300))
    # offsets -4 to 252 of one event, alone and against B; the other comes after the last bar;
    # seasons until 2002-02-22: twelve months, the tax-loss season, the turn of the year; three series, two bases each
    assert heights(found) == {
        "returns": 1200, "relative_strength": 600, "valuation_gap": 300, "breadth": 101, "trend": 600,
        "bar_events": 600, "seasonality": 84, "seasonality_years": 84, "event_studies": 514,
    }  # fmt: skip
    flat = flat_trend(7.3, 300)
    leadership = dict.fromkeys(("leadership", "leadership_upper", "leadership_lower"), 0.0)
    assert said(found["trend"], symbol="A") == near(**flat, **leadership)
    # each open is the close before: gaps would say nothing, and an equal bar is neither inside nor outside
    assert said(found["bar_events"], symbol="A") == {**NO_EVENT, "opens_are_reliable": False}
    assert said(found["seasonality"], "bucket_type", "bucket", symbol="A", basis="price") == near(
        n=1, mean=0.0, median=0.0, hit_rate=0.0
    )
    windows = {f"ret_{n}d": 0.0 for n in (1, 5, 6, 10, 21, 63, 126, 252)}
    assert said(found["returns"], symbol="A", basis="price") == near(**windows, ret_ytd=0.0, realized_vol_21d=0.0)
    assert said(found["relative_strength"], basis="price") == near(
        ratio=7.3 / 2.1, ratio_index=100.0, mansfield_252=0.0, is_ratio_high_252=True, regime_63d="down_lagging",
        **{f"spread_{n}d_pp": 0.0 for n in (1, 5, 21, 63, 252)},
        **{f"ratio_change_{n}d": 0.0 for n in (5, 21, 63, 252)},
    )  # fmt: skip
    # the average rank of 300 equal values is 150.5; the session before is as wide
    assert said(found["valuation_gap"]) == near(
        log_price_ratio=math.log(7.3 / 2.1), log_total_ratio=0.0, percentile_expanding=0.5, trend_residual=0.0,
        widest_since=session(298), history_start=session(0), growth_distribution_yield=0.0,
        value_distribution_yield=0.0, growth_distributions_n=0, value_distributions_n=0,
    )  # fmt: skip
    assert said(found["breadth"]) == near(
        members=2, pct_above_sma50=100.0, pct_above_sma200=100.0, pct_at_high_252=100.0, advancers=0, decliners=0,
        rsp_spy_change_20d=0.0, is_broadening=False,
    )  # fmt: skip


# --- a split on the last day -----------------------------------------------------------------------------------------

SESSIONS = 320
RATIO = 3.0
LAST = session(SESSIONS - 1)
# figures that a split restates in another way, or in some rows only
LOGARITHMS = {("valuation_gap", "log_price_ratio")}
OF_SOME_MEASURES = {("records", "value"): pl.col("measure").is_in(["close", "ratio"])}


def captured(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(23), dt.UTC)


def random_bars(symbol: str, seed: int) -> pl.DataFrame:
    """Captures of a random walk with wide bars; four distributions a year, one of them on the last day."""
    source, level, rows = random.Random(seed), 100.0, {}
    for number in range(SESSIONS):
        level *= 1 + source.gauss(0, 0.03)
        rows[session(number)] = level
    paid = {session(number): 0.5 for number in range(SESSIONS - 1, 0, -63)}
    frame = price_captures(symbol, rows, dividend=paid, captured_at=captured(LAST))
    around = {name: [1 + sign * abs(source.gauss(0, 0.02)) for _ in rows] for name, sign in (("high", 1), ("low", -1))}
    return frame.with_columns(
        high=pl.col("close") * pl.Series(around["high"]),
        low=pl.col("close") * pl.Series(around["low"]),
        volume=pl.Series([1000.0 + source.randrange(500) for _ in rows]),
    ).with_columns(open=pl.col("low") + (pl.col("high") - pl.col("low")) * pl.Series([source.random() for _ in rows]))


def history(ratio: float) -> pl.DataFrame:
    """core.prices of A, which splits on the last day (a ratio of 1: it does not), and of B.

    A was captured on the day before; what is captured after the split's session has its new basis.
    """
    a, is_last = random_bars("A", 1), pl.col("session_date") == LAST
    before = a.filter(~is_last).with_columns(captured_at=pl.lit(captured(session(SESSIONS - 2))))
    money = [pl.col(name) / ratio for name in ("open", "high", "low", "close", "dividend", "capital_gain")]
    after = a.filter(is_last).with_columns(*money, pl.col("volume") * ratio, split_ratio=pl.lit(ratio))
    return core_prices(pl.concat([before, after, random_bars("B", 2)]), sessions(SESSIONS), []).prices


@pytest.fixture(scope="module")
def split() -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """All tables without the split, and with it."""
    return tables(history(1.0)), tables(history(RATIO))


def is_restated(name: str, column: str) -> pl.Expr:
    """TRUE in the rows whose figure is a level of A, or of A over B; total-return indexes are on no split basis."""
    columns = contract(name).columns()
    if (name, column) not in OF_SOME_MEASURES and not (columns[column].metadata or {}).get("repaints"):
        return pl.lit(False)
    rows = [OF_SOME_MEASURES.get((name, column), pl.lit(True))]
    rows += [pl.col("symbol") == "A"] if "symbol" in columns else []
    rows += [pl.col("basis") == "price"] if "basis" in columns else []
    return pl.all_horizontal(rows)


def test_the_split_is_one():
    one, split_one = history(1.0), history(RATIO)
    of_a, later = split_one.filter(pl.col("symbol") == "A"), one.filter(pl.col("symbol") == "A")
    assert of_a["close"].to_list() == pytest.approx([close / 3 for close in later["close"]], rel=1e-12)
    assert of_a["close_as_traded"][:-1].to_list() == pytest.approx(later["close"][:-1].to_list(), rel=1e-12)
    assert of_a["close_as_traded"][-1] == pytest.approx(later["close"][-1] / 3, rel=1e-12)
    assert of_a["split_ratio"].to_list() == [1.0] * (SESSIONS - 1) + [RATIO]


@pytest.mark.parametrize("name", TABLES)
def test_a_split_on_the_last_day_restates_levels_and_nothing_else(name: str, split: tuple):
    without, with_split = split[0][name], split[1][name]
    assert without.height > 0
    expected = without.with_columns(
        pl.when(is_restated(name, column))
        .then(pl.col(column) - math.log(RATIO) if (name, column) in LOGARITHMS else pl.col(column) / RATIO)
        .otherwise(column)
        .alias(column)
        for column in without.select(cs.float()).columns
    )
    # figures near zero carry the noise of what they are differences of
    assert_frame_equal(with_split, expected, rel_tol=1e-9, abs_tol=1e-9)


def test_the_split_moves_levels(split: tuple):
    """The comparison above is of something: levels do differ between the builds."""
    for name, column in (
        ("relative_strength", "ratio"),
        ("drawdowns", "peak_close"),
        ("records", "value"),
        ("valuation_gap", "log_price_ratio"),
    ):
        assert (split[0][name][column] - split[1][name][column]).abs().max() > 0.5


# --- an index without opens, highs, lows and volume ------------------------------------------------------------------

UNSAID = ("open", "high", "low", "volume")
NEEDS_THEM = {
    "trend": ("atr_14", "atr_14_pct", "relative_volume_50"),
    "bar_events": (
        "is_gap_up", "is_gap_down", "gap_size", "gap_filled_on", "is_partial_gap_up", "is_partial_gap_down",
        "is_outside_day", "is_negative_outside_day", "is_positive_outside_day", "is_inside_day", "opens_are_reliable",
    ),
}  # fmt: skip


def index_and_fund(n: int = 300) -> pl.DataFrame:
    return pl.concat([bars("A", walk(n, 1), is_fund=False), bars("B", walk(n, 2))])


def without(prices: pl.DataFrame, symbol: str, *columns: str, where: pl.Expr | bool = True) -> pl.DataFrame:
    """The same bars, of which one symbol's lack these columns where the condition holds."""
    lacking = (pl.col("symbol") == symbol) & where
    return prices.with_columns(pl.when(~lacking).then(pl.col(name)).alias(name) for name in columns)


@pytest.mark.parametrize("name", TABLES)
def test_an_index_without_opens_highs_lows_and_volume_has_all_that_closes_tell(name: str):
    prices = index_and_fund()
    found, full = computed(name, without(prices, "A", *UNSAID)), computed(name, prices)
    lacking = NEEDS_THEM.get(name, ())
    assert found.height > 0
    expected = without(full, "A", *lacking) if lacking else full
    assert_frame_equal(found, expected, check_exact=True)
    if lacking:
        of_index = full.filter(pl.col("symbol") == "A")
        assert all(of_index[column].null_count() < of_index.height for column in lacking)
    if "basis" in found.columns:  # an index pays nothing, and a pair with one neither
        assert set(found.filter(pl.col("symbol") == "A")["basis"]) == {"price"}


def test_an_index_by_hand():
    # 100, 120, 90 (-25 %), 120: a bear market of one session that the recovery ends
    index = without(bars("^I", [100.0, 120.0, 90.0, 120.0], is_fund=False), "^I", *UNSAID)
    assert said(computed("drawdowns", index)) == near(
        peak_date=session(1), peak_close=120.0, bear_level=96.0, trough_date=session(2), depth=-0.25,
        confirmed_bear_on=session(2), left_bear_territory_on=session(3), new_bull_on=session(3),
        recovered_on=session(3), is_open=False,
    )  # fmt: skip
    found = computed("returns", index)
    assert set(found["basis"]) == {"price"}
    assert found["ret_1d"].to_list() == [None, *(pytest.approx(x) for x in (0.2, -0.25, 1 / 3))]
    assert said(computed("bar_events", index), row=1) == {"is_ex_dividend": False}
    trend = computed("trend", index)
    assert said(trend, row=2) == near(drawdown=-0.25, is_bear_territory=True, is_correction=True)
    assert said(trend, row=3) == AT_ITS_PEAK


# --- nothing at both ends --------------------------------------------------------------------------------------------


def test_a_pair_begins_and_ends_with_its_shorter_history():
    # B trades on sessions 10 to 209 only: the first rotation is on the 63rd and the 126th common session
    a, b = walk(220, 1), walk(200, 2)
    found = tables(a_and_b(a, [*[None] * 10, *b, *[None] * 10]))
    table = found["relative_strength"].filter(pl.col("basis") == "price")
    assert table["session_date"].to_list() == [session(n) for n in range(10, 210)]
    assert table["rot_ratio"].is_null().to_list() == [True] * 62 + [False] * 138
    assert table["rot_momentum"].is_null().to_list() == [True] * 125 + [False] * 75
    assert table["quadrant"].is_null().to_list() == [True] * 125 + [False] * 75
    assert table["spread_1d_pp"].to_list()[:2] == [
        None, pytest.approx(100 * (a[11] / a[10] - b[1] / b[0])),
    ]  # fmt: skip
    assert found["valuation_gap"]["session_date"].to_list() == table["session_date"].to_list()
    # leadership is of common sessions: an average of 50 ratios, and a band of 20 values of it
    trend = found["trend"].filter(pl.col("symbol") == "A")
    assert trend["leadership"].is_not_null().to_list() == [59 <= n <= 209 for n in range(220)]
    assert trend["leadership_upper"].is_not_null().to_list() == [78 <= n <= 209 for n in range(220)]
    # A is a member from its 200th close, session 199; B has its 200th on its last, session 209
    assert found["breadth"]["members"].to_list() == [1] * 10 + [2] + [1] * 10
    assert found["breadth"]["rsp_spy_change_20d"].is_null().to_list() == [False] * 11 + [True] * 10


def test_volume_that_is_missing_at_both_ends():
    # the mean of the 50 sessions before is first known on session 55, of sessions 5 to 54
    prices = bars("A", walk(100, 1))
    ends = ~pl.col("session_date").is_between(session(5), session(94))
    found = computed("trend", without(prices, "A", "volume", where=ends))
    expected = [1.0 if 55 <= n <= 94 else None for n in range(100)]
    assert found["relative_volume_50"].to_list() == expected
    others = pl.exclude("relative_volume_50")
    assert_frame_equal(found.select(others), computed("trend", prices).select(others), check_exact=True)


CURVES = [
    Curve(curve="10y2y", spread="SPREAD", long_yield="LONG"),
    Curve(curve="10y3m", spread="SPREAD", long_yield="LONG", has_recession_probability=True),
]


def curve_tables(spreads: Closes, long: Closes) -> tuple[pl.DataFrame, pl.DataFrame]:
    every = pl.concat(releases(name, enumerate_days(x)) for name, x in (("SPREAD", spreads), ("LONG", long)))
    return (
        sound("derived.yield_curve_status", yield_curve_status(every, CURVES), YieldCurveStatus),
        sound("derived.yield_curve_inversions", yield_curve_inversions(every, CURVES), YieldCurveInversions),
    )


def enumerate_days(values: Closes) -> list[tuple]:
    return [(session(number), value) for number, value in enumerate(values)]


def test_a_curve_whose_first_and_last_values_are_missing():
    # sessions 1 to 29: inverted by ten basis points for 21 observations, then +0.05; from the 21st observation,
    # session 21, to 29 the move over 20 observations is known; the long yield lacks sessions 1 and 29 as well
    spreads = [None, *[-0.1] * 21, *[0.05] * 8, None, None]
    long = [None, None, *[4.0] * 27, None, None, None]
    status, spells = curve_tables(spreads, long)
    status = status.filter(pl.col("curve") == "10y2y")
    assert status["observed_on"].to_list() == [session(n) for n in range(1, 30)]
    state = ["inverted"] * 21 + ["uninverting"] * 5 + ["post_inversion"] * 3
    assert status["state"].to_list() == state
    assert status["days_in_state"].to_list() == [*range(1, 22), *range(1, 6), *range(1, 4)]
    assert status["change_20_pp"].to_list() == [None] * 20 + [0.0] + [pytest.approx(0.15)] * 8
    # session 21 compares with 1, where the long yield is missing (and nothing has moved); 29 has none itself;
    # between, the long yield stands and the short one falls by 0.15
    assert status["steepening"].to_list() == [None] * 21 + ["bull_steepening"] * 7 + [None]
    # the sixth non-negative observation is session 27
    assert said(spells, curve="10y2y", variant="sustained") == near(
        start_date=session(1), sustained_on=session(20), observations=21, min_spread_pp=-0.1, min_date=session(1),
        end_date=session(21), uninverted_on=session(22), confirmed_on=session(27), is_open=False,
        available_at=dt.datetime.combine(session(27), dt.time(22, 1), dt.UTC),
    )  # fmt: skip
    assert said(spells, curve="10y2y", variant="raw") == near(
        start_date=session(1), observations=21, min_spread_pp=-0.1, min_date=session(1), end_date=session(21),
        uninverted_on=session(22), confirmed_on=session(22), is_open=False,
        available_at=dt.datetime.combine(session(22), dt.time(22, 1), dt.UTC),
    )  # fmt: skip


def test_a_spell_that_is_cut_off_by_missing_values_stays_open():
    # two inverted observations, then nothing: not confirmed, and a month that has not ended has no probability
    status, spells = curve_tables([None, -0.1, -0.2, None, None], [None] * 5)
    assert said(status, curve="10y3m", row=-1) == near(
        observed_on=session(2), available_at=dt.datetime.combine(session(2), dt.time(22, 1), dt.UTC), spread_pp=-0.2,
        is_inverted=True, state="inverted", days_in_state=2, spell_start=session(1),
    )  # fmt: skip
    assert spells["variant"].to_list() == ["raw", "raw"]
    assert said(spells, curve="10y2y") == near(
        variant="raw", start_date=session(1), observations=2, min_spread_pp=-0.2, min_date=session(2), is_open=True
    )


@pytest.mark.parametrize("values", [[], [None, None]])
def test_a_curve_without_values_has_no_rows(values: Closes):
    full = curve_tables([0.1] * 30, [4.0] * 30)
    for table, like in zip(curve_tables(values, values), full, strict=True):
        assert table.is_empty()
        assert table.schema == like.schema


# --- histories that do not overlap, and nothing at all ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["relative_strength", "valuation_gap"])
def test_a_pair_whose_histories_do_not_overlap_has_no_rows(name: str):
    apart = a_and_b(walk(300, 1), [*[None] * 300, *walk(280, 2)])
    assert computed(name, apart).is_empty()


def test_what_a_pair_adds_to_other_tables_is_missing_where_histories_do_not_overlap():
    found = tables(a_and_b(walk(300, 1), [*[None] * 300, *walk(280, 2)]))
    assert found["trend"].select("leadership", "leadership_upper").null_count().row(0) == (580, 580)
    assert set(found["seasonality"]["benchmark"]) == set(found["event_studies"]["benchmark"]) == {None}
    assert found["records"]["benchmark"].null_count() == found["records"].height > 0
    assert set(found["breadth"]["members"]) == {1}
    assert (
        found["breadth"].select("rsp_spy_change_20d", "is_broadening").null_count().row(0)
        == (found["breadth"].height,) * 2
    )


@pytest.mark.parametrize("name", TABLES)
def test_no_prices_give_an_empty_table_of_the_same_columns(name: str):
    full = index_and_fund()
    empty = computed(name, full.clear())
    assert empty.is_empty()
    assert empty.schema == computed(name, full).schema
