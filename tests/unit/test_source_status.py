"""core.source_status: what is served, what fails since when, and what is gone. Answers pass through the captures."""

import datetime as dt
from collections.abc import Iterable

import polars as pl
import pytest
from builders import price_captures
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.captures import new_rows
from pipeline.contracts import core, raw
from pipeline.transforms.answers import newest, source_status
from pipeline.writing import checked

MONDAY = dt.date(2024, 7, 15)
BARS = price_captures("IWM", {MONDAY: 216.0})
NOBODY = BARS.clear()


def evening(number: int, hour: int = 0) -> dt.datetime:
    """An instant after session `number`, of which 0 is Monday 2024-07-15; sessions here are days."""
    return dt.datetime(2024, 7, 16 + number, 1 + hour, tzinfo=dt.UTC)


def captured(*rows: tuple) -> pl.DataFrame:
    """raw.answers from (session number, outcome, and more of the row), one run each, as the warehouse keeps them."""
    kept = raw.Answer.create_empty()
    for number, outcome, *more in rows:
        row = {
            "captured_at": evening(number),
            "source": "live",
            "origin": "prices",
            "dataset": "prices",
            "id": "IWM",
            "outcome": outcome,
            "detail": None,
            "session_date": MONDAY + dt.timedelta(days=number),
            "served_from": None,
            "served_to": None,
            **(more[0] if more else {}),
        }
        run = pl.DataFrame([row], schema=kept.schema)
        kept = pl.concat([kept, new_rows("answers", kept, run)])
    return kept


def status(*rows: tuple, others: tuple = (), prices: pl.DataFrame = BARS, as_of: dt.datetime | None = None) -> dict:
    answers = captured(*rows, *others)
    table = checked("core.source_status", source_status(answers, prices, as_of), core.SourceStatus)
    return table.row(0, named=True)


def spy(sessions: Iterable[int], outcome: str = "ok", **more: object) -> tuple:
    """Answers of these sessions for another symbol."""
    return tuple((number, outcome, {"id": "SPY", **more}) for number in sessions)


WORKS = spy(range(9))  # the source as such serves


def test_nothing_asked_is_an_empty_table():
    empty = source_status(raw.Answer.create_empty(), BARS)
    assert checked("core.source_status", empty, core.SourceStatus).is_empty()


def test_what_is_served_fails_since_never():
    found = status((0, "ok"), (1, "ok"))
    assert (found["outcome"], found["failing_since"], found["last_served_at"]) == ("ok", None, evening(1))
    assert (found["sessions_in_agreement"], found["is_delisted"]) == (0, False)


def test_a_failure_lasts_from_its_first_answer_whatever_its_kind():
    found = status((0, "ok"), (1, "network"), (2, "rate_limit", {"detail": "HTTP 429"}), (3, "network"))
    assert (found["outcome"], found["detail"]) == ("network", None)
    assert (found["failing_since"], found["last_served_at"], found["last_asked_at"]) == (
        evening(1),
        evening(0),
        evening(3),
    )


def test_a_failure_that_ended_begins_anew():
    found = status((0, "network"), (1, "incomplete"), (2, "unreadable"))
    assert (found["failing_since"], found["last_served_at"]) == (evening(2), evening(1))
    assert status((0, "network"), (1, "incomplete"))["failing_since"] is None


def test_what_was_never_served_fails_since_it_was_first_asked():
    found = status((0, "refused"), (1, "refused"))
    assert (found["failing_since"], found["last_served_at"]) == (evening(0), None)


def test_the_same_answer_twice_in_one_session_is_one():
    again = {"captured_at": evening(1, hour=3)}
    found = status((0, "ok"), (1, "network"), (1, "network", again))
    assert (found["failing_since"], found["last_asked_at"]) == (evening(1), evening(1))


def test_a_short_answer_leaves_the_start_of_the_history_as_it_was_told():
    whole = {"served_from": dt.date(2000, 5, 26), "served_to": MONDAY}
    found = status((0, "ok", whole), (1, "ok", {"served_to": MONDAY + dt.timedelta(days=1)}), (2, "network"))
    assert (found["served_from"], found["served_to"]) == (dt.date(2000, 5, 26), dt.date(2024, 7, 16))


