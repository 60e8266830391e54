"""The warehouse as a Dagster resource, and how an asset writes a table through it."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import polars as pl

from pipeline.defs import checks
from pipeline.defs.charts import Chart
from pipeline.defs.checks import Check
from pipeline.defs.event_log import kept_open
from pipeline.defs.schemas import contract_metadata, identity, key
from pipeline.engines import engine
from pipeline.settings import Settings
from pipeline.shards import CrossSection, OfCaptures, OfSymbols, PerSymbol
from pipeline.tables import CONTRACTS
from pipeline.transforms.upkeep import NOTHING
from pipeline.warehouse import Warehouse, locked, storage_of
from pipeline.writing import TAIL_ROWS, Written, described

PREVIEW_COLUMNS = 10
DEAD = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True)
class Plan:
    """What an asset needs for its table, and does with it, beside computing it.

    left_out: names what of the inputs is left out: id, reason.
    columns: of large inputs those that are read; the others are read whole.
    benchmarks: symbols that each shard of core.prices may need beside its own.
    """

    checks: Sequence[Check] = ()
    chart: Chart | None = None
    left_out: Callable[..., pl.DataFrame] | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    benchmarks: Sequence[str] = ()


NO_PLAN = Plan()


def warehouse_resource(settings: Settings, on_table: Callable[[str], None] | None = None) -> dg.ResourceDefinition:
    """Open the warehouse for a whole run, under the lock of its source.

    A run leaves its process id in `runs/` while it lasts. Who finds one there whose process is gone marks that run
    failed: a run that looks alive for ever would hold up Dagster's queue.
    """

    @dg.resource(description="The warehouse of one source, locked for the run.")
    def _open(context: dg.InitResourceContext) -> Iterator[Warehouse]:
        with contextlib.ExitStack() as stack:
            if context.instance is not None:
                stack.enter_context(kept_open(context.instance))
            if context.instance is not None and context.run is not None and settings.as_of is None:
                stack.enter_context(_marked(settings.root / "runs" / context.run.run_id))
            stack.enter_context(locked(settings.root))
            if context.instance is not None and settings.as_of is None:
                _fail_dead_runs(context.instance, settings.root / "runs")
            workers = stack.enter_context(contextlib.closing(engine(settings.engine)))
            yield Warehouse(
                settings.root,
                storage=storage_of(settings),
                engine=workers,
                bars_per_shard=settings.bars_per_shard,
                as_of=settings.as_of_label,
                is_synthetic=settings.source == "sample",
                keep_builds=settings.keep_builds,
                on_table=on_table,
            )

    return _open


@contextlib.contextmanager
def _marked(mark: Path) -> Iterator[None]:
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(str(os.getpid()), encoding="ascii")
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _fail_dead_runs(instance: dg.DagsterInstance, marks: Path) -> None:
    for mark in marks.glob("*"):
        if _is_alive(mark.read_text(encoding="ascii")):
            continue
        run = instance.get_run_by_id(mark.name)
        if run is not None and run.status in DEAD:
            instance.report_run_failed(run, "its process ended without a word")
        mark.unlink(missing_ok=True)


def _is_alive(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def materialized(
    warehouse: Warehouse,
    settings: Settings,
    written: Written,
    *,
    plan: Plan = NO_PLAN,
    left_out: pl.DataFrame = NOTHING,
) -> dg.MaterializeResult:
    """Judge a table that has a contract and has been written; the figures go to the UI.

    Args:
        left_out: what was refused of it: id, reason.
    """
    stats = written.stats
    table = warehouse.scan(stats.name)
    judged = checks.judged(warehouse, settings, stats.name, plan.checks, table)
    if checks.has_contract_check(stats.name):
        found = checks.contract(warehouse.files(stats.name), CONTRACTS[stats.name], stats.rows, left_out)
        judged.append(checks.result(settings, stats.name, checks.CONTRACT, found))
    return dg.MaterializeResult(
        asset_key=key(settings, stats.name),
        metadata={
            "dagster/row_count": stats.rows,
            "bytes": stats.bytes,
            "seconds": round(stats.read_seconds + stats.transform_seconds + stats.write_seconds, 3),
            **({"files": stats.files} if stats.files > 1 else {}),
            "preview": preview(written.tail),
            **(plan.chart.metadata(table) if plan.chart else {}),
        },
        check_results=judged,
    )


def preview(frame: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """The last rows as a Markdown table."""
    rows = frame.select(frame.columns[:PREVIEW_COLUMNS]).tail(TAIL_ROWS)
    lines = [rows.columns, ["---"] * rows.width, *([str(value) for value in row] for row in rows.iter_rows())]
    return dg.MetadataValue.md(
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    )


def table_asset(
    settings: Settings,
    name: str,
    inputs: Sequence[str],
    compute: Callable[..., pl.DataFrame],
    plan: Plan = NO_PLAN,
) -> dg.AssetsDefinition:
    """Return the asset of a table that is computed from other tables alone.

    Args:
        compute: takes the inputs; those kinds of it that pipeline/shards.py names are never given all of core.prices.
    """
    contract = CONTRACTS[name]

    @dg.asset(
        **identity(settings, name, inputs),
        kinds={"polars", "parquet"},
        description=described(contract),
        metadata=contract_metadata(contract),
        check_specs=checks.specs(settings, name, plan.checks),
    )
    def _asset(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        if isinstance(compute, PerSymbol):
            written = warehouse.write_shards(name, compute, plan.benchmarks)
            return materialized(warehouse, settings, written, plan=plan)
        started = time.perf_counter()
        frames = _read(warehouse, inputs, compute, plan)
        read = time.perf_counter()
        frame = _computed(warehouse, frames, compute, plan)
        written = warehouse.write(name, frame, seconds=(read - started, time.perf_counter() - read))
        left_out = plan.left_out(*frames) if plan.left_out else NOTHING
        return materialized(warehouse, settings, written, plan=plan, left_out=left_out)

    return _asset


def _read(
    warehouse: Warehouse, inputs: Sequence[str], compute: Callable[..., pl.DataFrame], plan: Plan
) -> list[pl.DataFrame]:
    """Return the inputs that are read here; what is sharded is read by whoever works on the shard."""
    if isinstance(compute, OfSymbols):
        return [warehouse.prices_of(compute.symbols), *map(warehouse.read, inputs[1:])]
    sharded = isinstance(compute, CrossSection | OfCaptures)
    return [warehouse.read(one, plan.columns.get(one)) for one in (inputs[1:] if sharded else inputs)]


def _computed(
    warehouse: Warehouse, frames: Sequence[pl.DataFrame], compute: Callable[..., pl.DataFrame], plan: Plan
) -> pl.DataFrame:
    if isinstance(compute, CrossSection):
        return warehouse.cross_section(compute, plan.benchmarks)
    if isinstance(compute, OfCaptures):
        return compute.reduce(warehouse.map_captures(compute.narrow), *frames)
    return compute(*frames)
