"""Macro indicators and credit regimes on the real files, against what others computed.

The files lie beside the repository and are not part of it; without them these tests are skipped.
"""

import csv
import datetime as dt
import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.contracts.columns import rounded
from pipeline.contracts.derived.macro import CreditRegime, MacroIndicators
from pipeline.sources.files import read_folder
from pipeline.transforms.credit_regime import credit_regime
from pipeline.transforms.indicators import formulas, known
from pipeline.transforms.macro import macro_releases
from pipeline.transforms.macro_indicators import macro_indicators

SHARED = Path(__file__).parents[2].parent / "shared"
FOLDER = SHARED / "market-data"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real files are not in {FOLDER}")

CONFIG = config.load()
RECEIVED = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
NO_DECISIONS = pl.DataFrame(schema={"effective_on": pl.Date, "available_at": pl.Datetime("us", "UTC")})


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Every macro file."""
    folder = tmp_path_factory.mktemp("macro")
    for name in ("macro", "macro_snapshots", "macro_vintages"):
        shutil.copytree(FOLDER / name, folder / name, copy_function=shutil.copyfile)
    return macro_releases(read_folder(folder, known_symbols=()).received_by(RECEIVED).macro, CONFIG.series)


@pytest.fixture(scope="module")
def indicators(releases: pl.DataFrame) -> pl.DataFrame:
    return macro_indicators(releases, CONFIG.series, CONFIG.recessions, NO_DECISIONS)


@pytest.fixture(scope="module")
def regimes(releases: pl.DataFrame) -> pl.DataFrame:
    return credit_regime(releases, CONFIG.series)


def first_values(releases: pl.DataFrame, series_id: str) -> pl.DataFrame:
    first = releases.filter((pl.col("series_id") == series_id) & (pl.col("seq") == 1))
    return first.select("observed_on", of_source="value").drop_nulls()


def differing(ours: pl.DataFrame, source: pl.DataFrame) -> tuple[int, list[dt.date]]:
    """Observations compared, and those that differ at two digits."""
    both = ours.drop_nulls("value").join(source, on="observed_on").sort("observed_on")
    return both.height, both.filter((pl.col("value") - pl.col("of_source")).abs() > 0.001)["observed_on"].to_list()


def test_contracts_hold(indicators: pl.DataFrame, regimes: pl.DataFrame):
    MacroIndicators.validate(rounded(indicators, MacroIndicators))
    CreditRegime.validate(rounded(regimes, CreditRegime))
    assert {"baa", "baa_monthly", "hy_oas"} == set(regimes["measure"])
    assert indicators["value"].is_nan().sum() == 0


def test_known_answers(indicators: pl.DataFrame):
    with (SHARED / "golden" / "anchors.csv").open() as file:
        answers = [row for row in csv.DictReader(file) if row["table"] == "derived.macro_indicators"]
    assert len(answers) == 10
    with duckdb.connect() as con:
        con.register("indicators", indicators.to_arrow())
        for row in answers:
            ((found,),) = con.execute(f"select {row['column']} from indicators where {row['where']}").fetchall()
            assert found == pytest.approx(float(row["expected"]), rel=1e-9), row["where"]


def test_sahm_as_fred_computed_it_then(releases: pl.DataFrame, indicators: pl.DataFrame):
    """FRED knew the revisions that came with a report on its day; of the vintages here only the month is known.

    So months in whose report older months were revised differ: Decembers, with the year's seasonal factors (until 2002
    they came with January). With the report's own vintage March 2021 alone is left, where FRED has the rate of January
    2020, fourteen months before, as it was before its revision of January 2021.
    """
    fred = first_values(releases, "SAHMREALTIME")
    ours = indicators.filter((pl.col("indicator") == "sahm_pp") & (pl.col("vintage") == "realtime"))
    compared, different = differing(ours, fred)
    assert compared == 297  # August 1999 to April 2024, without months whose first print was not kept
    assert {d for d in different if d.month != 12} == {dt.date(2003, 1, 1), dt.date(2021, 3, 1)}
    assert len(different) == 14
    held_by_fred = pl.col("observed_on").is_in(fred["observed_on"].implode())
    assert set(ours.filter(pl.col("is_mixed") & held_by_fred)["observed_on"]) == {*different} - {dt.date(2021, 3, 1)}

    series = CONFIG.by_series_id["UNRATE"]
    values = known.of_series(releases.filter(pl.col("series_id") == "UNRATE"), series)
    public = releases["available_at"].unique().sort()
    vintages = known.first_vintage(known.first_prints(values, series), values, series, formulas.SAHM_STEPS, public)
    then = vintages.with_columns(scale=pl.lit(10.0)).select("observed_on", value=formulas.sahm())
    assert differing(then, fred) == (297, [dt.date(2021, 3, 1)])


def test_values_over_a_revision_of_their_own_report_are_flagged(indicators: pl.DataFrame):
    """CPI of January 2023 rose by 0.5 % (BLS, 2023-02-14), with new seasonal factors; production was rebased."""
    mixed = indicators.filter("is_mixed")
    for name, month in (
        ("cpi_mom_pct", dt.date(2023, 1, 1)),
        ("industrial_production_yoy_pct", dt.date(2002, 11, 1)),
        ("industrial_production_yoy_pct", dt.date(2010, 5, 1)),
    ):
        assert mixed.filter((pl.col("indicator") == name) & (pl.col("observed_on") == month)).height == 1, name
    assert set(mixed["vintage"]) == {"realtime"}
    read_whole_vintages = {"payrolls_change_k", "payrolls_change_3m_k", "payrolls_surprise_k", "cpi_surprise_naive_pp"}
    assert not read_whole_vintages & set(mixed["indicator"])


def test_recessions_settled_by_announcements_are_those_of_usrec(releases: pl.DataFrame, indicators: pl.DataFrame):
    usrec = first_values(releases, "USREC")
    for vintage in ("realtime", "latest"):
        ours = indicators.filter((pl.col("indicator") == "is_nber_recession") & (pl.col("vintage") == vintage))
        compared, different = differing(ours, usrec)
        assert different == []
        assert compared == (484 if vintage == "realtime" else usrec.height)  # February 1980 to May 2020


@pytest.mark.parametrize("cut", ["2003-02-20", "2008-12-01", "2020-06-30", "2023-06-15", "2026-03-01"])
def test_files_cut_at_an_instant_give_the_rows_known_by_then(
    releases: pl.DataFrame, indicators: pl.DataFrame, regimes: pl.DataFrame, cut: str
):
    instant = dt.datetime.fromisoformat(cut).replace(tzinfo=dt.UTC)
    is_known = pl.col("available_at") <= instant
    known_then = releases.filter(is_known)
    assert_frame_equal(credit_regime(known_then, CONFIG.series), regimes.filter(is_known), check_exact=True)
    then = macro_indicators(known_then, CONFIG.series, CONFIG.recessions, NO_DECISIONS)
    for vintage in ("realtime", "latest"):
        assert then.filter((pl.col("vintage") == vintage) & ~is_known).is_empty()
    realtime = pl.col("vintage") == "realtime"
    then, expected = then.filter(realtime), indicators.filter(realtime & is_known)
    assert_frame_equal(then.drop("is_mixed"), expected.drop("is_mixed"), check_exact=True)
    assert (~then["is_mixed"] | expected["is_mixed"]).all()


def test_the_credit_spreads_of_the_commentary(regimes: pl.DataFrame):
    """About 2024-07-29 nothing in the spreads spoke of stress; in March 2020 everything did."""
    for day, expected in ((dt.date(2024, 7, 29), "calm"), (dt.date(2020, 4, 1), "stress")):
        of_day = regimes.filter((pl.col("observed_on") == day) & (pl.col("measure") == "hy_oas"))
        assert of_day["regime"].to_list() == [expected]
