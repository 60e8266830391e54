"""The federal deficit in percent of GDP. Definitions, section 6."""

import polars as pl

from pipeline.transforms.indicators import known
from pipeline.transforms.indicators.formulas import Formula, x
from pipeline.transforms.windows import divided

MONTHS, QUARTERS = 12, 4  # of a year


def _sum(count: int) -> pl.Expr:
    return sum((x(back) for back in range(1, count)), x(0))


BALANCE = Formula("federal_balance_monthly", _sum(MONTHS), tuple(range(MONTHS)))


def percent_of_gdp(held: known.Held) -> pl.DataFrame:
    """Deficit of twelve months, or of fiscal years where the monthly statement is not at hand, in percent of GDP."""
    if "nominal_gdp" not in held:
        return known.NOTHING
    if "federal_balance_monthly" in held:
        return pl.concat([_monthly_latest(held), _monthly_realtime(held)])
    if "federal_balance_fiscal_year" in held:
        return pl.concat([_fiscal_years_latest(held), _fiscal_years_realtime(held)])
    return known.NOTHING


def _monthly_latest(held: known.Held) -> pl.DataFrame:
    """Each month over the quarter that was the newest when the month was first published, as it is now."""
    values, series = held["federal_balance_monthly"]
    first = values.filter(pl.col("seq") == 1).select("observed_on", cut="available_at")
    gdp = known.latest(*held["nominal_gdp"]).select(quarter="observed_on", gdp="x0", gdp_at="at0")
    months = known.latest(values, series, MONTHS).join(first, on="observed_on").sort("cut")
    return (
        months.join_asof(_newest_quarters(held), left_on="cut", right_on="published_at")
        .join(gdp, on="quarter", how="left")
        .select(
            "observed_on",
            vintage=pl.lit("latest"),
            value=_deficit(BALANCE.value, pl.col("gdp")),
            available_at=pl.max_horizontal("gdp_at", *_public(MONTHS)),
        )
    )


def _monthly_realtime(held: known.Held) -> pl.DataFrame:
    values, series = held["federal_balance_monthly"]
    months = known.realtime(known.first_prints(values, series), values, series, MONTHS)
    months = months.with_columns(balance=BALANCE.value, cut="available_at").sort("cut")
    quarters = _newest_quarters(held)
    return _over_known_gdp(months.join_asof(quarters, left_on="cut", right_on="published_at"), pl.col("x0"), 1, held)


def _newest_quarters(held: known.Held) -> pl.DataFrame:
    """Newest quarter with a GDP from each instant on at which one was first published."""
    values, _ = held["nominal_gdp"]
    firsts = values.filter((pl.col("seq") == 1) & pl.col("value").is_not_null()).sort("available_at")
    return firsts.select(published_at="available_at", quarter=pl.col("observed_on").cum_max())


def _fiscal_years_latest(held: known.Held) -> pl.DataFrame:
    """Each fiscal year, dated on its last day, over the mean of its four quarters at annual rates."""
    values, series = held["federal_balance_fiscal_year"]
    years = known.latest(values, series).select(
        "observed_on", balance="x0", balance_at="at0", quarter=pl.col("observed_on").dt.truncate("1q")
    )
    gdp = known.latest(*held["nominal_gdp"], QUARTERS).rename({"observed_on": "quarter"})
    return (
        years.join(gdp, on="quarter")
        .drop_nulls(_public(QUARTERS))
        .select(
            "observed_on",
            vintage=pl.lit("latest"),
            value=_deficit(pl.col("balance"), _sum(QUARTERS) / QUARTERS),
            available_at=pl.max_horizontal("balance_at", *_public(QUARTERS)),
        )
    )


def _fiscal_years_realtime(held: known.Held) -> pl.DataFrame:
    """Each fiscal year from when its balance and all four quarters were first published."""
    values, series = held["federal_balance_fiscal_year"]
    gdp_values, gdp_series = held["nominal_gdp"]
    firsts = known.latest(gdp_values.filter(pl.col("seq") == 1), gdp_series, QUARTERS).drop_nulls(_public(QUARTERS))
    published = firsts.select(quarter="observed_on", published_at=pl.max_horizontal(_public(QUARTERS)))
    years = (
        known.first_prints(values, series)
        .with_columns(quarter=pl.col("observed_on").dt.truncate("1q"))
        .join(published, on="quarter")
        .with_columns(cut=pl.max_horizontal("available_at", "published_at"))
        .with_columns(available_at="cut")
    )
    balance = known.as_known(years, values.with_columns(known_at="available_at"), series)
    return _over_known_gdp(years.with_columns(balance=balance["x0"]), _sum(QUARTERS) / QUARTERS, QUARTERS, held)


def _over_known_gdp(rows: pl.DataFrame, gdp: pl.Expr, quarters: int, held: known.Held) -> pl.DataFrame:
    """Rows (observed_on, quarter, cut, balance) over the GDP of so many quarters up to `quarter` as known at `cut`."""
    values, series = held["nominal_gdp"]
    wanted = rows.select(pl.col("quarter").alias("observed_on"), "cut", available_at="cut").with_columns(
        period=known.period(series)
    )
    found = known.as_known(wanted, values.with_columns(known_at="available_at"), series, quarters)
    return rows.select("observed_on", "cut", "balance").select(
        "observed_on",
        vintage=pl.lit("realtime"),
        value=_deficit(pl.col("balance"), pl.lit(found.select(gdp).to_series())),
        available_at="cut",
    )


def _deficit(balance_usd_m: pl.Expr, gdp_usd_bn: pl.Expr) -> pl.Expr:
    """Percent, positive for a deficit, from a surplus or deficit in millions and GDP in billions of dollars.

    Not 100 x (balance / 1000): divided by a number, a single row has another last bit than several have.
    """
    return divided(-balance_usd_m, 10 * gdp_usd_bn)


def _public(count: int) -> list[str]:
    return [f"at{back}" for back in range(count)]
