"""Run the benchmarks: `make bench`, or `python -m benchmarks --only transforms --quick`."""

import argparse
import datetime as dt
import importlib
import importlib.util
import inspect
import json
import os
import platform
import subprocess
import time
from importlib import metadata
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
MODULES = ("transforms", "scaling", "publication", "start_up", "ray_cluster")
PACKAGES = (
    "polars",
    "numpy",
    "pandas",
    "pyarrow",
    "duckdb",
    "dagster",
    "ray",
    "TA-Lib",
    "polars-talib",
    "pandas-ta-classic",
)


def machine() -> dict:
    """Where and with what this ran."""
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()

    changed = ", with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def run(name: str, *, quick: bool) -> tuple[dict, str]:
    """Result of one benchmark, and its table."""
    module = importlib.import_module(f"benchmarks.{name}")
    options = {"quick": quick} if "quick" in inspect.signature(module.measure).parameters else {}
    started = time.perf_counter()
    result = module.measure(**options)
    took = f"Took {time.perf_counter() - started:.0f} s."
    return result, f"## {name}\n\n{inspect.getdoc(module)}\n\n{module.table(result)}\n\n{took}\n"


def main() -> None:
    """Run all or some; write benchmarks.json and benchmarks.md, and print the latter."""
    known = [name for name in MODULES if importlib.util.find_spec(f"benchmarks.{name}")]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=known, help="one benchmark; may be given more than once")
    parser.add_argument("--quick", action="store_true", help="hardly any data: does it run?")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "build", help="folder for the results")
    given = parser.parse_args()
    facts = machine()
    about = "\n".join(f"- {name}: {_text(fact)}" for name, fact in facts.items())
    parts, results = [f"# Benchmarks\n\n{about}\n"], {}
    print(parts[0], flush=True)
    for name in given.only or known:
        results[name], part = run(name, quick=given.quick)
        parts.append(part)
        print(part, flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "benchmarks.md").write_text("\n".join(parts), encoding="utf-8")
    content = {"machine": facts, "quick": given.quick, "results": results}
    (given.output / "benchmarks.json").write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")


def _text(fact: object) -> str:
    return ", ".join(f"{name} {value}" for name, value in fact.items()) if isinstance(fact, dict) else str(fact)


if __name__ == "__main__":
    main()
