"""derived.trend without its phases: definitions, section 3."""

import math
import random
import statistics

import polars as pl
import pytest
from builders import bars, session, walk
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.contracts.derived.trend import Trend
from pipeline.transforms.trend import trend
from pipeline.writing import checked

LEVELS = ["sma_50", "sma_200", "ema_21", "bollinger_upper", "bollinger_lower", "atr_14"]
PHASES = ["phase_raw", "phase", "days_in_phase", "is_phase_confirmed"]
# definitions, section 8
RSI_CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931, 46.0328, 45.6140,
    46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521, 45.7137, 46.4515, 45.7835, 45.3548,
    44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
]  # fmt: skip
RSI = [
    70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46, 41.87, 45.46,
    37.30, 33.08, 37.77,
]  # fmt: skip


def with_ranges(prices: pl.DataFrame, highs: list, lows: list) -> pl.DataFrame:
    kind = pl.Float64
    return prices.with_columns(high=pl.Series(highs, dtype=kind), low=pl.Series(lows, dtype=kind))


def of(closes: list, volumes: list | None = None) -> pl.DataFrame:
    """Trend of one symbol, A, whose bars are flat; None is a session without a bar."""
    prices = bars("A", closes)
    if volumes is not None:
        prices = prices.with_columns(volume=pl.Series(volumes, dtype=pl.Float64))
    return trend(prices, "SPY")


def against(closes: list, benchmark: list) -> pl.DataFrame:
    table = trend(pl.concat([bars("A", closes), bars("SPY", benchmark)]), "SPY")
    return table.filter(pl.col("symbol") == "A")


# --- averages and oscillators by hand -------------------------------------------------------------------------------


def test_rsi_on_the_published_example():
    found = of(RSI_CLOSES)["rsi_14"].to_list()
    assert found == [None] * 14 + [pytest.approx(value, abs=0.005) for value in RSI]


def test_rsi_without_losses_is_100_without_gains_0_and_without_moves_50():
    assert of([10.0 + i for i in range(20)])["rsi_14"].to_list()[14:] == [100.0] * 6
    assert of([40.0 - i for i in range(20)])["rsi_14"].to_list()[14:] == [0.0] * 6
    assert of([7.3] * 20)["rsi_14"].to_list() == [None] * 14 + [50.0] * 6
    # what a split ratio such as 1/3 leaves behind is no move
    assert of([7.3, 7.3 * (1 + 2e-16)] * 10)["rsi_14"].to_list()[14:] == [50.0] * 6


def test_ema_by_hand():
    # mean of 1 to 21 is 11; then 11 + 2/22 x (22 - 11) = 12, and 12 + (34 - 12) / 11 = 14
    found = of([float(i) for i in range(1, 23)] + [34.0])["ema_21"].to_list()
    assert found == [None] * 20 + [pytest.approx(x) for x in (11, 12, 14)]


def test_atr_by_hand():
    # closes rise by 3, highs and lows are 1 off: the range from the close before is 3 + 1 = 4, that of the bar 2;
    # the first bar's own range of 200 does not count. Then a bar that falls by 17, its low 1 below: (13 x 4 + 18) / 14
    closes = [100.0 + 3 * i for i in range(15)] + [125.0]
    highs, lows = [close + 1 for close in closes], [close - 1 for close in closes]
    highs[0], lows[0] = 200.0, 0.0
    found = trend(with_ranges(bars("A", closes), highs, lows), "SPY")
    assert found["atr_14"].to_list() == [None] * 14 + [pytest.approx(4), pytest.approx(5)]
    assert found["atr_14_pct"].to_list()[14:] == [pytest.approx(400 / 142), pytest.approx(4)]


def test_a_bar_without_high_or_low_has_no_atr_and_the_mean_goes_on():
    # true ranges are 4 but for 18 on the 17th bar: the 16th, without a high, is passed over; the low alone is nothing
    closes = [100.0 + 3 * i for i in range(16)] + [128.0]
    highs: list = [close + 1 for close in closes]
    lows: list = [close - 1 for close in closes]
    highs[15] = None
    found = trend(with_ranges(bars("A", closes), highs, lows), "SPY")["atr_14"].to_list()
    assert found[14:] == [pytest.approx(4), None, pytest.approx(5)]
    lows[7] = None  # within the seed: the 14 true ranges are complete one bar later
    assert trend(with_ranges(bars("A", closes), highs, lows), "SPY")["atr_14"].to_list()[14:16] == [None, None]


