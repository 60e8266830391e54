"""The transforms on the real files: facts that definitions and claims state.

The files lie beside the repository and are not part of it; without them these tests are skipped.
"""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import config
from pipeline.contracts.core import FundFacts
from pipeline.sources.files import read_file
from pipeline.transforms import records, relative_strength, returns, streaks, valuation_gap, yield_curve
from pipeline.transforms.macro import macro_latest, macro_releases
from pipeline.transforms.prices import prices
from pipeline.transforms.reference import sessions

FOLDER = Path(__file__).parents[2].parent / "shared" / "market-data"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real files are not in {FOLDER}")

SYMBOLS = ["IWM", "SPY", "QQQ", "IVW", "IWN", "^RUT"]
PAIRS = [("IWM", "SPY"), ("IWM", "QQQ"), ("^RUT", "QQQ")]
CONFIG = config.load()
GAPS = [pair for pair in CONFIG.rules.valuation_pairs if {pair.growth, pair.value} <= set(SYMBOLS)]
CURVES = CONFIG.rules.curves
RECEIVED = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
DAY = dt.date(2024, 7, 16)  # of the news story


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def evening(cut: dt.date) -> dt.datetime:
    return dt.datetime.combine(cut, dt.time(23, 59, 59), dt.UTC) + dt.timedelta(hours=5)


def gaps(bars: pl.DataFrame) -> pl.DataFrame:
    return valuation_gap.valuation_gap(bars, FundFacts.create_empty(), sessions(RECEIVED), GAPS)


def read(path: str) -> pl.DataFrame:
    batch = read_file(FOLDER / path, origin=path, known_symbols=CONFIG.by_symbol.keys(), captured_at=RECEIVED)
    return batch.prices if path.startswith("prices/") else batch.macro


@pytest.fixture(scope="module")
def captures() -> pl.DataFrame:
    return pl.concat(read(f"prices/{symbol}.csv") for symbol in SYMBOLS)


@pytest.fixture(scope="module")
def bars(captures: pl.DataFrame) -> pl.DataFrame:
    return prices(captures, sessions(RECEIVED), CONFIG.instruments).prices


@pytest.fixture(scope="module")
def found(bars: pl.DataFrame) -> pl.DataFrame:
    return records.records(bars, PAIRS)


@pytest.fixture(scope="module")
def yields() -> pl.DataFrame:
    captured = pl.concat(read(f"macro/{name}.csv") for name in ("T10Y2Y", "T10Y3M", "DGS10"))
    return macro_releases(captured, CONFIG.series)


# --- facts ----------------------------------------------------------------------------------------------------------


def record(found: pl.DataFrame, measure: str, benchmark: str | None = None, symbol: str = "IWM") -> dict:
    of = pl.col("benchmark").is_null() if benchmark is None else pl.col("benchmark") == benchmark
    return found.filter(
        of,
        pl.col("symbol") == symbol,
        pl.col("basis") == "price",
        pl.col("measure") == measure,
        pl.col("direction") == "high",
        pl.col("session_date") == DAY,
    ).row(0, named=True)


def test_iwm_had_its_best_five_days_since_april_2020(found: pl.DataFrame):
    assert record(found, "ret_5d")["since_date"] == day("2020-04-29")


def test_iwm_beat_qqq_over_five_days_by_the_most_since_april_2001(found: pl.DataFrame):
    assert record(found, "spread_5d_pp", "QQQ")["since_date"] == day("2001-04-03")


def test_the_records_of_that_day_by_a_plain_search(bars: pl.DataFrame, found: pl.DataFrame):
    """No table in between: closes, a subtraction, and the last earlier day that is at least as high."""
    closes = {
        symbol: dict(bars.filter(pl.col("symbol") == symbol).select("session_date", "close").iter_rows())
        for symbol in ("IWM", "QQQ")
    }
    for benchmark, measure in ((None, "ret_5d"), ("QQQ", "spread_5d_pp")):
        days = sorted(closes["IWM"].keys() & closes["QQQ"].keys()) if benchmark else sorted(closes["IWM"])
        moves = {}
        for t in range(5, len(days)):
            moves[days[t]] = closes["IWM"][days[t]] / closes["IWM"][days[t - 5]] - 1
            if benchmark:
                other = closes["QQQ"][days[t]] / closes["QQQ"][days[t - 5]] - 1
                moves[days[t]] = 100 * (moves[days[t]] - other)
        position = days.index(DAY)
        since = max(one for one in days[5 : position - 4] if moves[one] >= moves[DAY])
        row = record(found, measure, benchmark)
        assert row["value"] == pytest.approx(moves[DAY], abs=1e-12)
        assert (row["since_date"], row["sessions_since"]) == (since, position - days.index(since))


def test_the_russell_rose_by_more_than_one_percent_on_five_days_in_a_row(bars: pl.DataFrame):
    table = streaks.streak_events(bars, CONFIG.rules.streak_rules).filter(
        pl.col("symbol") == "^RUT", pl.col("rule") == "up_1pct", pl.col("end_date") == DAY
    )
    # in six sessions too: the miss that may be used comes after the end
    assert sorted(table.select("allowed_misses", "hits").rows()) == [(0, 5), (1, 5)]


