"""derived.yield_curve_status and yield_curve_inversions: definitions, section 4."""

import datetime as dt
import random
import statistics

import polars as pl
import pytest
from builders import column, releases, session
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Curve
from pipeline.contracts.derived.curve import YieldCurveInversions, YieldCurveStatus
from pipeline.transforms.yield_curve import yield_curve_inversions, yield_curve_status
from pipeline.writing import checked

CURVE = Curve(curve="10y2y", spread="SPREAD", long_yield="LONG")
BILLS = Curve(curve="10y3m", spread="SPREAD", long_yield="LONG", has_recession_probability=True)
Spreads = list[float | None]


def spread_releases(spreads: Spreads) -> pl.DataFrame:
    return releases("SPREAD", [(session(i), value) for i, value in enumerate(spreads)])


def status(spreads: Spreads, long: Spreads | None = None, curve: Curve = CURVE) -> pl.DataFrame:
    found = spread_releases(spreads)
    if long is not None:
        found = pl.concat([found, releases("LONG", [(session(i), value) for i, value in enumerate(long)])])
    return yield_curve_status(found, [curve])


def inversions(spreads: Spreads, variant: str) -> list[dict]:
    table = yield_curve_inversions(spread_releases(spreads), [CURVE])
    return table.filter(pl.col("variant") == variant).to_dicts()


# --- observations that come late -------------------------------------------------------------------------------------


def test_an_observation_that_becomes_public_after_a_later_one_changes_no_row_between_them():
    """Session 1 comes after session 2 and is left out; session 4 comes as late, but nothing newer was known by then."""
    at = [dt.datetime.combine(session(i), dt.time(22), dt.UTC) for i in range(6)]
    spreads = [0.1, -0.2, 0.3, 0.4, -0.5]
    known = [at[0], at[3], at[2], at[3], at[5]]
    table = yield_curve_status(releases("SPREAD", [(session(i), spreads[i], known[i]) for i in range(5)]), [CURVE])
    assert table.select("observed_on", "spread_pp", "available_at").rows() == [
        (session(0), 0.1, at[0]),
        (session(2), 0.3, at[2]),
        (session(3), 0.4, at[3]),
        (session(4), -0.5, at[5]),
    ]


# --- worked values --------------------------------------------------------------------------------------------------


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def end_of_the_2022_spell() -> pl.DataFrame:
    """Forty inverted days, then the end of the spell, day by day; signs as in definitions 8.6.

    8.6 does not mention 2024-09-05, which was inverted again: with it, 09-13 is the sixth observation that is not.
    """
    days = [day("2024-06-27") + dt.timedelta(days=i) for i in range(61)]
    before = [(one, -0.2) for one in days if one.weekday() < 5 and one <= day("2024-08-26")]
    end = {
        "2024-08-27": 0.0, "2024-08-28": 0.02, "2024-08-29": 0.01, "2024-08-30": 0.0, "2024-09-03": -0.05,
        "2024-09-04": 0.0, "2024-09-05": -0.02, "2024-09-06": 0.06, "2024-09-09": 0.03, "2024-09-10": 0.05,
        "2024-09-11": 0.04, "2024-09-12": 0.05, "2024-09-13": 0.09, "2024-09-16": 0.05,
    }  # fmt: skip
    return releases("SPREAD", [*before, *((day(text), value) for text, value in end.items())])


def test_states_around_the_end_of_the_2022_spell():
    table = yield_curve_status(end_of_the_2022_spell(), [CURVE])
    states = {
        str(one): state for one, state in table.select("observed_on", "state").iter_rows() if one >= day("2024-08-26")
    }
    assert states == {
        "2024-08-26": "inverted",
        **dict.fromkeys(("2024-08-27", "2024-08-28", "2024-08-29", "2024-08-30"), "uninverting"),
        "2024-09-03": "inverted",
        "2024-09-04": "uninverting",
        "2024-09-05": "inverted",
        **dict.fromkeys(("2024-09-06", "2024-09-09", "2024-09-10", "2024-09-11", "2024-09-12"), "uninverting"),
        **dict.fromkeys(("2024-09-13", "2024-09-16"), "post_inversion"),
    }


