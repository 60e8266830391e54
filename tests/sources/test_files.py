"""Folders, capture times, names, other containers, and everything a file should not be."""

import datetime as dt
import io
import os
import re
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.calendar import sessions
from pipeline.contracts import raw
from pipeline.errors import RotationError
from pipeline.sources import Batch
from pipeline.sources.files import read_file, read_folder

KNOWN = ["IWM", "SPY", "QQQ", "^VIX", "BRK-B"]
SHARED = Path(__file__).parents[2].parent / "shared" / "market-data"
TWINS = Path(__file__).parent / "twins"
CAPTURED_AT = dt.datetime(2024, 1, 10, 2, tzinfo=dt.UTC)  # 21:00 New York of the 9th
HEADER = "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits"
BARS = f"""{HEADER}
2024-01-02,10.0,10.5,9.5,10.2,10.1,1000,0.0,0.0
2024-01-03,10.2,10.4,10.1,10.3,10.2,2000,0.0,0.0
2024-01-04,10.3,10.9,10.3,10.8,10.7,3000,0.05,2.0
"""
UNRATE = "DATE,UNRATE\n2023-11-01,3.5\n2023-12-01,3.6\n"


def read(content: str | bytes, path: Path, *, captured_at: dt.datetime = CAPTURED_AT) -> Batch:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(path, origin=path.name, known_symbols=KNOWN, captured_at=captured_at)


def refusals(batch: Batch) -> list[tuple[int | None, str]]:
    return batch.rejects.select("line", "reason").rows()


def only_reason(batch: Batch) -> str:
    assert batch.rejects.height == 1, refusals(batch)
    assert batch.prices.is_empty()
    assert batch.macro.is_empty()
    return batch.rejects["reason"][0]


def fill(folder: Path, *names: str, content: str = UNRATE) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


# which files are read


def test_a_clean_file_is_read_in_full(tmp_path: Path):
    batch = read(BARS, tmp_path / "IWM.csv")
    assert batch.rejects.is_empty()
    assert batch.prices.row(2, named=True) == {
        "captured_at": CAPTURED_AT,
        "source": "files",
        "origin": "IWM.csv",
        "symbol": "IWM",
        "session_date": dt.date(2024, 1, 4),
        "open": 10.3,
        "high": 10.9,
        "low": 10.3,
        "close": 10.8,
        "adj_close": 10.7,
        "volume": 3000.0,
        "dividend": 0.05,
        "capital_gain": None,
        "split_ratio": 2.0,
        "flags": None,
    }
    assert batch.prices["split_ratio"].to_list() == [1.0, 1.0, 2.0]


def test_known_folders_are_read_and_the_rest_is_left(tmp_path: Path):
    fill(tmp_path, "prices/IWM.csv", content=BARS)
    fill(
        tmp_path, "macro/a/UNRATE.csv", "macro_snapshots/2024-10/UNRATE.csv", "defects/X.csv", "calendar/X.csv", "X.csv"
    )
    fill(tmp_path, "macro/defects/UNRATE.csv", "macro/.cache/UNRATE.csv", "macro/README.md", "macro/.hidden.csv")
    batch = read_folder(tmp_path, known_symbols=KNOWN)
    assert set(batch.prices["origin"]) == {"prices/IWM.csv"}
    assert set(batch.macro["origin"]) == {"macro/a/UNRATE.csv", "macro_snapshots/2024-10/UNRATE.csv"}
    assert batch.rejects.is_empty()


def test_without_known_folders_the_folder_itself_is_read(tmp_path: Path):
    fill(tmp_path, "IWM.CSV", content=BARS)
    fill(tmp_path, "other/UNRATE.txt", "x.csv/UNRATE.csv", "defects/UNRATE.csv")
    seen: list[str] = []
    batch = read_folder(tmp_path, known_symbols=KNOWN, captured_at=CAPTURED_AT, on_file=seen.append)
    assert seen == ["IWM.CSV", "other/UNRATE.txt", "x.csv/UNRATE.csv"]
    assert (batch.prices.height, batch.macro.height) == (3, 4)


def test_a_folder_that_gives_nothing_is_an_error(tmp_path: Path):
    with pytest.raises(RotationError, match="is not a folder"):
        read_folder(tmp_path / "absent", known_symbols=KNOWN)
    with pytest.raises(RotationError, match="holds no CSV or Parquet file"):
        read_folder(tmp_path, known_symbols=KNOWN)
    (tmp_path / "prices").mkdir()
    fill(tmp_path, "UNRATE.csv")
    with pytest.raises(RotationError, match=r"looked in prices/"):
        read_folder(tmp_path, known_symbols=KNOWN)
    with pytest.raises(RotationError, match="is not a folder"):
        read_folder(tmp_path / "UNRATE.csv", known_symbols=KNOWN)


