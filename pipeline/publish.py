"""Turn an unpublished build into the published one: the DuckDB catalogue, build.json, then one swap."""

import datetime as dt
import hashlib
import importlib.metadata
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dataframely as dy
import duckdb
import polars as pl

from pipeline import sql_models
from pipeline.contracts.columns import Table
from pipeline.errors import RotationError
from pipeline.layout import BUILD_FILE, CATALOGUE
from pipeline.settings import Settings
from pipeline.tables import CONTRACTS, RAW, SCHEMA_VERSION
from pipeline.transforms.indicators.formulas import INDICATORS
from pipeline.warehouse import SYNTHETIC, Warehouse, column_text, described

STORAGE_VERSION = "v1.4.0"  # files in the storage format of DuckDB 2 do not open in 1.x clients
MEMORY_LIMIT = "1GB"
UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Described:
    """What meta.tables and meta.columns say of one table."""

    name: str
    description: str
    grain: tuple[str, ...]
    known_date: str | None
    columns: tuple[dict[str, Any], ...]


def descriptions(models: Mapping[str, sql_models.Model]) -> dict[str, Described]:
    """Every published table, core and derived from contracts, marts from their SQL headers."""
    from_contracts = {
        name: Described(
            name=name,
            description=described(contract),
            grain=tuple(contract.primary_key()) or GRAINS[name],
            known_date=contract.known_date,
            columns=tuple(_column(column, spec, contract) for column, spec in contract.columns().items()),
        )
        for name, contract in CONTRACTS.items()
    }
    from_sql = {
        f"marts.{model.name}": Described(
            name=f"marts.{model.name}",
            description=model.description,
            grain=model.grain,
            known_date=None,
            columns=tuple(
                {
                    "name": c.name,
                    "description": c.description,
                    "unit": c.unit,
                    "grade": c.grade,
                    "source": None,
                    "repaints": None,
                }
                for c in model.columns
            ),
        )
        for model in models.values()
    }
    return {**from_contracts, **from_sql}


# tables whose key holds a column that may be NULL, which a contract's primary key cannot
GRAINS = {
    "derived.records": ("symbol", "benchmark", "basis", "measure", "direction", "session_date"),
    "derived.seasonality": ("symbol", "benchmark", "basis", "bucket_type", "bucket"),
    "derived.seasonality_years": ("symbol", "benchmark", "basis", "bucket_type", "bucket", "year"),
    "derived.event_studies": ("event_type", "event_date", "symbol", "benchmark", "offset"),
    "core.rejects": ("origin", "line", "reason", "excerpt"),
}


META = {
    "tables": "Every published table: what it is, its grain, rows and version.",
    "columns": "Every published column: type, unit, grade and description.",
    "indicators": "Every indicator of derived.macro_indicators: unit, grade and description.",
    "builds": "This build (the last row) and the builds that were kept when it was made.",
}
META_COLUMNS = {
    "layer": "Schema: core, derived or marts.",
    "table_name": "Table.",
    "description": "What it is.",
    "grain": "Columns that identify a row.",
    "known_date": "Column from whose day or instant a row is known; NULL: the table has none.",
    "is_synthetic": "TRUE for made-up data of the sample source.",
    "rows": "Rows, of a build all tables together.",
    "parquet_bytes": "Size of the Parquet file.",
    "schema_version": "Goes up when a published column vanishes, changes its type or its meaning.",
    "position": "Place of the column in its table, from 1.",
    "column_name": "Column.",
    "type": "Type in DuckDB.",
    "unit": "Unit of a figure, or kind of the values; NULL: no figure.",
    "grade": "exact, ours, reconstruction, proxy or snapshot.",
    "definition_source": "Who defined the figure, where it was not us.",
    "is_key": "TRUE for a column of the grain.",
    "repaints": "FALSE: later sessions and releases leave a known row as it is (tested), a split too but for rounding; "
    "TRUE: a split, a revision or a later session restates it; NULL: a mart, see the columns it reads. A bar that the "
    "source corrects (core.capture_edits) changes whatever reads it.",
    "indicator": "Name in derived.macro_indicators.",
    "build_id": "Build: instant of its publication, and the first characters of its run.",
    "source": "Source of the data: sample, files or live.",
    "code_version": "Version of the program, with the commit where it ran from a checkout.",
    "created_at": "Instant of the publication.",
    "as_of": "Instant of a replay; NULL: everything known.",
    "lock_hash": "SHA-256 of the versions of all installed packages.",
    "config_hash": "SHA-256 of the config files, SQL models, measures and claims.",
    "input_hash": "SHA-256 of the captures.",
    "tables": "How many tables the build has.",
}