def test_the_sustained_spell_that_ends_there():
    table = yield_curve_inversions(end_of_the_2022_spell(), [CURVE])
    sustained = table.filter(pl.col("variant") == "sustained").row(0, named=True)
    assert sustained["start_date"] == day("2024-06-27")
    assert sustained["sustained_on"] == day("2024-07-24")  # 2 days of June and 18 weekdays of July
    assert sustained["end_date"] == day("2024-09-05")
    assert sustained["uninverted_on"] == day("2024-09-06")
    assert sustained["confirmed_on"] == day("2024-09-13")
    raw = table.filter(pl.col("variant") == "raw").select("start_date", "end_date", "observations").rows()
    assert raw == [
        (day("2024-06-27"), day("2024-08-26"), 43),  # 2 + 23 + 18 weekdays
        (day("2024-09-03"), day("2024-09-03"), 1),
        (day("2024-09-05"), day("2024-09-05"), 1),
    ]


@pytest.mark.parametrize(("spread", "expected"), [(0.0, 0.2969), (-1.0, 0.5397), (1.0, 0.1217)])
def test_recession_probability_of_the_months_mean_spread(spread: float, expected: float):
    # January 2001 has sessions 0 to 22 (23 weekdays); its mean is known for every day of February
    probabilities = status([spread] * 43, curve=BILLS)["recession_prob_12m"].to_list()
    assert probabilities[:23] == [None] * 23
    assert [round(x, 4) for x in probabilities[23:]] == [expected] * 20


def test_the_probability_uses_the_mean_of_the_last_whole_month():
    # January: eleven days of -1, twelve of 1: mean 1/23; February's own spreads of 5 do not count yet
    probabilities = status([-1.0] * 11 + [1.0] * 12 + [5.0] * 20, curve=BILLS)["recession_prob_12m"]
    expected = statistics.NormalDist().cdf(-0.5333 - 0.6330 / 23)
    assert probabilities[23:].to_list() == [pytest.approx(expected, abs=1e-12)] * 20


def test_a_month_without_observations_gives_no_probability():
    # nothing in February (sessions 23 to 42): March has no whole month before it with a value
    spreads = [1.0] * 23 + [None] * 20 + [1.0] * 10
    assert status(spreads, curve=BILLS)["recession_prob_12m"][23:].to_list() == [None] * 10


def test_only_the_curve_of_the_model_has_a_probability():
    assert status([1.0] * 60)["recession_prob_12m"].null_count() == 60


# --- states ---------------------------------------------------------------------------------------------------------


def test_zero_is_not_inverted():
    assert status([0.0, -0.01, 0.01])["is_inverted"].to_list() == [False, True, False]


def test_a_spread_is_rounded_to_its_published_precision_before_the_test():
    # 4.20 - 4.20 may come as -4e-16
    assert status([-4e-16, -0.004, -0.006])["is_inverted"].to_list() == [False, False, True]


def test_nineteen_inverted_observations_make_no_spell():
    assert status([1.0] + [-1.0] * 19 + [1.0])["state"].to_list() == ["normal", *["inverted"] * 19, "normal"]


def test_the_states_after_a_spell_and_their_lengths():
    found = status([-1.0] * 20 + [1.0] * 260)
    assert found["state"].to_list() == (
        ["inverted"] * 20 + ["uninverting"] * 5 + ["post_inversion"] * 247 + ["normal"] * 8
    )
    assert found["days_in_state"].to_list() == [*range(1, 21), *range(1, 6), *range(1, 248), *range(1, 9)]
    assert found["spell_start"].to_list() == [session(0)] * 272 + [None] * 8


def test_a_short_inversion_after_a_spell_does_not_count_anew():
    # ten observations after the spell two are inverted: the days after them count from the spell that was sustained
    found = status([-1.0] * 20 + [1.0] * 10 + [-1.0] * 2 + [1.0] * 3)
    assert found["state"].to_list()[30:] == ["inverted"] * 2 + ["post_inversion"] * 3
    assert found["spell_start"].to_list()[30:] == [session(30)] * 2 + [session(0)] * 3
    assert found["days_in_state"].to_list()[30:] == [1, 2, 1, 2, 3]


@pytest.mark.parametrize(("between", "start"), [(5, 0), (6, 16)])
def test_five_observations_are_bridged_and_six_are_not(between: int, start: int):
    found = status([-1.0] * 10 + [1.0] * between + [-1.0] * 10)
    assert found["spell_start"].to_list()[-1] == session(start)


def test_a_bridged_run_reaches_twenty_by_adding_up():
    # 10 + 10 inverted over a bridge of five: sustained with the last, so the day after is uninverting
    assert status([-1.0] * 10 + [1.0] * 5 + [-1.0] * 10 + [1.0])["state"].to_list()[-1] == "uninverting"
    assert status([-1.0] * 10 + [1.0] * 5 + [-1.0] * 9 + [1.0])["state"].to_list()[-1] == "normal"


