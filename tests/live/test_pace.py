"""Manners towards a vendor, without a vendor and without waiting: every clock here is made up."""

import datetime as dt
import email.utils
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from curl_cffi import requests
from fake_clock import FakeClock

from pipeline.sources.live.http import Session, retry_after
from pipeline.sources.live.pace import (
    Clock,
    NoData,
    NotAsked,
    Pace,
    RateLimited,
    Refused,
    SourceError,
    Unknown,
    Unreachable,
    Unreadable,
    jitter,
)

TOO_MANY, DOWN = RateLimited("HTTP 429, too many requests"), Unreachable("HTTP 500")
AT_ONCE = 16  # as many as ask Yahoo


class SteppedClock(Clock):
    """Time stands while any of `threads` works; when all wait, it goes on to the instant that is due first."""

    def __init__(self, threads: int) -> None:
        self.seconds = 0.0
        self._working = threads
        self._due: list[float] = []
        self._turn = threading.Condition()

    def now(self) -> float:
        return self.seconds

    def wait(self, stop: threading.Event, seconds: float) -> None:
        with self._turn:
            due = self.seconds + seconds
            self._due.append(due)
            self._rest()
            assert self._turn.wait_for(lambda: self.seconds >= due, timeout=30)

    def leave(self) -> None:
        """The thread that calls is done."""
        with self._turn:
            self._rest()

    def _rest(self) -> None:
        self._working -= 1
        if self._working == 0 and self._due:
            self.seconds = min(self._due)
            self._working = self._due.count(self.seconds)
            self._due = [due for due in self._due if due > self.seconds]
            self._turn.notify_all()


class Vendor:
    """Answers requests with the errors and None (an answer) of a list, each after `latency`; then only with answers."""

    def __init__(self, *answers: SourceError | None, clock: Clock | None = None, latency: float = 0.0) -> None:
        self.clock = clock or FakeClock()
        self.pace = Pace("Vendor", self.clock)
        self.answers = list(answers)
        self.sent: list[float] = []
        self.latency = latency

    def request(self) -> str:
        self.pace.admit()
        self.sent.append(self.clock.now())
        error = self.answers.pop(0) if self.answers else None
        if self.latency:
            self.clock.wait(threading.Event(), self.latency)
        if error is not None:
            raise error
        return "answer"

    def ask(self) -> str:
        return self.pace.ask(self.request)


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sources.live.pace.jitter", lambda: 1.0)


def in_threads(clock: SteppedClock, calls: list[Callable[[], object]]) -> list[object]:
    """Make all calls at once, one a thread; an error is its result."""

    def run(call: Callable[[], object]) -> object:
        try:
            return call()
        except SourceError as error:
            return error
        finally:
            clock.leave()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


# The rate ------------------------------------------------------------------------------------------------------------


def test_a_hundred_requests_go_at_once_and_the_next_a_minute_after_the_first() -> None:
    vendor = Vendor()
    vendor.ask()
    vendor.clock.seconds = 10.0
    for _ in range(101):
        vendor.ask()
    assert vendor.sent == [0.0] + [10.0] * 99 + [60.0, 70.0]
    assert vendor.clock.waits == [50.0, 10.0]


def test_threads_share_the_rate() -> None:
    clock = SteppedClock(threads=8)
    vendor = Vendor(clock=clock)
    in_threads(clock, [lambda: [vendor.ask() for _ in range(30)]] * 8)
    assert sorted(vendor.sent) == [0.0] * 100 + [60.0] * 100 + [120.0] * 40


def test_the_jitter_is_a_quarter_to_either_side() -> None:
    factors = [jitter() for _ in range(2000)]
    assert 0.75 <= min(factors) < 0.80
    assert 1.20 < max(factors) <= 1.25


# 429 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("_", range(20))
def test_a_429_that_names_no_time_is_waited_out_for_about_a_minute(_: int) -> None:
    vendor = Vendor(TOO_MANY)
    assert vendor.ask() == "answer"
    (waited,) = vendor.clock.waits
    assert 45.0 <= waited <= 75.0


@pytest.mark.usefixtures("no_jitter")
def test_pauses_double_until_an_answer_comes() -> None:
    vendor = Vendor(TOO_MANY, TOO_MANY, None, TOO_MANY, None)
    vendor.ask()
    vendor.ask()
    assert vendor.sent == [0.0, 60.0, 180.0, 180.0, 240.0]


@pytest.mark.usefixtures("no_jitter")
@pytest.mark.parametrize("answer", [Unknown("never heard of it"), NoData("nothing")])
def test_an_answer_without_data_ends_the_doubling_too(answer: SourceError) -> None:
    vendor = Vendor(TOO_MANY, answer, TOO_MANY)
    with pytest.raises(type(answer)):
        vendor.ask()
    vendor.ask()
    assert vendor.clock.waits == [60.0, 60.0]


def test_a_429_that_names_a_time_is_waited_out_as_long() -> None:
    vendor = Vendor(RateLimited("429", 7.0), RateLimited("429", 200.0))
    vendor.ask()
    assert vendor.sent == [0.0, 7.0, 207.0]


