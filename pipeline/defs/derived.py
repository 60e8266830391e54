"""Derived: which core tables each definition reads, and which part of the config."""

from collections.abc import Callable
from functools import partial

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.defs.charts import charts
from pipeline.defs.warehouse import Plan, table_asset
from pipeline.settings import Settings
from pipeline.shards import CrossSection, OfSymbols, PerSymbol
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
        table_asset(settings, name, INPUTS[name], compute, Plan(chart=drawn.get(name), benchmarks=config.benchmarks))
        for name, compute in computations(config).items()
    ]


def computations(config: Config) -> dict[str, Callable[..., pl.DataFrame]]:
    """How each derived table is computed from its inputs, in their order."""
    pairs = [(pair.symbol, pair.benchmark) for pair in config.pairs]
    rules, large = config.rules, config.symbol("large")
    return {
        "derived.returns": PerSymbol(lambda prices, _: returns.returns(prices)),
        "derived.relative_strength": PerSymbol(
            lambda prices, benchmarks: relative_strength.relative_strength(prices, pairs, benchmarks)
        ),
        "derived.streak_events": PerSymbol(lambda prices, _: streaks.streak_events(prices, rules.streak_rules)),
        "derived.records": PerSymbol(
            lambda prices, benchmarks: records.records(prices, pairs, rules.record_windows, benchmarks)
        ),
        "derived.bar_events": PerSymbol(lambda prices, _: bar_events.bar_events(prices)),
        "derived.trend": PerSymbol(lambda prices, benchmarks: trend.trend(prices, large, benchmarks)),
        "derived.drawdowns": PerSymbol(lambda prices, _: drawdowns.drawdowns(prices)),
        "derived.valuation_gap": OfSymbols(
            lambda prices, facts, sessions: valuation_gap.valuation_gap(prices, facts, sessions, rules.valuation_pairs),
            tuple(symbol for pair in rules.valuation_pairs for symbol in (pair.growth, pair.value)),
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
        "derived.breadth": CrossSection(
            lambda prices: breadth.member_counts(prices, rules.universes),
            lambda counts, prices: breadth.from_counts(counts, prices, config.symbol("equal_weight"), large),
        ),
        "derived.seasonality": PerSymbol(lambda prices, benchmarks: seasonality.seasonality(prices, pairs, benchmarks)),
        "derived.seasonality_years": PerSymbol(
            lambda prices, benchmarks: seasonality.seasonality_years(prices, pairs, benchmarks)
        ),
        "derived.event_studies": OfSymbols(partial(_event_studies, config), config.studied),
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