def test_what_is_no_data_file_is_named(tmp_path: Path):
    fill(tmp_path, "good/UNRATE.csv", "table.xlsx", "notes.md", "load.py")
    outside = tmp_path.parent / f"{tmp_path.name}_outside"
    fill(outside, "UNRATE.csv")
    (tmp_path / "link.csv").symlink_to(outside / "UNRATE.csv")
    (tmp_path / "linked").symlink_to(outside)
    (tmp_path / "broken.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "inside.csv").symlink_to(tmp_path / "good" / "UNRATE.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    batch = read_folder(tmp_path, known_symbols=KNOWN, captured_at=CAPTURED_AT)
    assert dict(batch.rejects.select("origin", "reason").rows()) == {
        "table.xlsx": "not a CSV or Parquet file",
        "link.csv": "a link that leads out of the folder: not followed",
        "linked": "a link that leads out of the folder: not followed",
        "broken.csv": "a broken link",
        "pipe.csv": "not a regular file",
    }
    assert set(batch.macro["origin"]) == {"good/UNRATE.csv", "inside.csv"}


# when it was captured


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("macro_snapshots/2024-10/UNRATE.csv", dt.datetime(2024, 11, 1, 3, 59, tzinfo=dt.UTC)),  # summer time
        ("macro/copies_2024-12/deeper/UNRATE.csv", dt.datetime(2025, 1, 1, 4, 59, tzinfo=dt.UTC)),
        ("macro/2024-02-15/UNRATE.csv", dt.datetime(2024, 2, 16, 4, 59, tzinfo=dt.UTC)),
        ("macro/2024-02/UNRATE.csv", dt.datetime(2024, 3, 1, 4, 59, tzinfo=dt.UTC)),
        ("macro/since 2024-01/UNRATE.csv", dt.datetime(2025, 5, 5, 5, 5, 5, tzinfo=dt.UTC)),
        ("macro/2024-13/UNRATE.csv", dt.datetime(2025, 5, 5, 5, 5, 5, tzinfo=dt.UTC)),
        ("macro/UNRATE.csv", dt.datetime(2025, 5, 5, 5, 5, 5, tzinfo=dt.UTC)),
    ],
)
def test_capture_time_of_a_copy(tmp_path: Path, name: str, expected: dt.datetime):
    fill(tmp_path, name)
    written = dt.datetime(2025, 5, 5, 5, 5, 5, tzinfo=dt.UTC).timestamp()
    os.utime(tmp_path / name, (written, written))
    batch = read_folder(tmp_path, known_symbols=KNOWN)
    assert set(batch.macro["captured_at"]) == {expected}
    assert not batch.macro["is_vintage"].any()
    told = read_folder(tmp_path, known_symbols=KNOWN, captured_at=CAPTURED_AT)
    assert set(told.macro["captured_at"]) == {CAPTURED_AT}


def test_the_month_of_the_folder_itself_counts(tmp_path: Path):
    fill(tmp_path, "2024-10/UNRATE.csv")
    batch = read_folder(tmp_path / "2024-10", known_symbols=KNOWN)
    assert set(batch.macro["captured_at"]) == {dt.datetime(2024, 11, 1, 3, 59, tzinfo=dt.UTC)}


def test_vintages_date_themselves(tmp_path: Path):
    content = "date,vintage_month,value\n2023-11-01,2023-12,3.7\n2023-11-01,2024-01,3.8\n2023-12-01,2024-01,.\n"
    batch = read(content, tmp_path / "UNRATE.csv")
    december, january = (dt.datetime(2024, month, 1, 4, 59, tzinfo=dt.UTC) for month in (1, 2))
    assert batch.macro.select("series_id", "observed_on", "captured_at", "value", "is_vintage").rows() == [
        ("UNRATE", dt.date(2023, 11, 1), december, 3.7, True),
        ("UNRATE", dt.date(2023, 11, 1), january, 3.8, True),
        ("UNRATE", dt.date(2023, 12, 1), january, None, True),
    ]


def test_alfred_vintages_side_by_side(tmp_path: Path):
    content = "observation_date,UNRATE_20231208,UNRATE_20240105\n2023-11-01,3.7,3.8\n2023-12-01,,3.9\n"
    batch = read(content, tmp_path / "a.csv")
    assert batch.macro.select("observed_on", "captured_at", "value", "is_vintage").rows() == [
        (dt.date(2023, 11, 1), dt.datetime(2023, 12, 9, 4, 59, tzinfo=dt.UTC), 3.7, True),
        (dt.date(2023, 11, 1), dt.datetime(2024, 1, 6, 4, 59, tzinfo=dt.UTC), 3.8, True),
        (dt.date(2023, 12, 1), dt.datetime(2024, 1, 6, 4, 59, tzinfo=dt.UTC), 3.9, True),
    ]


