"""The exchange's calendar: which bars are final at an instant, and why there is no session on a day."""

import datetime as dt

import pytest

from pipeline.calendar import federal_closing, last_final_session, market_closing
from pipeline.settings import NEW_YORK


@pytest.mark.parametrize(
    ("instant", "session"),
    [
        ("2026-11-16 19:59", "2026-11-13"),  # Monday, a minute before its bar is final: Friday's is the newest
        ("2026-11-16 20:00", "2026-11-16"),
        ("2026-11-14 12:00", "2026-11-13"),  # Saturday
        ("2026-11-15 23:59", "2026-11-13"),  # Sunday
        ("2024-07-03 20:00", "2024-07-03"),  # a half day: final at 20:00 like all others
        ("2024-07-03 13:30", "2024-07-02"),
        ("2024-07-04 21:00", "2024-07-03"),  # Independence Day, a Thursday
        ("2024-07-05 19:59", "2024-07-03"),
        ("2024-07-05 20:00", "2024-07-05"),
        ("2026-11-26 20:30", "2026-11-25"),  # Thanksgiving
        ("2026-11-27 20:00", "2026-11-27"),  # the half day after it
    ],
)
def test_a_bar_is_final_at_eight_in_the_evening_of_its_session(instant: str, session: str) -> None:
    now = dt.datetime.fromisoformat(instant).replace(tzinfo=NEW_YORK)
    assert last_final_session(now.astimezone(dt.UTC)) == dt.date.fromisoformat(session)


@pytest.mark.parametrize(
    ("utc", "session"),
    [
        ("2026-03-07 00:59", "2026-03-05"),  # Friday 2026-03-06 in winter time: 20:00 is 01:00 UTC of the next day
        ("2026-03-07 01:00", "2026-03-06"),
        ("2026-03-09 23:59", "2026-03-06"),  # Monday after the clocks went forward: 00:00 UTC
        ("2026-03-10 00:00", "2026-03-09"),
        ("2026-10-31 00:00", "2026-10-30"),  # the last session of summer time
        ("2026-11-03 00:59", "2026-10-30"),  # Monday after they went back
        ("2026-11-03 01:00", "2026-11-02"),
    ],
)
def test_new_york_keeps_its_own_time_over_the_year(utc: str, session: str) -> None:
    assert last_final_session(dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)) == dt.date.fromisoformat(session)


@pytest.mark.parametrize(
    ("day", "market", "federal"),
    [
        ("2026-11-20", None, None),  # an ordinary Friday
        ("2026-11-21", "weekend", "weekend"),
        ("2026-11-26", "Thanksgiving", "Thanksgiving Day"),
        ("2026-11-27", None, None),  # a half day is a session
        ("2026-04-03", "Good Friday", None),  # the government works, and released payrolls that day
        ("2026-11-11", None, "Veterans Day"),  # the exchange trades
        ("2025-01-09", "special closing", None),  # the mourning for President Carter
    ],
)
def test_why_nothing_happens_on_a_day_is_said_by_name(day: str, market: str | None, federal: str | None) -> None:
    assert market_closing(dt.date.fromisoformat(day)) == market
    assert federal_closing(dt.date.fromisoformat(day)) == federal
