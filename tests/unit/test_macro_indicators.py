"""derived.macro_indicators: definitions, section 6. Most frames come from captures, through core.macro_releases."""

import datetime as dt
import random
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from statistics import fmean

import polars as pl
import pytest
from builders import NEW_YORK, column, macro_captures, releases
from polars.testing import assert_frame_equal
from policy_builders import meetings

from pipeline import config
from pipeline.config import Recession
from pipeline.contracts.columns import rounded
from pipeline.contracts.derived.macro import MacroIndicators
from pipeline.transforms.indicators.formulas import INDICATORS, newest_mean, x
from pipeline.transforms.macro import available_at, macro_releases
from pipeline.transforms.macro_indicators import macro_indicators

CONFIG = config.load()
BY_ROLE = {one.role: one for one in CONFIG.series}
NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
DEFINITIONS = Path(__file__).parents[2] / "docs" / "definitions.md"


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(text: str, clock: str = "12:00") -> dt.datetime:
    """UTC instant of a New York day and clock time."""
    local = dt.datetime.combine(day(text), dt.time.fromisoformat(clock), NEW_YORK)
    return local.astimezone(dt.UTC)


def month(first: str, i: int) -> dt.date:
    start = day(first)
    years, months = divmod(start.month - 1 + i, 12)
    return dt.date(start.year + years, months + 1, 1)


def end_of(months_first_day: dt.date) -> dt.datetime:
    """UTC instant at which the captures of a vintage month count as received."""
    last = month(months_first_day.isoformat(), 1) - dt.timedelta(days=1)
    return dt.datetime.combine(last, dt.time(23, 59), NEW_YORK).astimezone(dt.UTC)


def by_rule(role: str, observed_on: dt.date) -> dt.datetime:
    """Instant of the release rule."""
    return rules(role)[observed_on]


@cache
def rules(role: str) -> dict[dt.date, dt.datetime]:
    """Of every day: one by one takes far longer."""
    days = pl.date_range(day("2017-01-01"), day("2027-12-31"), eager=True).alias("observed_on")
    return dict(days.to_frame().with_columns(at=available_at(BY_ROLE[role])).rows())


def held(captures: Mapping[str, Sequence[tuple]], known: pl.DataFrame | None = None) -> pl.DataFrame:
    """core.macro_releases of captures by role: (observed_on, value, captured_at), perhaps the day of the vintage."""
    frames = [macro_captures(BY_ROLE[role].series_id, rows) for role, rows in captures.items()]
    every = pl.concat([macro_captures("", []), *frames])
    return macro_releases(every, [BY_ROLE[role] for role in captures], meetings=known)


def newest(role: str, values: Iterable[tuple], captured_at: dt.datetime = NOW) -> list[tuple]:
    """One capture of all values, long after."""
    return [(observed_on, value, captured_at) for observed_on, value in values]


def table(frame: pl.DataFrame, recessions: Sequence[Recession] = ()) -> pl.DataFrame:
    return macro_indicators(frame, CONFIG.series, recessions)


def value(frame: pl.DataFrame, indicator: str, observed_on: dt.date | str, vintage: str = "latest") -> float | None:
    when = day(observed_on) if isinstance(observed_on, str) else observed_on
    (found,) = column(frame, "value", indicator=indicator, observed_on=when, vintage=vintage)
    return found


def known(frame: pl.DataFrame, indicator: str, observed_on: str, vintage: str = "latest") -> dt.datetime:
    (found,) = column(frame, "available_at", indicator=indicator, observed_on=day(observed_on), vintage=vintage)
    return found


def is_mixed(frame: pl.DataFrame, indicator: str, observed_on: str, vintage: str = "realtime") -> bool:
    (found,) = column(frame, "is_mixed", indicator=indicator, observed_on=day(observed_on), vintage=vintage)
    return found


# --- unemployment ----------------------------------------------------------------------------------------------------

UNRATE = [
    3.4, 3.6, 3.5, 3.4, 3.7, 3.6, 3.5, 3.8, 3.8, 3.8, 3.7, 3.7,
    3.7, 3.9, 3.8, 3.9, 4.0, 4.1, 4.3, 4.2, 4.1, 4.1,
]  # fmt: skip
RATES = [(month("2023-01-01", i), rate) for i, rate in enumerate(UNRATE)]


def test_sahm_of_the_definitions():
    frame = table(held({"unemployment_rate": newest("unemployment_rate", RATES)}))
    sahm = [value(frame, "sahm_pp", f"2024-{m:02}-01") for m in (6, 7, 8, 9, 10)]
    assert sahm == [0.43, 0.53, 0.57, 0.50, 0.43]
    # 15 months: the three of March 2024 and the twelve means that begin with January to March 2023
    assert value(frame, "sahm_pp", "2024-02-01") is None
    assert value(frame, "sahm_pp", "2024-03-01") is not None


def test_sahm_with_a_missing_month():
    """3.0 for 14 months, a month that nobody surveyed, then 3.3 and 3.6."""
    rates = [(month("2023-01-01", i), 3.0) for i in range(14)]
    rates += [(day("2024-03-01"), None), (day("2024-04-01"), 3.3), (day("2024-05-01"), 3.6)]
    frame = table(held({"unemployment_rate": newest("unemployment_rate", rates)}))
    assert value(frame, "sahm_pp", "2024-03-01") is None
    # means of the two present: (3.0 + 3.3) / 2 and (3.3 + 3.6) / 2, less 3.0
    assert value(frame, "sahm_pp", "2024-04-01") == 0.15
    assert value(frame, "sahm_pp", "2024-05-01") == 0.45
    # the row left out by the source is the same
    without = [row for row in rates if row[1] is not None]
    again = table(held({"unemployment_rate": newest("unemployment_rate", without)}))
    assert_frame_equal(again, frame)


@pytest.mark.parametrize(("lost", "expected"), [(2, 1.0), (3, None)])
def test_sahm_needs_ten_of_the_twelve_means(lost: int, expected: float | None):
    """Of a run of n missing months n windows have less than two present; 3.0 before, 4.0 in the last three months."""
    rates = [(month("2023-01-01", i), 3.0) for i in range(18)]
    rates += [(month("2024-07-01", i), 4.0) for i in range(3)]
    missing = {month("2023-11-01", i) for i in range(lost)}
    kept = [(observed_on, None if observed_on in missing else rate) for observed_on, rate in rates]
    frame = table(held({"unemployment_rate": newest("unemployment_rate", kept)}))
    assert value(frame, "sahm_pp", "2024-09-01") == expected


def test_sahm_rounds_the_rate_and_then_itself():
    """Copies with float noise; 4.1 and 4.0 against means of 3.9: (4.0 + 4.1 + 4.1) / 3 - 3.9 is .1666..."""
    rates = [(month("2023-01-01", i), 3.9000000004) for i in range(14)]
    rates += [(month("2024-03-01", i), rate) for i, rate in enumerate((4.0, 4.0999999996, 4.1))]
    frame = table(held({"unemployment_rate": newest("unemployment_rate", rates)}))
    assert value(frame, "sahm_pp", "2024-05-01") == 0.17


def test_unemployment_changes_are_of_calendar_months():
    frame = table(held({"unemployment_rate": newest("unemployment_rate", RATES)}))
    # June 2024 is 4.1: March 3.8, December 3.7, June 2023 3.6
    for months, before in ((3, 3.8), (6, 3.7), (12, 3.6)):
        assert value(frame, f"unemployment_change_{months}m_pp", "2024-06-01") == pytest.approx(4.1 - before)
        relative = value(frame, f"unemployment_change_{months}m_pct", "2024-06-01")
        assert relative == pytest.approx(100 * (4.1 / before - 1))
    assert value(frame, "unemployment_change_3m_pp", "2023-03-01") is None


def test_a_month_without_a_value_is_never_replaced_by_the_row_before():
    rates = [(observed_on, None if observed_on == day("2024-03-01") else rate) for observed_on, rate in RATES]
    frame = table(held({"unemployment_rate": newest("unemployment_rate", rates)}))
    assert value(frame, "unemployment_rate_pct", "2024-03-01") is None
    assert value(frame, "unemployment_change_3m_pp", "2024-06-01") is None
    assert value(frame, "unemployment_change_3m_pp", "2024-07-01") == pytest.approx(4.3 - 3.9)