def test_fred_md_is_a_vintage_when_its_name_says_so(tmp_path: Path):
    content = "sasdate,RPI\nTransform:,5\n11/1/2023,12.5\n"
    fill(tmp_path, "2024-01.csv", "2024-02-md.csv", "current.csv", content=content)
    macro = read_folder(tmp_path, known_symbols=KNOWN).macro.sort("captured_at")
    assert macro["is_vintage"].to_list() == [True, True, False]
    assert macro["captured_at"][1] == dt.datetime(2024, 3, 1, 4, 59, tzinfo=dt.UTC)


def test_a_bar_is_taken_only_when_final(tmp_path: Path):
    at_2000 = dt.datetime(2024, 1, 5, 1, tzinfo=dt.UTC)  # 20:00 New York of the 4th
    assert read(BARS, tmp_path / "IWM.csv", captured_at=at_2000).rejects.is_empty()
    early = read(BARS, tmp_path / "IWM.csv", captured_at=at_2000 - dt.timedelta(seconds=1))
    assert early.prices.height == 2
    ((line, reason),) = refusals(early)
    assert line == 4
    assert reason.startswith("session not final when captured (2024-01-04 19:59 New York")


def test_a_month_does_not_make_todays_bar_final(tmp_path: Path):
    fill(tmp_path, "2024-01/IWM.csv", content=BARS)
    noon = dt.datetime(2024, 1, 4, 17, tzinfo=dt.UTC).timestamp()
    os.utime(tmp_path / "2024-01" / "IWM.csv", (noon, noon))
    batch = read_folder(tmp_path, known_symbols=KNOWN)
    assert batch.prices.height == 2
    assert set(batch.prices["captured_at"]) == {dt.datetime(2024, 2, 1, 4, 59, tzinfo=dt.UTC)}


def test_macro_values_from_after_the_capture_are_refused(tmp_path: Path):
    batch = read(UNRATE, tmp_path / "a.csv", captured_at=dt.datetime(2023, 11, 10, tzinfo=dt.UTC))
    assert batch.macro.height == 1
    assert refusals(batch) == [(3, "dated after its capture (2023-11-10)")]


# how much a copy serves


def served(batch: Batch) -> list[tuple]:
    raw.Answer.validate(batch.answers)
    return batch.answers.select("id", "served_from", "served_to").rows()


def test_a_copy_says_from_when_to_when_it_has_values(tmp_path: Path):
    content = "DATE,UNRATE\n2023-10-01,.\n2023-11-01,3.5\n2023-12-01,3.6\n2024-01-01,.\n"
    batch = read(content, tmp_path / "UNRATE.csv")
    assert batch.answers.rows(named=True) == [
        {
            "captured_at": CAPTURED_AT,
            "source": "files",
            "origin": "UNRATE.csv",
            "dataset": "macro",
            "id": "UNRATE",
            "outcome": "ok",
            "detail": None,
            "session_date": dt.date(2024, 1, 9),  # final at 20:00 New York, an hour before the capture
            "served_from": dt.date(2023, 11, 1),
            "served_to": dt.date(2023, 12, 1),
        }
    ]
    earlier = read(content, tmp_path / "UNRATE.csv", captured_at=CAPTURED_AT - dt.timedelta(hours=2))
    assert earlier.answers["session_date"].to_list() == [dt.date(2024, 1, 8)]


def test_series_side_by_side_have_an_answer_each(tmp_path: Path):
    batch = read("DATE,UNRATE,ICSA\n2023-11-01,3.5,\n2023-11-04,,220000\n2023-12-01,3.6,\n", tmp_path / "a.csv")
    assert sorted(served(batch)) == [
        ("ICSA", dt.date(2023, 11, 4), dt.date(2023, 11, 4)),
        ("UNRATE", dt.date(2023, 11, 1), dt.date(2023, 12, 1)),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("UNRATE.csv", "date,vintage_month,value\n2023-11-01,2023-12,3.7\n"),
        ("a.csv", "observation_date,UNRATE_20231208\n2023-11-01,3.7\n"),
        ("2023-12.csv", "sasdate,UNRATE\nTransform:,2\n11/1/2023,3.7\n"),
        ("current.csv", "sasdate,UNRATE\nTransform:,2\n11/1/2023,3.7\n"),  # the panel begins in 1959, UNRATE in 1948
        ("IWM.csv", BARS),
        ("UNRATE.csv", "DATE,UNRATE\n2023-11-01,x\n"),
    ],
)
def test_vintages_panels_and_other_tables_say_nothing_of_a_series_length(tmp_path: Path, name: str, content: str):
    assert served(read(content, tmp_path / name)) == []


def test_a_copy_older_than_the_calendar_says_nothing(tmp_path: Path):
    """Archives often set the time of their files to 1970-01-01."""
    batch = read("DATE,UNRATE\n1948-01-01,3.4\n", tmp_path / "UNRATE.csv", captured_at=dt.datetime(1970, 1, 1))
    assert (batch.macro.height, served(batch)) == (1, [])


