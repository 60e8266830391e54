"""Macro indicators: names, units and formulas. Definitions, section 6; where no source is named the choice is ours."""

from dataclasses import dataclass
from itertools import product

import polars as pl

from pipeline.transforms.windows import divided

CLAIMS_WEEKS, CLAIMS_LOW_WEEKS = 4, 52
SAHM_LOW_MONTHS, SAHM_LEAST_MEANS = 12, 10
SAHM_STEPS = SAHM_LOW_MONTHS + 3  # the oldest of the twelve means reaches two months further back
SURPRISE_MONTHS, SURPRISE_REACH = 12, 24
PAYROLLS_REACH = 3


@dataclass(frozen=True, eq=False)
class Formula:
    """An indicator of one series.

    `value` reads x(0), x(1), ...: the value of the period, of the one before, ...; `steps` lists those it reads.
    `from_first_vintage`: in `realtime` all of them are of t's first vintage, rather than as they were known before it.
    """

    role: str
    value: pl.Expr
    steps: tuple[int, ...] = (0,)
    from_first_vintage: bool = False
    vintages: tuple[str, ...] = ("latest", "realtime")


@dataclass(frozen=True, eq=False)
class Indicator:
    """One indicator, as the dictionary describes it; without `formula` it needs more than one series."""

    name: str
    unit: str
    description: str
    formula: Formula | None = None
    grade: str = "exact"
    source: str | None = None


def x(back: int) -> pl.Expr:
    """Value so many periods before t."""
    return pl.col(f"x{back}")


def growth(back: int, base: int) -> pl.Expr:
    """Change in percent from `base` periods before t to `back` periods before it."""
    return 100 * (divided(x(back), x(base)) - 1)


def newest_mean(values: list[pl.Expr]) -> pl.Expr:
    """Mean of the 12 newest of the values that exist; NULL where there are fewer. The first is the newest.

    Not the sum / 12: divided by a number, a single row has another last bit than several have.
    """
    newest = pl.concat_list(values).list.drop_nulls().list.head(SURPRISE_MONTHS)
    return pl.when(newest.list.len() == SURPRISE_MONTHS).then(newest.list.mean())


def sahm() -> pl.Expr:
    """Three-month mean less the lowest of the twelve before it, to two digits (C. Sahm 2019).

    In sixtieths of the last published digit, as whole numbers: the mean of three is 2 x their sum, of two present 3 x.
    A month before the series begins is not missing, the window is not full: the oldest month must have a row.
    """
    means = [_sixtieths(back) for back in range(SAHM_LOW_MONTHS + 1)]
    enough = pl.sum_horizontal(mean.is_not_null() for mean in means[1:]) >= SAHM_LEAST_MEANS
    rise = (means[0] - pl.min_horizontal(means[1:])) / (6 * pl.col("scale"))
    has_all_months = pl.col(f"at{SAHM_STEPS - 1}").is_not_null()
    return pl.when(enough & has_all_months & x(0).is_not_null()).then(rise.round(2))


def _sixtieths(back: int) -> pl.Expr:
    months = [(x(i) * pl.col("scale")).round() for i in range(back, back + 3)]
    present = pl.sum_horizontal(x(i).is_not_null() for i in range(back, back + 3))
    total = pl.sum_horizontal(months)
    return pl.when(present == 3).then(2 * total).when(present == 2).then(3 * total)


def claims_mean(back: int = 0) -> pl.Expr:
    """Mean of four weeks."""
    return sum((x(i) for i in range(back + 1, back + CLAIMS_WEEKS)), x(back)) / CLAIMS_WEEKS


def claims_rise() -> pl.Expr:
    """Four-week mean above its lowest of 52 weeks, in percent."""
    means = [claims_mean(back) for back in range(CLAIMS_LOW_WEEKS)]
    is_full = pl.all_horizontal(mean.is_not_null() for mean in means)
    return pl.when(is_full).then(100 * (divided(means[0], pl.min_horizontal(means)) - 1))