def test_a_history_cut_short_is_told_by_the_newest_answer():
    told = [{"served_from": dt.date(year, 1, 1), "served_to": MONDAY} for year in (1996, 2023)]
    assert status((0, "ok", told[0]), (1, "ok", told[1]))["served_from"] == dt.date(2023, 1, 1)
    assert status((0, "ok", told[1]), (1, "ok", told[0]))["served_from"] == dt.date(1996, 1, 1)


@pytest.mark.parametrize("first", [1996, 2023])
def test_of_copies_of_one_instant_the_one_that_serves_most_counts(first: int):
    years = [first, 1996 + 2023 - first]
    told = [{"served_from": dt.date(year, 1, 1), "served_to": MONDAY, "captured_at": evening(0)} for year in years]
    assert status((0, "ok", told[0]), (0, "ok", told[1]))["served_from"] == dt.date(1996, 1, 1)


# --- delisted, unknown, or only out of reach ------------------------------------------------------------------------


def test_five_sessions_that_agree_are_a_delisting():
    gone = [(number, "unknown") for number in range(1, 6)]
    for count in range(1, 6):
        found = status((0, "ok"), *gone[:count], others=WORKS)
        assert (found["sessions_in_agreement"], found["is_delisted"]) == (count, count == 5)


def test_five_answers_on_one_session_are_one_session():
    answers = [(1, "unknown", {"detail": f"try {i}", "captured_at": evening(1, hour=i)}) for i in range(5)]
    found = status((0, "ok"), *answers, others=WORKS)
    assert (found["sessions_in_agreement"], found["is_delisted"]) == (1, False)


def test_no_data_and_unknown_agree():
    answers = [(1, "unknown"), (2, "no_data"), (3, "unknown"), (4, "no_data"), (5, "no_data")]
    found = status((0, "ok"), *answers, others=WORKS)
    assert (found["sessions_in_agreement"], found["is_delisted"]) == (5, True)


@pytest.mark.parametrize("outcome", ["network", "rate_limit", "unreadable", "refused", "not_asked"])
def test_a_failure_that_says_nothing_about_it_neither_counts_nor_breaks(outcome: str):
    answers = [*[(i, "unknown") for i in range(1, 5)], (5, outcome), (6, "unknown"), (7, outcome)]
    found = status((0, "ok"), *answers, others=WORKS)
    assert (found["sessions_in_agreement"], found["is_delisted"], found["outcome"]) == (5, True, outcome)
    assert status((0, "ok"), *[(i, outcome) for i in range(1, 9)], others=WORKS)["sessions_in_agreement"] == 0


@pytest.mark.parametrize("outcome", ["ok", "incomplete"])
def test_one_answer_with_data_ends_the_agreement(outcome: str):
    found = status(*[(i, "unknown") for i in range(4)], (4, outcome), (5, "unknown"), others=WORKS)
    assert (found["sessions_in_agreement"], found["is_delisted"]) == (1, False)


def test_a_source_that_stands_still_delists_nothing():
    # nothing after session 0, neither for IWM nor for SPY
    found = status((0, "ok"), *[(i, "no_data") for i in range(1, 9)], others=spy(range(1, 9), "no_data"))
    assert (found["outcome"], found["sessions_in_agreement"], found["is_delisted"]) == ("no_data", 0, False)


@pytest.mark.parametrize(
    ("others", "count"),
    [
        ((), 0),  # asked for alone: nothing shows that the source works
        (spy([1, 3, 4, 6]), 4),
        (spy([1, 3, 4, 6, 7]), 5),
        (spy(range(9), "incomplete"), 8),
        (spy(range(9), "network"), 0),
        (spy(range(9), dataset="quotes"), 0),  # something of another kind
        ((*spy([0]), *spy(range(1, 9), "no_data")), 0),  # SPY was served too, before
    ],
)
def test_only_sessions_on_which_something_else_was_served_count(others: tuple, count: int):
    found = status((0, "ok"), *[(i, "unknown") for i in range(1, 9)], others=others)
    assert (found["sessions_in_agreement"], found["is_delisted"]) == (count, count >= 5)


