"""Manners towards one vendor within one run: a rate, patience after a refusal, and when to stop asking."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

REQUESTS_A_MINUTE = 100  # FRED allows 120; Yahoo does not say
MINUTE = 60.0
ATTEMPTS = 4
FIRST_DELAY = 1.0  # seconds after a failed attempt; doubles
FIRST_PAUSE = 60.0  # seconds after a 429 that does not say how long; doubles until an answer comes
PAUSE_BUDGET = 600.0  # seconds that a run waits for one vendor after 429s, all together
FAILURES_IN_A_ROW = 64  # attempts without any answer between them, four each of 16 threads: the vendor is down

Result = TypeVar("Result")


class SourceError(Exception):
    """A vendor did not give what it was asked for. The message says what happened, without addresses."""

    outcome: ClassVar[str]


class RateLimited(SourceError):
    """The vendor asks for a slower pace. `retry_after`: seconds it asks to wait; None: it does not say."""

    outcome = "rate_limit"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(SourceError):
    """No answer, a broken one, or a server error."""

    outcome = "network"


class Unreadable(SourceError):
    """An answer that is not what the vendor documents: a page instead of data, half of it, or nothing."""

    outcome = "unreadable"


class Rejected(Unreadable):
    """An error that asking again does not change: HTTP 400 or 404 without the vendor's own explanation."""


class Unknown(SourceError):
    """The vendor says that it does not know the symbol or series."""

    outcome = "unknown"


class NoData(SourceError):
    """The vendor knows the symbol or series, but has nothing for the days asked."""

    outcome = "no_data"


class Refused(SourceError):
    """The vendor refuses this client: a wrong key. Nothing more is asked of it in this run."""

    outcome = "refused"


class NotAsked(SourceError):
    """The run stopped asking this vendor before it came to this."""

    outcome = "not_asked"


class Clock:
    """The machine's clock; tests have one that does not wait."""

    def now(self) -> float:
        """Seconds since some fixed instant."""
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> None:
        """Wait, but no longer than until `stop` is set."""
        stop.wait(seconds)


@dataclass(eq=False)
class Slot:
    """A request's place in the minute: the instant at which it was admitted, then the one at which it was over."""

    at: float


class Pace:
    """The pace of one vendor, shared by all threads of a run."""

    def __init__(self, vendor: str, clock: Clock | None = None) -> None:
        """Begin a run with `vendor`, whose name stands in messages."""
        self.vendor = vendor
        self.closed: str | None = None  # why nothing more is asked
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._slots: list[Slot] = []
        self._resume_at = 0.0
        self._paused = 0.0
        self._paused_in_a_row = 0.0  # seconds, since the last answer
        self._pauses_in_a_row = 0
        self._failures_in_a_row = 0

    def admit(self) -> Slot:
        """Return when one more request may be sent: at most REQUESTS_A_MINUTE in any minute, none during a pause.

        What counts is when it arrives, which is no later than its answer: give the slot to `over` then.

        Raises:
            NotAsked: the vendor is not asked any more in this run.
        """
        while True:
            with self._lock:
                if self.closed is not None:
                    raise NotAsked(self.closed)
                now = self._clock.now()
                self._slots = [slot for slot in self._slots if slot.at + MINUTE > now]
                is_full = len(self._slots) >= REQUESTS_A_MINUTE
                free_at = min(slot.at for slot in self._slots) + MINUTE if is_full else now
                ready = max(self._resume_at, free_at)
                if ready <= now:
                    slot = Slot(now)
                    self._slots.append(slot)
                    return slot
            self._clock.wait(self._stop, ready - now)

    def over(self, slot: Slot) -> None:
        """Note that an admitted request has been answered, or has failed."""
        with self._lock:
            slot.at = self._clock.now()

    def ask(self, call: Callable[[], Result]) -> Result:
        """Call until it answers, at most ATTEMPTS times.

        Raises:
            SourceError: the last one, when trying again does not help or has not helped.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = call()
            except RateLimited as error:
                if not self._pause(error) or attempt == ATTEMPTS:
                    raise
            except (Unknown, NoData, Rejected):
                self._answered()
                raise
            except (Unreachable, Unreadable) as error:
                self._missed(error)
                if attempt == ATTEMPTS:
                    raise
                self._clock.wait(self._stop, FIRST_DELAY * 2 ** (attempt - 1) * jitter())
            except Refused as error:
                self.close(str(error))
                raise
            else:
                self._answered()
                return answer
        raise AssertionError("unreachable")

    def close(self, why: str) -> None:
        """Ask nothing more in this run, and end all waiting."""
        with self._lock:
            self.closed = self.closed or why
        self._stop.set()

    def _answered(self) -> None:
        with self._lock:
            self._pauses_in_a_row = self._failures_in_a_row = 0
            self._paused_in_a_row = 0.0

    def _missed(self, error: SourceError) -> None:
        with self._lock:
            self._failures_in_a_row += 1
            is_down = self._failures_in_a_row >= FAILURES_IN_A_ROW
        if is_down:
            self.close(f"{FAILURES_IN_A_ROW} requests in a row failed, the last with: {error}")

    def _pause(self, error: RateLimited) -> bool:
        """Let everybody wait before the next request; FALSE: the run has no patience left for that.

        A 429 of a request sent before the pause began does not prolong it. A vendor that has answered nothing during
        half of the budget, or asks for more than all of it, is not asked again.
        """
        with self._lock:
            now = self._clock.now()
            if now < self._resume_at:
                return True
            doubled = FIRST_PAUSE * 2**self._pauses_in_a_row * jitter()
            seconds = doubled if error.retry_after is None else error.retry_after
            if self._paused + seconds <= PAUSE_BUDGET:
                self._paused += seconds
                self._paused_in_a_row += seconds
                self._pauses_in_a_row += 1
                self._resume_at = now + seconds
                return True
            is_firm = 2 * self._paused_in_a_row >= PAUSE_BUDGET or seconds > PAUSE_BUDGET
        if is_firm:
            self.close(f"{error}; it would take longer than the {PAUSE_BUDGET / MINUTE:.0f} minutes that a run waits")
        else:
            self._missed(error)
        return False


def jitter() -> float:
    """A factor around 1, so that many clients do not come back at once."""
    return random.uniform(0.75, 1.25)