def test_months_that_have_not_ended_were_received_now_and_the_longer_copy_answers(tmp_path: Path):
    fill(tmp_path, "2023-12/UNRATE.csv", "2024-01/UNRATE.csv")
    fill(tmp_path, "2024-02/UNRATE.csv", content="DATE,UNRATE\n2023-12-01,3.6\n")
    now = dt.datetime(2024, 1, 10, 2, tzinfo=dt.UTC)
    batch = read_folder(tmp_path, known_symbols=KNOWN).received_by(now)
    raw.Answer.validate(batch.answers)
    told = batch.answers.sort("captured_at").select("captured_at", "session_date", "served_from").rows()
    assert told == [
        (dt.datetime(2024, 1, 1, 4, 59, tzinfo=dt.UTC), dt.date(2023, 12, 29), dt.date(2023, 11, 1)),
        (now, dt.date(2024, 1, 9), dt.date(2023, 11, 1)),
    ]


# whose it is


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("IWM.csv", "IWM"),
        ("iwm.csv", "IWM"),
        ("^VIX.csv", "^VIX"),
        ("brk-b.csv", "BRK-B"),
        ("IWM (1).csv", "IWM"),
        ("spy_us_d.csv", "SPY"),
        ("daily.QQQ.2024.csv", "QQQ"),
        ("HG=F.csv", "HG=F"),
        ("XYZ.csv", "XYZ"),
        ("SPY and QQQ.csv", None),
        ("prices.csv", None),
        ("My Fund.csv", None),
    ],
)
def test_symbol_from_the_file_name(tmp_path: Path, name: str, symbol: str | None):
    batch = read(BARS, tmp_path / name)
    if symbol:
        assert set(batch.prices["symbol"]) == {symbol}
    else:
        assert only_reason(batch).startswith("cannot tell which symbol this is; name the file SYMBOL.csv")


def test_a_symbol_column_counts_more_than_the_name(tmp_path: Path):
    rows = ["2024-01-02,1,1.2,0.9,1.1,5,spy", "2024-01-02,2,2.2,1.9,2.1,6,QQQ", "2024-01-03,2,2.2,1.9,2.1,6,"]
    batch = read("\n".join(["Date,Open,High,Low,Close,Volume,Symbol", *rows, ""]), tmp_path / "IWM.csv")
    assert batch.prices.select("symbol", "close").rows() == [("QQQ", 2.1), ("SPY", 1.1)]
    assert refusals(batch) == [(4, "no readable symbol")]


def test_several_tickers_side_by_side(tmp_path: Path):
    content = """Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume
Ticker,SPY,QQQ,SPY,QQQ,SPY,QQQ,SPY,QQQ,SPY,QQQ
Date,,,,,,,,,,
2024-01-02,10.1,,10.2,,9.9,,10.0,,100,
2024-01-03,10.3,20.1,10.4,20.2,10.0,19.9,10.1,20.0,200,300
2024-01-04,10.3,0,10.4,20.2,10.0,19.9,10.1,20.0,200,300
"""
    batch = read(content, tmp_path / "download.csv")
    assert batch.prices.select("symbol", "session_date", "close", "volume", "flags").rows() == [
        ("SPY", dt.date(2024, 1, 2), 10.1, 100.0, "maybe_dividend_adjusted"),
        ("SPY", dt.date(2024, 1, 3), 10.3, 200.0, "maybe_dividend_adjusted"),
        ("SPY", dt.date(2024, 1, 4), 10.3, 200.0, "maybe_dividend_adjusted"),
        ("QQQ", dt.date(2024, 1, 3), 20.1, 300.0, "maybe_dividend_adjusted"),
    ]
    assert refusals(batch) == [(6, "QQQ: price is not positive")]


def test_a_series_id_from_the_header_or_the_name(tmp_path: Path):
    assert set(read(UNRATE, tmp_path / "whatever.csv").macro["series_id"]) == {"UNRATE"}
    dated = "date,value\n2023-12-01,3.6\n"
    assert set(read(dated, tmp_path / "unrate.csv").macro["series_id"]) == {"UNRATE"}
    assert "cannot tell which series" in only_reason(read(dated, tmp_path / "my series.csv"))
    assert "SPY is a symbol" in only_reason(read(dated, tmp_path / "SPY.csv"))
    assert "SPY is a symbol" in only_reason(read("Date,SPY\n2023-12-01,3.6\n", tmp_path / "a.csv"))


# other contents


def test_futures_and_decisions(tmp_path: Path):
    futures = "contract,date,close,volume,open_interest\nZQF24,2024-01-02,94.67,10,\nZQF24,2024-01-06,94.6,1,1\n"
    batch = read(futures, tmp_path / "f.csv")
    row = batch.futures.drop("captured_at", "source", "origin").rows()
    assert row == [("ZQF24", dt.date(2024, 1, 2), 94.67, 10.0, None)]
    assert refusals(batch) == [(3, "not a trading day (Saturday)")]
    fomc = read(
        "date,actual,previous\n2023-12-13,5.50%,5.50%\n1994-05-17,5.87%,5.50%\n2024-01-31,,\n", tmp_path / "d.csv"
    )
    assert fomc.fomc.select("decided_on", "target_pct", "previous_target_pct").rows() == [
        (dt.date(1994, 5, 17), 5.87, 5.5),
        (dt.date(2023, 12, 13), 5.5, 5.5),
        (dt.date(2024, 1, 31), None, None),
    ]
    other = read("date,actual,previous\n2023-12-13,0.3%,0.2%\n", tmp_path / "cpi.csv")
    assert "no targets" in only_reason(other)


