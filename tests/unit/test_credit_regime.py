"""derived.credit_regime: definitions, section 6."""

import datetime as dt
import random
from collections.abc import Sequence
from statistics import fmean

import polars as pl
import pytest
from builders import column, releases
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.contracts.columns import rounded
from pipeline.contracts.derived.macro import CreditRegime
from pipeline.transforms.credit_regime import credit_regime

CONFIG = config.load()
BAA10Y, HY, BAA, DGS10 = "BAA10Y", "BAMLH0A0HYM2", "BAA", "DGS10"
START = dt.date(2010, 1, 1)
UTC = dt.UTC


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def evening(on: dt.date, days: int = 0) -> dt.datetime:
    """UTC instant at which the builder makes a day's value known, or days later."""
    return dt.datetime.combine(on + dt.timedelta(days=days), dt.time(22, 1), UTC)


def table(*frames: pl.DataFrame) -> pl.DataFrame:
    return credit_regime(pl.concat(frames), CONFIG.series)


# --- level and change ------------------------------------------------------------------------------------------------


def test_levels_are_those_first_published():
    first, later = day("2024-07-01"), day("2024-07-02")
    rows = [(first, 3.101, evening(first)), (first, 9.0, evening(first, 9)), (later, None), (later, 3.2)]
    frame = table(releases(HY, rows))
    assert frame.select("measure", "observed_on", "level_pct", "available_at").rows() == [
        ("hy_oas", first, 3.1, evening(first)),  # at the published precision
        ("hy_oas", later, 3.2, evening(later)),
    ]
    assert set(frame["history_start"]) == {first}


def test_an_observation_that_became_public_after_a_later_one_is_left_out():
    days = [day(f"2024-07-{d:02}") for d in (1, 2, 3)]
    rows = [(days[0], 3.0), (days[1], 3.1, evening(days[2], 1)), (days[2], 3.2)]
    assert table(releases(HY, rows))["observed_on"].to_list() == [days[0], days[2]]


def test_the_change_is_against_the_newest_value_at_least_91_days_older():
    """91 days before 2024-07-02 is 2024-04-02."""
    rows = [(day("2024-04-01"), 3.0), (day("2024-04-02"), 3.1), (day("2024-04-03"), 3.2), (day("2024-07-01"), 3.05)]
    frame = table(releases(HY, [*rows, (day("2024-07-02"), 3.5), (day("2024-12-31"), 3.0)]))
    changes = dict(frame.select("observed_on", "change_13w_bp").rows())
    assert changes[day("2024-04-03")] is None
    assert changes[day("2024-07-01")] == 5.0  # less 3.00
    assert changes[day("2024-07-02")] == 40.0  # less 3.10
    assert changes[day("2024-12-31")] == -50.0  # less 3.50, the newest by then


def test_the_monthly_spread_is_less_the_months_mean():
    yields = [(day("2024-05-31"), 9.0), (day("2024-06-03"), 4.0), (day("2024-06-04"), 4.2), (day("2024-06-28"), 4.4)]
    baa = [(day("2024-06-01"), 6.0, evening(day("2024-07-05"))), (day("2024-07-01"), 6.1, evening(day("2024-08-05")))]
    frame = table(releases(DGS10, yields), releases(BAA, baa))
    # July has no Treasury yield: no row
    assert frame.select("measure", "observed_on", "available_at").rows() == [
        ("baa_monthly", day("2024-06-01"), evening(day("2024-07-05")))
    ]
    assert frame["level_pct"].item() == pytest.approx(6.0 - 4.2)


def test_a_treasury_yield_that_came_after_the_month_was_published_is_left_out():
    late = evening(day("2024-07-06"))
    yields = [(day("2024-06-03"), 4.0), (day("2024-06-04"), 4.2), (day("2024-06-28"), 9.0, late)]
    frame = table(releases(DGS10, yields), releases(BAA, [(day("2024-06-01"), 6.0, evening(day("2024-07-05")))]))
    assert frame["level_pct"].item() == pytest.approx(6.0 - 4.1)


