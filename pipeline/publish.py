"""Turn an unpublished build into the published one: the DuckDB catalogue, build.json, then one swap."""

import datetime as dt
import hashlib
import importlib.metadata
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipeline import sql_models
from pipeline.catalogue import load_tables, new_catalogue, quoted
from pipeline.descriptions import MADE_UP, Described, descriptions
from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, CATALOGUE, REPORT
from pipeline.settings import Settings
from pipeline.storage import content
from pipeline.tables import META, RAW, SCHEMA_VERSION
from pipeline.transforms.indicators.formulas import INDICATORS, Indicator
from pipeline.warehouse import Warehouse
from pipeline.writing import SYNTHETIC, column_text, column_texts, described

# of the columns that a SQL header gives no unit
KINDS = {
    "VARCHAR": "text",
    "DATE": "date",
    "BOOLEAN": "flag",
    "TIMESTAMP WITH TIME ZONE": "UTC instant",
    "BIGINT": "number",
}


def publish(
    warehouse: Warehouse,
    settings: Settings,
    models: Mapping[str, sql_models.Model],
    inputs: Mapping[str, Sequence[str]],
    run_id: str,
) -> Path:
    """Complete, describe and release the unpublished build; return the published folder.

    Args:
        inputs: of every table the tables it is computed from.

    Raises:
        RotationError: a table is missing, or stands beside a rebuilt table that it was not computed from.
    """
    started = time.perf_counter()
    tables = descriptions(models, inputs)
    carried = _carry_over(warehouse, tables, inputs)
    created_at = dt.datetime.now(dt.UTC)
    build_id = f"{created_at:%Y%m%dT%H%M%SZ}-{run_id[:8]}"
    build: dict[str, Any] = {
        "build_id": build_id,
        "created_at": created_at.isoformat(timespec="seconds"),
        "source": settings.source,
        "is_synthetic": settings.source == "sample",
        "as_of": settings.as_of.isoformat() if settings.as_of else None,
        "schema_version": SCHEMA_VERSION,
        "code_version": _code_version(),
        "lock_hash": _lock_hash(),
        "config_hash": _hash_files(_config_files(settings)),
        "input_hash": hashlib.sha256("".join(carried.captures.values()).encode()).hexdigest(),
        "captures": carried.captures,
        "storage": warehouse.published_at(build_id) if settings.storage else None,
        "tables": {**carried.tables, **warehouse.notes("table")},
        "ingest": warehouse.notes("ingest").get("captures", {}),
        "left_out": warehouse.notes("left_out").get("core", {}).get("lines", []),
        "warnings": {**carried.warnings, **{name: one for name, one in warehouse.notes("warnings").items() if one}},
        "run_id": run_id,
    }
    build["rows"] = sum(table["rows"] for table in build["tables"].values())
    _write_catalogue(warehouse, tables, build)
    build["catalogue_bytes"] = (warehouse.next / CATALOGUE).stat().st_size
    written = time.perf_counter()
    build["warnings"] |= _write_report(warehouse.next)
    build["report_bytes"] = (warehouse.next / REPORT).stat().st_size
    build["seconds"] = _seconds(
        warehouse.notes("table"),
        build["ingest"],
        publish=written - started,
        report=time.perf_counter() - written,
    )
    build["peak_memory_bytes"] = _peak_memory()
    (warehouse.next / BUILD_FILE).write_text(json.dumps(build, indent=2), encoding="utf-8")
    return warehouse.release(build["build_id"])


@dataclass(frozen=True)
class Carried:
    """What a publication takes over: figures and warnings of tables not rebuilt, and the captures behind its core."""

    tables: Mapping[str, Any]
    warnings: Mapping[str, Any]
    captures: Mapping[str, str]


