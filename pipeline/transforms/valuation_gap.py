"""Growth against value: divergence of prices, and of cash yields. Definitions, section 5."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from pipeline.config import ValuationPair
from pipeline.transforms.searches import last_at_least, running_maxima
from pipeline.transforms.windows import (
    EQUAL,
    MAX_MISSING_SESSIONS,
    MIN_RECORD_VALUES,
    divided,
    expanding_percentile,
)

KEY = ["growth", "value"]
YEAR_DAYS = 365
YEAR = f"{YEAR_DAYS}d"
NO_VARIANCE = 1e-12  # a standard deviation of log ratios below this is rounding noise
PE_DAYS = "30d"  # an older snapshot says nothing of today
EX_DATES_A_YEAR = 4  # all configured funds pay quarterly; 3 or 5 means that an ex-date drifted


def valuation_gap(
    prices: pl.DataFrame, facts: pl.DataFrame, sessions: pl.DataFrame, pairs: Iterable[ValuationPair]
) -> pl.DataFrame:
    """Compute derived.valuation_gap from core.prices, core.fund_facts and core.sessions for configured pairs."""
    listed = pl.DataFrame([(p.growth, p.value) for p in pairs], schema=dict.fromkeys(KEY, pl.String), orient="row")
    compared = pl.col("symbol").is_in([*listed["growth"], *listed["value"]])
    funds = _distribution_yields(prices.filter(compared)).pipe(_with_pe, facts, sessions)
    bars = (
        listed.join(funds.select(pl.all().name.prefix("growth_")), left_on="growth", right_on="growth_symbol")
        .rename({"growth_session_date": "session_date"})
        .join(
            funds.select(pl.all().name.prefix("value_")),
            left_on=["value", "session_date"],
            right_on=["value_symbol", "value_session_date"],
        )
        .sort(*KEY, "session_date")
        .with_columns(
            log_price_ratio=(pl.col("growth_close") / pl.col("value_close")).log(),
            log_total_ratio=(pl.col("growth_total") / pl.col("value_total")).log(),
            n=pl.int_range(1, pl.len() + 1).cast(pl.Float64).over(KEY),
        )
    )
    warm = pl.col("n") >= MIN_RECORD_VALUES
    quarterly = (pl.col("growth_distributions_n") == EX_DATES_A_YEAR) & (
        pl.col("value_distributions_n") == EX_DATES_A_YEAR
    )
    return bars.with_columns(
        z_expanding=pl.when(warm).then(_expanding_z().over(KEY)),
        percentile_expanding=pl.when(warm).then(expanding_percentile(pl.col("log_price_ratio")).over(KEY)),
        trend_residual=pl.when(warm).then(_expanding_residual().over(KEY)),
        widest_since=_widest_since(bars),
        history_start=pl.col("session_date").first().over(KEY),
        yield_gap=pl.when(quarterly).then(
            divided(pl.col("value_distribution_yield"), pl.col("growth_distribution_yield")).log()
        ),
    )


def _with_pe(funds: pl.DataFrame, facts: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Add pe, the newest P/E received by the instant of the session's close: on its day may be after it."""
    snapshots = facts.filter(pl.col("trailing_pe").is_not_null()).select("symbol", "available_at", pe="trailing_pe")
    return (
        funds.join(sessions.select("session_date", "close_at"), on="session_date", how="left", maintain_order="left")
        .join_asof(
            snapshots.sort("available_at"),
            left_on="close_at",
            right_on="available_at",
            by="symbol",
            tolerance=PE_DAYS,
            check_sortedness=False,  # prices are sorted by symbol, then session
        )
        .select(*funds.columns, "pe")
    )


def _distribution_yields(prices: pl.DataFrame) -> pl.DataFrame:
    """Per symbol and session: close, total, distribution_yield over (t - 365 days, t], distributions_n.

    NULL in the first year, where more than ten sessions of the window are missing, and where a bar does not say what
    was paid.
    """
    cash = pl.col("dividend") - pl.col("capital_gain")

    def of_year(x: pl.Expr) -> pl.Expr:
        return x.rolling_sum_by("session_date", window_size=YEAR, closed="right").over("symbol")

    number = pl.col("session_no")
    earliest = number.rolling_min_by("session_date", window_size=YEAR, closed="right").over("symbol")
    missing = number - earliest + 1 - of_year(number.is_not_null().cast(pl.Int64))
    unsaid = of_year(cash.is_null().cast(pl.Int64))
    age = pl.col("session_date") - pl.col("session_date").first().over("symbol")
    known = (age.dt.total_days() >= YEAR_DAYS) & (missing <= MAX_MISSING_SESSIONS) & (unsaid == 0)

    def trailing(x: pl.Expr) -> pl.Expr:
        return pl.when(known).then(of_year(x))

    return prices.select(
        "symbol",
        "session_date",
        "close",
        total="total_return_index",
        distribution_yield=trailing(cash) / pl.col("close"),
        distributions_n=trailing((cash > 0).cast(pl.Int64)),
    )


def _centred(x: pl.Expr) -> pl.Expr:
    """Less the first value, so that sums of squares stay small and exact on constant data."""
    return x - x.first()


def _expanding_z() -> pl.Expr:
    x, n = _centred(pl.col("log_price_ratio")), pl.col("n")
    variance = ((x**2).cum_sum() - x.cum_sum() ** 2 / n) / (n - 1)
    return divided(x - x.cum_sum() / n, variance.clip(0).sqrt(), tiny=NO_VARIANCE)


def _expanding_residual() -> pl.Expr:
    """Residual at today's session of the least-squares line through all sessions so far, numbered 1, 2, ..."""
    y, t = _centred(pl.col("log_price_ratio")), pl.col("n")
    mean_y, mean_t = y.cum_sum() / t, (t + 1) / 2
    covariance = (y * t).cum_sum() / t - mean_y * mean_t
    variance = (t**2 - 1) / 12
    return y - mean_y - covariance / variance * (t - mean_t)


def _widest_since(bars: pl.DataFrame) -> pl.Series:
    """Per row the latest earlier session of the pair with a log_price_ratio at least as high, or NULL."""
    pieces = [pl.Series(dtype=pl.Date)]
    for pair in bars.partition_by(KEY, maintain_order=True):
        x = pair["log_price_ratio"].to_numpy()
        since = last_at_least(running_maxima(x), x - EQUAL, np.arange(len(x)) - 1)
        earlier = pair["session_date"].gather(np.maximum(since, 0))
        pieces.append(pl.select(pl.when(pl.Series(since >= 0)).then(earlier)).to_series())
    return pl.concat(pieces)