def test_august_2023_was_first_published_higher():
    """3.8 in the vintage of September 2023, 3.7 in that of January 2024."""
    rows = [(day("2023-08-01"), 3.8, end_of(day("2023-09-01"))), (day("2023-08-01"), 3.7, end_of(day("2024-01-01")))]
    frame = table(held({"unemployment_rate": rows}))
    assert value(frame, "unemployment_rate_pct", "2023-08-01", "realtime") == 3.8
    assert known(frame, "unemployment_rate_pct", "2023-08-01", "realtime") == at("2023-09-01", "08:30")
    assert value(frame, "unemployment_rate_pct", "2023-08-01", "latest") == 3.7
    assert known(frame, "unemployment_rate_pct", "2023-08-01", "latest") == at("2024-01-31", "23:59")


def test_realtime_knows_no_later_revision_of_an_earlier_month():
    """May was 3.0 when August was published, and revised to 3.5 a month later."""
    rows = [
        (day("2023-05-01"), 3.0, end_of(day("2023-06-01"))),
        (day("2023-08-01"), 3.8, end_of(day("2023-09-01"))),
        (day("2023-05-01"), 3.5, end_of(day("2023-10-01"))),
    ]
    frame = table(held({"unemployment_rate": rows}))
    assert value(frame, "unemployment_change_3m_pp", "2023-08-01", "realtime") == pytest.approx(0.8)
    assert known(frame, "unemployment_change_3m_pp", "2023-08-01", "realtime") == at("2023-09-01", "08:30")
    assert value(frame, "unemployment_change_3m_pp", "2023-08-01", "latest") == pytest.approx(0.3)
    assert known(frame, "unemployment_change_3m_pp", "2023-08-01", "latest") == at("2023-10-31", "23:59")


# --- first prints ----------------------------------------------------------------------------------------------------


def first_prints(rows: Sequence[tuple], role: str = "housing_starts") -> list[dt.date]:
    """Observations with a realtime row; the rule of housing starts is the 22nd of the next month, 08:30."""
    indicator = {
        "housing_starts": "housing_starts_yoy_pct",
        "building_permits": "permits_yoy_pct",
        "initial_claims": "initial_claims_4wk",
        "real_gdp": "real_gdp_saar_pct",
        "implied_volatility": "vix",
    }[role]
    return column(table(held({role: rows})), "observed_on", indicator=indicator, vintage="realtime")


@pytest.mark.parametrize(
    ("captured_at", "is_first"),
    [
        (end_of(day("2023-06-01")), True),  # the month of the rule
        (end_of(day("2023-05-01")), True),  # the rule errs late
        (end_of(day("2023-07-01")), False),  # 39 days after the rule: 45 days do not count for months
        (at("2023-06-22", "08:31"), True),
        (at("2023-06-10"), True),
        (at("2023-06-30", "23:58"), True),  # no month's end
        (at("2023-07-24", "08:29"), True),  # June comes on 2023-07-24 at 08:30: the 22nd is a Saturday
        (at("2023-07-24", "08:30"), False),  # it revises May
        (at("2023-08-06", "08:30"), False),
    ],
)
def test_what_is_a_first_print_by_when_it_was_received(captured_at: dt.datetime, is_first: bool):
    assert first_prints([(day("2023-05-01"), 1500.0, captured_at)]) == ([day("2023-05-01")] if is_first else [])


@pytest.mark.parametrize(
    ("vintage_on", "is_first"), [("2023-06-22", True), ("2023-08-06", True), ("2023-08-07", False)]
)
def test_a_day_that_the_source_tells_may_be_late(vintage_on: str, is_first: bool):
    rows = [(day("2023-05-01"), 1500.0, NOW, day(vintage_on))]
    assert first_prints(rows) == ([day("2023-05-01")] if is_first else [])


@pytest.mark.parametrize(("received", "is_first"), [("2023-06-15 08:30", True), ("2023-06-15 08:31", False)])
def test_a_quarter_is_a_first_print_for_45_days(received: str, is_first: bool):
    """The first quarter of 2023: by its rule on 2023-05-01 (the 30th is a Sunday), the next on 2023-07-31."""
    quarter = day("2023-01-01")
    assert by_rule("real_gdp", quarter) == at("2023-05-01", "08:30")
    rows = [(quarter, 20_000.0, at(*received.split()))]
    assert first_prints(rows, "real_gdp") == [quarter] * is_first


SATURDAYS = [day(f"2023-07-{d:02}") for d in (1, 8, 15, 22)]  # published on the Thursdays 6, 13, 20 and 27 July


@pytest.mark.parametrize(
    ("captured_at", "expected"),
    [
        (end_of(day("2023-07-01")), SATURDAYS[3:]),  # the month's vintage holds the revised values of the weeks before
        (at("2023-07-27", "09:00"), SATURDAYS[3:]),
        (at("2023-07-27", "08:29"), SATURDAYS[2:]),  # the 22nd is in our hands before its release
        (at("2023-08-03", "08:29"), SATURDAYS[3:]),
        (at("2023-08-03", "08:30"), []),
    ],
)
def test_of_several_weeks_captured_at_once_the_last_is_a_first_print(captured_at: dt.datetime, expected: list[dt.date]):
    assert first_prints([(d, 230_000.0, captured_at) for d in SATURDAYS], "initial_claims") == expected
    # whether the week after was captured too does not matter: it is its release that revises
    for i in range(4):
        alone = first_prints([(SATURDAYS[i], 230_000.0, captured_at)], "initial_claims")
        assert alone == [d for d in expected if d == SATURDAYS[i]]


@pytest.mark.parametrize(("captured_at", "is_first"), [("2025-11-21", True), ("2025-11-28", False)])
def test_weeks_of_one_late_report_are_all_first_prints(captured_at: str, is_first: bool):
    """The claims of 2025-09-27 to 2025-11-08 came together; those of 2025-11-22 on Friday after Thanksgiving."""
    weeks = [day("2025-09-27") + dt.timedelta(weeks=i) for i in range(7)]
    rows = [(week, 230_000.0, at(captured_at, "12:00")) for week in weeks]
    assert first_prints(rows, "initial_claims") == weeks * is_first


def test_permits_of_a_month_end_are_the_revised_ones():
    """The rule, the 28th, moves to a Monday twice, and once to the next month: February 2015 ends with a Saturday."""
    rows = [(day("2023-09-01"), 1500.0, end_of(day("2023-10-01"))), (day("2022-12-01"), 1.0, end_of(day("2023-01-01")))]
    assert first_prints(rows, "building_permits") == [day("2022-12-01"), day("2023-09-01")]
    frame = table(held({"building_permits": rows}))
    assert known(frame, "permits_yoy_pct", "2022-12-01", "realtime") == at("2023-01-30", "08:30")
    assert known(frame, "permits_yoy_pct", "2023-09-01", "realtime") == at("2023-10-30", "08:30")
    rolled = [(day("2015-01-01"), 1500.0, end_of(day("2015-02-01")))]
    assert first_prints(rolled, "building_permits") == [day("2015-01-01")]
    frame = table(held({"building_permits": rolled}))
    assert known(frame, "permits_yoy_pct", "2015-01-01", "realtime") == at("2015-03-02", "08:30")


def test_the_first_vintage_of_an_archive_holds_the_whole_history():
    """Only its newest month is a first print; the one before was published 35 days earlier."""
    rows = [(month("2022-01-01", i), 1500.0, NOW, day("2023-06-20")) for i in range(17)]
    assert first_prints(rows) == [day("2023-05-01")]


def test_two_months_of_one_report_are_both_first_prints():
    """September and October 2013 came together on 2013-12-18, as configured."""
    rows = [(day(f"2013-{m}-01"), 1500.0, NOW, day("2013-12-18")) for m in ("09", "10")]
    assert first_prints(rows) == [day("2013-09-01"), day("2013-10-01")]


def test_a_series_that_is_not_revised_has_nothing_but_first_prints():
    rows = [(day("1995-01-03"), 14.0, NOW), (day("1995-01-04"), 15.0, NOW), (day("1995-01-05"), None, NOW)]
    assert first_prints(rows, "implied_volatility") == [day("1995-01-03"), day("1995-01-04"), day("1995-01-05")]
    frame = table(held({"implied_volatility": rows}))
    assert value(frame, "vix", "1995-01-04", "realtime") == value(frame, "vix", "1995-01-04") == 15.0
    assert value(frame, "vix", "1995-01-05", "realtime") is None


