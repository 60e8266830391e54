"""Price captures to split-adjusted bars with a total-return index. Definitions, section 0."""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from pipeline.calendar import new_york_day
from pipeline.config import Instrument
from pipeline.contracts import core
from pipeline.transforms.captures import (
    ALREADY_REPORTED,
    COPY,
    KEY,
    adjusted_copies,
    flagged,
    in_order,
    is_another_copy,
    on_newest_split_basis,
)

ROW = [*KEY, "captured_at", "origin"]  # one bar of one copy


class Prices(NamedTuple):
    """core.prices, and what was left out."""

    prices: pl.DataFrame
    rejects: pl.DataFrame


def prices(captures: pl.DataFrame, sessions: pl.DataFrame, instruments: Iterable[Instrument]) -> Prices:
    """Compute core.prices from raw.price_captures.

    The newest capture of a bar wins; a part that it does not state (dividends, splits) comes from the newest capture
    that does, and where none does what depends on it is NULL. `sessions` is core.sessions: bars of sessions that had
    not closed by the build's instant are left out, but only after the split basis is known: a replay has the prices on
    today's, and so needs all splits since.
    """
    configured = {instrument.symbol: instrument for instrument in instruments}
    closed = sessions.select("session_date", "session_no")
    captures = in_order(captures)  # what is sorted here is sorted again at little cost
    splits = known_splits(captures, configured.values())
    usable, rejects = _without_adjusted(on_newest_split_basis(captures, splits))
    bars = (
        _newest(usable)
        .pipe(_with_later_splits, splits)
        .with_columns(close_as_traded=pl.col("close") * pl.col("later_splits"))
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
            total_return_index=pl.when(is_fund & _says_all(pl.col("dividend"))).then(
                growth.fill_null(1.0).cum_prod().over("symbol")
            ),
            flags=flagged(pl.col("flags"), "no_dividends", is_fund & pl.col("dividend").is_null()),
        ).select(core.Prices.column_names()),
        rejects=rejects,
    )


def _without_adjusted(captures: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out bars of dividend-adjusted copies that another copy has unadjusted.

    A copy may say so itself (flag `dividend_adjusted`), or comparison with another copy shows it. Bars that no other
    copy has are kept, with their flag.
    """
    spoken = _spoken(captures)
    captures = _without(captures, spoken)
    shown = adjusted_copies(captures)
    adjusted = captures.join(shown, on=COPY).filter(pl.col("session_date") <= pl.col("up_to"))
    rejects = [
        _copy_reject(spoken, "closes are or may be dividend-adjusted, and a copy that is not has these bars"),
        _copy_reject(adjusted, "closes look dividend-adjusted beside another copy of the symbol"),
    ]
    return _without(captures, adjusted), pl.concat(rejects)


def _spoken(captures: pl.DataFrame) -> pl.DataFrame:
    """Bars of copies that say that they are adjusted, where another copy that does not has them too."""
    says_so = pl.col("flags").str.contains("dividend_adjusted", literal=True)
    speaking = captures.filter(says_so).select(COPY).unique()
    if speaking.is_empty():
        return captures.clear()
    clean = captures.join(speaking, on=COPY, how="anti").select(KEY)
    return captures.join(speaking, on=COPY, how="semi").join(clean, on=KEY, how="semi")


def _without(captures: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out some rows; most often there are none, and then comparing them all is spared."""
    return captures.join(rows.select(ROW), on=ROW, how="anti") if rows.height else captures


def _copy_reject(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    """One reject per copy, however many bars it has."""
    return (
        rows.group_by(COPY, maintain_order=True)
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
    ordered = in_order(captures).with_columns(is_another=is_another_copy())
    stated = ["dividend", "capital_gain", "split_ratio"]
    if ordered["is_another"].any():
        ordered = ordered.with_columns(pl.col(name).forward_fill().over(KEY) for name in stated).with_columns(
            flags=flagged(pl.col("flags"), "revised", _revised().over(KEY))
        )
    newest = ordered.filter(~pl.col("is_another").shift(-1, fill_value=False)).drop("is_another")
    return newest.with_columns(
        dividend=pl.col("dividend") + pl.col("capital_gain").fill_null(0.0),
        capital_gain=pl.col("capital_gain").fill_null(0.0),
    )


def _says_all(part: pl.Expr) -> pl.Expr:
    """TRUE while every bar of the symbol after its first, up to this one, states the part."""
    unsaid = part.is_null() & (pl.int_range(pl.len()) > 0)
    return (unsaid.cum_sum() == 0).over("symbol")


def _revised() -> pl.Expr:
    """The close differs from that of an earlier capture on the same split basis by more than a hundredth percent."""
    return ((pl.col("close") / pl.col("close").shift(1) - 1).abs() > 1e-4).fill_null(False)


def known_splits(captures: pl.DataFrame, instruments: Iterable[Instrument]) -> pl.DataFrame:
    """Splits that a source reported, and configured ones that it lacks: symbol, split_on, ratio.

    A configured split counts once something was captured on or after its day (before, all copies are on the basis
    before it), and only if the source does not report it itself.
    """
    stated = captures.filter(pl.col("split_ratio").is_not_null())
    splitting = stated.filter(pl.col("split_ratio") != 1).select(KEY)
    reported = (
        stated.join(splitting, on=KEY, how="semi", maintain_order="left")
        .sort("captured_at", maintain_order=True)
        .unique(KEY, keep="last", maintain_order=True)
        .filter(pl.col("split_ratio") != 1)  # last: a later copy may take a split back
        .select("symbol", split_on="session_date", ratio="split_ratio")
    )
    newest = dict(captures.group_by("symbol").agg(pl.col("captured_at").max().pipe(new_york_day)).rows())
    configured = [
        (instrument.symbol, split.session_date, split.ratio)
        for instrument in instruments
        for split in instrument.splits
        if newest.get(instrument.symbol, dt.date.min) >= split.session_date
        and reported.filter(
            (pl.col("symbol") == instrument.symbol)
            & ((pl.col("split_on") - split.session_date).abs() <= ALREADY_REPORTED)
        ).is_empty()
    ]
    return pl.concat([reported, pl.DataFrame(configured, schema=reported.schema, orient="row")]).sort(
        "symbol", "split_on"
    )


def _with_later_splits(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Add `later_splits`: the product of the ratios of all splits after each bar of `bars`, which is sorted by key.

    NULL where a later bar does not say whether there was a split.
    """
    products = splits.sort("symbol", "split_on").with_columns(
        later_splits=pl.col("ratio").cum_prod(reverse=True).over("symbol")
    )
    unsaid = pl.col("split_ratio").is_null()
    said = (unsaid.cum_sum(reverse=True) - unsaid == 0).over("symbol")
    return bars.join_asof(
        products.select("symbol", "split_on", "later_splits").sort("split_on"),
        left_on="session_date",
        right_on="split_on",
        by="symbol",
        strategy="forward",
        allow_exact_matches=False,
        check_sortedness=False,
    ).with_columns(later_splits=pl.when(said).then(pl.col("later_splits").fill_null(1.0)))