def test_equal_monthly_spreads_tie_in_the_percentile():
    """6.2 less 4.1 and 5.1 less 3.0: in binary the first is higher by 9e-16."""
    assert 6.2 - 4.1 > 5.1 - 3.0
    months = [day("2010-01-01"), day("2012-01-01"), day("2015-01-01")]
    baa = releases(BAA, [(m, v, evening(m, 35)) for m, v in zip(months, (5.1, 6.2, 5.1), strict=True)])
    treasury = zip(months, (3.0, 4.1, 3.0), strict=True)
    # three equal values: the average rank is 2, and (2 - 0.5) / 3 is 0.5
    assert table(baa, releases(DGS10, treasury))["percentile"].to_list() == [None, None, 0.5]


def test_the_months_mean_is_not_rounded():
    """4.00, 4.00 and 4.01: 6 less 4.00333..."""
    days = [(day(f"2024-06-{d:02}"), level) for d, level in ((3, 4.0), (4, 4.0), (5, 4.01))]
    frame = table(releases(DGS10, days), releases(BAA, [(day("2024-06-01"), 6.0, evening(day("2024-07-05")))]))
    assert frame["level_pct"].item() == pytest.approx(1.996666667, abs=1e-9)


# --- percentile ------------------------------------------------------------------------------------------------------


def test_the_percentile_begins_on_the_fifth_anniversary():
    days = [day("2010-01-04"), day("2012-01-03"), day("2014-12-31"), day("2015-01-03"), day("2015-01-04")]
    frame = table(releases(BAA10Y, zip(days, [3.0, 1.0, 2.0, 2.5, 2.0], strict=True)))
    # 2.0 on the fifth day: one value is lower, two are 2.0 (ranks 2 and 3, 2.5 on average): (2.5 - 0.5) / 5
    assert frame["percentile"].to_list() == [None, None, None, None, 0.4]
    assert frame["raw_regime"].null_count() == frame["regime"].null_count() == 4
    assert set(frame["history_start"]) == {days[0]}


def weekly_history(count: int = 261) -> list[tuple[dt.date, float]]:
    """Weekly values of 4.99 and 5.01 in turn, from 2010-01-01 to 2014-12-26: not quite five years."""
    return [(START + dt.timedelta(weeks=i), 4.99 if i % 2 else 5.01) for i in range(count)]


LEVELS = {"c": 1.0, "s": 9.0, "w": 5.01}  # the lowest ever, the highest ever, in the upper half and little changed
NAMES = {"c": "calm", "s": "stress", "w": "watch"}


def regimes(letters: str, series_id: str = BAA10Y) -> str:
    """First letters of the regimes of daily values after the history; the raw ones are those of the letters."""
    days = [day("2015-01-01") + dt.timedelta(days=i) for i in range(len(letters))]
    rows = [*weekly_history(), *((d, LEVELS[letter]) for d, letter in zip(days, letters, strict=True))]
    frame = table(releases(series_id, rows)).filter(pl.col("observed_on") >= days[0])
    assert frame["raw_regime"].to_list() == [NAMES[letter] for letter in letters]
    return "".join(regime[0] for regime in frame["regime"])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("c", "c"),
        ("scccccccccc", "ssssssssssc"),  # the tenth calm day in a row
        ("cssssssssscsssssssssc", "c" * 21),  # nine are not enough, twice
        ("cssssssssss", "ccccccccccs"),
        ("cssssswwwwwsssss", "c" * 16),  # in a row means the same raw regime
        ("cwwwwwwwwwwcw", "ccccccccccwww"),
        ("wwwwwwwwwww", "w" * 11),
    ],
)
@pytest.mark.parametrize("series_id", [BAA10Y, HY])
def test_ten_observations_in_a_row(raw: str, expected: str, series_id: str):
    assert regimes(raw, series_id) == expected