def test_a_history_captured_late_has_no_realtime_rows():
    assert first_prints([(month("2020-01-01", i), 1500.0, NOW) for i in range(24)]) == []


# --- claims ----------------------------------------------------------------------------------------------------------

WEEKS = [day("2022-01-01") + dt.timedelta(weeks=i) for i in range(60)]


def test_four_weeks_of_claims():
    claims = [200_000.0 + 1_000 * i for i in range(60)]
    frame = table(held({"initial_claims": newest("initial_claims", zip(WEEKS, claims, strict=True))}))
    assert value(frame, "initial_claims_4wk", WEEKS[2]) is None
    assert value(frame, "initial_claims_4wk", WEEKS[3]) == 201_500.0  # 200, 201, 202, 203
    assert value(frame, "initial_claims_rise_pct", WEEKS[53]) is None
    # the 55th week is the first with 52 means; its own is 252,500, the lowest, of the fourth week, 201,500
    assert value(frame, "initial_claims_rise_pct", WEEKS[54]) == pytest.approx(100 * (252_500 / 201_500 - 1))
    # a week later the lowest is 202,500
    assert value(frame, "initial_claims_rise_pct", WEEKS[55]) == pytest.approx(100 * (253_500 / 202_500 - 1))


def test_falling_claims_are_at_their_lowest():
    claims = [300_000.0 - 1_000 * i for i in range(60)]
    frame = table(held({"initial_claims": newest("initial_claims", zip(WEEKS, claims, strict=True))}))
    assert value(frame, "initial_claims_rise_pct", WEEKS[59]) == 0.0


def test_a_missing_week_is_not_bridged():
    rows = [(week, 200_000.0) for i, week in enumerate(WEEKS) if i != 20]
    frame = table(held({"initial_claims": newest("initial_claims", rows)}))
    means = [value(frame, "initial_claims_4wk", WEEKS[i]) for i in (19, 20, 21, 22, 23, 24)]
    assert means == [200_000.0, None, None, None, None, 200_000.0]
    assert value(frame, "initial_claims_rise_pct", WEEKS[59]) is None


# --- payrolls --------------------------------------------------------------------------------------------------------


def jobs(changes: Sequence[float], first: str = "2022-01-01") -> list[tuple]:
    """Month-end vintages: each adds a month at 1,000 plus the changes so far, and corrects the month before by +10."""
    rows, level = [], 1000.0
    for i, change in enumerate(changes):
        observed_on, vintage = month(first, i), end_of(month(first, i + 1))
        before, level = level, level + change
        rows.append((observed_on, level, vintage))
        if i:
            rows.append((month(first, i - 1), before + 10, vintage))
    return rows


def test_a_first_print_change_is_of_one_vintage():
    """March: 1,300 first, February 1,200 first and 1,210 in March's vintage: 90, not 100."""
    frame = table(held({"payrolls": jobs([100, 100, 100, 100])}))
    assert value(frame, "payrolls_change_k", "2022-03-01", "realtime") == 90.0
    # known with the whole vintage, not with the first print of 2022-04-01
    assert known(frame, "payrolls_change_k", "2022-03-01", "realtime") == at("2022-04-30", "23:59")
    # newest: 1,310 less 1,210
    assert value(frame, "payrolls_change_k", "2022-03-01") == 100.0
    # April 1,400 less January as April's vintage has it: 1,110
    assert value(frame, "payrolls_change_3m_k", "2022-04-01", "realtime") == 290.0
    assert value(frame, "payrolls_change_3m_k", "2022-03-01", "realtime") is None


def test_a_vintage_whose_day_is_told_is_known_on_that_day():
    rows = [
        (day("2023-04-01"), 1000.0, NOW, day("2023-05-05")),
        (day("2023-05-01"), 1500.0, NOW, day("2023-06-02")),
        (day("2023-04-01"), 1161.0, NOW, day("2023-06-02")),
        (day("2023-04-01"), 1200.0, NOW, day("2023-07-07")),
    ]
    frame = table(held({"payrolls": rows}))
    assert value(frame, "payrolls_change_k", "2023-05-01", "realtime") == 339.0
    assert known(frame, "payrolls_change_k", "2023-05-01", "realtime") == at("2023-06-02", "08:30")


def test_a_capture_of_the_day_is_known_when_it_was_made():
    made = at("2023-06-02", "09:15")
    rows = [
        (day("2023-04-01"), 1000.0, at("2023-05-05", "09:15")),
        (day("2023-05-01"), 1500.0, made),
        (day("2023-04-01"), 1161.0, made),
    ]
    frame = table(held({"payrolls": rows}))
    assert value(frame, "payrolls_change_k", "2023-05-01", "realtime") == 339.0
    assert known(frame, "payrolls_change_k", "2023-05-01", "realtime") == made


def test_a_month_that_is_not_public_yet_is_not_used():
    """March is in our hands since 1 April and public by its rule on the 7th; the source dates April on the 6th."""
    rows = [(day("2023-03-01"), 1000.0, at("2023-04-01")), (day("2023-04-01"), 1500.0, NOW, day("2023-04-06"))]
    frame = table(held({"payrolls": rows}))
    assert value(frame, "payrolls_change_k", "2023-04-01", "realtime") is None
    assert known(frame, "payrolls_change_k", "2023-04-01", "realtime") == at("2023-04-06", "08:30")


def test_a_vintage_that_changes_nothing_is_known_from_the_next_publication():
    """Nothing was published at the end of June 2023: the first instant after it is VIX's of 3 July."""
    rows = [
        (day("2023-04-01"), 1000.0, end_of(day("2023-05-01"))),
        (day("2023-05-01"), 1500.0, end_of(day("2023-06-01"))),
    ]
    vix = [(day("2023-06-29"), 14.0, NOW), (day("2023-06-30"), 13.0, NOW)]
    frame = held({"payrolls": rows, "implied_volatility": vix})
    built = table(frame)
    assert value(built, "payrolls_change_k", "2023-05-01", "realtime") == 500.0
    assert known(built, "payrolls_change_k", "2023-05-01", "realtime") == at("2023-07-03", "09:36")
    # data cut between the first print and then do not show whether April was revised: no row
    cut = table(frame.filter(pl.col("available_at") <= at("2023-07-01")))
    assert column(cut, "value", indicator="payrolls_change_k", observed_on=day("2023-05-01"), vintage="realtime") == []


def test_the_surprise_is_against_twelve_first_prints():
    """Changes by first prints: the second month on 90 each; the 14th of 160: 160 - 10 - 90 = 60."""
    frame = table(held({"payrolls": jobs([100.0] * 13 + [160.0])}))
    assert value(frame, "payrolls_surprise_k", "2023-02-01", "realtime") == 60.0
    assert value(frame, "payrolls_surprise_k", "2023-01-01", "realtime") is None  # eleven before it
    assert column(frame, "value", indicator="payrolls_surprise_k", vintage="latest") == []


def test_a_month_without_a_first_print_is_passed_over():
    """No vintage of July and August 2022: July's change is missing, and August's, whose month before is there."""
    rows = [row for row in jobs([100.0] * 15 + [160.0]) if row[2] != end_of(day("2022-07-01"))]
    frame = table(held({"payrolls": rows}))
    # June 2022 was first captured in the vintage of August: no first print
    assert (
        column(frame, "value", indicator="payrolls_change_k", observed_on=day("2022-06-01"), vintage="realtime") == []
    )
    # 12 of the 13 changes of 90 before April 2023, which is 150 in its vintage
    assert value(frame, "payrolls_surprise_k", "2023-04-01", "realtime") == 60.0
    assert value(frame, "payrolls_surprise_k", "2023-02-01", "realtime") is None


# --- prices ----------------------------------------------------------------------------------------------------------


def test_consumer_prices():
    index = [(month("2023-01-01", i), 300.0 + i) for i in range(13)]
    frame = table(held({"cpi": newest("cpi", index), "core_cpi": newest("core_cpi", index)}))
    for name in ("cpi", "core_cpi"):
        assert value(frame, f"{name}_mom_pct", "2023-02-01") == pytest.approx(100 / 300)  # 301 / 300
        assert value(frame, f"{name}_yoy_pct", "2024-01-01") == pytest.approx(4.0)  # 312 / 300
        assert value(frame, f"{name}_mom_pct", "2023-01-01") is None


