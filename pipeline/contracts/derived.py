"""Derived: the definitions. A pure function of core; no row looks ahead."""

import dataframely as dy
import polars as pl

from pipeline.contracts.columns import Table, count, day, flag, instant, number, text

RETURN_WINDOWS = (1, 5, 6, 10, 21, 63, 126, 252)
SPREAD_WINDOWS = (1, 5, 21, 63, 252)
RATIO_WINDOWS = (5, 21, 63, 252)
RECORD_WINDOWS = (1, 5, 6, 10, 21)

_BASIS = "price: split-adjusted close; total: forward total-return index."
_SYMBOL = "Fund or index."
_SESSION = "New York trading session; the row is known from its close."


class Returns(Table):
    """Returns of every symbol over fixed numbers of its own sessions."""

    known_date = "session_date"

    symbol = text(_SYMBOL, primary_key=True)
    basis = text(_BASIS, primary_key=True)
    session_date = day(_SESSION, nullable=False, primary_key=True)
    ret_1d = number("fraction", "Level over the level 1 session earlier, less 1.")
    ret_5d = number("fraction", "Level over the level 5 sessions earlier, less 1.")
    ret_6d = number("fraction", "Level over the level 6 sessions earlier, less 1.")
    ret_10d = number("fraction", "Level over the level 10 sessions earlier, less 1.")
    ret_21d = number("fraction", "Level over the level 21 sessions earlier, less 1.")
    ret_63d = number("fraction", "Level over the level 63 sessions earlier, less 1.")
    ret_126d = number("fraction", "Level over the level 126 sessions earlier, less 1.")
    ret_252d = number("fraction", "Level over the level 252 sessions earlier, less 1.")
    ret_ytd = number("fraction", "Level over the symbol's last level of the previous calendar year, less 1.")
    realized_vol_21d = number("fraction", "Sample SD of the last 21 daily log returns, times the square root of 252.")


class RelativeStrength(Table):
    """A symbol against a benchmark, on the sessions that both traded."""

    known_date = "session_date"

    symbol = text("Numerator.", primary_key=True)
    benchmark = text("Denominator.", primary_key=True)
    basis = text(_BASIS, primary_key=True)
    session_date = day(_SESSION, nullable=False, primary_key=True)
    ratio = number(
        "ratio", "Level of the symbol over level of the benchmark. On `total` only its changes carry meaning."
    )
    ratio_index = number("points", "Ratio, 100 at the first common session.")
    spread_1d_pp = number("pp", "100 x (1-session return of the symbol less that of the benchmark).")
    spread_5d_pp = number("pp", "100 x (5-session return of the symbol less that of the benchmark).")
    spread_21d_pp = number("pp", "100 x (21-session return of the symbol less that of the benchmark).")
    spread_63d_pp = number("pp", "100 x (63-session return of the symbol less that of the benchmark).")
    spread_252d_pp = number("pp", "100 x (252-session return of the symbol less that of the benchmark).")
    ratio_change_5d = number("fraction", "Ratio over the ratio 5 sessions earlier, less 1.")
    ratio_change_21d = number("fraction", "Ratio over the ratio 21 sessions earlier, less 1.")
    ratio_change_63d = number("fraction", "Ratio over the ratio 63 sessions earlier, less 1.")
    ratio_change_252d = number("fraction", "Ratio over the ratio 252 sessions earlier, less 1.")
    mansfield_252 = number("pct", "100 x (ratio over its 252-session mean, less 1).", source="S. Mansfield")
    is_ratio_high_252 = flag("Ratio at or above the highest of the last 252 common sessions; NULL before the 252nd.")
    rot_ratio = number(
        "points",
        "100 + (ratio less its 63-session mean) over its population SD. Also known as JdK RS-Ratio (unpublished).",
        grade="ours",
    )
    rot_momentum = number(
        "points",
        "100 + z-score over 63 sessions of the daily change of rot_ratio. Also known as JdK RS-Momentum, unpublished.",
        grade="ours",
    )
    quadrant = text(
        "leading, weakening, lagging or improving: rot_ratio and rot_momentum above 100 or not.",
        nullable=True,
        grade="ours",
    )
    regime_63d = text(
        "up or down (63-session return of the symbol above 0), _leading or _lagging (spread above 0).", nullable=True
    )
    beta_252 = number("ratio", "OLS slope of the daily returns on the benchmark's, 252 common sessions.")
    corr_63 = number("ratio", "Correlation of the daily returns, 63 common sessions.")

    @dy.rule()
    def not_its_own_benchmark(cls) -> pl.Expr:  # noqa: D102
        return cls.symbol.col != cls.benchmark.col


class StreakEvents(Table):
    """Runs of sessions on which a rule on the daily return held, with at most `allowed_misses` misses inside."""

    known_date = "confirmed_on"

    symbol = text(_SYMBOL, primary_key=True)
    basis = text(_BASIS, primary_key=True)
    rule = text("Name of the rule in rules.yaml, e.g. up_1pct.", primary_key=True)
    allowed_misses = count("Misses that the streak may hold: 0 or 1.", nullable=False, primary_key=True)
    start_date = day("First session, a hit.", nullable=False, primary_key=True)
    end_date = day("Last session, a hit.", nullable=False, primary_key=True)
    hits = count("Sessions on which the rule held.", nullable=False)
    sessions = count("Sessions from start to end, misses included.", nullable=False)
    cum_return = number("fraction", "From the close before the start to the close of the end.")
    max_ret_1d = number("fraction", "Largest daily return inside, misses included.")
    min_ret_1d = number("fraction", "Smallest daily return inside, misses included.")
    confirmed_on = day("Session from which the end is known; NULL while open.")
    is_open = flag("TRUE while further sessions may still extend it.", nullable=False)