def test_bollinger_by_hand():
    # ten times 9 and ten times 11: mean 10, population SD 1, bands 8 and 12; of 11 %B is (11 - 8) / 4
    row = of([9.0, 11.0] * 10).row(19, named=True)
    assert (row["bollinger_upper"], row["bollinger_lower"]) == (pytest.approx(12), pytest.approx(8))
    assert row["bollinger_pct_b"] == pytest.approx(0.75)


def test_pct_b_is_not_clipped():
    # 19 times 10 and once 30: mean 11, SD sqrt(19 + 361) / sqrt(20) = 4.3589; (19 + 8.7178) / 17.4356 = 1.5897
    up, down = [10.0] * 19 + [30.0], [30.0] * 19 + [10.0]
    assert of(up)["bollinger_pct_b"][19] == pytest.approx(0.5 + 19 / (4 * math.sqrt(19)))
    assert of(down)["bollinger_pct_b"][19] == pytest.approx(0.5 - 19 / (4 * math.sqrt(19)))


def test_the_bands_stand_on_population_sds():
    # the sample SD of 20 values would be 1.02598 times as large: definitions 8.4
    row = of(RSI_CLOSES).row(19, named=True)
    width = row["bollinger_upper"] - row["bollinger_lower"]
    assert 4 * statistics.stdev(RSI_CLOSES[:20]) / width == pytest.approx(1.02598, abs=5e-6)


def test_distance_in_sds():
    # 25 times 9 and 25 times 11: 11 is one population SD above the mean of 10
    assert of([9.0, 11.0] * 25)["distance_sma50_sd"].to_list()[49] == pytest.approx(1)


def test_momentum_by_hand():
    # 199 closes of 100, one of 300: the mean is 101, so 100 x (300 / 101 - 1) = 197.03
    found = of([100.0] * 199 + [300.0])["momentum_200"].to_list()
    assert found[198:] == [None, pytest.approx(19900 / 101)]


def test_momentum_bands_by_hand():
    # a price of 100 for 199 sessions, then 100 x (1 + k): the first momentum is that of the hand example, 0 before it
    row = of([100.0] * 248 + [300.0]).row(248, named=True)
    last = 19900 / 101
    mean, sd = last / 50, last * math.sqrt(49) / 50  # of 49 zeros and one value x: mean x/50, SD x sqrt(49)/50
    assert row["momentum_200_sma50"] == pytest.approx(mean)
    assert row["momentum_200_upper"] == pytest.approx(mean + 2 * sd)
    assert row["momentum_200_lower"] == pytest.approx(mean - 2 * sd)
    assert row["momentum_200_sma200"] is None


def test_first_values():
    found = of(walk(460, 1))
    first = {name: found[name].is_not_null().arg_max() + 1 for name in Trend.column_names()[2:] if found[name].count()}
    assert {name: bar for name, bar in first.items() if name not in PHASES} == {
        "sma_50": 50, "sma_200": 200, "ema_21": 21, "rsi_14": 15, "bollinger_upper": 20, "bollinger_lower": 20,
        "bollinger_pct_b": 20, "distance_sma50_sd": 50, "momentum_200": 200, "momentum_200_sma50": 249,
        "momentum_200_sma200": 399, "momentum_200_upper": 249, "momentum_200_lower": 249, "sma_50_slope_20": 70,
        "sma_200_slope_20": 220, "closes_above_sma50": 50, "atr_14": 15, "atr_14_pct": 15, "high_252_distance": 252,
        "is_high_252": 252, "is_low_252": 252, "relative_volume_50": 51, "drawdown": 1, "is_bear_territory": 1,
        "is_correction": 1,
    }  # fmt: skip


# --- leadership -----------------------------------------------------------------------------------------------------


def test_leadership_by_hand():
    # ratio 1 for 49 sessions, then 51: its mean is 2, so 100 x (51 / 2 - 1)
    found = against([10.0] * 49 + [510.0], [10.0] * 50)["leadership"].to_list()
    assert found == [None] * 49 + [pytest.approx(2450)]


