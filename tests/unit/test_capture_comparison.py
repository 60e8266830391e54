"""Captures compared: what is new, what a source changed, and on which basis its copies are."""

import datetime as dt
import random

import polars as pl
import pytest
from builders import macro_captures, price_captures, session
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.captures import new_rows
from pipeline.contracts import core, raw
from pipeline.transforms.captures import adjusted_copies, on_newest_split_basis, price_edits
from pipeline.writing import checked

JANUARY, FEBRUARY, MARCH = (dt.datetime(2026, month, 1, 12, tzinfo=dt.UTC) for month in (1, 2, 3))
DAY = dt.date(2024, 1, 1)
SPLIT_SCHEMA = {"symbol": pl.String, "split_on": pl.Date, "ratio": pl.Float64}


def copy(captured_at: dt.datetime, *closes: float | None, first: int = 0, **options) -> pl.DataFrame:
    """A copy of A's closes from session `first` on."""
    days = {session(first + i): close for i, close in enumerate(closes) if close is not None}
    return price_captures("A", days, captured_at=captured_at, **options)


def live(capture: pl.DataFrame) -> pl.DataFrame:
    return capture.with_columns(source=pl.lit("live"))


def known_splits(*splits: tuple[dt.date, float], symbol: str = "A") -> pl.DataFrame:
    return pl.DataFrame([(symbol, *split) for split in splits], schema=SPLIT_SCHEMA, orient="row")


def rebased(
    *copies: pl.DataFrame, splits: tuple[tuple[dt.date, float], ...] = ()
) -> dict[tuple[dt.datetime, dt.date], float]:
    table = on_newest_split_basis(pl.concat(copies), known_splits(*splits))
    return {(at, day): close for at, day, close in table.select("captured_at", "session_date", "close").iter_rows()}


# --- split basis ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [2, 3, 4, 10, 1.5, 1 / 2, 1 / 10])
def test_one_plausible_ratio_throughout_is_a_change_of_split_basis(ratio: float):
    table = on_newest_split_basis(
        pl.concat([copy(JANUARY, 100.0, 110.0, 120.0, 130.0), copy(FEBRUARY, 100 / ratio, 110 / ratio, 120 / ratio)]),
        known_splits(),
    ).sort("captured_at", "session_date")
    expected = [100 / ratio, 110 / ratio, 120 / ratio]
    assert table["close"].to_list() == pytest.approx([*expected, 130 / ratio, *expected])
    assert table["volume"].to_list() == pytest.approx([1000 * ratio] * 4 + [1000] * 3)
    assert table["flags"].to_list() == ["split_basis"] * 4 + [None] * 3


def test_two_splits_are_applied_one_after_the_other():
    # 4 for 1 between January and February, 2 for 1 between February and March
    found = rebased(
        copy(JANUARY, 80.0, 88.0, 96.0),
        copy(FEBRUARY, None, 22.0, 24.0, 26.0),
        copy(MARCH, None, None, 12.0, 13.0, 14.0),
    )
    assert [found[JANUARY, session(i)] for i in range(3)] == pytest.approx([10.0, 11.0, 12.0])
    assert [found[FEBRUARY, session(i)] for i in (1, 2, 3)] == pytest.approx([11.0, 12.0, 13.0])


def test_closes_rounded_to_cents_scatter_around_the_ratio():
    found = rebased(copy(JANUARY, 33.33, 33.35, 33.37, 33.39), copy(FEBRUARY, 16.67, 16.68, 16.69))
    assert found[JANUARY, session(3)] == pytest.approx(33.39 / 2)


@pytest.mark.parametrize(
    "newer",
    [
        (100.0, 110.0, 120.0),  # the same
        (50.0, 110.0, 120.0),  # one bar was wrong: a correction
        (50.0, 55.0, 121.0),  # no one ratio
        (90.0, 99.0, 108.0),  # no fund splits 10 for 9
    ],
)
def test_other_changes_move_no_basis(newer: tuple[float, ...]):
    found = rebased(copy(JANUARY, 100.0, 110.0, 120.0, 130.0), copy(FEBRUARY, *newer))
    assert found[JANUARY, session(3)] == 130.0


