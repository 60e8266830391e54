"""Core: which capture tables each core table is computed from."""

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.defs import checks, ingest
from pipeline.defs.charts import charts
from pipeline.defs.schemas import contract_metadata, identity
from pipeline.defs.warehouse import Plan, materialized, table_asset
from pipeline.settings import Settings
from pipeline.shards import OfCaptures
from pipeline.tables import CONTRACTS
from pipeline.tables import CORE_INPUTS as INPUTS
from pipeline.transforms import futures, macro, reference, upkeep
from pipeline.transforms.answers import source_status
from pipeline.transforms.captures import price_edits
from pipeline.transforms.facts import fund_facts
from pipeline.transforms.rejects import macro_edits, rejects
from pipeline.warehouse import Warehouse
from pipeline.writing import described

# what is read of large inputs
COLUMNS = {
    "core.sessions": {"raw.price_captures": ["captured_at"], "raw.macro_captures": ["captured_at"]},
    "core.source_status": {"raw.price_captures": ["symbol", "captured_at"]},
    "core.instruments": {"core.prices": ["symbol", "session_date", "total_return_index"]},
}


def core_assets(settings: Settings, config: Config) -> list[dg.AssetsDefinition]:
    """All core tables."""
    is_synthetic = settings.source == "sample"
    simple: dict[str, Callable[..., pl.DataFrame]] = {
        "core.macro_latest": macro.macro_latest,
        "core.instruments": lambda frame: reference.instruments(frame, config.instruments, is_synthetic=is_synthetic),
        "core.fund_facts": lambda facts: fund_facts(facts, settings.as_of),
        "core.source_status": lambda answers, price: source_status(answers, price, settings.as_of),
        "core.sessions": lambda price, series: reference.sessions(_until(settings, price, series)),
        "core.fed_funds_futures": lambda captures: futures.fed_funds_futures(captures, settings.as_of),
        "core.fomc_meetings": lambda captures: futures.fomc_meetings(captures, config.fomc, settings.as_of),
        "core.macro_releases": lambda series, meetings: macro.macro_releases(
            series, config.series, settings.as_of, meetings
        ),
        "core.capture_edits": OfCaptures(
            partial(price_edits, as_of=settings.as_of),
            lambda edits, releases: pl.concat([edits, macro_edits(releases)]),
        ),
        "core.series": lambda latest, status, _: reference.series(
            latest, status, config.series, is_synthetic=is_synthetic
        ),
    }
    plans = _plans(settings, config)
    return [
        _prices_and_rejects(settings, config, plans["core.prices"]),
        *(table_asset(settings, name, INPUTS[name], compute, plans[name]) for name, compute in simple.items()),
    ]


def _plans(settings: Settings, config: Config) -> dict[str, Plan]:
    judges = checks.core_checks(settings, config, clock=lambda: ingest.current_instant())
    drawn = charts(settings, config)
    left_out = {"core.macro_releases": lambda captures, _: upkeep.not_configured(captures, config.by_series_id)}
    return {
        name: Plan(judges.get(name, ()), drawn.get(name), left_out.get(name), COLUMNS.get(name, {})) for name in INPUTS
    }


def _until(settings: Settings, price: pl.DataFrame, series: pl.DataFrame) -> dt.datetime:
    """Instant up to which sessions exist: of the newest capture (a build has no clock), or of an earlier replay."""
    newest = pl.concat([price["captured_at"], series["captured_at"]]).max()
    until = newest if isinstance(newest, dt.datetime) else dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return until if settings.as_of is None else min(until, settings.as_of)


def _prices_and_rejects(settings: Settings, config: Config, plan: Plan) -> dg.AssetsDefinition:
    """Prices and rejects come from one computation: what is refused in one is a row of the other."""

    @dg.multi_asset(
        name=f"{settings.source}_prices",
        specs=[
            dg.AssetSpec(
                **identity(settings, name, INPUTS[name]),
                kinds={"polars", "parquet"},
                description=described(CONTRACTS[name]),
                metadata=contract_metadata(CONTRACTS[name]),
            )
            for name in ("core.prices", "core.rejects")
        ],
        check_specs=[
            *checks.specs(settings, "core.prices", plan.checks),
            *checks.specs(settings, "core.rejects", ()),
        ],
    )
    def prices_and_rejects(warehouse: dg.ResourceParam[Warehouse]) -> Iterator[dg.MaterializeResult]:
        series, refused = (warehouse.captures(table) for table in ("macro_captures", "rejects"))
        found = warehouse.write_prices(warehouse.read("core.sessions"), config.instruments)
        no_bars = pl.concat([found.left_out, found.broken]).select(id="excerpt", reason="reason")
        yield materialized(warehouse, settings, found.written, plan=plan, left_out=no_bars)
        left_out = rejects(refused, series, config.series, found.left_out, found.broken)
        refused_here = left_out.filter(pl.col("layer") == "core")
        warehouse.note("left_out", "core", {"lines": refused_here.select("origin", "reason", "excerpt").to_dicts()})
        yield materialized(warehouse, settings, warehouse.write("core.rejects", left_out))

    return prices_and_rejects
