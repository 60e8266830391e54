"""core.fed_funds_futures and core.fomc_meetings: definitions, section 6."""

import datetime as dt

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from policy_builders import at, day

from pipeline.config import Fomc
from pipeline.contracts.core import FedFundsFutures, FomcMeetings
from pipeline.contracts.raw import FomcCapture, FuturesCapture
from pipeline.transforms.futures import fed_funds_futures, fomc_meetings
from pipeline.writing import checked

FIRST, SECOND = at("2026-01-02 12:00"), at("2026-02-02 12:00")


def quotes(rows: list[tuple]) -> pl.DataFrame:
    """raw.futures_captures from (contract, session, settlement) or with a fourth, the capture's instant."""
    full = [
        {"contract": contract, "session_date": day(session), "close": close, "captured_at": (*told, FIRST)[0]}
        for contract, session, close, *told in rows
    ]
    stamp = {"source": "files", "origin": "x.csv", "volume": 7.0, "open_interest": None}
    return pl.DataFrame([{**stamp, **row} for row in full], schema=FuturesCapture.create_empty().schema)


def decisions(rows: list[tuple]) -> pl.DataFrame:
    """raw.fomc_captures from (decided_on, target, previous) or with a fourth, the capture's instant."""
    full = [
        {"decided_on": day(decided_on), "target_pct": target, "previous_target_pct": previous, "captured_at": received}
        for decided_on, target, previous, *told in rows
        for received in [(*told, FIRST)[0]]
    ]
    stamp = {"source": "files", "origin": "x.csv"}
    return pl.DataFrame([{**stamp, **row} for row in full], schema=FomcCapture.create_empty().schema)


# --- futures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "session", "month"),
    [
        ("ZQF15", "2015-01-02", "2015-01-01"),
        ("ZQZ15", "2012-12-31", "2015-12-01"),
        ("ZQN2023", "2023-05-05", "2023-07-01"),
        ("ZQV3", "2023-10-31", "2023-10-01"),
        ("ZQV3", "2023-01-03", "2023-10-01"),
        ("ZQH3", "2024-01-02", "2033-03-01"),  # 2023 is over
        ("ZQF0", "2019-12-31", "2020-01-01"),
        ("ZQF05", "1999-12-31", "2005-01-01"),
        ("ZQM99", "1998-06-15", "1999-06-01"),
    ],
)
def test_the_month_of_a_contract(contract: str, session: str, month: str):
    assert fed_funds_futures(quotes([(contract, session, 95.0)]))["contract_month"].to_list() == [day(month)]


@pytest.mark.parametrize(("code", "month"), [(code, i + 1) for i, code in enumerate("FGHJKMNQUVXZ")])
def test_month_codes(code: str, month: int):
    (found,) = fed_funds_futures(quotes([(f"ZQ{code}24", "2023-12-29", 95.0)]))["contract_month"]
    assert found == dt.date(2024, month, 1)


def test_the_newest_capture_of_a_settlement_is_used():
    found = fed_funds_futures(
        quotes(
            [
                ("ZQN23", "2023-07-20", 94.925, SECOND),
                ("ZQN23", "2023-07-20", 94.9, FIRST),
                ("ZQN23", "2023-07-19", 94.92, FIRST),
            ]
        )
    )
    assert found.rows() == [
        ("ZQN23", day("2023-07-19"), day("2023-07-01"), 94.92, 100 - 94.92, 7.0, None, FIRST),
        ("ZQN23", day("2023-07-20"), day("2023-07-01"), 94.925, 100 - 94.925, 7.0, None, SECOND),
    ]
    checked("core.fed_funds_futures", found, FedFundsFutures)


def test_other_contracts_are_left_out():
    found = fed_funds_futures(quotes([("SR1N23", "2023-07-20", 94.9), ("ZQN23", "2023-07-20", 94.925)]))
    assert found["contract"].to_list() == ["ZQN23"]


def test_a_replay_has_no_settlement_of_later_days():
    captured = quotes([("ZQN23", "2023-07-19", 94.92), ("ZQN23", "2023-07-20", 94.925)])
    for instant, rows in (("2023-07-19 23:59", 1), ("2023-07-20 15:59", 1), ("2023-07-20 23:59", 2)):
        assert_frame_equal(fed_funds_futures(captured, at(instant)), fed_funds_futures(captured).head(rows))


def test_no_captures_no_rows():
    found = fed_funds_futures(quotes([]))
    assert found.is_empty()
    checked("core.fed_funds_futures", found, FedFundsFutures)


# --- meetings -------------------------------------------------------------------------------------------------------

FOMC = Fomc(
    announced=({"at": "14:15"}, {"since": "2013-03-01", "at": "14:00"}),
    scheduled=("2012-12-12", "2013-03-20", "2020-03-18", "2020-04-29", "2027-12-08"),
    unscheduled={"2008-10-08": "07:00", "2020-03-15": "17:00"},
    cancelled={"2020-03-18": "2020-03-15"},
)