def test_leadership_counts_common_sessions_only():
    # the benchmark lacks session 3, where A is 999: no leadership there, and the window passes over it
    a, benchmark = [10.0] * 50 + [510.0], [10.0] * 51
    a[3], benchmark[3] = 999.0, None
    found = against(a, benchmark)["leadership"].to_list()
    assert found == [None] * 50 + [pytest.approx(2450)]
    longer = against([*a, 10.0, 10.0], [*benchmark, None, 10.0])["leadership"].to_list()
    assert [x is None for x in longer[50:]] == [False, True, False]


def test_a_benchmark_has_no_leadership_and_without_one_nobody_has():
    closes = walk(120, 1)
    prices = pl.concat([bars("A", closes), bars("SPY", closes)])
    assert trend(prices, "SPY").filter(pl.col("symbol") == "SPY")["leadership"].null_count() == 120
    assert trend(prices, "NONE")["leadership"].null_count() == 240
    apart = against([*closes, *[None] * 120], [*[None] * 120, *closes])
    assert apart["leadership"].null_count() == 120


@pytest.mark.parametrize(("missing", "is_kept"), [(10, True), (11, False)])
def test_a_long_gap_of_the_benchmark_breaks_leadership_and_nothing_else(missing: int, is_kept: bool):
    closes = walk(60 + missing, 1)
    row = against(closes, [10.0] * 30 + [None] * missing + [10.0] * 30).row(59 + missing, named=True)
    assert (row["leadership"] is not None) == is_kept
    assert row["sma_50"] is not None


# --- counts, volumes, extremes --------------------------------------------------------------------------------------


def test_closes_above_their_average_in_a_row():
    # at or above 10 while the mean of 50 is near it; 9 is below; the mean of fifty equal closes is a tie
    closes = [10.0] * 51 + [9.0, 11.0, 12.0, 9.0]
    assert of(closes)["closes_above_sma50"].to_list() == [None] * 49 + [1, 2, 0, 1, 2, 0]


def test_slopes_by_hand():
    # closes 1 to 70: the mean of the last 50 is 45.5, twenty sessions earlier 25.5
    assert of([float(i) for i in range(1, 71)])["sma_50_slope_20"][69] == pytest.approx(45.5 / 25.5 - 1)


def test_relative_volume_by_hand():
    # 49 sessions of 100 and one of 0 before: the mean is 98; today's 196 is twice that and not part of it
    found = of([10.0] * 52, [0.0] + [100.0] * 49 + [196.0, 0.0])["relative_volume_50"].to_list()
    assert found == [None] * 50 + [pytest.approx(2), None]


def test_relative_volume_without_volumes():
    assert of([10.0] * 60, [None] * 60)["relative_volume_50"].null_count() == 60
    assert of([10.0] * 60, [0.0] * 59 + [5.0])["relative_volume_50"].null_count() == 60
    one_missing = of([10.0] * 60, [100.0] * 5 + [None] + [100.0] * 54)["relative_volume_50"].to_list()
    assert [x is not None for x in one_missing] == [i >= 56 for i in range(60)]


def test_nothing_traded_for_fifty_sessions_gives_no_relative_volume():
    # after odd volumes a rolling mean of zeros may be 1e-10 instead
    odd = [[source.lognormvariate(10, 3) for _ in range(60)] for source in map(random.Random, range(40))]
    prices = pl.concat(
        bars(f"{i:02}", [10.0] * 111).with_columns(volume=pl.Series([*volumes, *[0.0] * 50, 3.0]))
        for i, volumes in enumerate(odd)
    )
    last = trend(prices, "SPY").group_by("symbol").last()
    assert last["relative_volume_50"].to_list() == [None] * 40


def test_highs_and_lows_of_a_year_count_today_and_ties():
    rising = of([100.0 + i for i in range(253)]).row(252, named=True)
    assert (rising["is_high_252"], rising["is_low_252"], rising["high_252_distance"]) == (True, False, 0)
    # 200 left the window of 252 closes: 150, of the window's last day and its first, is the highest
    falling = of([200.0, 150.0] + [100.0] * 250 + [150.0]).row(252, named=True)
    assert (falling["is_high_252"], falling["high_252_distance"]) == (True, 0)
    below = of([200.0] + [100.0] * 250 + [50.0]).row(251, named=True)
    assert (below["is_high_252"], below["is_low_252"]) == (False, True)
    assert below["high_252_distance"] == pytest.approx(-0.75)


