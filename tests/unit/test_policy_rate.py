"""Target decisions, their announcements and first cuts: definitions, sections 6 and 7."""

import datetime as dt
import random

import polars as pl
import pytest
from builders import releases
from polars.testing import assert_frame_equal
from policy_builders import at, day, meetings, rates

from pipeline.config import Fomc
from pipeline.contracts.raw import FomcCapture
from pipeline.transforms.futures import fomc_meetings
from pipeline.transforms.policy_rate import first_cuts, target_decisions, with_announcements

SERIES = rates(target_upper="UPPER", target_lower="LOWER", target_rate="OLD", other="OTHER")
UTC = pl.Datetime("us", "UTC")


def daily(series_id: str, first: str, steps: dict[str, float], last: str, clock: str = "00:00") -> pl.DataFrame:
    """A daily series from `first` to `last`, known on each day at a New York clock time; `steps` by day."""
    rows, value, one = [], 0.0, day(first)
    while one <= day(last):
        value = steps.get(str(one), value)
        rows.append((one, value, at(f"{one} {clock}")))
        one += dt.timedelta(days=1)
    return releases(series_id, rows)


UPPER = daily(
    "UPPER",
    "2019-07-25",
    {"2019-07-25": 2.5, "2019-08-01": 2.25, "2020-03-04": 1.25, "2020-03-16": 0.25, "2021-11-09": 0.5},
    "2021-11-12",
)
MEETINGS = meetings(
    [
        {"decided_on": "2019-07-31"},
        {"decided_on": "2019-09-18"},
        {"decided_on": "2020-03-03", "at": "10:00", "is_scheduled": False},
        {"decided_on": "2020-03-15", "at": "17:00", "is_scheduled": False},
        {"decided_on": "2020-03-18", "cancelled_on": "2020-03-15"},
    ]
)
NONE = meetings([])


def decisions(upper: pl.DataFrame = UPPER, known: pl.DataFrame = MEETINGS) -> list[tuple]:
    return target_decisions(with_announcements(upper, known, SERIES), known, SERIES).rows()


# --- decisions ------------------------------------------------------------------------------------------------------


def test_decisions_are_announced_on_the_day_before_fred_dates_them():
    assert decisions()[:3] == [
        (day("2019-08-01"), day("2019-07-31"), at("2019-07-31 14:00"), 2.25, 2.5),
        (day("2020-03-04"), day("2020-03-03"), at("2020-03-03 10:00"), 1.25, 2.25),
        (day("2020-03-16"), day("2020-03-15"), at("2020-03-15 17:00"), 0.25, 1.25),  # a Sunday
    ]


def test_without_a_known_meeting_the_day_is_the_session_before_and_the_instant_that_of_the_rule():
    """Tuesday 2021-11-09: Monday was a session. Monday 2020-03-16 and Wednesday 2020-03-04 likewise."""
    assert decisions()[3] == (day("2021-11-09"), day("2021-11-08"), at("2021-11-09 00:00"), 0.5, 0.25)
    unknown = [(row[1], row[2]) for row in decisions(known=NONE)]
    assert unknown[1:3] == [
        (day("2020-03-03"), at("2020-03-04 00:00")),
        (day("2020-03-13"), at("2020-03-16 00:00")),
    ]


def test_fred_dated_some_targets_on_the_day_of_the_decision():
    upper = daily("UPPER", "2015-12-10", {"2015-12-10": 0.25, "2015-12-16": 0.5}, "2015-12-20")
    known = meetings([{"decided_on": "2015-12-16"}])
    assert decisions(upper, known) == [(day("2015-12-16"), day("2015-12-16"), at("2015-12-16 14:00"), 0.5, 0.25)]


