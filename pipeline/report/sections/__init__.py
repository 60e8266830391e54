"""The sections of the report in their order: each a heading and the functions that make its parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.report.catalogue import Catalogue
from pipeline.report.parts import Part
from pipeline.report.sections import claims, market, provenance, rates, rotation

Maker = Callable[[Catalogue], Part | Sequence[Part]]


@dataclass(frozen=True)
class Section:
    """A heading, its anchor, and what makes its parts."""

    key: str
    heading: str
    makers: tuple[Maker, ...]


SECTIONS = (
    Section("now", "At a glance", (rotation.headline,)),
    Section("map", "Rotation map", (rotation.rotation_map,)),
    Section("ratio", "Small against large", (rotation.ratio,)),
    Section("price", "Price and phases", (rotation.price,)),
    Section("curve", "Yield curve", (rates.curve,)),
    Section("valuation", "Growth against value", (market.valuation,)),
    Section("credit", "Credit", (rates.credit,)),
    Section("macro", "Economy", (rates.indicators, rates.dashboard)),
    Section("breadth", "Breadth", (market.breadth,)),
    Section("seasonality", "Seasonality", (market.seasonality,)),
    Section("claims", "Claims, checked", (claims.ledger,)),
    Section("freshness", "Freshness", (provenance.freshness,)),
    Section("provenance", "Provenance", (provenance.build,)),
)