@pytest.mark.parametrize(("last", "is_high"), [(100 * (1 - 5e-10), True), (100 * (1 - 2e-9), False)])
def test_a_high_within_a_billionth_is_equal(last: float, is_high: bool):
    assert of([100.0] + [50.0] * 250 + [last])["is_high_252"][251] is is_high


@pytest.mark.parametrize(("last", "is_low"), [(100 * (1 + 5e-10), True), (100 * (1 + 2e-9), False)])
def test_a_low_within_a_billionth_is_equal(last: float, is_low: bool):
    assert of([100.0] + [150.0] * 250 + [last])["is_low_252"][251] is is_low


def test_drawdown_by_hand():
    found = of([80.0, 100.0, 90.0, 90.01, 80.0, 80.01, 120.0])
    assert found["drawdown"].to_list() == [pytest.approx(x) for x in (0, 0, -0.1, -0.0999, -0.2, -0.1999, 0)]
    assert found["is_correction"].to_list() == [False, False, True, False, True, True, False]
    assert found["is_bear_territory"].to_list() == [False, False, False, False, True, False, False]


@pytest.mark.parametrize(("last", "is_bear"), [(80 * (1 + 5e-10), True), (80 * (1 + 2e-9), False)])
def test_a_threshold_within_a_billionth_is_reached(last: float, is_bear: bool):
    assert of([100.0, last])["is_bear_territory"][1] is is_bear


def test_a_gap_leaves_the_running_maximum():
    assert of([100.0, *[None] * 300, 60.0])["drawdown"].to_list() == [0, pytest.approx(-0.4)]


# --- gaps and edges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("missing", "starts_over"), [(10, False), (11, True), (252, True)])
def test_recursive_figures_start_over_after_a_long_gap(missing: int, starts_over: bool):
    before, after = walk(100, 1), walk(100, 2)
    gapped, alone = of([*before, *[None] * missing, *after]), of(after)
    for name, first in (("ema_21", 20), ("rsi_14", 14), ("atr_14", 14)):
        found = gapped[name].to_list()[100:]
        if starts_over:
            assert found == alone[name].to_list()
        else:
            assert None not in found
            assert found[first] != pytest.approx(alone[name][first], rel=1e-4)


@pytest.mark.parametrize(("name", "bars_needed"), [("ema_21", 21), ("rsi_14", 15), ("atr_14", 15)])
def test_small_holes_add_up_and_only_hide_a_recursive_figure(name: str, bars_needed: int):
    closes = walk(120, 3)
    holes = of([*closes[:60], *[None] * 6, *closes[60:65], *[None] * 5, *closes[65:]])[name].to_list()
    whole = of(closes)[name].to_list()
    # both holes lie in the window of the bars from the 66th on, until the older one leaves it
    hidden = range(65, 60 + bars_needed - 1)
    assert [x is None for x in holes] == [i in hidden or i < bars_needed - 1 for i in range(120)]
    assert [x for x in holes if x is not None] == [x for i, x in enumerate(whole) if x and i not in hidden]


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_short_histories_keep_the_contract(rows: int):
    table = checked("derived.trend", of(walk(rows, 1) if rows else []), Trend)
    assert table.height == rows
    filled = {"symbol", "session_date", "drawdown", "is_bear_territory", "is_correction"}
    assert {name for name in table.columns if table[name].null_count() < rows} == (filled if rows else set())


@pytest.mark.parametrize("price", [7.3, 0.1, 1234.567])
def test_constant_prices(price: float):
    wild = [abs(100 + 90 * math.sin(i * i)) for i in range(100)]
    table = against([*wild, *[price] * 450], [50.0] * 550)
    row = table.row(549, named=True)
    assert row["bollinger_pct_b"] is None and row["distance_sma50_sd"] is None
    assert table["bollinger_pct_b"].to_list()[-431:] == [None] * 431
    for name in ("sma_50", "sma_200", "bollinger_upper", "bollinger_lower", "ema_21"):
        assert row[name] == pytest.approx(price, rel=1e-9)
    zero = ("momentum_200", "momentum_200_sma200", "momentum_200_upper", "leadership", "leadership_lower")
    for name in (*zero, "sma_200_slope_20", "high_252_distance", "atr_14"):
        assert row[name] == pytest.approx(0, abs=1e-9)
    assert (row["is_high_252"], row["is_low_252"], row["relative_volume_50"]) == (True, True, 1)
    assert (row["closes_above_sma50"] >= 400, row["phase"]) == (True, "bullish")
    figures = table.select(pl.selectors.float())
    assert not figures.select(pl.any_horizontal(pl.all().is_nan() | pl.all().is_infinite()).any()).item()