@pytest.mark.parametrize("index", [None, "Date", "__index_level_0__"])
@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("ns", "America/New_York"), pl.String])
def test_parquet_gives_what_csv_gives(tmp_path: Path, index: str | None, dtype):
    frame = pl.read_csv(BARS.encode(), try_parse_dates=True)
    if dtype == pl.String:
        frame = frame.with_columns(pl.col("Date").cast(pl.String))
    elif dtype != pl.Date:
        frame = frame.with_columns(pl.col("Date").cast(pl.Datetime("ns")).dt.replace_time_zone("America/New_York"))
    if index:
        frame = frame.select(pl.exclude("Date"), pl.col("Date").alias(index))
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    from_parquet = read(buffer.getvalue(), tmp_path / "p" / "IWM.parquet")
    assert from_parquet.rejects.is_empty()
    assert_frame_equal(from_parquet.prices.drop("origin"), read(BARS, tmp_path / "IWM.csv").prices.drop("origin"))


def test_parquet_with_two_level_names_and_macro(tmp_path: Path):
    frame = pl.read_csv(BARS.encode()).drop("Stock Splits", "Dividends")
    frame = frame.rename({name: f"('{name}', 'SPY')" for name in frame.columns if name != "Date"})
    frame.write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"UNRATE": [3.5, float("nan")], "DATE": ["2023-11-01", "2023-12-01"]}).write_parquet(
        tmp_path / "b.parquet"
    )
    batch = read_folder(tmp_path, known_symbols=KNOWN, captured_at=CAPTURED_AT)
    assert batch.prices.select("symbol", "close", "flags").row(0) == ("SPY", 10.2, None)
    assert batch.macro["value"].to_list() == [3.5, None]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace(",", "\t"),
        lambda text: "\n\n" + text.replace("\n", "\n\n"),
        lambda text: "# a note\n" + text,
        lambda text: text.replace(",", " , "),
        lambda text: "".join(f'"{line}"\n'.replace(",", '","') for line in text.splitlines()),
        lambda text: text.replace("\n", ",,\n"),
        lambda text: "\n".join([text.splitlines()[0], *reversed(text.splitlines()[1:])]) + "\n",
        lambda text: re.sub(r"(2024)-(0.)-(0.)", r"\2/\3/\1", text),
        lambda text: re.sub(r"(2024)-0(.)-0(.)", r"\2/\3/\1", text),
        lambda text: re.sub(r"(2024)-(0.)-(0.)", r"\1/\2/\3", text),
        lambda text: re.sub(r"(2024)-(0.)-(0.)", r"\1\2\3", text),
        lambda text: re.sub(r"(2024)-01-0(.)", r'"Jan \2, \1"', text),
        lambda text: re.sub(r"(2024-01-0.)", r"\1T00:00:00.000Z", text),
        lambda text: re.sub(r"(2024-01-0.)", r"\1 00:00:00-05:00", text),
    ],
)
def test_the_same_bars_written_otherwise(tmp_path: Path, change):
    assert_frame_equal(read(change(BARS), tmp_path / "IWM.csv").prices, read(BARS, tmp_path / "IWM.csv").prices)


