"""The list of tables: what each is called, what describes it, and the names everything agrees on."""

import dataframely as dy

from pipeline.contracts import claims, core, meta, raw
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

RAW: dict[str, type[raw.Capture]] = {
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

META: dict[str, type[dy.Schema]] = {
    "meta.tables": meta.Tables,
    "meta.columns": meta.Columns,
    "meta.indicators": meta.Indicators,
    "meta.builds": meta.Builds,
}

CONTRACTS: dict[str, type[Table]] = {
    **{f"core.{name}": contract for name, contract in CORE.items()},
    **{f"derived.{name}": contract for name, contract in DERIVED.items()},
    **CLAIMS,
}

# What a table is computed from, in the order in which its transform takes them; a mart's inputs are found in its SQL.
CORE_INPUTS: dict[str, tuple[str, ...]] = {
    "core.sessions": ("raw.price_captures", "raw.macro_captures"),
    "core.prices": ("raw.price_captures", "core.sessions"),
    "core.rejects": ("raw.price_captures", "raw.macro_captures", "raw.rejects", "core.sessions"),
    "core.fed_funds_futures": ("raw.futures_captures",),
    "core.fomc_meetings": ("raw.fomc_captures",),
    "core.macro_releases": ("raw.macro_captures", "core.fomc_meetings"),
    "core.macro_latest": ("core.macro_releases",),
    "core.capture_edits": ("raw.price_captures", "core.macro_releases"),
    "core.instruments": ("core.prices",),
    "core.fund_facts": ("raw.fact_captures",),
    "core.source_status": ("raw.answers", "raw.price_captures"),
    "core.series": ("core.macro_latest", "core.source_status", "raw.series_captures"),
}

DERIVED_INPUTS: dict[str, tuple[str, ...]] = {
    "derived.returns": ("core.prices",),
    "derived.relative_strength": ("core.prices",),
    "derived.streak_events": ("core.prices",),
    "derived.records": ("core.prices",),
    "derived.bar_events": ("core.prices",),
    "derived.trend": ("core.prices",),
    "derived.drawdowns": ("core.prices",),
    "derived.valuation_gap": ("core.prices", "core.fund_facts", "core.sessions"),
    "derived.yield_curve_status": ("core.macro_releases",),
    "derived.yield_curve_inversions": ("core.macro_releases",),
    "derived.macro_indicators": ("core.macro_releases",),
    "derived.credit_regime": ("core.macro_releases",),
    "derived.fomc_odds": ("core.fed_funds_futures", "core.fomc_meetings", "core.macro_releases"),
    "derived.breadth": ("core.prices",),
    "derived.seasonality": ("core.prices",),
    "derived.seasonality_years": ("core.prices",),
    "derived.event_studies": (
        "core.prices",
        "core.sessions",
        "core.macro_releases",
        "core.fomc_meetings",
    ),
}