def test_the_curve_inverted_from_july_2022_until_confirmed_in_september_2024(yields: pl.DataFrame):
    spell = yield_curve.yield_curve_inversions(yields, CURVES).filter(
        pl.col("curve") == "10y2y", pl.col("variant") == "sustained", pl.col("start_date") == day("2022-07-06")
    )
    assert spell.select("confirmed_on", "is_open").rows() == [(day("2024-09-13"), False)]


def spells_by_hand(path: Path) -> list[tuple[dt.date, dt.date]]:
    """First and last inverted day of each spell: at most 5 other observations bridged, at least 20 inverted ones."""
    spells: list[list[dt.date]] = []
    others = 6
    for line in path.read_text().splitlines()[1:]:
        observed_on, value = line.split(",")
        if value in ("", "."):
            continue
        if float(value) < 0 and others > 5:
            spells.append([])
        if float(value) < 0:
            spells[-1].append(day(observed_on))
        others = 0 if float(value) < 0 else others + 1
    return [(spell[0], spell[-1]) for spell in spells if len(spell) >= 20]


def test_six_sustained_inversions_of_10y2y_began_since_1989(yields: pl.DataFrame):
    found = yield_curve.yield_curve_inversions(yields, CURVES).filter(
        pl.col("curve") == "10y2y", pl.col("variant") == "sustained", pl.col("start_date") >= day("1989-01-01")
    )
    by_hand = [one for one in spells_by_hand(FOLDER / "macro" / "T10Y2Y.csv") if one[0] >= day("1989-01-01")]
    assert len(by_hand) == 6
    assert found.select("start_date", "end_date").rows() == by_hand
    assert [f"{start:%Y-%m}" for start, _ in by_hand] == [
        "1989-08", "1998-06", "2000-02", "2006-01", "2006-06", "2022-07",
    ]  # fmt: skip


def test_states_around_the_end_of_that_spell(yields: pl.DataFrame):
    """Definitions 8.6; 2024-09-05, which it leaves out, was inverted once more."""
    table = yield_curve.yield_curve_status(yields, CURVES).filter(
        pl.col("curve") == "10y2y", pl.col("observed_on").is_between(day("2024-08-27"), day("2024-09-13"))
    )
    states = {f"{one:%m-%d}": state for one, state in table.select("observed_on", "state").iter_rows()}
    assert states == {
        **dict.fromkeys(("08-27", "08-28", "08-29", "08-30"), "uninverting"),
        "09-03": "inverted",
        "09-04": "uninverting",
        "09-05": "inverted",
        **dict.fromkeys(("09-06", "09-09", "09-10", "09-11", "09-12"), "uninverting"),
        "09-13": "post_inversion",
    }


def test_a_spread_is_known_after_the_close_of_its_day(yields: pl.DataFrame):
    table = yields.filter(pl.col("series_id") == "T10Y2Y", pl.col("observed_on") == DAY)
    assert table["available_at"].to_list() == [dt.datetime(2024, 7, 16, 21, 1, tzinfo=dt.UTC)]


def test_unemployment_of_august_2023_was_first_3_8():
    captured = pl.concat([read("macro_vintages/UNRATE.csv"), read("macro/UNRATE.csv")])
    releases = macro_releases(captured, [CONFIG.by_series_id["UNRATE"]])
    august = pl.col("observed_on") == day("2023-08-01")
    assert releases.filter(august)["value"].to_list() == [3.8, 3.7]
    assert releases.filter(august)["available_at"][0] == dt.datetime(2023, 9, 1, 12, 30, tzinfo=dt.UTC)
    assert macro_latest(releases).filter(august)["value"].to_list() == [3.7]


def test_october_2025_has_no_unemployment_rate():
    releases = macro_releases(read("macro/UNRATE.csv"), [CONFIG.by_series_id["UNRATE"]])
    assert releases.filter(pl.col("observed_on") == day("2025-10-01"))["value"].to_list() == [None]


# --- properties -----------------------------------------------------------------------------------------------------


def test_no_figure_is_infinite_or_nan(bars: pl.DataFrame):
    tables = [
        bars,
        returns.returns(bars),
        relative_strength.relative_strength(bars, PAIRS),
        gaps(bars),
    ]
    for table in tables:
        floats = table.select(pl.selectors.float().drop_nulls().is_finite().all())
        assert all(floats.row(0))


@pytest.mark.parametrize("cut", [dt.date(2024, 9, 12), dt.date(2024, 9, 13)], ids=str)
def test_the_curve_does_not_look_ahead_when_the_spell_ends(yields: pl.DataFrame, cut: dt.date):
    known = yields.filter(pl.col("available_at") <= evening(cut))
    status = yield_curve.yield_curve_status(yields, CURVES)
    expected = status.filter(pl.col("available_at") <= evening(cut))
    assert_frame_equal(yield_curve.yield_curve_status(known, CURVES), expected, check_exact=True)
    public = status.select("curve", "available_at", confirmed_on="observed_on")
    every = yield_curve.yield_curve_inversions(yields, CURVES).join(public, on=["curve", "confirmed_on"], how="left")
    then = yield_curve.yield_curve_inversions(known, CURVES).filter(~pl.col("is_open"))
    assert_frame_equal(
        then, every.filter(pl.col("available_at") <= evening(cut)).select(then.columns), check_exact=True
    )
