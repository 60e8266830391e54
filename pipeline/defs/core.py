"""Core: which capture tables each core table is computed from."""

import datetime as dt
import time
from collections.abc import Callable, Iterator

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.defs import checks, ingest
from pipeline.defs.charts import charts
from pipeline.defs.schemas import contract_metadata, identity
from pipeline.defs.warehouse import Plan, table_asset, written
from pipeline.settings import Settings
from pipeline.tables import CONTRACTS
from pipeline.tables import CORE_INPUTS as INPUTS
from pipeline.transforms import futures, macro, reference, upkeep
from pipeline.transforms.answers import source_status
from pipeline.transforms.captures import price_edits
from pipeline.transforms.facts import fund_facts
from pipeline.transforms.prices import prices
from pipeline.transforms.rejects import macro_edits, rejects, split_by_contract
from pipeline.warehouse import Warehouse, described


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
        "core.capture_edits": lambda price, releases: _edits(settings, price, releases),
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
    return {name: Plan(judges.get(name, ()), drawn.get(name), left_out.get(name)) for name in INPUTS}


def _until(settings: Settings, price: pl.DataFrame, series: pl.DataFrame) -> dt.datetime:
    """Instant up to which sessions exist: of the newest capture (a build has no clock), or of an earlier replay."""
    newest = pl.concat([price["captured_at"], series["captured_at"]]).max()
    until = newest if isinstance(newest, dt.datetime) else dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return until if settings.as_of is None else min(until, settings.as_of)


def _edits(settings: Settings, price: pl.DataFrame, releases: pl.DataFrame) -> pl.DataFrame:
    known = price if settings.as_of is None else price.filter(pl.col("captured_at") <= settings.as_of)
    return pl.concat([price_edits(known), macro_edits(releases)])


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
        started = time.perf_counter()
        captures, series, refused = (
            warehouse.captures(table) for table in ("price_captures", "macro_captures", "rejects")
        )
        sessions = warehouse.read("core.sessions")
        read = time.perf_counter()
        found = prices(captures, sessions, config.instruments)
        good, broken = split_by_contract("core.prices", found.prices, CONTRACTS["core.prices"])
        left_out = rejects(refused, series, config.series, found.rejects, broken)
        refused_here = left_out.filter(pl.col("layer") == "core")
        warehouse.note("left_out", "core", {"lines": refused_here.select("origin", "reason", "excerpt").to_dicts()})
        seconds = (read - started, time.perf_counter() - read)
        no_bars = pl.concat([found.rejects, broken]).select(id="excerpt", reason="reason")
        yield written(warehouse, settings, "core.prices", good, seconds=seconds, plan=plan, left_out=no_bars)
        yield written(warehouse, settings, "core.rejects", left_out)

    return prices_and_rejects