@pytest.mark.parametrize(
    "other",
    [
        {"decided_on": "2019-07-30"},  # two days before: another decision
        {"decided_on": "2019-08-02"},
        {"decided_on": "2019-07-31", "cancelled_on": "2019-07-20"},
    ],
)
def test_another_meeting_is_not_that_of_the_decision(other: dict):
    assert decisions(known=meetings([other]))[0][1:3] == (day("2019-07-31"), at("2019-08-01 00:00"))


def test_before_the_range_captured_decisions_count():
    known = meetings(
        [
            {"decided_on": "2007-06-28", "target": (5.25, 5.25)},  # no change, no row
            {"decided_on": "2007-09-18", "target": (4.75, 5.25)},
            {"decided_on": "2008-01-22", "at": "08:30", "target": (3.5, 4.75), "is_scheduled": False},
            {"decided_on": "2008-12-16", "target": (0.25, 3.5)},  # that of FRED's first row
            {"decided_on": "2009-01-28", "target": (9.0, 0.25)},  # FRED says otherwise
        ]
    )
    upper = daily("UPPER", "2008-12-16", {"2008-12-16": 0.25, "2009-03-05": 0.5}, "2009-03-09")
    assert decisions(upper, known) == [
        (None, day("2007-09-18"), at("2007-09-18 14:00"), 4.75, 5.25),
        (None, day("2008-01-22"), at("2008-01-22 08:30"), 3.5, 4.75),
        (day("2008-12-16"), day("2008-12-16"), at("2008-12-16 14:00"), 0.25, 3.5),
        (day("2009-03-05"), day("2009-03-04"), at("2009-03-05 00:00"), 0.5, 0.25),
    ]
    assert [row[1] for row in decisions(upper.clear(), known)] == [
        day("2007-09-18"), day("2008-01-22"), day("2008-12-16"), day("2009-01-28"),
    ]  # fmt: skip


def test_the_series_of_the_single_target_tells_what_was_not_captured():
    old = daily(
        "OLD",
        "2000-12-28",
        {"2000-12-28": 6.5, "2001-01-03": 6.0, "2001-02-01": 5.5, "2001-03-20": 5.0},
        "2001-03-30",
        "15:15",
    )
    known = meetings(
        [
            {"decided_on": "2001-01-03", "at": "13:15", "target": (5.99, 6.5), "is_scheduled": False},  # cut short
            {"decided_on": "2001-01-31", "target": (5.5, 6.0)},  # a day earlier than in the series: counts once
        ]
    )
    assert decisions(old, known) == [
        (None, day("2001-01-03"), at("2001-01-03 13:15"), 5.99, 6.5),
        (None, day("2001-01-31"), at("2001-01-31 14:00"), 5.5, 6.0),
        (None, day("2001-03-20"), at("2001-03-20 15:15"), 5.0, 5.5),
    ]
    assert [row[1:3] for row in decisions(old, NONE)] == [
        (day("2001-01-03"), at("2001-01-03 15:15")),
        (day("2001-02-01"), at("2001-02-01 15:15")),
        (day("2001-03-20"), at("2001-03-20 15:15")),
    ]


def test_values_count_as_first_known_and_in_their_order():
    """A later correction of 2019-08-01 changes nothing; 2019-08-03 becomes public after 2019-08-04 and is left out."""
    rows = [
        (day("2019-07-31"), 2.5, at("2019-07-31 00:00")),
        (day("2019-08-01"), 2.25, at("2019-08-01 00:00")),
        (day("2019-08-01"), 2.5, at("2019-09-09 00:00")),
        (day("2019-08-02"), None, at("2019-08-02 00:00")),
        (day("2019-08-03"), 2.0, at("2019-08-09 00:00")),
        (day("2019-08-04"), 2.25, at("2019-08-04 00:00")),
    ]
    found = decisions(releases("UPPER", rows))
    assert [(row[0], *row[3:]) for row in found] == [(day("2019-08-01"), 2.25, 2.5)]


