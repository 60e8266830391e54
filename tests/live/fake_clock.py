"""A clock for a vendor's pace that does not wait."""

import threading

from pipeline.sources.live.pace import Clock


class FakeClock(Clock):
    """A clock that does not wait: it goes forward by as much."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.seconds

    def wait(self, stop: threading.Event, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)
            self.seconds += seconds
