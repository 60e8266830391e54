"""The list of tables: what each is called, what describes it, and the names everything agrees on."""

from pipeline.contracts import claims, core, raw
from pipeline.contracts.columns import Table
from pipeline.contracts.derived import (
    bar_events,
    breadth,
    curve,
    drawdowns,
    macro,
    moves,
    policy,
    strength,
    studies,
    trend,
    valuation,
)

SCHEMA_VERSION = 1  # goes up when a published column vanishes, changes its type or its meaning

RAW = {
    "price_captures": raw.PriceCapture,
    "macro_captures": raw.MacroCapture,
    "futures_captures": raw.FuturesCapture,
    "fomc_captures": raw.FomcCapture,
    "fact_captures": raw.FactCapture,
    "series_captures": raw.SeriesCapture,
    "answers": raw.Answer,
    "rejects": raw.Reject,
}

CORE: dict[str, type[Table]] = {
    "sessions": core.Sessions,
    "instruments": core.Instruments,
    "prices": core.Prices,
    "series": core.Series,
    "macro_releases": core.MacroReleases,
    "macro_latest": core.MacroLatest,
    "fed_funds_futures": core.FedFundsFutures,
    "fomc_meetings": core.FomcMeetings,
    "fund_facts": core.FundFacts,
    "source_status": core.SourceStatus,
    "capture_edits": core.CaptureEdits,
    "rejects": core.Rejects,
}

DERIVED: dict[str, type[Table]] = {
    "returns": strength.Returns,
    "relative_strength": strength.RelativeStrength,
    "streak_events": moves.StreakEvents,
    "records": moves.Records,
    "bar_events": bar_events.BarEvents,
    "trend": trend.Trend,
    "drawdowns": drawdowns.Drawdowns,
    "yield_curve_status": curve.YieldCurveStatus,
    "yield_curve_inversions": curve.YieldCurveInversions,
    "valuation_gap": valuation.ValuationGap,
    "macro_indicators": macro.MacroIndicators,
    "credit_regime": macro.CreditRegime,
    "fomc_odds": policy.FomcOdds,
    "breadth": breadth.Breadth,
    "seasonality": studies.Seasonality,
    "seasonality_years": studies.SeasonalityYears,
    "event_studies": studies.EventStudies,
}

# marts that the claims ledger writes; all other marts are SQL models
CLAIMS: dict[str, type[Table]] = {
    "marts.claims": claims.Claims,
    "marts.claim_readings": claims.ClaimReadings,
    "marts.claim_articles": claims.ClaimArticles,
}

CONTRACTS: dict[str, type[Table]] = {
    **{f"core.{name}": contract for name, contract in CORE.items()},
    **{f"derived.{name}": contract for name, contract in DERIVED.items()},
    **CLAIMS,
}
