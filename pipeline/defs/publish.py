"""Publish: the last asset, which depends on every table and moves `current`."""

import json
from collections.abc import Mapping, Sequence

import dagster as dg

from pipeline.defs import checks
from pipeline.defs.schemas import identity
from pipeline.layout import BUILD_FILE, REPORT
from pipeline.publish import publish
from pipeline.settings import Settings
from pipeline.sql_models import Model
from pipeline.warehouse import Warehouse

PUBLISHED, CONTRACTS = "published.rotation", "contracts"


def publish_asset(
    settings: Settings, models: Mapping[str, Model], inputs: Mapping[str, Sequence[str]]
) -> dg.AssetsDefinition:
    """Return the asset `published/rotation`: rotation.duckdb, build.json and the swap."""

    @dg.asset(
        **identity(settings, PUBLISHED, inputs),
        kinds={"duckdb"},
        check_specs=[
            checks.spec(
                settings,
                PUBLISHED,
                CONTRACTS,
                "Every published file of core, derived and the claims has the columns and types of its contract, and "
                "every row computed.",
            )
        ],
        description="The published build: rotation.duckdb with every table and the meta schema, the Parquet files and "
        "report.html.",
    )
    def rotation(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        folder = publish(warehouse, settings, models, inputs, context.run.run_id)
        warehouse.on_table("published")
        record = json.loads((folder / BUILD_FILE).read_text(encoding="utf-8"))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": record["rows"],
                "tables": len(record["tables"]),
                "bytes": record["catalogue_bytes"],
                "folder": dg.MetadataValue.path(str(folder)),
                "report": dg.MetadataValue.path(str(folder / REPORT)),
            },
            check_results=[checks.result(settings, PUBLISHED, CONTRACTS, checks.contracts(warehouse, folder))],
        )

    return rotation
