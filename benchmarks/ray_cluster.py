"""The map phase on Ray with one and two workers of one core each, beside this process with one and two threads.

Returns, relative strength, trend and bar events over equal shards of a made-up market, from Parquet to Parquet in
memory. Polars has one thread in every worker. All take turns, after one turn that warms the workers; each has a process
of its own, so that threads and clusters do not meet. With N workers the map may take 1.3 / N of the time of one.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import market
from benchmarks.cluster import ENVIRONMENT, cluster
from benchmarks.timing import in_turn, ratio, summary
from pipeline import engines
from pipeline.shards import TableWork
from pipeline.transforms.bar_events import bar_events
from pipeline.transforms.relative_strength import relative_strength
from pipeline.transforms.returns import returns
from pipeline.transforms.trend import trend

SHARDS = 8
SYMBOLS_PER_SHARD = 50
SESSIONS = 2_500
ROUNDS = 5
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # all share one disk, which is not what is measured
TARGET = 1.3  # over the number of workers
ONE, TWO = "Ray, 1 worker", "Ray, 2 workers"
LOCAL_ONE, LOCAL_TWO = "local, 1 thread", "local, 2 threads"


def measure(*, quick: bool = False) -> dict:
    """Seconds of every way in each round; `quick`: hardly any data, once."""
    per_shard, sessions, rounds = (4, 300, 1) if quick else (SYMBOLS_PER_SHARD, SESSIONS, ROUNDS)
    with tempfile.TemporaryDirectory(dir=MEMORY) as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        bars, symbols = _write_market(folder, per_shard, sessions), per_shard * SHARDS
        ways = {
            LOCAL_ONE: stack.enter_context(_runner("local", folder, symbols, {"POLARS_MAX_THREADS": "1"})),
            LOCAL_TWO: stack.enter_context(_runner("local", folder, symbols, {"POLARS_MAX_THREADS": "2"})),
            **{
                way: stack.enter_context(_on_ray(workers, folder, symbols)) for workers, way in enumerate((ONE, TWO), 1)
            },
        }
        for warm_up in ways.values():
            warm_up()
        before = os.getloadavg()[0]
        seconds = in_turn(ways, rounds)
    return {
        "shards": SHARDS,
        "bars": bars,
        "rounds": rounds,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": {"before": round(before, 1), "after": round(os.getloadavg()[0], 1)},
        "seconds": {way: summary(taken) for way, taken in seconds.items()},
        "two_workers_over_one": ratio(seconds[TWO], seconds[ONE]),
        "two_threads_over_one": ratio(seconds[LOCAL_TWO], seconds[LOCAL_ONE]),
        "one_worker_over_one_thread": ratio(seconds[ONE], seconds[LOCAL_ONE]),
        "target": TARGET / 2,
    }


def table(result: dict) -> str:
    """Markdown: a line a way, then the ratios."""
    load, two = result["load_average"], result["two_workers_over_one"]
    met = "met" if two["median"] <= result["target"] else "not met"
    ratios = (
        ("two workers over one", two, f"target {result['target']:.2f}: {met}"),
        ("two threads over one, local", result["two_threads_over_one"], "for comparison"),
        ("one worker over one local thread", result["one_worker_over_one_thread"], "what Ray adds"),
    )
    lines = [
        f"{result['bars']:,} bars in {result['shards']} shards, {result['rounds']} rounds in turn, {result['cores']} "
        f"cores; load average {load['before']} before, {load['after']} after (up to {result['cores']} of it is ours).",
        "",
        "| way | seconds, median | minimum | bars a second |",
        "|---|---|---|---|",
        *(
            f"| {way} | {one['median']:.2f} | {one['minimum']:.2f} | {result['bars'] / one['median']:,.0f} |"
            for way, one in result["seconds"].items()
        ),
        "",
        "| ratio | median of the rounds | of the minima | |",
        "|---|---|---|---|",
        *(f"| {name} | {one['median']:.2f} | {one['minimum']:.2f} | {remark} |" for name, one, remark in ratios),
    ]
    return "\n".join(lines)


def _write_market(folder: Path, per_shard: int, sessions: int) -> int:
    """Write the shards; return how many bars they have."""
    (folder / "prices").mkdir()
    bars = 0
    for number, shard in enumerate(market.market(per_shard * SHARDS, sessions, chunk=per_shard)):
        shard.write_parquet(folder / "prices" / f"{number:05d}.parquet")
        bars += shard.height
    return bars


@contextlib.contextmanager
def _on_ray(workers: int, folder: Path, symbols: int) -> Iterator[Callable[[], None]]:
    with cluster(workers) as address, _runner("ray", folder, symbols, ENVIRONMENT | {"RAY_ADDRESS": address}) as run:
        yield run


@contextlib.contextmanager
def _runner(engine: str, folder: Path, symbols: int, environment: dict[str, str]) -> Iterator[Callable[[], None]]:
    """Start a process that runs the map each time it is told to."""
    command = [sys.executable, "-m", "benchmarks.ray_cluster", engine, str(folder), str(symbols)]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        talk = process.stdin, process.stdout

        def run() -> None:
            talk[0].write("\n")
            talk[0].flush()
            if talk[1].readline() != "done\n":
                raise RuntimeError(f"{engine}: the map failed, see above")

        yield run
        process.stdin.close()


def _serve(engine: str, folder: Path, symbols: int) -> None:
    """Run the map for every line that comes in."""
    chosen, target = engines.engine(engine), Path(tempfile.mkdtemp(dir=folder))
    for _ in sys.stdin:
        _map_phase(chosen, sorted((folder / "prices").iterdir()), target, market.pairs(symbols))
        print("done", flush=True)
    chosen.close()


def _map_phase(engine: engines.Engine, files: list[Path], target: Path, pairs: list[tuple[str, str]]) -> None:
    """What a build does with core.prices: one map a table, the benchmark sent once."""
    large = market.BENCHMARK
    shared = engine.share(pl.read_parquet(files[0]).filter(pl.col("symbol") == large))
    tables: dict[str, Callable[[pl.DataFrame, Any], pl.DataFrame]] = {
        "returns": lambda prices, _: returns(prices),
        "relative_strength": lambda prices, benchmark: relative_strength(prices, pairs, benchmark),
        "trend": lambda prices, benchmark: trend(prices, large, benchmark),
        "bar_events": lambda prices, _: bar_events(prices),
    }
    for name, compute in tables.items():
        work = TableWork(f"derived.{name}", compute, is_synthetic=True)
        engine.map(work, [(str(file), str(target / name / file.name)) for file in files], shared)


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