def test_two_months_in_a_row():
    """Sixty months of 5.00, then months at 1 and 9."""
    months = [dt.date(2010 + i // 12, i % 12 + 1, 1) for i in range(67)]
    levels = [*[5.0] * 60, 1.0, 9.0, 1.0, 9.0, 9.0, 1.0, 1.0]
    baa = releases(BAA, [(m, v, evening(m, 35)) for m, v in zip(months, levels, strict=True)])
    treasury = releases(DGS10, [(m, 0.0) for m in months])
    frame = table(baa, treasury).filter(pl.col("measure") == "baa_monthly")
    assert frame["raw_regime"].to_list()[60:] == ["calm", "stress", "calm", "stress", "stress", "calm", "calm"]
    assert frame["regime"].to_list()[60:] == ["calm", "calm", "calm", "calm", "stress", "stress", "calm"]


def test_a_month_earlier_has_no_regime():
    months = [dt.date(2010 + i // 12, i % 12 + 1, 1) for i in range(61)]
    baa = releases(BAA, [(m, 5.0, evening(m, 35)) for m in months])
    frame = table(baa, releases(DGS10, [(m, 0.0) for m in months]))
    # constant: the average rank is the middle, (61 + 1) / 2 = 31, and (31 - 0.5) / 61 is 0.5: not below
    assert frame["percentile"].to_list() == [None] * 60 + [0.5]
    assert frame["regime"].to_list() == [None] * 60 + ["watch"]


@pytest.mark.parametrize(
    ("before", "after", "raw"),
    [
        (4.0, 4.24, "calm"),
        (4.05, 4.30, "watch"),  # a little less than 0.25 in binary: 25 bp are not below 25
        (3.05, 4.04, "watch"),
        (3.05, 4.05, "stress"),
        (3.3, 4.3, "stress"),
    ],
)
def test_the_change_decides_on_published_figures(before: float, after: float, raw: str):
    """Low levels: by the percentile alone they would be calm. 91 days lie between the two."""
    quarter = [(day("2015-01-01"), before), (day("2015-04-02"), after)]
    assert table(releases(BAA10Y, [*weekly_history(), *quarter]))["raw_regime"].to_list()[-1] == raw


@pytest.mark.parametrize(("lower", "percentile", "raw"), [(7, 0.8, "stress"), (6, 0.7, "watch"), (4, 0.5, "watch")])
def test_the_side_of_a_percentile(lower: int, percentile: float, raw: str):
    """Ten values, of which `lower` are lower than the last and one is equal: ranks lower + 1 and lower + 2."""
    levels = [*[1.0] * lower, *[9.0] * (8 - lower), 5.0, 5.0]
    days = [*(START + dt.timedelta(weeks=i) for i in range(9)), day("2015-01-01")]
    last = table(releases(BAA10Y, zip(days, levels, strict=True))).row(-1, named=True)
    assert (last["percentile"], last["change_13w_bp"], last["raw_regime"]) == (percentile, 0.0, raw)


def test_missing_series_and_no_releases():
    frame = credit_regime(releases(HY, []), CONFIG.series)
    assert_frame_equal(frame, CreditRegime.create_empty())
    assert credit_regime(releases(HY, [(START, 3.0)]), ()).is_empty()
    one = table(releases(HY, [(START, 3.0)]))
    CreditRegime.validate(rounded(one, CreditRegime))
    assert one.row(0, named=True) == {
        "measure": "hy_oas", "observed_on": START, "level_pct": 3.0, "change_13w_bp": None, "percentile": None,
        "history_start": START, "raw_regime": None, "regime": None, "available_at": evening(START),
    }  # fmt: skip


# --- random spreads: plain Python, and cut data ---------------------------------------------------------------------


def random_releases(seed: int) -> pl.DataFrame:
    """Six years of irregular observations of every series, some corrected, some late, some without a value."""
    chance = random.Random(seed)
    frames = []
    for series_id in (BAA10Y, HY, BAA, DGS10):
        rows, level, on = [], 3.0, START
        while on < day("2016-06-01"):
            level = max(0.5, level + chance.gauss(0, 0.12))
            known = evening(on, 35 if series_id == BAA else chance.choice((0, 1, 1, 1, 1, 1, 9)))
            rows.append((on, None if chance.random() < 0.03 else round(level, 2), known))
            if chance.random() < 0.1:
                rows.append((on, round(level + 1, 2), known + dt.timedelta(days=chance.randint(1, 400))))
            step = (on.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - on if series_id == BAA else None
            on += step or dt.timedelta(days=chance.choice((2, 5, 6, 9)))
        frames.append(releases(series_id, rows))
    return pl.concat(frames)


def plain(frame: pl.DataFrame) -> list[tuple]:
    """measure, observed_on, level, change, percentile, raw regime, regime, available_at: one row after another."""
    first: dict[str, dict[dt.date, tuple[float, dt.datetime]]] = {}
    for row in frame.sort("series_id", "observed_on", "seq").to_dicts():
        if row["value"] is not None:
            first.setdefault(row["series_id"], {}).setdefault(row["observed_on"], (row["value"], row["available_at"]))
    monthly = {}
    for on, (level, known) in first[BAA].items():
        days = [v for d, (v, at) in first[DGS10].items() if (d.year, d.month) == (on.year, on.month) and at <= known]
        if days:
            monthly[on] = (level - fmean(days), known)
    rows: list[tuple] = []
    for measure, levels in (("baa", first[BAA10Y]), ("baa_monthly", monthly), ("hy_oas", first[HY])):
        kept = [d for d in levels if all(levels[d][1] <= levels[later][1] for later in levels if later > d)]
        rows += plain_measure(measure, [(d, *levels[d]) for d in kept])
    return rows


def plain_measure(measure: str, levels: Sequence[tuple[dt.date, float, dt.datetime]]) -> list[tuple]:
    rows, regime, in_a_row, last = [], None, 0, None
    needed = 2 if measure == "baa_monthly" else 10
    for i, (on, level, known) in enumerate(levels):
        past = [v for d, v, _ in levels[:i] if (on - d).days >= 91]
        change = round(100 * (level - past[-1]), 6) if past else None
        so_far = [v for _, v, _ in levels[: i + 1]]
        rank = sum(v < level for v in so_far) + (sum(v == level for v in so_far) + 1) / 2
        start = levels[0][0]
        percentile = (rank - 0.5) / len(so_far) if on >= start.replace(year=start.year + 5) else None
        raw = None
        if percentile is not None and change is not None:
            is_stress = percentile >= 0.80 or change >= 100
            raw = "calm" if percentile < 0.5 and change < 25 else "stress" if is_stress else "watch"
        in_a_row = in_a_row + 1 if raw == last else 1
        last = raw
        if raw is not None and (regime is None or in_a_row >= needed):
            regime = raw
        rows.append((measure, on, level, change, percentile, raw, regime, known))
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_against_plain_python(seed: int):
    frame = random_releases(seed)
    columns = ["measure", "observed_on", "level_pct", "change_13w_bp", "percentile", "raw_regime", "regime"]
    found = table(frame).select(*columns, "available_at").rows()
    expected = plain(frame)
    assert len(found) == len(expected)
    for got, want in zip(found, expected, strict=True):
        assert (got[:2], got[5:]) == (want[:2], want[5:])
        assert [x is None for x in got[2:5]] == [x is None for x in want[2:5]]
        assert [x or 0.0 for x in got[2:5]] == pytest.approx([x or 0.0 for x in want[2:5]], abs=1e-6)
    assert {row[6] for row in found} == {None, "calm", "watch", "stress"}


@pytest.mark.parametrize("seed", range(3))
def test_data_cut_at_an_instant_give_the_rows_known_by_then(seed: int):
    frame = random_releases(seed)
    full = table(frame)
    for instant in random.Random(seed).sample(sorted(set(frame["available_at"])), 8):
        for cut in (instant - dt.timedelta(seconds=1), instant):
            then = table(frame.filter(pl.col("available_at") <= cut))
            assert_frame_equal(then, full.filter(pl.col("available_at") <= cut), check_exact=True)


def test_measures_of_the_sample_series():
    sample = config.load(config.SAMPLE_DIR)
    (one,) = [s for s in sample.series if s.role == "credit_spread"]
    assert column(credit_regime(releases(one.series_id, [(START, 3.0)]), sample.series), "measure") == ["hy_oas"]
