"""From 100 to 10,000 symbols over 2,500 sessions: captures to prices, returns, relative strength, trend, bar events.

Made-up markets on the price basis, every symbol against one benchmark; and, where BENCH_CAPTURES names the folder
raw/price_captures of a built warehouse, its bars replicated under as many names, on both bases. Everything goes through
the warehouse as a build does it: shard by shard, checked against the contracts, rounded, written. Beside it the floor:
read the same input Parquet and write the same output tables with the same settings, and nothing else (loading what is
to be written is not counted). Each measured run is a process of its own, so that its peak memory is its own.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks import market
from pipeline.config import Instrument
from pipeline.contracts.raw import PriceCapture
from pipeline.shards import PerSymbol
from pipeline.storage import write_parquet
from pipeline.transforms import bar_events, reference, relative_strength, returns, trend
from pipeline.warehouse import Warehouse

SIZES, SESSIONS = (100, 1_000, 10_000), 2_500
QUICK_SIZES, QUICK_SESSIONS = (10, 20), 300
ROUNDS = {100: 5, 1_000: 5}  # of 10,000 symbols one: its shards are fifty repetitions
REAL_BENCHMARK = "SPY"
CHECKED = ("derived.returns", "derived.relative_strength", "derived.trend", "derived.bar_events")


def tables(symbols: int) -> dict[str, PerSymbol]:
    """What is computed from core.prices."""
    pairs, large = market.pairs(symbols), market.BENCHMARK
    return {
        "derived.returns": PerSymbol(lambda prices, _: returns.returns(prices)),
        "derived.relative_strength": PerSymbol(
            lambda prices, benchmarks: relative_strength.relative_strength(prices, pairs, benchmarks)
        ),
        "derived.trend": PerSymbol(lambda prices, benchmarks: trend.trend(prices, large, benchmarks)),
        "derived.bar_events": PerSymbol(lambda prices, _: bar_events.bar_events(prices)),
    }


# --- what runs in a process of its own -------------------------------------------------------------------------------


def generate(root: Path, symbols: int, sessions: int, captures: str | None) -> dict:
    """Write the captures of a market."""
    folder, bars = root / "raw" / "price_captures", 0
    for number, frame in enumerate(_captures(symbols, sessions, captures)):
        write_parquet(str(folder / f"{number:05d}.parquet"), frame)
        bars += frame.height
    return {"bars": bars, "bytes": _bytes(folder)}


def _captures(symbols: int, sessions: int, captures: str | None) -> Iterator[pl.DataFrame]:
    if captures is not None:
        bars = pl.concat(map(pl.read_parquet, sorted(Path(captures).glob("*.parquet"))), how="diagonal")
        yield from market.replicated(bars, symbols, REAL_BENCHMARK, sessions=sessions)
        return
    empty = PriceCapture.create_empty()
    for frame in market.market(symbols, sessions):
        named = frame.with_columns(origin=pl.lit("generated"))
        yield pl.concat([empty, named], how="diagonal").select(empty.columns)


def build(root: Path, symbols: int, group: str) -> dict:
    """Seconds, rows and bytes of every table, and the peak memory of it all."""
    named = [market.symbol(number) for number in range(symbols)]
    known = [Instrument(symbol=one, name=one, role=f"r{i}", group=group, why="made up") for i, one in enumerate(named)]
    warehouse, found = Warehouse(root), {}
    sessions = reference.sessions(market.CAPTURED_AT)  # loads the exchange calendar: start-up, whatever the size
    started = time.perf_counter()
    prices = warehouse.write_prices(sessions, known)
    found["core.prices"] = (time.perf_counter() - started, prices.written.stats)
    for name, table in tables(symbols).items():
        started = time.perf_counter()
        written = warehouse.write_shards(name, table, [market.BENCHMARK])
        found[name] = (time.perf_counter() - started, written.stats)
    return {
        "tables": {
            name: {"seconds": seconds, "rows": stats.rows, "bytes": stats.bytes, "files": stats.files}
            for name, (seconds, stats) in found.items()
        },
        "peak_memory_bytes": _peak_memory(),
    }


def floor(root: Path) -> dict:
    """Seconds to read the input of every table and to write the table again, file by file."""
    warehouse, scratch = Warehouse(root), root / "floor.parquet"
    inputs = {"core.prices": warehouse.capture_files("price_captures")}
    inputs |= dict.fromkeys(CHECKED, warehouse.files("core.prices"))
    found = {}
    for name, files in inputs.items():
        seconds = sum(_seconds(lambda file=file: pl.read_parquet(file)) for file in files)
        for file in warehouse.files(name):
            frame = pl.read_parquet(file)
            seconds += _seconds(lambda frame=frame: write_parquet(str(scratch), frame, compression_level=1))
        found[name] = seconds
    scratch.unlink()
    return {"tables": found, "peak_memory_bytes": _peak_memory()}


def _seconds(work) -> float:
    started = time.perf_counter()
    result = work()
    taken = time.perf_counter() - started
    del result
    return taken


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


# --- the benchmark ---------------------------------------------------------------------------------------------------


def measure(*, quick: bool = False) -> dict:
    """Every market at every size."""
    captures = os.environ.get("BENCH_CAPTURES")
    markets = {"made up": None} | ({"replicated": captures} if captures else {})
    sizes, sessions = (QUICK_SIZES, QUICK_SESSIONS) if quick else (SIZES, SESSIONS)
    return {"cases": [_case(name, path, size, sessions) for name, path in markets.items() for size in sizes]}


def _case(name: str, captures: str | None, symbols: int, sessions: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="rotation-bench-") as folder:
        root = Path(folder)
        made = apart("generate", root, symbols, sessions, *([captures] if captures else []))
        group = "size" if captures else "index"  # an index has the price basis alone
        rounds = []
        for _ in range(ROUNDS.get(symbols, 1)):
            shutil.rmtree(root / "builds", ignore_errors=True)
            built = apart("build", root, symbols, group)
            rounds.append({"build": built, "floor": apart("floor", root)})
    return {"market": name, "symbols": symbols, "sessions": sessions, **made, "rounds": rounds}


def apart(step: str, *words: object) -> dict:
    """Run one step in a process of its own; return what it printed."""
    command = [sys.executable, "-m", "benchmarks.scaling", step, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def table(result: dict) -> str:
    """One line a case, and one line a table of the largest case."""
    lines = [
        "| market | symbols | bars | shards | seconds | bars/s | floor, s | ratio | peak memory, MB | bytes/bar |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *map(_line, result["cases"]),
        "",
        "Seconds a million bars (ratio to the floor, bytes a bar), by table:",
        "",
        "| market | symbols | " + " | ".join(("core.prices", *CHECKED)) + " |",
        "|---|---:|" + "---:|" * (1 + len(CHECKED)),
        *map(_by_table, result["cases"]),
    ]
    return "\n".join(lines)


def _line(case: dict) -> str:
    bars = case["bars"]
    seconds, floors = _medians(case)
    first = case["rounds"][0]["build"]
    peak = max(one["build"]["peak_memory_bytes"] for one in case["rounds"])
    size = sum(one["bytes"] for one in first["tables"].values())
    return (
        f"| {case['market']} | {case['symbols']:,} | {bars:,} | {first['tables']['core.prices']['files']} "
        f"| {seconds:.1f} | {bars / seconds:,.0f} | {floors:.1f} | {seconds / floors:.2f} "
        f"| {peak / 1e6:,.0f} | {size / bars:.0f} |"
    )


def _medians(case: dict) -> tuple[float, float]:
    """Seconds of all tables together and of the floor: medians of the rounds."""
    builds = [sum(one["seconds"] for one in each["build"]["tables"].values()) for each in case["rounds"]]
    floors = [sum(each["floor"]["tables"].values()) for each in case["rounds"]]
    return statistics.median(builds), statistics.median(floors)


def _by_table(case: dict) -> str:
    cells = []
    for name in ("core.prices", *CHECKED):
        seconds = statistics.median(one["build"]["tables"][name]["seconds"] for one in case["rounds"])
        lowest = statistics.median(one["floor"]["tables"][name] for one in case["rounds"])
        size = case["rounds"][0]["build"]["tables"][name]["bytes"] / case["bars"]
        cells.append(f"{1e6 * seconds / case['bars']:.2f} ({seconds / lowest:.1f}, {size:.0f})")
    return f"| {case['market']} | {case['symbols']:,} | " + " | ".join(cells) + " |"


def main() -> None:
    """Run one step and print what it found."""
    step, root, *rest = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
    if step == "generate":
        found = generate(root, int(rest[0]), int(rest[1]), rest[2] if len(rest) > 2 else None)
    elif step == "build":
        found = build(root, int(rest[0]), rest[1])
    else:
        found = floor(root)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
