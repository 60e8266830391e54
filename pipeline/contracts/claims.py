"""The claims ledger: commentary, and what comes of it. Definitions, section 9."""

from pipeline.claims.results import KINDS, VERDICTS
from pipeline.contracts.columns import COMMENTARY, Table, count, day, flag, instant, number, text

MEASURED = "unit_of_the_measure"
CLAIM = "Claim."
CLAIMED = "What was claimed, in words."
VALUE = "The figure measured, a flag as 1 or 0; NULL where it is a date, a text or missing."
UNIT = "Unit of the figure; date, text or flag where it is none."
MARGIN = (
    "Measured less claimed, in the unit of the value (of a window of dates: days outside it); NULL without a figure."
)


class Claims(Table):
    """One row per claim of the commentary in the ledger: its verdict, and the reading that stands for it."""

    section = 9
    origins = (COMMENTARY,)

    claim_id = text(CLAIM, primary_key=True)
    article = text("Article that makes it.")
    claim_no = count("Place in the article, from 1.", nullable=False)
    claim = text("The statement, in our words.")
    kind = text(f"One of: {', '.join(KINDS)}.")
    verdict = text(
        "supported: by every reading; supported_only_under: by some; contradicted: by none; not_testable: data are "
        "missing; inconsistent: the article contradicts itself or arithmetic; opinion. Of a claim in parts every part "
        "has to hold.",
        check=lambda verdict: verdict.is_in(VERDICTS),
    )
    claimed = text(CLAIMED, nullable=True)
    measured = text(
        "What was measured, in words: under the first reading that can be tested (the plainest), of an inconsistent "
        "claim under the check that fails.",
        nullable=True,
    )
    measured_value = number(MEASURED, VALUE)
    unit = text(UNIT, nullable=True)
    margin = number(MEASURED, MARGIN)
    margin_of = text("Field of the evidence that the margin is of; NULL: the value itself.", nullable=True)
    as_of = day("Session or observation that the value is of.")
    known_at = instant("Instant of that reading.", nullable=True)
    is_hindsight = flag("TRUE where that instant is later than the article.", nullable=False)
    mixes_bases = flag("TRUE where that reading compares unlike things, as people do.", nullable=False)
    decided_by = text(
        "Where readings disagree, the choice that decides, such as: true on total return, false on price; of a claim "
        "that says two things for each part.",
        nullable=True,
    )
    supported_under = text("Names of the readings that support it.", nullable=True)
    missing = text("Data that readings lack, or the claim as a whole.", nullable=True)
    opinion = text("The part that is a forecast, a motive or a cause, and is not judged.", nullable=True)
    note = text("What to know beside it: assumptions, thresholds of ours, few events.", nullable=True)
    readings = count("Readings, checks of arithmetic not counted.", nullable=False)
    readings_supported = count("Readings under which it holds.", nullable=False)
    readings_contradicted = count("Readings under which it does not.", nullable=False)
    readings_not_testable = count("Readings for which data are missing.", nullable=False)


class ClaimReadings(Table):
    """One row per reading of a claim: what it measures, what came out, and the SQL that gives the same figure again."""

    section = 9
    origins = (COMMENTARY,)

    claim_id = text(CLAIM, primary_key=True)
    reading_no = count("Place among the claim's readings, from 1.", nullable=False, primary_key=True)
    reading = text("The reading's name.")
    part = text("Of a claim that says two things, the one it is about.", nullable=True)
    is_arithmetic = flag("TRUE for a check of the article against itself or arithmetic.", nullable=False)
    verdict = text(
        "supported, contradicted or not_testable; of a check that fails inconsistent; opinion where nothing is judged.",
        check=lambda verdict: verdict.is_in(VERDICTS),
    )
    claimed = text(CLAIMED, nullable=True)
    measured = text("What was measured, in words.", nullable=True)
    measured_value = number(MEASURED, VALUE)
    unit = text(UNIT, nullable=True)
    margin = number(MEASURED, MARGIN)
    margin_of = text("Field of the evidence that the margin is of; NULL: the value itself.", nullable=True)
    as_of = day("Session or observation that the value is of.")
    evidence_from = day("Earliest day in the evidence.")
    evidence_to = day("Latest day in the evidence.")
    evidence = text("What the value rests on, as a JSON object.", nullable=True)
    missing = text("Data that the reading lacks.", nullable=True)
    measure = text("File of dbt_like_sql/measures.", nullable=True)
    parameters = text("Parameters of the measure, as a JSON object.", nullable=True)
    known_at = instant(
        "Instant of the reading: sessions closed and values available by then count; NULL where it names no session.",
        nullable=True,
    )
    session = day("Last session that had closed by then; with hindsight the last that every symbol asked about has.")
    is_hindsight = flag("TRUE where that instant is later than the article.", nullable=False)
    mixes_bases = flag("TRUE where unlike things are compared, as people do.", nullable=False)
    sql = text("The select that was run, parameters filled in: it runs on this file.", nullable=True)


class ClaimArticles(Table):
    """One row per article in the ledger: who said it, when, and how many of its claims have each verdict."""

    section = 9
    origins = (COMMENTARY,)

    article = text("Article: the name of its file.", primary_key=True)
    title = text("What it is about, in our words.")
    publisher = text("Who published it.")
    published_at = instant("When: its claims know nothing later.")
    note = text("Assumptions about the article.", nullable=True)
    is_synthetic = flag("TRUE where it speaks of the sample's made-up data.", nullable=False)
    claims = count("Claims.", nullable=False)
    supported = count("Claims supported.", nullable=False)
    supported_only_under = count("Claims supported under some readings.", nullable=False)
    contradicted = count("Claims contradicted.", nullable=False)
    not_testable = count("Claims for which data are missing.", nullable=False)
    inconsistent = count("Claims that contradict themselves, the article or arithmetic.", nullable=False)
    opinion = count("Forecasts, motives and causes.", nullable=False)
