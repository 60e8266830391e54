"""core.macro_releases and core.macro_latest: definitions, section 6."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from builders import macro_captures
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.config import ReleaseRule, Series
from pipeline.contracts.core import MacroLatest, MacroReleases
from pipeline.transforms.macro import available_at, macro_latest, macro_releases
from pipeline.transforms.rejects import macro_edits
from pipeline.writing import checked

NEW_YORK = ZoneInfo("America/New_York")
CONFIG = config.load()


def series(*rules: ReleaseRule, frequency: str = "monthly", decimals: int = 1, **fields: object) -> Series:
    return Series(
        series_id="TEST",
        role="test",
        title="Test",
        unit="percent",
        frequency=frequency,
        decimals=decimals,
        seasonal_adjustment="seasonally adjusted",
        is_revised=True,
        release=rules or (ReleaseRule(months=1, day=5, at="08:30"),),
        licence="none",
        why="test",
        **fields,
    )


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def new_york(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(dt.UTC)


def month_end(text: str) -> dt.datetime:
    """A vintage month counts as captured at 23:59 New York of its last day."""
    first = day(f"{text}-01")
    last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    return new_york(f"{last} 23:59")


def known_from(one: Series, observed_on: str) -> str:
    frame = pl.DataFrame({"observed_on": [day(observed_on)]})
    instant = frame.select(available_at(one)).item()
    return instant.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


def releases(rows: list[tuple], one: Series | None = None, *, is_vintage: bool = False) -> pl.DataFrame:
    one = one or series()
    return macro_releases(macro_captures("TEST", rows, is_vintage=is_vintage), [one])


# --- release rules --------------------------------------------------------------------------------------------------

AFTER_ONE_DAY = ReleaseRule(business_days=1, at="16:15")
SAME_DAY = ReleaseRule(business_days=0, at="17:01")
FIVE_DAYS = ReleaseRule(days=5, at="08:30")
FIFTEENTH = ReleaseRule(months=1, day=15, at="08:30")
THIRTIETH = ReleaseRule(months=1, day=30, at="08:30")
SECOND_FRIDAY = ReleaseRule(months=1, weekday="friday", nth=2, at="08:30")
FIRST_FRIDAY = ReleaseRule(months=1, weekday="friday", nth=1, at="08:30")
FOURTH_TUESDAY = ReleaseRule(months=1, weekday="tuesday", nth=4, at="13:00")
EMPLOYMENT = ReleaseRule(after_week_of=12, weekday="friday", nth=3, at="08:30")


@pytest.mark.parametrize(
    ("rule", "observed_on", "expected"),
    [
        (AFTER_ONE_DAY, "2024-08-28", "2024-08-29 16:15"),
        (AFTER_ONE_DAY, "2024-08-30", "2024-09-03 16:15"),  # a Friday before Labor Day
        (AFTER_ONE_DAY, "2024-07-03", "2024-07-05 16:15"),  # the day before Independence Day
        (AFTER_ONE_DAY, "2024-03-28", "2024-03-29 16:15"),  # Good Friday is no federal holiday
        (SAME_DAY, "2024-08-28", "2024-08-28 17:01"),
        (SAME_DAY, "2024-07-04", "2024-07-05 17:01"),  # a holiday itself
        (SAME_DAY, "2024-08-31", "2024-09-03 17:01"),  # the Saturday before Labor Day
        (FIVE_DAYS, "2024-06-22", "2024-06-27 08:30"),  # week ending Saturday, known on Thursday
        (FIVE_DAYS, "2024-06-29", "2024-07-05 08:30"),  # that Thursday is Independence Day
        (FIVE_DAYS, "2023-11-18", "2023-11-24 08:30"),  # Thanksgiving
        (FIFTEENTH, "2024-03-01", "2024-04-15 08:30"),
        (FIFTEENTH, "2024-05-01", "2024-06-17 08:30"),  # 15 June is a Saturday
        (FIFTEENTH, "2025-05-01", "2025-06-16 08:30"),  # 15 June is a Sunday
        (FIFTEENTH, "2023-12-01", "2024-01-16 08:30"),  # 15 January is Martin Luther King's day
        (THIRTIETH, "2024-01-01", "2024-03-01 08:30"),  # February has none: the rule errs late
        (SECOND_FRIDAY, "2024-02-01", "2024-03-08 08:30"),  # the month begins on a Friday
        (SECOND_FRIDAY, "2024-03-01", "2024-04-12 08:30"),
        (FIRST_FRIDAY, "2020-06-01", "2020-07-06 08:30"),  # 3 July 2020 was Independence Day, observed
        (FOURTH_TUESDAY, "2024-01-01", "2024-02-27 13:00"),
        (EMPLOYMENT, "2023-08-01", "2023-09-01 08:30"),  # the 12th is a Saturday, the last day of its week
        (EMPLOYMENT, "2023-10-01", "2023-11-03 08:30"),
        (EMPLOYMENT, "2024-11-01", "2024-12-06 08:30"),
        (EMPLOYMENT, "2022-12-01", "2023-01-06 08:30"),  # January, but not the first three days
        (EMPLOYMENT, "2020-12-01", "2021-01-08 08:30"),  # the third Friday is 1 January: a week later
        (EMPLOYMENT, "2015-12-01", "2016-01-08 08:30"),
        (EMPLOYMENT, "2024-12-01", "2025-01-10 08:30"),  # the third Friday is 3 January
        (EMPLOYMENT, "2020-06-01", "2020-07-06 08:30"),  # a holiday: published the day before, so the rule errs late
    ],
)
def test_release_rules(rule: ReleaseRule, observed_on: str, expected: str):
    assert known_from(series(rule), observed_on) == expected


@pytest.mark.parametrize("series_id", ["T10Y2Y", "T10Y3M", "DGS10"])
def test_treasury_yields_are_known_on_the_day_itself_since_2019_06_21(series_id: str):
    one = CONFIG.by_series_id[series_id]
    assert known_from(one, "2019-06-19") == "2019-06-20 16:15"
    assert known_from(one, "2019-06-20") == "2019-06-21 16:15"
    assert known_from(one, "2019-06-21") == "2019-06-21 17:01"
    assert known_from(one, "2019-06-24") == "2019-06-24 17:01"


def test_the_clock_is_new_yorks_in_summer_and_in_winter():
    one = series(SAME_DAY)
    frame = pl.DataFrame({"observed_on": [day("2024-01-03"), day("2024-07-03")]})
    assert [str(at) for at in frame.select(available_at(one)).to_series()] == [
        "2024-01-03 22:01:00+00:00",
        "2024-07-03 21:01:00+00:00",
    ]


def test_of_several_rules_the_newest_that_has_begun_applies():
    one = series(
        ReleaseRule(since=day("2020-01-01"), months=1, day=10, at="10:00"),
        ReleaseRule(months=1, day=20, at="08:30"),
        ReleaseRule(since=day("2010-01-01"), months=1, day=14, at="09:00"),
    )
    assert known_from(one, "2009-12-01") == "2010-01-20 08:30"
    assert known_from(one, "2010-01-01") == "2010-02-16 09:00"  # 14 February 2010: a Sunday, then Presidents' Day
    assert known_from(one, "2020-01-01") == "2020-02-10 10:00"


def test_a_release_that_a_shutdown_delayed_is_listed_by_its_observation():
    one = series(EMPLOYMENT, shutdown_releases={day("2013-09-01"): day("2013-10-22")})
    assert known_from(one, "2013-09-01") == "2013-10-22 08:30"
    assert known_from(one, "2013-08-01") == "2013-09-06 08:30"


# --- every value ever known -----------------------------------------------------------------------------------------


def test_unemployment_of_august_2023_was_first_3_8_and_is_now_3_7():
    one = CONFIG.by_series_id["UNRATE"]
    rows = [(day("2023-08-01"), 3.8, month_end("2023-09")), (day("2023-08-01"), 3.7, month_end("2024-01"))]
    table = macro_releases(macro_captures("UNRATE", rows, is_vintage=True), [one])
    assert table.select("seq", "value", "available_at", "availability").rows() == [
        (1, 3.8, new_york("2023-09-01 08:30"), "rule"),  # a month's vintage does not tell the day
        (2, 3.7, new_york("2024-01-31 23:59"), "vintage"),
    ]
    latest = macro_latest(table).row(0, named=True)
    assert (latest["value"], latest["available_at"], latest["first_available_at"]) == (
        3.7,
        new_york("2024-01-31 23:59"),
        new_york("2023-09-01 08:30"),
    )


def test_a_value_that_comes_again_adds_nothing():
    rows = [(day("2024-01-01"), 3.7, month_end(month)) for month in ("2024-03", "2024-04", "2024-05")]
    assert releases(rows).select("seq", "value", "captured_at").rows() == [(1, 3.7, month_end("2024-03"))]


def test_values_equal_at_the_published_precision_are_no_change():
    rows = [(day("2024-01-01"), 3.7, month_end("2024-03")), (day("2024-01-01"), 3.7000001, month_end("2024-04"))]
    assert releases(rows)["value"].to_list() == [3.7]
    assert releases([rows[0], (day("2024-01-01"), 3.75, month_end("2024-04"))])["value"].to_list() == [3.7, 3.75]


def test_a_value_that_comes_back_after_another_is_a_change():
    rows = [(day("2024-01-01"), value, month_end(f"2024-0{i}")) for i, value in ((3, 3.7), (4, 3.8), (5, 3.7))]
    assert releases(rows).select("seq", "value").rows() == [(1, 3.7), (2, 3.8), (3, 3.7)]
    assert macro_latest(releases(rows))["value"].to_list() == [3.7]


def test_an_earlier_value_is_never_overwritten_by_a_later_build():
    rows = [(day("2024-01-01"), 3.7, month_end("2024-03")), (day("2024-01-01"), 3.9, month_end("2024-04"))]
    assert_frame_equal(releases(rows[:1]), releases(rows).head(1))


def test_a_revision_is_not_known_before_the_first_value():
    # received on the 2nd and the 3rd, by rule known on the 5th of February
    rows = [
        (day("2024-01-01"), 3.7, new_york("2024-02-02 12:00")),
        (day("2024-01-01"), 3.8, new_york("2024-02-03 12:00")),
    ]
    assert releases(rows)["available_at"].to_list() == [new_york("2024-02-05 08:30")] * 2


def test_a_value_that_the_source_had_not_yet_is_known_by_rule():
    rows = [(day("2024-01-01"), None, new_york("2024-02-01 12:00")), (day("2024-01-01"), 3.7, month_end("2024-02"))]
    found = releases(rows)
    assert found.select("seq", "value", "available_at").rows() == [(1, 3.7, new_york("2024-02-05 08:30"))]


def test_a_full_stop_is_a_row_without_a_value():
    assert releases([(day("2024-01-01"), None, month_end("2024-03"))]).select("seq", "value").rows() == [(1, None)]


def test_a_withdrawn_value_is_a_change_to_null():
    rows = [(day("2024-01-01"), 3.7, month_end("2024-03")), (day("2024-01-01"), None, month_end("2024-04"))]
    assert releases(rows).select("seq", "value").rows() == [(1, 3.7), (2, None)]
    assert macro_latest(releases(rows))["value"].to_list() == [None]


def test_a_month_between_two_served_ones_is_there_without_a_value():
    # October 2025 has no unemployment rate; in one copy the row is blank, in another it is left out
    blank = [(day(f"2025-{m}-01"), v, month_end("2026-01")) for m, v in (("09", 4.4), ("10", None), ("11", 4.6))]
    left_out = [row for row in blank if row[1] is not None]
    assert_frame_equal(releases(blank), releases(left_out))
    assert releases(left_out).select("observed_on", "value").rows()[1] == (day("2025-10-01"), None)


def test_a_month_that_only_one_copy_leaves_out_has_its_value():
    full = [(day(f"2025-0{m}-01"), 4.0 + m / 10, month_end("2026-01")) for m in (1, 2, 3)]
    short = [(observed, value, month_end("2026-02")) for observed, value, _ in (full[0], full[2])]
    assert releases(full + short)["value"].to_list() == [4.1, 4.2, 4.3]


@pytest.mark.parametrize(
    ("frequency", "served", "added"),
    [
        ("weekly", ["2024-01-06", "2024-01-27"], ["2024-01-13", "2024-01-20"]),
        ("quarterly", ["2024-01-01", "2024-07-01"], ["2024-04-01"]),
        ("annual", ["2020-09-30", "2022-09-30"], ["2021-09-30"]),
        ("annual", ["1976-06-30", "1977-09-30"], []),  # the fiscal year moved by a quarter: no hole
        ("daily", ["2024-01-02", "2024-01-10"], []),
        ("monthly", ["2024-01-01", "2024-02-01"], []),
    ],
)
def test_absent_periods(frequency: str, served: list[str], added: list[str]):
    found = releases([(day(one), 1.0, month_end("2025-01")) for one in served], series(frequency=frequency))
    assert [str(one) for one in found.filter(pl.col("value").is_null())["observed_on"]] == added
    assert found.height == len(served) + len(added)


def test_a_series_without_a_release_rule_is_left_out():
    captures = macro_captures("OTHER", [(day("2024-01-01"), 1.0, month_end("2024-03"))])
    assert macro_releases(captures, [series()]).is_empty()


def test_as_of_keeps_what_was_known():
    rows = [(day("2024-01-01"), 3.7, month_end("2024-02")), (day("2024-01-01"), 3.8, month_end("2024-04"))]
    captures = macro_captures("TEST", rows)
    for as_of, expected in (
        (new_york("2024-02-05 08:29"), []),
        (new_york("2024-02-05 08:30"), [3.7]),
        (month_end("2024-04") - dt.timedelta(seconds=1), [3.7]),
        (month_end("2024-04"), [3.7, 3.8]),
    ):
        assert macro_releases(captures, [series()], as_of)["value"].to_list() == expected


def test_nothing_captured_gives_empty_tables_of_the_contracts():
    empty = macro_releases(macro_captures("TEST", []), [series()])
    assert checked("core.macro_releases", empty, MacroReleases).is_empty()
    assert checked("core.macro_latest", macro_latest(empty), MacroLatest).is_empty()


def test_edits_are_the_changes():
    rows = [(day("2024-01-01"), value, month_end(f"2024-0{i}")) for i, value in ((3, 3.7), (4, 3.8), (5, None))]
    edits = macro_edits(releases([*rows, (day("2024-02-01"), 1.0, month_end("2024-05"))]))
    assert edits.select(
        "dataset", "id", "column_name", "old_value", "new_value", "old_captured_at", "captured_at"
    ).rows() == [
        ("macro", "TEST", "value", 3.7, 3.8, month_end("2024-03"), month_end("2024-04")),
        ("macro", "TEST", "value", 3.8, None, month_end("2024-04"), month_end("2024-05")),
    ]


def test_values_of_one_instant_are_no_edits_of_each_other():
    rows = [(day("2024-01-01"), value, month_end("2024-03")) for value in (3.7, 3.8, 3.9)]
    assert macro_edits(releases(rows)).is_empty()


# --- days that the source told ---------------------------------------------------------------------------------------

AUGUST = day("2023-08-01")
FIRST_PRINT, REVISED = day("2023-09-01"), day("2024-01-05")  # the days of the Employment Situation


def vintage(observed_on: dt.date, value: float | None, vintage_on: dt.date) -> tuple:
    """A value that the source dates; received, for the order of captures, at the day's first minute in New York."""
    return observed_on, value, new_york(f"{vintage_on} 00:00"), vintage_on


