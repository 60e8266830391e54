"""derived.records, "the best since": definitions, section 2."""

import random
import statistics
from datetime import date

import polars as pl
import pytest
from builders import bars, column, session
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.contracts.derived.moves import Records
from pipeline.transforms.records import records
from pipeline.writing import checked

WINDOWS = {"ret_1d": 1, "ret_5d": 5, "ret_6d": 6, "ret_10d": 10, "ret_21d": 21, "close": 1}
WINDOWS |= {
    "spread_1d_pp": 1,
    "spread_5d_pp": 5,
    "spread_6d_pp": 6,
    "spread_10d_pp": 10,
    "spread_21d_pp": 21,
    "ratio": 1,
}
Closes = list[float | None]


def close_records(closes: Closes, direction: str = "high", measure: str = "close") -> dict[int, dict]:
    """Records of one measure of one symbol on the price basis, by session number."""
    number = {session(i): i for i in range(len(closes))}
    table = records(bars("A", closes), []).filter(
        pl.col("benchmark").is_null(),
        pl.col("basis") == "price",
        pl.col("measure") == measure,
        pl.col("direction") == direction,
    )
    return {number[row["session_date"]]: row for row in table.to_dicts()}


# --- by hand --------------------------------------------------------------------------------------------------------


def test_the_latest_session_at_least_as_high_ends_the_record():
    # 30 at session 0, 20 at session 3, else 10, and 15 on session 40: the latest at least as high is session 3
    closes = [10.0] * 41
    closes[0], closes[3], closes[40] = 30.0, 20.0, 15.0
    found = close_records(closes)[40]
    assert (found["since_date"], found["sessions_since"]) == (session(3), 37)
    assert (found["is_all_time"], found["history_start"], found["value"]) == (False, session(0), 15.0)


def test_the_low_is_the_mirror_image():
    closes = [10.0] * 41
    closes[0], closes[3], closes[40] = 3.0, 5.0, 6.0
    found = close_records(closes, "low")[40]
    assert (found["since_date"], found["sessions_since"]) == (session(3), 37)


def test_a_tie_ends_the_record():
    closes = [10.0] * 60
    closes[5], closes[10], closes[50] = 20.0, 15.0, 15.0
    assert close_records(closes)[50]["since_date"] == session(10)


@pytest.mark.parametrize(("earlier", "since"), [(1 - 5e-10, 10), (1 - 2e-9, 5), (1 + 5e-10, 10)])
def test_levels_within_a_billionth_are_a_tie(earlier: float, since: int):
    closes = [10.0] * 60
    closes[5], closes[10], closes[50] = 20.0, 15.0 * earlier, 15.0
    assert close_records(closes)[50]["since_date"] == session(since)


@pytest.mark.parametrize(("sessions_since", "is_published"), [(20, False), (21, True), (22, True)])
def test_a_record_reaches_at_least_its_window_and_twenty_sessions_back(sessions_since: int, is_published: bool):
    closes = [10.0] * 100
    closes[50 - sessions_since], closes[50] = 20.0, 15.0
    assert (50 in close_records(closes)) == is_published


def test_overlapping_windows_of_the_same_move_do_not_count():
    # A jump of 50 % at session 300 is in the five-day returns of 300 to 304; they are equal, but overlap, so each of
    # them is compared with sessions at least five earlier, and the 60 % jump at 90 was last seen on session 94.
    closes = [10.0] * 330
    for i in range(90, 100):
        closes[i] = 16.0
    for i in range(300, 330):
        closes[i] = 15.0
    found = close_records(closes, measure="ret_5d")
    assert {i: found[i]["since_date"] for i in range(300, 305)} == dict.fromkeys(range(300, 305), session(94))
    assert [found[i]["sessions_since"] for i in range(300, 305)] == [206, 207, 208, 209, 210]
    assert 305 not in found


@pytest.mark.parametrize("measure", ["ret_5d", "ret_21d"])
def test_a_single_jump_is_one_record(measure: str):
    closes: Closes = [100.0] * 400
    closes[300] = 110.0  # one window ends up by a tenth, the later ones are no record
    found = close_records(closes, measure=measure)
    assert found[300]["is_all_time"] is True
    assert all(i not in found for i in range(301, 400))


def test_never_before_needs_253_values():
    rising = [100.0 + i for i in range(260)]
    found = close_records(rising)
    assert sorted(found) == list(range(252, 260))
    assert all(
        row["is_all_time"] and row["since_date"] is None and row["sessions_since"] is None for row in found.values()
    )