def cpi_surprise() -> pl.Expr:
    """Monthly change less the mean of the 12 before it."""
    return growth(0, 1) - newest_mean([growth(i, i + 1) for i in range(1, SURPRISE_REACH + 1)])


def _level(name: str, role: str, unit: str, description: str) -> Indicator:
    return Indicator(name, unit, description, Formula(role, x(0)))


def _yearly(name: str, role: str, description: str, grade: str = "exact") -> Indicator:
    return Indicator(name, "percent", description, Formula(role, growth(0, 12), (0, 12)), grade)


def _monthly(name: str, role: str, description: str) -> Indicator:
    return Indicator(name, "percent", description, Formula(role, growth(0, 1), (0, 1)))


def _unemployment_change(months: int, unit: str) -> Indicator:
    is_relative = unit == "percent"
    name = f"unemployment_change_{months}m_{'pct' if is_relative else 'pp'}"
    what = f"Unemployment rate (UNRATE) against {months} months before, {'relative' if is_relative else 'difference'}."
    change = growth(0, months) if is_relative else x(0) - x(months)
    return Indicator(name, unit, what, Formula("unemployment_rate", change, (0, months)))


def _payrolls_change(name: str, months: int, description: str) -> Indicator:
    change = Formula("payrolls", x(0) - x(months), (0, months), from_first_vintage=True)
    return Indicator(name, "thousands of persons", description, change)