def _column(name: str, spec: dy.Column, contract: type[Table]) -> dict[str, Any]:
    metadata = spec.metadata or {}
    if not spec.description:
        raise RotationError(f"column {name} has no description in its contract; add one, it is published")
    return {
        "name": name,
        "description": spec.description,
        "unit": metadata.get("unit"),
        "grade": metadata.get("grade", "exact"),
        "source": metadata.get("source"),
        "repaints": not spec.primary_key and (contract.known_date is None or metadata.get("repaints", False)),
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
    tables = descriptions(models)
    carried = _carry_over(warehouse, tables, inputs)
    created_at = dt.datetime.now(dt.UTC)
    build: dict[str, Any] = {
        "build_id": f"{created_at:%Y%m%dT%H%M%SZ}-{run_id[:8]}",
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
        "tables": {**carried.tables, **warehouse.notes("table")},
        "ingest": warehouse.notes("ingest").get("captures", {}),
        "left_out": warehouse.notes("left_out").get("core", {}).get("lines", []),
        "warnings": {**carried.warnings, **{name: one for name, one in warehouse.notes("warnings").items() if one}},
        "run_id": run_id,
    }
    build["rows"] = sum(table["rows"] for table in build["tables"].values())
    _write_catalogue(warehouse, tables, build)
    build["catalogue_bytes"] = (warehouse.next / CATALOGUE).stat().st_size
    build["seconds"] = _seconds(warehouse.notes("table"), build["ingest"], publishing=time.perf_counter() - started)
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
        if current is None or not _file(current, name).is_file():
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
        _file(warehouse.next, name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_file(current, name), _file(warehouse.next, name))
    return Carried(
        tables={name: past["tables"][name] for name in missing},
        warnings={name: past["warnings"][name] for name in missing if name in past["warnings"]},
        captures=captures,
    )


def _captures(warehouse: Warehouse) -> dict[str, str]:
    """Hash of the files of every raw table."""
    return {f"raw.{table}": _hash_files(warehouse.capture_files(table)) for table in RAW}


def _file(build: Path, name: str) -> Path:
    layer, table = name.split(".")
    return build / layer / f"{table}.parquet"


def _write_catalogue(warehouse: Warehouse, tables: Mapping[str, Described], build: Mapping[str, Any]) -> None:
    """Write rotation.duckdb: every table with comments, and the meta schema. Tables, not views over Parquet."""
    path = warehouse.next / CATALOGUE
    path.unlink(missing_ok=True)
    with duckdb.connect() as con:
        con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        con.execute(f"set temp_directory = {quoted(str(warehouse.next / 'spill'))}")
        con.execute(f"attach {quoted(str(path))} as rotation (storage_version {quoted(STORAGE_VERSION)})")
        con.execute("use rotation")
        for schema in ("core", "derived", "marts", "meta"):
            con.execute(f"create schema {schema}")
        # a table keeps little more than one core busy: two at a time, the largest first
        files = sorted((_file(warehouse.next, name) for name in tables), key=lambda file: -file.stat().st_size)
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda file: _load(con.cursor(), file), files))
        con.execute("begin")  # hundreds of comments, one commit
        for table in tables.values():
            _comment(con, table, synthetic=bool(build["is_synthetic"]))
        _write_meta(con, tables, build, warehouse.builds())
        con.execute("commit")
    shutil.rmtree(warehouse.next / "spill", ignore_errors=True)


def _load(con: duckdb.DuckDBPyConnection, file: Path) -> None:
    con.execute("use rotation")
    con.execute(f"create table {file.parent.name}.{file.stem} as select * from {read_parquet(file)}")


def _comment(con: duckdb.DuckDBPyConnection, table: Described, *, synthetic: bool) -> None:
    text = SYNTHETIC + table.description if synthetic else table.description
    con.execute(f"comment on table {table.name} is {quoted(text)}")
    for column in table.columns:
        comment = quoted(column_text(column["description"], column["unit"]))
        con.execute(f'comment on column {table.name}."{column["name"]}" is {comment}')


