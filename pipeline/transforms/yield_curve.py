"""State and inversions of a yield curve. Definitions, section 4."""

from collections.abc import Iterable

import polars as pl

from pipeline.config import Curve

KEY = ["curve"]
BRIDGED_OBSERVATIONS = 5  # an interruption this short does not end a sustained spell
SUSTAINED_OBSERVATIONS = 20
POST_INVERSION_OBSERVATIONS = 252
SLOPE_OBSERVATIONS = 20
DECIMALS = 2  # the published precision of yields: differences are rounded to it before they are compared
PROBIT_INTERCEPT, PROBIT_SLOPE = -0.5333, -0.6330


def curve_observations(macro_releases: pl.DataFrame, curves: Iterable[Curve]) -> pl.DataFrame:
    """One row per curve and observation that has a spread: curve, observed_on, available_at, spread_pp, long_yield.

    Values are those first published, so that a later correction changes no state that was known before it. For the
    same reason an observation that became public after a later one is left out.
    """
    curves = list(curves)
    needed = {one for curve in curves for one in (curve.spread, curve.long_yield)}
    first = (
        macro_releases.filter(pl.col("series_id").is_in(needed), pl.col("value").is_not_null())
        .sort("series_id", "observed_on", "seq")
        .unique(["series_id", "observed_on"], keep="first", maintain_order=True)
    )
    long_yields = first.select("observed_on", long_series="series_id", long_yield="value", long_at="available_at")
    spreads = first.select("series_id", "observed_on", "available_at", spread_pp=pl.col("value").round(DECIMALS))
    listed = pl.DataFrame(
        [(c.curve, c.spread, c.long_yield, c.has_recession_probability) for c in curves],
        schema={"curve": pl.String, "spread": pl.String, "long_series": pl.String, "has_probability": pl.Boolean},
        orient="row",
    )
    return (
        listed.join(spreads, left_on="spread", right_on="series_id")
        .join(long_yields, on=["long_series", "observed_on"], how="left")
        # a leg that was published after the spread is not known yet
        .with_columns(long_yield=pl.when(pl.col("long_at") <= pl.col("available_at")).then("long_yield"))
        .select(*KEY, "has_probability", "observed_on", "available_at", "spread_pp", "long_yield")
        .sort(*KEY, "observed_on")
        .filter(pl.col("available_at") <= pl.col("available_at").cum_min(reverse=True).over(KEY))
    )


def yield_curve_status(macro_releases: pl.DataFrame, curves: Iterable[Curve]) -> pl.DataFrame:
    """Compute derived.yield_curve_status from core.macro_releases: every row as it was known then."""
    return (
        _with_runs(curve_observations(macro_releases, curves))
        .with_columns(**_newest_sustained_spell())
        .with_columns(state=_state())
        .with_columns(
            days_in_state=(pl.int_range(pl.len()).over(*KEY, pl.struct(*KEY, "state").rle_id()) + 1),
            spell_start=pl.when(pl.col("state") == "inverted")
            .then("run_start")
            .when(pl.col("state") != "normal")
            .then("sustained_start"),
            change_20_pp=(pl.col("spread_pp") - pl.col("spread_pp").shift(SLOPE_OBSERVATIONS))
            .over(KEY)
            .round(DECIMALS),
        )
        .with_columns(steepening=_steepening())
        .join(_recession_probabilities(macro_releases, curves), on=["curve", "observed_on"], how="left")
        .sort(*KEY, "observed_on")
    )


def yield_curve_inversions(macro_releases: pl.DataFrame, curves: Iterable[Curve]) -> pl.DataFrame:
    """Compute derived.yield_curve_inversions from core.macro_releases."""
    observations = curve_observations(macro_releases, curves)
    raw = _spells(observations, "raw", bridged=0, at_least=1)
    sustained = _spells(observations, "sustained", bridged=BRIDGED_OBSERVATIONS, at_least=SUSTAINED_OBSERVATIONS)
    return pl.concat([raw, sustained]).sort(*KEY, "variant", "start_date")


def _with_runs(observations: pl.DataFrame, bridged: int = BRIDGED_OBSERVATIONS) -> pl.DataFrame:
    """Number the runs of inverted observations whose interruptions are at most `bridged` observations.

    Adds is_inverted, obs (number of the observation), and for inverted rows run, run_start, run_count (inverted
    observations of the run so far).
    """
    inverted_obs = pl.when("is_inverted").then("obs")
    return (
        observations.with_columns(is_inverted=pl.col("spread_pp") < 0, obs=pl.int_range(pl.len()).over(KEY))
        .with_columns(last_inverted=inverted_obs.forward_fill().shift(1).over(KEY))
        .with_columns(
            starts=pl.col("is_inverted") & (pl.col("obs") - pl.col("last_inverted") > bridged + 1).fill_null(True)
        )
        .with_columns(run=pl.when("is_inverted").then(pl.col("starts").cum_sum().over(KEY)))
        .with_columns(
            run_start=pl.when("is_inverted").then(pl.col("observed_on").first().over(*KEY, "run")),
            run_count=pl.when("is_inverted").then(pl.col("is_inverted").cum_sum().over(*KEY, "run")),
        )
    )