def test_symbols_are_kept_apart():
    a, b = walk(300, 1), walk(300, 2)
    both = trend(pl.concat([bars("A", a), bars("B", b)]), "SPY")
    assert_frame_equal(both.filter(pl.col("symbol") == "A"), of(a), check_exact=True)
    assert_frame_equal(both.filter(pl.col("symbol") == "B").drop("symbol"), of(b).drop("symbol"), check_exact=True)


# --- plain Python ---------------------------------------------------------------------------------------------------


def random_prices(symbol: str, seed: int, n: int) -> pl.DataFrame:
    """Bars with ranges, stretches of one price, holes, and highs, lows and volumes that are missing or 0."""
    source = random.Random(seed)
    hole, absent = source.choice([0, 0.003, 0.03]), source.choice([0, 0.01, 0.1])
    closes: list = [100.0]
    while len(closes) < n:
        if source.random() < hole:
            closes.extend([None] * source.choice([1, 4, 6, 10, 11, 30]))
        last = [close for close in closes if close is not None][-1]
        stays = source.random() < 0.01
        closes.extend([last] * 30 if stays else [last * (1 + source.gauss(0, 0.02))])

    def maybe(x: float) -> float | None:
        return None if source.random() < absent else x

    prices = bars(symbol, closes)
    spans = [(maybe(c * (1 + source.random() / 50)), maybe(c * (1 - source.random() / 50))) for c in prices["close"]]
    volumes = pl.Series([maybe(source.choice([0.0, 1e3, 5e6, 7e9])) for _ in spans], dtype=pl.Float64)
    return with_ranges(prices, [high for high, _ in spans], [low for _, low in spans]).with_columns(volume=volumes)


def last_values(x: list, numbers: list[int], t: int, n: int) -> list | None:
    """The n values up to t, or None where they are not full or more than ten sessions are missing among them."""
    if t < n - 1 or numbers[t] - numbers[t - n + 1] - (n - 1) > 10:
        return None
    window = x[t - n + 1 : t + 1]
    return None if None in window else window


def mean(window: list | None) -> float | None:
    return None if window is None else math.fsum(window) / len(window)


def sd(window: list) -> float:
    """Population SD; statistics.pstdev is exact and slow."""
    centre = mean(window)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in window) / len(window))


def means(x: list, numbers: list[int], n: int) -> list:
    return [mean(last_values(x, numbers, t, n)) for t in range(len(x))]


def bands(x: list, numbers: list[int], n: int, sign: int) -> list:
    windows = [last_values(x, numbers, t, n) for t in range(len(x))]
    return [None if w is None else mean(w) + sign * 2 * sd(w) for w in windows]


def sds_off(x: list, numbers: list[int], n: int) -> list:
    windows = [last_values(x, numbers, t, n) for t in range(len(x))]
    return [None if w is None or min(w) == max(w) else (w[-1] - mean(w)) / sd(w) for w in windows]


def smoothed(x: list, numbers: list[int], n: int, weight: float) -> list:
    """Seeded exponential mean that starts over after a gap; x of a first bar after a gap is what the caller gives."""
    result, seed, now = [], [], None
    for t, value in enumerate(x):
        if t and numbers[t] - numbers[t - 1] > 11:
            seed, now = [], None
        if value is not None:
            seed.append(value)
            if len(seed) == n:
                now = math.fsum(seed) / n
            elif len(seed) > n:
                now = now + weight * (value - now)
        result.append(now if value is not None else None)
    return result


