"""Macro indicators as they were first known and as they are now. Definitions, section 6."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from pipeline import config
from pipeline.transforms.indicators import deficit, known
from pipeline.transforms.indicators.formulas import INDICATORS, SURPRISE_REACH, Formula, newest_mean, x
from pipeline.transforms.indicators.recessions import settled

KEY = ["indicator", "observed_on", "vintage"]
NEAR = 1e-9  # relative above 1, else absolute: values closer together are equal
# formulas over several observations, each as it was known when t was published: some revised by then, others not yet
MIXABLE = {
    one.name: one.formula
    for one in INDICATORS
    if one.formula and len(one.formula.steps) > 1 and not one.formula.from_first_vintage
} | {"deficit_12m_pct_gdp": deficit.BALANCE}
FORMULAS = [*(one.formula for one in INDICATORS if one.formula), deficit.BALANCE]


@dataclass(frozen=True, eq=False)
class Panels:
    """One series, as `known` gives it: its newest values, and its first prints with what came before them."""

    series: config.Series
    latest: pl.DataFrame
    realtime: pl.DataFrame
    first_vintage: pl.DataFrame


def macro_indicators(
    releases: pl.DataFrame,
    series: Iterable[config.Series],
    recessions: Iterable[config.Recession],
) -> pl.DataFrame:
    """Compute derived.macro_indicators, sorted by key.

    Series are found by role; an indicator whose series is not configured or was never captured has no rows.

    Args:
        releases: core.macro_releases, in which a new target is known from its announcement.
        series: the configured series.
        recessions: the announced recessions.

    Returns:
        indicator, observed_on, vintage (latest, realtime), value, is_mixed, available_at, unit. A row without a value
        says that it cannot be computed for that observation.
    """
    held = _by_role(releases, series)
    public = releases["available_at"].unique().sort()
    panels = _panels(held, public)
    rows = _of_one_series(panels)
    rows["payrolls_surprise_k"] = _payrolls_surprise(held, rows)
    rows["policy_stance_pp"] = _policy_stance(held, rows)
    rows["deficit_12m_pct_gdp"] = deficit.percent_of_gdp(held)
    rows["is_nber_recession"] = _recession(held, recessions, public)
    table = pl.concat(
        rows[one.name].select(pl.lit(one.name).alias("indicator"), *known.ROW, pl.lit(one.unit).alias("unit"))
        for one in INDICATORS
        if one.name in rows
    )
    mixed = _mixed(panels).with_columns(is_mixed=True)
    return (
        table.join(mixed, on=KEY, how="left")
        .select(
            *KEY,
            "value",
            is_mixed=pl.col("is_mixed").fill_null(False) & pl.col("value").is_not_null(),
            available_at="available_at",
            unit="unit",
        )
        .sort(KEY)
    )


def _by_role(releases: pl.DataFrame, series: Iterable[config.Series]) -> known.Held:
    by_id = {str(name): rows for (name,), rows in releases.partition_by("series_id", as_dict=True).items()}
    return {one.role: (known.of_series(by_id[one.series_id], one), one) for one in series if one.series_id in by_id}


def _panels(held: known.Held, public: pl.Series) -> dict[str, Panels]:
    """By role, of the series that have a formula."""
    panels = {}
    for role, (values, series) in held.items():
        reach = [max(formula.steps) for formula in FORMULAS if formula.role == role]
        if not reach:
            continue
        count = 1 + max(reach)
        firsts = known.first_prints(values, series)
        realtime = known.realtime(firsts, values, series, count)
        vintages = known.first_vintage(firsts, values, series, count, public) if count > 1 else realtime
        panels[role] = Panels(series, known.latest(values, series, count), realtime, vintages)
    return panels


def _of_one_series(panels: Mapping[str, Panels]) -> dict[str, pl.DataFrame]:
    """Rows by indicator, of those that have a formula."""
    rows = {}
    for one in INDICATORS:
        formula = one.formula
        if formula is None or formula.role not in panels:
            continue
        of = panels[formula.role]
        panel = {"latest": of.latest, "realtime": of.first_vintage if formula.from_first_vintage else of.realtime}
        rows[one.name] = pl.concat(
            _evaluated(panel[vintage], formula, vintage, of.series) for vintage in formula.vintages
        )
    return rows


def _evaluated(panel: pl.DataFrame, formula: Formula, vintage: str, series: config.Series) -> pl.DataFrame:
    """A row per observation; what is newest today was complete when the last value that takes part became public."""
    complete = pl.max_horizontal(f"at{back}" for back in formula.steps)
    return panel.with_columns(scale=pl.lit(10.0**series.decimals)).select(
        "observed_on",
        vintage=pl.lit(vintage),
        value=formula.value,
        available_at=complete if vintage == "latest" else pl.col("available_at"),
    )


def _mixed(panels: Mapping[str, Panels]) -> pl.DataFrame:
    """Keys of the realtime rows that would have another value if all that came with t's first value counted with it.

    Where only the month of a vintage is known t counts from its release rule, revisions in it from the month's end.
    """
    keys = [pl.DataFrame(schema={"indicator": pl.String, "observed_on": pl.Date, "vintage": pl.String})]
    for name, formula in MIXABLE.items():
        if formula.role not in panels:
            continue
        of = panels[formula.role]
        later = _later(of)
        if later.height:  # else nothing is left to evaluate, which for the longer formulas takes most of the time
            of_vintage, as_known = (_evaluated(panel, formula, "realtime", of.series) for panel in (later, of.realtime))
            keys.append(_differing(as_known, of_vintage).select(pl.lit(name).alias("indicator"), *KEY[1:]))
    return pl.concat(keys)


def _later(of: Panels) -> pl.DataFrame:
    """First vintages that were received after t's first value had become public."""
    first = of.realtime.select("observed_on", first_at="available_at")
    return of.first_vintage.join(first, on="observed_on").filter(pl.col("available_at") > pl.col("first_at"))


