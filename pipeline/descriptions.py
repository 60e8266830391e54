"""What is said of every published table and column, from contracts and SQL headers: for meta, comments and docs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import dataframely as dy

from pipeline import sql_models
from pipeline.contracts.columns import SECTIONS, Origin, Table
from pipeline.errors import RotationError
from pipeline.lineage import column_lineage
from pipeline.model_types import model_types, published_type
from pipeline.sql_models import LAYER, Model
from pipeline.tables import CLAIMS, CONTRACTS, CORE_INPUTS, DERIVED_INPUTS, META, RAW
from pipeline.writing import described

DEFINITIONS = "docs/definitions.md"
MADE_UP = "made up, free to pass on"  # licence of everything that the sample source gives

# tables whose key holds a column that may be NULL, which a contract's primary key cannot
GRAINS = {
    "derived.records": ("symbol", "benchmark", "basis", "measure", "direction", "session_date"),
    "derived.seasonality": ("symbol", "benchmark", "basis", "bucket_type", "bucket"),
    "derived.seasonality_years": ("symbol", "benchmark", "basis", "bucket_type", "bucket", "year"),
    "derived.event_studies": ("event_type", "event_date", "symbol", "benchmark", "offset"),
    "core.rejects": ("origin", "line", "reason", "excerpt"),
}

CALENDAR_ONLY = ("core.sessions",)  # captures only say up to which day it goes
ORIGINS = tuple(
    dict.fromkeys(chain(*(raw.origins for raw in RAW.values()), *(one.origins for one in CONTRACTS.values())))
)


@dataclass(frozen=True)
class Basis:
    """What a table or a column rests on: sections of the definitions, and origins of the data."""

    sections: frozenset[int]
    origins: frozenset[Origin]

    @property
    def named_sections(self) -> list[int]:
        """The sections, without the general one where there are others."""
        return sorted(self.sections - {0}) or [0]

    @property
    def definition(self) -> str:
        """Where it is defined."""
        return f"{DEFINITIONS}, {'; '.join(f'{number}. {SECTIONS[number]}' for number in self.named_sections)}"

    @property
    def source(self) -> str:
        """The data, by name."""
        return ", ".join(origin.name for origin in ORIGINS if origin in self.origins)

    @property
    def licence(self) -> str:
        """Whose the data are, and whether they may be passed on."""
        return "; ".join(f"{origin.name}: {origin.licence}" for origin in ORIGINS if origin in self.origins)


@dataclass(frozen=True)
class Column:
    """What meta.columns says of one column, apart from its type."""

    name: str
    description: str
    unit: str | None
    grade: str
    definition: str
    definition_source: str | None
    repaints: bool
    basis: Basis
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """What meta.tables and meta.columns say of one table."""

    name: str
    description: str
    grain: tuple[str, ...]
    known_date: str | None
    reads: tuple[str, ...]
    basis: Basis
    columns: tuple[Column, ...]


def descriptions(models: Mapping[str, Model], inputs: Mapping[str, Sequence[str]]) -> dict[str, Described]:
    """Every published table but those of meta, core and derived from contracts, marts from their SQL headers.

    Args:
        models: the SQL models, each after those that it reads.
        inputs: of every table the tables it is computed from.
    """
    tables = {name: _from_contract(name, contract, inputs) for name, contract in CONTRACTS.items()}
    for model in models.values():
        tables[f"{model.layer}.{model.name}"] = _from_header(model, tables)
    return tables


def table_inputs(models: Mapping[str, Model], ledger: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Of every table the tables it is computed from; `ledger`: those that the claims ledger reads."""
    marts = {f"{model.layer}.{model.name}": model.inputs for model in models.values()}
    return {**CORE_INPUTS, **DERIVED_INPUTS, **marts, **dict.fromkeys(CLAIMS, tuple(ledger))}


def published_types(models: Mapping[str, Model]) -> dict[str, dict[str, str]]:
    """Type in DuckDB of every published column by table, meta included."""
    contracts, marts = {**CONTRACTS, **META}, model_types(models.values(), CONTRACTS)
    return {
        **{
            name: {column: published_type(spec.dtype) for column, spec in contract.columns().items()}
            for name, contract in contracts.items()
        },
        **{f"{LAYER}.{name}": types for name, types in marts.items()},
    }


def _from_contract(name: str, contract: type[Table], inputs: Mapping[str, Sequence[str]]) -> Described:
    basis = Basis(frozenset({contract.section}), _origins(name, inputs))
    grain = tuple(contract.primary_key()) or GRAINS[name]
    restated = contract.known_date is None
    return Described(
        name=name,
        description=described(contract),
        grain=grain,
        known_date=contract.known_date,
        reads=tuple(inputs[name]),
        basis=basis,
        columns=tuple(
            _column(column, spec, basis, repaints=column not in grain and restated)
            for column, spec in contract.columns().items()
        ),
    )


def _origins(name: str, inputs: Mapping[str, Sequence[str]]) -> frozenset[Origin]:
    """Own origins, and those of all tables read, directly or through others."""
    layer, table = name.split(".")
    own = RAW[table].origins if layer == "raw" else CONTRACTS[name].origins
    read = () if name in CALENDAR_ONLY else inputs.get(name, ())
    return frozenset(own).union(*(_origins(one, inputs) for one in read))


def _column(name: str, spec: dy.Column, basis: Basis, *, repaints: bool) -> Column:
    metadata = spec.metadata or {}
    if not spec.description:
        raise RotationError(f"column {name} has no description in its contract; add one, it is published")
    return Column(
        name=name,
        description=spec.description,
        unit=metadata.get("unit"),
        grade=metadata.get("grade", "exact"),
        definition=basis.definition,
        definition_source=metadata.get("source"),
        repaints=repaints or metadata.get("repaints", False),
        basis=basis,
    )


def _from_header(model: Model, tables: Mapping[str, Described]) -> Described:
    columns = {name: {column.name: column for column in tables[name].columns} for name in model.inputs}
    known = {f"{name}.{column}": told for name, of_table in columns.items() for column, told in of_table.items()}
    lineage = column_lineage(model, {name: tuple(of_table) for name, of_table in columns.items()})
    basis = _together(tables[name].basis for name in model.inputs)
    return Described(
        name=f"{model.layer}.{model.name}",
        description=model.description,
        grain=model.grain,
        known_date=model.known_date,
        reads=model.inputs,
        basis=basis,
        columns=tuple(
            _mart_column(model, column, {name: known[name] for name in lineage[column.name]}, basis)
            for column in model.columns
        ),
    )


def _mart_column(model: Model, column: sql_models.Column, read: Mapping[str, Column], of_table: Basis) -> Column:
    """Where the select names no column that it is computed from, it rests on what the table rests on."""
    basis = _together(one.basis for one in read.values()) if read else of_table
    defined_by = {one.definition_source for one in read.values()}
    return Column(
        name=column.name,
        description=column.description,
        unit=column.unit,
        grade=column.grade,
        definition=f"dbt_like_sql/{model.layer}/{model.path.name}; {basis.definition}",
        definition_source=defined_by.pop() if len(defined_by) == 1 else None,
        repaints=column.name not in model.grain and (model.known_date is None or column.repaints),
        basis=basis,
        lineage=tuple(read),
    )


def _together(bases: Iterable[Basis]) -> Basis:
    found = tuple(bases)
    return Basis(
        frozenset().union(*(basis.sections for basis in found)), frozenset().union(*(basis.origins for basis in found))
    )
