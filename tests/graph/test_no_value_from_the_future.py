"""No row of a derived or mart table uses a value that was not public at the row's own instant.

Draw an instant T, falsify (or take away) every macro value and every fact that became public after it, compute
everything again as the graph does: each row that was known by T must still be there, unchanged.
"""

import datetime as dt
import functools
import random
from collections.abc import Mapping, Sequence

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from polars import selectors

from pipeline import calendar, config, sql_models
from pipeline.contracts import core as core_contracts
from pipeline.contracts import raw
from pipeline.defs import core, derived
from pipeline.tables import CONTRACTS
from pipeline.transforms import facts, futures, macro, prices, reference

# what is only known from some instant on, and every table that reads it, directly or through others, with the column
# from whose day or instant its rows are known
DATED = {"core.macro_releases", "core.macro_latest", "core.fund_facts"}
KNOWN = {
    "derived.yield_curve_status": "available_at",
    "derived.yield_curve_inversions": "available_at",
    "derived.valuation_gap": "session_date",
    "derived.macro_indicators": "available_at",
    "derived.credit_regime": "available_at",
    "derived.fomc_odds": "quoted_on",
    "derived.event_studies": "known_on",
    "marts.rotation_daily": "close_at",
    "marts.inversion_history": "available_at",
    "marts.valuation_gap_now": "session_date",
}
# Marts that show the state at the build, whose rows are restated by design: what they say of single rows of another
# table, and the columns of that table.
STATES: dict[str, tuple[str, dict[str, str]]] = {
    "marts.curve_now": (
        "derived.yield_curve_status",
        {name: name for name in ("curve", "observed_on", "available_at", "spread_pp", "state", "days_in_state")},
    ),
    "marts.credit_now": (
        "derived.credit_regime",
        {name: name for name in ("measure", "observed_on", "available_at", "level_pct", "raw_regime", "regime")},
    ),
    "marts.macro_dashboard": (
        "derived.macro_indicators",
        {
            "indicator": "indicator",
            "observed_on": "observed_on",
            "first_published_value": "value",
            "first_published_at": "available_at",
        },
    ),
    "marts.freshness": (
        "core.macro_releases",
        {"id": "series_id", "last_day": "observed_on", "last_available_at": "available_at"},
    ),
}

FIRST, LAST = dt.date(2019, 3, 1), dt.date(2020, 1, 31)  # the curve is known the same evening since 2019-06-21
NOW = dt.datetime(2020, 2, 3, 12, tzinfo=dt.UTC)
CUTS = (dt.date(2019, 8, 1), dt.date(2019, 9, 19), dt.date(2019, 10, 31))  # days on which FRED has a lower target
SYMBOLS = ("IWM", "SPY", "QQQ", "IVW", "IWN", "IVE")
CONFIG = config.load()
MODELS = sql_models.load_models()
INPUTS: dict[str, Sequence[str]] = {**core.INPUTS, **derived.INPUTS}
INPUTS |= {f"marts.{name}": model.inputs for name, model in MODELS.items()}  # a model comes after those that it reads
Tables = dict[str, pl.DataFrame]


def readers(inputs: Mapping[str, Sequence[str]]) -> set[str]:
    """Derived and mart tables that read dated values, directly or through other tables."""
    found: set[str] = set(DATED)
    while more := {name for name, read in inputs.items() if name not in found and found & set(read)}:
        found |= more
    return {name for name in found if not name.startswith("core.")}


def test_every_table_that_reads_dated_values_takes_part() -> None:
    listed = {*KNOWN, *STATES}
    assert readers(INPUTS) == listed
    assert readers({**INPUTS, "derived.new": ("core.macro_latest",)}) == {*listed, "derived.new"}
    assert readers({**INPUTS, "marts.new": ("derived.valuation_gap",)}) == {*listed, "marts.new"}


@pytest.mark.parametrize("name", [name for name in KNOWN if name in CONTRACTS])
def test_rows_are_compared_by_the_known_date_of_their_contract(name: str) -> None:
    assert CONTRACTS[name].known_date == KNOWN[name]


# --- small made-up data, with revisions, told days, late values and evening snapshots ------------------------------


