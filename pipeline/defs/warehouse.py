"""The warehouse as a Dagster resource, and how an asset writes a table through it."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from pipeline.contracts.columns import Table
from pipeline.settings import Settings
from pipeline.tables import CONTRACTS
from pipeline.warehouse import Warehouse, described, locked

PREVIEW_ROWS, PREVIEW_COLUMNS = 5, 10
DEAD = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def key(settings: Settings, name: str) -> dg.AssetKey:
    """Asset key of a table: source, layer, table. Provenances never share a history."""
    return dg.AssetKey([settings.source, *name.split(".")])


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
    warehouse: Warehouse, name: str, inputs: Sequence[str], compute: Callable[..., pl.DataFrame]
) -> dg.MaterializeResult:
    """Read the inputs, compute, write one table; the figures go to build.json and to the UI."""
    started = time.perf_counter()
    frames = [warehouse.read(one) for one in inputs]
    read = time.perf_counter()
    frame = compute(*frames)
    done = time.perf_counter()
    stats = warehouse.write(name, frame, read_seconds=read - started, transform_seconds=done - read)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": stats.rows,
            "bytes": stats.bytes,
            "seconds": stats.read_seconds + stats.transform_seconds + stats.write_seconds,
            "preview": preview(frame),
        }
    )


def preview(frame: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """The last rows as a Markdown table."""
    rows = frame.select(frame.columns[:PREVIEW_COLUMNS]).tail(PREVIEW_ROWS)
    lines = [rows.columns, ["---"] * rows.width, *([str(value) for value in row] for row in rows.iter_rows())]
    return dg.MetadataValue.md(
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    )


def contract_metadata(contract: type[Table]) -> dict[str, dg.TableSchema]:
    """The contract as Dagster shows it."""
    columns = [
        dg.TableColumn(name=name, type=str(spec.dtype), description=spec.description)
        for name, spec in contract.columns().items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def table_asset(
    settings: Settings, name: str, inputs: Sequence[str], compute: Callable[..., pl.DataFrame]
) -> dg.AssetsDefinition:
    """Return the asset of a table that is computed from other tables alone."""
    contract = CONTRACTS[name]
    layer = name.split(".")[0]

    @dg.asset(
        key=key(settings, name),
        deps=[key(settings, one) for one in inputs],
        group_name=layer,
        kinds={"polars", "parquet"},
        description=described(contract),
        metadata=contract_metadata(contract),
    )
    def _asset(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
        return written(warehouse, name, inputs, compute)

    return _asset