def test_utf_16_is_read_and_latin_1_does_no_harm(tmp_path: Path):
    expected = read(BARS, tmp_path / "IWM.csv").prices
    assert_frame_equal(read(BARS.encode("utf-16"), tmp_path / "IWM.csv").prices, expected)
    named = BARS.replace(HEADER, HEADER + ",Name").replace(".0\n", ".0,Société\n")
    assert_frame_equal(read(named.encode("latin-1"), tmp_path / "IWM.csv").prices, expected)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b" \r\n\n", "empty file"),
        (HEADER.encode(), "a header and no rows"),
        (b"Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY\nDate,,,,,\n", "a header and no rows"),
        (b"# nothing\n# here\n", "nothing but comments"),
        (b"PAR1", "Parquet file cannot be read"),
        (b"PAR1" + bytes(100) + b"PAR1", "Parquet file cannot be read"),
        (BARS.encode() + b"\0\0\0", "binary data, not text"),
        (bytes(range(256)), "binary data, not text"),
        (b"\x1f\x8b\x08\x00" + bytes(range(100)), "binary data, not text"),
        (b"\xff\xfe\x00", "binary data, not text"),
        (BARS.replace(",", ";").encode(), "separated by semicolons"),
        (b"<!DOCTYPE html>\n<html>too many requests</html>\n", "a web page, not data"),
        (b'{"error": "limit"}\n', "header not recognised"),
        (b"2024-01-02,1,2,3\n", "header not recognised"),
        (b"Date,Close\n2024-01-02,1\n", "header not recognised"),
        (b"Date,Open,High,Low,Volume\n2024-01-02,1,1,1,1\n", "a price table also needs close"),
        (b"Date,Price,Open,High,Low,Close\n2024-01-02,1,1,1,1,1\n", "two columns that mean the same: Price and Close"),
        (b"x" * 300_000, "header not recognised"),
        (BARS.replace("2024-01-02", "13/01/2024").encode(), None),
        (b"Date,Open,High,Low,Close\n13/01/2024,1,1,1,1\n02/01/2024,1,1,1,1\n", "dates are written day first"),
        (b"Date,Open,High,Low,Close\n02/01/2024,1,1,1,1\n03/01/2024,1,1,1,1\n01/02/2024,1,1,1,1\n", "day first"),
    ],
)
def test_a_bad_file_is_refused_as_a_whole(tmp_path: Path, content: bytes, reason: str | None):
    batch = read(content, tmp_path / "IWM.csv")
    if reason:
        assert reason in only_reason(batch)
    raw.Reject.validate(batch.rejects)
    assert batch.rejects["excerpt"].str.len_chars().max() <= 160


def test_a_text_named_parquet_is_refused(tmp_path: Path):
    assert "not a Parquet file" in only_reason(read(BARS, tmp_path / "IWM.parquet"))


def test_a_file_that_vanishes_is_refused(tmp_path: Path):
    batch = read_file(tmp_path / "gone.csv", origin="gone.csv", known_symbols=KNOWN, captured_at=CAPTURED_AT)
    assert only_reason(batch) == "could not be read: No such file or directory"


# single lines

LINES = [
    ("2024-01-05,10,11", "line has 3 of 9 fields: cut short"),
    ("2024-01-05,10,11,9,10,10,1,0,0,7", "line has 10 of 9 fields"),
    ("2024-01-5th,10,11,9,10,10,1,0,0", "date cannot be read"),
    ("24-01-05,10,11,9,10,10,1,0,0", "date cannot be read"),
    ("2024-01-05,10,11,9,ten,10,1,0,0", "number cannot be read in Close"),
    ("2024-01-05,10,11,9,inf,10,1,0,0", "number cannot be read in Close"),
    ('2024-01-05,10,"1,1",9,10,10,1,0,0', "number cannot be read in High"),
    ("2024-01-05,10,11K,9,10,10,1,0,0", "number cannot be read in High"),
    ("2024-01-05,10,11,9,10,10,many,0,0", "number cannot be read in Volume"),
    ("2024-01-06,10,11,9,10,10,1,0,0", "not an XNYS session (Saturday)"),
    ("2024-01-07,10,11,9,10,10,1,0,0", "not an XNYS session (Sunday)"),
    ("2024-01-01,10,11,9,10,10,1,0,0", "not an XNYS session (holiday)"),
    ("1969-12-31,10,11,9,10,10,1,0,0", "not an XNYS session (before 1970-01-01, where the calendar begins)"),
    ("2024-01-01,,,,,,,,", "no price (not an XNYS session: holiday)"),
    ("2024-01-05,,NaN,null,-,,0,0,0", "no price on a session"),
    ("2024-01-05,,11,,10,10,1,0,0", "bar is incomplete: no open, low"),
    ("2024-01-05,10,11,0,10,10,1,0,0", "price is not positive"),
    ("2024-01-05,10,11,9,10,10,-1,0,0", "volume is negative"),
    ("2024-01-05,10,11,9,10,10,1,-0.1,0", "dividend is negative"),
    ("2024-01-05,10,11,9,11.1,10,1,0,0", "OHLC inconsistent: high is below close"),
    ("2024-01-05,10,11,10.5,11,10,1,0,0", "OHLC inconsistent: low is above open"),
    (
        "2024-01-10,10,11,9,10,10,1,0,0",
        "session not final when captured (2024-01-09 21:00 New York; a bar is final at 20:00)",
    ),
    (
        "2099-01-05,10,11,9,10,10,1,0,0",
        "session not final when captured (2024-01-09 21:00 New York; a bar is final at 20:00)",
    ),
]


@pytest.mark.parametrize(("line", "reason"), LINES)
def test_a_bad_line_is_refused_and_its_neighbours_are_read(tmp_path: Path, line: str, reason: str):
    content = BARS.replace("2024-01-03", f"{line}\n2024-01-03")
    batch = read(content, tmp_path / "IWM.csv")
    assert refusals(batch) == [(3, reason)]
    assert batch.rejects["excerpt"][0].startswith(line[:10])
    assert_frame_equal(batch.prices, read(BARS, tmp_path / "IWM.csv").prices)


