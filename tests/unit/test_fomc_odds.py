"""derived.fomc_odds: definitions, sections 6 and 8."""

import datetime as dt
import math
import random
from collections import defaultdict
from collections.abc import Mapping

import polars as pl
import pytest
from builders import releases
from polars.testing import assert_frame_equal
from policy_builders import NEW_YORK, at, day, meetings, rates, settlements

from pipeline.contracts.derived.policy import FomcOdds
from pipeline.transforms.fomc_odds import fomc_odds
from pipeline.writing import checked

SERIES = rates(effective_fed_funds="EFFR", target_upper="UPPER")


def effective(rate: float, on: str) -> pl.DataFrame:
    """One rate as the New York Fed publishes it: at 09:00 of the next day."""
    return releases("EFFR", [(day(on), rate, at(f"{day(on) + dt.timedelta(days=1)} 09:00"))])


def odds(
    quotes: Mapping[str, Mapping[str, float]], days: list, released: pl.DataFrame, *, full: bool = False
) -> pl.DataFrame | dict:
    """Table of made-up quotes, or (unless `full`) {meeting: {move: probability}} of the only quoted day."""
    table = fomc_odds(
        settlements(quotes), meetings(d if isinstance(d, dict) else {"decided_on": d} for d in days), released, SERIES
    )
    checked("derived.fomc_odds", table, FomcOdds)
    if full:
        return table
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in table.to_dicts():
        found[str(row["meeting_date"])][row["move_bp"]] = row["probability"]
    return dict(found)


# --- by hand --------------------------------------------------------------------------------------------------------


def test_the_worked_example_of_cme():
    """17 Sep 2015: start 0.1325, September 0.1950: (0.1950 x 30 - 16 x 0.1325) / 14 = 3.73 / 14 = 0.266429.

    (0.266429 - 0.1325) / 0.25 = 0.535714. October holds a meeting, so it is no anchor.
    """
    table = odds(
        {"2015-09-16": {"2015-09": 99.8050, "2015-10": 99.76}},
        ["2015-09-17", "2015-10-28"],
        effective(0.1325, "2015-09-14"),
        full=True,
    )
    assert table["meeting_date"].to_list() == [day("2015-09-17")] * 2  # no November: the chain ends
    assert table["move_bp"].to_list() == [0, 25]
    assert table["probability"].to_list() == pytest.approx([0.464286, 0.535714], abs=1e-6)
    assert table["implied_end_rate_pct"].to_list() == pytest.approx([0.266429] * 2, abs=1e-6)
    assert table["is_fragile"].to_list() == [False, False]


CHAIN = {"2023-01-10": {"2023-01": 95.70, "2023-02": 95.55, "2023-03": 95.40, "2023-04": 95.25, "2023-05": 95.10}}
CHAIN_DAYS = ["2023-02-01", "2023-03-22", "2023-05-17"]
START = effective(4.33, "2023-01-08")


def test_a_chain_of_meetings():
    """Start 4.33. 1 February: March holds a meeting, so by its month: n = 0, end = 4.45; 0.12 / 0.25 = 0.48.

    22 March: February holds a meeting, so start = 4.45; April holds none: end = 4.75; 0.30 / 0.25 = 1.2: one step for
    sure, a second with 0.2. Together: 25 with 0.52 x 0.8 = 0.416, 50 with 0.52 x 0.2 + 0.48 x 0.8 = 0.488, 75 with
    0.48 x 0.2 = 0.096. 17 May: April holds none, start = 4.75; June is not quoted, so no row.
    """
    found = odds(CHAIN, CHAIN_DAYS, START)
    assert found.keys() == {"2023-02-01", "2023-03-22"}
    assert found["2023-02-01"] == pytest.approx({0: 0.52, 25: 0.48}, abs=1e-9)
    assert found["2023-03-22"] == pytest.approx({25: 0.416, 50: 0.488, 75: 0.096}, abs=1e-9)


