"""Seasonality and event studies on the real files: counts that the calendar gives, and dates that are public knowledge.

The files lie beside the repository and are not part of it; without them these tests are skipped.
"""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.sources import Batch
from pipeline.sources.files import read_file
from pipeline.transforms import event_studies as studies
from pipeline.transforms import seasonality as seasons
from pipeline.transforms import yield_curve
from pipeline.transforms.futures import fomc_meetings
from pipeline.transforms.macro import macro_releases
from pipeline.transforms.policy_rate import first_cuts, target_decisions
from pipeline.transforms.prices import prices
from pipeline.transforms.reference import sessions

FOLDER = Path(__file__).parents[2].parent / "shared" / "market-data"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real files are not in {FOLDER}")

CONFIG = config.load()
CURVES = CONFIG.rules.curves
RECEIVED = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
SYMBOLS = ["IWM", "QQQ", "SPY", "^GSPC", "^RUT"]
PAIRS = [("IWM", "SPY"), ("^RUT", "^GSPC")]
CUTS = [dt.date(2003, 3, 31), dt.date(2016, 11, 8), dt.date(2024, 9, 17), dt.date(2024, 9, 18)]
FIRST_CUTS = ["1989-06-06", "1995-07-06", "1998-09-29", "2001-01-03", "2007-09-18", "2019-07-31", "2024-09-18"]
FUND_CUTS = ["2001-01-03", "2007-09-18", "2019-07-31", "2024-09-18"]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def read(path: str) -> Batch:
    return read_file(FOLDER / path, origin=path, known_symbols=CONFIG.by_symbol.keys(), captured_at=RECEIVED)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    captures = pl.concat(read(f"prices/{symbol}.csv").prices for symbol in SYMBOLS)
    return prices(captures, sessions(RECEIVED), CONFIG.instruments).prices


@pytest.fixture(scope="module")
def meetings() -> pl.DataFrame:
    return fomc_meetings(read("futures/fomc_decisions.csv").fomc, CONFIG.fomc)


@pytest.fixture(scope="module")
def rates(meetings: pl.DataFrame) -> pl.DataFrame:
    """Yields and targets of the Fed."""
    captures = pl.concat(read(f"macro/{name}.csv").macro for name in ("T10Y2Y", "DGS10", "DFEDTARU"))
    return macro_releases(captures, CONFIG.series, meetings=meetings)


# --- seasonality -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def years(bars: pl.DataFrame) -> pl.DataFrame:
    return seasons.seasonality_years(bars, PAIRS)


def test_spy_has_every_complete_month_since_february_1993(bars: pl.DataFrame, years: pl.DataFrame):
    spy = pl.col("symbol") == "SPY"
    last = bars.filter(spy)["session_date"].max()
    table = seasons.seasonality(bars, PAIRS).filter(spy, pl.col("bucket_type") == "month", pl.col("basis") == "price")
    # SPY's first bar was on 1993-01-29, the last session of that January: the base of February
    complete = [last.year - 1993 + (2 <= month < last.month) for month in range(1, 13)]
    assert table["bucket"].to_list() == [f"{month:02}" for month in range(1, 13)]
    assert table["n"].to_list() == complete
    assert years.filter(spy, pl.col("bucket_type") == "month", pl.col("basis") == "price").height == sum(complete)


def test_months_chain_up_to_the_whole_history(bars: pl.DataFrame, years: pl.DataFrame):
    """The months of a calendar year multiply to the year's own return, taken from the closes."""
    for symbol in ("SPY", "^GSPC"):
        alone = (pl.col("symbol") == symbol) & pl.col("benchmark").is_null() & (pl.col("basis") == "price")
        months = years.filter(alone, pl.col("bucket_type") == "month", pl.col("year") == 2008)
        closes = bars.filter(pl.col("symbol") == symbol).select("session_date", "close")
        ends = [closes.filter(pl.col("session_date") <= day(f"{year}-12-31"))["close"][-1] for year in (2007, 2008)]
        assert (1 + months["value"]).product() == pytest.approx(ends[1] / ends[0])
        of_year = years.filter(alone, pl.col("bucket_type") == "election_year_calendar", pl.col("year") == 2008)
        assert of_year["value"].to_list() == [pytest.approx(ends[1] / ends[0] - 1)]


def test_the_sp_500_in_election_years(years: pl.DataFrame):
    """Price returns of the index in election years, as every almanac has them, in percent."""
    known = {1980: 25.8, 1984: 1.4, 1988: 12.4, 1992: 4.5, 1996: 20.3, 2000: -10.1, 2004: 9.0, 2008: -38.5, 2012: 13.4}
    known |= {2016: 9.5, 2020: 16.3, 2024: 23.3}
    of_index = years.filter(
        pl.col("symbol") == "^GSPC", pl.col("benchmark").is_null(), pl.col("bucket_type") == "election_year_calendar"
    )
    found = dict(of_index.select("year", 100 * pl.col("value")).iter_rows())
    assert {year: round(found[year], 1) for year in known} == known


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_seasonality_does_not_look_ahead(bars: pl.DataFrame, years: pl.DataFrame, cut: dt.date):
    then = seasons.seasonality_years(bars.filter(pl.col("session_date") <= cut), PAIRS)
    assert_frame_equal(then, years.filter(pl.col("window_end") <= cut), check_exact=True)


# --- event studies ---------------------------------------------------------------------------------------------------


