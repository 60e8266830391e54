"""The list of tables: what each is called, what describes it, and the names everything agrees on."""

from pipeline.contracts import core, derived, raw
from pipeline.contracts.columns import Table

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
    "fund_facts": core.FundFacts,
    "source_status": core.SourceStatus,
    "capture_edits": core.CaptureEdits,
    "rejects": core.Rejects,
}

DERIVED: dict[str, type[Table]] = {
    "returns": derived.Returns,
    "relative_strength": derived.RelativeStrength,
    "streak_events": derived.StreakEvents,
    "records": derived.Records,
    "yield_curve_status": derived.YieldCurveStatus,
    "yield_curve_inversions": derived.YieldCurveInversions,
    "valuation_gap": derived.ValuationGap,
}

CONTRACTS: dict[str, type[Table]] = {
    **{f"core.{name}": contract for name, contract in CORE.items()},
    **{f"derived.{name}": contract for name, contract in DERIVED.items()},
}
