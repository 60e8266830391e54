"""A folder of three funds and three series so plain that every figure of a build can be worked out in the head.

Session number i (from 0) is the i-th of 400 XNYS sessions from 2022-06-01 to 2024-01-03. IWM closes at 100 + i,
SPY at 100 and QQQ at 200, so IWM over SPY is 1 + i / 100. The 10y2y spread is -0.50 on the first 30 sessions (the last
is 2022-07-14), +0.50 from then on; the 10-year yield is 4.00. Unemployment is 3.6 in June and 3.5 in July 2022.
"""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipeline import calendar
from pipeline.run import run_build
from pipeline.settings import Settings

FIRST, LAST = dt.date(2022, 6, 1), dt.date(2024, 1, 3)
LAST_INVERTED = 30
CAPTURED_AT = dt.datetime(2024, 2, 1, 22, tzinfo=dt.UTC)
LAYERS = ("core", "derived", "marts")


def days() -> list[dt.date]:
    """Return the 400 sessions."""
    return calendar.sessions().filter(pl.col("session_date").is_between(FIRST, LAST))["session_date"].to_list()


def bars(close: dict[dt.date, float]) -> str:
    """Return a price file as a vendor writes it."""
    lines = [f"{day},{price},{price},{price},{price},{price},1000,0,0" for day, price in close.items()]
    return "\n".join(["Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits", *lines, ""])


def write_folder(folder: Path) -> Path:
    """Write the folder that the files source reads."""
    for name in ("prices", "macro"):
        (folder / name).mkdir(parents=True)
    sessions = days()
    (folder / "prices" / "IWM.csv").write_text(bars({day: 100 + i for i, day in enumerate(sessions)}))
    (folder / "prices" / "SPY.csv").write_text(bars(dict.fromkeys(sessions, 100)))
    (folder / "prices" / "QQQ.csv").write_text(bars(dict.fromkeys(sessions, 200)))
    spreads = "".join(f"{day},{-0.5 if i < LAST_INVERTED else 0.5}\n" for i, day in enumerate(sessions))
    (folder / "macro" / "T10Y2Y.csv").write_text("date,value\n" + spreads)
    (folder / "macro" / "DGS10.csv").write_text("date,value\n" + "".join(f"{day},4.0\n" for day in sessions))
    (folder / "macro" / "UNRATE.csv").write_text("date,value\n2022-06-01,3.6\n2022-07-01,3.5\n")
    return folder


def settings(home: Path, folder: Path | None = None, **more: Any) -> Settings:
    """Return the settings of a build of the files source."""
    return Settings(**{"home": home, "source": "files", "folder": folder, "captured_at": CAPTURED_AT, **more})


def build(home: Path, folder: Path | None = None, **more: Any) -> Path:
    """Build and publish as `rotation build` does; return the folder of the published files source."""
    chosen = settings(home, folder, **more)
    run_build(chosen, on_table=lambda name: None)
    return chosen.root


def ask(catalogue: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query on a published file."""
    with duckdb.connect(catalogue, read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        return con.execute(sql).fetchall()


def tables(build_folder: Path) -> dict[str, pl.DataFrame]:
    """Return every table of a build by name, from its Parquet files."""
    paths = [path for layer in LAYERS for path in sorted((build_folder / layer).glob("*.parquet"))]
    return {f"{path.parent.name}.{path.stem}": pl.read_parquet(path) for path in paths}
