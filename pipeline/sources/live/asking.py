"""Ask vendors many questions at once, and note what became of each."""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import polars as pl

from pipeline.contracts import raw
from pipeline.sources import Batch, OnAnswer, Received
from pipeline.sources.live.pace import NotAsked, Pace, SourceError, Unreadable

SOURCE = "live"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """What one question brought: pieces of a Batch by its field names, and how much history was served.

    `served_from` is None where not all history was asked for.
    """

    pieces: Mapping[str, pl.DataFrame]
    served_from: dt.date | None = None
    served_to: dt.date | None = None
    outcome: str = "ok"
    detail: str | None = None


@dataclass(frozen=True)
class Question:
    """One thing to ask for. `call` keeps to the vendor's pace itself and raises SourceError."""

    dataset: str
    id: str
    call: Callable[[], Served]


@dataclass(frozen=True)
class Vendor:
    """A vendor's questions, and how many of them may be under way at once."""

    pace: Pace
    questions: Sequence[Question]
    at_once: int


def ask_all(
    vendors: Sequence[Vendor], *, asked_at: dt.datetime, session_date: dt.date, on_answer: OnAnswer
) -> Received:
    """Ask all vendors at the same time; a question that fails is a row of `answers`, never an error."""
    tallies = [_Tally(vendor, on_answer) for vendor in vendors]
    pools = [ThreadPoolExecutor(vendor.at_once, vendor.pace.vendor) for vendor in vendors]
    futures = [
        (pool.submit(tally.ask, question), question)
        for pool, tally in zip(pools, tallies, strict=True)
        for question in tally.vendor.questions
    ]
    interruption = None
    try:
        wait([future for future, _ in futures])
    except BaseException as error:  # keep what has arrived, whatever it is
        interruption = error
        for vendor in vendors:
            vendor.pace.close("stopped before it was asked")
    for pool in pools:
        pool.shutdown(wait=interruption is None, cancel_futures=True)
    answers = [(question, _answer(question, future)) for future, question in futures]
    pieces: dict[str, list[pl.DataFrame]] = {"answers": [_noted(answers, asked_at, session_date)]}
    for _, served in answers:
        for part, frame in served.pieces.items():
            pieces.setdefault(part, []).append(frame)
    return Received(Batch.of(**pieces), interruption)


@dataclass
class _Tally:
    """Counts a vendor's answers as they come, from any thread."""

    vendor: Vendor
    on_answer: OnAnswer
    done: list[str] = field(default_factory=list)

    def ask(self, question: Question) -> Served:
        try:
            return question.call()
        finally:
            self.done.append(question.id)
            self.on_answer(self.vendor.pace.vendor, len(self.done), len(self.vendor.questions), question.id)


def _answer(question: Question, future: Future[Served]) -> Served:
    """What the question brought; an error becomes an outcome without pieces."""
    if not future.done() or future.cancelled():
        return Served({}, outcome=NotAsked.outcome, detail="stopped before it was answered")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, SourceError):
        return Served({}, outcome=error.outcome, detail=str(error))
    LOG.debug("%s %s", question.dataset, question.id, exc_info=error)
    return Served({}, outcome=Unreadable.outcome, detail=f"{type(error).__name__} while reading the answer")


def _noted(answers: Sequence[tuple[Question, Served]], asked_at: dt.datetime, session_date: dt.date) -> pl.DataFrame:
    rows = [
        {
            "captured_at": asked_at,
            "source": SOURCE,
            "origin": question.dataset,
            "dataset": question.dataset,
            "id": question.id,
            "outcome": served.outcome,
            "detail": served.detail,
            "session_date": session_date,
            "served_from": served.served_from,
            "served_to": served.served_to,
        }
        for question, served in answers
    ]
    return pl.DataFrame(rows, schema=raw.Answer.create_empty().schema)
