"""A build on what was known at T against the full build: what the comparisons on made-up and on real data share.

Definitions, section 0, "known date".
"""

import datetime as dt
from collections.abc import Collection
from zoneinfo import ZoneInfo

import polars as pl
from polars.testing import assert_frame_equal

from pipeline.config import Config
from pipeline.defs import derived
from pipeline.sources import Batch
from pipeline.tables import CONTRACTS
from pipeline.transforms import facts, futures, macro, prices, reference

Tables = dict[str, pl.DataFrame]
COMPARED = [name for name, contract in CONTRACTS.items() if contract.known_date is not None]


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
    return tables


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

    A date that a later session fills in is NULL where it is later, and a flag that later data raise is left out.
    """
    table, contract = tables[name], CONTRACTS[name]
    known = pl.col(str(contract.known_date))
    if "vintage" in table.columns:
        table = table.filter(pl.col("vintage") == "realtime")  # `latest` is restated by design
    table = table.filter(known <= (day if table.schema[str(contract.known_date)] == pl.Date else evening(day)))
    repainted = [name for name, spec in contract.columns().items() if (spec.metadata or {}).get("repaints")]
    filled_in = [name for name in repainted if table.schema[name] == pl.Date]
    raised = [name for name in repainted if table.schema[name] == pl.Boolean]
    return table.with_columns(pl.when(pl.col(name) <= day).then(name).alias(name) for name in filled_in).drop(raised)