def test_days_without_a_value_have_no_row_and_count_for_nothing():
    found = status([-1.0, None] * 20 + [1.0])
    assert found.height == 21
    assert found["state"].to_list() == ["inverted"] * 20 + ["uninverting"]


def test_a_later_correction_changes_nothing_that_was_known():
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    corrected = releases("SPREAD", [(session(0), -1.0), (session(0), 1.0, at), (session(1), 1.0)])
    assert yield_curve_status(corrected, [CURVE])["spread_pp"].to_list() == [-1.0, 1.0]


def test_curves_are_kept_apart():
    one = releases("SPREAD", [(session(i), -1.0) for i in range(20)])
    other = releases("OTHER", [(session(20 + i), 1.0) for i in range(5)])
    table = yield_curve_status(
        pl.concat([one, other]), [CURVE, Curve(curve="other", spread="OTHER", long_yield="LONG")]
    )
    assert column(table, "state", curve="other") == ["normal"] * 5
    assert column(table, "days_in_state", curve="other") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("spreads", [[], [None], [0.5]])
def test_short_series_keep_the_contracts(spreads: Spreads):
    found = spread_releases(spreads)
    table = checked("derived.yield_curve_status", yield_curve_status(found, [BILLS]), YieldCurveStatus)
    assert table.height == len([x for x in spreads if x is not None])
    spells = checked("derived.yield_curve_inversions", yield_curve_inversions(found, [BILLS]), YieldCurveInversions)
    assert spells.is_empty()


# --- steepening -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("long_change", "short_change", "expected"),
    [
        (0.10, -0.30, "bull_steepening"),  # the short yield fell by more than the long rose
        (0.30, 0.10, "bear_steepening"),
        (0.20, -0.20, "bear_steepening"),  # by as much is not by more
        (-0.10, -0.30, "bull_steepening"),
        (-0.30, -0.10, "bull_flattening"),  # the long yield fell by more than the short rose
        (-0.30, 0.20, "bull_flattening"),
        (-0.20, 0.20, "bear_flattening"),
        (0.10, 0.30, "bear_flattening"),
        (0.10, 0.10, None),  # the spread is unchanged
        (0.0, 0.0, None),
    ],
)
def test_steepening_over_twenty_observations(long_change: float, short_change: float, expected: str | None):
    # at first the long yield is 4.00 and the short 3.00, twenty observations later each has changed as given
    long = [4.0] * 20 + [4 + long_change]
    spreads = [1.0] * 20 + [1 + long_change - short_change]
    last = status(spreads, long).row(20, named=True)
    assert last["steepening"] == expected
    assert last["change_20_pp"] == pytest.approx(long_change - short_change, abs=1e-12)


def test_steepening_is_null_where_a_leg_is_missing():
    spreads = [1.0] * 20 + [1.5]
    for long in (None, [None] + [4.0] * 20, [4.0] * 20 + [None]):
        last = status(spreads, long).row(20, named=True)
        assert last["steepening"] is None
        assert last["change_20_pp"] == 0.5


def test_a_long_yield_that_was_published_later_is_not_known():
    late = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    spreads = spread_releases([1.0] * 20 + [1.5])
    long = [(session(i), 4.0) for i in range(20)]
    known = releases("LONG", [*long, (session(20), 4.5)])
    not_yet = releases("LONG", [*long, (session(20), 4.5, late)])
    assert yield_curve_status(pl.concat([spreads, known]), [CURVE])["steepening"][20] == "bear_steepening"
    assert yield_curve_status(pl.concat([spreads, not_yet]), [CURVE])["steepening"][20] is None


# --- inversions -----------------------------------------------------------------------------------------------------


def test_a_sustained_spell_by_hand():
    # 1 normal, 12 inverted, 5 bridged, 10 inverted, 7 normal; the lowest spread twice
    spreads = [1.0] + [-0.5] * 12 + [0.0] * 5 + [-0.5] * 10 + [0.5] * 7
    spreads[4] = spreads[20] = -0.9
    (spell,) = inversions(spreads, "sustained")
    expected = {
        "start_date": session(1),
        "sustained_on": session(25),  # the 20th inverted: 12 up to session 12, 8 more from session 18
        "observations": 22,
        "min_spread_pp": -0.9,
        "min_date": session(4),
        "end_date": session(27),
        "uninverted_on": session(28),
        "confirmed_on": session(33),
        "is_open": False,
    }
    assert {name: spell[name] for name in expected} == expected