def true_ranges(close: list, high: list, low: list, numbers: list[int]) -> list:
    result: list = [None]
    for t in range(1, len(close)):
        before = close[t - 1]
        broken = numbers[t] - numbers[t - 1] > 11 or high[t] is None or low[t] is None
        result.append(None if broken else max(high[t] - low[t], abs(high[t] - before), abs(low[t] - before)))
    return result


def kept(x: list, numbers: list[int], back: int) -> list:
    """Values whose row `back` bars earlier exists, at most ten sessions missing in between."""
    return [v if t >= back and numbers[t] - numbers[t - back] - back <= 10 else None for t, v in enumerate(x)]


def shares(a: list, b: list, *, less: float = 1.0, times: float = 1.0) -> list:
    return [None if None in (x, y) else times * (x / y - less) for x, y in zip(a, b, strict=True)]


def expected_trend(prices: pl.DataFrame, benchmark: dict[int, float]) -> dict[str, list]:
    """Every column but the phases, as the definition says it."""
    columns = {name: prices[name].to_list() for name in ("session_no", "close", "high", "low", "volume")}
    numbers, close, high, low, volume = columns.values()
    return (
        expected_averages(close, numbers)
        | expected_recursive(close, high, low, numbers)
        | expected_leadership(close, numbers, benchmark)
        | expected_extremes(close, numbers)
        | {"relative_volume_50": expected_volume(volume, numbers)}
    )


def expected_averages(close: list, numbers: list[int]) -> dict[str, list]:
    out: dict[str, list] = {f"sma_{n}": means(close, numbers, n) for n in (50, 200)}
    for n in (50, 200):
        sma = out[f"sma_{n}"]
        out[f"sma_{n}_slope_20"] = kept(shares(sma, [*[None] * 20, *sma][: len(sma)]), numbers, 20)
    upper, lower = (bands(close, numbers, 20, sign) for sign in (1, -1))
    out |= {"bollinger_upper": upper, "bollinger_lower": lower}
    out["bollinger_pct_b"] = [
        None if u is None or len(set(close[t - 19 : t + 1])) == 1 else (close[t] - low) / (u - low)
        for t, (u, low) in enumerate(zip(upper, lower, strict=True))
    ]
    out["distance_sma50_sd"] = sds_off(close, numbers, 50)
    momentum = out["momentum_200"] = shares(close, out["sma_200"], times=100)
    out["momentum_200_sma50"], out["momentum_200_sma200"] = (means(momentum, numbers, n) for n in (50, 200))
    out["momentum_200_upper"], out["momentum_200_lower"] = (bands(momentum, numbers, 50, sign) for sign in (1, -1))
    run: list = []
    for c, sma in zip(close, out["sma_50"], strict=True):
        before = run[-1] if run and run[-1] else 0
        run.append(None if sma is None else before + 1 if c >= sma * (1 - 1e-9) else 0)
    return out | {"closes_above_sma50": run}


def expected_recursive(close: list, high: list, low: list, numbers: list[int]) -> dict[str, list]:
    moves = [None] + [
        None if numbers[t] - numbers[t - 1] > 11 else close[t] - close[t - 1] for t in range(1, len(close))
    ]
    gains, losses = (
        smoothed([m if m is None else max(sign * m, 0) for m in moves], numbers, 14, 1 / 14) for sign in (1, -1)
    )
    rsi = [
        None if up is None else 50 if up + down <= 1e-12 * c else 100 - 100 / (1 + up / down) if down else 100
        for up, down, c in zip(gains, losses, close, strict=True)
    ]
    atr = kept(smoothed(true_ranges(close, high, low, numbers), numbers, 14, 1 / 14), numbers, 14)
    return {
        "ema_21": kept(smoothed(close, numbers, 21, 2 / 22), numbers, 20),
        "rsi_14": kept(rsi, numbers, 14),
        "atr_14": atr,
        "atr_14_pct": shares(atr, close, less=0, times=100),
    }


def expected_leadership(close: list, numbers: list[int], benchmark: dict[int, float]) -> dict[str, list]:
    common = [t for t, number in enumerate(numbers) if number in benchmark]
    days = [numbers[t] for t in common]
    ratio = [close[t] / benchmark[numbers[t]] for t in common]
    lead = shares(ratio, means(ratio, days, 50), times=100)
    values = {
        "leadership": lead,
        "leadership_upper": bands(lead, days, 20, 1),
        "leadership_lower": bands(lead, days, 20, -1),
    }
    by_row = {name: dict(zip(common, column, strict=True)) for name, column in values.items()}
    return {name: [column.get(t) for t in range(len(close))] for name, column in by_row.items()}


