"""What became of asking a source: what it serves, what fails and since when, and what it does not have any more."""

import datetime as dt
from collections.abc import Collection

import polars as pl

from pipeline.contracts import core

KEY = ["dataset", "id"]
SERVED = ["ok", "incomplete"]
NOTHING_THERE = ["unknown", "no_data"]  # the other failures say nothing about what exists
DELISTED_SESSIONS = 5  # one day's "unknown" may be a holiday, a filter on the way or a vendor's bad hour


def source_status(answers: pl.DataFrame, prices: pl.DataFrame, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """Compute core.source_status from raw.answers and raw.price_captures, sorted by key.

    An answer that repeats the one before it, of the same session, was not kept: sessions are counted, not answers; and
    only those on which something else was served, as a source that stands still has nothing new of anything. Of
    copies of one instant the one that serves most comes last. A symbol that never had a bar is not delisted, it may be
    a spelling mistake.
    """
    if as_of is not None:
        answers, prices = (frame.filter(pl.col("captured_at") <= as_of) for frame in (answers, prices))
    served = pl.col("outcome").is_in(SERVED)
    since_served = ~served & (served.cum_sum() == served.sum())
    says_nothing_there = since_served & pl.col("outcome").is_in(NOTHING_THERE) & pl.col("other_served")
    asked_for = ["dataset", "session_date"]
    ids_served = pl.col("id").filter(served).n_unique().over(asked_for)
    known = (
        answers.with_columns(other_served=ids_served > served.any().over(*asked_for, "id").cast(pl.UInt32))
        .sort(*KEY, "captured_at", "served_from", descending=[False, False, False, True], maintain_order=True)
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("outcome", "detail").last(),
            failing_since=pl.col("captured_at").filter(since_served).first(),
            last_asked_at=pl.col("captured_at").last(),
            last_served_at=pl.col("captured_at").filter(served).last(),
            served_from=pl.col("served_from").drop_nulls().last(),
            served_to=pl.col("served_to").drop_nulls().last(),
            sessions_in_agreement=pl.col("session_date").filter(says_nothing_there).n_unique().cast(pl.Int64),
        )
    )
    had_bars = (pl.col("dataset") == "prices") & pl.col("id").is_in(prices["symbol"].unique().implode())
    return known.with_columns(is_delisted=had_bars & (pl.col("sessions_in_agreement") >= DELISTED_SESSIONS)).select(
        core.SourceStatus.column_names()
    )


def newest(answers: pl.DataFrame, dataset: str, ids: Collection[str]) -> pl.DataFrame:
    """Return the newest answer of raw.answers about each of some ids; a run may have asked for others only."""
    asked = answers.filter(pl.col("dataset") == dataset, pl.col("id").is_in(list(ids)))
    return asked.sort("id", "captured_at", maintain_order=True).group_by("id", maintain_order=True).last()
