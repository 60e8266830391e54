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
from pipeline.settings import NEW_YORK
from pipeline.sources.files import read_folder
from pipeline.transforms import futures
from pipeline.transforms.credit_regime import credit_regime
from pipeline.transforms.indicators import formulas, known
from pipeline.transforms.macro import macro_releases
from pipeline.transforms.macro_indicators import macro_indicators

SHARED = Path(__file__).parents[2].parent / "shared"
FOLDER = SHARED / "market-data"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real files are not in {FOLDER}")

CONFIG = config.load()
RECEIVED = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Every macro file, and the decisions of the FOMC."""
    folder = tmp_path_factory.mktemp("macro")
    for name in ("macro", "macro_snapshots", "macro_vintages"):
        shutil.copytree(FOLDER / name, folder / name, copy_function=shutil.copyfile)
    shutil.copyfile(FOLDER / "futures" / "fomc_decisions.csv", folder / "fomc_decisions.csv")
    batch = read_folder(folder, known_symbols=()).received_by(RECEIVED)
    return macro_releases(batch.macro, CONFIG.series, meetings=futures.fomc_meetings(batch.fomc, CONFIG.fomc))


@pytest.fixture(scope="module")
def indicators(releases: pl.DataFrame) -> pl.DataFrame:
    return macro_indicators(releases, CONFIG.series, CONFIG.recessions)


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


# --- what was published in 2022 --------------------------------------------------------------------------------------


def published(event: str, unit: str) -> dict[dt.date, list[tuple[dt.date, float]]]:
    """By observed month the days and values of an event of the economic calendar of 2022."""
    found: dict[dt.date, list[tuple[dt.date, float]]] = {}
    with (FOLDER / "calendar" / "economic_calendar_2022.csv").open() as file:
        for row in csv.DictReader(file):
            is_event = (row["Country"], row["Event"].strip()) == ("United States", event)
            if is_event and row["Actual"].endswith(unit):
                day = dt.date.fromisoformat(row["Date"])
                month = (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
                found.setdefault(month, []).append((day, float(row["Actual"].removesuffix(unit))))
    return found


def in_real_time(indicators: pl.DataFrame, name: str) -> dict[dt.date, float]:
    rows = indicators.filter((pl.col("indicator") == name) & (pl.col("vintage") == "realtime"))
    return dict(rows.select("observed_on", "value").rows())


def first_known(releases: pl.DataFrame, series_id: str) -> dict[dt.date, dt.date]:
    """New York day from which each observation was public."""
    first = releases.filter((pl.col("series_id") == series_id) & (pl.col("seq") == 1))
    return dict(first.select("observed_on", pl.col("available_at").dt.convert_time_zone(NEW_YORK.key).dt.date()).rows())


def test_first_prints_are_those_that_were_published(releases: pl.DataFrame, indicators: pl.DataFrame):
    payrolls, starts, prices = (
        published("Nonfarm Payrolls", "K"),
        published("Housing Starts", "M"),
        published("CPI", "%"),
    )
    rates = published("Unemployment Rate", "%")
    assert [len(months) for months in (payrolls, rates, starts, prices)] == [12, 12, 12, 11]  # no CPI in May
    ours = in_real_time(indicators, "payrolls_change_k")
    assert {month: ours[month] for month in payrolls} == {month: rows[0][1] for month, rows in payrolls.items()}
    ours = in_real_time(indicators, "unemployment_rate_pct")
    assert {month: ours[month] for month in rates} == {month: rows[0][1] for month, rows in rates.items()}
    first = dict(first_values(releases, "HOUST").rows())
    assert {month: first[month] / 1000 for month in starts} == {month: rows[0][1] for month, rows in starts.items()}
    ours = in_real_time(indicators, "cpi_mom_pct")
    # of the two changes of a day the monthly one is the smaller
    monthly = {month: min(value for _, value in rows) for month, rows in prices.items()}
    assert {month: round(ours[month], 1) for month in prices} == monthly


@pytest.mark.parametrize(
    ("series_id", "event", "unit"),
    [
        ("PAYEMS", "Nonfarm Payrolls", "K"),
        ("UNRATE", "Unemployment Rate", "%"),
        ("HOUST", "Housing Starts", "M"),
        ("CPIAUCSL", "CPI", "%"),
    ],
)
def test_nothing_is_known_before_it_was_published(releases: pl.DataFrame, series_id: str, event: str, unit: str):
    known_on = first_known(releases, series_id)
    assert [month for month, rows in published(event, unit).items() if known_on[month] < rows[0][0]] == []


def test_claims_are_not_known_before_they_were_published(releases: pl.DataFrame):
    known_on = first_known(releases, "ICSA")
    days = [day for rows in published("Initial Jobless Claims", "K").values() for day, _ in rows]
    weeks = {day - dt.timedelta(days=(day.weekday() - 5) % 7): day for day in sorted(days, reverse=True)}
    assert len(weeks) == 51
    assert [week for week, day in weeks.items() if known_on[week] < day] == []


def test_permits_are_those_revised_a_week_later(releases: pl.DataFrame):
    """November 2022: 1.342 million on the 20th of December, 1.351 on the 23rd (Census, revised)."""
    rows = published("Building Permits", "M")[dt.date(2022, 11, 1)]
    assert rows == [(dt.date(2022, 12, 20), 1.342), (dt.date(2022, 12, 23), 1.351)]
    assert dict(first_values(releases, "PERMIT").rows())[dt.date(2022, 11, 1)] == 1351.0
    assert first_known(releases, "PERMIT")[dt.date(2022, 11, 1)] == dt.date(2022, 12, 28)


def test_a_new_target_is_known_from_its_announcement(indicators: pl.DataFrame):
    """The decision of 2024-09-18, which FRED dates on the 19th."""
    row = indicators.filter(
        (pl.col("indicator") == "fed_funds_target_upper_pct") & (pl.col("observed_on") == dt.date(2024, 9, 19))
    )
    announced = dt.datetime(2024, 9, 18, 14, tzinfo=NEW_YORK)
    assert set(row.select("value", "available_at").rows()) == {(5.0, announced)}


def test_a_month_that_nobody_settled_is_known_from_the_state_it_continues(indicators: pl.DataFrame):
    row = indicators.filter(
        (pl.col("indicator") == "is_nber_recession") & (pl.col("observed_on") == dt.date(2020, 6, 1))
    )
    assert row.select("vintage", "value").rows() == [("latest", 0.0)]
    assert row["available_at"][0] > dt.datetime(2021, 7, 19, 23, tzinfo=NEW_YORK)


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
    then = macro_indicators(known_then, CONFIG.series, CONFIG.recessions)
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
