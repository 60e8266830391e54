"""Level and regime of credit spreads, as known at each observation. Definitions, section 6."""

from collections.abc import Iterable

import polars as pl

from pipeline.config import Series
from pipeline.transforms.windows import expanding_percentile

KEY = ["measure", "observed_on"]
DAILY = {"baa": "baa_spread", "hy_oas": "credit_spread"}  # measure: role of its series
MONTHLY = "baa_monthly"  # role baa_yield less the month's mean of treasury_10y
CHANGE_DAYS = 91
MIN_HISTORY = "5y"
CALM_BELOW, STRESS_FROM = 0.50, 0.80  # percentiles
CALM_BELOW_BP, STRESS_FROM_BP = 25, 100
CONFIRMING_OBSERVATIONS, CONFIRMING_MONTHS = 10, 2
# differences of published figures carry float noise that would decide between equal levels, and at 25 and 100
RANK_DECIMALS, BP_DECIMALS = 9, 6


def credit_regime(releases: pl.DataFrame, series: Iterable[Series]) -> pl.DataFrame:
    """Compute derived.credit_regime from core.macro_releases, sorted by key: every row as it was known then.

    Values are those first published, so that a later correction changes no regime that was known before it. For the
    same reason an observation that became public after a later one is left out.
    """
    by_role = {one.role: one for one in series}
    levels = {measure: _published(releases, by_role.get(role)) for measure, role in DAILY.items()}
    levels[MONTHLY] = _less_treasury(
        _published(releases, by_role.get("baa_yield")), _published(releases, by_role.get("treasury_10y"))
    )
    tables = [_regimes(_in_order(table), measure) for measure, table in sorted(levels.items())]
    return pl.concat(tables)


def _published(releases: pl.DataFrame, series: Series | None) -> pl.DataFrame:
    """First values of a series at their published precision: observed_on, available_at, level_pct."""
    series_id, decimals = (series.series_id, series.decimals) if series else ("", 0)
    return (
        releases.filter((pl.col("series_id") == series_id) & pl.col("value").is_not_null())
        .sort("observed_on", "seq")
        .unique("observed_on", keep="first", maintain_order=True)
        .select("observed_on", "available_at", level_pct=pl.col("value").round(decimals))
    )


def _less_treasury(yields: pl.DataFrame, treasury: pl.DataFrame) -> pl.DataFrame:
    """Monthly yields less the month's mean of the daily Treasury yield.

    The mean is of the days published when the monthly yield was: one of a day that came later would restate the row.
    """
    days = treasury.select("level_pct", month=pl.col("observed_on").dt.month_start(), at="available_at")
    return (
        yields.join(days, left_on="observed_on", right_on="month", suffix="_treasury", maintain_order="left_right")
        .filter(pl.col("at") <= pl.col("available_at"))
        .group_by("observed_on", "available_at", "level_pct", maintain_order=True)
        .agg(mean=pl.col("level_pct_treasury").mean())
        .select("observed_on", "available_at", level_pct=pl.col("level_pct") - pl.col("mean"))
    )


def _in_order(levels: pl.DataFrame) -> pl.DataFrame:
    return levels.filter(pl.col("available_at") <= pl.col("available_at").cum_min(reverse=True))


def _regimes(levels: pl.DataFrame, measure: str) -> pl.DataFrame:
    observed = pl.col("observed_on")
    earlier = levels.select(past_on="observed_on", past_pct="level_pct")
    start = observed.first()
    return (
        levels.with_columns(since=observed.dt.offset_by(f"-{CHANGE_DAYS}d"))
        .join_asof(earlier, left_on="since", right_on="past_on")
        .with_columns(
            change_13w_bp=(100 * (pl.col("level_pct") - pl.col("past_pct"))).round(BP_DECIMALS),
            percentile=pl.when(observed >= start.dt.offset_by(MIN_HISTORY)).then(
                expanding_percentile(pl.col("level_pct").round(RANK_DECIMALS))
            ),
            history_start=start,
        )
        .with_columns(raw_regime=_raw_regime())
        .select(
            pl.lit(measure).alias("measure"),
            "observed_on",
            "level_pct",
            "change_13w_bp",
            "percentile",
            "history_start",
            "raw_regime",
            regime=_confirmed(CONFIRMING_MONTHS if measure == MONTHLY else CONFIRMING_OBSERVATIONS),
            available_at="available_at",
        )
    )


def _raw_regime() -> pl.Expr:
    """Regime of the observation alone; NULL while percentile or change is."""
    percentile, change = pl.col("percentile"), pl.col("change_13w_bp")
    return (
        pl.when(percentile.is_null() | change.is_null())
        .then(None)
        .when((percentile < CALM_BELOW) & (change < CALM_BELOW_BP))
        .then(pl.lit("calm"))
        .when((percentile >= STRESS_FROM) | (change >= STRESS_FROM_BP))
        .then(pl.lit("stress"))
        .otherwise(pl.lit("watch"))
    )


def _confirmed(observations: int) -> pl.Expr:
    """The raw regime that was last met so many times in a row; the first raw regime starts it."""
    raw = pl.col("raw_regime")
    in_a_row = pl.int_range(pl.len()).over(raw.rle_id()) + 1
    is_first = raw.is_not_null() & raw.shift(1).is_null()
    return pl.when(is_first | (in_a_row >= observations)).then(raw).forward_fill()
