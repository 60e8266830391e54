"""What comes of a claim, for tables and for people. Standard library only: commands that just read must start fast."""

import datetime as dt
from dataclasses import dataclass

KINDS = ("number", "record", "event", "comparison", "trend", "opinion")
SUPPORTED = "supported"
SUPPORTED_ONLY_UNDER = "supported_only_under"
CONTRADICTED = "contradicted"
NOT_TESTABLE = "not_testable"
INCONSISTENT = "inconsistent"
OPINION = "opinion"
VERDICTS = (SUPPORTED, SUPPORTED_ONLY_UNDER, CONTRADICTED, NOT_TESTABLE, INCONSISTENT, OPINION)
MISFIT = "a measure that "  # begins what a reading lacks where its files are at fault


@dataclass(frozen=True)
class ReadingResult:
    """A row of marts.claim_readings."""

    claim_id: str
    reading_no: int
    reading: str
    part: str | None
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
    session: dt.date | None
    is_hindsight: bool
    mixes_bases: bool
    sql: str | None

    @property
    def is_misfit(self) -> bool:
        """Whether the measure does not work, or not with what is expected: a fault of the files, not of the data."""
        return (self.missing or "").startswith(MISFIT)


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
    known_at: dt.datetime | None
    is_hindsight: bool
    mixes_bases: bool
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
    claims: int
    supported: int
    supported_only_under: int
    contradicted: int
    not_testable: int
    inconsistent: int
    opinion: int
    results: tuple[ClaimResult, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Claims by verdict, for the verdicts that there are."""
        return {verdict: number for verdict in VERDICTS if (number := getattr(self, verdict))}

    @property
    def misfits(self) -> list[str]:
        """One line for each reading whose measure does not work, or not with what is expected of it."""
        readings = [one for claim in self.results for one in claim.results if one.is_misfit]
        return [f"{one.claim_id}: {one.reading}: needs {one.missing}" for one in readings]