def test_what_was_served_earlier_on_the_session_is_not_something_else():
    later = {"captured_at": evening(1, hour=3)}
    for others, count in (((), 0), (spy([1]), 1)):
        assert status((1, "ok"), (1, "unknown", later), others=others)["sessions_in_agreement"] == count


def test_a_symbol_that_never_had_bars_is_a_spelling_mistake():
    answers = [(i, "unknown") for i in range(8)]
    assert status(*answers, others=WORKS, prices=NOBODY)["sessions_in_agreement"] == 8
    assert status(*answers, others=WORKS, prices=NOBODY)["is_delisted"] is False
    assert status(*answers, others=WORKS)["is_delisted"] is True


def test_only_prices_are_delisted():
    series = {"dataset": "macro", "id": "IWM"}
    found = status(*[(i, "unknown", series) for i in range(8)], others=spy(range(8), dataset="macro"))
    assert (found["sessions_in_agreement"], found["is_delisted"]) == (8, False)


def test_things_are_kept_apart():
    rows = [(0, "ok"), (0, "network", {"id": "SPY"}), (0, "unknown", {"dataset": "facts"}), (1, "unknown")]
    table = source_status(captured(*rows), BARS)
    assert table.select("dataset", "id", "outcome").rows() == [
        ("facts", "IWM", "unknown"),
        ("prices", "IWM", "unknown"),
        ("prices", "SPY", "network"),
    ]


def test_a_replay_knows_the_answers_of_its_time():
    answers = [(0, "ok"), *[(i, "unknown") for i in range(1, 7)]]
    assert status(*answers, others=WORKS, as_of=evening(0))["outcome"] == "ok"
    assert status(*answers, others=WORKS, as_of=evening(4))["sessions_in_agreement"] == 4
    late = BARS.with_columns(captured_at=pl.lit(evening(6)).cast(pl.Datetime("us", "UTC")))
    assert status(*answers, others=WORKS, prices=late, as_of=evening(5))["is_delisted"] is False
    assert status(*answers, others=WORKS, prices=late, as_of=evening(6))["is_delisted"] is True


OUTCOMES = ["ok", "incomplete", "no_data", "unknown", "network", "rate_limit", "not_asked"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from(OUTCOMES)), min_size=1, max_size=12),
    st.lists(st.sampled_from(OUTCOMES), min_size=13, max_size=13),
)
def test_the_table_equals_a_plain_loop(steps: list[tuple[int, str]], other: list[str]):
    """Each step is a run: after 0 or 1 further sessions, an hour or more after the run before it."""
    rows, number = [], 0
    for i, (step, outcome) in enumerate(steps):
        number += step
        rows.append((number, outcome, {"captured_at": evening(0) + dt.timedelta(days=number, hours=i)}))
    failing_since, agreed = None, set()
    for session, outcome, more in rows:
        if outcome in ("ok", "incomplete"):
            failing_since, agreed = None, set()
        else:
            failing_since = failing_since or more["captured_at"]
            if outcome in ("unknown", "no_data") and other[session] in ("ok", "incomplete"):
                agreed.add(session)
    found = status(*rows, others=tuple(one for i, outcome in enumerate(other) for one in spy([i], outcome)))
    assert found["outcome"] == rows[-1][1]
    assert found["failing_since"] == failing_since
    assert found["sessions_in_agreement"] == len(agreed)
    assert found["is_delisted"] == (len(agreed) >= 5)


def test_what_was_not_asked_last_keeps_the_answer_it_had() -> None:
    answers = captured(
        (0, "network"),
        *spy([0], outcome="network"),
        *spy([1]),
        (1, "ok", {"dataset": "macro", "id": "UNRATE"}),
        (1, "unknown", {"id": "GONE"}),
    )
    found = newest(answers, "prices", ["IWM", "SPY", "UNRATE"])
    assert found.select("id", "outcome").rows() == [("IWM", "network"), ("SPY", "ok")]
