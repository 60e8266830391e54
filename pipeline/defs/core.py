"""Core: which capture tables each core table is computed from."""

import datetime as dt
import time
from collections.abc import Callable, Iterator

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.defs.warehouse import contract_metadata, key, preview, table_asset, written
from pipeline.settings import Settings
from pipeline.tables import CONTRACTS
from pipeline.transforms import futures, macro, reference
from pipeline.transforms.answers import source_status
from pipeline.transforms.captures import price_edits
from pipeline.transforms.facts import fund_facts
from pipeline.transforms.prices import prices
from pipeline.transforms.rejects import macro_edits, rejects, split_by_contract
from pipeline.warehouse import Warehouse, described

INPUTS: dict[str, tuple[str, ...]] = {
    "core.sessions": ("raw.price_captures", "raw.macro_captures"),
    "core.prices": ("raw.price_captures", "core.sessions"),
    "core.rejects": ("raw.price_captures", "raw.macro_captures", "raw.rejects", "core.sessions"),
    "core.fed_funds_futures": ("raw.futures_captures",),
    "core.fomc_meetings": ("raw.fomc_captures",),
    "core.macro_releases": ("raw.macro_captures", "core.fomc_meetings"),
    "core.macro_latest": ("core.macro_releases",),
    "core.capture_edits": ("raw.price_captures", "core.macro_releases"),
    "core.instruments": ("core.prices",),
    "core.fund_facts": ("raw.fact_captures",),
    "core.source_status": ("raw.answers", "raw.price_captures"),
    "core.series": ("core.macro_latest", "core.source_status", "raw.series_captures"),
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
        "core.capture_edits": lambda price, releases: _edits(settings, price, releases),
    }
    return [
        _prices_and_rejects(settings, config),
        _series(settings, config),
        *(table_asset(settings, name, INPUTS[name], compute) for name, compute in simple.items()),
    ]


def _until(settings: Settings, price: pl.DataFrame, series: pl.DataFrame) -> dt.datetime:
    """Instant up to which sessions exist: of the newest capture (a build has no clock), or of an earlier replay."""
    newest = pl.concat([price["captured_at"], series["captured_at"]]).max()
    until = newest if isinstance(newest, dt.datetime) else dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return until if settings.as_of is None else min(until, settings.as_of)


def _edits(settings: Settings, price: pl.DataFrame, releases: pl.DataFrame) -> pl.DataFrame:
    known = price if settings.as_of is None else price.filter(pl.col("captured_at") <= settings.as_of)
    return pl.concat([price_edits(known), macro_edits(releases)])


def _series(settings: Settings, config: Config) -> dg.AssetsDefinition:
    """Series, and what the source serves or says of them otherwise than expected: yellow, never an error."""
    name = "core.series"
    checks = {
        "serves_all_history": "The newest whole copy of each series begins no later than what was captured before.",
        "matches_source": "Frequency and seasonal adjustment in macro.yaml are what the source states.",
    }

    @dg.asset(
        key=key(settings, name),
        deps=[key(settings, one) for one in INPUTS[name]],
        group_name="core",
        kinds={"polars", "parquet"},
        description=described(CONTRACTS[name]),
        metadata=contract_metadata(CONTRACTS[name]),
        check_specs=[
            dg.AssetCheckSpec(check, asset=key(settings, name), description=text) for check, text in checks.items()
        ],
    )
    def series(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        is_synthetic = settings.source == "sample"
        result = written(
            warehouse,
            name,
            INPUTS[name],
            lambda latest, status, _: reference.series(latest, status, config.series, is_synthetic=is_synthetic),
        )
        table, stated = warehouse.read(name), warehouse.captures("series_captures")
        found = {
            "serves_all_history": reference.withdrawn(table),
            "matches_source": reference.contradictions(table, stated, settings.as_of),
        }
        warehouse.note("warnings", name, {_said(check, odd): odd.height for check, odd in found.items() if odd.height})
        return dg.MaterializeResult(
            metadata=result.metadata,
            check_results=[_warning(settings, name, check, odd) for check, odd in found.items()],
        )

    return series


def _said(check: str, odd: pl.DataFrame) -> str:
    return f"{check}: " + "; ".join(f"{series_id} {reason}" for series_id, reason in odd.iter_rows())


def _warning(settings: Settings, name: str, check: str, odd: pl.DataFrame) -> dg.AssetCheckResult:
    """A check that passes where nothing is odd, else names each series and why."""
    reasons = odd.group_by("series_id", maintain_order=True).agg(pl.col("reason").str.join("; "))
    return dg.AssetCheckResult(
        check_name=check,
        asset_key=key(settings, name),
        passed=odd.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata=dict(reasons.iter_rows()),
    )


def _prices_and_rejects(settings: Settings, config: Config) -> dg.AssetsDefinition:
    """Prices and rejects come from one computation: what is refused in one is a row of the other."""

    @dg.multi_asset(
        name=f"{settings.source}_prices",
        specs=[
            dg.AssetSpec(
                key(settings, name),
                deps=[key(settings, one) for one in INPUTS[name]],
                group_name="core",
                kinds={"polars", "parquet"},
                description=described(CONTRACTS[name]),
                metadata=contract_metadata(CONTRACTS[name]),
            )
            for name in ("core.prices", "core.rejects")
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
        reading, computing = read - started, time.perf_counter() - read
        for name, frame, spent in (("core.prices", good, (reading, computing)), ("core.rejects", left_out, (0.0, 0.0))):
            stats = warehouse.write(name, frame, read_seconds=spent[0], transform_seconds=spent[1])
            yield dg.MaterializeResult(
                asset_key=key(settings, name),
                metadata={"dagster/row_count": stats.rows, "bytes": stats.bytes, "preview": preview(frame)},
            )

    return prices_and_rejects