def test_october_2025_has_no_consumer_prices():
    index = [(month("2025-07-01", i), 320.0 + i) for i in range(6) if i != 3]
    frame = table(held({"cpi": newest("cpi", index)}))
    months = [f"2025-{m:02}-01" for m in (9, 10, 11, 12)]
    expected = [100 * (322 / 321 - 1), None, None, 100 * (325 / 324 - 1)]
    assert [value(frame, "cpi_mom_pct", m) for m in months] == [pytest.approx(x) for x in expected]


def dated_prices(moves: Sequence[float | None], first: str = "2022-01-01") -> list[tuple]:
    """Each month's index on the day of the rule, from 100; a move of None is a month that was not surveyed."""
    rows, level = [], 100.0
    for i, move in enumerate(moves):
        observed_on = month(first, i)
        told = by_rule("cpi", observed_on).astimezone(NEW_YORK).date()
        level *= 1 + (move or 0.0) / 100
        rows.append((observed_on, None if move is None else round(level, 9), NOW, told))
    return rows


def test_the_surprise_in_prices():
    """Twelve months of +1 %, then +1.5 %."""
    frame = table(held({"cpi": dated_prices([0.0, *[1.0] * 12, 1.5])}))
    # `decimals` of the index is 3, but only changes are compared at it: the values are those captured
    assert value(frame, "cpi_surprise_naive_pp", "2023-02-01", "realtime") == pytest.approx(0.5, abs=1e-6)
    assert value(frame, "cpi_surprise_naive_pp", "2023-01-01", "realtime") is None
    assert column(frame, "value", indicator="cpi_surprise_naive_pp", vintage="latest") == []


def test_the_surprise_passes_over_months_without_a_change():
    """A month missing takes two changes; the twelve newest others count: eleven of 1 and one of 3 before 1.5."""
    frame = table(held({"cpi": dated_prices([0.0, 3.0, *[1.0] * 8, None, *[1.0] * 4, 1.5])}))
    expected = 1.5 - (3.0 + 11 * 1.0) / 12
    assert value(frame, "cpi_surprise_naive_pp", "2023-04-01", "realtime") == pytest.approx(expected, abs=1e-6)


def test_other_rows_change_no_bit_of_a_mean():
    """Divided by twelve, a single row would have another last bit in one of ten cases."""
    chance = random.Random(1)
    for _ in range(50):
        row = {f"x{i}": chance.gauss(0, 1) for i in range(12)}
        alone, beside = (pl.DataFrame([row] * n).select(newest_mean([x(i) for i in range(12)])) for n in (1, 2))
        assert alone.item() == beside.to_series()[0] == pytest.approx(fmean(row.values()))


def test_the_surprise_is_of_one_vintage():
    """A new base year: all months are halved in the vintage that adds the last one."""
    history = dated_prices([0.0, *[1.0] * 13])
    last, told = history[-1], history[-1][3]
    rows = [*history[:-1], *((d, v / 2, NOW, told) for d, v, *_ in history[:-1]), (last[0], last[1] / 2, NOW, told)]
    frame = table(held({"cpi": rows}))
    assert value(frame, "cpi_surprise_naive_pp", last[0], "realtime") == pytest.approx(0.0, abs=1e-6)


# --- growth, the budget ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "indicator"),
    [
        ("housing_starts", "housing_starts_yoy_pct"),
        ("building_permits", "permits_yoy_pct"),
        ("new_home_sales", "new_home_sales_yoy_pct"),
        ("construction_spending", "construction_spending_yoy_pct"),
        ("industrial_production", "industrial_production_yoy_pct"),
    ],
)
def test_a_year_back(role: str, indicator: str):
    rows = [(month("2023-01-01", i), 100.0 + i) for i in range(14)]
    frame = table(held({role: newest(role, rows)}))
    assert value(frame, indicator, "2024-02-01") == pytest.approx(100 * (113 / 101 - 1))
    assert value(frame, indicator, "2023-12-01") is None


def test_a_zero_a_year_back_gives_no_value():
    rows = [(month("2023-01-01", i), float(i)) for i in range(14)]
    frame = table(held({"housing_starts": newest("housing_starts", rows)}))
    assert value(frame, "housing_starts_yoy_pct", "2024-01-01") is None
    assert value(frame, "housing_starts_yoy_pct", "2024-02-01") == pytest.approx(1200.0)


def test_real_growth_is_compounded_over_four_quarters():
    frame = table(held({"real_gdp": newest("real_gdp", [(day("2024-01-01"), 100.0), (day("2024-04-01"), 101.0)])}))
    assert value(frame, "real_gdp_saar_pct", "2024-04-01") == pytest.approx(4.060401)  # 1.01 ^ 4
    missing = [(day("2024-01-01"), 100.0), (day("2024-07-01"), 101.0)]
    assert value(table(held({"real_gdp": newest("real_gdp", missing)})), "real_gdp_saar_pct", "2024-07-01") is None


QUARTERS = [(month("2022-01-01", 3 * i), 20_000.0 + 1_000 * i) for i in range(8)]


def test_the_deficit_of_twelve_months():
    balance = [(month("2022-01-01", i), -100_000.0) for i in range(15)]
    frame = table(
        held(
            {
                "federal_balance_monthly": newest("federal_balance_monthly", balance),
                "federal_balance_fiscal_year": newest("", [(day("2022-09-30"), -9e6)]),  # not used
                "nominal_gdp": newest("nominal_gdp", QUARTERS),
            }
        )
    )
    # 1.2 trillion; December 2022 was published on 2023-01-25, when the third quarter was the newest: 22,000 billion
    assert value(frame, "deficit_12m_pct_gdp", "2022-12-01") == pytest.approx(100 * 1_200 / 22_000)
    # January 2023 on 2023-02-27, after the fourth quarter's GDP
    assert value(frame, "deficit_12m_pct_gdp", "2023-01-01") == pytest.approx(100 * 1_200 / 23_000)
    assert value(frame, "deficit_12m_pct_gdp", "2022-11-01") is None
    assert column(frame, "value", indicator="deficit_12m_pct_gdp", observed_on=day("2022-09-30")) == []


def test_the_deficit_as_known_then():
    """The balance of December 2022 was first -100 billion, later -160; the third quarter's GDP was revised too."""
    gdp = [(q, gdp, NOW, by_rule("nominal_gdp", q).astimezone(NEW_YORK).date()) for q, gdp in QUARTERS]
    gdp.append((day("2022-07-01"), 25_000.0, NOW, day("2023-09-28")))
    months = [month("2022-01-01", i) for i in range(12)]
    balance = [(m, -100_000.0, NOW, by_rule("federal_balance_monthly", m).astimezone(NEW_YORK).date()) for m in months]
    balance.append((day("2022-12-01"), -160_000.0, NOW, day("2023-02-10")))
    frame = table(held({"federal_balance_monthly": balance, "nominal_gdp": gdp}))
    assert value(frame, "deficit_12m_pct_gdp", "2022-12-01", "realtime") == pytest.approx(100 * 1_200 / 22_000)
    assert known(frame, "deficit_12m_pct_gdp", "2022-12-01", "realtime") == at("2023-01-25", "14:00")
    assert value(frame, "deficit_12m_pct_gdp", "2022-12-01") == pytest.approx(100 * 1_260 / 25_000)
    assert known(frame, "deficit_12m_pct_gdp", "2022-12-01") == at("2023-09-28", "08:30")


def test_a_surplus_is_a_negative_deficit_and_gdp_has_to_be_known():
    balance = [(month("2022-01-01", i), 10_000.0) for i in range(15)]
    late = [(q, gdp) for q, gdp in QUARTERS if q >= day("2022-10-01")]
    captures = {"federal_balance_monthly": newest("", balance), "nominal_gdp": newest("", late)}
    frame = table(held(captures))
    assert value(frame, "deficit_12m_pct_gdp", "2022-12-01") is None
    assert value(frame, "deficit_12m_pct_gdp", "2023-01-01") == pytest.approx(-100 * 120 / 23_000)


def test_the_deficit_of_fiscal_years():
    """Fiscal 2023: October 2022 to September 2023, at 23, 24, 25 and 26 trillion a year: the mean is 24.5."""
    years = [(day("2022-09-30"), -1_000_000.0), (day("2023-09-30"), -1_470_000.0)]
    captures = {"federal_balance_fiscal_year": newest("", years), "nominal_gdp": newest("", QUARTERS)}
    frame = table(held(captures)).filter(pl.col("indicator") == "deficit_12m_pct_gdp")
    # of the first year's quarters the last of 2021 is not there
    assert frame["observed_on"].to_list() == [day("2023-09-30")]
    assert frame["value"].to_list() == [pytest.approx(6.0)]