def test_an_end_is_confirmed_by_the_sixth_observation_in_a_row():
    for after, is_open in ((0, True), (5, True), (6, False)):
        one = inversions([-1.0] * 20 + [1.0] * after, "sustained")[0]
        assert one["is_open"] == is_open
        ends = (one["end_date"], one["uninverted_on"], one["confirmed_on"])
        assert ends == ((None,) * 3 if is_open else (session(19), session(20), session(25)))


def test_a_raw_spell_is_confirmed_at_once():
    assert inversions([-1.0, -1.0], "raw")[0]["is_open"] is True
    one = inversions([-1.0, -1.0, 0.0], "raw")[0]
    assert (one["end_date"], one["uninverted_on"], one["confirmed_on"]) == (session(1), session(2), session(2))
    assert one["sustained_on"] is None


def test_a_sustained_spell_is_published_from_its_twentieth():
    assert inversions([-1.0] * 19 + [1.0] * 9, "sustained") == []
    assert inversions([-1.0] * 20, "sustained")[0]["sustained_on"] == session(19)


def test_missing_days_neither_end_nor_lengthen_a_spell():
    one = inversions([-1.0] * 10 + [None] * 8 + [-1.0] * 10, "raw")
    assert [(x["start_date"], x["observations"]) for x in one] == [(session(0), 20)]


# --- brute force ----------------------------------------------------------------------------------------------------


def runs(spreads: list[float], bridged: int) -> list[list[int]]:
    """Positions of the inverted observations, run by run."""
    found: list[list[int]] = []
    for i, spread in enumerate(spreads):
        if spread >= 0:
            continue
        if found and i - found[-1][-1] - 1 <= bridged:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def states(spreads: list[float]) -> list[tuple[str, dt.date | None]]:
    """State and spell_start of every observation, looking only at what came before it."""
    found = []
    for t in range(len(spreads)):
        known = runs(spreads[: t + 1], 5)
        if spreads[t] < 0:
            found.append(("inverted", known[-1][0]))
            continue
        sustained = [run for run in known if len(run) >= 20]
        k = t - sustained[-1][-1] if sustained else 999
        state = "uninverting" if k <= 5 else "post_inversion" if k <= 252 else "normal"
        found.append((state, sustained[-1][0] if state != "normal" else None))
    return [(state, None if start is None else session(start)) for state, start in found]


def random_spreads(seed: int) -> list[float]:
    source = random.Random(seed)
    spreads: list[float] = []
    for _ in range(source.randint(1, 16)):
        sign = source.choice([-1, 1])
        spreads.extend(
            sign * round(source.uniform(0, 0.2), 2) for _ in range(source.choice([1, 2, 4, 5, 6, 7, 19, 20, 60]))
        )
    return [x + 0.0 for x in spreads]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_states_equal_brute_force(seed: int):
    spreads = random_spreads(seed)
    table = status(spreads)
    expected = states(spreads)
    assert list(table.select("state", "spell_start").iter_rows()) == expected
    lengths = []
    for i, (state, _) in enumerate(expected):
        lengths.append(lengths[-1] + 1 if i and expected[i - 1][0] == state else 1)
    assert table["days_in_state"].to_list() == lengths


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_inversions_equal_brute_force(seed: int):
    spreads = random_spreads(seed)
    for variant, bridged, at_least in (("raw", 0, 1), ("sustained", 5, 20)):
        expected = []
        for run in runs(spreads, bridged):
            if len(run) < at_least:
                continue
            lowest = min(spreads[i] for i in run)
            confirmed = run[-1] + bridged + 1
            ends = (run[-1], run[-1] + 1, confirmed) if confirmed < len(spreads) else (None, None, None)
            expected.append(
                (
                    session(run[0]),
                    session(run[19]) if variant == "sustained" else None,
                    len(run),
                    lowest,
                    session(next(i for i in run if spreads[i] == lowest)),
                    *(None if i is None else session(i) for i in ends),
                    ends[0] is None,
                )
            )
        names = (
            "start_date", "sustained_on", "observations", "min_spread_pp", "min_date", "end_date", "uninverted_on",
            "confirmed_on", "is_open",
        )  # fmt: skip
        assert [tuple(row[name] for name in names) for row in inversions(spreads, variant)] == expected
