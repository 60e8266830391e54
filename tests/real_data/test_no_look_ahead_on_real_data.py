"""No row looks ahead, on the real files: five random days and twelve symbols here, fifty and all in `make soak`."""

import datetime as dt
import random
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from look_ahead import Tables, assert_no_look_ahead, built, evening

from pipeline import calendar, config
from pipeline.sources import Batch
from pipeline.sources.files import read_folder

FOLDER = Path(__file__).parents[2].parent / "shared" / "market-data"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real files are not in {FOLDER}")

SYMBOLS = ["IWM", "SPY", "QQQ", "IWC", "IVW", "IWN", "RSP", "XLK", "SMH", "^RUT", "^GSPC", "^NDX"]
CONFIG = config.load()
RECEIVED = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
FIRST, LAST = dt.date(2001, 6, 1), dt.date(2025, 11, 28)
EARLY = {  # tables that have no row yet before the day: the files begin there
    "core.fed_funds_futures": dt.date(2015, 1, 2),
    "derived.fomc_odds": dt.date(2015, 1, 5),
}


def cuts(count: int, seed: int) -> list[dt.date]:
    """Random sessions; the seed stands in the test's name, so that a failure can be run again."""
    days = calendar.sessions()["session_date"].to_list()
    return sorted(random.Random(seed).sample([day for day in days if FIRST <= day <= LAST], count))


def read(folder: Path) -> Batch:
    return read_folder(folder, known_symbols=CONFIG.by_symbol.keys()).received_by(RECEIVED)


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    some = tmp_path_factory.mktemp("twelve symbols")
    for name in ("macro", "macro_vintages", "macro_snapshots", "futures"):
        shutil.copytree(FOLDER / name, some / name, copy_function=shutil.copyfile)
    (some / "prices").mkdir()
    for symbol in SYMBOLS:
        shutil.copyfile(FOLDER / "prices" / f"{symbol}.csv", some / "prices" / f"{symbol}.csv")
    return read(some)


@pytest.fixture(scope="module")
def full(twelve: Batch) -> Tables:
    return built(twelve, CONFIG, RECEIVED)


def compare(batch: Batch, full: Tables, cut: dt.date) -> None:
    early = tuple(name for name, begins in EARLY.items() if cut < begins)
    # nobody captured P/E ratios in these files
    assert_no_look_ahead(full, built(batch, CONFIG, evening(cut)), cut, may_be_empty=("core.fund_facts", *early))


# a day of mourning without a session, the evening of an emergency cut, and an end of an inversion
AWKWARD = [dt.date(2018, 12, 5), dt.date(2020, 3, 16), dt.date(2024, 9, 13)]


@pytest.mark.parametrize("cut", [*cuts(5, seed=20240716), *AWKWARD], ids=str)
def test_twelve_symbols(twelve: Batch, full: Tables, cut: dt.date) -> None:
    compare(twelve, full, cut)


@pytest.mark.soak
def test_all_symbols(record_property: Callable[[str, object], None]) -> None:
    seed = secrets.randbelow(10**6)
    record_property("seed", seed)
    print(f"seed {seed}")
    batch = read(FOLDER)
    everything = built(batch, CONFIG, RECEIVED)
    for cut in cuts(50, seed):
        compare(batch, everything, cut)
