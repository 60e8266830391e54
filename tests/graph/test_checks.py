"""The checks that a build evaluates, and what an asset shows of its table beside them."""

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipeline.config import load
from pipeline.contracts import core
from pipeline.defs import checks
from pipeline.defs.charts import charts
from pipeline.settings import Settings
from pipeline.tables import CONTRACTS, CORE, DERIVED
from pipeline.warehouse import Warehouse

THURSDAY_NIGHT = dt.datetime(2026, 11, 20, 1, tzinfo=dt.UTC)  # 20:00 in New York on the 19th
WEDNESDAY, THURSDAY = dt.date(2026, 11, 18), dt.date(2026, 11, 19)


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The history of the one build of the small input."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home / ".dagster"))
        with dg.DagsterInstance.get() as found:
            yield found


def evaluation(instance: dg.DagsterInstance, table: str, name: str) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(dg.AssetKey(["files", *table.split(".")]), name)
    [record] = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None and record.event.dagster_event is not None
    found = record.event.dagster_event.event_specific_data
    assert isinstance(found, dg.AssetCheckEvaluation)
    return found


def shown(found: dg.AssetCheckEvaluation) -> dict[str, object]:
    return {name: one.value for name, one in found.metadata.items()}


def metadata(instance: dg.DagsterInstance, table: str) -> dict[str, dg.MetadataValue]:
    event = instance.get_latest_materialization_event(dg.AssetKey(["files", *table.split(".")]))
    assert event is not None and event.asset_materialization is not None
    return dict(event.asset_materialization.metadata)


def test_every_core_table_is_held_against_its_contract(instance: dg.DagsterInstance) -> None:
    for table in (f"core.{name}" for name in CORE):
        found = evaluation(instance, table, "contract")
        assert found.passed and not found.blocking, table
        assert shown(found) == {"rows": metadata(instance, table)["dagster/row_count"].value, "left_out": 0}
    assert shown(evaluation(instance, "core.prices", "contract"))["rows"] == 1200  # three funds, 400 sessions


def test_all_published_files_are_held_against_their_contracts(
    instance: dg.DagsterInstance, home: Path, tmp_path: Path
) -> None:
    found = evaluation(instance, "published.rotation", "contracts")
    assert found.passed and shown(found) == {"tables": len(CONTRACTS)}
    broken = tmp_path / "builds" / "broken"
    shutil.copytree((home / "files" / "current").resolve(), broken, ignore=shutil.ignore_patterns("*.duckdb"))
    shutil.copyfile(broken / "derived" / "trend.parquet", broken / "derived" / "breadth.parquet")
    told = checks.contracts(Warehouse(tmp_path), broken).odd
    assert set(told["id"]) == {"derived.breadth"} and "universe: None" in told["reason"].to_list()


def test_a_build_of_old_files_says_which_bars_are_due(instance: dg.DagsterInstance) -> None:
    found = evaluation(instance, "core.prices", "freshness")
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
    told = shown(found)
    assert (told["newest"], told["symbols_behind"]) == ("2024-01-03", 3)
    assert all(str(told[symbol]).startswith("newest bar 2024-01-03, sessions behind: ") for symbol in ("IWM", "QQQ"))


def test_symbols_of_the_config_without_bars_are_named(instance: dg.DagsterInstance) -> None:
    found = evaluation(instance, "core.instruments", "symbols_present")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert shown(found)["DIA"] == "no bar captured" and "IWM" not in shown(found)


def test_a_first_build_has_no_edits_to_compare_with(instance: dg.DagsterInstance) -> None:
    found = evaluation(instance, "core.capture_edits", "upstream_edits")
    assert found.passed and shown(found) == {"changed_values": 0, "changed": []}


