"""Real prices and real vintages, served over real HTTP: what arrives is what the files hold."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from fake_clock import FakeClock
from polars.testing import assert_frame_equal
from vendor_data import made_up_series, read_market_data, read_observations
from vendor_servers import GOOD_KEY, FredServer, YahooServer

from pipeline import config
from pipeline.settings import Settings
from pipeline.sources import Batch, files, live
from pipeline.transforms.answers import source_status
from pipeline.transforms.macro import macro_latest, macro_releases
from pipeline.transforms.reference import series, withdrawn
from pipeline.warehouse import Warehouse

DATA = Path(__file__).parents[3] / "shared" / "market-data"
NOW = dt.datetime(2025, 12, 2, 2, tzinfo=dt.UTC)  # 1 December, 21:00 in New York: the day of the newest bars
SYMBOLS = ("IWM", "SPY", "QQQ", "IWN", "SMH", "HYG", "^RUT", "^VIX")
COMPARED = ["symbol", "session_date", "open", "high", "low", "close", "adj_close", "volume", "dividend", "split_ratio"]
CONFIG = config.load()
ICE = "BAMLH0A0HYM2"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/market-data beside the clone")


def fetch(warehouse: Warehouse, now: dt.datetime = NOW, **settings: object) -> Batch:
    """Fetch what is named and append it."""
    chosen = Settings(home=warehouse.root, source="live", **settings)  # type: ignore[arg-type]
    batch = live.fetch(chosen, CONFIG, warehouse.captures, now=now, clock=FakeClock()).batch
    for table, part in (("price_captures", "prices"), ("macro_captures", "macro"), ("answers", "answers")):
        warehouse.append(table, getattr(batch, part), run_at=now)
    return batch


def fred_now(fred: FredServer) -> dt.datetime:
    return dt.datetime.combine(fred.today, dt.time(23), dt.UTC)


def test_prices_arrive_as_the_files_have_them(tmp_path: Path) -> None:
    bars = read_market_data(DATA, symbols=SYMBOLS, series=()).bars
    with YahooServer(bars) as yahoo:
        batch = fetch(Warehouse(tmp_path), symbols=SYMBOLS, yahoo_url=yahoo.url)
    from_files = pl.concat(
        files.read_file(DATA / "prices" / f"{symbol}.csv", origin=symbol, known_symbols=SYMBOLS, captured_at=NOW).prices
        for symbol in SYMBOLS
    )
    assert batch.prices.height > 40_000
    assert batch.rejects.is_empty()
    key = ["symbol", "session_date"]
    assert_frame_equal(batch.prices.select(COMPARED).sort(key), from_files.select(COMPARED).sort(key), check_exact=True)


def test_unemployment_of_august_2023_is_what_was_known_at_each_time(tmp_path: Path) -> None:
    data = read_market_data(DATA, symbols=(), series=("UNRATE",))
    warehouse = Warehouse(tmp_path)
    with FredServer(data.vintages) as fred:
        fetch(warehouse, fred_now(fred), series=("UNRATE",), fred_api_key=GOOD_KEY, fred_api_url=fred.api_url)
    captures = warehouse.captures("macro_captures")
    assert captures["vintage_on"].null_count() == 0

    def august(as_of: dt.datetime | None) -> list[float]:
        known = macro_latest(macro_releases(captures, CONFIG.series, as_of))
        return known.filter(pl.col("observed_on") == dt.date(2023, 8, 1))["value"].to_list()

    assert august(dt.datetime(2023, 10, 1, tzinfo=dt.UTC)) == [3.8]
    assert august(None) == [3.7]


def test_the_ice_series_cut_to_three_years_keeps_its_history_and_is_named(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    whole = read_market_data(DATA, symbols=(), series=(ICE,)).series
    cut = read_observations(DATA / "macro_snapshots" / "2026-07" / f"{ICE}.csv")
    later = dt.datetime(2026, 7, 31, 23, tzinfo=dt.UTC)
    with FredServer(whole, today=NOW.date()) as fred:
        fetch(warehouse, series=(ICE,), fred_csv_url=fred.csv_url)
        before = warehouse.captures("macro_captures").height
        fred.today = later.date()
        fred.replace(made_up_series(ICE, cut))
        fetch(warehouse, now=later, series=(ICE,), fred_csv_url=fred.csv_url)
    latest = macro_latest(macro_releases(warehouse.captures("macro_captures"), CONFIG.series))
    status = source_status(warehouse.captures("answers"), warehouse.captures("price_captures"))
    table = series(latest, status, [CONFIG.by_series_id[ICE]], is_synthetic=False)
    assert latest.height >= before
    assert table.select("first_observed_on", "served_from").rows() == [(dt.date(1996, 12, 31), dt.date(2023, 8, 1))]
    assert withdrawn(table)["series_id"].to_list() == [ICE]
