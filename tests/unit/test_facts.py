"""core.fund_facts: definitions, section 5."""

import datetime as dt

import polars as pl
from builders import fact_captures

from pipeline.contracts.core import FundFacts
from pipeline.transforms.facts import fund_facts
from pipeline.writing import checked

NOON = dt.datetime(2024, 7, 16, 16, tzinfo=dt.UTC)
EVENING = dt.datetime(2024, 7, 17, 1, tzinfo=dt.UTC)  # 21:00 New York, still the 16th
DAY = dt.date(2024, 7, 16)


def test_the_first_capture_of_a_day_counts_and_is_known_when_received():
    captures = fact_captures([("IVW", 31.0, EVENING), ("IVW", 30.0, NOON), ("IVE", 20.0, EVENING)])
    found = checked("core.fund_facts", fund_facts(captures), FundFacts)
    assert found.select("symbol", "quoted_on", "trailing_pe", "available_at").rows() == [
        ("IVE", DAY, 20.0, EVENING),
        ("IVW", DAY, 30.0, NOON),
    ]


def test_a_replay_knows_what_had_been_received():
    captures = fact_captures([("IVW", 30.0, NOON), ("IVW", 31.0, NOON + dt.timedelta(days=1))])
    for as_of, expected in (
        (NOON - dt.timedelta(seconds=1), []),
        (NOON, [30.0]),
        (EVENING, [30.0]),
        (EVENING + dt.timedelta(days=1), [30.0, 31.0]),
    ):
        assert fund_facts(captures, as_of)["trailing_pe"].to_list() == expected


def test_nothing_captured_is_an_empty_table():
    assert checked("core.fund_facts", fund_facts(fact_captures([])), FundFacts).is_empty()
    assert fund_facts(fact_captures([])).schema["available_at"] == pl.Datetime("us", "UTC")
