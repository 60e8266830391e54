"""Each of the 32 faults met in the wild, and its synthetic twin, has the outcome that defects.yaml says."""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
import yaml

from pipeline.contracts import raw
from pipeline.sources.files import read_folder

HERE = Path(__file__).parent
TWINS = HERE / "twins"
REAL = Path(__file__).parents[2].parent / "shared" / "market-data" / "defects"
TABLE = yaml.safe_load((HERE / "defects.yaml").read_text())
DEFECTS: dict[str, dict] = TABLE["defects"]
CAPTURED_AT = dt.datetime.fromisoformat(TABLE["captured_at"])
SYMBOLS = ["IWM", "IWC", "IWN", "IWF", "MDY", "QQQ", "SMH", "SPY", "VUG", "XLK", "^GSPC", "^IXIC", "^VIX"]
SCHEMAS = {"prices": raw.PriceCapture, "macro": raw.MacroCapture, "rejects": raw.Reject}
NUMBER = re.compile(r"(?<![\w.^-])-?\d+\.\d+|(?<![\w.-])\d{4,}(?![\w.-])")


def read(content: bytes, defect: dict, folder: Path):
    """Read a file's content under the name the table gives it, together with a good neighbour."""
    (folder / defect["as"]).write_bytes(content)
    (folder / "DTB3.csv").write_text("DATE,DTB3\n2018-01-02,1.5\n")
    batch = read_folder(folder, known_symbols=SYMBOLS, captured_at=CAPTURED_AT)
    neighbour = pl.col("origin") == "DTB3.csv"
    assert batch.macro.filter(neighbour).height == 1, "the good file beside it must be read"
    assert batch.rejects.filter(neighbour).is_empty()
    for kind, schema in SCHEMAS.items():
        schema.validate(getattr(batch, kind))
    return {kind: getattr(batch, kind).filter(~neighbour) for kind in ("prices", "macro", "futures", "fomc", "rejects")}


def check(defect: dict, got: dict[str, pl.DataFrame], captures: list[dt.date]) -> None:
    """Compare what was read with the table's counts, names, flags, reasons and capture days."""
    assert {kind: got[kind].height for kind in ("prices", "macro", "futures", "fomc")} == {
        "prices": defect.get("prices", 0),
        "macro": defect.get("macro", 0),
        "futures": 0,
        "fomc": 0,
    }
    assert got["prices"]["symbol"].unique().sort().to_list() == defect.get("symbols", [])
    assert got["macro"]["series_id"].unique().sort().to_list() == defect.get("series", [])
    assert got["macro"]["value"].null_count() == defect.get("nulls", 0)
    assert got["macro"]["is_vintage"].sum() == defect.get("vintages", 0)
    flags = got["prices"]["flags"].drop_nulls().str.split(" ").explode().value_counts()
    assert dict(flags.iter_rows()) == {flag: count for flag, count in defect.get("flags", {}).items() if count}
    refused = got["rejects"].select("line", "reason").rows()
    expected = defect.get("refused", [])
    assert len(refused) == len(expected), refused
    for (line, reason), (expected_line, fragment) in zip(refused, expected, strict=True):
        assert line == expected_line
        assert fragment in reason
    moments = {moment for kind in ("prices", "macro") for moment in got[kind]["captured_at"]}
    told = {dt.datetime.combine(day, dt.time(23, 59), ZoneInfo("America/New_York")) for day in captures}
    assert moments == told or (not captures and moments <= {CAPTURED_AT})


def test_the_table_is_complete():
    assert sorted(DEFECTS) == [f"{number:02d}" for number in range(1, 33)]
    assert sorted(defect["twin"] for defect in DEFECTS.values()) == sorted(path.name for path in TWINS.iterdir())
    for defect in DEFECTS.values():
        assert defect["outcome"] in ("read", "flagged", "refused", "caught later")
        assert (defect["outcome"] == "refused") == bool(defect.get("refused"))
        assert defect["outcome"] != "flagged" or any(defect["flags"].values())


@pytest.mark.parametrize("number", DEFECTS)
def test_twin(number: str, tmp_path: Path):
    defect = DEFECTS[number]
    got = read((TWINS / defect["twin"]).read_bytes(), defect, tmp_path)
    check(defect, got, defect.get("captures", {}).get("twin", []))
    for expected in defect.get("values", []):
        rows = got["prices"] if "symbol" in expected else got["macro"]
        keys = [name for name in ("symbol", "session_date", "series_id", "observed_on") if name in expected]
        rows = rows.filter(pl.all_horizontal(pl.col(name) == expected[name] for name in keys))
        if "captured_at" in expected:
            rows = rows.filter(pl.col("captured_at").dt.to_string("%Y-%m-%d %H:%M") == expected["captured_at"])
        assert rows.height == 1, expected
        row = rows.row(0, named=True)
        for name in expected.keys() - {*keys, "captured_at"}:
            value = expected[name]
            assert row[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name


@pytest.mark.parametrize("number", DEFECTS)
def test_real_defect(number: str, tmp_path: Path):
    defect = DEFECTS[number]
    if not REAL.is_dir():
        pytest.skip(f"no real defects: {REAL} is absent")
    got = read((REAL / defect["file"]).read_bytes(), defect, tmp_path)
    check(defect, got, defect.get("captures", {}).get("file", []))


@pytest.mark.parametrize("number", DEFECTS)
def test_twin_has_the_structure_and_no_value_of_the_real_file(number: str):
    if not REAL.is_dir():
        pytest.skip(f"no real defects: {REAL} is absent")
    real, twin = (REAL / DEFECTS[number]["file"]).read_bytes(), (TWINS / DEFECTS[number]["twin"]).read_bytes()
    assert real.count(b"\n") == twin.count(b"\n")
    assert real.count(b"\r") == twin.count(b"\r")
    assert real.startswith(b"\xef\xbb\xbf") == twin.startswith(b"\xef\xbb\xbf")
    shared = set(NUMBER.findall(real.decode("utf-8-sig"))) & set(NUMBER.findall(twin.decode("utf-8-sig")))
    assert {value for value in shared if float(value) not in (0, 1)} == set()