def happened(
    bars: pl.DataFrame, rates: pl.DataFrame, meetings: pl.DataFrame, until: dt.datetime = RECEIVED
) -> pl.DataFrame:
    """All events known by an instant."""
    known = rates.filter(pl.col("available_at") <= until)
    decided = meetings.filter(pl.col("decided_at") <= until)
    return studies.all_events(
        bars,
        sessions(until),
        first_cuts(target_decisions(known, decided, CONFIG.series)),
        yield_curve.yield_curve_inversions(known, CURVES),
        CONFIG.recessions,
        "IWM",
    )


@pytest.fixture(scope="module")
def events(bars: pl.DataFrame, rates: pl.DataFrame, meetings: pl.DataFrame) -> pl.DataFrame:
    return happened(bars, rates, meetings)


@pytest.fixture(scope="module")
def found(bars: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    return studies.event_studies(bars, sessions(RECEIVED), events, CONFIG.rules.event_studies)


def dates(table: pl.DataFrame, event_type: str, symbol: str, benchmark: str | None = None) -> list[str]:
    of = pl.col("benchmark").is_null() if benchmark is None else pl.col("benchmark") == benchmark
    zero = table.filter(of, pl.col("symbol") == symbol, pl.col("event_type") == event_type, pl.col("offset") == 0)
    return [str(one) for one in zero.sort("event_no")["event_date"]]


def test_first_cuts_are_studied_where_the_history_reaches(bars: pl.DataFrame, found: pl.DataFrame):
    last = bars.filter(pl.col("symbol") == "^RUT")["session_date"].max()
    assert dates(found, "first_cut", "IWM") == FUND_CUTS
    assert dates(found, "first_cut", "IWM", "SPY") == FUND_CUTS
    assert dates(found, "first_cut", "SPY") == FIRST_CUTS[1:]
    assert dates(found, "first_cut", "^RUT") == [one for one in FIRST_CUTS if day(one) <= last]


def test_the_uninversion_of_2024_is_studied_from_the_monday_after(found: pl.DataFrame):
    # the spread of Friday 2024-09-13 was posted at 17:01, an hour after the close
    study = found.filter(pl.col("event_date") == day("2024-09-13"), pl.col("symbol") == "IWM", pl.col("offset") == 0)
    assert dates(found, "uninversion", "IWM")[-1] == "2024-09-13"
    assert set(study["session_date"]) == {day("2024-09-16")}


def test_troughs_are_studied_from_the_announcement(found: pl.DataFrame):
    assert dates(found, "nber_trough", "IWM") == ["2001-11-30", "2009-06-30", "2020-04-30"]
    zero = found.filter(pl.col("event_type") == "nber_trough", pl.col("symbol") == "IWM", pl.col("offset") == 0)
    assert set(zero["session_date"]) == {day("2003-07-18"), day("2010-09-21"), day("2021-07-20")}


def test_the_five_gains_of_july_2024_were_those_of_the_index(bars: pl.DataFrame, found: pl.DataFrame):
    """On 2024-07-10 the fund gained 0.98 %, the index 1.10 %."""
    index = bars.filter(pl.col("symbol") == "^RUT")
    assert day("2024-07-16") in studies.fifth_hits(index, sessions(RECEIVED))["event_date"].to_list()
    assert "2024-07-16" not in dates(found, "streak", "IWM")
    assert dates(found, "streak", "IWM") == dates(found, "streak", "SPY") != []


def test_phases_follow_one_another(found: pl.DataFrame):
    iwm = found.filter(
        pl.col("event_type") == "phase_change",
        pl.col("symbol") == "IWM",
        pl.col("benchmark").is_null(),
        pl.col("offset") == 0,
    ).sort("event_no")
    before, after = zip(*(one.split(" -> ") for one in iwm["detail"]), strict=True)
    assert before[1:] == after[:-1]
    assert len(before) > 100


def test_a_first_cut_by_the_closes(bars: pl.DataFrame, found: pl.DataFrame):
    """2007-09-18 at offset 10 against SPY: from the closes of 2007-09-17 and of ten sessions after the 18th."""
    total = bars.filter(pl.col("session_date").is_in([day("2007-09-17"), day("2007-10-02")]))
    moves = {
        symbol: total.filter(pl.col("symbol") == symbol)["total_return_index"].to_list() for symbol in ("IWM", "SPY")
    }
    ret = {symbol: last / first - 1 for symbol, (first, last) in moves.items()}
    row = found.row(
        by_predicate=(pl.col("event_date") == day("2007-09-18"))
        & (pl.col("symbol") == "IWM")
        & (pl.col("benchmark") == "SPY")
        & (pl.col("event_type") == "first_cut")
        & (pl.col("offset") == 10),
        named=True,
    )
    assert row["session_date"] == day("2007-10-02")
    assert (row["cum_return"], row["cum_abnormal"]) == (
        pytest.approx(ret["IWM"]),
        pytest.approx(ret["IWM"] - ret["SPY"]),
    )


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_event_studies_do_not_look_ahead(
    bars: pl.DataFrame, rates: pl.DataFrame, meetings: pl.DataFrame, found: pl.DataFrame, cut: dt.date
):
    evening = dt.datetime.combine(cut, dt.time(23, 59, 59), dt.UTC) + dt.timedelta(hours=4)
    known = bars.filter(pl.col("session_date") <= cut)
    then_known = happened(known, rates, meetings, evening)
    then = studies.event_studies(known, sessions(evening), then_known, CONFIG.rules.event_studies)
    assert_frame_equal(then, found.filter(pl.col("known_on") <= cut), check_exact=True)