def test_a_told_day_and_the_release_clock_give_the_instant():
    one = CONFIG.by_series_id["UNRATE"]
    captures = macro_captures("UNRATE", [vintage(AUGUST, 3.8, FIRST_PRINT), vintage(AUGUST, 3.7, REVISED)])
    table = macro_releases(captures, [one])
    assert table.select("seq", "value", "available_at", "availability").rows() == [
        (1, 3.8, dt.datetime(2023, 9, 1, 12, 30, tzinfo=dt.UTC), "vintage"),  # 08:30 in summer
        (2, 3.7, dt.datetime(2024, 1, 5, 13, 30, tzinfo=dt.UTC), "vintage"),  # 08:30 in winter
    ]
    for as_of, expected in (
        ("2023-09-01 08:29", []),
        ("2023-09-01 08:30", [3.8]),
        ("2023-10-01 23:59", [3.8]),
        ("2024-01-05 08:29", [3.8]),
        ("2024-01-05 08:30", [3.7]),
    ):
        then = macro_releases(captures, [one], new_york(as_of))
        assert macro_latest(then)["value"].to_list() == expected, as_of


def test_the_clock_is_that_of_the_rule_that_holds_for_the_observation():
    one = series(
        ReleaseRule(months=1, day=20, at="08:30"), ReleaseRule(since=day("2010-01-01"), months=1, day=14, at="10:00")
    )
    rows = [vintage(day("2009-12-01"), 1.0, day("2010-01-12")), vintage(day("2010-01-01"), 2.0, day("2010-02-11"))]
    assert releases(rows, one)["available_at"].to_list() == [
        new_york("2010-01-12 08:30"),
        new_york("2010-02-11 10:00"),
    ]


