"""What is paid before and around the work: how fast commands answer, where a build's seconds go, and Dagster's share.

Commands and builds are whole processes, from the shell. A build of the sample begins with an empty home. Dagster's
share is what remains of the shell's seconds after the phases of build.json. The executors run one job of assets that do
nothing, each with a check and none depending on another; their seconds are of the whole run, divided by the assets.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from pipeline.defs.event_log import kept_open
from pipeline.run import QUIET

ASSETS, ROUNDS = 6, 5
ROTATION = Path(sys.executable).with_name("rotation")
QUERY = ("query", "select 1")


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Medians: wall and CPU seconds of commands and builds, seconds of an asset with either executor."""
    rounds = 1 if quick else ROUNDS
    builds, commands = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            builds.append(_build(Path(folder)))
            commands.append({"help": _spent(["--help"], Path(folder)), "query": _spent(QUERY, Path(folder))})
    return {
        "rounds": rounds,
        "commands": _medians(commands),
        "build": _medians(builds),
        "assets": ASSETS,
        "asset": _medians([_executors() for _ in range(rounds)]),
    }


def table(result: dict[str, Any]) -> str:
    """The result in Markdown."""
    build, asset = result["build"], result["asset"]
    lines = [f"Medians of {result['rounds']}.\n", "| | wall, s | CPU, s |", "|---|--:|--:|"]
    for name, spent in [*result["commands"].items(), ("build", build["shell"])]:
        lines.append(f"| `rotation {name}` | {spent['wall']:.2f} | {spent['cpu']:.2f} |")
    lines += ["", "| phase of the build | wall, s |", "|---|--:|"]
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in build["phases"].items()]
    lines += [f"| Dagster and start-up | {build['dagster']:.2f} |", ""]
    lines += [f"| executor, {result['assets']} assets | s an asset | CPU s an asset |", "|---|--:|--:|"]
    lines += [f"| {name} | {spent['wall']:.3f} | {spent['cpu']:.3f} |" for name, spent in asset.items()]
    return "\n".join(lines)


def _build(home: Path) -> dict[str, Any]:
    shell = _spent(["build", "--source", "sample"], home)
    phases = json.loads((home / "sample" / "current" / "build.json").read_text(encoding="utf-8"))["seconds"]
    return {"shell": shell, "phases": phases, "dagster": shell["wall"] - sum(phases.values())}


def _spent(words: list[str] | tuple[str, ...], home: Path) -> dict[str, float]:
    """What a command takes in a process of its own, from its start to its end."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("ROTATION_", "DAGSTER_"))}
    places = {"ROTATION_HOME": str(home), "DAGSTER_HOME": str(home / ".dagster")}
    return _timed(lambda: subprocess.run([ROTATION, *words], env=ours | places, check=True, capture_output=True))


def _timed(function: Callable[[], object]) -> dict[str, float]:
    """Wall and CPU seconds, those of processes that it starts and waits for included."""
    wall, cpu = time.perf_counter(), _cpu()
    function()
    return {"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu}


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _executors() -> dict[str, dict[str, float]]:
    """Seconds of an asset that does nothing: as Rotation runs it, with Dagster's own event log, and by default."""
    with (
        tempfile.TemporaryDirectory() as folder,
        dg.DagsterInstance.local_temp(folder, overrides={"telemetry": {"enabled": False}}) as instance,
    ):

        def in_process() -> None:
            in_process_job().execute_in_process(instance=instance, run_config=QUIET)

        def ours() -> None:
            with kept_open(instance):
                in_process()

        def multiprocess() -> None:
            dg.execute_job(dg.reconstructable(multiprocess_job), instance, QUIET, raise_on_error=True)

        ours()  # the databases are made here
        runs = {"in process, log kept open": ours, "in process": in_process, "multiprocess": multiprocess}
        spent = {name: _timed(run) for name, run in runs.items()}
    return {name: {kind: seconds / ASSETS for kind, seconds in one.items()} for name, one in spent.items()}


def in_process_job() -> dg.JobDefinition:
    """The job of trivial assets with the executor that Rotation uses."""
    return _job(dg.in_process_executor)


def multiprocess_job() -> dg.JobDefinition:
    """The same with Dagster's default, as many processes at once as there are cores."""
    return _job(dg.multiprocess_executor)


def _job(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    assets = [_trivial(f"asset_{number}") for number in range(ASSETS)]
    job = dg.define_asset_job("trivial", selection=dg.AssetSelection.all())
    return dg.Definitions(assets=assets, jobs=[job], executor=executor).resolve_job_def("trivial")


def _trivial(name: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, check_specs=[dg.AssetCheckSpec("holds", asset=name)])
    def _asset() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="holds", passed=True)])

    return _asset


def _medians(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Median of every figure, nested as each round is."""
    return {
        name: (_medians if isinstance(first, dict) else statistics.median)([one[name] for one in rounds])
        for name, first in rounds[0].items()
    }


def main() -> None:
    """Print the table."""
    print(table(measure()))


if __name__ == "__main__":
    main()
