"""A build on what was known at T against the full build: what the comparisons on made-up and on real data share.

Definitions, section 0, "known date".
"""

import datetime as dt
from collections.abc import Collection
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
from polars.testing import assert_frame_equal

from pipeline import sql_models
from pipeline.config import Config
from pipeline.contracts.core import SourceStatus
from pipeline.defs import derived
from pipeline.sources import Batch
from pipeline.tables import CONTRACTS
from pipeline.transforms import facts, futures, macro, prices, reference

Tables = dict[str, pl.DataFrame]
KNOWN_DATES = {name: contract.known_date for name, contract in CONTRACTS.items() if contract.known_date is not None}
MARTS = {f"marts.{name}": model for name, model in sql_models.load_models().items() if model.known_date is not None}
KNOWN_DATES |= {name: str(model.known_date) for name, model in MARTS.items()}
COMPARED = list(KNOWN_DATES)


def evening(day: dt.date) -> dt.datetime:
    """The instant that `--as-of` means by a day."""
    return dt.datetime.combine(day, dt.time(23, 59, 59), ZoneInfo("America/New_York")).astimezone(dt.UTC)


def built(batch: Batch, config: Config, until: dt.datetime) -> Tables:
    """Every table that has a known date, unrounded, as the graph computes it from what was known by `until`."""
    sessions = reference.sessions(until)
    meetings = futures.fomc_meetings(batch.fomc, config.fomc, until)
    tables = {
        "core.sessions": sessions,
        "core.prices": prices.prices(batch.prices, sessions, config.instruments).prices,
        "core.fed_funds_futures": futures.fed_funds_futures(batch.futures, until),
        "core.fomc_meetings": meetings,
        "core.macro_releases": macro.macro_releases(batch.macro, config.series, until, meetings),
        "core.fund_facts": facts.fund_facts(batch.facts, until),
    }
    for name, compute in derived.computations(config).items():
        tables[name] = compute(*(tables[one] for one in derived.INPUTS[name]))
    return tables | marts({**tables, **listed(tables, config)})


def listed(tables: Tables, config: Config) -> Tables:
    """What the marts take names and roles from."""
    latest = macro.macro_latest(tables["core.macro_releases"])
    status = SourceStatus.create_empty()
    return {
        "core.instruments": reference.instruments(tables["core.prices"], config.instruments, is_synthetic=False),
        "core.series": reference.series(latest, status, config.series, is_synthetic=False),
    }


def marts(tables: Tables) -> Tables:
    """The SQL models that have a known date."""
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        for name in sorted({one for model in MARTS.values() for one in model.inputs}):
            con.execute(f"create schema if not exists {name.split('.')[0]}")
            given = name.replace(".", "_")
            con.register(given, tables[name].to_arrow())
            con.execute(f"create view {name} as from {given}")
        return {name: sql_models.run(model, con).sort(model.grain) for name, model in MARTS.items()}


def assert_no_look_ahead(full: Tables, cut: Tables, day: dt.date, *, may_be_empty: Collection[str] = ()) -> None:
    """The build on data up to the evening of `day` is the full build, restricted to what was known then, exactly."""
    for name in COMPARED:
        expected = settled(name, full, day)
        assert expected.height or name in may_be_empty, f"{name}: nothing to compare on {day}"
        try:
            assert_frame_equal(settled(name, cut, day), expected, check_exact=True)
        except AssertionError as error:
            raise AssertionError(f"{name} looks ahead at {day}: {error}") from error


def settled(name: str, tables: Tables, day: dt.date) -> pl.DataFrame:
    """Rows known by the evening of `day`.

    A date that a later session fills in is NULL where it is later; a flag or a rank that later data change is left out.
    """
    table, known_date = tables[name], KNOWN_DATES[name]
    known = pl.col(known_date)
    if "vintage" in table.columns:
        table = table.filter(pl.col("vintage") == "realtime")  # `latest` is restated by design
    table = table.filter(known <= (day if table.schema[known_date] == pl.Date else evening(day)))
    filled_in = [one for one in repainted(name) if table.schema[one] == pl.Date]
    raised = [one for one in repainted(name) if table.schema[one] in (pl.Boolean, pl.Int64)]
    return table.with_columns(pl.when(pl.col(name) <= day).then(name).alias(name) for name in filled_in).drop(raised)


def repainted(name: str) -> list[str]:
    """Columns that later data restate in known rows."""
    if name in MARTS:
        return [column.name for column in MARTS[name].columns if column.repaints]
    return [column for column, spec in CONTRACTS[name].columns().items() if (spec.metadata or {}).get("repaints")]