def test_prices_within_the_noise_are_consistent(tmp_path: Path):
    assert read(BARS + "2024-01-05,10,11,9,11.0001,10,1,0,0\n", tmp_path / "IWM.csv").rejects.is_empty()


def test_a_day_that_comes_twice(tmp_path: Path):
    same = read(BARS + "2024-01-04,10.30,10.9,10.3,10.8,10.7,3000,0.05,2.0\n", tmp_path / "IWM.csv")
    assert (same.prices.height, same.rejects.height, same.prices["flags"].null_count()) == (3, 0, 3)
    other = read(BARS + "2024-01-04,10.3,10.9,10.3,10.7,10.7,3000,0.05,2.0\n", tmp_path / "IWM.csv")
    assert other.prices.select("close", "flags").rows()[2] == (10.7, "duplicate_date")
    assert refusals(other) == [(4, "the day comes again further down with other values; that later line was kept")]
    again = read(
        BARS + "2024-01-04,1,1,1,1,1,1,0,0\n2024-01-04,10.3,10.9,10.3,10.8,10.7,3000,0.05,2.0\n", tmp_path / "IWM.csv"
    )
    assert again.prices.select("close", "flags").rows()[2] == (10.8, "duplicate_date"), "the last line counts"
    empty = read(BARS + "2024-01-04,,,,,,,,\n", tmp_path / "IWM.csv")
    assert empty.prices["close"].to_list() == [10.2, 10.3, 10.8], "an empty row replaces nothing"
    macro = read(UNRATE + "2023-12-01,3.7\n2023-11-01,3.5\n", tmp_path / "a.csv")
    assert macro.macro["value"].to_list() == [3.5]
    assert refusals(macro) == [(line, "the period comes twice with different values") for line in (3, 4)]


@pytest.mark.parametrize(
    ("flat", "day_after", "is_refused"),
    [
        ("11.5,11.5,11.5,11.5,11.5,7", "04", True),  # 13 % up, and 11 % down again
        ("9.0,9.0,9.0,9.0,9.0,7", "04", True),
        ("11.5,11.5,11.5,11.5,11.5,0", "04", False),  # nobody traded: a quote
        ("11.5,11.6,11.5,11.5,11.5,7", "04", False),  # not flat
        ("11.0,11.0,11.0,11.0,11.0,7", "04", False),  # 8 %
        ("11.5,11.5,11.5,11.5,11.5,7", "16", False),  # the next bar is two weeks away and proves nothing
    ],
)
def test_a_flat_bar_that_jumps_and_comes_back(tmp_path: Path, flat: str, day_after: str, is_refused: bool):
    lines = BARS.splitlines()
    lines[2] = f"2024-01-03,{flat},0,0"
    lines[3] = f"2024-01-{day_after},10.2,10.4,10.1,10.3,10.2,2000,0.0,0.0"
    late = CAPTURED_AT + dt.timedelta(days=30)
    batch = read("\n".join([*lines, ""]), tmp_path / "IWM.csv", captured_at=late)
    assert batch.prices.height == (2 if is_refused else 3)
    assert all("flat bar" in reason for _, reason in refusals(batch))


def test_bars_of_other_intervals_are_refused(tmp_path: Path):
    days = sessions().filter(pl.col("session_date").is_between(dt.date(2022, 1, 3), dt.date(2023, 12, 29)))[
        "session_date"
    ]
    monthly = days.filter(days.dt.month() != days.dt.month().shift(1))
    text = "Date,Open,High,Low,Close\n" + "".join(f"{day},10,11,9,10\n" for day in monthly)
    assert "not daily bars: most rows are" in only_reason(read(text, tmp_path / "IWM.csv"))
    hourly = [f"2024-01-0{day} {hour}:30:00-05:00,10,11,9,10.{hour}\n" for day in (2, 3) for hour in (10, 11, 12)]
    assert only_reason(read("Date,Open,High,Low,Close\n" + "".join(hourly), tmp_path / "IWM.csv")) == (
        "several bars a day: not daily bars"
    )


def test_stamps_of_another_zone_are_refused(tmp_path: Path):
    days = sessions().filter(pl.col("session_date").is_between(dt.date(2023, 11, 1), dt.date(2023, 12, 29)))[
        "session_date"
    ]
    text = "Date,Open,High,Low,Close\n" + "".join(
        f"{day - dt.timedelta(days=1)} 19:00:00-05:00,10,11,9,10\n" for day in days
    )
    assert "days are one off" in only_reason(read(text, tmp_path / "IWM.csv"))


def test_a_split_coefficient_that_cannot_be_read_spoils_the_table(tmp_path: Path):
    header = "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
    batch = read(header + "2024-01-03,1,1,1,1,1,1,0,?\n2024-01-02,1,1,1,1,1,1,0,1.0\n", tmp_path / "IWM.csv")
    assert only_reason(batch).startswith("a split coefficient or its day cannot be read")


