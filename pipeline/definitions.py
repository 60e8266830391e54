"""Everything Dagster sees, on one screen."""

from collections.abc import Callable

import dagster as dg

from pipeline import config as configuration
from pipeline.claims.loading import load_ledger
from pipeline.config import SAMPLE_DIR
from pipeline.defs import claims, core, derived, ingest, marts
from pipeline.defs.failures import SOURCE_TAG, failure_sensor
from pipeline.defs.publish import publish_asset
from pipeline.defs.schedules import schedules
from pipeline.defs.warehouse import warehouse_resource
from pipeline.descriptions import table_inputs
from pipeline.settings import Settings
from pipeline.sources import OnAnswer
from pipeline.sql_models import load_models

JOB = "build"


def build_definitions(
    settings: Settings, on_table: Callable[[str], None] | None = None, on_answer: OnAnswer | None = None
) -> dg.Definitions:
    """Return the graph of one source, raw to published, the job that builds it all, its schedules and its sensor."""
    config = configuration.load(SAMPLE_DIR if settings.source == "sample" else None, settings.config_dir)
    models, ledger = load_models(), load_ledger(settings.source)
    inputs = table_inputs(models, ledger.inputs)
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        tags={SOURCE_TAG: settings.source},
        description=f"Everything, from the captures of the {settings.source} source to the publication.",
    )
    return dg.Definitions(
        assets=[
            *ingest.ingest_assets(settings, config, on_answer),
            *core.core_assets(settings, config),
            *derived.derived_assets(settings, config),
            *marts.mart_assets(settings, config, models),
            claims.claim_assets(settings, ledger),
            publish_asset(settings, models, inputs),
        ],
        jobs=[job],
        schedules=schedules(settings, job),
        sensors=[failure_sensor(settings)],
        resources={"warehouse": warehouse_resource(settings, on_table)},
        executor=dg.in_process_executor,  # every step of the multiprocess executor pays seconds of imports
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The graph of the source that ROTATION_SOURCE names, for dagster dev, dg dev and the web server."""
    return build_definitions(Settings.from_environment())