def test_a_cut_after_rises():
    """17 May: start April's 4.75; June 4.60: -0.6 steps, so -1 with 0.6 and none with 0.4.

    Without April there is no anchor for 22 March, and the chain ends there.
    """
    quotes = {"2023-01-10": {**CHAIN["2023-01-10"], "2023-06": 95.40}}
    found = odds(quotes, CHAIN_DAYS, START)
    assert found["2023-05-17"] == pytest.approx(
        {0: 0.416 * 0.6, 25: 0.416 * 0.4 + 0.488 * 0.6, 50: 0.488 * 0.4 + 0.096 * 0.6, 75: 0.096 * 0.4}, abs=1e-9
    )
    del quotes["2023-01-10"]["2023-04"]
    assert odds(quotes, CHAIN_DAYS, START).keys() == {"2023-02-01"}


def test_the_month_before_is_the_start_even_where_another_follows_the_last_meeting():
    """12 April to 12 July, with May and June between: May's 4.83 ends April's step, June's 4.88 starts July's.

    July by August: 5.13 - 4.88 is one step; from May it would be 1.2. Without June the chain ends.
    """
    quote = {"2023-04": 95.17, "2023-05": 95.17, "2023-06": 95.12, "2023-07": 95.0, "2023-08": 94.87}
    days = ["2023-04-12", "2023-07-12"]
    found = odds({"2023-04-04": quote}, days, effective(4.83, "2023-04-02"))
    assert found["2023-07-12"] == {25: pytest.approx(1.0, abs=1e-9)}
    del quote["2023-06"]
    assert odds({"2023-04-04": quote}, days, effective(4.83, "2023-04-02")).keys() == {"2023-04-12"}


def test_a_certain_move_has_one_row():
    """4.33 to 4.83 is two steps and no rest; noise of the 1e-16 kind has no row."""
    found = odds({"2023-01-10": {"2023-02": 95.17, "2023-03": 95.17}}, ["2023-02-01"], START)
    assert found == {"2023-02-01": {50: pytest.approx(1.0, abs=1e-12)}}


# --- which meetings, which target, which start ----------------------------------------------------------------------


def test_only_meetings_scheduled_then_and_not_yet_held():
    quotes = {
        one: {"2020-02": 98.4, "2020-03": 98.6, "2020-04": 98.7, "2020-05": 98.7}
        for one in ("2020-02-27", "2020-03-03", "2020-03-04", "2020-03-16")
    }
    days = [
        {"decided_on": "2020-03-03", "is_scheduled": False, "at": "10:00"},
        {"decided_on": "2020-03-04"},
        {"decided_on": "2020-04-15", "cancelled_on": "2020-03-15"},
        {"decided_on": "2020-04-16", "is_scheduled": None},
        {"decided_on": "2020-04-29", "scheduled_on": "2020-03-16"},
    ]
    released = pl.concat(effective(1.58, str(one)) for one in (day("2020-02-25"), day("2020-03-02"), day("2020-03-12")))
    table = odds(quotes, days, released, full=True)
    found = table.group_by("quoted_on", maintain_order=True).agg(pl.col("meeting_date").unique().sort())
    assert [(str(q), [str(m) for m in ms]) for q, ms in found.rows()] == [
        ("2020-02-27", ["2020-03-04", "2020-04-15"]),
        ("2020-03-03", ["2020-03-04", "2020-04-15"]),
        ("2020-03-04", ["2020-04-15"]),  # the settlement comes after the decision
        ("2020-03-16", ["2020-04-29"]),
    ]


UPPER = releases(
    "UPPER",
    [
        (day("2022-06-14"), 1.0, at("2022-06-14 00:00")),
        (day("2022-06-15"), 1.0, at("2022-06-15 00:00")),
        (day("2022-06-16"), 1.75, at("2022-06-15 14:00")),
        (day("2022-06-17"), 1.75, at("2022-06-17 00:00")),
    ],
)
JUNE = ["2022-06-15", "2022-07-27"]
JUNE_QUOTE = {"2022-06": 98.795, "2022-07": 98.3, "2022-08": 97.73}
JUNE_RATES = {"10": 0.83, "13": 0.83, "14": 0.83, "15": 0.83, "16": 1.58, "17": 1.58}
JUNE_RELEASES = pl.concat([UPPER, *(effective(rate, f"2022-06-{one}") for one, rate in JUNE_RATES.items())])


