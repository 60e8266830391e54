"""Derived: which core tables each definition reads, and which part of the config."""

from collections.abc import Callable

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.defs.warehouse import table_asset
from pipeline.settings import Settings
from pipeline.transforms import records, relative_strength, returns, streaks, valuation_gap, yield_curve

INPUTS: dict[str, tuple[str, ...]] = {
    "derived.returns": ("core.prices",),
    "derived.relative_strength": ("core.prices",),
    "derived.streak_events": ("core.prices",),
    "derived.records": ("core.prices",),
    "derived.valuation_gap": ("core.prices", "core.fund_facts", "core.sessions"),
    "derived.yield_curve_status": ("core.macro_releases",),
    "derived.yield_curve_inversions": ("core.macro_releases",),
}


def derived_assets(settings: Settings, config: Config) -> list[dg.AssetsDefinition]:
    """All derived tables."""
    return [table_asset(settings, name, INPUTS[name], compute) for name, compute in computations(config).items()]


def computations(config: Config) -> dict[str, Callable[..., pl.DataFrame]]:
    """How each derived table is computed from its inputs, in their order."""
    pairs = [(pair.symbol, pair.benchmark) for pair in config.pairs]
    rules = config.rules
    return {
        "derived.returns": returns.returns,
        "derived.relative_strength": lambda prices: relative_strength.relative_strength(prices, pairs),
        "derived.streak_events": lambda prices: streaks.streak_events(prices, rules.streak_rules),
        "derived.records": lambda prices: records.records(prices, pairs, rules.record_windows),
        "derived.valuation_gap": lambda prices, facts, sessions: valuation_gap.valuation_gap(
            prices, facts, sessions, rules.valuation_pairs
        ),
        "derived.yield_curve_status": lambda releases: yield_curve.yield_curve_status(releases, rules.curves),
        "derived.yield_curve_inversions": lambda releases: yield_curve.yield_curve_inversions(releases, rules.curves),
    }