def _carry_over(warehouse: Warehouse, tables: Mapping[str, Described], inputs: Mapping[str, Sequence[str]]) -> Carried:
    """After a partial run: copy the tables that were not rebuilt from the current build.

    A table that reads a rebuilt one, or captures that came since, must be rebuilt too: a publication never mixes two
    states of the data.
    """
    rebuilt = set(warehouse.notes("table"))  # not the files: a publication that failed half-way has copied some
    missing = [name for name in tables if name not in rebuilt]
    current = warehouse.current() if warehouse.as_of is None else None
    past = json.loads((current / BUILD_FILE).read_text(encoding="utf-8")) if current else {}
    read = {one for name in rebuilt for one in inputs[name]}
    captures = {
        name: digest if name in read or name not in past.get("captures", {}) else past["captures"][name]
        for name, digest in _captures(warehouse).items()
    }
    if missing and past and past["schema_version"] != SCHEMA_VERSION:
        raise RotationError("the current build has another layout of tables; run the whole build: rotation build")
    rebuilt |= {name for name, digest in captures.items() if past.get("captures", {}).get(name) != digest}
    for name in missing:
        if current is None or not warehouse.tables_of(current).table(name):
            raise RotationError(f"{name} has not been built yet; run the whole build first: rotation build")
    stale = {name: one for name in missing for one in inputs[name] if one in rebuilt}
    if stale:
        first, source = next(iter(stale.items()))
        others = f" (and {', '.join(sorted(set(stale) - {first}))})" if len(stale) > 1 else ""
        raise RotationError(
            f"{first} was computed from an earlier {source}; materialize {first}{others} too, then publish"
        )
    for name in missing:
        assert current is not None  # or the loop above had raised
        warehouse.carry_over(name, current)
    return Carried(
        tables={name: past["tables"][name] for name in missing},
        warnings={name: past["warnings"][name] for name in missing if name in past["warnings"]},
        captures=captures,
    )


def _captures(warehouse: Warehouse) -> dict[str, str]:
    """Hash of the files of every raw table."""
    return {f"raw.{table}": _hash_files(warehouse.capture_files(table)) for table in RAW}


def _write_catalogue(warehouse: Warehouse, tables: Mapping[str, Described], build: Mapping[str, Any]) -> None:
    """Write rotation.duckdb: every table with comments, and the meta schema."""
    largest_first = sorted(tables, key=lambda name: -build["tables"][name]["bytes"])
    with new_catalogue(warehouse.next / CATALOGUE) as con:
        load_tables(con, {name: warehouse.files(name) for name in largest_first})
        con.execute("begin")  # hundreds of comments, one commit
        for table in tables.values():
            _comment(con, table, synthetic=bool(build["is_synthetic"]))
        _write_meta(con, tables, build, warehouse.builds())
        con.execute("commit")


def _comment(con: duckdb.DuckDBPyConnection, table: Described, *, synthetic: bool) -> None:
    text = SYNTHETIC + table.description if synthetic else table.description
    con.execute(f"comment on table {table.name} is {quoted(text)}")
    for column in table.columns:
        comment = quoted(column_text(column.description, column.unit))
        con.execute(f'comment on column {table.name}."{column.name}" is {comment}')


def _write_meta(
    con: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Described],
    build: Mapping[str, Any],
    earlier: Iterable[Path],
) -> None:
    past = [json.loads((path / BUILD_FILE).read_text(encoding="utf-8")) for path in earlier]
    written = {
        "meta.tables": [_table_row(table, build) for table in tables.values()],
        "meta.columns": _column_rows(con, tables.values(), is_synthetic=bool(build["is_synthetic"])),
        "meta.indicators": [_indicator_row(indicator) for indicator in INDICATORS],
        "meta.builds": [_build_row(one) for one in [*past, build]],
    }
    for name, rows in written.items():
        contract = META[name]
        con.register("rows", pl.DataFrame(rows, schema=contract.create_empty().schema).to_arrow())
        con.execute(f"create table {name} as select * from rows")
        con.unregister("rows")
        con.execute(f"comment on table {name} is {quoted(described(contract))}")
        for column, text in column_texts(contract).items():
            con.execute(f'comment on column {name}."{column}" is {quoted(text)}')


def _table_row(table: Described, build: Mapping[str, Any]) -> dict[str, Any]:
    layer, name = table.name.split(".")
    figures = build["tables"][table.name]
    return {
        "layer": layer,
        "table_name": name,
        "description": table.description,
        "grain": ", ".join(table.grain),
        "known_date": table.known_date,
        "reads": ", ".join(table.reads),
        "is_synthetic": build["is_synthetic"],
        "rows": figures["rows"],
        "parquet_bytes": figures["bytes"],
        "schema_version": build["schema_version"],
    }