def bars(chance: random.Random) -> pl.DataFrame:
    """raw.price_captures of a few funds."""
    rows = []
    for symbol in SYMBOLS:
        close = 100.0
        for day in session_days():
            close *= 1 + chance.gauss(0, 0.01)
            flat = dict.fromkeys(("open", "high", "low", "close"), close)
            rows.append({"symbol": symbol, "session_date": day, **flat, "dividend": 0.0, "split_ratio": 1.0})
    return captured(raw.PriceCapture, rows)


def observations(chance: random.Random) -> pl.DataFrame:
    """raw.macro_captures: curves under water for weeks at a time, and revised; a credit spread dated by its source."""
    rows = []
    for number, day in enumerate(session_days()):
        wave = 0.6 * (1 if number // 40 % 2 else -1) + chance.gauss(0, 0.3)
        for series_id, value in (("T10Y2Y", wave), ("T10Y3M", wave - 0.1), ("DGS10", 2 + wave / 2)):
            row = {"series_id": series_id, "observed_on": day, "value": round(value, 2), "is_vintage": False}
            late = chance.random() < 0.03  # the source says that it came days later
            told = day + dt.timedelta(days=chance.randint(2, 6)) if late else None
            rows.append({**row, "vintage_on": told})
            if chance.random() < 0.1:
                after = NOW - dt.timedelta(days=chance.randint(0, 300))
                rows.append({**row, "value": round(value + 0.5, 2), "captured_at": max(after, evening(day))})
        told = day
        for _ in range(chance.choice((1, 1, 2, 3))):
            told += dt.timedelta(days=chance.choice((1, 1, 3, 10)))
            value = round(4 + chance.gauss(0, 0.5), 2) if chance.random() < 0.9 else None
            credit = {"series_id": "BAMLH0A0HYM2", "observed_on": day, "value": value, "is_vintage": True}
            rows.append({**credit, "vintage_on": told, "captured_at": evening(told)})
    rows += policy(chance) + unemployment(chance)
    return captured(raw.MacroCapture, rows)


def policy(chance: random.Random) -> list[dict]:
    """Rows of the target and of the effective rate: a rise in May 2019, and cuts from July on."""
    rows = []
    for day in session_days():
        target = 2.25 + 0.25 * (day >= dt.date(2019, 5, 2)) - 0.25 * sum(day >= cut for cut in CUTS)
        for series_id, value in (("DFEDTARU", target), ("EFFR", target - 0.1 + chance.gauss(0, 0.01))):
            rows.append({"series_id": series_id, "observed_on": day, "value": round(value, 2), "is_vintage": False})
    return rows


def unemployment(chance: random.Random) -> list[dict]:
    """Rows of monthly rates that are told on the 5th of the next month, and revised twice."""
    rows = []
    for number in range(36):
        month = dt.date(2017 + number // 12, number % 12 + 1, 1)
        for late in (35, 65, 400):
            told = month + dt.timedelta(days=late)
            row = {"series_id": "UNRATE", "observed_on": month, "value": round(chance.uniform(3, 5), 1)}
            rows.append({**row, "is_vintage": True, "vintage_on": told, "captured_at": evening(told)})
    return [row for row in rows if row["captured_at"] <= NOW]


def settlements(chance: random.Random) -> pl.DataFrame:
    """raw.futures_captures of the months of the window and the next three."""
    months = [(2019 + number // 12, number % 12) for number in range(2, 16)]
    rows = []
    for year, month in months:
        for day in session_days():
            if day <= dt.date(year, month + 1, 28):
                row = {"contract": f"ZQ{'FGHJKMNQUVXZ'[month]}{year % 100}", "session_date": day}
                rows.append({**row, "close": round(97.9 + chance.gauss(0, 0.1), 3)})
    return captured(raw.FuturesCapture, rows)


def snapshots(chance: random.Random) -> pl.DataFrame:
    """raw.fact_captures before or after the close of most days, with a gap of more than a month."""
    rows = []
    for symbol in ("IVW", "IWN", "IVE"):
        for day in session_days():
            if chance.random() < 0.8 and not 60 <= (day - FIRST).days < 100:
                at = dt.datetime.combine(day, dt.time(chance.choice((15, 23))), dt.UTC)
                row = {"symbol": symbol, "quoted_on": day, "trailing_pe": round(chance.uniform(10, 40), 2)}
                rows.append({**row, "captured_at": at})
    return captured(raw.FactCapture, rows)


def session_days() -> list[dt.date]:
    return calendar.sessions().filter(pl.col("session_date").is_between(FIRST, LAST))["session_date"].to_list()


def evening(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(23), dt.UTC)


def captured(contract: type, rows: list[dict]) -> pl.DataFrame:
    """Complete the rows of a capture table; what a row does not say is NULL, and received at NOW."""
    empty = contract.create_empty()
    stamp = {"captured_at": NOW, "source": "files", "origin": "made up"}
    return pl.DataFrame([{**stamp, **row} for row in rows], schema=empty.schema)


# --- the graph, in memory ---------------------------------------------------------------------------------------------


@functools.cache
def base() -> Tables:
    """Every table that matters, from captures on, the marts included."""
    chance = random.Random(20240716)
    meetings = futures.fomc_meetings(raw.FomcCapture.create_empty(), CONFIG.fomc)
    releases = macro.macro_releases(observations(chance), CONFIG.series, meetings=meetings)
    sessions = reference.sessions(NOW).filter(pl.col("session_date") >= FIRST)
    bar = prices.prices(bars(chance), sessions, CONFIG.instruments).prices
    tables = {
        "core.sessions": sessions,
        "core.prices": bar,
        "core.instruments": reference.instruments(bar, CONFIG.instruments, is_synthetic=False),
        "core.macro_releases": releases,
        "core.fomc_meetings": meetings,
        "core.fed_funds_futures": futures.fed_funds_futures(settlements(chance)),
        "core.fund_facts": facts.fund_facts(snapshots(chance)),
    }
    return computed(tables, [name for name in INPUTS if not name.startswith("core.")])


def computed(tables: Tables, names: Sequence[str]) -> Tables:
    """Compute tables anew, in the order of the graph, from those given."""
    tables = dict(tables)
    tables["core.macro_latest"] = latest = macro.macro_latest(tables["core.macro_releases"])
    nothing = core_contracts.SourceStatus.create_empty()
    tables["core.source_status"] = nothing
    tables["core.series"] = reference.series(latest, nothing, CONFIG.series, is_synthetic=False)
    compute = derived.computations(CONFIG)
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        for name in names:
            if name in compute:
                tables[name] = compute[name](*(tables[one] for one in INPUTS[name]))
            else:
                tables[name] = mart(con, name, tables)
    return tables


def mart(con: duckdb.DuckDBPyConnection, name: str, tables: Tables) -> pl.DataFrame:
    model = MODELS[name.removeprefix("marts.")]
    for one in model.inputs:
        layer, table = one.split(".")
        con.execute(f"create schema if not exists {layer}")
        con.register("given", tables[one].to_arrow())
        con.execute(f"create or replace table {layer}.{table} as from given")
        con.unregister("given")
    return sql_models.run(model, con)


def known_by(instant: dt.datetime, name: str, tables: Tables) -> pl.DataFrame:
    """Rows that were known by an instant, as far as nothing later changes them; unsettled rows are not."""
    table, column = tables[name], KNOWN[name]
    if "vintage" in table.columns:
        table = table.filter(pl.col("vintage") == "realtime")  # `latest` is restated by design
    table = table.select(lasting(name))
    if column in ("session_date", "quoted_on", "known_on"):
        days = base()["core.sessions"].filter(pl.col("close_at") <= instant)
        return table.join(days, left_on=column, right_on="session_date", how="semi")
    return table.filter(pl.col(column) <= instant)


def lasting(name: str) -> list[str]:
    """Columns of a table that nothing later changes."""
    columns = CONTRACTS[name].columns() if name in CONTRACTS else dict.fromkeys(base()[name].columns)
    return [column for column, spec in columns.items() if spec is None or not (spec.metadata or {}).get("repaints")]


def falsified(instant: dt.datetime, by: float | None) -> Tables:
    """The base with every value that became public after `instant` changed by a number, or taken away (None)."""
    late = pl.col("available_at") > instant
    tables = dict(base())
    for name, column in (("core.macro_releases", "value"), ("core.fund_facts", "trailing_pe")):
        changed = pl.when(late).then(pl.col(column).fill_null(0.0) + by).otherwise(column)
        tables[name] = tables[name].filter(~late) if by is None else tables[name].with_columns(changed.alias(column))
    return computed(tables, [one for one in INPUTS if one in KNOWN or one in STATES])


def shown(name: str, tables: Tables) -> pl.DataFrame:
    """What a mart of `STATES` says of rows of another table, in that table's columns."""
    _, columns = STATES[name]
    rows = tables[name]
    rows = rows.filter(pl.col("dataset") == "macro") if "dataset" in rows.columns else rows
    return rows.select(pl.col(column).alias(of) for column, of in columns.items()).drop_nulls("available_at")


def truth(name: str, instant: dt.datetime) -> pl.DataFrame:
    """The rows of that table that were known by an instant, as published."""
    table, columns = STATES[name]
    rows = base()[table].filter(pl.col("available_at") <= instant)
    rows = rows.filter(pl.col("vintage") == "realtime") if "vintage" in rows.columns else rows
    return rows.select(columns.values()).with_columns(selectors.float().round(8))


def instants() -> st.SearchStrategy[dt.datetime]:
    """Instants at which something becomes known."""
    columns = [
        ("core.sessions", "close_at"),
        ("core.macro_releases", "available_at"),
        ("core.fund_facts", "available_at"),
    ]
    return st.sampled_from([moment for name, column in columns for moment in base()[name][column].unique().sort()])


def test_the_data_has_what_the_comparison_needs() -> None:
    releases, tables = base()["core.macro_releases"], base()
    assert set(releases["availability"]) == {"rule", "vintage"}
    assert (releases["seq"] > 1).sum() > 100
    assert all(tables[name].height for name in KNOWN)
    assert all(shown(name, tables).height for name in STATES)
    assert {"sustained", "raw"} == set(tables["marts.inversion_history"].drop_nulls("confirmed_on")["variant"])
    assert tables["derived.valuation_gap"]["growth_pe"].null_count() > 0
    assert {"first_cut", "uninversion"} <= set(tables["derived.event_studies"]["event_type"])
    assert tables["marts.rotation_daily"].drop_nulls(["curve_spread_pp", "credit_spread_pct"]).height > 100


@given(
    instant=st.deferred(instants),
    seconds=st.sampled_from([-1, 0, 1]),
    by=st.sampled_from([-2.5, 2.5, None]),
)
@examples(max_examples=30, deadline=None)
def test_what_becomes_public_later_changes_no_row(instant: dt.datetime, seconds: int, by: float | None) -> None:
    moment = instant + dt.timedelta(seconds=seconds)
    tables = falsified(moment, by)
    for name in KNOWN:
        was, now_is = known_by(moment, name, base()), known_by(moment, name, tables)
        # both ways: a row that something later removes, and one that something later adds
        changed = pl.concat(
            one.join(other, on=one.columns, how="anti", nulls_equal=True)
            for one, other in ((was, now_is), (now_is, was))
        )
        assert changed.is_empty(), f"{name} at {moment} knows what came later: {changed.head(3).to_dicts()}"
    for name in STATES if by is None else ():
        known = truth(name, moment)
        unknown = shown(name, tables).join(known, on=known.columns, how="anti", nulls_equal=True)
        assert unknown.is_empty(), f"{name} at {moment} shows what was not known: {unknown.head(3).to_dicts()}"


def test_at_the_end_everything_settled_has_been_compared() -> None:
    """Rows that `known_by` never returns would be compared by nothing."""
    for name, column in KNOWN.items():
        table = base()[name]
        table = table.filter(pl.col("vintage") == "realtime") if "vintage" in table.columns else table
        settled = table.drop_nulls(column) if column in table.columns else table
        assert known_by(NOW + dt.timedelta(days=1), name, base()).height == settled.height > 0, name