def test_nothing_in_nothing_out():
    schema = {
        "effective_on": pl.Date, "decided_on": pl.Date, "available_at": UTC,
        "target_pct": pl.Float64, "previous_target_pct": pl.Float64,
    }  # fmt: skip
    found = target_decisions(UPPER.clear(), NONE, SERIES)
    assert (found.height, dict(found.schema)) == (0, schema)
    assert first_cuts(found).schema == pl.Schema({"decided_on": pl.Date, "available_at": UTC})
    assert target_decisions(UPPER, NONE, []).is_empty()
    assert target_decisions(UPPER.head(1), NONE, SERIES).is_empty()  # nothing is known to have changed


# --- announcements --------------------------------------------------------------------------------------------------


def test_a_new_target_is_known_from_its_announcement_and_nothing_else_moves():
    lower = UPPER.with_columns(series_id=pl.lit("LOWER"), value=pl.col("value") - 0.25)
    other = UPPER.with_columns(series_id=pl.lit("OTHER"))
    before = pl.concat([UPPER, lower, other])
    after = with_announcements(before, MEETINGS, SERIES)
    moved = before.join(after, on=["series_id", "observed_on", "seq"]).filter(
        pl.col("available_at") != pl.col("available_at_right")
    )
    assert moved.select("series_id", "observed_on", "available_at_right").rows() == [
        (series_id, day(observed_on), at(instant))
        for series_id in ("UPPER", "LOWER")
        for observed_on, instant in (
            ("2019-08-01", "2019-07-31 14:00"),
            ("2020-03-04", "2020-03-03 10:00"),
            ("2020-03-16", "2020-03-15 17:00"),
        )
    ]
    assert_frame_equal(after.drop("available_at"), before.drop("available_at"), check_exact=True)
    assert_frame_equal(with_announcements(after, MEETINGS, SERIES), after, check_exact=True)


def test_a_target_dated_on_the_day_of_its_decision_is_not_known_at_midnight():
    upper = daily("UPPER", "2015-12-14", {"2015-12-14": 0.25, "2015-12-16": 0.5}, "2015-12-17")
    known = with_announcements(upper, meetings([{"decided_on": "2015-12-16"}]), SERIES)
    assert known["available_at"].to_list() == [
        at("2015-12-14 00:00"), at("2015-12-15 00:00"), at("2015-12-16 14:00"), at("2015-12-17 00:00"),
    ]  # fmt: skip


# --- no look-ahead --------------------------------------------------------------------------------------------------

FOMC = Fomc(
    announced=({"at": "14:15"}, {"since": "2013-03-01", "at": "14:00"}),
    scheduled=tuple(dt.date(2009, 1, 7) + dt.timedelta(days=42 * i) for i in range(32)),
    unscheduled={dt.date(2009, 8, 9): "17:00", dt.date(2012, 3, 6): "08:30"},  # a Sunday, a Tuesday
    cancelled={dt.date(2010, 9, 29): dt.date(2010, 8, 20)},
)


