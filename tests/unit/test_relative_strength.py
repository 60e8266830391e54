"""derived.relative_strength: definitions, section 1."""

import math
import statistics

import polars as pl
import pytest
from builders import bars, column, session, walk
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.contracts.derived.strength import RelativeStrength
from pipeline.transforms.relative_strength import relative_strength
from pipeline.writing import checked

A_B = [("A", "B")]
Closes = list[float | None]


def pair(a: Closes, b: Closes, basis: str = "price", **options) -> pl.DataFrame:
    """Relative strength of A against B."""
    prices = pl.concat([bars("A", a, **options), bars("B", b)])
    return relative_strength(prices, A_B).filter(pl.col("basis") == basis)


@pytest.fixture(scope="module")
def long() -> pl.DataFrame:
    return pair(walk(400, 1), walk(400, 2))


def ratios() -> list[float]:
    return [a / b for a, b in zip(walk(400, 1), walk(400, 2), strict=True)]


# --- ratio, spread, changes -----------------------------------------------------------------------------------------


def test_ratio_index_spread_and_change_by_hand():
    # A: 100 -> 120 over five sessions (+20 %), B: 50 -> 55 (+10 %): spread 10 points;
    # ratio 2 -> 120/55 = 2.1818: change 120/55/2 - 1 = .0909; index 109.09
    found = pair([100, 90, 95, 80, 130, 120.0], [50, 51, 40, 60, 50, 55.0]).row(5, named=True)
    assert found["ratio"] == pytest.approx(120 / 55)
    assert found["ratio_index"] == pytest.approx(100 * 12 / 11)
    assert found["spread_5d_pp"] == pytest.approx(10)
    assert found["ratio_change_5d"] == pytest.approx(1 / 11)


def test_the_spread_is_neither_the_sum_of_daily_spreads_nor_the_change_of_the_ratio():
    # A doubles on the first day and stays; B stays, then doubles, and doubles again: over five sessions 100 - 300
    found = pair([1, 2, 2, 2, 2, 2.0], [1, 1, 2, 4, 4, 4.0])
    assert found["spread_5d_pp"][5] == pytest.approx(-200)
    assert sum(found["spread_1d_pp"][1:]) == pytest.approx(-100)  # 100 - 100 - 100
    assert 100 * found["ratio_change_5d"][5] == pytest.approx(-50)


def test_total_basis_uses_distributions_and_ratio_index_starts_at_100():
    # A pays 2 on session 1: total +1 % against 0 of B
    total = pair([100, 99.0], [50, 50.0], basis="total", dividends={1: 2.0})
    assert total["spread_1d_pp"].to_list() == [None, pytest.approx(1)]
    assert total["ratio_index"].to_list() == [pytest.approx(100), pytest.approx(101)]


def test_a_pair_with_an_index_has_no_total_basis():
    assert pair([1.0, 2.0], [1.0, 2.0], basis="total", is_fund=False).is_empty()


def test_windows_count_common_sessions():
    # B has no bar on session 2: five common sessions back from session 6 is session 0
    found = pair([100, 1, 1, 1, 1, 1, 150.0], [10, 1, None, 1, 1, 1, 10.0])
    assert found["session_date"].to_list() == [session(i) for i in (0, 1, 3, 4, 5, 6)]
    assert found["spread_5d_pp"][5] == pytest.approx(50)


@pytest.mark.parametrize(("missing", "is_kept"), [(10, True), (11, False)])
def test_a_long_gap_of_one_leg_is_a_gap_of_the_pair(missing: int, is_kept: bool):
    n = missing + 6
    b = [10.0, *[None] * missing, *[10.0] * 5]
    found = pair([100.0] * n, b).row(5, named=True)
    assert (found["spread_5d_pp"] is not None) == is_kept
    assert (found["ratio_change_5d"] is not None) == is_kept


def test_no_common_session_gives_no_rows():
    assert pair([1.0, None], [None, 1.0]).is_empty()


@pytest.mark.parametrize("rows", [1, 10])
def test_short_histories_keep_the_contract(rows: int):
    prices = pl.concat([bars("A", walk(rows, 1)), bars("B", walk(rows, 2))])
    table = checked("derived.relative_strength", relative_strength(prices, A_B), RelativeStrength)
    assert table.height == 2 * rows
    for name in ("mansfield_252", "is_ratio_high_252", "rot_ratio", "quadrant", "regime_63d", "beta_252", "corr_63"):
        assert table[name].null_count() == table.height


