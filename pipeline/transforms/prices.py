"""Price captures to split-adjusted bars with a total-return index. Definitions, section 0."""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from pipeline.config import Instrument
from pipeline.contracts import core
from pipeline.transforms.captures import COPY, KEY, adjusted_copies, flagged, on_newest_split_basis

ALREADY_REPORTED = dt.timedelta(days=5)  # a source that reports a split may date it a few days off


class Prices(NamedTuple):
    """core.prices, and what was left out."""

    prices: pl.DataFrame
    rejects: pl.DataFrame


def prices(captures: pl.DataFrame, sessions: pl.DataFrame, instruments: Iterable[Instrument]) -> Prices:
    """Compute core.prices from raw.price_captures.

    The newest capture of a bar wins; a part that it does not state (dividends, splits) comes from the newest capture
    that does. `sessions` is core.sessions: bars of sessions that had not closed by the build's instant are left out,
    but only after the split basis is known: a replay has the prices on today's, and so needs all splits since.
    """
    configured = {instrument.symbol: instrument for instrument in instruments}
    closed = sessions.select("session_date", "session_no")
    usable, rejects = _without_adjusted(on_newest_split_basis(captures))
    bars = (
        _newest(usable)
        .with_columns(_later_splits(usable, configured.values()))
        .join(closed, on="session_date", how="inner", maintain_order="left")
    )
    is_fund = pl.col("symbol").replace_strict(
        {symbol: one.is_fund for symbol, one in configured.items()},
        default=~pl.col("symbol").str.starts_with("^"),
        return_dtype=pl.Boolean,
    )
    growth = (pl.col("close") + pl.col("dividend")) / pl.col("close").shift(1)
    return Prices(
        prices=bars.with_columns(
            close_as_traded=pl.col("close") * pl.col("later_splits"),
            total_return_index=pl.when(is_fund).then(growth.fill_null(1.0).cum_prod().over("symbol")),
        ).select(core.Prices.column_names()),
        rejects=rejects,
    )


def _without_adjusted(captures: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out copies that are dividend-adjusted where the symbol has a copy that is not.

    A copy may say so itself (flag `dividend_adjusted`), or comparison with another copy shows it. A symbol that has
    nothing else keeps its flagged rows.
    """
    says_so = pl.col("flags").str.contains("dividend_adjusted").fill_null(False)
    replaceable = says_so & (~says_so).any().over("symbol")
    spoken = captures.filter(replaceable)
    captures = captures.filter(~replaceable)
    shown = adjusted_copies(captures)
    adjusted = captures.join(shown, on=COPY).filter(pl.col("session_date") <= pl.col("up_to"))
    rejects = [
        _copy_reject(spoken, "closes are dividend-adjusted, and a copy that is not is at hand"),
        _copy_reject(adjusted, "closes look dividend-adjusted beside another copy of the symbol"),
    ]
    left = captures.join(adjusted.select(*KEY, "captured_at", "origin"), on=[*KEY, "captured_at", "origin"], how="anti")
    return left, pl.concat(rejects)


def _copy_reject(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    """One reject per copy, however many bars it has."""
    return (
        rows.group_by("symbol", "captured_at", "origin", maintain_order=True)
        .agg(n=pl.len(), first=pl.col("session_date").min(), last=pl.col("session_date").max())
        .select(
            layer=pl.lit("core"),
            origin="origin",
            line=pl.lit(None, pl.Int64),
            reason=pl.lit(reason),
            excerpt=pl.format("{}: {} bars from {} to {}", "symbol", "n", "first", "last"),
            captured_at="captured_at",
        )
    )


def _newest(captures: pl.DataFrame) -> pl.DataFrame:
    """The newest capture of every bar, sorted by key; NULL parts that a source does not state are filled."""
    ordered = captures.sort(*KEY, "captured_at", "origin")
    stated = ["dividend", "capital_gain", "split_ratio"]
    if ordered.select(pl.struct(KEY).is_duplicated().any()).item():
        ordered = ordered.with_columns(pl.col(name).forward_fill().over(KEY) for name in stated).with_columns(
            flags=flagged(pl.col("flags"), "revised", _revised().over(KEY))
        )
    newest = ordered.unique(KEY, keep="last", maintain_order=True)
    return newest.with_columns(
        dividend=pl.col("dividend").fill_null(0.0) + pl.col("capital_gain").fill_null(0.0),
        capital_gain=pl.col("capital_gain").fill_null(0.0),
        split_ratio=pl.col("split_ratio").fill_null(1.0),
    )


def _revised() -> pl.Expr:
    """The close differs from that of an earlier capture on the same split basis by more than a hundredth percent."""
    return ((pl.col("close") / pl.col("close").shift(1) - 1).abs() > 1e-4).fill_null(False)


def _later_splits(captures: pl.DataFrame, instruments: Iterable[Instrument]) -> pl.Expr:
    """Product of all split ratios after each bar: those of the source, and configured ones that it lacks.

    A configured split counts only for copies made on or after its day (older copies are on the basis before it), and
    only if the source does not report it itself.
    """
    reported = captures.filter(pl.col("split_ratio") != 1).select("symbol", "session_date")
    newest_capture = dict(captures.group_by("symbol").agg(pl.col("captured_at").max()).iter_rows())
    after = pl.col("split_ratio").cum_prod(reverse=True).over("symbol") / pl.col("split_ratio")
    for instrument in instruments:
        for split in instrument.splits:
            captured_at = newest_capture.get(instrument.symbol)
            near = reported.filter(
                (pl.col("symbol") == instrument.symbol)
                & pl.col("session_date").is_between(
                    split.session_date - ALREADY_REPORTED, split.session_date + ALREADY_REPORTED
                )
            )
            if captured_at is None or captured_at.date() < split.session_date or near.height:
                continue
            applies = (pl.col("symbol") == instrument.symbol) & (pl.col("session_date") < split.session_date)
            after = pl.when(applies).then(after * split.ratio).otherwise(after)
    return after.alias("later_splits")