@pytest.mark.parametrize("wrong", [50.0, 80.0, 200.0, 1000.0])
def test_one_corrected_bar_leaves_all_others_as_they_are(wrong: float):
    found = rebased(copy(JANUARY, 100.0, wrong, 100.0), copy(FEBRUARY, 100.0, first=1))
    assert [found[JANUARY, session(i)] for i in (0, 2)] == [100.0, 100.0]


def test_a_copy_that_agrees_with_one_older_copy_and_not_with_another_comes_to_an_end():
    # January is on the old basis; February, of later sessions, and March are on the new one
    found = rebased(
        copy(JANUARY, 100.0, 102.0, 104.0),
        copy(FEBRUARY, 53.0, 54.0, first=3),
        copy(MARCH, 50.0, 51.0, 52.0, 53.0, 54.0),
    )
    assert [found[JANUARY, session(i)] for i in range(3)] == [50.0, 51.0, 52.0]
    assert [found[MARCH, session(i)] for i in range(5)] == [50.0, 51.0, 52.0, 53.0, 54.0]


def test_the_split_of_one_symbol_does_not_touch_another():
    other = price_captures("B", {session(i): 100.0 for i in range(3)}, captured_at=JANUARY)
    captures = pl.concat([copy(JANUARY, 100.0, 110.0), copy(FEBRUARY, 50.0, 55.0), other])
    table = on_newest_split_basis(captures, known_splits())
    assert table.filter(pl.col("symbol") == "B")["close"].to_list() == [100.0] * 3


def test_captures_without_overlap_or_without_rows_stay():
    one = pl.concat([copy(JANUARY, 100.0, 110.0), copy(FEBRUARY, 50.0, first=2)])
    assert_frame_equal(on_newest_split_basis(one, known_splits()).drop("rebased"), one)
    assert on_newest_split_basis(one.clear(), known_splits()).is_empty()
    assert on_newest_split_basis(one.clear(), known_splits((DAY, 2.0))).is_empty()