def test_constant_prices_give_null_and_never_infinity_or_nan():
    table = pair([7.3] * 400, [2.1] * 400)
    last = table.row(399, named=True)
    for name in ("rot_ratio", "rot_momentum", "quadrant", "beta_252", "corr_63"):
        assert table[name].null_count() == 400
    assert (last["spread_252d_pp"], last["mansfield_252"]) == (0, pytest.approx(0, abs=1e-9))
    assert last["is_ratio_high_252"] is True
    floats = table.select(pl.selectors.float())
    assert not floats.select(pl.any_horizontal(pl.all().is_nan() | pl.all().is_infinite()).any()).item()


def test_a_ratio_that_stays_while_both_legs_move_has_no_deviation():
    a = [3 * close for close in walk(400, 1)]
    table = pair(a, walk(400, 1))
    assert table["rot_ratio"].null_count() == 400
    assert table["beta_252"][399] == pytest.approx(1)
    assert table["corr_63"][399] == pytest.approx(1)


# --- the long windows against plain Python --------------------------------------------------------------------------


def test_mansfield_and_ratio_high_equal_a_plain_loop(long: pl.DataFrame):
    ratio = ratios()
    for t in range(400):
        year = ratio[t - 251 : t + 1] if t >= 251 else None
        expected = None if year is None else pytest.approx(100 * (ratio[t] / (sum(year) / 252) - 1), abs=1e-8)
        assert long["mansfield_252"][t] == expected
        assert long["is_ratio_high_252"][t] == (None if year is None else ratio[t] >= max(year))
    assert set(long["is_ratio_high_252"]) == {None, False, True}


def rotation() -> tuple[list[float | None], list[float | None]]:
    """rot_ratio and rot_momentum of the long example, as the definition says it."""
    ratio, n = ratios(), 63
    rot_ratio: list[float | None] = [None] * (n - 1)
    for t in range(n - 1, 400):
        window = ratio[t - n + 1 : t + 1]
        rot_ratio.append(100 + (ratio[t] - statistics.fmean(window)) / statistics.pstdev(window))
    roc = [
        None if i == 0 or rot_ratio[i - 1] is None else rot_ratio[i] / rot_ratio[i - 1] - 1
        for i in range(len(rot_ratio))
    ]
    momentum: list[float | None] = []
    for t in range(400):
        window = roc[max(t - n + 1, 0) : t + 1]
        if len(window) < n or None in window:
            momentum.append(None)
        else:
            momentum.append(100 + (roc[t] - statistics.fmean(window)) / statistics.pstdev(window))
    return rot_ratio, momentum


def test_rotation_equals_a_plain_loop(long: pl.DataFrame):
    rot_ratio, momentum = rotation()
    assert long["rot_ratio"].to_list() == [x if x is None else pytest.approx(x, rel=1e-9) for x in rot_ratio]
    assert long["rot_momentum"].to_list() == [x if x is None else pytest.approx(x, rel=1e-8) for x in momentum]


def test_rotation_starts_on_the_63rd_and_the_126th_common_session(long: pl.DataFrame):
    assert long["rot_ratio"].is_null().to_list() == [i < 62 for i in range(400)]
    assert long["rot_momentum"].is_null().to_list() == [i < 125 for i in range(400)]
    assert long["quadrant"].is_null().to_list() == [i < 125 for i in range(400)]


def test_quadrants_of_the_long_example(long: pl.DataFrame):
    names = {(True, True): "leading", (True, False): "weakening", (False, False): "lagging", (False, True): "improving"}
    expected = [
        None if strength is None or momentum is None else names[strength > 100, momentum > 100]
        for strength, momentum in zip(*rotation(), strict=True)
    ]
    assert long["quadrant"].to_list() == expected
    assert set(expected) == {None, *names.values()}


def test_one_hundred_is_not_above():
    from pipeline.transforms.relative_strength import _quadrant

    frame = pl.DataFrame(
        {"rot_ratio": [100.0, 100.1, 100.0, 100.1, None], "rot_momentum": [100.0, 100.0, 100.1, 100.1, 1.0]}
    )
    assert frame.select(_quadrant()).to_series().to_list() == ["lagging", "weakening", "improving", "leading", None]