@pytest.mark.parametrize("quoted_on", ["2022-06-15", "2022-06-16", "2022-06-17", "2022-06-21"])
def test_after_a_decision_the_start_moves_with_the_target(quoted_on: str):
    """Target 1.00 to 1.75 on 15 June. The rate of the 16th, 1.58, comes out on the 17th at 09:00.

    Until then the start is 0.83 + 0.75. From 1.58 to August's 2.27 it is 0.69 / 0.25 = 2.76 steps.
    """
    table = odds({quoted_on: JUNE_QUOTE}, JUNE, JUNE_RELEASES, full=True)
    assert table["target_pct"].to_list() == [1.75, 1.75]
    moves = dict(table.select("move_bp", "probability").rows())
    assert moves == pytest.approx({50: 0.24, 75: 0.76}, abs=1e-9)


def test_before_a_decision_it_does_not():
    """June by its month, since July holds a meeting: n = 14, (1.205 x 30 - 14 x 0.83) / 16 = 1.533125: 2.8125 steps.

    July from there to 2.27: 2.9475 steps. 50 + 50 with 0.1875 x 0.0525, 75 + 75 with 0.8125 x 0.9475.
    """
    table = odds({"2022-06-14": JUNE_QUOTE}, JUNE, JUNE_RELEASES, full=True)
    assert table["target_pct"].null_count() == table.height == 5  # no change of the target is known yet
    first = table.filter(pl.col("meeting_date") == day("2022-06-15"))
    assert dict(first.select("move_bp", "probability").rows()) == pytest.approx({50: 0.1875, 75: 0.8125}, abs=1e-9)
    second = dict(table.filter(pl.col("meeting_date") == day("2022-07-27")).select("move_bp", "probability").rows())
    assert second == pytest.approx({100: 0.00984375, 125: 0.2203125, 150: 0.76984375}, abs=1e-9)


def test_the_start_is_the_rate_published_before_the_day_and_not_an_old_one():
    """4.83, published on the 20th at 09:00, is not known at the start of the 20th; after ten days nothing is."""
    released = pl.concat([effective(4.58, "2023-03-18"), effective(4.83, "2023-03-19")])
    month = {"2023-04": 95.17, "2023-05": 95.17, "2023-06": 95.17}
    quotes = dict.fromkeys(("2023-03-20", "2023-03-21", "2023-03-30", "2023-03-31"), month)
    table = odds(quotes, ["2023-04-19"], released, full=True)
    assert table.select("quoted_on", "move_bp").rows() == [
        (day("2023-03-20"), 25), (day("2023-03-21"), 0), (day("2023-03-30"), 0),
    ]  # fmt: skip


def test_what_is_published_at_the_start_of_the_day_is_not_published_before_it():
    rows = [
        (day("2023-03-16"), 4.58, at("2023-03-17 09:00")),
        (day("2023-03-17"), 4.83, at("2023-03-20 00:00")),
    ]
    found = odds({"2023-03-20": {"2023-04": 95.42, "2023-05": 95.42}}, ["2023-04-19"], releases("EFFR", rows))
    assert found == {"2023-04-19": {0: pytest.approx(1.0)}}


def test_the_first_value_of_a_rate_counts():
    rows = [
        (day("2023-03-17"), None, at("2023-03-18 09:00")),
        (day("2023-03-17"), 4.58, at("2023-03-18 09:00")),
        (day("2023-03-17"), 4.83, at("2023-03-19 12:00")),
    ]
    found = odds({"2023-03-20": {"2023-04": 95.42, "2023-05": 95.42}}, ["2023-04-19"], releases("EFFR", rows))
    assert found == {"2023-04-19": {0: pytest.approx(1.0)}}


