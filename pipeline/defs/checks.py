"""What must hold of a table just written. A check is evaluated in its asset's own step: one more step costs time."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from pipeline import calendar
from pipeline.config import Config
from pipeline.contracts.columns import Table
from pipeline.defs.schemas import key
from pipeline.layout import BUILD_FILE
from pipeline.settings import Settings
from pipeline.storage import scan_parquet
from pipeline.tables import CONTRACTS
from pipeline.transforms import reference, upkeep
from pipeline.transforms.answers import source_status
from pipeline.warehouse import Warehouse

SHOWN = 50  # what a check names at most
CONTRACT = "contract"
CONTRACT_TEXT = "The file has the columns and types of the contract, every row computed, and no row had to be left out."


@dataclass(frozen=True)
class Finding:
    """What a check found: `odd` names things and why (two columns), and is empty where the check passes."""

    odd: pl.DataFrame
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A check of one table; `judge` takes the warehouse and the table, lazily. `is_told`: also by the command line."""

    name: str
    description: str
    judge: Callable[[Warehouse, pl.LazyFrame], Finding]
    is_told: bool = False


def spec(settings: Settings, table: str, name: str, description: str) -> dg.AssetCheckSpec:
    """Announce a check of a table."""
    return dg.AssetCheckSpec(name, asset=key(settings, table), description=description)


def specs(settings: Settings, table: str, checks: Sequence[Check]) -> list[dg.AssetCheckSpec]:
    """Announce the checks of a table that has a contract."""
    own = [spec(settings, table, check.name, check.description) for check in checks]
    return [spec(settings, table, CONTRACT, CONTRACT_TEXT), *own] if has_contract_check(table) else own


def has_contract_check(table: str) -> bool:
    """Only core leaves rows out. Derived tables are functions of it, and each check costs Dagster 50 ms."""
    return table.startswith("core.")


def result(settings: Settings, table: str, name: str, finding: Finding) -> dg.AssetCheckResult:
    """A check that passes where nothing is odd, else names each thing and why. It never stops a publication."""
    thing, reason = finding.odd.columns
    reasons = finding.odd.group_by(thing, maintain_order=True).agg(pl.col(reason).str.join("; "))
    others = {"not shown": reasons.height - SHOWN} if reasons.height > SHOWN else {}
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key(settings, table),
        passed=finding.odd.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={**finding.figures, **dict(reasons.head(SHOWN).iter_rows()), **others},
    )


def judged(
    warehouse: Warehouse, settings: Settings, table: str, checks: Sequence[Check], written: pl.LazyFrame
) -> list[dg.AssetCheckResult]:
    """Evaluate the checks of a table; what is to be told on the command line goes into build.json."""
    found = {check: check.judge(warehouse, written) for check in checks}
    told = {_said(check.name, one.odd): one.odd.height for check, one in found.items() if check.is_told}
    if any(check.is_told for check in checks):
        warehouse.note("warnings", table, {line: rows for line, rows in told.items() if rows})
    return [result(settings, table, check.name, one) for check, one in found.items()]


def contract(files: Sequence[str], schema: type[Table], rows: int, left_out: pl.DataFrame = upkeep.NOTHING) -> Finding:
    """Compare the written files with the contract and with what was computed; `left_out` says what was refused."""
    faults = [(fault, "not as the contract says") for fault in _faults(files, schema, rows)]
    odd = pl.DataFrame(faults, upkeep.NOTHING.schema, orient="row")
    return Finding(pl.concat([odd, left_out]), {"rows": rows, "left_out": left_out.height})


def contracts(warehouse: Warehouse, build: Path) -> Finding:
    """Compare every published table that has a contract with it, and with the number of rows computed."""
    tables = warehouse.tables_of(build)
    figures = json.loads((build / BUILD_FILE).read_text(encoding="utf-8"))["tables"]
    faults = [
        (name, fault)
        for name, schema in CONTRACTS.items()
        for fault in _faults(tables.table(name), schema, figures[name]["rows"])
    ]
    return Finding(pl.DataFrame(faults, upkeep.NOTHING.schema, orient="row"), {"tables": len(CONTRACTS)})