def expected_extremes(close: list, numbers: list[int]) -> dict[str, list]:
    years = [last_values(close, numbers, t, 252) for t in range(len(close))]
    falls = [c / max(close[: t + 1]) - 1 for t, c in enumerate(close)]
    return {
        "high_252_distance": [None if y is None else y[-1] / max(y) - 1 for y in years],
        "is_high_252": [None if y is None else y[-1] >= max(y) * (1 - 1e-9) for y in years],
        "is_low_252": [None if y is None else y[-1] <= min(y) * (1 + 1e-9) for y in years],
        "drawdown": falls,
        "is_bear_territory": [fall <= -0.2 + 1e-9 for fall in falls],
        "is_correction": [fall <= -0.1 + 1e-9 for fall in falls],
    }


def expected_volume(volume: list, numbers: list[int]) -> list:
    before = [volume[t - 50 : t] if t >= 50 else [None] for t in range(len(volume))]
    usual = [None if None in window else mean(window) for window in before]
    return kept([v / u if v and u else None for v, u in zip(volume, usual, strict=True)], numbers, 50)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**9))
def test_everything_equals_plain_python(seed: int):
    prices, benchmark = random_prices("A", seed, 480), random_prices("SPY", seed + 1, 480)
    found = trend(pl.concat([prices, benchmark]), "SPY").filter(pl.col("symbol") == "A")
    closes = dict(benchmark.select("session_no", "close").iter_rows())
    expected = expected_trend(prices, closes)
    assert set(expected) == set(Trend.column_names()) - {"symbol", "session_date", *PHASES}
    table = pl.DataFrame(expected, schema={name: found.schema[name] for name in expected})
    assert_frame_equal(found.select(table.columns), table, check_exact=False, rel_tol=1e-9, abs_tol=1e-9)


def test_the_comparison_sees_every_column_with_and_without_values():
    counts = dict.fromkeys(Trend.column_names(), 0)
    for seed in range(4):
        prices = pl.concat([random_prices("A", 10 * seed, 480), random_prices("SPY", 10 * seed + 1, 480)])
        table = trend(prices, "SPY")
        counts = {name: counts[name] + table[name].count() for name in counts}
    assert min(counts.values()) > 50


# --- properties -----------------------------------------------------------------------------------------------------


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1 / 3, 0.25, 10.0, 1 / 7]))
def test_a_split_restates_levels_and_nothing_else(seed: int, factor: float):
    prices = pl.concat([random_prices("A", seed, 460), random_prices("SPY", seed + 1, 460)])
    restated = prices.with_columns(
        pl.when(pl.col("symbol") == "A").then(factor).otherwise(1.0).alias("factor")
    ).with_columns(
        *(pl.col(name) * pl.col("factor") for name in ("high", "low", "close")),
        volume=pl.col("volume") / pl.col("factor"),
    )
    one, other = trend(prices, "SPY"), trend(restated.drop("factor"), "SPY")
    assert_frame_equal(one.drop(LEVELS), other.drop(LEVELS), check_exact=False, rel_tol=1e-9, abs_tol=1e-9)
    a = pl.col("symbol") == "A"
    scaled = one.filter(a).select(pl.col(LEVELS) * factor)
    assert_frame_equal(scaled, other.filter(a).select(LEVELS), check_exact=False, rel_tol=1e-9)


def test_the_contract_says_which_columns_repaint():
    metadata = {name: column.metadata or {} for name, column in Trend.columns().items()}
    assert [name for name, said in metadata.items() if said.get("repaints")] == LEVELS


@pytest.mark.parametrize("cut", [0, 13, 60, 199, 252, 377, 470, 478])
def test_no_row_looks_ahead(cut: int):
    prices = pl.concat(random_prices(name, seed, 480) for name, seed in (("A", 5), ("B", 6), ("SPY", 7)))
    known = pl.col("session_date") <= session(cut)
    assert_frame_equal(trend(prices.filter(known), "SPY"), trend(prices, "SPY").filter(known), check_exact=True)