def test_a_january_that_is_not_yet_in_a_calendar_is_no_anchor():
    """14 December 2022, quoted on 31 August: by its month, n = 13, (4.00 x 31 - 13 x 3.80) / 18 = 4.144444.

    From 1 September on January holds no meeting for sure: its 4.05 is the end rate, one step.
    """
    month = {"2022-11": 96.2, "2022-12": 96.0, "2023-01": 95.95}
    quotes = {"2022-08-31": month, "2022-09-01": month}
    released = pl.concat([effective(3.8, "2022-08-29"), effective(3.8, "2022-08-30")])
    planned = {"decided_on": "2023-02-01", "scheduled_on": "2022-09-01"}
    table = odds(quotes, ["2022-12-14", planned], released, full=True)
    assert table["implied_end_rate_pct"].unique(maintain_order=True).to_list() == pytest.approx([4.144444, 4.05])


def test_a_list_of_meetings_that_ends_with_the_year_knows_nothing_of_january():
    """As above, but nobody has added the next year's meetings: by its month, although it is September."""
    month = {"2022-11": 96.2, "2022-12": 96.0, "2023-01": 95.95}
    table = odds({"2022-09-01": month}, ["2022-12-14"], effective(3.8, "2022-08-30"), full=True)
    assert table["implied_end_rate_pct"].unique().to_list() == pytest.approx([4.144444])


def test_two_meetings_in_a_month_end_the_chain():
    month = {f"2023-{m:02}": 95.17 for m in range(3, 9)}
    found = odds({"2023-03-20": month}, ["2023-04-12", "2023-06-06", "2023-06-14"], effective(4.83, "2023-03-18"))
    assert found.keys() == {"2023-04-12"}


# --- fragile --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decided_on", "next_one", "is_fragile"),
    [
        ("2023-06-27", "2023-07-26", False),  # four days left
        ("2023-06-28", "2023-07-26", True),  # three, and July holds a meeting
        ("2023-06-28", "2023-08-16", False),  # July is the anchor
    ],
)
def test_few_days_left_in_the_month(decided_on: str, next_one: str, is_fragile: bool):
    month = {"2023-06": 95.17, "2023-07": 95.17}
    table = odds({"2023-06-05": month}, [decided_on, next_one], effective(4.83, "2023-06-03"), full=True)
    assert table.select("meeting_date", "is_fragile").unique().rows() == [(day(decided_on), is_fragile)]


@pytest.mark.parametrize(("end", "is_fragile"), [(94.17, False), (94.16, True), (96.17, False), (96.18, True)])
def test_a_step_beyond_a_point_and_the_meetings_after_it(end: float, is_fragile: bool):
    """From 4.83: 5.83 and 3.83 are a point away, 5.84 and 3.82 more."""
    month = {"2023-06": 95.17, "2023-07": end, "2023-08": end, "2023-09": end}
    table = odds({"2023-06-05": month}, ["2023-06-14", "2023-08-16"], effective(4.83, "2023-06-03"), full=True)
    assert table["meeting_date"].n_unique() == 2
    assert table["is_fragile"].unique().to_list() == [is_fragile]


@pytest.mark.parametrize(
    ("cut_on", "is_fragile"),
    [("2020-03-03", True), ("2020-02-28", False)],  # in the meeting's month, or before it
)
def test_a_month_in_which_the_target_had_already_moved(cut_on: str, is_fragile: bool):
    """The days of March before an emergency cut were at the old rate; the method takes them for the new one."""
    fred = day(cut_on) + dt.timedelta(days=1)
    upper = [(day("2020-02-27"), 1.75), (fred, 1.25, at(f"{cut_on} 10:00"))]
    released = pl.concat([effective(1.09, "2020-03-04"), releases("UPPER", upper)])
    quotes = {"2020-03-06": {"2020-03": 99.2, "2020-04": 99.4}}
    emergency = {"decided_on": cut_on, "is_scheduled": False}
    table = odds(quotes, [emergency, "2020-03-18", "2020-04-29"], released, full=True)
    assert table.filter(pl.col("meeting_date") == day("2020-03-18"))["is_fragile"].unique().to_list() == [is_fragile]


# --- edge cases -----------------------------------------------------------------------------------------------------


