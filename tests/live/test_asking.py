"""Many questions to several vendors at once: what becomes of each, and what an interruption leaves."""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import polars as pl
import pytest
from fake_clock import FakeClock

from pipeline.contracts import raw
from pipeline.sources import Received
from pipeline.sources.live import asking
from pipeline.sources.live.asking import Question, Served, Vendor, ask_all
from pipeline.sources.live.pace import (
    NoData,
    NotAsked,
    Pace,
    RateLimited,
    Refused,
    SourceError,
    Unknown,
    Unreachable,
    Unreadable,
)

NOW = dt.datetime(2024, 3, 16, 0, 30, tzinfo=dt.UTC)
FRIDAY = dt.date(2024, 3, 15)
Told = tuple[str, int, int, str]


def bar(symbol: str) -> pl.DataFrame:
    row = {"captured_at": NOW, "source": "live", "origin": "a test", "symbol": symbol, "session_date": FRIDAY}
    return pl.DataFrame([row | {"close": 1.0}], schema=raw.PriceCapture.create_empty().schema)


def served(symbol: str) -> Callable[[], Served]:
    return lambda: Served({"prices": bar(symbol)}, served_from=dt.date(2000, 1, 3), served_to=FRIDAY)


def failing(error: BaseException) -> Callable[[], Served]:
    def call() -> Served:
        raise error

    return call


def vendor(*questions: Question, name: str = "Yahoo", at_once: int = 1) -> Vendor:
    return Vendor(Pace(name, FakeClock()), questions, at_once)


def ask(vendors: Sequence[Vendor], told: list[Told] | None = None) -> Received:
    heard = [] if told is None else told
    return ask_all(vendors, asked_at=NOW, session_date=FRIDAY, on_answer=lambda *what: heard.append(what))


def outcomes(received: Received) -> list[tuple[str, str, str | None]]:
    return received.batch.answers.select("id", "outcome", "detail").rows()


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        (RateLimited("HTTP 429, too many requests"), "rate_limit", "HTTP 429, too many requests"),
        (Unreachable("no connection"), "network", "no connection"),
        (Unreadable("a page"), "unreadable", "a page"),
        (Unknown("never heard of it"), "unknown", "never heard of it"),
        (NoData("nothing"), "no_data", "nothing"),
        (Refused("a wrong key"), "refused", "a wrong key"),
        (NotAsked("the vendor is down"), "not_asked", "the vendor is down"),
        (KeyError("https://vendor.example/?key=secret"), "unreadable", "KeyError while reading the answer"),
    ],
)
def test_an_error_becomes_an_outcome_and_the_other_answers_stay(error: Exception, outcome: str, detail: str) -> None:
    received = ask(
        [vendor(Question("prices", "IWM", failing(error)), Question("prices", "SPY", served("SPY")), at_once=2)]
    )
    assert outcomes(received) == [("IWM", outcome, detail), ("SPY", "ok", None)]
    assert received.batch.prices["symbol"].to_list() == ["SPY"]
    assert received.interruption is None


def test_every_kind_of_trouble_has_its_own_outcome_known_to_the_contract() -> None:
    kinds = SourceError.__subclasses__()
    named = raw.Answer.columns()["outcome"].description or ""
    assert len({kind.outcome for kind in kinds}) == len(kinds) == 7
    assert all(kind.outcome in named for kind in kinds)


def test_an_answer_is_noted_with_all_that_it_says() -> None:
    partly = Served({}, served_to=FRIDAY, outcome="incomplete", detail="no bar for 2024-03-14")
    received = ask([vendor(Question("prices", "IWM", served("IWM")), Question("prices", "SPY", lambda: partly))])
    raw.Answer.validate(received.batch.answers)
    assert received.batch.answers.rows(named=True) == [
        {
            "captured_at": NOW,
            "source": "live",
            "origin": "prices",
            "dataset": "prices",
            "id": "IWM",
            "outcome": "ok",
            "detail": None,
            "session_date": FRIDAY,
            "served_from": dt.date(2000, 1, 3),
            "served_to": FRIDAY,
        },
        {
            "captured_at": NOW,
            "source": "live",
            "origin": "prices",
            "dataset": "prices",
            "id": "SPY",
            "outcome": "incomplete",
            "detail": "no bar for 2024-03-14",
            "session_date": FRIDAY,
            "served_from": None,
            "served_to": FRIDAY,
        },
    ]


def test_answers_stand_in_the_order_of_the_questions() -> None:
    """The first question is answered last."""
    is_second_done = threading.Event()

    def first() -> Served:
        assert is_second_done.wait(30)
        return served("IWM")()

    def second() -> Served:
        is_second_done.set()
        return served("SPY")()

    received = ask([vendor(Question("prices", "IWM", first), Question("prices", "SPY", second), at_once=2)])
    assert received.batch.answers["id"].to_list() == received.batch.prices["symbol"].to_list() == ["IWM", "SPY"]


