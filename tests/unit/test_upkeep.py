"""What an operator should look at."""

import datetime as dt

import polars as pl

from pipeline.contracts import core
from pipeline.transforms import upkeep

MONDAY, TUESDAY, WEDNESDAY = (dt.date(2026, 11, day) for day in (16, 17, 18))
SESSIONS = pl.DataFrame({"session_date": [MONDAY, TUESDAY, WEDNESDAY]})
PRICES = pl.DataFrame(
    {
        "symbol": ["OLD", "OLD", "NEW", "NEW", "GONE"],
        "session_date": [MONDAY, TUESDAY, TUESDAY, WEDNESDAY, MONDAY],
    }
)


def test_symbols_behind_are_named_with_the_sessions_they_lack() -> None:
    found = upkeep.behind(PRICES, WEDNESDAY, SESSIONS, [])
    assert found.rows() == [
        ("GONE", "newest bar 2026-11-16, sessions behind: 2"),
        ("OLD", "newest bar 2026-11-17, sessions behind: 1"),
    ]


def test_no_more_bars_are_due_of_a_delisted_symbol() -> None:
    assert upkeep.behind(PRICES, WEDNESDAY, SESSIONS, ["GONE"])["id"].to_list() == ["OLD"]


def test_a_bar_that_is_not_final_yet_is_not_due() -> None:
    assert upkeep.behind(PRICES, TUESDAY, SESSIONS, [])["id"].to_list() == ["GONE"]
    assert upkeep.behind(PRICES, None, SESSIONS, []).is_empty()  # before the first session of all


def test_configured_symbols_without_bars_are_named() -> None:
    instruments = pl.DataFrame(
        {"symbol": ["A", "B", "C"], "is_configured": [True, True, False], "bars": [5, 0, 0]},
    )
    assert upkeep.without_bars(instruments).rows() == [("B", "no bar captured")]


def test_series_that_are_not_configured_are_named_with_what_is_left_out() -> None:
    captures = pl.DataFrame({"series_id": ["KNOWN", "OTHER", "OTHER"]})
    assert upkeep.not_configured(captures, ["KNOWN"]).rows() == [("OTHER", "not in macro.yaml; values left out: 2")]


def edits(*rows: tuple[str, str, dt.date, str]) -> pl.DataFrame:
    """Make core.capture_edits of dataset, id, observed_on and kind."""
    instant = dt.datetime(2026, 11, 18, tzinfo=dt.UTC)
    return pl.DataFrame(
        [(dataset, id_, day, "close", instant, instant, 1.0, 2.0, kind, "request") for dataset, id_, day, kind in rows],
        schema=core.CaptureEdits.create_empty().schema,
        orient="row",
    )


def test_only_values_changed_since_the_publication_are_new() -> None:
    before = edits(("prices", "A", MONDAY, "revised"))
    now = edits(
        ("prices", "A", MONDAY, "revised"),
        ("prices", "A", TUESDAY, "revised"),
        ("prices", "A", WEDNESDAY, "revised"),
        ("macro", "GDP", MONDAY, "revised"),
    )
    fresh = upkeep.new_edits(now, before)
    assert fresh.rows() == [("macro", "GDP", "revised", 1), ("prices", "A", "revised", 2)]
    assert upkeep.new_edits(before, before).is_empty()


def test_revisions_of_revised_series_and_splits_are_expected() -> None:
    fresh = upkeep.new_edits(
        edits(
            ("macro", "GDP", MONDAY, "revised"),
            ("macro", "DGS10", MONDAY, "revised"),
            ("prices", "GDP", MONDAY, "revised"),  # a symbol of the same name is no series
            ("prices", "SPLIT", MONDAY, "split"),
            ("prices", "ADJUSTED", MONDAY, "adjusted"),
        ),
        edits(),
    )
    assert upkeep.unexpected(fresh, ["GDP"]).rows() == [
        ("DGS10", "old values changed (revised): 1"),
        ("ADJUSTED", "old values changed (adjusted): 1"),
        ("GDP", "old values changed (revised): 1"),
    ]