def test_nothing_in_nothing_out():
    empty = odds({}, [], effective(1.0, "2023-01-01").clear(), full=True)
    assert empty.is_empty()
    assert empty.schema == odds(CHAIN, CHAIN_DAYS, START, full=True).schema
    for quotes, days, released in (({}, CHAIN_DAYS, START), (CHAIN, [], START), (CHAIN, CHAIN_DAYS, START.clear())):
        assert odds(quotes, days, released, full=True).is_empty()
    assert fomc_odds(settlements(CHAIN), meetings([{"decided_on": "2023-02-01"}]), START, []).is_empty()


def test_of_two_contracts_of_a_month_the_newest_capture_counts():
    """ZQH3 and ZQH23 are one contract; copies of other days may spell it either way."""
    other = settlements(CHAIN).with_columns(
        contract=pl.lit("ZQH3"),
        implied_rate_pct=pl.col("implied_rate_pct") + 1,
        captured_at=pl.col("captured_at").dt.offset_by("-1d"),
    )
    days = meetings({"decided_on": one} for one in CHAIN_DAYS)
    once = fomc_odds(settlements(CHAIN), days, START, SERIES)
    for both in ([settlements(CHAIN), other], [other, settlements(CHAIN)]):
        assert_frame_equal(fomc_odds(pl.concat(both), days, START, SERIES), once, check_exact=True)


# --- against plain Python, and no look-ahead ------------------------------------------------------------------------


