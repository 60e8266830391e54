"""The rules of the house that no type checker knows: who may import what, and which names agree."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import pipeline
from pipeline.contracts.columns import Table
from pipeline.sql_models import load_models
from pipeline.tables import CONTRACTS, RAW

PACKAGE = Path(pipeline.__file__).parent
CHECKOUT = PACKAGE.parent
SKIN = {"defs", "definitions.py", "run.py"}  # the only parts that know Dagster
ROW_LOOPS = {"iter_rows", "iter_slices", "rows", "map_elements", "map_rows", "map_batches", "apply", "to_dicts"}


def modules(*parts: str) -> list[Path]:
    """Python files below parts of the package."""
    found = [path for part in parts for path in sorted((PACKAGE / part).rglob("*.py"))]
    assert found
    return found


def imported(path: Path) -> set[str]:
    """First names of everything that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).split(".")[0])
    return names


def test_only_the_skin_knows_dagster() -> None:
    knows = {
        path.relative_to(PACKAGE).parts[0]
        for path in sorted(PACKAGE.rglob("*.py"))
        if any(name.startswith("dagster") for name in imported(path))
    }
    assert knows == SKIN


@pytest.mark.parametrize("layer", ["contracts", "config", "sources", "transforms"])
def test_a_layer_does_not_reach_for_the_skin(layer: str) -> None:
    for path in modules(layer):
        assert "pipeline.defs" not in path.read_text(), path
        assert "pipeline.definitions" not in path.read_text(), path


def test_transforms_do_no_reading_writing_or_looking_at_the_clock() -> None:
    forbidden = {"os", "time", "pathlib", "duckdb", "requests", "subprocess", "shutil", "random"}
    calls = {"read_parquet", "scan_parquet", "read_csv", "write_parquet", "now", "today", "open", "print"}
    for path in modules("transforms"):
        assert not imported(path) & forbidden, path
        assert not called(path) & calls, path


def called(path: Path) -> set[str]:
    """Names of all functions and methods that a module calls."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return {one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in calls}


def test_transforms_have_no_python_loop_over_rows() -> None:
    """`dict(frame.iter_rows())` over one row a symbol is a look-up, not a loop: it stands in a call of `dict`."""
    for path in modules("transforms"):
        tree = ast.parse(path.read_text())
        lookups = {
            id(argument)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict"
            for argument in node.args
        }
        loops = [
            f"{path.name}:{node.lineno} {node.func.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ROW_LOOPS
            and id(node) not in lookups
        ]
        assert not loops


@pytest.mark.parametrize(
    "arguments", [["query", "select count(*) from meta.tables"], ["status"], ["--help"]], ids=lambda words: words[0]
)
def test_commands_that_only_read_import_neither_dagster_nor_polars(arguments: list[str], home: Path) -> None:
    script = (
        "import sys\n"
        "from pipeline.cli import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "sys.exit(','.join(sorted({name.split('.')[0] for name in sys.modules} & {'dagster', 'polars'})) or 0)\n"
    )
    place = [] if arguments == ["--help"] else ["--source", "files", "--home", str(home)]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments, *place], capture_output=True, text=True, check=False, cwd=home
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_dagster_finds_one_location_under_one_name() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    [entry] = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text())["load_from"]
    module = entry["python_module"]
    assert module["location_name"] == project["code_location_name"] == "rotation"
    assert module["module_name"] == project["code_location_target_module"] == "pipeline.definitions"
    assert module["working_directory"] == "."


def test_dagster_keeps_its_history_below_the_warehouse_and_tells_nobody() -> None:
    assert "DAGSTER_HOME=${PWD}/warehouse/.dagster" in (CHECKOUT / ".env").read_text().splitlines()
    kept = yaml.safe_load((CHECKOUT / "warehouse" / ".dagster" / "dagster.yaml").read_text())
    packaged = yaml.safe_load((PACKAGE / "config" / "dagster.yaml").read_text())
    assert kept == packaged
    assert (kept["telemetry"], kept["nux"]) == ({"enabled": False}, {"enabled": False})


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_column_is_described_and_has_a_kind(name: str) -> None:
    contract = CONTRACTS[name]
    assert issubclass(contract, Table)
    assert contract.__doc__
    for column, spec in contract.columns().items():
        assert spec.description, f"{name}.{column}"
        assert (spec.metadata or {}).get("unit"), f"{name}.{column}"


@pytest.mark.parametrize("name", RAW)
def test_every_column_of_a_capture_is_described(name: str) -> None:
    assert RAW[name].__doc__
    assert all(spec.description for spec in RAW[name].columns().values())


def test_every_column_of_a_mart_is_described() -> None:
    for model in load_models().values():
        assert model.description
        assert all(column.description for column in model.columns), model.name


def test_a_quantity_has_one_kind_wherever_it_stands() -> None:
    """A name that ends in a unit has that unit in its contract."""
    endings = {"_pp": "pp", "_usd": "usd", "_pct": "pct"}
    for name, contract in CONTRACTS.items():
        for column, spec in contract.columns().items():
            unit = (spec.metadata or {}).get("unit")
            ending = next((unit for end, unit in endings.items() if column.endswith(end)), unit)
            assert unit == ending, f"{name}.{column}"
            if column.startswith(("is_", "has_")):
                assert unit == "flag", f"{name}.{column}"