def test_a_chart_and_its_newest_value_come_with_the_main_figure(instance: dg.DagsterInstance) -> None:
    told = metadata(instance, "derived.relative_strength")
    assert told["newest"].value == 4.99  # 499 over 100
    chart = str(told["chart"].value)
    assert chart.startswith(
        "IWM / SPY: 4.99 on 2024-01-03 (1 to 4.99 since 2022-06-01)\n\n![](data:image/svg+xml;base64,"
    )
    assert len(chart) < 1000  # or the UI shows a link in its place
    assert "chart" not in metadata(instance, "derived.records") | metadata(instance, "derived.credit_regime")


def test_charts_are_of_columns_that_their_tables_have() -> None:
    for name, chart in charts(Settings(Path("x")), load()).items():
        if name.startswith(("core.", "derived.")):
            columns = {**CORE, **DERIVED}[name.split(".")[1]].column_names()
            assert {chart.day, chart.value, *chart.of} <= set(columns), name


def test_a_mart_says_from_which_columns_each_of_its_columns_comes(instance: dg.DagsterInstance) -> None:
    lineage = metadata(instance, "marts.rotation_daily")["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    [above] = lineage.deps_by_column["ratio"]
    assert (above.asset_key.path, above.column_name) == (["files", "derived", "relative_strength"], "ratio")


def test_a_stale_row_is_named_by_the_test_it_breaks(instance: dg.DagsterInstance) -> None:
    found = evaluation(instance, "marts.freshness", "sql_tests")
    assert not found.passed
    told = str(shown(found)["not is_stale or is_delisted or last_day is null"])
    # captured a month after the last bar and observation: three funds, three series
    assert re.fullmatch(r"rows: 6: (\S+ \S+, ){5}\S+ \S+", told), told


# each check by itself


def of(name: str, table: str, settings: Settings, now: dt.datetime = THURSDAY_NIGHT) -> checks.Check:
    [found] = [one for one in checks.core_checks(settings, load(), lambda: now)[table] if one.name == name]
    return found


def bars(*rows: tuple[str, dt.date]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"symbol": pl.String, "session_date": pl.Date}, orient="row")


@pytest.mark.parametrize(
    ("now", "behind"),
    [
        ("2026-11-20 00:59", []),  # 19:59 in New York: Thursday's bar is not final, Wednesday's is due
        ("2026-11-20 01:00", ["OLD"]),
        ("2026-11-21 00:59", ["OLD"]),
        ("2026-11-21 01:00", ["NEW", "OLD"]),  # Friday's is due
    ],
)
def test_a_bar_is_due_once_it_is_final(now: str, behind: list[str], tmp_path: Path) -> None:
    check = of("freshness", "core.prices", Settings(tmp_path), dt.datetime.fromisoformat(now + "+00:00"))
    found = check.judge(Warehouse(tmp_path), bars(("OLD", WEDNESDAY), ("NEW", THURSDAY)).lazy())
    assert found.odd["id"].to_list() == behind


@pytest.mark.parametrize("day", ["2026-11-21", "2026-11-22", "2026-11-23"])
def test_nothing_is_due_on_weekends_and_until_monday_night(day: str, tmp_path: Path) -> None:
    check = of("freshness", "core.prices", Settings(tmp_path), dt.datetime.fromisoformat(f"{day}T23:00+00:00"))
    assert check.judge(Warehouse(tmp_path), bars(("A", dt.date(2026, 11, 20))).lazy()).odd.is_empty()


def test_nothing_is_due_on_a_holiday(tmp_path: Path) -> None:
    thanksgiving = dt.datetime(2026, 11, 27, 3, tzinfo=dt.UTC)  # 22:00 in New York on the 26th
    check = of("freshness", "core.prices", Settings(tmp_path), thanksgiving)
    assert check.judge(Warehouse(tmp_path), bars(("A", dt.date(2026, 11, 25))).lazy()).odd.is_empty()


def test_the_clock_of_a_replay_is_its_own_instant(tmp_path: Path) -> None:
    settings = Settings(tmp_path, as_of=dt.datetime(2026, 11, 19, 1, tzinfo=dt.UTC))
    found = of("freshness", "core.prices", settings).judge(Warehouse(tmp_path), bars(("A", WEDNESDAY)).lazy())
    assert found.odd.is_empty() and found.figures["due"] == "2026-11-18"