def test_fiscal_years_ended_in_june_until_1976():
    """July 1974 to June 1975."""
    gdp = [(month("1974-07-01", 3 * i), 1_000.0 + 100 * i) for i in range(6)]
    captures = {"federal_balance_fiscal_year": newest("", [(day("1975-06-30"), -115_000.0)])}
    frame = table(held({**captures, "nominal_gdp": newest("", gdp)}))
    assert value(frame, "deficit_12m_pct_gdp", "1975-06-30") == pytest.approx(10.0)  # 115 over 1,150


def test_another_fiscal_year_changes_no_bit_of_the_first():
    """1,291,744.4 million over 24,963.95 billion: Polars divides a single row by a number to another last bit."""
    gdp = [(month("2021-10-01", 3 * i), 24_963.95) for i in range(8)]
    years = [(day("2022-09-30"), -1_291_744.4), (day("2023-09-30"), -1_309_323.2)]
    frames = [
        table(held({"federal_balance_fiscal_year": newest("", rows), "nominal_gdp": newest("", gdp)}))
        for rows in (years[:1], years)
    ]
    alone, beside = (value(frame, "deficit_12m_pct_gdp", "2022-09-30") for frame in frames)
    assert alone == beside == pytest.approx(5.17443914)


def test_a_fiscal_year_is_known_with_its_last_quarter():
    """The balance on 2023-10-20, the GDP of the third quarter on 2023-10-26; both corrected later."""
    years = [
        (day("2023-09-30"), -1_470_000.0, NOW, day("2023-10-20")),
        (day("2023-09-30"), -9e6, NOW, day("2024-02-01")),
    ]
    gdp = [(q, gdp, NOW, by_rule("nominal_gdp", q).astimezone(NEW_YORK).date()) for q, gdp in QUARTERS]
    gdp[6] = (*gdp[6][:3], day("2023-10-26"))
    gdp.append((day("2023-07-01"), 99_000.0, NOW, day("2023-11-29")))
    frame = table(held({"federal_balance_fiscal_year": years, "nominal_gdp": gdp}))
    assert value(frame, "deficit_12m_pct_gdp", "2023-09-30", "realtime") == pytest.approx(6.0)
    assert known(frame, "deficit_12m_pct_gdp", "2023-09-30", "realtime") == at("2023-10-26", "08:30")


# --- values over a revision that counts only later --------------------------------------------------------------------

REBASED = [
    (day("2022-01-01"), 100.0, end_of(day("2022-02-01"))),
    (day("2022-02-01"), 100.0, end_of(day("2022-03-01"))),
    (day("2023-01-01"), 60.0, end_of(day("2023-02-01"))),
    (day("2022-01-01"), 50.0, end_of(day("2023-02-01"))),
    (day("2022-02-01"), 50.0, end_of(day("2023-02-01"))),
    (day("2023-02-01"), 60.0, end_of(day("2023-03-01"))),
]


def test_an_index_on_a_new_base():
    """January 2023 is the first on the new base, 60, when January 2022 is still 100; at the month's end that is 50."""
    name = "industrial_production_yoy_pct"
    frame = held({"industrial_production": REBASED})
    built = table(frame)
    assert value(built, name, "2023-01-01", "realtime") == pytest.approx(-40.0)
    assert known(built, name, "2023-01-01", "realtime") == by_rule("industrial_production", day("2023-01-01"))
    assert is_mixed(built, name, "2023-01-01")
    assert value(built, name, "2023-01-01") == pytest.approx(20.0)
    assert not is_mixed(built, name, "2023-01-01", "latest")
    # a month later all are on the new base
    assert value(built, name, "2023-02-01", "realtime") == pytest.approx(20.0)
    assert not is_mixed(built, name, "2023-02-01")
    # before the month's end nobody knows
    for last, flagged in (("23:58", False), ("23:59", True)):
        cut = table(frame.filter(pl.col("available_at") <= at("2023-02-28", last)))
        assert value(cut, name, "2023-01-01", "realtime") == pytest.approx(-40.0)
        assert is_mixed(cut, name, "2023-01-01") == flagged


@pytest.mark.parametrize(
    ("revised", "sahm", "flagged"),
    [
        ({"2023-11-01": 3.3}, 0.20, True),  # (3.0 + 3.3 + 3.3) / 3 - 3.0
        ({"2023-03-01": 3.6}, 0.10, False),  # the lowest of the twelve means stays 3.0
        ({}, 0.10, False),
    ],
)
def test_a_december_that_revises_the_months_before(revised: dict[str, float], sahm: float, flagged: bool):
    """3.0 for 14 months; December is 3.3 and comes with other values of earlier months: (3.0 + 3.0 + 3.3) / 3 - 3.0."""
    december = end_of(day("2024-01-01"))
    rows = [(month("2022-10-01", i), 3.0, end_of(day("2023-12-01"))) for i in range(14)]
    rows += [(day("2023-12-01"), 3.3, december), (day("2024-01-01"), 3.3, end_of(day("2024-02-01")))]
    rows += [(day(observed_on), rate, december) for observed_on, rate in revised.items()]
    frame = table(held({"unemployment_rate": rows}))
    assert value(frame, "sahm_pp", "2023-12-01", "realtime") == 0.10
    assert value(frame, "sahm_pp", "2023-12-01") == sahm
    assert is_mixed(frame, "sahm_pp", "2023-12-01") == flagged
    # of formulas that do not read what was revised, and of the month after, nothing is mixed
    assert column(frame, "indicator", is_mixed=True) == ["sahm_pp"] * flagged


def test_a_revision_known_with_the_value_is_not_mixed():
    """The source tells the day of the vintage; received in the hour after the release it counts later."""
    rows = [(observed_on, level, NOW, at_end.date()) for observed_on, level, at_end in REBASED]
    frame = table(held({"industrial_production": rows}))
    assert column(frame, "indicator", is_mixed=True) == []
    made = by_rule("industrial_production", day("2023-01-01")) + dt.timedelta(minutes=45)
    rows = [(observed_on, level, made if i in (2, 3, 4) else at) for i, (observed_on, level, at) in enumerate(REBASED)]
    frame = table(held({"industrial_production": rows}))
    assert column(frame, "observed_on", is_mixed=True) == [day("2023-01-01")]


def test_a_revision_after_the_first_capture_is_not_mixed():
    """May is in our hands on 10 June, public by its rule on the 22nd; the year before was revised on the 15th."""
    rows = [
        (day("2022-05-01"), 1000.0, at("2022-06-22")),
        (day("2023-05-01"), 1500.0, at("2023-06-10")),
        (day("2022-05-01"), 1200.0, at("2023-06-15")),
    ]
    frame = table(held({"housing_starts": rows}))
    assert value(frame, "housing_starts_yoy_pct", "2023-05-01", "realtime") == pytest.approx(25.0)
    assert not is_mixed(frame, "housing_starts_yoy_pct", "2023-05-01")


def test_what_is_of_one_vintage_is_never_mixed():
    """Every vintage corrects the month before, which only the monthly change of prices as first known does not know."""
    frame = table(held({"payrolls": jobs([100.0] * 14), "cpi": jobs([100.0] * 14)}))
    assert set(column(frame, "indicator", is_mixed=True)) == {"cpi_mom_pct"}
    assert value(frame, "payrolls_surprise_k", "2023-02-01", "realtime") is not None
    assert value(frame, "cpi_surprise_naive_pp", "2023-02-01", "realtime") is not None


@pytest.mark.parametrize(("first_quarter", "flagged"), [(0, True), (4, False)])
def test_a_deficit_without_a_value_is_not_mixed(first_quarter: int, flagged: bool):
    """November's balance is corrected with December's; without a quarter of GDP before there is no value."""
    ends = {m: end_of(month(m.isoformat(), 1)) for m in (month("2022-01-01", i) for i in range(12))}
    balance = [(m, -100_000.0, received) for m, received in ends.items()]
    balance.append((day("2022-11-01"), -160_000.0, ends[day("2022-12-01")]))
    gdp = newest("", QUARTERS[first_quarter:])
    frame = table(held({"federal_balance_monthly": balance, "nominal_gdp": gdp}))
    expected = pytest.approx(100 * 1_200 / 22_000) if flagged else None
    assert value(frame, "deficit_12m_pct_gdp", "2022-12-01", "realtime") == expected
    assert is_mixed(frame, "deficit_12m_pct_gdp", "2022-12-01") == flagged