def captured(rows: list[tuple]) -> pl.DataFrame:
    """raw.fomc_captures from (decided_on, target, previous)."""
    frame = pl.DataFrame(
        rows,
        schema={"decided_on": pl.Date, "target_pct": pl.Float64, "previous_target_pct": pl.Float64},
        orient="row",
    )
    stamp = {"captured_at": pl.lit(at("2026-01-02 12:00")), "source": pl.lit("files"), "origin": pl.lit("x.csv")}
    return frame.with_columns(**stamp).select(FomcCapture.column_names())


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_known_at_an_instant_is_the_full_table_cut_there(seed: int):
    chance = random.Random(seed)
    held = [d for d in sorted([*FOMC.scheduled, *FOMC.unscheduled]) if d not in FOMC.cancelled]
    # decisions that fomc.yaml does not know: before the range began, and one in between
    rows, target = [], 5.0
    for one in [dt.date(2008, 1, 2) + dt.timedelta(days=49 * i) for i in range(7)] + held + [dt.date(2011, 5, 3)]:
        move = chance.choice([0, 0, 0.25, -0.5])
        rows.append((one, target + move, target))
        target += move
    rows.sort()
    steps = {
        str(one + dt.timedelta(days=chance.choice([0, 1, 1]))): after
        for one, after, before in rows
        if after != before and one >= dt.date(2009, 1, 1)
    }
    upper = daily("UPPER", "2008-12-16", {"2008-12-16": 1.0, **steps}, "2012-10-30")
    captures = captured([row for row in rows if row[0] < dt.date(2009, 1, 1) or chance.random() < 0.5])
    releases_ = with_announcements(upper, fomc_meetings(captures, FOMC), SERIES)
    full = target_decisions(releases_, fomc_meetings(captures, FOMC), SERIES)
    assert full.height > 12
    cuts = [moment + dt.timedelta(seconds=s) for moment in full["available_at"].to_list()[1::3] for s in (-1, 0, 1)]
    cuts += [moment + dt.timedelta(hours=h) for moment in full["available_at"].to_list()[::3] for h in (-12, 5, 9, 30)]
    for cut in [at("2008-01-01 00:00"), *cuts]:
        known = target_decisions(
            releases_.filter(pl.col("available_at") <= cut), fomc_meetings(captures, FOMC, cut), SERIES
        )
        assert_frame_equal(known, full.filter(pl.col("available_at") <= cut), check_exact=True)
        assert_frame_equal(first_cuts(known), first_cuts(full).filter(pl.col("available_at") <= cut), check_exact=True)


# --- first cuts -----------------------------------------------------------------------------------------------------


def changes(rows: list[tuple[str, float, float]]) -> pl.DataFrame:
    """Decisions from (decided_on, target, previous)."""
    full = [(None, day(one), at(f"{one} 14:00"), after, before) for one, after, before in rows]
    return pl.DataFrame(full, schema=target_decisions(UPPER.clear(), NONE, SERIES).schema, orient="row")


def test_a_first_cut_follows_a_rise_and_six_months_without_a_cut():
    found = first_cuts(
        changes(
            [
                ("2001-01-10", 3.0, 3.5),  # nothing before it is known to be a rise
                ("2001-03-10", 3.5, 3.0),
                ("2001-07-09", 3.0, 3.5),  # a day short of six months after 2001-01-10
                ("2001-08-10", 3.5, 3.0),
                ("2002-01-09", 3.0, 3.5),  # six months to the day
                ("2002-09-10", 2.5, 3.0),  # no rise before it
                ("2002-10-10", 3.0, 2.5),
                ("2003-10-10", 2.5, 3.0),
            ]
        )
    )
    assert found.rows() == [
        (day("2002-01-09"), at("2002-01-09 14:00")),
        (day("2003-10-10"), at("2003-10-10 14:00")),
    ]


def six_months_later(one: dt.date) -> dt.date:
    month = one.month + 6
    year, month = one.year + (month > 12), (month - 1) % 12 + 1
    last = (dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)).day
    return dt.date(year, month, min(one.day, last))


@pytest.mark.parametrize("seed", range(5))
def test_first_cuts_against_plain_python(seed: int):
    chance = random.Random(seed)
    rows, one, target = [], dt.date(1990, 1, 31), 5.0
    for _ in range(200):
        one += dt.timedelta(days=chance.randint(1, 150))
        move = chance.choice([0.25, -0.25])
        rows.append((str(one), target + move, target))
        target += move
    expected, last_cut, rose = [], None, False
    for text, after, before in rows:
        if after > before:
            rose = True
            continue
        if rose and (last_cut is None or six_months_later(last_cut) <= day(text)):
            expected.append(day(text))
        last_cut, rose = day(text), False
    assert first_cuts(changes(rows))["decided_on"].to_list() == expected
    assert len(expected) > 10