def meeting(decided_on: str, captured: pl.DataFrame | None = None, as_of: dt.datetime | None = None) -> dict:
    table = fomc_meetings(decisions([]) if captured is None else captured, FOMC, as_of)
    checked("core.fomc_meetings", table, FomcMeetings)
    (row,) = table.filter(pl.col("decided_on") == day(decided_on)).to_dicts()
    return row


def test_a_meeting_of_the_calendar():
    assert meeting("2013-03-20") == {
        "decided_on": day("2013-03-20"),
        "is_scheduled": True,
        "scheduled_on": day("2012-09-01"),
        "cancelled_on": None,
        "decided_at": at("2013-03-20 14:00"),
        "target_pct": None,
        "previous_target_pct": None,
        "captured_at": None,
    }
    assert meeting("2012-12-12")["decided_at"] == at("2012-12-12 14:15")


def test_a_decision_between_meetings_and_a_meeting_that_was_called_off():
    emergency, cancelled = meeting("2020-03-15"), meeting("2020-03-18")
    assert (emergency["is_scheduled"], emergency["scheduled_on"]) == (False, None)
    assert emergency["decided_at"] == at("2020-03-15 17:00")
    assert (cancelled["is_scheduled"], cancelled["cancelled_on"]) == (True, day("2020-03-15"))


@pytest.mark.parametrize(
    ("decided_on", "target", "is_scheduled", "scheduled_on"),
    [
        ("2007-09-18", 4.75, None, None),  # before the calendar begins
        ("2008-10-08", 1.5, False, None),  # listed
        ("2013-03-20", 0.25, True, "2012-09-01"),  # listed
        ("2014-02-04", 0.5, False, None),  # within the calendar, not in it
        ("2014-02-05", None, True, "2013-09-01"),  # planned
        ("2028-01-26", None, True, "2027-09-01"),
        ("2028-01-26", 3.0, None, None),  # after it ends
    ],
)
def test_what_captures_say(decided_on: str, target: float | None, is_scheduled: bool | None, scheduled_on: str | None):
    row = meeting(decided_on, decisions([(decided_on, target, target and target + 0.25)]))
    assert (row["is_scheduled"], row["scheduled_on"]) == (is_scheduled, scheduled_on and day(scheduled_on))
    assert (row["target_pct"], row["captured_at"]) == (target, FIRST)


def test_the_newest_capture_wins_that_states_a_decision():
    captured = decisions(
        [
            ("2028-01-26", 3.0, 3.25, SECOND),
            ("2028-01-26", 3.5, 3.25, FIRST),
            ("2028-01-26", None, None, at("2026-03-02 12:00")),
        ]
    )
    row = meeting("2028-01-26", captured)
    assert (row["target_pct"], row["captured_at"]) == (3.0, SECOND)
    assert row["is_scheduled"] is True  # one copy had it as planned


@pytest.mark.parametrize(
    ("as_of", "known"),
    [
        ("2007-09-18 14:14", []),
        ("2007-09-18 14:15", ["2007-09-18"]),
        ("2012-08-31 23:59", ["2007-09-18", "2008-10-08", "2012-12-12"]),
        ("2012-09-01 00:00", ["2007-09-18", "2008-10-08", "2012-12-12", "2013-03-20"]),
    ],
)
def test_a_replay_knows_decisions_from_their_hour_and_plans_from_september(as_of: str, known: list[str]):
    captured = decisions([("2007-09-18", 4.75, 5.25), ("2012-12-12", 0.25, 0.25), ("2013-03-20", 0.25, 0.25)])
    table = fomc_meetings(captured, FOMC, at(as_of))
    assert [str(one) for one in table["decided_on"]] == known
    decided = table.filter(pl.col("decided_at") <= at(as_of)).filter(pl.col("decided_on") != day("2008-10-08"))
    assert decided["target_pct"].null_count() == 0
    assert table.filter(pl.col("decided_at") > at(as_of))["target_pct"].drop_nulls().is_empty()


def test_a_replay_does_not_know_what_will_be_called_off():
    assert meeting("2020-03-18", as_of=at("2020-03-14 23:59:59"))["cancelled_on"] is None
    assert meeting("2020-03-18", as_of=at("2020-03-15 23:59:59"))["cancelled_on"] == day("2020-03-15")


def test_a_replay_is_the_full_table_cut():
    captured = decisions([("2007-09-18", 4.75, 5.25), ("2013-03-20", 0.25, 0.25), ("2020-04-29", 0.25, 0.25)])
    full = fomc_meetings(captured, FOMC)
    for cut in full["decided_at"]:
        known = fomc_meetings(captured, FOMC, cut).filter(pl.col("decided_at") <= cut)
        assert_frame_equal(known, full.filter(pl.col("decided_at") <= cut), check_exact=True)