def _column_rows(
    con: duckdb.DuckDBPyConnection, tables: Iterable[Described], *, is_synthetic: bool
) -> list[dict[str, Any]]:
    types = dict(
        con.execute(
            "select schema_name || '.' || table_name || '.' || column_name, data_type from duckdb_columns() "
            "where database_name = 'rotation'"
        ).fetchall()
    )
    return [
        {
            "layer": table.name.split(".")[0],
            "table_name": table.name.split(".")[1],
            "position": position,
            "column_name": column.name,
            "type": types[f"{table.name}.{column.name}"],
            "unit": column.unit or KINDS[types[f"{table.name}.{column.name}"]],
            "grade": column.grade,
            "description": column.description,
            "definition": column.definition,
            "definition_source": column.definition_source,
            "is_key": column.name in table.grain,
            "repaints": column.repaints,
            "source": column.basis.source,
            "licence": MADE_UP if is_synthetic else column.basis.licence,
            "lineage": ", ".join(column.lineage) or None,
        }
        for table in tables
        for position, column in enumerate(table.columns, 1)
    ]


def _indicator_row(indicator: Indicator) -> dict[str, Any]:
    return {
        "indicator": indicator.name,
        "unit": indicator.unit,
        "grade": indicator.grade,
        "description": indicator.description,
        "definition_source": indicator.source,
    }


def _build_row(build: Mapping[str, Any]) -> dict[str, Any]:
    names = ("build_id", "source", "is_synthetic", "schema_version", "code_version")
    hashes = ("lock_hash", "config_hash", "input_hash")
    return {
        **{name: build[name] for name in names},
        "created_at": dt.datetime.fromisoformat(build["created_at"]),
        "as_of": build["as_of"] and dt.datetime.fromisoformat(build["as_of"]),
        **{name: build[name] for name in hashes},
        "tables": len(build["tables"]),
        "rows": sum(table["rows"] for table in build["tables"].values()),
    }


def _write_report(folder: Path) -> dict[str, dict[str, int]]:
    """Write report.html from the finished catalogue; return what of it could not be made, as the build's warnings."""
    from pipeline.report.page import write  # Altair takes half a second to import

    lines = write(folder / CATALOGUE, folder / REPORT)
    return {"report": dict.fromkeys(lines, 1)} if lines else {}


def _seconds(
    tables: Mapping[str, Any], ingest: Mapping[str, Any], *, publish: float, report: float
) -> dict[str, float]:
    """Where the time of a build went, by phase; Dagster's own share is what the command line adds."""
    phases = {
        phase: sum(table[f"{phase}_seconds"] for table in tables.values()) for phase in ("read", "transform", "write")
    }
    return {
        "ingest": round(ingest.get("seconds", 0.0), 2),
        **{phase: round(seconds, 2) for phase, seconds in phases.items()},
        "publish": round(publish, 2),
        "report": round(report, 2),
    }


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts KiB


def _code_version() -> str:
    """Version of the package, and the commit where it runs from a checkout."""
    version = importlib.metadata.version("rotation")
    checkout = Path(__file__).parent.parent
    if not (checkout / ".git").exists():
        return version
    described = subprocess.run(
        ["git", "-C", str(checkout), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return f"{version}+{described.stdout.strip()}" if described.returncode == 0 else version


def _lock_hash() -> str:
    """Hash of the versions of everything installed: what really ran, from a lock or not."""
    folders = (Path(folder) for folder in sys.path)  # names like polars-2.1.0.dist-info: no metadata need be parsed
    versions = sorted({one.name for folder in folders for one in folder.glob("*.dist-info")})
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()


def _config_files(settings: Settings) -> list[Path]:
    from pipeline import config

    folders = [config.DEFAULT_DIR, config.SAMPLE_DIR, *([settings.config_dir] if settings.config_dir else [])]
    written = sorted(path for kind in ("*.sql", "*.yaml") for path in sql_models.MODELS_DIR.parent.rglob(kind))
    return [path for folder in folders for path in sorted(folder.glob("*.yaml"))] + written


def _hash_files(files: Iterable[Path | str]) -> str:
    """Hash of the contents, in order."""
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(content(str(file))).digest())
    return total.hexdigest()