# --- policy ----------------------------------------------------------------------------------------------------------

DECIDED = meetings([{"decided_on": "2007-09-18", "at": "14:15"}, {"decided_on": "2024-09-18", "at": "14:00"}])
TARGET = [(day("2024-09-17"), 5.5), (day("2024-09-18"), 5.5), (day("2024-09-19"), 5.0), (day("2024-09-20"), 5.0)]


def test_a_new_target_is_known_from_its_announcement():
    frame = table(held({"target_upper": newest("target_upper", TARGET)}, DECIDED))
    name = "fed_funds_target_upper_pct"
    for vintage in ("latest", "realtime"):
        assert column(frame, "value", indicator=name, vintage=vintage) == [5.5, 5.5, 5.0, 5.0]
        assert column(frame, "available_at", indicator=name, vintage=vintage) == [
            at("2024-09-17", "00:00"), at("2024-09-18", "00:00"), at("2024-09-18", "14:00"), at("2024-09-20", "00:00"),
        ]  # fmt: skip


def test_a_corrected_target_is_known_from_the_correction():
    rows = [*newest("target_upper", TARGET), (day("2024-09-19"), 4.75, NOW + dt.timedelta(days=1))]
    frame = table(held({"target_upper": rows}, DECIDED))
    assert known(frame, "fed_funds_target_upper_pct", "2024-09-19") == NOW + dt.timedelta(days=1)
    assert known(frame, "fed_funds_target_upper_pct", "2024-09-19", "realtime") == at("2024-09-18", "14:00")


def test_the_stance_is_known_when_both_are():
    """The 2-year yield of a day comes at 17:01, the target at midnight before, a new one the afternoon before."""
    yields = [(day("2024-09-18"), 3.61), (day("2024-09-19"), 3.59), (day("2024-09-23"), 3.5)]
    captures = {"treasury_2y": newest("", yields), "target_upper": newest("", TARGET)}
    frame = table(held(captures, DECIDED))
    for vintage in ("latest", "realtime"):
        rows = frame.filter((pl.col("indicator") == "policy_stance_pp") & (pl.col("vintage") == vintage))
        assert rows["observed_on"].to_list() == [day("2024-09-18"), day("2024-09-19")]
        assert rows["value"].to_list() == [pytest.approx(-1.89), pytest.approx(-1.41)]
        assert rows["available_at"].to_list() == [at("2024-09-18", "17:01"), at("2024-09-19", "17:01")]


# --- recessions ------------------------------------------------------------------------------------------------------


def usrec(first: str, states: str) -> pl.DataFrame:
    """USREC, and a volatility every day about an announcement, published on the next business day at 09:36."""
    rows = [(month(first, i), float(state)) for i, state in enumerate(states)]
    days = [d for one in CONFIG.recessions for d in (one.peak_announced_on, one.trough_announced_on) if d]
    vix = [(d + dt.timedelta(days=i), 20.0) for d in (*days, day("2027-09-01")) for i in (-1, 0)]
    return held({"recession": newest("recession", rows), "implied_volatility": newest("", vix)})


def realtime_states(frame: pl.DataFrame, until: dt.datetime = NOW) -> dict[str, float]:
    """State of each month that was known by an instant."""
    rows = frame.filter(
        (pl.col("indicator") == "is_nber_recession")
        & (pl.col("vintage") == "realtime")
        & (pl.col("available_at") <= until)
    )
    return {str(d)[:7]: v for d, v in rows.select("observed_on", "value").rows()}


def test_a_month_is_known_from_the_announcement_that_settles_it():
    """The peak of February 2020 was announced on 2020-06-08, the trough of April on 2021-07-19."""
    frame = table(usrec("2020-01-01", "001100"), CONFIG.recessions)
    peak, trough = at("2020-06-09", "09:36"), at("2021-07-20", "09:36")  # a day each after the announcements
    months = ["2020-01", "2020-02", "2020-03", "2020-04", "2020-05"]
    assert realtime_states(frame) == dict(zip(months, [0.0, 0.0, 1.0, 1.0, 0.0], strict=True))
    name = "is_nber_recession"
    assert column(frame, "available_at", indicator=name, vintage="realtime") == [peak, peak, peak, trough, trough]
    # in between nobody could say whether April belonged to the recession
    assert realtime_states(frame, at("2021-01-01")) == {"2020-01": 0.0, "2020-02": 0.0, "2020-03": 1.0}
    # June is not settled until the next turning point; `latest` says what USREC says
    assert column(frame, "value", indicator=name, vintage="latest") == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    latest = column(frame, "available_at", indicator=name, vintage="latest")
    # that June is none was not known before the trough was
    assert latest == [peak, peak, peak, trough, trough, trough]


def test_a_month_after_the_last_announcement_is_known_from_its_release():
    """July 2021 is published on 2021-08-03, two weeks after the announcement of the trough; June before it."""
    frame = table(usrec("2020-04-01", "1" + "0" * 15), CONFIG.recessions)
    trough = at("2021-07-20", "09:36")
    assert known(frame, "is_nber_recession", "2020-06-01") == known(frame, "is_nber_recession", "2021-06-01") == trough
    assert known(frame, "is_nber_recession", "2021-07-01") == at("2021-08-03", "12:00")
    open_now = Recession(peak=day("2027-01-01"), peak_announced_on=day("2027-09-01"))
    frame = table(usrec("2026-12-01", "0011111"), [*CONFIG.recessions, open_now])
    # a month of a recession that nobody had announced: 2027-09-01 is a Wednesday
    assert known(frame, "is_nber_recession", "2027-05-01") == at("2027-09-02", "09:36")
    # before the first listed peak nothing began a state; the first announcement settles all that
    before = table(usrec("1979-11-01", "000"))
    assert known(before, "is_nber_recession", "1979-11-01") == at("1979-12-03")


def test_an_announcement_counts_by_its_own_day():
    """The trough of March 1991 was announced after the peak of July 1990 had been: nothing of 1992 is settled by it."""
    frame = table(usrec("1990-06-01", "00" + "1" * 8 + "0" * 20), CONFIG.recessions)
    assert realtime_states(frame, at("1991-04-26", "09:35")) == {}
    states = realtime_states(frame, at("1991-04-26"))
    assert states == {"1990-06": 0.0, "1990-07": 0.0, "1990-08": 1.0}
    states = realtime_states(frame, at("1993-01-01"))
    assert list(states)[-1] == "1991-04"
    assert [m for m, state in states.items() if state] == [f"1990-{m:02}" for m in range(8, 13)] + [
        "1991-01", "1991-02", "1991-03",
    ]  # fmt: skip


def test_an_open_recession_settles_its_first_month_only():
    open_now = Recession(peak=day("2027-01-01"), peak_announced_on=day("2027-09-01"))
    frame = table(usrec("2026-12-01", "0011111"), [*CONFIG.recessions, open_now])
    assert realtime_states(frame) == {"2026-12": 0.0, "2027-01": 0.0, "2027-02": 1.0}


def test_before_the_first_listed_peak_nothing_is_known_then():
    frame = table(usrec("1979-11-01", "00011"), CONFIG.recessions)
    assert realtime_states(frame) == {"1980-02": 1.0, "1980-03": 1.0}
    assert len(column(frame, "value", indicator="is_nber_recession", vintage="latest")) == 5
    assert realtime_states(table(usrec("1979-11-01", "000"))) == {}


def test_an_announcement_after_the_data_end_is_not_known():
    """Data up to the day of the announcement: its rows would come from the future."""
    releases = usrec("2020-01-01", "001100")
    cut = table(releases.filter(pl.col("available_at") <= at("2021-07-19", "23:59")), CONFIG.recessions)
    assert realtime_states(cut) == {"2020-01": 0.0, "2020-02": 0.0, "2020-03": 1.0}
    assert known(cut, "is_nber_recession", "2020-04-01") == by_rule("recession", day("2020-04-01"))


def test_a_month_is_not_known_before_the_source_has_it():
    rows = [(day("2020-03-01"), 1.0, NOW, day("2022-01-03"))]
    frame = table(held({"recession": rows}), CONFIG.recessions)
    assert known(frame, "is_nber_recession", "2020-03-01", "realtime") == at("2022-01-03", "12:00")


# --- the table -------------------------------------------------------------------------------------------------------

