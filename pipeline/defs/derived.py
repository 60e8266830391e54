"""Derived: which core tables each definition reads, and which part of the config."""

from collections.abc import Callable
from functools import partial

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.defs.charts import charts
from pipeline.defs.warehouse import Plan, table_asset
from pipeline.settings import Settings
from pipeline.tables import DERIVED_INPUTS as INPUTS
from pipeline.transforms import (
    bar_events,
    breadth,
    credit_regime,
    drawdowns,
    event_studies,
    fomc_odds,
    macro_indicators,
    records,
    relative_strength,
    returns,
    seasonality,
    streaks,
    trend,
    valuation_gap,
    yield_curve,
)
from pipeline.transforms.policy_rate import first_cuts, target_decisions


def derived_assets(settings: Settings, config: Config) -> list[dg.AssetsDefinition]:
    """All derived tables."""
    drawn = charts(settings, config)
    return [
        table_asset(settings, name, INPUTS[name], compute, Plan(chart=drawn.get(name)))
        for name, compute in computations(config).items()
    ]


def computations(config: Config) -> dict[str, Callable[..., pl.DataFrame]]:
    """How each derived table is computed from its inputs, in their order."""
    pairs = [(pair.symbol, pair.benchmark) for pair in config.pairs]
    rules = config.rules
    return {
        "derived.returns": returns.returns,
        "derived.relative_strength": lambda prices: relative_strength.relative_strength(prices, pairs),
        "derived.streak_events": lambda prices: streaks.streak_events(prices, rules.streak_rules),
        "derived.records": lambda prices: records.records(prices, pairs, rules.record_windows),
        "derived.bar_events": bar_events.bar_events,
        "derived.trend": lambda prices: trend.trend(prices, config.symbol("large")),
        "derived.drawdowns": drawdowns.drawdowns,
        "derived.valuation_gap": lambda prices, facts, sessions: valuation_gap.valuation_gap(
            prices, facts, sessions, rules.valuation_pairs
        ),
        "derived.yield_curve_status": lambda releases: yield_curve.yield_curve_status(releases, rules.curves),
        "derived.yield_curve_inversions": lambda releases: yield_curve.yield_curve_inversions(releases, rules.curves),
        "derived.macro_indicators": lambda releases: macro_indicators.macro_indicators(
            releases, config.series, config.recessions
        ),
        "derived.credit_regime": lambda releases: credit_regime.credit_regime(releases, config.series),
        "derived.fomc_odds": lambda futures, meetings, releases: fomc_odds.fomc_odds(
            futures, meetings, releases, config.series
        ),
        "derived.breadth": lambda prices: breadth.breadth(
            prices, rules.universes, equal_weight=config.symbol("equal_weight"), large=config.symbol("large")
        ),
        "derived.seasonality": lambda prices: seasonality.seasonality(prices, pairs),
        "derived.seasonality_years": lambda prices: seasonality.seasonality_years(prices, pairs),
        "derived.event_studies": partial(_event_studies, config),
    }


def _event_studies(
    config: Config,
    prices: pl.DataFrame,
    sessions: pl.DataFrame,
    releases: pl.DataFrame,
    meetings: pl.DataFrame,
) -> pl.DataFrame:
    cuts = first_cuts(target_decisions(releases, meetings, config.series))
    small = config.symbol("small")
    inversions = yield_curve.yield_curve_inversions(releases, config.rules.curves)
    events = event_studies.all_events(prices, sessions, cuts, inversions, config.recessions, small)
    return event_studies.event_studies(prices, sessions, events, config.rules.event_studies)
