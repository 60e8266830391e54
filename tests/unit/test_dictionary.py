"""What is said of every table and column, and docs/dictionary.md, which is written from it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import dictionary, sql_models
from pipeline.contracts import raw
from pipeline.contracts.columns import CALENDAR, COMMENTARY, SECTIONS
from pipeline.descriptions import ORIGINS, Column, Described, descriptions, table_inputs
from pipeline.tables import CONTRACTS, META, RAW

CHECKOUT = Path(sql_models.__file__).parent.parent
LEDGER = ("core.sessions", "derived.trend")
[PRICES], [MACRO], [MEETINGS] = raw.PriceCapture.origins, raw.MacroCapture.origins, raw.FomcCapture.origins


def described(folder: Path, *files: str) -> dict[str, Described]:
    """Return what is said of all contracts and of these models."""
    for text in files:
        name, _, header = text.partition("\n")
        (folder / f"{name}.sql").write_text(header)
    models = sql_models.load_models(folder)
    return descriptions(models, table_inputs(models, LEDGER))


MADE = """made
-- model: Closes beside the curve.
-- grain: symbol, session_date
-- known: session_date
-- column: symbol | Fund.
-- column: session_date | Session.
-- column: close | Close. [usd, repaints]
-- column: mansfield | Strength. [pct]
-- column: spread_pp | Spread. [pp]
-- column: close_at | Close, as an instant.
-- column: n | Rows. [count]
-- column: both | Two in one. [ratio, ours]
select prices.symbol, session_date, close, strength.mansfield_252 as mansfield, curve.spread_pp, close_at,
    count(*) over () as n, strength.mansfield_252 + curve.spread_pp as both
from core.prices as prices
join core.sessions using (session_date)
join derived.relative_strength as strength using (symbol, session_date)
asof join derived.yield_curve_status as curve on close_at >= curve.available_at
"""
READS_IT = """reads_it
-- model: Of another mart.
-- grain: symbol
-- column: symbol | Fund.
-- column: newest_pp | Newest spread. [pp]
-- column: n | Rows. [count]
select symbol, max(spread_pp) as newest_pp, count(*) as n from marts.made group by symbol
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Described]:
    return described(tmp_path_factory.mktemp("models"), MADE, READS_IT)


def column(tables: dict[str, Described], table: str, name: str) -> Column:
    return next(one for one in tables[table].columns if one.name == name)


@pytest.mark.parametrize(
    ("table", "name", "origins", "sections"),
    [
        ("core.sessions", "close_at", {CALENDAR}, {0}),  # captures only say up to which day
        ("core.prices", "close", {PRICES, CALENDAR}, {0}),
        ("core.macro_releases", "value", {MACRO, MEETINGS}, {6}),
        ("derived.yield_curve_status", "spread_pp", {MACRO, MEETINGS}, {4}),
        ("marts.claims", "verdict", {PRICES, CALENDAR, COMMENTARY}, {9}),  # LEDGER reads these
        ("marts.made", "close", {PRICES, CALENDAR}, {0}),
        ("marts.made", "close_at", {CALENDAR}, {0}),
        ("marts.made", "spread_pp", {MACRO, MEETINGS}, {4}),
        ("marts.made", "both", {PRICES, CALENDAR, MACRO, MEETINGS}, {1, 4}),
        ("marts.made", "n", {PRICES, CALENDAR, MACRO, MEETINGS}, {0, 1, 4}),  # names no column: as its table
        ("marts.reads_it", "newest_pp", {MACRO, MEETINGS}, {4}),
        ("marts.reads_it", "n", {PRICES, CALENDAR, MACRO, MEETINGS}, {0, 1, 4}),
    ],
)
def test_a_column_rests_on_data_and_definitions(tables, table: str, name: str, origins: set, sections: set) -> None:
    basis = column(tables, table, name).basis
    assert (basis.origins, basis.sections) == (origins, sections)


def test_the_texts_of_a_column(tables) -> None:
    both = column(tables, "marts.made", "both")
    assert both.definition == (
        "dbt_like_sql/marts/made.sql; docs/definitions.md, 1. Returns and relative strength; 4. Yield curve"
    )
    assert both.basis.source == "prices, macro series, FOMC calendar, exchange calendar"
    assert both.lineage == ("derived.relative_strength.mansfield_252", "derived.yield_curve_status.spread_pp")
    assert (both.unit, both.grade, both.definition_source) == ("ratio", "ours", None)
    assert column(tables, "marts.made", "mansfield").definition_source == "S. Mansfield"
    spread = column(tables, "derived.yield_curve_status", "spread_pp")
    assert spread.definition == "docs/definitions.md, 4. Yield curve"
    assert spread.basis.licence == (
        "macro series: the owner of each series, see core.series.licence; FOMC calendar: Federal Reserve, public domain"
    )


