"""Words that every contract shares: kinds of columns, and tables with their grain and known date.

A kind says the unit and how many decimals a published figure carries; it is the only place that does.
`Table` is the base of every published schema; its docstring is the table's description.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import dataframely as dy
import polars as pl

DECIMALS: dict[str, int | None] = {
    "fraction": 8,
    "ratio": 8,
    "probability": 8,
    "points": 6,  # a level on its own scale, such as an index that starts at 100
    "pct": 6,
    "pp": 6,
    "bp": 6,
    "sd": 6,  # standard deviations
    "unit_of_the_measure": 8,
    "usd": None,  # prices as served
    "computed_usd": 6,  # averages and other levels made of prices
    "as_served": None,
}

KEY_RULES = ("primary_key", "key_is_unique")  # dataframely's, and ours where a column of the key may be NULL
UNITS = {"computed_usd": "usd"}  # of kinds whose name is not their unit
BASIS = "price: split-adjusted close; total: forward total-return index."
SYMBOL = "Fund or index."
SESSION = "New York trading session; the row is known from its close."

# headings of docs/definitions.md
SECTIONS = {
    0: "Rules for all of them",
    1: "Returns and relative strength",
    2: "Streaks, bar events, records",
    3: "Trend, momentum, phases, drawdowns",
    4: "Yield curve",
    5: "Valuation-gap proxies",
    6: "Macro indicators",
    7: "Breadth, seasonality, event studies",
    9: "Claims",
}


@dataclass(frozen=True)
class Origin:
    """Where data come from, and whose they are: may they be passed on?"""

    name: str
    licence: str


CALENDAR = Origin("exchange calendar", "exchange_calendars (Apache-2.0), free to pass on")
COMMENTARY = Origin("commentary", "claims in our words, free to pass on (the articles are their publishers')")


class Table(dy.Schema):
    """Base of every published table.

    `known_date` names the column from whose day or instant a row is known. Rows of a table that has one never change
    once they are known, apart from its columns that say `repaints`; a table without one shows the state at the build.
    `section` of docs/definitions.md defines its columns. `origins` are what it rests on beside captures.
    """

    known_date: ClassVar[str | None] = None
    section: ClassVar[int] = 0
    origins: ClassVar[tuple[Origin, ...]] = ()


def number(
    kind: str,
    description: str,
    *,
    grade: str = "exact",
    source: str | None = None,
    repaints: bool = False,
    **rules: Any,
) -> dy.Float64:
    """Return a nullable DOUBLE column of a kind in `DECIMALS`.

    Args:
        kind: a key of `DECIMALS`; it is also the unit in the dictionary, but for those in `UNITS`.
        description: what the figure is.
        grade: exact, ours, reconstruction, proxy or snapshot.
        source: who defined the figure, where it was not us.
        repaints: TRUE where a later split or a later session changes what a known row says.
        rules: further dataframely arguments, such as `min` or `nullable=False`.
    """
    decimals = DECIMALS[kind]
    metadata = _metadata(UNITS.get(kind, kind.replace("_", " ")), grade, source, repaints=repaints)
    metadata |= {} if decimals is None else {"decimals": decimals}
    return dy.Float64(**{"nullable": True, **rules}, description=description, metadata=metadata)


def _metadata(unit: str, grade: str, source: str | None, *, repaints: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"unit": unit, "grade": grade, "repaints": repaints}
    return metadata if source is None else metadata | {"source": source}


def count(
    description: str, *, nullable: bool = True, grade: str = "exact", source: str | None = None, **rules: Any
) -> dy.Int64:
    """Return a BIGINT column that counts something."""
    metadata = _metadata("count", grade, source)
    return dy.Int64(nullable=nullable, min=0, description=description, metadata=metadata, **rules)


def flag(
    description: str,
    *,
    nullable: bool = True,
    grade: str = "exact",
    source: str | None = None,
    repaints: bool = False,
) -> dy.Bool:
    """Return a BOOLEAN column; `repaints` where it turns TRUE only when later data are public."""
    metadata = _metadata("flag", grade, source, repaints=repaints)
    return dy.Bool(nullable=nullable, description=description, metadata=metadata)


def day(
    description: str,
    *,
    nullable: bool = True,
    grade: str = "exact",
    source: str | None = None,
    repaints: bool = False,
    **rules: Any,
) -> dy.Date:
    """Return a DATE column; `repaints` where a later session fills it in."""
    metadata = _metadata("date", grade, source, repaints=repaints)
    return dy.Date(nullable=nullable, description=description, metadata=metadata, **rules)


def instant(description: str, *, nullable: bool = False, repaints: bool = False, **rules: Any) -> dy.Datetime:
    """Return a TIMESTAMP column: a UTC instant in microseconds; `repaints` where a later capture replaces it."""
    metadata = {"unit": "UTC instant", "repaints": repaints}
    return dy.Datetime(nullable=nullable, time_zone="UTC", description=description, metadata=metadata, **rules)


def text(
    description: str,
    *,
    nullable: bool = False,
    grade: str = "exact",
    source: str | None = None,
    repaints: bool = False,
    **rules: Any,
) -> dy.String:
    """Return a text column; `repaints` where a later capture replaces it."""
    metadata = _metadata("text", grade, source, repaints=repaints)
    return dy.String(nullable=nullable, description=description, metadata=metadata, **rules)


def rounded(frame: pl.DataFrame, contract: type[dy.Schema]) -> pl.DataFrame:
    """Round every figure to the decimals its contract gives it; -0.0 becomes 0.0, NaN and infinity NULL."""
    columns = contract.columns()
    figures = {
        name: (column.metadata or {}).get("decimals")
        for name, column in columns.items()
        if isinstance(column, dy.Float64)
    }
    if not figures:
        return frame
    rounding = {name: decimals for name, decimals in figures.items() if decimals is not None}
    frame = frame.with_columns(pl.col(name).round(decimals) for name, decimals in rounding.items())
    odd = frame.select(_has_odd_values(pl.col(name)) for name in figures).row(0, named=True)
    # few columns hold such values, and to look for them costs a fifth of replacing them
    return frame.with_columns(published(pl.col(name), None).alias(name) for name, is_odd in odd.items() if is_odd)


def published(figure: pl.Expr, decimals: int | None) -> pl.Expr:
    """Round a figure to its decimals, or leave it as it is; -0.0 becomes 0.0, NaN and infinity NULL."""
    figure = figure if decimals is None else figure.round(decimals)
    # Polars takes "+ 0.0", which would turn -0.0 into 0.0, for nothing to do
    return pl.when(figure == 0).then(0.0).when(figure.is_finite()).then(figure)


def _has_odd_values(figure: pl.Expr) -> pl.Expr:
    """-0.0, whose bits are those of the lowest integer, NaN or infinity, of which no sum is finite."""
    return ~figure.sum().is_finite() | (figure.reinterpret(dtype=pl.Int64).min() == -(2**63)).fill_null(False)


def validated(frame: pl.DataFrame, contract: type[dy.Schema]) -> pl.DataFrame:
    """Return a frame that keeps its contract, with the contract's columns.

    Raises:
        dy.exc.ValidationError, dy.exc.SchemaError: it breaks it.
    """
    return frame if keeps(frame, contract) else contract.validate(frame)


def keeps(frame: pl.DataFrame, contract: type[dy.Schema]) -> bool:
    """Whether a frame is seen to keep its contract without hashing its keys, which costs more than all other rules.

    FALSE says nothing: of a frame that is not sorted by its key dataframely has to find out.
    """
    if frame.schema != contract.create_empty().schema:
        return False
    # private, but the only list of all rules: one of our own might miss what is added to dataframely's
    rules = {name: rule.expr for name, rule in contract._validation_rules(with_cast=False).items()}
    keys = [rules.pop(name).meta.root_names() for name in KEY_RULES if name in rules]
    kept = frame.select(rule.all().alias(name) for name, rule in rules.items())
    return all(kept.row(0) if kept.width else ()) and all(_rises(frame, key) for key in keys)


def _rises(frame: pl.DataFrame, key: list[str]) -> bool:
    """Whether no two rows have the same key, seen from neighbours: of each part all rows stand together, in order.

    A part has the same texts, and whatever stands between them in the key.
    """
    cut = max((place + 1 for place, name in enumerate(key) if frame.schema[name] == pl.String), default=0)
    part, order = key[:cut], key[cut:]
    begins = pl.any_horizontal(pl.lit(False), *(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in part))
    rises = pl.lit(False)
    for name in reversed(order):
        before = pl.col(name).shift(1)
        rises = (pl.col(name) > before) | ((pl.col(name) == before) & rises)
    is_first = pl.int_range(pl.len()) == 0
    rows = frame.select(begins=begins | is_first, rises=rises.fill_null(False))
    if not (rows["begins"] | rows["rises"]).all():
        return False
    return not part or not frame.select(part).filter(rows["begins"]).is_duplicated().any()
