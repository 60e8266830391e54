"""Falls of at least a tenth from peak to recovery, and the bear markets among them. Definitions, section 3."""

import polars as pl

from pipeline.transforms.windows import BEAR_TERRITORY, CORRECTION, GROUP, at_least, at_most

NEW_BULL = 1.2  # of the lowest close since the peak


def drawdowns(prices: pl.DataFrame) -> pl.DataFrame:
    """Compute derived.drawdowns from core.prices, sorted by key.

    A spell starts on each session at the running maximum and ends before the next; most are one session long.
    """
    close = pl.col("close")
    return (
        prices.select("symbol", "session_date", "close", pl.col("symbol").rle_id().alias(GROUP))
        .with_columns(
            peak=close.cum_max().over(GROUP),
            next_session=pl.col("session_date").shift(-1).over(GROUP),
        )
        # a symbol's first session is at its maximum, so no spell runs on into the next symbol
        .with_columns(spell=at_least(close, pl.col("peak")).cum_sum())
        .filter(at_most(close.min(), CORRECTION * pl.col("peak").first()).over("spell"))
        .with_columns(lowest=close.cum_min().over("spell"), is_bear=at_most(close, BEAR_TERRITORY * pl.col("peak")))
        .with_columns(was_bear=pl.col("is_bear").cum_max().over("spell"))
        .group_by("spell", maintain_order=True)
        .agg(_spell())
        .drop("spell")
    )


def _spell() -> list[pl.Expr]:
    """Columns of one spell from its sessions; the session that recovers the peak is the first of the next spell.

    A close at the peak is above the bear level and 1.25 x the lowest close of a bear market, so where no session of
    the spell ends the bear market the recovery does.
    """
    close, peak, is_bear, was_bear = pl.col("close"), pl.col("peak").first(), pl.col("is_bear"), pl.col("was_bear")
    session = pl.col("session_date")
    recovered_on = pl.col("next_session").last()
    recovered_bear = pl.when(is_bear.any()).then(recovered_on)
    left = session.filter(was_bear & ~is_bear).first()
    new_bull = session.filter(was_bear & at_least(close, NEW_BULL * pl.col("lowest"))).first()
    return [
        pl.col("symbol").first(),
        session.first().alias("peak_date"),
        peak.alias("peak_close"),
        (BEAR_TERRITORY * peak).alias("bear_level"),
        session.get(close.arg_min()).alias("trough_date"),
        (close.min() / peak - 1).alias("depth"),
        session.filter(is_bear).first().alias("confirmed_bear_on"),
        pl.coalesce(left, recovered_bear).alias("left_bear_territory_on"),
        pl.coalesce(new_bull, recovered_bear).alias("new_bull_on"),
        recovered_on.alias("recovered_on"),
        recovered_on.is_null().alias("is_open"),
    ]