@pytest.mark.parametrize("told", ["2024-02-02", "2024-02-20"])
def test_a_told_day_counts_for_the_first_value_before_and_after_the_rule(told: str):
    # by rule known on the 5th of February
    found = releases([vintage(day("2024-01-01"), 3.7, day(told))])
    assert found.select("available_at", "availability").rows() == [(new_york(f"{told} 08:30"), "vintage")]


def test_vintages_that_come_after_plain_captures_take_their_place():
    """A key was added: what had been received without one is the same value, known earlier."""
    plain = [(AUGUST, 3.8, new_york("2023-10-15 21:00")), (AUGUST, 3.7, new_york("2024-03-01 21:00"))]
    dated = [vintage(AUGUST, 3.8, FIRST_PRINT), vintage(AUGUST, 3.7, REVISED)]
    one = CONFIG.by_series_id["UNRATE"]
    both = macro_releases(macro_captures("UNRATE", plain + dated), [one])
    assert_frame_equal(both, macro_releases(macro_captures("UNRATE", dated), [one]))
    alone = macro_releases(macro_captures("UNRATE", plain), [one])
    assert alone.select("available_at", "availability").rows() == [
        (new_york("2023-09-01 08:30"), "rule"),
        (new_york("2024-03-01 21:00"), "rule"),
    ]