@pytest.mark.usefixtures("no_jitter")
def test_a_429_pauses_all_threads_together_and_counts_once() -> None:
    """All 16 requests of the first and of the second round meet a 429 a second later; the third round is answered."""
    clock = SteppedClock(threads=AT_ONCE)
    vendor = Vendor(*[TOO_MANY] * (2 * AT_ONCE), clock=clock, latency=1.0)
    assert in_threads(clock, [vendor.ask] * AT_ONCE) == ["answer"] * AT_ONCE
    assert vendor.sent == [0.0] * AT_ONCE + [61.0] * AT_ONCE + [182.0] * AT_ONCE
    assert vendor.pace.closed is None


def test_a_429_of_a_request_sent_before_the_pause_does_not_prolong_it() -> None:
    """Both are sent at 0; one is told at 1 to wait 60 s, the other at 30 to wait 100 s."""
    clock = SteppedClock(threads=2)
    pace = Pace("Vendor", clock)
    sent: list[float] = []

    def asker(told_at: float, wait: float) -> Callable[[], str]:
        def request() -> str:
            pace.admit()
            sent.append(clock.now())
            if clock.now() == 0.0:
                clock.wait(threading.Event(), told_at)
                raise RateLimited("429", wait)
            return "answer"

        return lambda: pace.ask(request)

    in_threads(clock, [asker(1.0, 60.0), asker(30.0, 100.0)])
    assert sent == [0.0, 0.0, 61.0, 61.0]


def test_the_last_429_of_a_question_pauses_the_next_question() -> None:
    vendor = Vendor(*[RateLimited("429", 5.0)] * 4)
    with pytest.raises(RateLimited):
        vendor.ask()
    assert vendor.ask() == "answer"
    assert vendor.sent == [0.0, 5.0, 10.0, 15.0, 20.0]


@pytest.mark.usefixtures("no_jitter")
def test_when_the_budget_for_pauses_is_spent_nothing_more_is_asked() -> None:
    """60 + 120 + 240 s fit into ten minutes, 480 s more do not."""
    vendor = Vendor(*[TOO_MANY] * 5)
    with pytest.raises(RateLimited, match="HTTP 429"):
        vendor.ask()
    assert vendor.sent == [0.0, 60.0, 180.0, 420.0]
    with pytest.raises(NotAsked, match="it would take longer than the 10 minutes that a run waits"):
        vendor.ask()
    assert len(vendor.sent) == 4


def test_a_pause_that_is_longer_than_the_budget_is_not_begun() -> None:
    vendor = Vendor(RateLimited("429", 601.0))
    with pytest.raises(RateLimited):
        vendor.ask()
    assert vendor.clock.waits == []


def test_a_vendor_that_answers_429_for_ever_is_left_after_ten_minutes() -> None:
    """However many threads and questions there are: the pauses together stay within the budget, then it is closed."""
    clock = SteppedClock(threads=AT_ONCE)
    vendor = Vendor(*[RateLimited("HTTP 429", 100.0)] * 1000, clock=clock, latency=1.0)
    questions = list(range(73))

    def work() -> list[str]:
        outcomes = []
        while questions:
            try:
                questions.pop()
                vendor.ask()
            except (SourceError, IndexError) as error:
                outcomes.append(type(error).__name__)
        return outcomes

    outcomes = [one for done in in_threads(clock, [work] * AT_ONCE) for one in done]  # type: ignore[attr-defined]
    assert 600.0 < clock.seconds < 620.0
    assert set(outcomes) - {"IndexError"} == {"RateLimited", "NotAsked"}
    assert vendor.pace.closed == "HTTP 429; it would take longer than the 10 minutes that a run waits"