def test_vendors_are_asked_at_the_same_time() -> None:
    """Each waits until the other is asked too."""
    both = threading.Barrier(2)

    def call() -> Served:
        both.wait(30)
        return Served({})

    received = ask(
        [vendor(Question("prices", "IWM", call)), vendor(Question("macro", "UNRATE", call), name="FRED")],
    )
    assert outcomes(received) == [("IWM", "ok", None), ("UNRATE", "ok", None)]


def test_as_many_questions_are_under_way_as_the_vendor_allows_and_no_more() -> None:
    lock, three = threading.Lock(), threading.Barrier(3)
    under_way: list[int] = [0, 0]  # now, and at most

    def call() -> Served:
        with lock:
            under_way[0] += 1
            under_way[1] = max(under_way)
        three.wait(30)
        with lock:
            under_way[0] -= 1
        three.wait(30)
        return Served({})

    ask([vendor(*(Question("prices", str(i), call) for i in range(9)), at_once=3)])
    assert under_way == [0, 3]


def test_progress_is_told_of_good_and_failed_answers_for_each_vendor() -> None:
    told: list[Told] = []
    yahoo = vendor(Question("prices", "IWM", served("IWM")), Question("prices", "SPY", failing(NoData("nothing"))))
    ask([yahoo], told)
    assert told == [("Yahoo", 1, 2, "IWM"), ("Yahoo", 2, 2, "SPY")]


def test_progress_counts_up_to_all_questions_whatever_the_threads() -> None:
    told: list[Told] = []
    symbols = [str(i) for i in range(50)]
    ask([vendor(*(Question("prices", one, served(one)) for one in symbols), at_once=16)], told)
    assert sorted(item for *_, item in told) == sorted(symbols)
    assert max(answered for _, answered, *_ in told) == 50
    assert {(name, questions) for name, _, questions, _ in told} == {("Yahoo", 50)}


def test_nobody_to_ask_is_an_empty_answer() -> None:
    received = ask([])
    assert received.batch.is_empty()
    assert received.batch.answers.is_empty()


# Interruption --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), RuntimeError("a step was stopped")])
def test_an_interruption_keeps_what_has_arrived(interruption: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question is answered, one has failed, one is under way, one has not begun."""
    is_under_way, may_end, was_begun = threading.Event(), threading.Event(), threading.Event()

    def late() -> Served:
        was_begun.set()
        return served("DIA")()

    def under_way() -> Served:
        is_under_way.set()
        assert may_end.wait(30)
        return served("QQQ")()

    def interrupted(futures: Sequence[Future[Served]]) -> None:
        assert is_under_way.wait(30)
        raise interruption

    monkeypatch.setattr(asking, "wait", interrupted)
    yahoo = vendor(
        Question("prices", "IWM", served("IWM")),
        Question("prices", "SPY", failing(Unreachable("no connection"))),
        Question("prices", "QQQ", under_way),
        Question("prices", "DIA", late),
    )
    fred = vendor(name="FRED")
    try:
        received = ask([yahoo, fred])
    finally:
        may_end.set()
    assert received.interruption is interruption
    assert received.batch.prices["symbol"].to_list() == ["IWM"]
    assert outcomes(received) == [
        ("IWM", "ok", None),
        ("SPY", "network", "no connection"),
        ("QQQ", "not_asked", "stopped before it was answered"),
        ("DIA", "not_asked", "stopped before it was answered"),
    ]
    assert yahoo.pace.closed == fred.pace.closed == "stopped before it was asked"
    for thread in threading.enumerate():
        if thread.name.startswith("Yahoo"):
            thread.join(30)
    assert not was_begun.is_set()


def test_an_interruption_ends_the_waiting_for_a_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question waits out a 429 of 500 s when Ctrl-C comes; its thread ends at once."""
    pace = Pace("Yahoo")
    is_told, has_ended = threading.Event(), threading.Event()

    def request() -> Served:
        pace.admit()
        is_told.set()
        raise RateLimited("HTTP 429", 500.0)

    def call() -> Served:
        try:
            return pace.ask(request)
        finally:
            has_ended.set()

    def interrupted(futures: Sequence[Future[Served]]) -> None:
        assert is_told.wait(30)
        raise KeyboardInterrupt

    monkeypatch.setattr(asking, "wait", interrupted)
    received = ask([Vendor(pace, [Question("prices", "IWM", call)], 1)])
    assert isinstance(received.interruption, KeyboardInterrupt)
    assert received.batch.answers["outcome"].to_list() == ["not_asked"]
    assert has_ended.wait(30)
