"""Which received rows are new: captures keep each value once, and every change of it."""

import polars as pl

# what identifies a value, and what of it can change; `rejects` are kept once each, whenever they come again
KEYS = {
    "price_captures": ["symbol", "session_date"],
    "macro_captures": ["series_id", "observed_on"],
    "futures_captures": ["contract", "session_date"],
    "fomc_captures": ["decided_on"],
    "fact_captures": ["symbol", "quoted_on"],
    "series_captures": ["series_id"],
    "answers": ["dataset", "id"],
    "rejects": ["origin", "line", "reason", "excerpt"],
}
NOT_VALUES = {"captured_at", "source", "origin", "is_vintage", "vintage_on"}


def new_rows(table: str, existing: pl.DataFrame, incoming: pl.DataFrame) -> pl.DataFrame:
    """Rows of `incoming` that no capture holds yet, or that differ from the newest capture made before them.

    Both frames are in the table's raw contract. Receiving the same rows twice adds nothing; a value that a later
    capture repeats adds nothing; an older copy that arrives late keeps what was known at its time.
    """
    key = KEYS[table]
    values = [name for name in incoming.columns if name not in NOT_VALUES and name not in key]
    if table == "rejects":
        return incoming.unique(key, keep="first", maintain_order=True).join(
            existing, on=key, how="anti", nulls_equal=True
        )
    fresh = incoming.unique([*key, "captured_at", *values], keep="first", maintain_order=True)
    if existing.height:
        fresh = fresh.join(existing, on=[*key, "captured_at", *values], how="anti", nulls_equal=True)
    elif not fresh.select(pl.struct(key).is_duplicated().any()).item():
        return fresh
    known = existing.join(fresh.select(key).unique(), on=key, how="semi").with_columns(is_new=pl.lit(False))
    ordered = pl.concat([known, fresh.with_columns(is_new=pl.lit(True))]).sort(*key, "captured_at", maintain_order=True)
    same_key = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in key)
    same_values = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in values)
    is_first = pl.int_range(pl.len()) == 0
    return ordered.filter(pl.col("is_new") & (is_first | ~(same_key & same_values))).drop("is_new")
