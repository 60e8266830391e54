"""Returns and relative strength. Definitions, section 1."""

import dataframely as dy
import polars as pl

from pipeline.contracts.columns import BASIS, SESSION, SYMBOL, Table, day, flag, number, text

RETURN_WINDOWS = (1, 5, 6, 10, 21, 63, 126, 252)
SPREAD_WINDOWS = (1, 5, 21, 63, 252)
RATIO_WINDOWS = (5, 21, 63, 252)


class Returns(Table):
    """Returns of every symbol over fixed numbers of its own sessions."""

    section = 1
    known_date = "session_date"

    symbol = text(SYMBOL, primary_key=True)
    basis = text(BASIS, primary_key=True)
    session_date = day(SESSION, nullable=False, primary_key=True)
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

    section = 1
    known_date = "session_date"

    symbol = text("Numerator.", primary_key=True)
    benchmark = text("Denominator.", primary_key=True)
    basis = text(BASIS, primary_key=True)
    session_date = day(SESSION, nullable=False, primary_key=True)
    ratio = number(
        "ratio",
        "Level of the symbol over level of the benchmark. On `total` only its changes carry meaning.",
        repaints=True,
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
        "leading, weakening, lagging or improving: rot_ratio and rot_momentum above 100 or not. Also known as RRG.",
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