def _write_meta(
    con: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Described],
    build: Mapping[str, Any],
    earlier: Iterable[Path],
) -> None:
    figures = build["tables"]
    table_rows = pl.DataFrame(
        [
            {
                "layer": table.name.split(".")[0],
                "table_name": table.name.split(".")[1],
                "description": table.description,
                "grain": ", ".join(table.grain),
                "known_date": table.known_date,
                "is_synthetic": build["is_synthetic"],
                "rows": figures[table.name]["rows"],
                "parquet_bytes": figures[table.name]["bytes"],
                "schema_version": build["schema_version"],
            }
            for table in tables.values()
        ],
        schema_overrides={"known_date": pl.String},
    )
    types = dict(
        con.execute(
            "select schema_name || '.' || table_name || '.' || column_name, data_type from duckdb_columns() "
            "where database_name = 'rotation'"
        ).fetchall()
    )
    column_rows = pl.DataFrame(
        [
            {
                "layer": table.name.split(".")[0],
                "table_name": table.name.split(".")[1],
                "position": position,
                "column_name": column["name"],
                "type": types[f"{table.name}.{column['name']}"],
                "unit": column["unit"],
                "grade": column["grade"],
                "description": column["description"],
                "definition_source": column["source"],
                "is_key": column["name"] in table.grain,
                "repaints": column["repaints"],
            }
            for table in tables.values()
            for position, column in enumerate(table.columns, 1)
        ],
        schema_overrides={"definition_source": pl.String, "unit": pl.String, "repaints": pl.Boolean},
    )
    indicator_rows = pl.DataFrame(
        [
            {
                "indicator": one.name,
                "unit": one.unit,
                "grade": one.grade,
                "description": one.description,
                "definition_source": one.source,
            }
            for one in INDICATORS
        ],
        schema_overrides={"definition_source": pl.String},
    )
    past = [json.loads((path / BUILD_FILE).read_text(encoding="utf-8")) for path in earlier]
    build_rows = pl.DataFrame(
        [_build_row(one) for one in [*past, build]],
        schema_overrides={"created_at": UTC, "as_of": UTC},
    )
    written = {"tables": table_rows, "columns": column_rows, "indicators": indicator_rows, "builds": build_rows}
    for name, rows in written.items():
        con.register("rows", rows.to_arrow())
        con.execute(f"create table meta.{name} as select * from rows")
        con.unregister("rows")
        con.execute(f"comment on table meta.{name} is {quoted(META[name])}")
        for column in rows.columns:
            con.execute(f'comment on column meta.{name}."{column}" is {quoted(META_COLUMNS[column])}')


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


def _seconds(tables: Mapping[str, Any], ingest: Mapping[str, Any], *, publishing: float) -> dict[str, float]:
    """Where the time of a build went, by phase; Dagster's own share is what the command line adds."""
    phases = {
        phase: sum(table[f"{phase}_seconds"] for table in tables.values()) for phase in ("read", "transform", "write")
    }
    return {
        "ingest": round(ingest.get("seconds", 0.0), 2),
        **{phase: round(seconds, 2) for phase, seconds in phases.items()},
        "publish": round(publishing, 2),
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
    versions = sorted(f"{d.name}=={d.version}" for d in importlib.metadata.distributions())
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()


def _config_files(settings: Settings) -> list[Path]:
    from pipeline import config

    folders = [config.DEFAULT_DIR, config.SAMPLE_DIR, *([settings.config_dir] if settings.config_dir else [])]
    written = sorted(path for kind in ("*.sql", "*.yaml") for path in sql_models.MODELS_DIR.parent.rglob(kind))
    return [path for folder in folders for path in sorted(folder.glob("*.yaml"))] + written


def _hash_files(paths: Iterable[Path]) -> str:
    """Hash of the contents, in order."""
    total = hashlib.sha256()
    for path in paths:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def quoted(text: str) -> str:
    """Return an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def read_parquet(path: Path) -> str:
    """Return the SQL that reads one Parquet file, also where its path holds characters that mean a pattern."""
    return f"read_parquet({quoted(''.join(f'[{one}]' if one in '*?[' else one for one in str(path)))})"