def _faults(files: Sequence[str], schema: type[Table], rows: int) -> list[str]:
    """What the footers of a table's files say otherwise than its contract."""
    wanted = {name: column.dtype for name, column in schema.columns().items()}
    found = [
        (dict(one.collect_schema()), one.select(pl.len()).collect().item())
        for one in (scan_parquet([file]) for file in files)
    ]
    faults = [
        f"{name}: {types.get(name)}"
        for types, _ in found
        for name in {**wanted, **types}
        if types.get(name) != wanted.get(name)
    ]
    in_files = sum(height for _, height in found)
    return faults if in_files == rows else [*faults, f"{in_files} rows in the file, {rows} computed"]


def core_checks(settings: Settings, config: Config, clock: Callable[[], dt.datetime]) -> dict[str, list[Check]]:
    """The checks of core tables beside their contracts; `clock` gives the instant of the run."""
    return {
        "core.prices": [
            Check(
                "freshness",
                "Every symbol that is not delisted has the last XNYS session whose bar is final (20:00 New York).",
                lambda warehouse, prices: _freshness(settings, clock(), warehouse, prices),
            )
        ],
        "core.instruments": [
            Check(
                "symbols_present",
                "Every symbol of etfs.yaml has bars.",
                lambda _, instruments: Finding(upkeep.without_bars(instruments.collect())),
            )
        ],
        "core.capture_edits": [
            Check(
                "upstream_edits",
                "Since the published build the source changed no old value, but for series that are revised as a rule "
                "and for splits.",
                lambda warehouse, edits: _upstream_edits(config, warehouse, edits.collect()),
            )
        ],
        "core.series": [
            Check(
                "serves_all_history",
                "The newest whole copy of each series begins no later than what was captured before.",
                lambda _, series: Finding(reference.withdrawn(series.collect())),
                is_told=True,
            ),
            Check(
                "matches_source",
                "Frequency and seasonal adjustment in macro.yaml are what the source states.",
                lambda warehouse, series: Finding(
                    reference.contradictions(series.collect(), warehouse.captures("series_captures"), settings.as_of)
                ),
                is_told=True,
            ),
        ],
    }


def _freshness(settings: Settings, now: dt.datetime, warehouse: Warehouse, table: pl.LazyFrame) -> Finding:
    """Against the clock of the run, not its captures: a source that stands still is to be noticed."""
    due = calendar.last_final_session(settings.as_of or now)
    prices = table.select("symbol", "session_date").collect()
    captures = warehouse.captures("price_captures", ["symbol", "captured_at"])
    status = source_status(warehouse.captures("answers"), captures, settings.as_of)
    odd = upkeep.behind(prices, due, calendar.sessions(), status.filter("is_delisted")["id"].to_list())
    return Finding(odd, {"due": str(due), "newest": str(prices["session_date"].max()), "symbols_behind": odd.height})


def _upstream_edits(config: Config, warehouse: Warehouse, edits: pl.DataFrame) -> Finding:
    fresh = upkeep.new_edits(edits, _published_edits(warehouse, edits))
    lines = [f"{id_}: {kind}, values: {values}" for _, id_, kind, values in fresh.iter_rows()]
    figures = {"changed_values": int(fresh["values"].sum()), "changed": lines}
    return Finding(upkeep.unexpected(fresh, [one.series_id for one in config.series if one.is_revised]), figures)


def _published_edits(warehouse: Warehouse, edits: pl.DataFrame) -> pl.DataFrame:
    """A first build, a replay and a damaged publication have nothing to compare with: then the edits themselves."""
    current = warehouse.current() if warehouse.as_of is None else None
    try:
        return (
            edits
            if current is None
            else scan_parquet(warehouse.tables_of(current).table("core.capture_edits")).collect()
        )
    except (OSError, pl.exceptions.PolarsError):
        return edits


def _said(check: str, odd: pl.DataFrame) -> str:
    return f"{check}: " + "; ".join(f"{thing} {reason}" for thing, reason in odd.iter_rows())
