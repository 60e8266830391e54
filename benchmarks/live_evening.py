"""How long a live build takes against loopback vendors that serve real data: the first run, and an evening's.

    .venv/bin/python benchmarks/live_evening.py ../shared/market-data

Sessions are moved so that the newest bar is of the newest final session; dividends, splits and prices move with them.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import polars as pl

CHECKOUT = Path(__file__).parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests" / "live")]

from vendor_data import Bars, MarketData, read_market_data  # noqa: E402
from vendor_servers import GOOD_KEY, FredServer, Latency, YahooServer  # noqa: E402

from pipeline import calendar, config  # noqa: E402
from pipeline.settings import Settings  # noqa: E402
from pipeline.sources import live  # noqa: E402
from pipeline.tables import RAW  # noqa: E402

LATENCY = 0.2  # seconds an answer
AT_ONCE = live.AT_ONCE[live.YAHOO]
WIDEST = "SPY"  # a symbol that trades on every session


def moved(data: MarketData, last: dt.date) -> dict[str, Bars]:
    """Every bar as many sessions later as brings the newest bar of all to `last`."""
    sessions = calendar.sessions()["session_date"]
    number = {day: i for i, day in enumerate(sessions)}
    days = data.bars[WIDEST].dates
    shift = number[last] - number[days[-1]]
    later = {day: sessions[min(i + shift, len(sessions) - 1)] for day, i in number.items()}
    return {
        symbol: replace(bars, frame=bars.frame.with_columns(pl.col("date").replace_strict(later)))
        for symbol, bars in data.bars.items()
    }


def built(home: Path, yahoo: YahooServer, fred: FredServer, key: str | None) -> tuple[float, dict]:
    """Run `rotation build --source live` in a process of its own: wall seconds, and its build.json."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "FRED_API_KEY"},
        "ROTATION_YAHOO_URL": yahoo.url,
        "ROTATION_FRED_API_URL": fred.api_url,
        "ROTATION_FRED_CSV_URL": fred.csv_url,
        **({"FRED_API_KEY": key} if key else {}),
    }
    started = time.perf_counter()
    command = [str(Path(sys.executable).with_name("rotation")), "build", "--source", "live", "--home", str(home)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return seconds, json.loads((home / "live" / "current" / "build.json").read_text())


def evening(bars: dict[str, Bars], data: MarketData, key: str | None) -> None:
    """Print a first run, and the run of the evening after one more session."""
    before = bars[WIDEST].dates[-2]
    with (
        tempfile.TemporaryDirectory() as folder,
        YahooServer({symbol: one.until(before) for symbol, one in bars.items()}) as yahoo,
        FredServer(data.series | data.vintages) as fred,
    ):
        for name in ("first run", "evening"):
            seconds, build = built(Path(folder), yahoo, fred, key)
            added = build["ingest"]["added"]
            print(
                f"{'with' if key else 'without'} a key, {name}: {seconds:.1f} s wall, of it ingest "
                f"{build['seconds']['ingest']:.1f} s; "
                f"{yahoo.count()} + {fred.count()} requests; new rows {added['price_captures']} + "
                f"{added['macro_captures']}; not ok {len(build['ingest']['failed'])}"
            )
            yahoo.data = bars
            yahoo.forget()
            fred.forget()


def overlapped(bars: dict[str, Bars]) -> None:
    """Print how long all symbols take when each answer takes 200 ms: at once against one after another."""
    asked_at = dt.datetime.now(dt.UTC)
    with YahooServer(bars) as yahoo:
        settings = Settings(home=Path(), source="live", symbols=tuple(bars), yahoo_url=yahoo.url)

        def timed(at_once: int, captures: pl.DataFrame | None) -> tuple[float, pl.DataFrame]:
            known = {"price_captures": captures} if captures is not None else {}
            live.AT_ONCE[live.YAHOO] = at_once
            started = time.perf_counter()
            received = live.fetch(
                settings, config.load(), lambda table: known.get(table, RAW[table].create_empty()), now=asked_at
            )
            return time.perf_counter() - started, received.batch.prices

        _, captures = timed(AT_ONCE, None)
        yahoo.inject(Latency(LATENCY))
        for name, known in (("an evening", captures), ("full histories", None)):
            fast, slow = timed(AT_ONCE, known)[0], timed(1, known)[0]
            print(
                f"{len(bars)} symbols at {LATENCY * 1000:.0f} ms an answer, {name}: {fast:.1f} s at once, {slow:.1f} s "
                f"one after another: {fast / slow:.2f}"
            )


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of real market data")
    data = read_market_data(parser.parse_args().folder)
    bars = moved(data, calendar.last_final_session(dt.datetime.now(dt.UTC)))
    overlapped(bars)
    evening(bars, data, None)
    evening(bars, data, GOOD_KEY)


if __name__ == "__main__":
    main()
