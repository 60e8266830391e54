"""The ledger: every reading of every claim, measured on a warehouse with what was known at its instant."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import duckdb

from pipeline.claims import verdicts
from pipeline.claims.articles import NOW, Article, Question, Statement
from pipeline.claims.knowledge import Knowledge, why_missing
from pipeline.claims.measures import Value
from pipeline.claims.measuring import MeasureError, as_json, days, measured
from pipeline.claims.results import (
    CONTRADICTED,
    INCONSISTENT,
    MISFIT,
    NOT_TESTABLE,
    OPINION,
    SUPPORTED,
    VERDICTS,
    ArticleResult,
    ClaimResult,
    ReadingResult,
)
from pipeline.claims.verdicts import Finding, Measured


def judged(articles: Iterable[Article], *connections: duckdb.DuckDBPyConnection) -> list[ArticleResult]:
    """Measure and judge every claim of the articles on the tables `core.*` and `derived.*` of a connection.

    Args:
        connections: one, or several to the same tables: as many claims are then measured at a time.
    """
    articles = list(articles)
    knowledge = Knowledge(*connections)
    claims = [(article, number, knowledge) for article in articles for number, _ in enumerate(article.statements, 1)]
    with ThreadPoolExecutor(max_workers=len(connections)) as pool:
        results = pool.map(lambda claim: _claim(*claim), claims)
        return [_article(article, tuple(islice(results, len(article.statements)))) for article in articles]


def _article(article: Article, results: tuple[ClaimResult, ...]) -> ArticleResult:
    head = article.head
    counts = Counter(one.verdict for one in results)
    return ArticleResult(
        article=article.id,
        title=head.title,
        publisher=head.publisher,
        published_at=head.published_at.astimezone(dt.UTC),
        note=head.note,
        is_synthetic=head.is_synthetic,
        claims=len(results),
        **{verdict: counts[verdict] for verdict in VERDICTS},
        results=results,
    )


def _claim(article: Article, number: int, knowledge: Knowledge) -> ClaimResult:
    statement = article.statements[number - 1]
    claim = statement.claim
    results = tuple(
        _reading(article, claim.id, place, question, knowledge) for place, question in enumerate(statement.questions, 1)
    )
    readings = [one for one in results if not one.is_arithmetic]
    counts = Counter(one.verdict for one in readings)
    verdict = verdicts.overall(
        claim.kind,
        [(one.part, one.verdict) for one in readings] or [(None, NOT_TESTABLE)] * bool(claim.missing),
        [one.verdict for one in results if one.is_arithmetic],
    )
    shown = _shown(verdict, readings or ([] if claim.missing else results), results)
    missing = dict.fromkeys(one.missing for one in readings if one.missing)
    return ClaimResult(
        claim_id=claim.id,
        article=article.id,
        claim_no=number,
        claim=claim.claim,
        kind=claim.kind,
        verdict=verdict,
        **{name: getattr(shown, name, None) for name in SHOWN},
        is_hindsight=shown is not None and shown.is_hindsight,
        mixes_bases=shown is not None and shown.mixes_bases,
        decided_by=_decided_by(statement, results),
        supported_under="; ".join(one.reading for one in readings if one.verdict == SUPPORTED) or None,
        missing=claim.missing or "; ".join(missing) or None,
        opinion=claim.opinion,
        note=claim.note,
        readings=len(readings),
        readings_supported=counts[SUPPORTED],
        readings_contradicted=counts[CONTRADICTED],
        readings_not_testable=counts[NOT_TESTABLE],
        results=results,
    )


# what a claim's row takes from the reading that stands for it; None where there is no reading
SHOWN = ("claimed", "measured", "measured_value", "unit", "margin", "margin_of", "as_of", "known_at")


def _shown(verdict: str, readings: Sequence[ReadingResult], results: Sequence[ReadingResult]) -> ReadingResult | None:
    """The reading that stands for its claim: the arithmetic check that fails, else the first that was tested."""
    if verdict == INCONSISTENT:
        return next(one for one in results if one.verdict == INCONSISTENT)
    return next((one for one in readings if one.measured is not None), readings[0] if readings else None)


def _decided_by(statement: Statement, results: Sequence[ReadingResult]) -> str | None:
    """What decides, for each part of the claim."""
    parts: dict[str | None, list[verdicts.Choice]] = {}
    for question, result in zip(statement.questions, results, strict=True):
        if not question.is_arithmetic:
            choice = verdicts.Choice(question.label, result.verdict, _choices(question, result))
            parts.setdefault(question.part, []).append(choice)
    decided = {part: verdicts.decides(choices) for part, choices in parts.items()}
    return "; ".join(f"{part}: {text}" if part else text for part, text in decided.items() if text) or None


def _choices(question: Question, result: ReadingResult) -> dict[str, Value]:
    if question.measure is None:
        return {}
    close = f"{result.session} close" if "$session" in question.measure.sql else None
    return {
        **question.values,
        "instant": question.instant if question.instant == NOW else close or question.instant,
        "measure": question.measure.name,
        verdicts.EXPECTED: verdicts.claimed(question.expect, question.measure.unit),
    }


@dataclass(frozen=True)
class Answer:
    """What comes of asking a measure: the SQL that was run, its row, or what is missing, and how it compares."""

    sql: str | None = None
    measured: Measured | None = None
    finding: Finding | None = None
    missing: str | None = None


def _answer(
    question: Question, known_at: dt.datetime | None, session: dt.date | None, missing: str | None, knowledge: Knowledge
) -> Answer:
    if missing is not None or question.measure is None:
        return Answer(missing=missing)
    sql = question.measure.filled({**question.values, "known_at": known_at, "session": session})
    try:
        with knowledge.connection() as con:
            found = measured(question.measure, sql, known_at, con)
        if found.value is None:
            return Answer(sql, found, missing=why_missing(question, known_at, session))
        return Answer(sql, found, verdicts.find(question.expect, found) if question.expect else None)
    except MeasureError as error:
        return Answer(sql, missing=f"{MISFIT}works: {error}")
    except verdicts.MisfitError as error:
        return Answer(sql, found, missing=f"{MISFIT}fits what is expected: {error}")


def _reading(article: Article, claim_id: str, number: int, question: Question, knowledge: Knowledge) -> ReadingResult:
    published_at = article.head.published_at.astimezone(dt.UTC)
    known_at = knowledge.known_at(question.instant, published_at)
    session = knowledge.session(question, known_at)
    missing = question.missing or knowledge.lacks(question, known_at, session, of_synthetic=article.head.is_synthetic)
    answer = _answer(question, known_at, session, missing, knowledge)
    measure, found, finding = question.measure, answer.measured, answer.finding
    tested = found if answer.missing is None else None
    seen = days(found) if found else []
    return ReadingResult(
        claim_id=claim_id,
        reading_no=number,
        reading=question.label,
        part=question.part,
        is_arithmetic=question.is_arithmetic,
        verdict=_verdict(question, answer),
        claimed=verdicts.claimed(question.expect, measure.unit) or None if measure else None,
        measured=verdicts.measured_words(question.expect, tested, measure) if tested and measure else None,
        measured_value=_number(tested.value) if tested else None,
        unit=measure.unit if measure else None,
        margin=finding.margin if finding else None,
        margin_of=finding.of if finding else None,
        as_of=found.as_of if found else None,
        evidence_from=min(seen, default=None),
        evidence_to=max(seen, default=None),
        evidence=as_json(found.evidence) if found else None,
        missing=answer.missing,
        measure=measure.name if measure else None,
        parameters=as_json(question.values, decimals=None) if measure else None,
        known_at=known_at,
        session=session,
        is_hindsight=known_at is not None and known_at > published_at,
        mixes_bases=question.mixes_bases,
        sql=answer.sql,
    )


def _verdict(question: Question, answer: Answer) -> str:
    if answer.missing is not None or answer.measured is None:
        return NOT_TESTABLE
    if answer.finding is None:
        return OPINION
    if answer.finding.holds:
        return SUPPORTED
    return INCONSISTENT if question.is_arithmetic else CONTRADICTED


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, bool | int | float) else None