def test_plain_captures_that_come_after_vintages_are_known_when_received():
    """The key was taken away: the revision of January is seen ten days later."""
    rows = [vintage(AUGUST, 3.8, FIRST_PRINT), (AUGUST, 3.8, new_york("2023-12-01 21:00"))]
    rows.append((AUGUST, 3.7, new_york("2024-01-15 21:00")))
    table = macro_releases(macro_captures("UNRATE", rows), [CONFIG.by_series_id["UNRATE"]])
    assert table.select("seq", "value", "available_at", "availability").rows() == [
        (1, 3.8, new_york("2023-09-01 08:30"), "vintage"),
        (2, 3.7, new_york("2024-01-15 21:00"), "rule"),
    ]


def test_a_plain_capture_of_the_morning_does_not_undo_the_release_of_that_day():
    rows = [
        vintage(AUGUST, 3.8, FIRST_PRINT),
        (AUGUST, 3.8, new_york("2024-01-05 07:00")),
        vintage(AUGUST, 3.7, REVISED),
        (AUGUST, 3.7, new_york("2024-01-05 09:00")),
    ]
    table = macro_releases(macro_captures("UNRATE", rows), [CONFIG.by_series_id["UNRATE"]])
    assert table.select("value", "available_at").rows() == [
        (3.8, new_york("2023-09-01 08:30")),
        (3.7, new_york("2024-01-05 08:30")),
    ]


