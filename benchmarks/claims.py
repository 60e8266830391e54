"""How long the ledger takes on a built warehouse: reading its files, and judging every claim of every article.

.venv/bin/python benchmarks/claims.py warehouse/files/rotation.duckdb
"""

import statistics
import sys
import time

import duckdb

from pipeline.claims.ledger import judged
from pipeline.claims.loading import load_ledger

RUNS = 5


def seconds(catalogue: str) -> tuple[float, float, int]:
    """Seconds to read the files and to judge, and how many readings there are."""
    started = time.perf_counter()
    ledger = load_ledger("files")
    read = time.perf_counter()
    with duckdb.connect(catalogue, read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        results = judged(ledger.articles, con)
    done = time.perf_counter()
    readings = sum(len(claim.results) for article in results for claim in article.results)
    return read - started, done - read, readings


def main() -> None:
    """Print the medians."""
    runs = [seconds(sys.argv[1]) for _ in range(RUNS)]
    reading, judging = (statistics.median(run[place] for run in runs) for place in (0, 1))
    print(f"{runs[0][2]} readings, median of {RUNS}: files {reading:.2f} s, judged {judging:.2f} s")


if __name__ == "__main__":
    main()