def _differing(as_known: pl.DataFrame, of_vintage: pl.DataFrame) -> pl.DataFrame:
    """Rows that have another value in t's first vintage."""
    apart = (pl.col("value") - pl.col("value_of_vintage")).abs()
    least = NEAR * pl.col("value_of_vintage").abs().clip(1)
    return as_known.join(of_vintage, on=KEY[1:], suffix="_of_vintage").filter(apart > least)


def _payrolls_surprise(held: known.Held, rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """First-print change less the mean of the 12 newest first-print changes of the two years before it."""
    if "payrolls" not in held:
        return known.NOTHING
    series = held["payrolls"][1]
    changes = (
        rows["payrolls_change_k"]
        .filter(pl.col("vintage") == "realtime")
        .with_columns(period=known.period(series), known_at="available_at", cut="available_at")
    )
    before = [x(back) for back in range(1, SURPRISE_REACH + 1)]
    return known.as_known(changes, changes, series, SURPRISE_REACH + 1).select(
        "observed_on", vintage=pl.lit("realtime"), value=x(0) - newest_mean(before), available_at="available_at"
    )


def _policy_stance(held: known.Held, rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """2-year yield less the target of the same day, from when both are known."""
    if not {"treasury_2y", "target_upper"} <= held.keys():
        return known.NOTHING
    values, series = held["treasury_2y"]
    level = Formula("treasury_2y", x(0))
    yields = pl.concat(
        [
            _evaluated(known.latest(values, series), level, "latest", series),
            _evaluated(known.realtime(known.first_prints(values, series), values, series), level, "realtime", series),
        ]
    )
    target = rows["fed_funds_target_upper_pct"]
    return yields.join(target, on=["observed_on", "vintage"], suffix="_of_target").select(
        "observed_on",
        "vintage",
        value=pl.col("value") - pl.col("value_of_target"),
        available_at=pl.max_horizontal("available_at", "available_at_of_target"),
    )


def _recession(held: known.Held, recessions: Iterable[config.Recession], public: pl.Series) -> pl.DataFrame:
    """USREC as it is now, and each month's state from the announcement that settled it.

    A month of USREC that no announcement has settled continues the state that the last turning point began, so it was
    not known before that was announced.

    No release says that an announcement was made: it counts with the first publication of anything after it, so that
    data cut earlier do not know it.
    """
    if "recession" not in held:
        return known.NOTHING
    values, series = held["recession"]
    months = settled(known.latest(values, series), recessions)
    months = months.with_columns(
        settled_at=known.since(months["announced_at"], public),
        began_at=known.since(months["state_announced_at"], public),
    )
    stated_at = pl.when(pl.col("announced_at").is_null()).then("began_at").otherwise("settled_at")
    latest = months.select(
        "observed_on", vintage=pl.lit("latest"), value="x0", available_at=pl.max_horizontal("at0", stated_at)
    )
    first = values.filter(pl.col("seq") == 1).select("observed_on", "available_at")
    realtime = (
        months.drop_nulls(["settled_at", "is_recession"])
        .join(first, on="observed_on")
        .select(
            "observed_on",
            vintage=pl.lit("realtime"),
            value=pl.col("is_recession").cast(pl.Float64),
            available_at=pl.max_horizontal("available_at", "settled_at"),
        )
    )
    return pl.concat([latest, realtime])