def test_a_dated_revision_is_not_known_before_the_first_value():
    # received on the 2nd, by rule known on the 5th of February; revised, the source says, on the 3rd
    rows = [
        (day("2024-01-01"), 3.7, new_york("2024-02-02 12:00")),
        vintage(day("2024-01-01"), 3.8, day("2024-02-03")),
    ]
    assert releases(rows).select("value", "available_at", "availability").rows() == [
        (3.7, new_york("2024-02-05 08:30"), "rule"),
        (3.8, new_york("2024-02-05 08:30"), "vintage"),
    ]


def test_a_value_that_the_source_takes_back_on_a_told_day_is_null_from_then_on():
    rows = [vintage(AUGUST, 3.8, FIRST_PRINT), vintage(AUGUST, None, REVISED)]
    table = macro_releases(macro_captures("UNRATE", rows), [CONFIG.by_series_id["UNRATE"]])
    assert table.select("value", "available_at").rows() == [
        (3.8, new_york("2023-09-01 08:30")),
        (None, new_york("2024-01-05 08:30")),
    ]


def test_without_configured_series_there_are_no_releases():
    assert macro_releases(macro_captures("TEST", [vintage(AUGUST, 3.8, FIRST_PRINT)]), []).is_empty()


# --- properties -----------------------------------------------------------------------------------------------------