def test_never_before_counts_values_of_the_measure():
    # the first five-day return is on session 5, its 253rd on session 257; 1.001^t has equal returns, so accelerate
    closes = [100.0]
    for i in range(300):
        closes.append(closes[-1] * (1 + 1e-5 * i))
    found = close_records(closes, measure="ret_5d")
    assert min(found) == 257
    assert found[257]["history_start"] == session(5)


def test_sessions_since_counts_the_measures_own_sessions():
    # ten sessions without a bar between the two: 40 sessions of the exchange are 30 of the symbol
    closes: Closes = [10.0] * 60
    closes[10], closes[50] = 20.0, 15.0
    for i in range(20, 30):
        closes[i] = None
    found = close_records(closes)[50]
    assert (found["since_date"], found["sessions_since"]) == (session(10), 30)


def test_a_move_that_is_no_record_has_no_row():
    assert close_records([10.0] * 300) == {}
    assert close_records([10.0] * 300, "low") == {}


@pytest.mark.parametrize("closes", [[], [100.0], [100.0 + i for i in range(10)]])
def test_short_histories_have_no_record(closes: Closes):
    assert records(bars("A", closes), [("A", "B")]).is_empty()


def test_z_score_and_percentile_by_hand():
    # 252 closes of 10 and 12 by turns, then 13. Mean of the 252 before: 11; sample SD sqrt(252/251): z = 2/SD.
    # 13 is the largest of 253: (253 - 0.5) / 253
    closes = [10.0 + 2 * (i % 2) for i in range(252)] + [13.0]
    found = close_records(closes)[252]
    assert found["z_score"] == pytest.approx(2 / (252 / 251) ** 0.5, rel=1e-9)
    assert found["percentile"] == pytest.approx(252.5 / 253, rel=1e-12)


def test_z_score_starts_with_the_253rd_value():
    closes = [10.0 + 2 * (i % 2) for i in range(252)]
    closes[100], closes[251] = 20.0, 13.0  # the 252nd value is a record since the 101st
    found = close_records(closes)[251]
    assert found["z_score"] is None and found["since_date"] == session(100)


def test_z_score_is_null_where_nothing_ever_moved():
    found = close_records([10.0] * 260 + [11.0])[260]
    assert found["z_score"] is None and found["is_all_time"] is True


def test_the_percentile_is_the_same_for_both_directions():
    # a low: 1 is the smallest of 253 values, percentile (1 - .5) / 253
    closes = [10.0 + 2 * (i % 2) for i in range(252)] + [1.0]
    assert close_records(closes, "low")[252]["percentile"] == pytest.approx(0.5 / 253, rel=1e-12)


def test_a_pair_has_spread_and_ratio_and_an_index_only_price():
    source = random.Random(1)
    a, b = ([100 * (1 + source.gauss(0, 0.02)) for _ in range(300)] for _ in range(2))
    prices = pl.concat([bars("A", a), bars("^B", b, is_fund=False)])
    table = records(prices, [("A", "^B")])
    assert set(column(table, "measure", benchmark="^B")) <= {name for name in WINDOWS if name[0] in "sr"} - {"ret_1d"}
    assert set(column(table, "basis", benchmark="^B")) == {"price"}
    assert set(column(table, "basis", symbol="^B")) == {"price"}
    assert set(column(table, "basis", symbol="A", benchmark=None)) == {"price", "total"}
    checked("derived.records", table, Records)


def test_the_spread_record_by_hand():
    # A rises 5 % on session 300 while B stays, after a spread of 6 points on session 100: since session 100
    a, b = [100.0] * 310, [50.0] * 310
    for i in range(100, 310):
        a[i] = 106.0
    for i in range(300, 310):
        a[i] = 106.0 * 1.05
    table = records(pl.concat([bars("A", a), bars("B", b)]), [("A", "B")]).filter(
        pl.col("basis") == "price", pl.col("measure") == "spread_1d_pp", pl.col("session_date") == session(300)
    )
    assert table.select("value", "since_date", "sessions_since").rows() == [(pytest.approx(5), session(100), 200)]


# --- brute force ----------------------------------------------------------------------------------------------------