def test_what_repaints(tables) -> None:
    def repainting(table: str) -> list[str]:
        return [one.name for one in tables[table].columns if one.repaints]

    assert tables["marts.made"].known_date == "session_date"
    assert repainting("marts.made") == ["close"]
    assert tables["marts.reads_it"].known_date is None
    assert repainting("marts.reads_it") == ["newest_pp", "n"]  # the state at the build, apart from its key
    assert repainting("core.sessions") == []
    assert repainting("derived.seasonality")[0] == "n"  # its key has no repainting column, nullable or not
    assert "close" in repainting("core.prices") and "close_as_traded" not in repainting("core.prices")


def test_what_a_table_reads(tables) -> None:
    assert tables["marts.reads_it"].reads == ("marts.made",)
    assert tables["derived.trend"].reads == ("core.prices",)
    assert tables["marts.claims"].reads == LEDGER


def test_every_capture_says_whose_it_is() -> None:
    assert all(len(contract.origins) == 1 for contract in RAW.values())
    assert len({one.name for one in ORIGINS}) == len(ORIGINS)
    assert all(one.licence for one in ORIGINS)


def test_sections_are_the_headings_of_the_definitions() -> None:
    text = (CHECKOUT / "docs" / "definitions.md").read_text(encoding="utf-8")
    headings = {int(number): name for number, name in re.findall(r"^## (\d+)\. (.*)$", text, re.M)}
    assert {number: headings.get(number) for number in SECTIONS} == SECTIONS
    used = {contract.section for contract in CONTRACTS.values()}
    assert used == set(SECTIONS)


@pytest.mark.parametrize("name", [name for name, contract in CONTRACTS.items() if name.startswith("derived.")])
def test_a_derived_table_names_the_section_that_defines_it(name: str) -> None:
    text = (CHECKOUT / "docs" / "definitions.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", text, re.M | re.S))
    assert f"`{name}`" in sections[str(CONTRACTS[name].section)]


# The marts of this project


@pytest.fixture(scope="module")
def marts() -> dict[str, Described]:
    models = sql_models.load_models()
    return descriptions(models, table_inputs(models, LEDGER))


def below(marts: dict[str, Described]) -> list[tuple[Described, Column, list[tuple[Described, Column]]]]:
    """Every column of a SQL mart, with the columns that it is computed from."""
    known = {f"{table.name}.{one.name}": (table, one) for table in marts.values() for one in table.columns}
    return [(table, one, [known[name] for name in one.lineage]) for table in marts.values() for one in table.columns]


def test_a_mart_says_of_a_column_that_repaints_below_that_it_does(marts) -> None:
    """Those of tables without a known date are the mart's own business: it takes what never changes, such as names."""
    for table, one, read in below(marts):
        repainted = [under.name for source, under in read if source.known_date and under.repaints]
        assert one.repaints or not repainted, f"{table.name}.{one.name} needs [repaints]: {repainted} do"


def test_a_mart_gives_a_copied_figure_the_grade_it_has(marts) -> None:
    for table, one, read in below(marts):
        if len(read) == 1 and read[0][1].grade != "exact":
            assert one.grade != "exact", f"{table.name}.{one.name} needs [{read[0][1].grade}]: {one.lineage[0]} is"


# The page


def test_the_dictionary_is_that_of_the_contracts_and_headers() -> None:
    assert dictionary.PATH == CHECKOUT / "docs" / "dictionary.md"
    written = dictionary.PATH.read_text(encoding="utf-8")
    current = dictionary.render() == written
    assert current, "docs/dictionary.md is out of date; write it anew: python -m pipeline.dictionary"
    for name in [*CONTRACTS, *META]:
        assert f"\n### {name}\n" in written and f"[{name}](#{name.replace('.', '')})" in written


def test_links_into_the_definitions_lead_to_headings() -> None:
    text = (CHECKOUT / "docs" / "definitions.md").read_text(encoding="utf-8")
    headings = {line[3:].lower().replace(" ", "-") for line in text.splitlines() if line.startswith("## ")}
    anchors = set(re.findall(r"definitions\.md#([^)]+)\)", dictionary.PATH.read_text(encoding="utf-8")))
    assert anchors and {re.sub(r"[^a-z0-9-]", "", heading) for heading in headings} >= anchors


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2 * x < 3", r"2 \* x \< 3"),
        ("up or down, _leading or last_", r"up or down, \_leading or last\_"),
        ("rot_ratio and `is_*` stay", "rot_ratio and `is_*` stay"),
    ],
)
def test_markdown_shows_a_text_as_it_is(text: str, shown: str) -> None:
    assert dictionary._escaped(text) == shown


def test_a_pipe_in_a_cell_is_no_border() -> None:
    assert dictionary._table(("a", "b"), [("x | y", "z")]) == "| a | b |\n| --- | --- |\n| x \\| y | z |\n"


def test_writing_it_needs_no_dagster() -> None:
    code = "import sys, pipeline.dictionary; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False).returncode == 0