# Retry-After ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("7", 7.0), (" 120 ", 120.0), ("0", 0.0), ("soon", None), ("", None), ("-1", None), ("²", None)],
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_as_a_date(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Noon(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime(2024, 3, 15, 12, 0, tzinfo=tz)

    monkeypatch.setattr("pipeline.sources.live.http.dt", SimpleNamespace(datetime=Noon, UTC=dt.UTC))
    assert retry_after(f"Fri, 15 Mar 2024 12:01:30 {zone}") == 90.0
    assert retry_after(f"Fri, 15 Mar 2024 11:59:00 {zone}") == 0.0
    assert email.utils.parsedate_to_datetime("Fri, 15 Mar 2024 12:01:30 -0000").tzinfo is None  # why both are here


# Other failures ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_jitter")
@pytest.mark.parametrize("error", [DOWN, Unreadable("a page")])
def test_a_failed_request_is_tried_four_times_with_growing_delays(error: SourceError) -> None:
    vendor = Vendor(*[error] * 4)
    with pytest.raises(type(error)) as raised:
        vendor.ask()
    assert raised.value is error
    assert vendor.sent == [0.0, 1.0, 3.0, 7.0]
    assert vendor.clock.waits == [1.0, 2.0, 4.0]


def test_the_delays_scatter() -> None:
    waits = []
    for _ in range(200):
        vendor = Vendor(DOWN, DOWN, DOWN)
        assert vendor.ask() == "answer"
        waits.append(vendor.clock.waits)
    for n, around in enumerate([1.0, 2.0, 4.0]):
        assert all(0.75 * around <= wait[n] <= 1.25 * around for wait in waits)
        assert len({wait[n] for wait in waits}) > 100


@pytest.mark.parametrize("error", [Unknown("never heard of it"), NoData("nothing"), Refused("a wrong key")])
def test_an_answer_that_would_be_the_same_again_is_not_asked_for_again(error: SourceError) -> None:
    vendor = Vendor(error)
    with pytest.raises(type(error)):
        vendor.ask()
    assert vendor.sent == [0.0]


def test_an_error_of_our_own_is_not_tried_again() -> None:
    def broken() -> None:
        calls.append(1)
        raise KeyError("close")

    calls: list[int] = []
    with pytest.raises(KeyError):
        Pace("Vendor", FakeClock()).ask(broken)
    assert calls == [1]


def test_one_refusal_closes_the_vendor() -> None:
    vendor = Vendor(Refused("a wrong key"))
    with pytest.raises(Refused):
        vendor.ask()
    with pytest.raises(NotAsked, match=r"^a wrong key$"):
        vendor.ask()
    assert len(vendor.sent) == 1


def test_64_failures_in_a_row_close_the_vendor_and_the_rest_is_not_asked() -> None:
    """Sixteen questions are tried four times."""
    vendor = Vendor(*[DOWN] * 100)
    for _ in range(16):
        with pytest.raises(Unreachable):
            vendor.ask()
    for _ in range(3):
        with pytest.raises(NotAsked, match=r"^64 requests in a row failed, the last with: HTTP 500$"):
            vendor.ask()
    assert len(vendor.sent) == 64


@pytest.mark.parametrize("answer", [None, Unknown("never heard of it"), NoData("nothing")])
def test_any_answer_between_them_keeps_the_vendor_open(answer: SourceError | None) -> None:
    vendor = Vendor(*[DOWN] * 60, answer, *[DOWN] * 60)
    for _ in range(30):
        with pytest.raises(Unreachable):
            vendor.ask()
        if len(vendor.sent) == 60:
            with pytest.raises(type(answer)) if answer else pytest.raises(AssertionError):
                assert vendor.ask() != "answer"
    assert len(vendor.sent) == 121
    assert vendor.ask() == "answer"


def test_failures_in_several_threads_count_together() -> None:
    threads = 20  # of four attempts each
    clock = SteppedClock(threads=threads)
    vendor = Vendor(*[DOWN] * 1000, clock=clock)
    results = in_threads(clock, [vendor.ask] * threads)
    assert 64 <= len(vendor.sent) < 64 + threads  # what is under way when the vendor is closed
    assert {type(result) for result in results} <= {Unreachable, NotAsked}
    with pytest.raises(NotAsked, match="64 requests in a row failed"):
        vendor.ask()


# Closing -------------------------------------------------------------------------------------------------------------


class RealClock(Clock):
    """The machine's clock, which says that somebody waits."""

    def __init__(self) -> None:
        self.is_waited_for = threading.Event()

    def wait(self, stop: threading.Event, seconds: float) -> None:
        assert seconds > 0.5
        self.is_waited_for.set()
        super().wait(stop, seconds)


@pytest.mark.parametrize("error", [RateLimited("429", 500.0), DOWN])
def test_closing_ends_all_waiting(error: SourceError, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sources.live.pace.FIRST_DELAY", 500.0)
    clock = RealClock()
    vendor = Vendor(error, clock=clock)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(vendor.ask)
        assert clock.is_waited_for.wait(30)
        vendor.pace.close("stopped")
        with pytest.raises(NotAsked, match=r"^stopped$"):
            asked.result(30)
    assert len(vendor.sent) == 1


def test_closing_ends_the_waiting_for_the_rate() -> None:
    clock = RealClock()
    vendor = Vendor(clock=clock)
    for _ in range(100):
        vendor.ask()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(vendor.ask)
        assert clock.is_waited_for.wait(30)
        vendor.pace.close("stopped")
        with pytest.raises(NotAsked):
            asked.result(30)


def test_the_first_reason_for_closing_stays() -> None:
    pace = Pace("Vendor", FakeClock())
    pace.close("a wrong key")
    pace.close("stopped")
    assert pace.closed == "a wrong key"


# What counts is when a request arrives -------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_the_minute_of_a_request_begins_when_it_is_over(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of 100 requests is over at 5 s: it may have arrived then, so the next one waits until 65 s."""
    clock = FakeClock()
    session = Session(Pace("Vendor", clock))

    def slow(*_: object, **__: object) -> SimpleNamespace:
        clock.seconds = 5.0
        if fails:
            raise requests.exceptions.ConnectionError("no route")
        return SimpleNamespace(status_code=200, headers={})

    monkeypatch.setattr(requests.Session, "request", slow)
    for _ in range(100):
        with pytest.raises(Unreachable) if fails else nullcontext():
            session.get("http://vendor.invalid/")
    session.pace.admit()
    assert clock.seconds == 65.0