def with_changes(count: int, changes: dict[int, float]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A copy of `count` closes of 100, and a later one that only has these changed bars, by session."""
    return copy(JANUARY, *[100.0] * count), price_captures(
        "A", {session(i): close for i, close in changes.items()}, captured_at=FEBRUARY
    )


@pytest.mark.parametrize(
    ("count", "changed", "is_split"),
    [
        (30, range(28, 30), False),  # two glitched bars at the end of a long history, and at its beginning
        (30, range(2), False),
        (30, range(21, 30), False),  # nine bars are neither ten nor half of thirty
        (30, range(20, 30), True),  # ten, up to the last one known
        (30, range(10), True),  # ten, from the first one known
        (30, range(10, 20), False),  # ten in the middle
        (30, range(30), True),
        (30, [*range(15, 25), *range(26, 30)], False),  # broken by one bar that is as it was
        (5, range(3, 5), False),  # two of five, two of four
        (4, range(2, 4), True),
        (2, range(2), True),
        (1, range(1), False),  # one alone is a correction
    ],
)
@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_split_changes_a_whole_stretch_at_an_end(count: int, changed: range, is_split: bool, factor: float):
    copies = with_changes(count, dict.fromkeys(changed, 100 * factor))
    found = rebased(*copies)
    expected = 100 * factor if is_split else 100.0
    assert [found[JANUARY, session(i)] for i in range(count)] == [expected] * count
    kind = "split" if is_split else "revised"
    assert edits(*copies) == [(session(i), 100.0, 100 * factor, kind) for i in changed]


@pytest.mark.parametrize(
    ("corrected", "is_split"),
    [({5: 47.0}, True), ({1: 47.0}, True), ({10: 53.0}, True), ({5: 47.0, 6: 47.5}, False)],
)
def test_one_corrected_bar_in_ten_does_not_hide_a_split(corrected: dict[int, float], is_split: bool):
    # sessions 1 to 10 were 100 and are 50, but for the corrected ones; session 0 only January has
    copies = with_changes(11, {**dict.fromkeys(range(1, 11), 50.0), **corrected})
    found = rebased(*copies)
    assert [found[JANUARY, session(i)] for i in range(11)] == [50.0 if is_split else 100.0] * 11
    assert [found[FEBRUARY, session(i)] for i in corrected] == list(corrected.values())
    assert {row[3] for row in edits(*copies)} == {"split" if is_split else "revised"}


# --- known splits ---------------------------------------------------------------------------------------------------


def test_a_known_split_needs_no_overlap():
    old = copy(JANUARY, 100.0, 102.0, dividend={session(1): 3.0}, capital_gain={session(1): 1.0})
    captures = pl.concat([old, copy(MARCH, 52.0, first=2)])
    table = on_newest_split_basis(captures, known_splits((dt.date(2026, 2, 10), 2.0)))
    assert table.select("close", "volume", "dividend", "capital_gain", "split_ratio", "flags").rows() == [
        (50.0, 2000.0, 0.0, 0.0, 1.0, "split_basis"),
        (51.0, 2000.0, 1.5, 0.5, 1.0, "split_basis"),
        (52.0, 1000.0, 0.0, None, 1.0, None),
    ]


def test_a_copy_of_the_evening_before_a_split_is_on_the_basis_before_it() -> None:
    """At 20:30 in New York on 31 December it is 1 January in UTC, the day of the split."""
    evening = dt.datetime(2026, 1, 1, 1, 30, tzinfo=dt.UTC)
    captures = pl.concat([copy(evening, 100.0), copy(FEBRUARY, 51.0, first=1)])
    table = on_newest_split_basis(captures, known_splits((dt.date(2026, 1, 1), 2.0)))
    assert table["close"].to_list() == [50.0, 51.0]


@pytest.mark.parametrize(
    ("split_on", "january", "february"),
    [
        (dt.date(2025, 12, 31), 120.0, 120.0),  # before all copies
        (dt.date(2026, 1, 1), 120.0, 120.0),  # on the day of the first copy: it is on the new basis
        (dt.date(2026, 1, 2), 40.0, 120.0),
        (dt.date(2026, 2, 1), 40.0, 120.0),
        (dt.date(2026, 2, 2), 40.0, 40.0),
        (dt.date(2026, 3, 1), 40.0, 40.0),  # on the day of the newest copy
        (dt.date(2026, 3, 2), 120.0, 120.0),  # nothing captured since: all are on the basis before it
    ],
)
def test_a_known_split_divides_what_was_captured_before_its_day(split_on: dt.date, january: float, february: float):
    copies = copy(JANUARY, 120.0), copy(FEBRUARY, 120.0, first=1), copy(MARCH, 120.0, first=2)
    assert rebased(*copies, splits=((split_on, 3.0),)) == {
        (JANUARY, session(0)): pytest.approx(january),
        (FEBRUARY, session(1)): pytest.approx(february),
        (MARCH, session(2)): 120.0,
    }


def test_the_copy_since_a_known_split_is_one_of_the_same_symbol():
    other = price_captures("B", {session(0): 100.0}, captured_at=MARCH)
    captures = pl.concat([copy(JANUARY, 100.0), other])
    for symbol in "AB":
        splits = known_splits((dt.date(2026, 2, 1), 2.0), symbol=symbol)
        assert on_newest_split_basis(captures, splits)["close"].to_list() == [100.0, 100.0]


def test_known_splits_multiply():
    # 2 for 1 in January, 3 for 1 in February, and a consolidation 1 for 4 that same month
    splits = ((dt.date(2026, 1, 15), 2.0), (dt.date(2026, 2, 15), 3.0), (dt.date(2026, 2, 20), 0.25))
    found = rebased(copy(JANUARY, 60.0), copy(FEBRUARY, 60.0, first=1), copy(MARCH, 60.0, first=2), splits=splits)
    assert list(found.values()) == pytest.approx([60 / 1.5, 60 / 0.75, 60.0])


def test_a_known_split_that_an_overlap_shows_too_counts_once():
    found = rebased(
        copy(JANUARY, 100.0, 102.0, 104.0), copy(MARCH, 51.0, 52.0, first=1), splits=((dt.date(2026, 2, 1), 2.0),)
    )
    assert [found[JANUARY, session(i)] for i in range(3)] == [50.0, 51.0, 52.0]


def test_an_overlap_can_show_that_a_copy_was_on_the_new_basis_before_the_known_day():
    captures = pl.concat([copy(JANUARY, 50.0, 51.0, 52.0), copy(MARCH, 51.0, 52.0, first=1)])
    table = on_newest_split_basis(captures, known_splits((dt.date(2026, 2, 1), 2.0)))
    assert table["close"].to_list() == [50.0, 51.0, 52.0, 51.0, 52.0]
    assert table["flags"].to_list() == [None] * 5


def test_a_copy_of_the_splits_day_may_still_be_on_the_old_basis():
    # January and February (the split's day) are on the old basis, March is on the new one
    found = rebased(
        copy(JANUARY, 100.0, 102.0),
        copy(FEBRUARY, 100.0, 102.0, 104.0),
        copy(MARCH, 50.0, 51.0, 52.0),
        splits=((FEBRUARY.date(), 2.0),),
    )
    assert list(found.values()) == [50.0, 51.0, 50.0, 51.0, 52.0, 50.0, 51.0, 52.0]


EVE, SPLIT_DAY, DAY_AFTER = (
    dt.datetime.combine(session(i), dt.time(22), dt.UTC) for i in (9, 10, 11)
)  # Friday, Monday 2001-01-15, Tuesday


def of_the_eve(
    close: float, ratio: float, *later: pl.DataFrame, at: dt.datetime = EVE, first: int = 9, **options
) -> float:
    """The close of one bar, of session `first`, captured before the split of session 10."""
    captures = pl.concat([copy(at, close, first=first, **options), *later])
    return on_newest_split_basis(captures, known_splits((session(10), ratio)))["close"][0]


@pytest.mark.parametrize(
    ("close", "ratio", "day", "expected"),
    [
        (111.0, 2.0, 56.0, 55.5),
        (55.5, 2.0, 56.0, 55.5),
        (111.0, 0.25, 440.0, 444.0),
        (444.0, 0.25, 440.0, 444.0),
        # the root of 2 times 56 is 79.2
        (79.0, 2.0, 56.0, 79.0),
        (79.4, 2.0, 56.0, 39.7),
        # the root of a quarter times 440 is 220
        (221.0, 0.25, 440.0, 221.0),
        (219.0, 0.25, 440.0, 876.0),
    ],
)
def test_the_bar_of_the_splits_day_shows_the_basis_of_the_eve(close: float, ratio: float, day: float, expected: float):
    assert of_the_eve(close, ratio, copy(SPLIT_DAY, day, first=10)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("at", "session_of_bar", "expected"),
    [
        (dt.datetime(2001, 1, 10, 22, tzinfo=dt.UTC), 7, 55.0),  # five days before: looked at
        (dt.datetime(2001, 1, 10, 4, tzinfo=dt.UTC), 6, 27.5),  # the evening of 9 January in New York: six days
        (EVE, 5, 55.0),  # its newest bar is of Monday, four days before
        (EVE, 4, 27.5),  # an older bar, corrected alone, is of another level of prices
    ],
)
def test_only_what_was_captured_shortly_before_a_split_is_looked_at(
    at: dt.datetime, session_of_bar: int, expected: float
):
    assert of_the_eve(55.0, 2.0, copy(SPLIT_DAY, 56.0, first=10), at=at, first=session_of_bar) == expected


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ((copy(DAY_AFTER, 54.0, first=11),), 55.0),  # no bar of the day itself
        ((copy(SPLIT_DAY, 54.0, first=8),), 27.5),  # a bar before the split, captured after it, says nothing
        ((copy(SPLIT_DAY, 54.0, first=10), copy(MARCH, 13.5, first=10)), 55.0),  # another split since
        ((copy(EVE, 27.0, first=10), copy(SPLIT_DAY, 54.0, first=10)), 55.0),  # captured before its day: misdated
        ((copy(SPLIT_DAY, 27.0, first=10), copy(DAY_AFTER, 54.0, first=11)), 27.5),  # the first one counts
        ((price_captures("B", {session(10): 54.0}, captured_at=SPLIT_DAY), copy(SPLIT_DAY, 5.0, first=0)), 27.5),
    ],
)
def test_the_first_bar_since_a_split_shows_the_basis_before(later: tuple[pl.DataFrame, ...], expected: float):
    assert of_the_eve(55.0, 2.0, *later) == expected


def test_the_newest_bar_of_the_eves_copy_is_compared():
    # session 8 fell from 84 to 55: its bar alone would be nearer to the other basis
    captures = pl.concat([copy(EVE, 84.0, 55.0, first=8), copy(SPLIT_DAY, 56.0, first=10)])
    for rows in (captures, captures.reverse()):
        table = on_newest_split_basis(rows, known_splits((session(10), 2.0))).sort("session_date")
        assert table["close"].to_list() == [84.0, 55.0, 56.0]


def test_two_copies_of_one_instant_are_looked_at_apart():
    copies = copy(EVE, 111.0, first=9, origin="old.csv"), copy(EVE, 55.0, first=8, origin="new.csv")
    table = on_newest_split_basis(
        pl.concat([*copies, copy(SPLIT_DAY, 56.0, first=10)]), known_splits((session(10), 2.0))
    )
    assert table["close"].to_list() == [55.5, 55.0, 56.0]


def test_a_copy_restated_for_one_split_is_divided_for_the_next():
    # 2 for 1 on session 10, known to the eve's copy, and 5 for 1 a month later
    month_later = dt.datetime(2001, 2, 15, 22, tzinfo=dt.UTC)
    captures = pl.concat([copy(EVE, 55.0, first=9), copy(SPLIT_DAY, 56.0, first=10), copy(month_later, 11.0, first=33)])
    splits = known_splits((session(10), 2.0), (month_later.date(), 5.0))
    assert on_newest_split_basis(captures, splits)["close"].to_list() == pytest.approx([11.0, 11.2, 11.0])


# --- adjusted copies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_newer", [True, False])
def test_a_copy_that_is_lower_and_comes_nearer_is_adjusted(is_newer: bool):
    plain, adjusted = (100.0,) * 6, (90.0, 90.0, 95.0, 95.0, 100.0, 100.0)
    old, new = (plain, adjusted) if is_newer else (adjusted, plain)
    found = adjusted_copies(pl.concat([copy(JANUARY, *old), copy(FEBRUARY, *new)])).to_dicts()
    assert found == [
        {
            "symbol": "A",
            "captured_at": FEBRUARY if is_newer else JANUARY,
            "origin": "one.csv",
            "other_captured_at": JANUARY if is_newer else FEBRUARY,
            "up_to": session(3),
            "differing": 4,
        }
    ]


@pytest.mark.parametrize(
    "newer",
    [
        (100.0,) * 6,
        (99.0, 100.0, 100.0, 100.0, 100.0, 100.0),  # one bar
        (99.0, 101.0, 99.0, 101.0, 100.0, 100.0),  # on both sides
        (99.0, 95.0, 90.0, 85.0, 80.0, 75.0),  # drifting away
        (50.0,) * 6,  # a split
    ],
)
def test_other_differences_are_no_adjustment(newer: tuple[float, ...]):
    assert adjusted_copies(pl.concat([copy(JANUARY, *[100.0] * 6), copy(FEBRUARY, *newer)])).is_empty()


@pytest.mark.parametrize("is_newer", [True, False])
@pytest.mark.parametrize("is_beside_live", [True, False])
def test_a_live_copy_is_never_adjusted(is_newer: bool, is_beside_live: bool):
    lower = live(copy(FEBRUARY, 90.0, 95.0, 100.0))
    plain = copy(JANUARY if is_newer else MARCH, 100.0, 100.0, 100.0)
    assert adjusted_copies(pl.concat([lower, live(plain) if is_beside_live else plain])).is_empty()


@pytest.mark.parametrize("is_newer", [True, False])
def test_a_file_is_adjusted_beside_a_live_copy(is_newer: bool):
    lower = copy(MARCH if is_newer else JANUARY, 90.0, 95.0, 100.0)
    found = adjusted_copies(pl.concat([live(copy(FEBRUARY, 100.0, 100.0, 100.0)), lower]))
    assert found["captured_at"].to_list() == [MARCH if is_newer else JANUARY]


# --- edits ----------------------------------------------------------------------------------------------------------


def edits(*copies: pl.DataFrame, column: str = "close") -> list[tuple]:
    table = checked("core.capture_edits", price_edits(pl.concat(copies)), core.CaptureEdits)
    return table.filter(pl.col("column_name") == column).select("observed_on", "old_value", "new_value", "kind").rows()


def test_a_changed_close_is_an_edit():
    assert edits(copy(JANUARY, 100.25, 101.0), copy(FEBRUARY, 100.25, 101.5)) == [(session(1), 101.0, 101.5, "revised")]


def test_an_edit_says_what_kind_of_change_it_is():
    split = edits(copy(JANUARY, 100.0, 110.0), copy(FEBRUARY, 50.0, 55.0))
    assert {row[3] for row in split} == {"split"}
    adjusted = edits(copy(JANUARY, 100.0, 100.0, 100.0), copy(FEBRUARY, 90.0, 95.0, 100.0))
    assert {row[3] for row in adjusted} == {"adjusted"}


@pytest.mark.parametrize(
    ("old_is_live", "new_is_live", "kind"),
    [(True, True, "revised"), (False, True, "revised"), (True, False, "adjusted"), (False, False, "adjusted")],
)
@pytest.mark.parametrize("is_downwards", [True, False])
def test_the_live_source_revises_and_does_not_adjust(
    old_is_live: bool, new_is_live: bool, kind: str, is_downwards: bool
):
    closes = [(100.0, 100.0, 100.0), (90.0, 95.0, 100.0)]
    old, new = closes if is_downwards else reversed(closes)
    copies = copy(JANUARY, *old), copy(FEBRUARY, *new)
    found = edits(*(live(one) if yes else one for one, yes in zip(copies, (old_is_live, new_is_live), strict=True)))
    assert {row[3] for row in found} == {kind}


def test_the_live_source_may_split():
    found = edits(live(copy(JANUARY, 100.0, 110.0)), live(copy(FEBRUARY, 50.0, 55.0)))
    assert {row[3] for row in found} == {"split"}


def test_every_change_is_against_the_capture_before_it():
    table = price_edits(pl.concat([copy(MARCH, 103.0), copy(JANUARY, 101.0), copy(FEBRUARY, 102.0)]))
    found = table.filter(pl.col("column_name") == "close").select(
        "old_value", "new_value", "old_captured_at", "captured_at"
    )
    assert found.rows() == [(101.0, 102.0, JANUARY, FEBRUARY), (102.0, 103.0, FEBRUARY, MARCH)]


@pytest.mark.parametrize(
    ("old", "new", "is_edit"),
    [
        (100.123456, 100.123456 * (1 + 0.9e-5), False),  # vendor noise
        (100.123456, 100.123456 * (1 + 1.1e-5), True),
        (100.1234, 100.12, False),  # the same, kept in cents
        (100.12, 100.1234, False),
        (100.1234, 100.13, True),  # more than half a cent
        (100.12, 100.13, True),
        (0.105123, 0.11, False),
    ],
)
def test_noise_and_rounding_to_cents_are_no_edits(old: float, new: float, is_edit: bool):
    assert bool(edits(copy(JANUARY, old), copy(FEBRUARY, new))) == is_edit


def test_a_dividend_that_appears_or_vanishes_is_an_edit_and_silence_is_not():
    none, paid = copy(JANUARY, 100.0, dividend={}), copy(FEBRUARY, 100.0, dividend={session(0): 0.3})
    silent = copy(MARCH, 100.0, dividend=None)
    assert edits(none, paid, column="dividend") == [(session(0), 0.0, 0.3, "revised")]
    assert edits(paid, silent, column="dividend") == []
    assert edits(
        copy(JANUARY, 100.0, dividend={session(0): 0.3}), copy(FEBRUARY, 100.0, dividend={}), column="dividend"
    ) == [(session(0), 0.3, 0.0, "revised")]


def test_a_capital_gain_that_arrives_late_is_an_edit_and_silence_is_not():
    none, paid = copy(JANUARY, 100.0, capital_gain={}), copy(FEBRUARY, 100.0, capital_gain={session(0): 1.5})
    silent = {at: copy(at, 100.0, capital_gain=None) for at in (JANUARY, MARCH)}
    assert edits(none, paid, column="capital_gain") == [(session(0), 0.0, 1.5, "revised")]
    assert edits(none, paid, column="close") == []
    assert edits(paid, silent[MARCH], column="capital_gain") == []
    assert edits(silent[JANUARY], paid, column="capital_gain") == []


@pytest.mark.parametrize("names", ["abc", "cba", "bca"])
def test_copies_of_one_instant_are_no_edits_of_each_other(names: str):
    # in the order in which they were received, the first is compared with what came before and the last with what came
    # after; the key stays unique
    same = [copy(FEBRUARY, close, origin=name) for close, name in zip((100.0, 101.0, 102.0), names, strict=True)]
    assert edits(*same) == []
    assert edits(copy(JANUARY, 99.0), *same) == [(session(0), 99.0, 100.0, "revised")]
    assert edits(*same, copy(MARCH, 103.0)) == [(session(0), 102.0, 103.0, "revised")]


def test_nothing_captured_twice_gives_no_edits():
    assert edits(copy(JANUARY, 100.0, 101.0)) == []
    assert edits(copy(JANUARY)) == []


# --- new rows -------------------------------------------------------------------------------------------------------


def macro(*values: tuple[float | None, dt.datetime]) -> pl.DataFrame:
    return macro_captures("S", [(DAY, value, at) for value, at in values])


def held(*batches: pl.DataFrame, table: str = "macro_captures") -> pl.DataFrame:
    """What is stored after these batches, one run after the other."""
    stored = batches[0].clear()
    for batch in batches:
        stored = pl.concat([stored, new_rows(table, stored, batch)])
    return stored


def known(*batches: pl.DataFrame) -> list[tuple]:
    return held(*batches).sort("captured_at").select("value", "captured_at").rows()


def test_everything_is_new_at_first():
    batch = macro((1.0, JANUARY))
    assert_frame_equal(new_rows("macro_captures", batch.clear(), batch), batch)


def test_receiving_the_same_rows_twice_adds_nothing():
    batch = macro((1.0, JANUARY), (2.0, FEBRUARY))
    assert held(batch, batch).height == 2
    bars = pl.concat([copy(JANUARY, 1.0, 2.0), copy(FEBRUARY, 1.0, 3.0)])
    assert held(bars, bars, table="price_captures").height == 3


def test_a_later_capture_that_repeats_the_value_adds_nothing():
    assert known(macro((1.0, JANUARY)), macro((1.0, FEBRUARY))) == [(1.0, JANUARY)]
    assert known(macro((1.0, JANUARY), (1.0, FEBRUARY))) == [(1.0, JANUARY)]


def test_a_changed_value_is_kept_beside_the_old_one():
    assert known(macro((1.0, JANUARY)), macro((2.0, FEBRUARY))) == [(1.0, JANUARY), (2.0, FEBRUARY)]


def test_a_value_that_comes_back_is_a_change():
    batches = [macro((1.0, JANUARY)), macro((2.0, FEBRUARY)), macro((1.0, MARCH))]
    assert [value for value, _ in known(*batches)] == [1.0, 2.0, 1.0]


def test_null_to_value_and_value_to_null_are_changes():
    assert [v for v, _ in known(macro((None, JANUARY)), macro((1.0, FEBRUARY)), macro((None, MARCH)))] == [
        None,
        1.0,
        None,
    ]
    assert known(macro((None, JANUARY)), macro((None, FEBRUARY))) == [(None, JANUARY)]


def test_an_older_copy_that_arrives_late_keeps_what_was_known_then():
    assert known(macro((2.0, FEBRUARY)), macro((1.0, JANUARY))) == [(1.0, JANUARY), (2.0, FEBRUARY)]
    # the same value, known a month earlier than we thought
    assert known(macro((2.0, FEBRUARY)), macro((2.0, JANUARY)))[0] == (2.0, JANUARY)


def test_an_older_copy_that_arrives_late_and_repeats_a_still_older_one_adds_nothing():
    assert known(macro((1.0, JANUARY), (2.0, MARCH)), macro((1.0, FEBRUARY))) == [(1.0, JANUARY), (2.0, MARCH)]


def test_two_values_of_one_instant_are_both_kept():
    assert known(macro((1.0, JANUARY)), macro((2.0, JANUARY))) == [(1.0, JANUARY), (2.0, JANUARY)]


def test_any_part_of_a_bar_that_changes_makes_a_new_row():
    first = copy(JANUARY, 100.0, dividend={})
    assert held(first, copy(FEBRUARY, 100.0, dividend={}), table="price_captures").height == 1
    assert held(first, copy(FEBRUARY, 100.0, dividend={session(0): 0.3}), table="price_captures").height == 2
    assert held(first, copy(FEBRUARY, 100.0, dividend={}, flags="open_filled"), table="price_captures").height == 2


def test_where_a_value_came_from_is_no_part_of_it():
    assert held(copy(JANUARY, 1.0), copy(FEBRUARY, 1.0, origin="other.csv"), table="price_captures").height == 1


def test_keys_are_kept_apart():
    one, other = macro((1.0, JANUARY)), macro_captures("OTHER", [(DAY, 1.0, FEBRUARY)])
    assert held(one, other).height == 2


def test_a_refusal_is_kept_once_however_often_it_comes():
    rows = pl.DataFrame(
        {"captured_at": [JANUARY, FEBRUARY], "source": ["files"] * 2, "origin": ["a.csv"] * 2, "line": [None, None],
         "reason": ["bad"] * 2, "excerpt": ["x"] * 2},
        schema=raw.Reject.create_empty().schema,
    )  # fmt: skip
    assert held(rows.head(1), rows.tail(1), table="rejects").height == 1
    assert held(rows.head(1), rows.with_columns(line=pl.lit(3, pl.Int64)), table="rejects").height == 2


batches = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([None, 1.0, 2.0]), st.integers(1, 6)), max_size=6),
    min_size=1,
    max_size=4,
)


def frame(batch: list[tuple[int, float | None, int]]) -> pl.DataFrame:
    """A batch with at most one value a key and instant."""
    rows = {(key, month): value for key, value, month in batch}
    return macro_captures(
        "S",
        [
            (DAY + dt.timedelta(days=key), value, dt.datetime(2026, month, 1, tzinfo=dt.UTC))
            for (key, month), value in rows.items()
        ],
    )


@settings(max_examples=60, deadline=None)
@given(batches)
def test_a_batch_that_comes_again_at_once_adds_nothing(drawn: list):
    frames = [frame(batch) for batch in drawn]
    assert_frame_equal(held(*frames), held(*frames, frames[-1]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([None, 1.0, 2.0]), st.integers(1, 9)), max_size=15))
def test_what_is_kept_tells_the_value_at_every_capture(batch: list):
    """Captures in the order of time, one run each: at every instant the newest kept value is the one received."""
    received = frame(batch).sort("captured_at")
    stored = held(received.clear(), *(part for (_,), part in received.group_by("captured_at", maintain_order=True)))
    assert stored.height <= received.height
    for key, value, at in received.select("observed_on", "value", "captured_at").iter_rows():
        kept = stored.filter((pl.col("observed_on") == key) & (pl.col("captured_at") <= at)).sort("captured_at")
        assert kept["value"].to_list()[-1] == value


def test_rows_of_a_batch_may_lie_in_any_order():
    rows = [(DAY, 1.0, JANUARY), (DAY, 2.0, FEBRUARY), (DAY, 2.0, MARCH)]
    for seed in range(6):
        shuffled = list(rows)
        random.Random(seed).shuffle(shuffled)
        assert known(macro_captures("S", shuffled)) == [(1.0, JANUARY), (2.0, FEBRUARY)]
