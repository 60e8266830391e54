"""Column schemas as Dagster shows them: type, unit and grade as tags, what may be NULL, what is unique, lineage."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import dataframely as dy

from pipeline.lineage import column_lineage
from pipeline.model_types import published_type
from pipeline.settings import Settings
from pipeline.sql_models import Model
from pipeline.writing import UNITLESS

SCHEMA, LINEAGE = "dagster/column_schema", "dagster/column_lineage"


def key(settings: Settings, name: str) -> dg.AssetKey:
    """Asset key of a table: source, layer, table. Provenances never share a history."""
    return dg.AssetKey([settings.source, *name.split(".")])


def identity(settings: Settings, name: str, inputs: Iterable[str] = ()) -> dict[str, Any]:
    """What an asset is called, what it is computed from, its layer, and who answers for it.

    What a vendor said is the vendor's, and is never corrected; all else, the sample too, is ours.
    """
    layer = name.split(".")[0]
    is_vendors = layer == "raw" and settings.source != "sample"
    return {
        "key": key(settings, name),
        "deps": [key(settings, one) for one in inputs],
        "group_name": layer,
        "owners": ["team:vendors" if is_vendors else "team:rotation"],
    }


def contract_metadata(contract: type[dy.Schema]) -> dict[str, dg.TableSchema]:
    """The columns of a contract."""
    grain = contract.primary_key()
    columns = [
        dg.TableColumn(
            name=name,
            type=published_type(spec.dtype),
            description=spec.description,
            constraints=dg.TableColumnConstraints(nullable=spec.nullable, unique=grain == [name]),
            tags=_tags((spec.metadata or {}).get("unit"), (spec.metadata or {}).get("grade")),
        )
        for name, spec in contract.columns().items()
    ]
    return {SCHEMA: dg.TableSchema(columns, _constraints(grain))}


def model_metadata(model: Model, types: Mapping[str, str]) -> dict[str, dg.TableSchema]:
    """The columns of a SQL model; its `fail:` tests say what may be NULL and what is unique."""
    tested = [one for one in model.tests if one.severity == "fail" and one.columns is not None]
    unique = [one.columns for one in tested if one.expression.startswith("unique")]
    never_null = {name for one in tested if one.expression.startswith("not_null") for name in one.columns or ()}
    columns = [
        dg.TableColumn(
            name=column.name,
            type=types[column.name],
            description=column.description,
            constraints=dg.TableColumnConstraints(
                nullable=column.name not in never_null, unique=(column.name,) in unique
            ),
            tags=_tags(column.unit, column.grade),
        )
        for column in model.columns
    ]
    return {SCHEMA: dg.TableSchema(columns, _constraints(model.grain))}


def lineage_metadata(
    settings: Settings, model: Model, columns: Mapping[str, Sequence[str]]
) -> dict[str, dg.TableColumnLineage]:
    """Which columns each column of a SQL model is computed from, where the SQL tells."""
    found = column_lineage(model, columns)
    return {
        LINEAGE: dg.TableColumnLineage(
            {column: [_dependency(settings, one) for one in above] for column, above in found.items() if above}
        )
    }


def _dependency(settings: Settings, column: str) -> dg.TableColumnDep:
    table, _, name = column.rpartition(".")
    return dg.TableColumnDep(asset_key=key(settings, table), column_name=name)


def _tags(unit: str | None, grade: str | None) -> dict[str, str]:
    """Unit and grade of a figure; what is exact goes without saying."""
    has_unit = unit not in (None, *UNITLESS)
    return {**({"unit": str(unit)} if has_unit else {}), **({"grade": grade} if grade and grade != "exact" else {})}


def _constraints(grain: Sequence[str]) -> dg.TableConstraints | None:
    return dg.TableConstraints([f"unique({', '.join(grain)})"]) if len(grain) > 1 else None
