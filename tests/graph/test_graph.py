"""What Dagster sees: assets, what they are computed from, checks, jobs. A changed graph shows as a changed file.

After a wanted change write the snapshot anew with `python tests/graph/test_graph.py`, and read its diff.
"""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipeline.config import DEFAULT_DIR
from pipeline.definitions import JOB, build_definitions, defs
from pipeline.defs import core, derived
from pipeline.errors import RotationError
from pipeline.model_types import PUBLISHED
from pipeline.settings import SOURCES, Settings
from pipeline.sql_models import load_models
from pipeline.tables import CONTRACTS

SNAPSHOT = Path(__file__).with_name("snapshot.json")
SAMPLE_ONLY = "article_planted"  # the check of the article about the sample's planted events
MAY_FAIL = ("raw/price_captures", "raw/macro_captures")  # of the live source only


def graph(source: str) -> dict[str, Any]:
    """Return the graph of a source in plain words, without the source in the names."""
    found = build_definitions(Settings(home=Path("warehouse"), source=source))
    assets = found.resolve_asset_graph()

    def name(key: dg.AssetKey) -> str:
        assert key.path[0] == source  # provenances never share a history
        return "/".join(key.path[1:])

    return {
        "assets": {
            name(key): {
                "group": assets.get(key).group_name,
                "from": sorted(name(parent) for parent in assets.get(key).parent_keys),
                "owners": sorted(assets.get(key).owners),
                "checks": sorted(check.name for check in assets.get(key).check_keys),
            }
            for key in sorted(assets.get_all_asset_keys())
        },
        "jobs": sorted(job.name for job in found.jobs or ()),
        "schedules": {
            one.name: f"{one.cron_schedule} {one.execution_timezone}"
            for one in found.schedules or ()
            if isinstance(one, dg.ScheduleDefinition)
        },
        "sensors": sorted(sensor.name for sensor in found.sensors or ()),
        "resources": sorted(found.resources or {}),
        "executor": getattr(found.executor, "name", None),
    }


@pytest.mark.parametrize("source", SOURCES)
def test_the_graph_is_the_one_on_file(source: str) -> None:
    expected = json.loads(SNAPSHOT.read_text())
    for name in MAY_FAIL if source == "live" else ():
        expected["assets"][name]["checks"] = ["all_served"]
    for name, asset in expected["assets"].items():
        if source != "sample" and name.startswith("raw/"):
            asset["owners"] = ["team:vendors"]
    if source != "sample":
        expected["assets"]["marts/claims"]["checks"].remove(SAMPLE_ONLY)
    assert graph(source) == expected


def test_every_table_of_the_warehouse_is_an_asset_and_every_asset_is_published() -> None:
    assets = graph("sample")["assets"]
    published = {f"{layer}/{table}" for layer, table in (name.split(".") for name in CONTRACTS)}
    published |= {f"marts/{name}" for name in load_models()}
    assert {name for name in assets if not name.startswith(("raw/", "published/"))} == published
    assert set(assets["published/rotation"]["from"]) == published


def test_a_layer_is_computed_from_the_layers_before_it() -> None:
    """Derived tables are functions of core alone, core of captures and core; SQL reads core, derived and marts."""
    may_read = {
        "raw": set(),
        "core": {"raw", "core"},
        "derived": {"core"},
        "marts": {"core", "derived", "marts"},
        "published": {"core", "derived", "marts"},
    }
    for name, asset in graph("sample")["assets"].items():
        assert asset["group"] == name.split("/")[0]
        assert {one.split("/")[0] for one in asset["from"]} <= may_read[asset["group"]], name


def test_a_mart_depends_on_exactly_what_its_sql_reads() -> None:
    assets = graph("sample")["assets"]
    for name, model in load_models().items():
        assert assets[f"marts/{name}"]["from"] == sorted(one.replace(".", "/") for one in model.inputs)


def test_orchestration_is_dull() -> None:
    """No retries (Ctrl-C would become one), no pools (a killed run keeps its slot), no conditions, no IO managers."""
    found = build_definitions(Settings(home=Path("warehouse")))
    assets = found.resolve_asset_graph()
    job = found.resolve_job_def(JOB)
    assert job.executor_def is dg.in_process_executor
    assert job.tags["rotation/source"] == "sample"
    for node in job.nodes:
        assert node.definition.retry_policy is None
        assert not node.definition.pools
    for key in assets.get_all_asset_keys():
        assert assets.get(key).automation_condition is None
        assert assets.get(key).partitions_def is None


def test_the_graph_that_dagster_loads_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTATION_SOURCE", "files")
    loaded = defs() if callable(defs) else defs
    keys = loaded.resolve_asset_graph().get_all_asset_keys()
    assert {key.path[0] for key in keys} == {"files"}


def test_a_wrong_source_or_config_is_said_when_the_graph_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(RotationError, match="there is no source 'nowhere'"):
        Settings.from_environment({"ROTATION_SOURCE": "nowhere"})
    (tmp_path / "pairs.yaml").write_text("- {symbol: IWM, benchmark: NOPE}\n")
    with pytest.raises(RotationError, match=r"pairs\.yaml:1: benchmark: NOPE is not listed in .*etfs\.yaml"):
        build_definitions(Settings(home=Path("warehouse"), source="files", config_dir=tmp_path))


def test_every_asset_says_what_it_is() -> None:
    found = build_definitions(Settings(home=Path("warehouse")))
    assets = found.resolve_asset_graph()
    for key in assets.get_all_asset_keys():
        assert assets.get(key).description, key
        if key.path[1] != "published":
            schema = assets.get(key).metadata["dagster/column_schema"]
            columns = schema.value.columns if hasattr(schema, "value") else schema.columns
            assert columns and all(column.description for column in columns), key
            assert {column.type for column in columns} <= set(PUBLISHED.values()), key


def column(assets: Any, table: str, name: str) -> dg.TableColumn:
    """Return a column as Dagster shows it."""
    schema = assets.get(dg.AssetKey(["sample", *table.split(".")])).metadata["dagster/column_schema"]
    columns = schema.value.columns if hasattr(schema, "value") else schema.columns
    return next(one for one in columns if one.name == name)


def test_columns_come_with_type_unit_grade_and_constraints() -> None:
    assets = build_definitions(Settings(home=Path("warehouse"))).resolve_asset_graph()
    shown = column(assets, "marts.rotation_daily", "session_date")
    assert (shown.type, shown.constraints.nullable, shown.constraints.unique) == ("DATE", False, True)
    shown = column(assets, "marts.rotation_daily", "spread_63d_pp")
    assert (shown.type, shown.constraints.nullable, shown.tags) == ("DOUBLE", True, {"unit": "pp"})
    shown = column(assets, "derived.relative_strength", "rot_ratio")
    assert (shown.type, shown.tags) == ("DOUBLE", {"unit": "points", "grade": "ours"})
    shown = column(assets, "core.sessions", "session_date")
    assert (shown.constraints.nullable, shown.constraints.unique, shown.tags) == (False, True, {})


def test_the_inputs_that_publish_checks_are_those_of_the_graph() -> None:
    assets = graph("sample")["assets"]
    for name, inputs in {**core.INPUTS, **derived.INPUTS}.items():
        assert assets[name.replace(".", "/")]["from"] == sorted(one.replace(".", "/") for one in inputs), name


def test_the_dagster_settings_are_in_the_package() -> None:
    assert (DEFAULT_DIR / "dagster.yaml").is_file()


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(graph("sample"), indent=1) + "\n")
