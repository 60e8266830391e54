"""`rotation build --source live` against loopback vendors: what is kept, what is published, what a person is told.

300 sessions end on 2024-03-01, a Friday. IWM closes at 100 + i in session i, SPY one higher, QQQ two.
"""

import contextlib
import datetime as dt
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pytest
import yaml
from fake_clock import FakeClock
from typer.testing import CliRunner, Result
from vendor_data import Bars, Series, made_up_bars, made_up_series
from vendor_servers import GOOD_KEY, Empty, Fault, FredServer, Html, Reset, Status, Truncated, YahooServer

from pipeline import calendar, config
from pipeline.cli import app
from pipeline.layout import BUILD_FILE, CATALOGUE
from pipeline.settings import Settings
from pipeline.sources import live
from pipeline.tables import RAW
from pipeline.transforms.answers import source_status
from pipeline.warehouse import Warehouse

LAST = dt.date(2024, 3, 1)
NOW = dt.datetime(2024, 3, 2, 2, tzinfo=dt.UTC)  # Friday, 21:00 in New York
SYMBOLS = ("IWM", "SPY", "QQQ")
SERIES = ("UNRATE", "T10Y2Y", "DGS10")
KEEP = {"etfs": ("symbol", SYMBOLS), "macro": ("series_id", SERIES)}
WRONG_KEY = "f" * 32
AUGUST = dt.date(2023, 8, 1)
UNRATE = Series.of_changes(
    "UNRATE",
    [
        (dt.date(2023, 7, 1), dt.date(2023, 8, 4), 3.5),
        (AUGUST, dt.date(2023, 9, 1), 3.8),
        (dt.date(2023, 9, 1), dt.date(2023, 10, 6), 3.8),
        (AUGUST, dt.date(2024, 1, 5), 3.7),
    ],
)


def sessions(count: int = 300, last: dt.date = LAST) -> list[dt.date]:
    days = calendar.sessions().filter(pl.col("session_date") <= last)["session_date"]
    return days.tail(count).to_list()


def offset_closes(symbol: str, i: int) -> float:
    return 100.0 + i + SYMBOLS.index(symbol)


def bars(last: dt.date = LAST) -> dict[str, Bars]:
    return made_up_bars(SYMBOLS, sessions(last=last) if last == LAST else sessions_until(last), close=offset_closes)


def sessions_until(last: dt.date) -> list[dt.date]:
    """Return the 300 sessions and those after them."""
    first = sessions()[0]
    return calendar.sessions().filter(pl.col("session_date").is_between(first, last))["session_date"].to_list()


def spread(days: list[dt.date]) -> Series:
    return made_up_series("T10Y2Y", {day: -0.5 + i / 1000 for i, day in enumerate(days)}, frequency="Daily")


def fred_data() -> dict[str, Series]:
    yields = made_up_series("DGS10", dict.fromkeys(sessions(), 4.0), frequency="Daily")
    return {"UNRATE": UNRATE, "T10Y2Y": spread(sessions()), "DGS10": yields}


def small_config(folder: Path) -> Path:
    """Write the default config without most of its symbols and series."""
    folder.mkdir()
    for name, (field, kept) in KEEP.items():
        entries = yaml.load((config.DEFAULT_DIR / f"{name}.yaml").read_text(), Loader=yaml.BaseLoader)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump([one for one in entries if one[field] in kept]))
    (folder / "pairs.yaml").write_text("- {symbol: IWM, benchmark: SPY}\n- {symbol: IWM, benchmark: QQQ}\n")
    (folder / "rules.yaml").write_text(
        "streak_rules: [{rule: up, above: 0}]\nvaluation_pairs: []\n"
        "curves: [{curve: 10y2y, spread: T10Y2Y, long_yield: DGS10}]\n"
    )
    return folder


@dataclass
class Place:
    """A home, the vendors it asks, and the evening it thinks it is."""

    home: Path
    yahoo: YahooServer
    fred: FredServer
    patch: pytest.MonkeyPatch

    @property
    def root(self) -> Path:
        return self.home / "live"

    def at(self, now: dt.datetime) -> None:
        self.patch.setattr("pipeline.defs.ingest.current_instant", lambda: now)
        self.fred.today = now.date()

    def build(self, *options: str) -> Result:
        return self.rotation("build", *options)

    def rotation(self, command: str, *options: str) -> Result:
        words = [command, "--source", "live", "--home", str(self.home), *options]
        return CliRunner().invoke(app, words, terminal_width=200)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.root / CATALOGUE, read_only=True) as con:
            con.execute("set TimeZone = 'UTC'")
            return con.execute(sql).fetchall()

    def record(self) -> dict[str, Any]:
        return json.loads((self.root / "current" / BUILD_FILE).read_text())

    def raw(self, table: str) -> pl.DataFrame:
        return Warehouse(self.root).captures(table)