def test_plain_as_traded_bars_are_flagged(tmp_path: Path):
    batch = read("timestamp,open,high,low,close,volume\n2024-01-03,1,1,1,1,1\n", tmp_path / "IWM.csv")
    assert batch.prices["flags"].to_list() == ["maybe_as_traded"]


def test_a_table_beside_a_dated_one_needs_a_date(tmp_path: Path):
    batch = read(BARS + "# copy of 2024-02\n" + BARS, tmp_path / "IWM.csv")
    assert set(batch.prices["captured_at"]) == {dt.datetime(2024, 3, 1, 4, 59, tzinfo=dt.UTC)}
    ((line, reason),) = refusals(batch)
    assert line == 1
    assert reason.startswith("several tables in one file and no capture date for the one at line 1")
    twice = read(BARS + BARS, tmp_path / "IWM.csv")
    assert [line for line, _ in refusals(twice)] == [1, 5]
    assert twice.prices.is_empty()


# whatever comes

BAR = st.tuples(
    st.floats(0.01, 1e6), st.floats(0.001, 0.05), st.floats(0, 0.05), st.integers(1, 10**12), st.floats(0, 10)
)


@given(bars=st.lists(BAR, min_size=1, max_size=30), order=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_yahoo_file_round_trips_exactly_in_any_order(tmp_path: Path, bars, order):
    days = sessions()["session_date"].filter(sessions()["session_date"] < dt.date(2023, 12, 1)).tail(len(bars))
    rows = []
    for day, (close, up, down, volume, dividend) in zip(days, bars, strict=True):
        rows.append(
            (
                day,
                close * (1 + down / 2),
                close * (1 + up + down),
                close * (1 - up),
                close,
                close / 2,
                float(volume),
                dividend,
            )
        )
    order.shuffle(rows)
    text = HEADER + "\n" + "".join(",".join(str(value) for value in row) + ",0.0\n" for row in rows)
    batch = read(text, tmp_path / "IWM.csv")
    names = ("session_date", "open", "high", "low", "close", "adj_close", "volume", "dividend")
    assert batch.rejects.is_empty()
    assert batch.prices.select(names).rows() == sorted(rows)
    assert batch.prices["split_ratio"].to_list() == [1.0] * len(rows)


@given(content=st.binary(max_size=300), name=st.sampled_from(["IWM.csv", "IWM.parquet", "x y.txt"]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_raise(tmp_path: Path, content: bytes, name: str):
    check_shapes(read(content, tmp_path / name))


SEEDS = [path.read_bytes() for path in sorted(TWINS.iterdir())] + [BARS.encode(), UNRATE.encode()]
PIECES = (
    *(b"", b",", b";", b"\t", b"\n", b"\r\n", b'"', b"#", b"%", b"\0", b"\xff"),
    *(b"0", b"0.0", b"2.0", b"-1", b"nan", b"inf", b"1e400", b"9" * 30, b"99999999", b"2024-01-02", b"3000-01-01"),
    *(b"Date", b"Close", b"Ticker", b"# copy of 2024-01\n"),
)
CELLS = st.sampled_from(PIECES)


@given(
    seed=st.sampled_from(SEEDS), edits=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 30), CELLS), max_size=6)
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damaged_file_raises(tmp_path: Path, seed: bytes, edits: list[tuple[int, int, bytes]]):
    for place, length, piece in edits:
        place %= len(seed) + 1
        seed = seed[:place] + piece + seed[place + length :]
    batch = read(seed, tmp_path / "IWM.csv")
    check_shapes(batch)
    assert not batch.rejects["reason"].str.starts_with("could not be read").any(), refusals(batch)


def check_shapes(batch: Batch) -> None:
    """What comes out always fits its contract, is finite, and never silently nothing."""
    for kind, schema in {
        "prices": raw.PriceCapture,
        "macro": raw.MacroCapture,
        "futures": raw.FuturesCapture,
        "fomc": raw.FomcCapture,
        "rejects": raw.Reject,
    }.items():
        frame = getattr(batch, kind)
        schema.validate(frame)
        for name, dtype in frame.schema.items():
            assert dtype != pl.Float64 or frame[name].is_finite().all(), name
    assert sum(getattr(batch, kind).height for kind in ("prices", "macro", "futures", "fomc", "rejects")) > 0


def test_real_folder_is_read_without_a_refusal():
    if not SHARED.is_dir():
        pytest.skip(f"no real data: {SHARED} is absent")
    sessions()
    began = time.perf_counter()
    batch = read_folder(SHARED, known_symbols=[path.stem for path in (SHARED / "prices").iterdir()])
    seconds = time.perf_counter() - began
    assert batch.rejects.is_empty(), refusals(batch)[:5]
    assert batch.prices["symbol"].n_unique() == 73
    assert batch.macro["series_id"].n_unique() == 47
    assert set(batch.prices["flags"].unique()) == {None, "no_volume"}
    assert batch.futures.height > 80_000
    assert batch.fomc.height > 250
    assert seconds < 15  # 1.2 s on two quiet cores; the limit only tells seconds from minutes