class Market:
    """Made-up quotes of weekdays: a policy rate that moves at meetings, prices that are far off, contracts missing."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.first = dt.date(2021, 6, 1)
        self.days = [self.first + dt.timedelta(days=i) for i in range(240)]
        self.days = [one for one in self.days if one.weekday() < 5]
        # last days of the month and two months in a row: all the branches
        held = [self.first - dt.timedelta(days=20)]
        while held[-1] < dt.date(2023, 3, 1):
            held.append(held[-1] + dt.timedelta(days=chance.choice([33, 42, 47, 49, 63, 95])))
        self.meetings = held
        self.cancelled = {held[4]: held[4] - dt.timedelta(days=9)}
        self.planned = {one: dt.date(one.year - 1, 9, 1) for one in held}
        self.emergency = held[3] + dt.timedelta(days=10)
        self.target, self.decided = {}, []
        target = 2.0
        one = self.first - dt.timedelta(days=30)
        while one <= self.days[-1] + dt.timedelta(days=3):
            self.target[one] = target
            if (one in held and one not in self.cancelled) or one == self.emergency:
                move = chance.choice([0.25, -0.25, 0.5])
                self.decided.append((one, target + move, target))
                target += move
            one += dt.timedelta(days=1)
        self.effective = {d: round(self.target[d] - 0.17 + chance.choice([0, 0.01]), 2) for d in self.days}
        self.quotes: dict[str, dict[str, float]] = {}
        for one in self.days:
            months = [(one.year * 12 + one.month - 1) + ahead for ahead in range(14)]
            self.quotes[str(one)] = {
                f"{m // 12}-{m % 12 + 1:02}": round(100 - self.effective[one] - chance.gauss(0, 0.3), 3)
                for m in months
                if chance.random() < 0.97
            }

    def frames(self, cut: dt.datetime | None = None) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        decided_at = {one: at(f"{one} 14:00") for one, _, _ in self.decided}
        announced = {one + dt.timedelta(days=1): moment for one, moment in decided_at.items()}
        upper = [(one, value, announced.get(one, at(f"{one} 00:00"))) for one, value in self.target.items()]
        paid = [(one, value, at(f"{one + dt.timedelta(days=1)} 09:00")) for one, value in self.effective.items()]
        rows = [
            {"decided_on": one, "scheduled_on": self.planned[one], "cancelled_on": self.cancelled.get(one)}
            for one in self.meetings
        ]
        known = meetings([*rows, {"decided_on": self.emergency, "is_scheduled": False}])
        released, quoted = pl.concat([releases("UPPER", upper), releases("EFFR", paid)]), settlements(self.quotes)
        if cut is not None:
            today = cut.astimezone(NEW_YORK).date()
            quoted = quoted.filter(pl.col("session_date") <= today)
            released = released.filter(pl.col("available_at") <= cut)
            known = known.filter((pl.col("decided_at") <= cut) | (pl.col("scheduled_on") <= today)).with_columns(
                cancelled_on=pl.when(pl.col("cancelled_on") <= today).then("cancelled_on")
            )
        return quoted, known, released

    def odds(self, on: dt.date) -> dict[tuple[dt.date, int], tuple[float, float, bool]]:
        """The definition, step by step, for one quoted day."""
        average = {day(f"{m}-01"): 100 - price for m, price in self.quotes[str(on)].items()}
        published = [d for d in self.days if d + dt.timedelta(days=1) < on]
        if not published or on - (published[-1] + dt.timedelta(days=1)) > dt.timedelta(days=9):
            return {}
        target = self.target[on + dt.timedelta(days=1)]  # decided at 14:00, before the settlement
        start = self.effective[published[-1]] + target - self.target[published[-1]]
        to_come = [
            one
            for one in self.meetings
            if one > on and self.planned[one] <= on and not self.cancelled.get(one, dt.date.max) <= on
        ]
        months = [one.replace(day=1) for one in to_come]
        distribution, found, fragile, previous = {0: 1.0}, {}, False, None
        for one in to_come:
            month = one.replace(day=1)
            after = (month + dt.timedelta(days=31)).replace(day=1)
            before = (month - dt.timedelta(days=1)).replace(day=1)
            if previous is not None and before not in months:
                if before not in average:
                    break
                start = average[before]
            n, total = one.day - 1, (after - month).days
            if after not in months and dt.date(after.year - 1, 9, 1) <= on:
                if after not in average:
                    break
                end = average[after]
            else:
                if month not in average:
                    break
                end = (average[month] * total - n * start) / (total - n)
                fragile = fragile or total - n < 4
            fragile = fragile or abs(end - start) > 1
            k = math.floor((end - start) / 0.25)
            f = (end - start) / 0.25 - k
            summed: dict[int, float] = defaultdict(float)
            for move, p in distribution.items():
                summed[move + k] += p * (1 - f)
                summed[move + k + 1] += p * f
            distribution = dict(summed)
            found |= {(one, 25 * m): (p, end, fragile) for m, p in distribution.items() if p >= 5e-9}
            start, previous = end, one
        return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_against_plain_python(seed: int):
    market = Market(seed)
    table = fomc_odds(*market.frames(), SERIES)
    of_day = {
        q: {(m, bp): (p, e, f) for _, m, bp, p, e, _, f in rows.rows()}
        for (q,), rows in table.group_by("quoted_on", maintain_order=True)
    }
    assert sum(len(rows) for rows in of_day.values()) > 2000
    assert 0 < table["is_fragile"].sum() < table.height
    for one in market.days:
        expected, found = market.odds(one), of_day.get(one, {})
        assert found.keys() == expected.keys(), one
        for key, (p, end, fragile) in expected.items():
            assert found[key][:2] == pytest.approx((p, end), abs=1e-9), (one, key)
            assert found[key][2] is fragile, (one, key)


def test_probabilities_sum_to_one():
    table = fomc_odds(*Market(4).frames(), SERIES)
    sums = table.group_by("quoted_on", "meeting_date").agg(pl.col("probability").sum())["probability"]
    assert sums.is_between(1 - 1e-7, 1 + 1e-9).all()


def test_a_build_on_what_was_known_is_the_full_build_cut_there():
    market = Market(5)
    full = fomc_odds(*market.frames(), SERIES)
    decided = [one for one, _, _ in market.decided if one > market.days[3]]
    around = [one + dt.timedelta(days=i) for one in (*decided[:4], *market.cancelled.values()) for i in (-1, 0, 1, 2)]
    for cut in [market.days[5], *around, dt.date(2021, 8, 31), dt.date(2021, 9, 1)]:
        evening = at(f"{cut} 23:59:59")
        known = fomc_odds(*market.frames(evening), SERIES)
        assert_frame_equal(known, full.filter(pl.col("quoted_on") <= cut), check_exact=True)