def random_captures(seed: int) -> list[tuple]:
    source = random.Random(seed)
    rows = []
    for month in range(1, 5):
        for captured in range(month + 1, 10):
            if source.random() < 0.6:
                value = source.choice([None, 3.7, 3.7, 3.70000001, 3.8])
                rows.append((dt.date(2024, month, 1), value, month_end(f"2024-0{captured}")))
    return rows


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_releases_equal_a_plain_loop(seed: int):
    rows = random_captures(seed)
    found = releases(rows)
    for observed in {row[0] for row in rows}:
        known: list[tuple[float | None, dt.datetime]] = []
        for _, value, captured in sorted((row for row in rows if row[0] == observed), key=lambda row: row[2]):
            value = value if value is None else round(value, 1)
            if known and known[-1][0] is None and len(known) == 1 and value is not None:
                known = []  # the source had nothing yet
            if not known or known[-1][0] != value:
                known.append((value, captured))
        by_rule = releases([(observed, 1.0, month_end("2025-01"))])["available_at"][0]
        expected = [
            (seq, value, by_rule if seq == 1 else max(by_rule, captured))
            for seq, (value, captured) in enumerate(known, start=1)
        ]
        mine = found.filter(pl.col("observed_on") == observed)
        assert mine.select("seq", pl.col("value").round(1), "available_at").rows() == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_a_mixture_of_told_days_and_plain_captures_is_known_in_the_order_of_time(seed: int):
    """No value before the first, none later than it was received or told, and the last one is what stands now."""
    source = random.Random(seed)
    rows = random_captures(seed)
    dated = [vintage(observed, value, at.date()) for observed, value, at in rows if source.random() < 0.5]
    plain = [row for row in rows if source.random() < 0.7]
    found = releases(plain + dated)
    for observed in {row[0] for row in plain + dated}:
        known = {new_york(f"{row[3]} 08:30"): row[1] for row in dated if row[0] == observed}
        known |= {row[2]: row[1] for row in plain if row[0] == observed}
        mine = found.filter(pl.col("observed_on") == observed)
        times = mine["available_at"].to_list()
        assert times == sorted(times)
        assert all(at in known or at == times[0] for at in times)
        last = known[max(known)]
        assert macro_latest(mine)["value"].round(1).to_list() == [last if last is None else round(last, 1)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 300))
def test_vintages_of_told_days_up_to_a_day_are_all_that_was_known_then(seed: int, days: int):
    """A replay from all vintages equals a build from those that were there: later ones change nothing before them."""
    dated = [vintage(observed, value, at.date()) for observed, value, at in random_captures(seed)]
    evening = new_york(f"{day('2024-01-31') + dt.timedelta(days=days)} 23:59")
    then = [row for row in dated if row[2] <= evening]
    known = releases(dated).filter(pl.col("available_at") <= evening)
    # an observation that had no value yet may be there without one, or not at all
    has_value = pl.col("observed_on").is_in({observed for observed, value, *_ in then if value is not None})
    assert_frame_equal(releases(then).filter(has_value), known.filter(has_value))
    assert known.filter(~has_value)["value"].drop_nulls().is_empty()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**9))
def test_the_order_in_which_files_are_read_does_not_matter(seed: int):
    rows = random_captures(seed)
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    assert_frame_equal(releases(rows), releases(shuffled))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**9))
def test_the_latest_value_is_that_of_the_newest_capture(seed: int):
    rows = [row for row in random_captures(seed) if row[1] is not None]
    newest = {observed: value for observed, value, _ in sorted(rows, key=lambda row: row[2])}
    latest = macro_latest(releases(rows)).filter(pl.col("value").is_not_null())
    assert {o: round(v, 1) for o, v in latest.select("observed_on", "value").iter_rows()} == {
        observed: round(value, 1) for observed, value in newest.items()
    }