def measures(present: list[tuple[int, float]], benchmark: list[float] | None) -> dict[str, list[float | None]]:
    """Values of every measure at every bar, by plain loops. `present` is (session number, level)."""

    def change(levels: list[float], n: int, t: int) -> float | None:
        if t < n or present[t][0] - present[t - n][0] > n + 10:
            return None
        return levels[t] / levels[t - n] - 1

    levels = [level for _, level in present]
    found: dict[str, list[float | None]] = {}
    for n in (1, 5, 6, 10, 21):
        own = [change(levels, n, t) for t in range(len(levels))]
        if benchmark is None:
            found[f"ret_{n}d"] = own
        else:
            other = [change(benchmark, n, t) for t in range(len(levels))]
            found[f"spread_{n}d_pp"] = [None if x is None else 100 * (x - y) for x, y in zip(own, other, strict=True)]
    if benchmark is None:
        found["close"] = list(levels)
    else:
        found["ratio"] = [a / b for a, b in zip(levels, benchmark, strict=True)]
    return found


def brute_force(present: list[tuple[int, float]], benchmark: list[float] | None) -> dict[tuple[str, str, date], tuple]:
    """(measure, direction, session) to the values of COLUMNS."""
    rows = {}
    for name, values in measures(present, benchmark).items():
        n = WINDOWS[name]
        days = [session(number) for number, _ in present]
        for direction, sign in (("high", 1), ("low", -1)):
            seen: list[float] = []
            for t, x in enumerate(values):
                if x is None:
                    continue
                seen.append(x)
                slack = 1e-9 * (abs(x) if name in ("close", "ratio") else 1)
                since = None
                for s in range(t - n, -1, -1):
                    if values[s] is not None and sign * values[s] >= sign * x - slack:
                        since = s
                        break
                count = len([v for v in values[(since or 0) + 1 : t + 1] if v is not None])
                if not (len(seen) >= 253 if since is None else count >= n + 20):
                    continue
                z = None
                if len(seen) >= 253 and len(set(seen[:-1])) > 1:
                    z = pytest.approx(
                        (x - statistics.fmean(seen[:-1])) / statistics.stdev(seen[:-1]), rel=1e-6, abs=1e-6
                    )
                rank = sum(v < x for v in seen) + (sum(v == x for v in seen) + 1) / 2
                rows[name, direction, days[t]] = (
                    days[since] if since is not None else None,
                    count if since is not None else None,
                    since is None,
                    days[next(i for i, v in enumerate(values) if v is not None)],
                    pytest.approx(x, rel=1e-9, abs=1e-12),
                    z,
                    pytest.approx((rank - 0.5) / len(seen)),
                )
    return rows


def random_series(seed: int) -> Closes:
    """A walk on a coarse grid of prices, so that values tie, with holes of up to 12 sessions."""
    source = random.Random(seed)
    level, closes = 64.0, []
    for _ in range(source.choice([30, 80, 270, 320])):
        if source.random() < 0.02:
            closes.extend([None] * source.choice([1, 10, 11, 12]))
        level = max(16.0, level + source.choice([-4.0, -1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 4.0]))
        closes.append(level)
    return closes


COLUMNS = ["since_date", "sessions_since", "is_all_time", "history_start", "value", "z_score", "percentile"]


def found_rows(table: pl.DataFrame) -> dict[tuple[str, str, date], tuple]:
    keys = table.select("measure", "direction", "session_date").rows()
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, table.select(COLUMNS).rows(), strict=True))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9))
@example(5)
def test_records_equal_brute_force(seed: int):
    a, b = random_series(seed), random_series(seed + 1)
    size = min(len(a), len(b))
    a, b = a[:size], b[:size]
    prices = pl.concat([bars("A", a), bars("B", b)])
    table = records(prices, [("A", "B")]).filter(pl.col("basis") == "price")
    for symbol, closes in (("A", a), ("B", b)):
        present = [(i, close) for i, close in enumerate(closes) if close is not None]
        found = found_rows(table.filter(pl.col("benchmark").is_null(), pl.col("symbol") == symbol))
        assert found == brute_force(present, None)
    both = [(i, x) for i, x in enumerate(a) if x is not None and b[i] is not None]
    assert found_rows(table.filter(pl.col("benchmark") == "B")) == brute_force(both, [b[i] for i, _ in both])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.25, 4.0, 1024.0]))
def test_scaling_by_a_power_of_two_changes_no_date(seed: int, factor: float):
    closes = random_series(seed)
    keys = ["basis", "measure", "direction", "session_date", "since_date", "sessions_since"]
    one = records(bars("A", closes), []).select(keys)
    other = records(bars("A", [x and factor * x for x in closes]), []).select(keys)
    assert one.rows() == other.rows()
