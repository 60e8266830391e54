"""What vendors state about funds, day by day. Definitions, section 5."""

import datetime as dt

import polars as pl

from pipeline.contracts import core


def fund_facts(captures: pl.DataFrame, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """Compute core.fund_facts from raw.fact_captures: of several captures of one day the first, sorted by key.

    A later capture of the day must not change what a session's close already knew.
    """
    known = captures if as_of is None else captures.filter(pl.col("captured_at") <= as_of)
    return (
        known.rename({"captured_at": "available_at"})
        .sort("symbol", "quoted_on", "available_at", maintain_order=True)
        .unique(["symbol", "quoted_on"], keep="first", maintain_order=True)
        .select(core.FundFacts.column_names())
    )
