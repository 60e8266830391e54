"""What comes of a claim, for tables and for people. Standard library only: commands that just read must start fast."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class ReadingResult:
    """A row of marts.claim_readings."""

    claim_id: str
    reading_no: int
    reading: str
    is_arithmetic: bool
    verdict: str
    claimed: str | None
    measured: str | None
    measured_value: float | None
    unit: str | None
    margin: float | None
    margin_of: str | None
    as_of: dt.date | None
    evidence_from: dt.date | None
    evidence_to: dt.date | None
    evidence: str | None
    missing: str | None
    measure: str | None
    parameters: str | None
    known_at: dt.datetime | None
    is_hindsight: bool
    mixes_bases: bool
    sql: str | None


@dataclass(frozen=True)
class ClaimResult:
    """A row of marts.claims, and its readings."""

    claim_id: str
    article: str
    claim_no: int
    claim: str
    kind: str
    verdict: str
    claimed: str | None
    measured: str | None
    measured_value: float | None
    unit: str | None
    margin: float | None
    margin_of: str | None
    as_of: dt.date | None
    decided_by: str | None
    supported_under: str | None
    missing: str | None
    opinion: str | None
    note: str | None
    readings: int
    readings_supported: int
    readings_contradicted: int
    readings_not_testable: int
    results: tuple[ReadingResult, ...] = ()


@dataclass(frozen=True)
class ArticleResult:
    """A row of marts.claim_articles, and its claims."""

    article: str
    title: str
    publisher: str
    published_at: dt.datetime
    note: str | None
    is_synthetic: bool
    results: tuple[ClaimResult, ...]

    @cached_property
    def counts(self) -> Counter[str]:
        """Claims by verdict."""
        return Counter(one.verdict for one in self.results)