def edits(*values: tuple[str, str, int]) -> pl.DataFrame:
    """Make core.capture_edits of dataset, id and day of November."""
    instant = dt.datetime(2026, 11, 19, tzinfo=dt.UTC)
    rows = [(d, i, dt.date(2026, 11, n), "close", instant, instant, 1.0, 2.0, "revised", "file") for d, i, n in values]
    return pl.DataFrame(rows, schema=core.CaptureEdits.create_empty().schema, orient="row")


def test_values_changed_since_the_published_build_are_told(tmp_path: Path) -> None:
    published = tmp_path / "builds" / "old" / "core"
    published.mkdir(parents=True)
    (tmp_path / "current").symlink_to("builds/old")
    edits(("prices", "IWM", 1)).write_parquet(published / "capture_edits.parquet")
    check = of("upstream_edits", "core.capture_edits", Settings(tmp_path))

    now = edits(("prices", "IWM", 1), ("macro", "UNRATE", 1), ("macro", "UNRATE", 2))
    expected = check.judge(Warehouse(tmp_path), now.lazy())
    assert expected.odd.is_empty()  # unemployment is revised as a rule
    assert expected.figures == {"changed_values": 2, "changed": ["UNRATE: revised, values: 2"]}
    odd = check.judge(Warehouse(tmp_path), pl.concat([now, edits(("prices", "SPY", 3))]).lazy())
    assert odd.odd.rows() == [("SPY", "old values changed (revised): 1")]
    assert check.judge(Warehouse(tmp_path, as_of="2026-11-18"), now.lazy()).figures["changed_values"] == 0


@pytest.fixture
def status(tmp_path: Path) -> tuple[Warehouse, pl.DataFrame]:
    """A warehouse in which core.fund_facts, of two rows, has just been written."""
    instant = dt.datetime(2026, 11, 19, tzinfo=dt.UTC)
    frame = pl.DataFrame(
        [("A", WEDNESDAY, 10.0, 1.0, instant), ("B", WEDNESDAY, 11.0, 2.0, instant)],
        schema=core.FundFacts.create_empty().schema,
        orient="row",
    )
    warehouse = Warehouse(tmp_path)
    warehouse.write("core.fund_facts", frame)
    return warehouse, frame


def test_a_file_is_as_its_contract_says_or_the_check_says_how_not(status: tuple[Warehouse, pl.DataFrame]) -> None:
    warehouse, frame = status

    def odd(rows: int = 2) -> list[str]:
        return checks.contract(warehouse.files("core.fund_facts"), core.FundFacts, rows).odd["id"].to_list()

    assert odd() == []
    assert odd(rows=3) == ["2 rows in the file, 3 computed"]
    [path] = warehouse.files("core.fund_facts")
    frame.with_columns(pl.col("trailing_pe").cast(pl.Float32), extra=1).drop("yield_pct").write_parquet(path)
    assert odd() == ["trailing_pe: Float32", "yield_pct: None", "extra: Int32"]


def test_rows_left_out_make_the_contract_yellow(status: tuple[Warehouse, pl.DataFrame]) -> None:
    left_out = pl.DataFrame({"id": ["A 2026-11-18"], "reason": ["close: -1"]})
    finding = checks.contract(status[0].files("core.fund_facts"), core.FundFacts, 2, left_out)
    told = checks.result(Settings(Path("x")), "core.fund_facts", "contract", finding)
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert {name: one.value for name, one in told.metadata.items()} == {
        "rows": 2,
        "left_out": 1,
        "A 2026-11-18": "close: -1",
    }


def test_a_check_names_so_many_things_and_counts_the_rest() -> None:
    odd = pl.DataFrame({"id": [f"S{number:03}" for number in range(120)], "reason": ["old"] * 120})
    told = checks.result(Settings(Path("x")), "core.prices", "freshness", checks.Finding(odd)).metadata
    assert len(told) == 51 and told["S049"].value == "old" and told["not shown"].value == 70