INDICATORS = (
    _level("unemployment_rate_pct", "unemployment_rate", "percent", "Unemployment rate (UNRATE)."),
    *(_unemployment_change(months, unit) for unit, months in product(("percentage points", "percent"), (3, 6, 12))),
    Indicator(
        "sahm_pp",
        "percentage points",
        "Three-month mean of UNRATE less the lowest of the twelve such means before it; 0.50 is the signal.",
        Formula("unemployment_rate", sahm(), tuple(range(SAHM_STEPS))),
        source="C. Sahm 2019",
    ),
    Indicator(
        "initial_claims_4wk",
        "persons",
        "Mean of the initial claims (ICSA) of four weeks.",
        Formula("initial_claims", claims_mean(), tuple(range(CLAIMS_WEEKS))),
    ),
    Indicator(
        "initial_claims_rise_pct",
        "percent",
        "Four-week mean of ICSA above its lowest of 52 weeks, this one included; 10 and more is rising.",
        Formula("initial_claims", claims_rise(), tuple(range(CLAIMS_LOW_WEEKS + CLAIMS_WEEKS - 1))),
        grade="ours",
    ),
    _payrolls_change("payrolls_change_k", 1, "Nonfarm payrolls (PAYEMS) less those of the month before."),
    _payrolls_change("payrolls_change_3m_k", PAYROLLS_REACH, "Nonfarm payrolls (PAYEMS) less those three months ago."),
    Indicator(
        "payrolls_surprise_k",
        "thousands of persons",
        "First-print change of PAYEMS less the mean of the 12 first-print changes before it; realtime only.",
        grade="ours",
    ),
    _monthly("cpi_mom_pct", "cpi", "Consumer prices (CPIAUCSL, seasonally adjusted) against the month before."),
    _yearly(
        "cpi_yoy_pct",
        "cpi",
        "CPIAUCSL (seasonally adjusted) against a year ago; the headline is not adjusted.",
        "proxy",
    ),
    _monthly("core_cpi_mom_pct", "core_cpi", "Prices without food and energy (CPILFESL) against the month before."),
    _yearly(
        "core_cpi_yoy_pct",
        "core_cpi",
        "CPILFESL (seasonally adjusted) against a year ago; the headline: unadjusted.",
        "proxy",
    ),
    Indicator(
        "cpi_surprise_naive_pp",
        "percentage points",
        "First print of the monthly change of CPIAUCSL less the mean of the 12 before it in the same vintage; realtime "
        "only. No forecast of anybody takes part.",
        Formula("cpi", cpi_surprise(), tuple(range(SURPRISE_REACH + 2)), True, ("realtime",)),
        grade="ours",
    ),
    _yearly("housing_starts_yoy_pct", "housing_starts", "Housing starts (HOUST) against a year ago."),
    _yearly(
        "permits_yoy_pct",
        "building_permits",
        "Building permits (PERMIT), as revised about a week after their first release, against a year ago.",
    ),
    _yearly("new_home_sales_yoy_pct", "new_home_sales", "New houses sold (HSN1F) against a year ago."),
    _yearly("construction_spending_yoy_pct", "construction_spending", "Construction (TTLCONS) against a year ago."),
    Indicator(
        "real_gdp_saar_pct",
        "percent, annual rate",
        "Real GDP (GDPC1) against the quarter before, to the power of four.",
        Formula("real_gdp", 100 * (divided(x(0), x(1)) ** 4 - 1), (0, 1)),
    ),
    Indicator(
        "deficit_12m_pct_gdp",
        "percent of GDP",
        "Federal deficit (positive) of twelve months (MTSDS133FMS) over the newest GDP; without that series of a "
        "fiscal year (FYFSD) over the mean of its four quarters.",
    ),
    _yearly("industrial_production_yoy_pct", "industrial_production", "Industrial production (INDPRO) on a year ago."),
    _level(
        "fed_funds_target_upper_pct",
        "target_upper",
        "percent",
        "Upper limit of the federal funds target (DFEDTARU); a new one is known from its announcement.",
    ),
    Indicator(
        "policy_stance_pp",
        "percentage points",
        "2-year Treasury yield (DGS2) less the upper limit of the target of the same day.",
        grade="ours",
    ),
    _level("hy_oas_pct", "credit_spread", "percent", "ICE BofA US high yield option-adjusted spread (BAMLH0A0HYM2)."),
    _level("baa_spread_pct", "baa_spread", "percent", "Moody's Baa yield less the 10-year Treasury yield (BAA10Y)."),
    _level(
        "vix",
        "implied_volatility",
        "index",
        "CBOE volatility index, close (VIXCLS). Today's method dates from 2003-09-22; values before were calculated by "
        "it afterwards and were not known on their dates.",
    ),
    Indicator(
        "is_nber_recession",
        "1 in a recession, else 0",
        "latest: USREC; realtime: the months settled by an announcement, from its day on. A recession begins the month "
        "after the peak and ends with the trough.",
        source="NBER Business Cycle Dating Committee",
    ),
    _level(
        "nfci",
        "financial_conditions",
        "index",
        "Chicago Fed financial conditions (NFCI); above 0: tight. Introduced in 2011; values before were calculated "
        "afterwards and were not known on their dates.",
    ),
    _level(
        "financial_stress_index",
        "financial_stress",
        "index",
        "St. Louis Fed financial stress index (STLFSI4). Introduced in 2022; values before were calculated afterwards "
        "and were not known on their dates.",
    ),
    _level("job_openings_k", "job_openings", "thousands", "Job openings, total nonfarm (JTSJOL)."),
    _level("retail_sales_usd_m", "retail_sales", "millions of dollars", "Advance retail and food sales (RSAFS)."),
    _level(
        "inflation_expectations_1y_pct", "expected_inflation", "percent", "Households' expectation (Michigan, MICH)."
    ),
    _level("m2_usd_bn", "money_stock", "billions of dollars", "Money stock M2 (M2SL)."),
    _level("mortgage_30y_pct", "mortgage_rate_30y", "percent", "30-year fixed mortgage rate (MORTGAGE30US)."),
    _level("breakeven_10y_pct", "breakeven_inflation_10y", "percent", "10-year breakeven inflation (T10YIE)."),
)