LEVELS = {
    "credit_spread": "hy_oas_pct", "baa_spread": "baa_spread_pct", "implied_volatility": "vix",
    "financial_conditions": "nfci", "financial_stress": "financial_stress_index", "job_openings": "job_openings_k",
    "retail_sales": "retail_sales_usd_m", "expected_inflation": "inflation_expectations_1y_pct",
    "money_stock": "m2_usd_bn", "mortgage_rate_30y": "mortgage_30y_pct", "breakeven_inflation_10y": "breakeven_10y_pct",
}  # fmt: skip


def test_levels():
    frame = table(held({role: [(day("2024-03-01"), 7.25, NOW)] for role in LEVELS}))
    latest = frame.filter(pl.col("vintage") == "latest")
    assert sorted(latest["indicator"]) == sorted(LEVELS.values())
    assert set(latest["value"]) == {7.25}
    unrevised = {LEVELS[role] for role in LEVELS if not BY_ROLE[role].is_revised}
    assert set(frame.filter(pl.col("vintage") == "realtime")["indicator"]) == unrevised


def test_every_indicator_is_defined_and_every_role_configured():
    text = DEFINITIONS.read_text()
    for one in INDICATORS:
        name = one.name
        for months in ("3", "6", "12"):
            name = name.replace(f"change_{months}m_p", "change_{3,6,12}m_p")
        assert f"`{name}`" in text, one.name
        assert one.grade in ("exact", "ours", "proxy") and one.unit and one.description.endswith(".")
        assert one.formula is None or one.formula.role in BY_ROLE
    assert len({one.name for one in INDICATORS}) == len(INDICATORS) == 39


def test_the_sample_series_serve_by_their_roles():
    sample = config.load(config.SAMPLE_DIR)
    (one,) = [s for s in sample.series if s.role == "unemployment_rate"]
    frame = macro_indicators(releases(one.series_id, [(day("2024-01-01"), 3.7)]), sample.series, ())
    assert value(frame, "unemployment_rate_pct", "2024-01-01") == 3.7


def test_nothing_gives_an_empty_table():
    frame = table(held({}))
    assert frame.is_empty()
    assert_frame_equal(frame, MacroIndicators.create_empty())
    assert macro_indicators(held({}), (), ()).schema == frame.schema


def test_one_observation_of_every_series():
    frame = table(held({role: [(day("2024-03-01"), 7.25, NOW)] for role in BY_ROLE}), CONFIG.recessions)
    MacroIndicators.validate(rounded(frame, MacroIndicators))
    realtime_only = {"payrolls_surprise_k", "cpi_surprise_naive_pp"}
    # one month is no year, and no twelve months of a budget, which goes before the fiscal year
    assert set(column(frame, "indicator", vintage="latest")) == {one.name for one in INDICATORS} - realtime_only
    assert set(frame.drop_nulls("value")["indicator"]) == {
        "unemployment_rate_pct", "fed_funds_target_upper_pct", "policy_stance_pp", "is_nber_recession",
        *LEVELS.values(),
    }  # fmt: skip


# --- random captures: a plain-Python double loop, and cut data -------------------------------------------------------


