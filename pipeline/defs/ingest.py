"""Raw: what the source says today is appended to the captures. No parsing here."""

import dataclasses
import datetime as dt
import time
from collections.abc import Iterator
from typing import Any, Literal

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.defs.schemas import contract_metadata, identity, key
from pipeline.defs.warehouse import preview
from pipeline.errors import RotationError
from pipeline.settings import Settings
from pipeline.sources import Batch, OnAnswer, fetch
from pipeline.tables import RAW
from pipeline.transforms.answers import newest
from pipeline.warehouse import Warehouse
from pipeline.writing import described

PARTS = {
    "price_captures": "prices",
    "macro_captures": "macro",
    "futures_captures": "futures",
    "fomc_captures": "fomc",
    "fact_captures": "facts",
    "series_captures": "series",
    "answers": "answers",
    "rejects": "rejects",
}


ALL_SERVED = {"price_captures": "prices", "macro_captures": "macro"}  # raw tables whose source may fail to answer


class Ask(dg.Config):
    """What the live source is asked for; the others always give all they have."""

    ask: Literal["everything", "macro"] = "everything"


def step(settings: Settings) -> str:
    """Name of the step that asks the source."""
    return f"{settings.source}_captures"


def ingest_assets(settings: Settings, universe: Config, on_answer: OnAnswer | None = None) -> list[dg.AssetsDefinition]:
    """One step that asks the source once and appends to every raw table."""
    checked = ALL_SERVED if settings.source == "live" else {}
    configured = [*(one.symbol for one in universe.instruments), *universe.by_series_id]

    @dg.multi_asset(
        name=step(settings),
        specs=[
            dg.AssetSpec(
                **identity(settings, f"raw.{table}"),
                kinds={"parquet"},
                description=described(contract),
                metadata=contract_metadata(contract),
            )
            for table, contract in RAW.items()
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "all_served",
                asset=key(settings, f"raw.{table}"),
                description="What the source was last asked about everything that is configured, it served.",
            )
            for table in checked
        ],
    )
    def captures(
        config: Ask, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        started = time.perf_counter()
        now = current_instant()
        warehouse.start()
        asked = _asked(settings, universe, config)
        received = fetch(asked, universe, warehouse.captures, now=now, on_answer=on_answer)
        batch = received.batch
        added = {table: warehouse.append(table, getattr(batch, part), run_at=now) for table, part in PARTS.items()}
        if received.interruption is not None:
            raise received.interruption
        _refuse_nothing(settings, batch, warehouse)
        warehouse.note("ingest", "captures", _figures(batch, added, time.perf_counter() - started))
        warehouse.on_table("raw")
        for table, rows in added.items():
            yield dg.MaterializeResult(
                asset_key=key(settings, f"raw.{table}"),
                metadata={
                    "dagster/row_count": _rows(warehouse, table),
                    "added": rows,
                    "received": preview(getattr(batch, PARTS[table])),
                },
            )
        for table, dataset in checked.items():
            failed = _failed(newest(warehouse.captures("answers"), dataset, configured))
            yield dg.AssetCheckResult(
                check_name="all_served",
                asset_key=key(settings, f"raw.{table}"),
                passed=not failed,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={f"{one['id']}: {one['outcome']}": one["detail"] or "" for one in failed},
            )

    return [captures]


def current_instant() -> dt.datetime:
    """UTC instant of the run: the only look at the clock that decides what is known."""
    return dt.datetime.now(dt.UTC)


def _asked(settings: Settings, universe: Config, config: Ask) -> Settings:
    """Settings that ask the live source for macro series alone, where the run is to do so."""
    if settings.source != "live" or config.ask == "everything":
        return settings
    return dataclasses.replace(settings, symbols=None, series=settings.series or tuple(universe.by_series_id))


def _refuse_nothing(settings: Settings, batch: Batch, warehouse: Warehouse) -> None:
    """A source that gave nothing at all must not become a publication."""
    if settings.source == "live":
        from pipeline.sources import live

        has_prices = bool(warehouse.capture_files("price_captures"))
        why = live.nothing_to_build(batch.answers, has_prices=has_prices)
        if why is not None:
            raise RotationError(f"{why}. What else arrived is kept, what was published before stays")
    if settings.folder is not None and batch.is_empty():
        first = batch.rejects.row(0, named=True) if batch.rejects.height else None
        why = f"; first: {first['origin']}: {first['reason']}" if first else ""
        raise RotationError(f"nothing in {settings.folder} could be used{why}. What was published before stays")


def _rows(warehouse: Warehouse, table: str) -> int:
    """Rows of all captures of a raw table."""
    return int(warehouse.scan(f"raw.{table}").select(pl.len()).collect().item())


def _failed(answers: pl.DataFrame) -> list[dict[str, Any]]:
    """What the source did not serve in full, as build.json keeps it."""
    return answers.filter(pl.col("outcome") != "ok").select("dataset", "id", "outcome", "detail").to_dicts()


def _figures(batch: Batch, added: dict[str, int], seconds: float) -> dict[str, Any]:
    """What the run received, for build.json: rows new in each raw table, and what was refused, by file and reason."""
    refused = (
        batch.rejects.group_by("origin", "reason", maintain_order=True)
        .agg(rows=pl.len(), line=pl.col("line").first())
        .to_dicts()
    )
    return {
        "seconds": round(seconds, 3),
        "added": added,
        "refused": batch.rejects.height,
        "refusals": refused,
        "failed": _failed(batch.answers),
    }
