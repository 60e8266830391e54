"""What an operator should look at: old bars, symbols without any, values that a source changed. Pure Polars.

Each function names things and reasons: id, reason.
"""

import datetime as dt
from collections.abc import Collection

import polars as pl

from pipeline.contracts import core

NOTHING = pl.DataFrame(schema={"id": pl.String, "reason": pl.String})


def not_configured(captures: pl.DataFrame, series: Collection[str]) -> pl.DataFrame:
    """Series of raw.macro_captures that core leaves out, as nobody can say when their values were known."""
    unknown = captures.filter(~pl.col("series_id").is_in(list(series))).group_by("series_id").len().sort("series_id")
    return unknown.select(id="series_id", reason=pl.format("not in macro.yaml; values left out: {}", "len"))


def behind(
    prices: pl.DataFrame, due: dt.date | None, sessions: pl.DataFrame, delisted: Collection[str]
) -> pl.DataFrame:
    """Symbols whose newest bar is older than the session `due`, delisted ones aside.

    Args:
        prices: core.prices.
        due: the newest session that every symbol should have; None: there was none yet.
        sessions: all sessions, to count those that are missing: session_date.
        delisted: symbols of which no more bars will come.
    """
    newest = prices.group_by("symbol").agg(last=pl.col("session_date").max()).sort("symbol")
    is_due = pl.lit(due, pl.Date)
    old = newest.filter((pl.col("last") < is_due) & ~pl.col("symbol").is_in(list(delisted)))
    number = sessions.select(pl.col("session_date").alias("last"), no=pl.int_range(pl.len()))
    due_no = number.filter(pl.col("last") <= is_due).height - 1
    return old.join(number, on="last", how="left", maintain_order="left").select(
        id="symbol", reason=pl.format("newest bar {}, sessions behind: {}", "last", due_no - pl.col("no"))
    )


def without_bars(instruments: pl.DataFrame) -> pl.DataFrame:
    """Configured symbols of core.instruments of which no bar was ever captured."""
    return instruments.filter(pl.col("is_configured") & (pl.col("bars") == 0)).select(
        id="symbol", reason=pl.lit("no bar captured")
    )


def new_edits(edits: pl.DataFrame, published: pl.DataFrame) -> pl.DataFrame:
    """How many old values the source changed since the published core.capture_edits: dataset, id, kind, values."""
    key = core.CaptureEdits.primary_key()
    fresh = edits.join(published, on=key, how="anti")
    return fresh.group_by("dataset", "id", "kind").agg(values=pl.len().cast(pl.Int64)).sort("dataset", "id", "kind")


def unexpected(fresh: pl.DataFrame, revised: Collection[str]) -> pl.DataFrame:
    """Of what `new_edits` found all but revisions of series that are revised as a rule, and changes for a split."""
    is_revised = (pl.col("dataset") == "macro") & pl.col("id").is_in(list(revised))
    return fresh.filter(~is_revised & (pl.col("kind") != "split")).select(
        "id", reason=pl.format("old values changed ({}): {}", "kind", "values")
    )
