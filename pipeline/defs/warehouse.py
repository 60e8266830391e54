"""The warehouse as a Dagster resource, and how an asset writes a table through it."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl

from pipeline.defs import checks
from pipeline.defs.charts import Chart
from pipeline.defs.checks import Check
from pipeline.defs.schemas import contract_metadata, identity, key
from pipeline.settings import Settings
from pipeline.tables import CONTRACTS
from pipeline.transforms.upkeep import NOTHING
from pipeline.warehouse import Warehouse, described, locked

PREVIEW_ROWS, PREVIEW_COLUMNS = 5, 10
DEAD = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True)
class Plan:
    """What an asset does with its table beside writing it; `left_out` names what of its inputs it leaves out."""

    checks: Sequence[Check] = ()
    chart: Chart | None = None
    left_out: Callable[..., pl.DataFrame] | None = None


NO_PLAN = Plan()


def warehouse_resource(settings: Settings, on_table: Callable[[str], None] | None = None) -> dg.ResourceDefinition:
    """Open the warehouse for a whole run, under the lock of its source.

    A run leaves its process id in `runs/` while it lasts. Who finds one there whose process is gone marks that run
    failed: a run that looks alive for ever would hold up Dagster's queue.
    """

    @dg.resource(description="The warehouse of one source, locked for the run.")
    def _open(context: dg.InitResourceContext) -> Iterator[Warehouse]:
        with contextlib.ExitStack() as stack:
            if context.instance is not None and context.run is not None and settings.as_of is None:
                stack.enter_context(_marked(settings.root / "runs" / context.run.run_id))
            stack.enter_context(locked(settings.root))
            if context.instance is not None and settings.as_of is None:
                _fail_dead_runs(context.instance, settings.root / "runs")
            yield Warehouse(
                settings.root,
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


def written(
    warehouse: Warehouse,
    settings: Settings,
    name: str,
    frame: pl.DataFrame,
    *,
    seconds: tuple[float, float] = (0.0, 0.0),
    plan: Plan = NO_PLAN,
    left_out: pl.DataFrame = NOTHING,
) -> dg.MaterializeResult:
    """Write a table that has a contract, and judge it; the figures go to build.json and to the UI.

    Args:
        seconds: what reading and computing took.
        left_out: what was refused of it: id, reason.
    """
    stats = warehouse.write(name, frame, read_seconds=seconds[0], transform_seconds=seconds[1])
    judged = checks.judged(warehouse, settings, name, plan.checks, frame)
    if checks.has_contract_check(name):
        found = checks.contract(warehouse.path(name), CONTRACTS[name], frame.height, left_out)
        judged.append(checks.result(settings, name, checks.CONTRACT, found))
    frame = frame.select(CONTRACTS[name].column_names())  # transforms may leave their own columns in it
    return dg.MaterializeResult(
        asset_key=key(settings, name),
        metadata={
            "dagster/row_count": stats.rows,
            "bytes": stats.bytes,
            "seconds": round(stats.read_seconds + stats.transform_seconds + stats.write_seconds, 3),
            "preview": preview(frame),
            **(plan.chart.metadata(frame) if plan.chart else {}),
        },
        check_results=judged,
    )


def preview(frame: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """The last rows as a Markdown table."""
    rows = frame.select(frame.columns[:PREVIEW_COLUMNS]).tail(PREVIEW_ROWS)
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
    """Return the asset of a table that is computed from other tables alone."""
    contract = CONTRACTS[name]

    @dg.asset(
        **identity(settings, name, inputs),
        kinds={"polars", "parquet"},
        description=described(contract),
        metadata=contract_metadata(contract),
        check_specs=checks.specs(settings, name, plan.checks),
    )
    def _asset(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        started = time.perf_counter()
        frames = [warehouse.read(one) for one in inputs]
        read = time.perf_counter()
        frame = compute(*frames)
        seconds = (read - started, time.perf_counter() - read)
        left_out = plan.left_out(*frames) if plan.left_out else NOTHING
        return written(warehouse, settings, name, frame, seconds=seconds, plan=plan, left_out=left_out)

    return _asset