@contextlib.contextmanager
def vendors(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Start both vendors, and make the environment ask them, from a home in the folder."""
    facts = {symbol: {"trailingPE": 20.5, "dividendYield": 1.25} for symbol in SYMBOLS}
    futures = made_up_bars([f"{one}.CBT" for one in live.yahoo.contracts(LAST)], [LAST], close=lambda symbol, i: 94.67)
    with YahooServer(bars() | futures, facts) as yahoo, FredServer(fred_data(), today=NOW.date()) as fred:
        patch.setattr("pipeline.sources.live.pace.Clock", FakeClock)
        patch.setenv("ROTATION_CONFIG", str(small_config(folder / "config")))
        patch.setenv("ROTATION_YAHOO_URL", yahoo.url)
        patch.setenv("ROTATION_FRED_API_URL", fred.api_url)
        patch.setenv("ROTATION_FRED_CSV_URL", fred.csv_url)
        one = Place(folder / "a home", yahoo, fred, patch)
        one.at(NOW)
        yield one


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Return a home in which nothing has happened yet."""
    with vendors(tmp_path, monkeypatch) as one:
        yield one


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home after its first evening, without a key."""
    return first_evening(tmp_path_factory.mktemp("first"), {})


@pytest.fixture(scope="session")
def first_run_with_a_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home after its first evening, with a key."""
    return first_evening(tmp_path_factory.mktemp("keyed"), {"FRED_API_KEY": GOOD_KEY})


def first_evening(folder: Path, environment: dict[str, str]) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DAGSTER_HOME": str(folder / "dagster"), **environment}.items():
            patch.setenv(name, value)
        patch.setattr("pipeline.run.dagster_instance", lambda home: dg.DagsterInstance.ephemeral())
        with vendors(folder, patch) as one:
            succeeded(one.build())
            return one.home


@pytest.fixture
def evening(place: Place, first_run: Path) -> Place:
    """Return a copy of the home after its first evening, and vendors that nobody has asked yet."""
    shutil.copytree(first_run, place.home, symlinks=True)
    return place


@pytest.fixture
def keyed_evening(place: Place, first_run_with_a_key: Path) -> Place:
    """Return the same, of a run with a key, which is set."""
    shutil.copytree(first_run_with_a_key, place.home, symlinks=True)
    place.patch.setenv("FRED_API_KEY", GOOD_KEY)
    return place


def succeeded(result: Result) -> Result:
    assert result.exit_code == 0, result.output
    return result


def test_a_first_run_needs_no_key_and_says_what_one_would_add(place: Place) -> None:
    result = succeeded(place.build())
    [line] = [line for line in result.stdout.splitlines() if "FRED_API_KEY" in line]
    assert "fred.stlouisfed.org/docs/api/api_key.html" in line
    assert place.record()["ingest"]["failed"] == []
    assert place.ask("select symbol, count(*), max(close) from core.prices group by all order by all") == [
        ("IWM", 300, 399.0), ("QQQ", 300, 401.0), ("SPY", 300, 400.0),
    ]  # fmt: skip
    assert place.ask("select distinct availability from core.macro_releases") == [("rule",)]
    assert place.ask("select distinct outcome from core.source_status") == [("ok",)]
    assert place.ask("select symbol, quoted_on, trailing_pe, yield_pct from core.fund_facts where symbol = 'IWM'") == [
        ("IWM", LAST, 20.5, 1.25)
    ]
    futures = place.raw("futures_captures")
    assert futures["contract"].sort().to_list() == sorted(live.yahoo.contracts(LAST))
    assert futures["session_date"].unique().to_list() == [LAST]
    assert place.yahoo.count() == 3 + 13 + 1
    assert place.fred.count() == 3


def test_a_second_run_of_the_same_evening_adds_nothing(evening: Place) -> None:
    data = [table for table in RAW if table != "answers"]
    before = {table: evening.raw(table).height for table in data}
    succeeded(evening.build())
    assert {table: evening.raw(table).height for table in data} == before
    assert evening.yahoo.count() == 3  # futures and facts are captured once a day


def test_with_a_key_revisions_come_with_their_true_dates(keyed_evening: Place) -> None:
    assert keyed_evening.ask(
        "select seq, value, strftime(available_at, '%Y-%m-%d %H:%M'), availability from core.macro_releases "
        "where series_id = 'UNRATE' and observed_on = '2023-08-01' order by seq"
    ) == [(1, 3.8, "2023-09-01 12:30", "vintage"), (2, 3.7, "2024-01-05 13:30", "vintage")]
    # an incremental evening with a key asks one request a series
    result = succeeded(keyed_evening.build())
    assert keyed_evening.fred.count() == 3
    assert "FRED_API_KEY" not in result.output


def test_a_replay_knows_what_was_known_then_and_asks_nobody(keyed_evening: Place) -> None:
    succeeded(keyed_evening.build("--as-of", "2023-10-01"))
    assert keyed_evening.yahoo.count() + keyed_evening.fred.count() == 0
    august = "select value from core.macro_latest where series_id = 'UNRATE' and observed_on = '2023-08-01'"
    with duckdb.connect(keyed_evening.root / "as_of" / "2023-10-01" / CATALOGUE, read_only=True) as con:
        assert con.execute(august).fetchall() == [(3.8,)]
        assert con.execute("select max(session_date) from core.prices").fetchall() == [(dt.date(2023, 9, 29),)]
    assert keyed_evening.ask(august) == [(3.7,)]


def test_the_spread_of_a_day_is_not_known_at_its_close(evening: Place) -> None:
    thursday, friday = sessions()[-2:]
    assert evening.ask(f"select curve_observed_on from marts.rotation_daily where session_date = '{friday}'") == [
        (thursday,)
    ]
    assert evening.ask(
        "select strftime(available_at, '%Y-%m-%d %H:%M') from core.macro_releases "
        f"where series_id = 'T10Y2Y' and observed_on = '{friday}'"
    ) == [("2024-03-01 22:01",)]  # 17:01 in New York


def test_an_evening_later_only_the_new_bars_are_added(evening: Place) -> None:
    monday = dt.date(2024, 3, 4)
    evening.at(NOW + dt.timedelta(days=3))
    evening.yahoo.data = bars(monday)
    succeeded(evening.build())
    added = evening.raw("price_captures").filter(pl.col("captured_at") > NOW).select("symbol", "session_date", "close")
    assert sorted(added.rows()) == [("IWM", monday, 400.0), ("QQQ", monday, 402.0), ("SPY", monday, 401.0)]
    asked = [request for request in evening.yahoo.requests if request.path == "/v8/finance/chart/IWM"]
    ten_before = dt.datetime(2024, 2, 15, 5, tzinfo=dt.UTC)  # midnight in New York; 19 February is a holiday
    assert [int(request.query["period1"]) for request in asked] == [int(ten_before.timestamp())]


def test_a_symbol_that_fails_keeps_its_rows_and_status_says_since_when(evening: Place) -> None:
    evening.yahoo.data = bars(dt.date(2024, 3, 4))
    evening.yahoo.inject(Status(500), match="QQQ")
    evening.at(NOW + dt.timedelta(days=3))
    result = succeeded(evening.build())
    assert "prices QQQ: network (HTTP 500)" in result.stdout
    assert evening.ask("select symbol, count(*) from core.prices group by all order by all") == [
        ("IWM", 301), ("QQQ", 300), ("SPY", 301),
    ]  # fmt: skip
    evening.at(NOW + dt.timedelta(days=4))
    succeeded(evening.build())
    told = "prices QQQ: network since 2024-03-05 02:00 UTC (HTTP 500); what was captured up to 2024-03-01 stays"
    assert told in evening.rotation("status").stdout
    assert evening.build("--strict").exit_code == 1
    evening.yahoo.heal()
    evening.at(NOW + dt.timedelta(days=5))
    evening.yahoo.data = bars(dt.date(2024, 3, 6))
    succeeded(evening.build())
    assert "not served" not in "".join(line for line in evening.rotation("status").stdout.splitlines() if "QQQ" in line)
    assert evening.ask("select count(*) from core.prices where symbol = 'QQQ'") == [(303,)]


FAULTS: list[Fault] = [Status(429, retry_after=1), Status(429), Status(500), Reset(), Empty(), Html(), Truncated()]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_half_the_requests_failing_every_good_row_is_there_and_the_rest_is_named(place: Place, seed: int) -> None:
    place.yahoo.fail_at_random(0.5, FAULTS, seed)
    place.fred.fail_at_random(0.5, FAULTS, seed + 100)
    fetched, answers = fetch_only(place)
    whole = dict.fromkeys(SYMBOLS, 300) | {"UNRATE": 3, "T10Y2Y": 300, "DGS10": 300}
    captured = (("prices", "price_captures", "symbol", SYMBOLS), ("macro", "macro_captures", "series_id", SERIES))
    for dataset, part, column, asked in captured:
        told = dict(answers.filter(pl.col("dataset") == dataset).select("id", "outcome").rows())
        assert set(told) == set(asked)
        rows = dict(fetched.captures(part).group_by(column).len().rows())
        assert rows == {name: whole[name] for name, outcome in told.items() if outcome == "ok"}
    place.yahoo.heal()
    place.fred.heal()
    fetched, answers = fetch_only(place)
    assert set(answers["outcome"]) == {"ok"}
    for _, part, column, asked in captured:
        assert dict(fetched.captures(part).group_by(column).len().rows()) == {name: whole[name] for name in asked}


def fetch_only(place: Place, now: dt.datetime = NOW, **more: Any) -> tuple[Warehouse, pl.DataFrame]:
    """Fetch into the captures without building; return the warehouse and what the source answered."""
    settings = Settings.from_environment() if not more else Settings(**more)
    settings = Settings(
        home=place.home, source="live", yahoo_url=settings.yahoo_url, fred_api_url=settings.fred_api_url,
        fred_csv_url=settings.fred_csv_url, fred_api_key=settings.fred_api_key,
    )  # fmt: skip
    warehouse = Warehouse(place.root)
    received = live.fetch(settings, config.load(place.home.parent / "config"), warehouse.captures, now=now)
    for table, part in (("price_captures", "prices"), ("macro_captures", "macro"), ("answers", "answers")):
        warehouse.append(table, getattr(received.batch, part), run_at=now)
    return warehouse, received.batch.answers


def test_a_vendor_that_is_down_keeps_its_rows_and_the_other_is_published(evening: Place) -> None:
    evening.at(NOW + dt.timedelta(days=3))
    evening.yahoo.inject(Status(503))
    evening.fred.replace(spread([*sessions(), dt.date(2024, 3, 4)]))
    result = succeeded(evening.build())
    assert "prices IWM, SPY, QQQ: network (HTTP 503)" in result.stdout
    assert evening.ask("select count(*) from core.prices") == [(900,)]
    assert evening.ask("select max(observed_on) from core.macro_latest where series_id = 'T10Y2Y'") == [
        (dt.date(2024, 3, 4),)
    ]
    assert "prices IWM: network since 2024-03-05 02:00 UTC (HTTP 503)" in evening.rotation("status").stdout


def test_when_nobody_answers_what_was_published_before_stays(evening: Place) -> None:
    published = evening.record()["build_id"]
    evening.at(NOW + dt.timedelta(days=3))
    evening.yahoo.inject(Status(503))
    evening.fred.inject(Reset())
    result = evening.build()
    assert result.exit_code == 1
    [line] = result.stderr.strip().splitlines()
    assert "Yahoo Finance answered none of 3 questions: HTTP 503; FRED answered none of 3 questions" in line
    assert "what was published before stays" in line
    assert evening.record()["build_id"] == published


def test_nothing_is_published_before_the_first_prices(place: Place) -> None:
    place.yahoo.inject(Status(503))
    result = place.build()
    assert result.exit_code == 1
    assert "Yahoo Finance answered none of 3 questions: HTTP 503" in result.stderr
    assert place.raw("macro_captures").height > 0
    assert "no prices have been captured yet" in place.build("--series", "UNRATE").stderr


@pytest.mark.history
def test_a_wrong_key_is_said_once_and_shown_nowhere(place: Place) -> None:
    place.patch.setenv("FRED_API_KEY", WRONG_KEY)
    result = place.build()
    assert result.exit_code == 1
    [line] = result.stderr.strip().splitlines()
    assert "FRED refused the key in FRED_API_KEY" in line
    assert place.raw("price_captures").height == 900  # what Yahoo gave is kept
    assert place.fred.count() <= live.AT_ONCE[live.FRED]
    nowhere(WRONG_KEY, place, result)


@pytest.mark.history
def test_the_key_is_shown_nowhere(place: Place) -> None:
    place.patch.setenv("FRED_API_KEY", GOOD_KEY)
    place.fred.inject(Status(500), match="DGS10")
    place.fred.inject(Html(), match="T10Y2Y")
    result = succeeded(place.build("--debug"))
    assert "macro DGS10: network (HTTP 500)" in result.stdout
    nowhere(GOOD_KEY, place, result, place.rotation("status", "--all"))


def nowhere(key: str, place: Place, *results: Result) -> None:
    """Look for the key in all output, in every file, in Parquet columns and in Dagster's databases."""
    assert all(key not in result.output for result in results)
    files = [
        path for folder in (place.home, place.home.parent / "dagster") for path in folder.rglob("*") if path.is_file()
    ]
    assert len(files) > 10
    for path in files:
        assert key not in str(path)
        assert key.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":
            assert not any(key in str(row) for row in pl.read_parquet(path, glob=False).rows()), path
    databases = [path for path in files if path.suffix == ".db"]
    assert databases
    for path in databases:
        with sqlite3.connect(path) as con:
            assert not any(key in line for line in con.iterdump()), path


def test_ctrl_c_keeps_what_has_arrived(place: Place) -> None:
    place.patch.setattr("pipeline.sources.live.asking.wait", interrupted_wait)
    result = place.build()
    assert result.exit_code == 130
    assert result.stderr.strip().endswith("what was published before stays")
    kept = place.raw("answers").filter(pl.col("outcome") == "ok")
    assert kept.height > 0
    bars_kept = set(place.raw("price_captures")["symbol"]) | set(place.raw("macro_captures")["series_id"])
    assert bars_kept == set(kept.filter(pl.col("dataset").is_in(["prices", "macro"]))["id"])
    place.patch.undo()


def interrupted_wait(futures: list[Any]) -> None:
    """Wait for the first answers only, then be interrupted."""
    for future in futures[:2]:
        future.exception()
    raise KeyboardInterrupt


def test_symbols_and_series_limit_what_is_asked(evening: Place) -> None:
    succeeded(evening.build("--symbols", "iwm"))
    assert {request.path for request in evening.yahoo.requests} == {"/v8/finance/chart/IWM"}
    assert evening.fred.count() == 0
    succeeded(evening.build("--series", "UNRATE,DGS10"))
    assert evening.yahoo.count() == 1
    assert evening.fred.count() == 2
    result = evening.build("--symbols", "IWM,NOSUCH")
    assert result.exit_code == 1
    assert "NOSUCH is not in etfs.yaml" in result.stderr


def test_symbols_go_with_the_live_source(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["build", "--symbols", "IWM", "--home", str(tmp_path)])
    assert result.exit_code == 1
    assert "--symbols and --series go with --source live" in result.stderr


def test_a_series_cut_to_its_last_years_loses_nothing_and_turns_yellow(evening: Place) -> None:
    evening.fred.replace(spread(sessions()[-100:]))
    evening.at(NOW + dt.timedelta(days=1))
    result = succeeded(evening.build())
    told = evening.ask("select first_observed_on, served_from from core.series where series_id = 'T10Y2Y'")
    assert told == [(sessions()[0], sessions()[-100])]
    assert evening.ask("select count(*) from core.macro_latest where series_id = 'T10Y2Y'") == [(300,)]
    assert "T10Y2Y" in "".join(line for line in result.stdout.splitlines() if "serves_all_history" in line)


def test_a_symbol_counts_as_delisted_after_five_sessions_of_agreement(place: Place) -> None:
    evenings = [NOW + dt.timedelta(days=3 + i) for i in range(5)]  # Monday to Friday
    fetch_only(place)
    place.yahoo.data = {symbol: one for symbol, one in bars(dt.date(2024, 3, 8)).items() if symbol != "QQQ"}
    for number, evening in enumerate(evenings, start=1):
        fetch_only(place, evening)
        table = source_status(place.raw("answers"), place.raw("price_captures"))
        [status] = table.filter(pl.col("id") == "QQQ").rows(named=True)
        assert (status["outcome"], status["sessions_in_agreement"]) == ("unknown", number)
        assert status["is_delisted"] == (number == 5)
    assert set(place.raw("price_captures").filter(pl.col("symbol") == "QQQ")["session_date"]) == set(sessions())
