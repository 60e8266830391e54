"""The published DuckDB file: seconds and bytes to write it at each size, and twenty questions of analysts on it.

The tables are those of `scaling`, at its sizes, loaded as a publication loads them. Each question is asked of a fresh
read-only connection; its time is the median of five, after one that warms the file.
"""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks import market, scaling
from pipeline.catalogue import load_tables, new_catalogue
from pipeline.warehouse import Warehouse

ROUNDS = 5
TABLES = ("derived.trend", "derived.relative_strength", "derived.returns", "core.prices", "derived.bar_events")
LARGEST_FILES = 1_000  # symbols from which a file is written once; smaller ones as often as everything else
ONE = market.symbol(7)

QUESTIONS = {
    "one symbol, all closes": f"select session_date, close from core.prices where symbol = '{ONE}'",
    "one symbol, one year of bars": (
        f"select * from core.prices where symbol = '{ONE}' and session_date >= date '2025-01-01'"
    ),
    "newest close of every symbol": "select symbol, max_by(close, session_date) from core.prices group by symbol",
    "bars a symbol": "select symbol, count(*), min(session_date), max(session_date) from core.prices group by symbol",
    "ten best over 21 sessions today": """
        select symbol, ret_21d from derived.returns
        where session_date = (select max(session_date) from derived.returns) and basis = 'price'
        order by ret_21d desc nulls last limit 10""",
    "ten best days of all": """
        select symbol, session_date, ret_1d from derived.returns order by ret_1d desc nulls last limit 10""",
    "median volatility by year": """
        select year(session_date) as y, median(realized_vol_21d) from derived.returns group by y order by y""",
    "spread of returns a session": """
        select session_date, stddev_samp(ret_1d), quantile_cont(ret_1d, [0.1, 0.5, 0.9])
        from derived.returns where session_date >= date '2025-01-01' group by session_date order by session_date""",
    "share of leaders by month": """
        select date_trunc('month', session_date) as m, avg((quadrant = 'leading')::int)
        from derived.relative_strength group by m order by m""",
    "one pair, its ratio": f"select session_date, ratio from derived.relative_strength where symbol = '{ONE}'",
    "highs of the ratio this year": """
        select symbol, count(*) as highs from derived.relative_strength
        where is_ratio_high_252 and session_date >= date '2025-01-01' group by symbol order by highs desc limit 20""",
    "widest spreads today": """
        select symbol, spread_63d_pp from derived.relative_strength
        where session_date = (select max(session_date) from derived.relative_strength)
        order by spread_63d_pp desc nulls last limit 20""",
    "symbols above both averages, by session": """
        select session_date, avg((close > sma_50 and close > sma_200)::int)
        from core.prices join derived.trend using (symbol, session_date)
        where session_date >= date '2024-01-01' group by session_date order by session_date""",
    "oversold now": """
        select symbol, rsi_14 from derived.trend
        where session_date = (select max(session_date) from derived.trend) and rsi_14 < 30 order by rsi_14""",
    "phases today": """
        select phase, count(*) from derived.trend
        where session_date = (select max(session_date) from derived.trend) group by phase order by phase""",
    "deepest drawdowns": """
        select symbol, min(drawdown) as deepest from derived.trend group by symbol order by deepest limit 20""",
    "gaps by month": """
        select date_trunc('month', session_date) as m, sum(is_gap_up::int), sum(is_gap_down::int)
        from derived.bar_events group by m order by m""",
    "gaps not yet filled": """
        select symbol, session_date, gap_size from derived.bar_events
        where is_gap_up and gap_filled_on is null order by session_date desc limit 50""",
    "outside days of one symbol": (
        f"select session_date from derived.bar_events where symbol = '{ONE}' and is_outside_day"
    ),
    "returns after outside days": """
        select avg(later.ret_5d) from derived.bar_events
        join derived.returns as later using (symbol, session_date)
        where is_negative_outside_day and basis = 'price'""",
}


def measure(*, quick: bool = False) -> dict:
    """Every size."""
    sizes, sessions = (scaling.QUICK_SIZES, scaling.QUICK_SESSIONS) if quick else (scaling.SIZES, scaling.SESSIONS)
    return {"cases": [_case(size, sessions) for size in sizes]}


def _case(symbols: int, sessions: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="rotation-bench-") as folder:
        root = Path(folder)
        bars = scaling.apart("generate", root, symbols, sessions)["bars"]
        scaling.apart("build", root, symbols, "index")
        warehouse, catalogue = Warehouse(root), root / "rotation.duckdb"
        rounds = ROUNDS if symbols <= LARGEST_FILES else 1
        seconds = [_written(warehouse, catalogue) for _ in range(rounds)]
        size = catalogue.stat().st_size
        shutil.rmtree(root / "builds")
        shutil.rmtree(root / "raw")
        asked = {name: _asked(catalogue, sql) for name, sql in QUESTIONS.items()}
    return {
        "symbols": symbols,
        "bars": bars,
        "write_seconds": seconds,
        "bytes": size,
        "question_seconds": asked,
    }


def _written(warehouse: Warehouse, catalogue: Path) -> float:
    files = {name: warehouse.files(name) for name in TABLES}
    started = time.perf_counter()
    with new_catalogue(catalogue) as con:
        load_tables(con, files)
    return time.perf_counter() - started


def _asked(catalogue: Path, sql: str) -> list[float]:
    seconds = []
    for _ in range(ROUNDS + 1):
        with duckdb.connect(catalogue, read_only=True) as con:
            started = time.perf_counter()
            con.execute(sql).fetchall()
            seconds.append(time.perf_counter() - started)
    return seconds[1:]


def table(result: dict) -> str:
    """One line a size."""
    lines = [
        "| symbols | bars | written in, s | MB | bytes/bar | 20 questions: median, ms | slowest, ms | which |",
        "|---:|---:|---:|---:|---:|---:|---:|---|",
        *map(_line, result["cases"]),
    ]
    return "\n".join(lines)


def _line(case: dict) -> str:
    medians = {name: statistics.median(seconds) for name, seconds in case["question_seconds"].items()}
    slowest = max(medians, key=medians.__getitem__)
    return (
        f"| {case['symbols']:,} | {case['bars']:,} | {statistics.median(case['write_seconds']):.1f} "
        f"| {case['bytes'] / 1e6:,.0f} | {case['bytes'] / case['bars']:.0f} "
        f"| {1e3 * statistics.median(medians.values()):.0f} | {1e3 * medians[slowest]:.0f} | {slowest} |"
    )
