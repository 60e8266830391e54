"""Raw: what the source says today is appended to the captures. No parsing here."""

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.defs.warehouse import key
from pipeline.errors import RotationError
from pipeline.settings import Settings
from pipeline.sources import Batch, fetch
from pipeline.tables import RAW
from pipeline.warehouse import Warehouse, described

PARTS = {
    "price_captures": "prices",
    "macro_captures": "macro",
    "futures_captures": "futures",
    "fomc_captures": "fomc",
    "rejects": "rejects",
}


def ingest_assets(settings: Settings, config: Config) -> list[dg.AssetsDefinition]:
    """One step that asks the source once and appends to every raw table."""

    @dg.multi_asset(
        name=f"{settings.source}_captures",
        specs=[
            dg.AssetSpec(
                key(settings, f"raw.{table}"), group_name="raw", kinds={"parquet"}, description=described(contract)
            )
            for table, contract in RAW.items()
        ],
    )
    def captures(warehouse: dg.ResourceParam[Warehouse]) -> Iterator[dg.MaterializeResult]:
        started = time.perf_counter()
        now = dt.datetime.now(dt.UTC)
        warehouse.start()
        batch = fetch(settings, config, now=now, folder_required=not warehouse.capture_files("price_captures"))
        added = {table: warehouse.append(table, getattr(batch, part), run_at=now) for table, part in PARTS.items()}
        if settings.folder is not None and batch.is_empty():
            raise RotationError(_nothing_usable(settings, batch))
        warehouse.note("ingest", "captures", _figures(batch, added, time.perf_counter() - started))
        warehouse.on_table("raw")
        for table, rows in added.items():
            yield dg.MaterializeResult(asset_key=key(settings, f"raw.{table}"), metadata={"dagster/row_count": rows})

    return [captures]


def _nothing_usable(settings: Settings, batch: Batch) -> str:
    first = batch.rejects.row(0, named=True) if batch.rejects.height else None
    why = f"; first: {first['origin']}: {first['reason']}" if first else ""
    return f"nothing in {settings.folder} could be used{why}. What was published before stays"


def _figures(batch: Batch, added: dict[str, int], seconds: float) -> dict[str, Any]:
    """What the run received, for build.json: rows new in each raw table, and what was refused, by file and reason."""
    refused = (
        batch.rejects.group_by("origin", "reason", maintain_order=True)
        .agg(rows=pl.len(), line=pl.col("line").first())
        .to_dicts()
    )
    return {"seconds": round(seconds, 3), "added": added, "refused": batch.rejects.height, "refusals": refused}