def captured(chance: random.Random, role: str, days: Sequence[dt.date], level: float, noise: float) -> list[tuple]:
    """Captures of a series: month-end vintages, dated vintages or captures of some day, with revisions and gaps."""
    mode = chance.choice(("months", "dated", "days"))
    gaps = 0.0 if role == "initial_claims" else 0.04  # one missing week would leave no full window
    rule = {d: by_rule(role, d) for d in days}
    truth = {d: None if chance.random() < gaps else round(level + chance.gauss(0, noise), 1) for d in days}
    rows, start = [], chance.randrange(max(1, len(days) // 3))
    for i in range(start, len(days)):
        if i > start and chance.random() < 0.07:
            continue  # the vintage is not at hand: its values come with the next
        local = rule[days[i]].astimezone(NEW_YORK).date()
        told = {
            "months": None,
            "dated": local + dt.timedelta(days=chance.choice((0, 0, 0, -1, 3, 50))),
            "days": None,
        }[mode]
        received = {
            "months": end_of(local.replace(day=1)),
            "dated": NOW,
            "days": rule[days[i]] + dt.timedelta(minutes=chance.choice((-900, 0, 7, 3_000, 40_000, 90_000))),
        }[mode]
        rows += [(d, truth[d], received, told) for d in days[: i + 1]]
        for d in days[max(0, i - 3) : i + 1]:
            if truth[d] is not None and chance.random() < 0.5:
                truth[d] = round(truth[d] + chance.gauss(0, noise / 5), 1)
    return rows


RANDOM_ROLES = {
    "unemployment_rate": (5.0, 0.4), "payrolls": (1000.0, 30.0), "cpi": (300.0, 3.0), "housing_starts": (1500.0, 50.0),
    "real_gdp": (20_000.0, 90.0), "nominal_gdp": (25_000.0, 90.0), "initial_claims": (220_000.0, 9_000.0),
    "federal_balance_monthly": (-100_000.0, 9_000.0), "federal_balance_fiscal_year": (-1_300_000.0, 9_000.0),
    "treasury_2y": (4.0, 0.3), "target_upper": (4.0, 0.3), "implied_volatility": (18.0, 3.0),
}  # fmt: skip


@cache
def random_releases(seed: int) -> pl.DataFrame:
    chance = random.Random(seed)
    captures = {}
    for role, (level, noise) in RANDOM_ROLES.items():
        if role == "federal_balance_monthly" and seed % 2:
            continue
        days = {
            "monthly": [month("2018-01-01", i) for i in range(34)],
            "quarterly": [month("2018-01-01", 3 * i) for i in range(12)],
            "annual": [day("2019-09-30"), day("2020-09-30")],
            "weekly": [day("2019-06-01") + dt.timedelta(weeks=i) for i in range(70)],
            "daily": [day("2019-05-28") + dt.timedelta(days=i) for i in range(40)],
        }[BY_ROLE[role].frequency]
        captures[role] = captured(chance, role, days, level, noise)
    usrec_rows = newest("recession", [(month("2019-10-01", i), float(4 < i < 7)) for i in range(24)])
    return held({**captures, "recession": usrec_rows})


@cache
def random_table(seed: int) -> pl.DataFrame:
    return table(random_releases(seed), CONFIG.recessions)


class Held:
    """One series as dictionaries: the plain-Python reading of core.macro_releases."""

    def __init__(self, frame: pl.DataFrame, role: str) -> None:
        self.series = BY_ROLE[role]
        rows = frame.filter(pl.col("series_id") == self.series.series_id).sort("observed_on", "seq")
        self.values: dict[dt.date, list[dict]] = {}
        for row in rows.to_dicts():
            self.values.setdefault(row["observed_on"], []).append(row)
        self.rules = {d: by_rule(role, d) for d in self.values}

    def newest(self, observed_on: dt.date, cut: dt.datetime | None = None) -> dict | None:
        found = [r for r in self.values.get(observed_on, []) if cut is None or r["available_at"] <= cut]
        return found[-1] if found else None

    def in_vintage(self, observed_on: dt.date, vintage: dt.datetime, cut: dt.datetime) -> dict | None:
        found = [r for r in self.values.get(observed_on, []) if self.received(r) <= vintage]
        return found[-1] if found and found[-1]["available_at"] <= cut else None

    @staticmethod
    def received(row: dict) -> dt.datetime:
        if row["seq"] == 1 and row["availability"] == "rule":
            return row["captured_at"]
        return min(row["captured_at"], row["available_at"])

    def first_prints(self) -> dict[dt.date, dict]:
        return {d: rows[0] for d, rows in self.values.items() if self._is_first_print(d, rows[0])}

    def _is_first_print(self, observed_on: dt.date, row: dict) -> bool:
        if not self.series.is_revised:
            return True
        rule = self.rules[observed_on]
        if row["availability"] == "vintage":
            with_it = [d for d, rows in self.values.items() if rows[0]["available_at"] == row["available_at"]]
            late = row["available_at"] - rule
            return late <= dt.timedelta(0) or (late <= dt.timedelta(days=45) and observed_on == max(with_it))
        if row["captured_at"] >= self._next_release(observed_on):
            return False
        local = row["captured_at"].astimezone(NEW_YORK)
        if (local.hour, local.minute) == (23, 59) and (local + dt.timedelta(days=1)).day == 1:
            released = rule.astimezone(NEW_YORK)
            return (local.year, local.month) <= (released.year, released.month)
        return row["captured_at"] - rule <= dt.timedelta(days=45)

    def _next_release(self, observed_on: dt.date) -> dt.datetime:
        later = [back(observed_on, -steps, self.series.frequency) for steps in range(1, 11)]
        rules = [by_rule(self.series.role, d) for d in later]
        return min(rule for rule in rules if rule > self.rules[observed_on])


def back(observed_on: dt.date, steps: int, frequency: str) -> dt.date:
    if frequency in ("weekly", "daily"):
        return observed_on - dt.timedelta(weeks=steps)
    months = {"monthly": 1, "quarterly": 3, "annual": 12}[frequency]
    return month(observed_on.isoformat(), -steps * months)


def change_pct(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else 100 * (a / b - 1)


def less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def plain_sahm(x: list[float | None], exists: list[bool]) -> float | None:
    def mean(i: int) -> Fraction | None:
        there = [Fraction(str(round(v, 1))) for v in x[i : i + 3] if v is not None]
        return sum(there) / len(there) if len(there) > 1 else None

    lows = [m for m in (mean(i) for i in range(1, 13)) if m is not None]
    if x[0] is None or not exists[14] or len(lows) < 10:
        return None
    return round(float(mean(0) - min(lows)), 2)


def plain_claims(x: list[float | None]) -> float | None:
    return None if None in x[:4] else fmean(x[:4])


def plain_rise(x: list[float | None]) -> float | None:
    means = [plain_claims(x[i:]) for i in range(52)]
    return None if None in means else change_pct(means[0], min(means))


def plain_surprise(x: list[float | None]) -> float | None:
    changes = [change_pct(x[i], x[i + 1]) for i in range(25)]
    before = [c for c in changes[1:] if c is not None][:12]
    return None if changes[0] is None or len(before) < 12 else changes[0] - fmean(before)


# indicator: role, steps back that it reads, formula of those values and of whether they have rows, from first vintage
PLAIN = {
    "unemployment_rate_pct": ("unemployment_rate", [0], lambda x, _: x[0], False),
    "unemployment_change_6m_pp": ("unemployment_rate", [0, 6], lambda x, _: less(x[0], x[1]), False),
    "unemployment_change_12m_pct": ("unemployment_rate", [0, 12], lambda x, _: change_pct(x[0], x[1]), False),
    "sahm_pp": ("unemployment_rate", list(range(15)), plain_sahm, False),
    "initial_claims_4wk": ("initial_claims", list(range(4)), lambda x, _: plain_claims(x), False),
    "initial_claims_rise_pct": ("initial_claims", list(range(55)), lambda x, _: plain_rise(x), False),
    "payrolls_change_k": ("payrolls", [0, 1], lambda x, _: less(x[0], x[1]), True),
    "payrolls_change_3m_k": ("payrolls", [0, 3], lambda x, _: less(x[0], x[1]), True),
    "cpi_mom_pct": ("cpi", [0, 1], lambda x, _: change_pct(x[0], x[1]), False),
    "cpi_yoy_pct": ("cpi", [0, 12], lambda x, _: change_pct(x[0], x[1]), False),
    "cpi_surprise_naive_pp": ("cpi", list(range(26)), lambda x, _: plain_surprise(x), True),
    "housing_starts_yoy_pct": ("housing_starts", [0, 12], lambda x, _: change_pct(x[0], x[1]), False),
    "real_gdp_saar_pct": (
        "real_gdp", [0, 1], lambda x, _: None if None in x else 100 * ((x[0] / x[1]) ** 4 - 1), False,
    ),
    "vix": ("implied_volatility", [0], lambda x, _: x[0], False),
}  # fmt: skip
Rows = dict[tuple[str, dt.date, str], tuple[float | None, dt.datetime, bool]]  # value, available_at, is_mixed


def plain_rows(frame: pl.DataFrame, name: str) -> Rows:
    """One indicator by a loop over observations and, inside, over the values known."""
    role, steps, formula, from_first_vintage = PLAIN[name]
    one = Held(frame, role)
    instants = sorted(set(frame["available_at"]))
    rows: Rows = {}

    def evaluated(look: list[dict | None]) -> float | None:
        return formula([r and r["value"] for r in look], [r is not None for r in look])

    for t in one.values:
        look = [one.newest(back(t, k, one.series.frequency)) for k in steps]
        if name != "cpi_surprise_naive_pp":
            rows[name, t, "latest"] = (evaluated(look), max(r["available_at"] for r in look if r), False)
    for t, first in one.first_prints().items():
        cut, vintage = first["available_at"], one.received(first)
        whole = next((i for i in instants if i >= max(cut, vintage)), None)
        periods = [back(t, k, one.series.frequency) for k in steps]
        of_vintage = None if whole is None else evaluated([one.in_vintage(p, vintage, whole) for p in periods])
        if not from_first_vintage:
            got = evaluated([one.newest(p, cut) for p in periods])
            is_other = None not in (got, of_vintage) and got != pytest.approx(of_vintage, rel=1e-9, abs=1e-9)
            rows[name, t, "realtime"] = (got, cut, is_other and vintage > cut and len(steps) > 1)
        elif whole is not None:
            rows[name, t, "realtime"] = (of_vintage, whole, False)
    return rows


def plain_payrolls_surprise(changes: Rows) -> Rows:
    realtime = {t: row for (_, t, vintage), row in changes.items() if vintage == "realtime"}
    rows: Rows = {}
    for t, (change, known_at, _) in realtime.items():
        before = [realtime.get(month(t.isoformat(), -k), (None, NOW, False)) for k in range(1, 25)]
        newest_12 = [c for c, when, _ in before if c is not None and when <= known_at][:12]
        surprise = change - fmean(newest_12) if change is not None and len(newest_12) == 12 else None
        rows["payrolls_surprise_k", t, "realtime"] = (surprise, known_at, False)
    return rows


def compared(frame: pl.DataFrame, expected: Rows, name: str) -> None:
    found = {
        (name, d, vintage): row
        for d, vintage, *row in frame.filter(pl.col("indicator") == name)
        .select("observed_on", "vintage", "value", "available_at", "is_mixed")
        .rows()
    }
    assert found.keys() == expected.keys(), name
    for key, (expected_value, known_at, flagged) in expected.items():
        got, when, is_flagged = found[key]
        assert (when, is_flagged) == (known_at, flagged), key
        same = got is None if expected_value is None else got == pytest.approx(expected_value, rel=1e-9, abs=1e-9)
        assert same, (key, got, expected_value)


SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
def test_against_a_plain_double_loop(seed: int):
    frame = random_releases(seed)
    built = random_table(seed)
    for name in PLAIN:
        compared(built, plain_rows(frame, name), name)
    compared(built, plain_payrolls_surprise(plain_rows(frame, "payrolls_change_k")), "payrolls_surprise_k")


def test_the_random_captures_hold_what_the_comparison_needs():
    built = pl.concat(random_table(seed) for seed in SEEDS)
    realtime = built.filter(pl.col("vintage") == "realtime").drop_nulls("value")
    counts = dict(realtime.group_by("indicator").len().rows())
    few = {name: counts.get(name, 0) for name in [*PLAIN, "payrolls_surprise_k", "policy_stance_pp"]}
    assert min(few.values()) >= 10, few
    assert counts["deficit_12m_pct_gdp"] >= 5
    assert realtime.filter("is_mixed")["indicator"].n_unique() >= 6
    assert realtime["available_at"].n_unique() > 100


@pytest.mark.parametrize("seed", SEEDS)
def test_data_cut_at_an_instant_give_the_rows_known_by_then(seed: int):
    frame = random_releases(seed)
    full = random_table(seed).filter(pl.col("vintage") == "realtime")
    instants = sorted({*frame["available_at"], *full["available_at"]})
    for instant in random.Random(seed).sample(instants, 2):
        cut = instant - dt.timedelta(seconds=random.Random(str(instant)).choice((0, 1)))
        then = table(frame.filter(pl.col("available_at") <= cut), CONFIG.recessions)
        then, expected = then.filter(pl.col("vintage") == "realtime"), full.filter(pl.col("available_at") <= cut)
        assert_frame_equal(then.drop("is_mixed"), expected.drop("is_mixed"), check_exact=True)
        # it only ever turns TRUE
        assert (~then["is_mixed"] | expected["is_mixed"]).all()