class Records(Table):
    """Moves that were the largest in a while: "the best since". A move that is no record has no row."""

    known_date = "session_date"

    symbol = text(_SYMBOL)
    benchmark = text("Benchmark of a spread or ratio; NULL for the symbol alone.", nullable=True)
    basis = text(_BASIS)
    measure = text("ret_1d, ret_5d, ret_6d, ret_10d, ret_21d, close; with a benchmark spread_1d_pp, ..., ratio.")
    direction = text("high or low.")
    session_date = day(_SESSION, nullable=False)
    value = number("unit_of_the_measure", "Value of the measure: a fraction, percentage points, dollars or a ratio.")
    since_date = day("Latest earlier session, not overlapping, with a value at least as extreme; NULL: never.")
    sessions_since = count("Sessions of the measure since then; NULL: never.")
    is_all_time = flag("TRUE when no earlier value since history_start was as extreme.", nullable=False)
    history_start = day("First session with a value of the measure.", nullable=False)
    z_score = number("sd", "(Value less the mean of all earlier values) over their sample SD; from the 253rd value.")
    percentile = number("probability", "(Average rank among all values so far, less 0.5) over their count.")

    @dy.rule()
    def key_is_unique(cls) -> pl.Expr:  # noqa: D102
        return ~pl.struct("symbol", "benchmark", "basis", "measure", "direction", "session_date").is_duplicated()


class YieldCurveStatus(Table):
    """State of a yield curve as it was known at each observation."""

    known_date = "available_at"

    curve = text("10y2y or 10y3m.", primary_key=True)
    observed_on = day("Day of the yields.", nullable=False, primary_key=True)
    available_at = instant(
        "Instant from which the spread was public; since 2019-06-21 after the close of the day itself."
    )
    spread_pp = number("pp", "Long less short yield.", nullable=False)
    is_inverted = flag("Spread below zero; 0.00 is not.", nullable=False)
    state = text(
        "inverted, uninverting (at most 5 observations since), post_inversion (at most 252) or normal.", grade="ours"
    )
    days_in_state = count("Observations of the unbroken state, this one included.", nullable=False)
    spell_start = day("First observation of the current run (inverted) or of the sustained spell (after it).")
    change_20_pp = number("pp", "Spread less the spread 20 observations earlier.")
    steepening = text("bull_ or bear_, steepening or flattening, over 20 observations; NULL: unchanged.", nullable=True)
    recession_prob_12m = number(
        "probability",
        "10y3m only: normal CDF of (-0.5333 - 0.6330 x last month's mean spread).",
        grade="proxy",
        source="New York Fed probit, fixed-coefficient replica",
    )


class YieldCurveInversions(Table):
    """Spells of inversion: raw runs, and sustained ones that bridge interruptions of at most 5 observations."""

    known_date = "confirmed_on"

    curve = text("10y2y or 10y3m.", primary_key=True)
    variant = text("raw or sustained.", primary_key=True)
    start_date = day("First inverted observation.", nullable=False, primary_key=True)
    sustained_on = day("Twentieth inverted observation: a sustained spell is known from here on; NULL for raw.")
    observations = count("Inverted observations so far.", nullable=False)
    min_spread_pp = number("pp", "Lowest spread so far.", nullable=False)
    min_date = day("First day of the lowest spread.", nullable=False)
    end_date = day("Last inverted observation; NULL until the end is confirmed.")
    uninverted_on = day("First non-negative observation after it; NULL until the end is confirmed.")
    confirmed_on = day("Sixth non-negative observation in a row (raw: the first); NULL while open.")
    is_open = flag("TRUE until the end is confirmed.", nullable=False)


class ValuationGap(Table):
    """A growth fund against a value fund: divergence of prices and of cash yields. A price ratio is not a valuation."""

    known_date = "session_date"

    growth = text("Growth fund.", primary_key=True)
    value = text("Value fund.", primary_key=True)
    session_date = day(_SESSION, nullable=False, primary_key=True)
    log_price_ratio = number("ratio", "ln(close of growth / close of value).", grade="proxy")
    log_total_ratio = number(
        "ratio", "ln of the ratio of the total-return indexes; only its changes carry meaning.", grade="proxy"
    )
    z_expanding = number("sd", "z-score of log_price_ratio among all values so far, from the 253rd.", grade="proxy")
    percentile_expanding = number(
        "probability", "Percentile of log_price_ratio among all values so far.", grade="proxy"
    )
    trend_residual = number(
        "ratio", "Today's residual from the least-squares line on all values so far.", grade="proxy"
    )
    widest_since = day(
        "Latest earlier session with a log_price_ratio at least as high; NULL: never since history_start."
    )
    history_start = day("First common session.", nullable=False)
    growth_distribution_yield = number("fraction", "Distributions of 365 days, capital gains excluded, over the close.")
    value_distribution_yield = number("fraction", "Distributions of 365 days, capital gains excluded, over the close.")
    growth_distributions_n = count("Ex-dates of the growth fund in those 365 days.")
    value_distributions_n = count("Ex-dates of the value fund in those 365 days.")
    yield_gap = number("ratio", "ln(value yield / growth yield); NULL unless both paid four times.", grade="proxy")
    growth_pe = number(
        "ratio",
        "Newest trailing P/E of the growth fund captured by the close, at most 30 days old; NULL: none.",
        grade="snapshot",
    )
    value_pe = number(
        "ratio",
        "Newest trailing P/E of the value fund captured by the close, at most 30 days old; NULL: none.",
        grade="snapshot",
    )