def test_beta_and_correlation_equal_a_plain_loop(long: pl.DataFrame):
    a, b = walk(400, 1), walk(400, 2)
    x = [None, *(b[i] / b[i - 1] - 1 for i in range(1, 400))]
    y = [None, *(a[i] / a[i - 1] - 1 for i in range(1, 400))]
    for t in (251, 252, 300, 399):
        expected = None if t < 252 else statistics.linear_regression(x[t - 251 : t + 1], y[t - 251 : t + 1]).slope
        assert long["beta_252"][t] == (expected and pytest.approx(expected, rel=1e-8))
    for t in (62, 63, 200, 399):
        expected = None if t < 63 else statistics.correlation(x[t - 62 : t + 1], y[t - 62 : t + 1])
        assert long["corr_63"][t] == (expected and pytest.approx(expected, rel=1e-8))


@pytest.mark.parametrize(("name", "bars_needed"), [("rot_ratio", 63), ("corr_63", 64), ("regime_63d", 64)])
def test_a_long_gap_empties_every_window_over_it(name: str, bars_needed: int):
    a, b = walk(300, 1), walk(300, 2)
    gap = [None] * 11
    table = pair([*a[:150], *gap, *a[150:]], [*b[:150], *gap, *b[150:]])
    expected = [i < bars_needed - 1 or 150 <= i < 149 + bars_needed for i in range(300)]
    assert table[name].is_null().to_list() == expected


@pytest.mark.parametrize(("name", "returns"), [("beta_252", 252), ("corr_63", 63)])
@pytest.mark.parametrize(("last_hole", "is_kept"), [(4, True), (5, False)])
def test_what_is_missing_between_all_closes_of_a_window_adds_up(name: str, returns: int, last_hole: int, is_kept: bool):
    def with_holes(closes: tuple[float, ...]) -> Closes:
        return [closes[0], *[None] * 6, *closes[1:returns], *[None] * last_hole, closes[returns]]

    table = pair(with_holes(walk(253, 1)), with_holes(walk(253, 2)))
    assert table.height == returns + 1
    assert (table[name][returns] is not None) == is_kept


# --- regimes --------------------------------------------------------------------------------------------------------


def regime(a: float, b: float) -> str | None:
    """Regime after 63 sessions in which A made the return a, and B the return b."""
    return pair([100.0] * 63 + [100 * (1 + a)], [100.0] * 63 + [100 * (1 + b)])["regime_63d"][63]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0.10, 0.05, "up_leading"),
        (0.10, 0.15, "up_lagging"),
        (-0.05, -0.10, "down_leading"),  # outperforming while losing money
        (-0.10, -0.05, "down_lagging"),
        (0.0, 0.0, "down_lagging"),  # zero is neither up nor leading
        (5e-7, -0.1, "down_leading"),  # within 1e-6 of zero is zero
        (2e-6, -0.1, "up_leading"),
        (0.1, 0.1 - 5e-7, "up_lagging"),  # spread of 0.00005 points is zero
        (0.1, 0.1 - 2e-6, "up_leading"),
    ],
)
def test_regime_boundaries(a: float, b: float, expected: str):
    assert regime(a, b) == expected


def test_the_regime_needs_63_sessions_back():
    assert pair([1.0] * 63, [1.0] * 63)["regime_63d"].null_count() == 63


# --- properties -----------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100))
def test_scaling_one_leg_leaves_everything_but_the_ratio(seed: int, factor: float):
    a, b = walk(300, seed), walk(300, seed + 1)
    table = pair(a, b)
    scaled = pair([factor * close for close in a], b)
    assert_frame_equal(table.drop("ratio"), scaled.drop("ratio"), check_exact=False, rel_tol=1e-6, abs_tol=1e-6)
    assert scaled["ratio"].to_list() == pytest.approx([factor * ratio for ratio in table["ratio"]])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_turning_the_pair_round_inverts_the_ratio_and_the_sign_of_spreads(seed: int):
    prices = pl.concat([bars("A", walk(80, seed)), bars("B", walk(80, seed + 1))])
    there = relative_strength(prices, [("A", "B")])
    back = relative_strength(prices, [("B", "A")])
    for one, other in zip(column(there, "ratio"), column(back, "ratio"), strict=True):
        assert math.isclose(one * other, 1)
    assert [x and -x for x in column(there, "spread_21d_pp")] == column(back, "spread_21d_pp")