def _newest_sustained_spell() -> dict[str, pl.Expr]:
    """Observations since the last inverted one of the newest spell that was sustained by then, and its start."""
    sustained = pl.col("run_count") >= SUSTAINED_OBSERVATIONS
    return {
        "since_inverted": (pl.col("obs") - pl.when(sustained).then("obs").forward_fill()).over(KEY),
        "sustained_start": pl.when(sustained).then("run_start").forward_fill().over(KEY),
    }


def _state() -> pl.Expr:
    return (
        pl.when("is_inverted")
        .then(pl.lit("inverted"))
        .when(pl.col("since_inverted") <= BRIDGED_OBSERVATIONS)
        .then(pl.lit("uninverting"))
        .when(pl.col("since_inverted") <= POST_INVERSION_OBSERVATIONS)
        .then(pl.lit("post_inversion"))
        .otherwise(pl.lit("normal"))
    )


def _steepening() -> pl.Expr:
    """Name the move over 20 observations; the short yield is the long yield less the spread."""
    long_yield = pl.col("long_yield")
    short_yield = long_yield - pl.col("spread_pp")
    long_change = (long_yield - long_yield.shift(SLOPE_OBSERVATIONS)).over(KEY).round(DECIMALS)
    short_change = (short_yield - short_yield.shift(SLOPE_OBSERVATIONS)).over(KEY).round(DECIMALS)
    rising, falling = pl.col("change_20_pp") > 0, pl.col("change_20_pp") < 0
    return (
        pl.when(long_change.is_null())
        .then(None)
        .when(rising & (-short_change > long_change))
        .then(pl.lit("bull_steepening"))
        .when(rising)
        .then(pl.lit("bear_steepening"))
        .when(falling & (-long_change > short_change))
        .then(pl.lit("bull_flattening"))
        .when(falling)
        .then(pl.lit("bear_flattening"))
    )


def _recession_probabilities(macro_releases: pl.DataFrame, curves: Iterable[Curve]) -> pl.DataFrame:
    """Probability per observation, from the mean spread of the last calendar month that ended before it.

    Source: New York Fed probit, with fixed coefficients.
    """
    observations = curve_observations(macro_releases, curves).filter("has_probability")
    this_month = pl.col("observed_on").dt.month_start()
    monthly = observations.group_by(*KEY, month=this_month).agg(mean_spread=pl.col("spread_pp").mean())
    index = PROBIT_INTERCEPT + PROBIT_SLOPE * pl.col("mean_spread")
    return (
        observations.with_columns(month=this_month.dt.offset_by("-1mo"))
        .join(monthly, on=[*KEY, "month"])
        .select(*KEY, "observed_on", recession_prob_12m=(1 + (index / 2**0.5).erf()) / 2)
    )


def _spells(observations: pl.DataFrame, variant: str, *, bridged: int, at_least: int) -> pl.DataFrame:
    """One row per run of inverted observations with at least `at_least` of them.

    The end is confirmed by the (bridged + 1)-th non-negative observation in a row.
    """
    runs = _with_runs(observations, bridged)
    inverted = runs.filter("is_inverted")
    spells = (
        inverted.group_by(*KEY, "run", maintain_order=True)
        .agg(
            start_date=pl.col("observed_on").first(),
            sustained_on=pl.col("observed_on").get(SUSTAINED_OBSERVATIONS - 1, null_on_oob=True)
            if variant == "sustained"
            else pl.lit(None, pl.Date),
            observations=pl.len().cast(pl.Int64),
            min_spread_pp=pl.col("spread_pp").min(),
            min_date=pl.col("observed_on").sort_by("spread_pp", maintain_order=True).first(),
            end_date=pl.col("observed_on").last(),
            last_obs=pl.col("obs").last(),
        )
        .filter(pl.col("observations") >= at_least)
    )
    dates = runs.select(*KEY, "obs", date="observed_on")
    ends = runs.select(*KEY, "obs", "available_at", confirmed_on="observed_on")
    return (
        spells.with_columns(first_after=pl.col("last_obs") + 1, confirming=pl.col("last_obs") + bridged + 1)
        .join(
            dates.rename({"date": "uninverted_on"}), left_on=[*KEY, "first_after"], right_on=[*KEY, "obs"], how="left"
        )
        .join(ends, left_on=[*KEY, "confirming"], right_on=[*KEY, "obs"], how="left")
        .with_columns(is_open=pl.col("confirmed_on").is_null(), variant=pl.lit(variant))
        .with_columns(
            pl.when(~pl.col("is_open")).then(pl.col(name)).alias(name) for name in ("end_date", "uninverted_on")
        )
    )
