"""The offline source: synthetic prices and macro series, the same for everyone, without network or keys.

Nothing here is a quote. Symbols are made up, names say SYNTHETIC, and every row has origin 'synthetic'. A few
events are planted on known dates, so that tests and a first look around have something certain to find.

Random numbers come from one stream per quantity and are drawn in the order of time, and nothing is normalised
over the whole sample: a later end adds rows and changes none. Matrix products are avoided for the same reason,
since their last digits depend on the shape.
"""

import datetime as dt
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline import calendar
from pipeline.contracts import raw
from pipeline.sources import Batch, sample_policy

SOURCE = "sample"
ORIGIN = "synthetic"
SEED = 20240716
FIRST_SESSION = dt.date(2000, 1, 3)

# --- planted events; those marked (*) hold for every seed, the others for SEED ------------------------------------

# (*) XSML: five closes in a row more than 1 % up; the two sessions before and the two after stay below 1 %.
STREAK_SYMBOL = "XSML"
STREAK_DATES = tuple(dt.date(2014, 5, day) for day in (12, 13, 14, 15, 16))
STREAK_RETURNS = (0.014, 0.019, 0.012, 0.026, 0.015)
STREAK_FROM = dt.date(2014, 5, 8)
STREAK_WITH_SESSIONS_AROUND = (-0.003, 0.004, *STREAK_RETURNS, -0.006, -0.002)

# (*) XTEC opens above the high of 2018-04-09; that high is traded again for the first time ten sessions later.
GAP_SYMBOL = "XTEC"
GAP_UP_ON = dt.date(2018, 4, 10)
GAP_FILLED_ON = dt.date(2018, 4, 24)
GAP_BARS_FROM = dt.date(2018, 4, 9)
# open, high, low, close over the close before the first of these sessions
GAP_BARS = np.array(
    [
        (0.998, 1.004, 0.994, 1.000),  # the high that the gap leaves behind
        (1.016, 1.026, 1.012, 1.022),
        (1.023, 1.031, 1.018, 1.028),
        (1.027, 1.030, 1.019, 1.021),
        (1.022, 1.029, 1.017, 1.026),
        (1.025, 1.035, 1.022, 1.033),
        (1.032, 1.036, 1.024, 1.027),
        (1.026, 1.028, 1.016, 1.018),
        (1.019, 1.024, 1.010, 1.013),
        (1.014, 1.022, 1.009, 1.019),
        (1.018, 1.021, 1.007, 1.011),  # comes near, does not touch
        (1.009, 1.012, 0.997, 1.001),  # trades below 1.004: filled
    ]
)

# XSML: the best five-day return since its first bar, price and total alike, after a fall of two weeks.
RECORD_SYMBOL = "XSML"
RECORD_ON = dt.date(2011, 11, 11)
RECORD_FROM = dt.date(2011, 10, 24)

# Daily log moves of the price that the events above need; they replace what chance and distributions would give.
PLANTED_MOVES = (
    (STREAK_SYMBOL, STREAK_FROM, np.log1p(STREAK_WITH_SESSIONS_AROUND)),
    (RECORD_SYMBOL, RECORD_FROM, np.log1p((*[-0.019] * 10, *[0.036] * 5))),
    (GAP_SYMBOL, GAP_BARS_FROM, np.diff(np.log(GAP_BARS[:, 3]), prepend=0.0)),
)

# XGRW over XSVA: the log price ratio is higher than ever before, and has not been as high since.
VALUATION_GROWTH, VALUATION_VALUE = "XGRW", "XSVA"
VALUATION_PEAK_ON = dt.date(2019, 8, 13)
VALUATION_FROM = dt.date(2019, 6, 18)

# (*) 10y2y: one sustained inversion, bridged over four observations that are not negative (one of them 0.00).
# No observation is negative in the twelve months before it or in the eighteen after it.
INVERSION_START = dt.date(2006, 8, 8)
INVERSION_BRIDGE = (dt.date(2006, 11, 13), dt.date(2006, 11, 16))
INVERSION_ZERO_ON = dt.date(2006, 11, 14)
INVERSION_END = dt.date(2007, 5, 24)
UNINVERTED_ON = dt.date(2007, 5, 25)
INVERSION_CONFIRMED_ON = dt.date(2007, 6, 4)  # the sixth observation in a row that is not negative

# (*) SYN_UNRATE: one month was first published 0.1 lower than it stands since the revision of the next January.
REVISED_SERIES = "SYN_UNRATE"
REVISED_OBSERVED_ON = dt.date(2018, 5, 1)
REVISED_AT = dt.datetime(2019, 1, 11, 13, 30, tzinfo=dt.UTC)
REVISION_PP = 0.1

TUESDAY, FRIDAY = 2, 5

# New shares for one old. Prices are split-adjusted over the whole history, as vendors serve them.
SPLITS = {("XTEC", dt.date(2005, 3, 21)): 2.0, ("XSEM", dt.date(2021, 6, 14)): 3.0}

# --- how the made-up market moves ---------------------------------------------------------------------------------

# Levels in log points that the factors swing around; between the dates they move in a straight line.
# They give bear markets, a long rise of growth over value, and small caps that fall behind.
TRENDS = {
    "market": {
        "2000-01-03": 0.0, "2000-09-01": 0.06, "2002-10-09": -0.48, "2007-10-31": 0.20, "2009-03-06": -0.42,
        "2018-09-20": 0.88, "2018-12-24": 0.74, "2020-02-19": 0.98, "2020-03-23": 0.66, "2021-12-31": 1.22,
        "2022-10-12": 0.96, "2025-02-19": 1.34, "2040-01-02": 2.30,
    },
    "size": {"2000-01-03": 0.0, "2006-03-01": 0.28, "2014-02-03": 0.22, "2023-10-27": -0.12, "2040-01-02": 0.0},
    "style": {
        "2000-01-03": 0.0, "2000-03-10": 0.08, "2002-10-09": -0.22, "2007-01-03": -0.28, "2019-08-13": 0.22,
        "2022-10-12": -0.02, "2025-02-19": 0.08, "2040-01-02": 0.0,
    },
    "tech": {
        "2000-01-03": 0.0, "2000-03-10": 0.15, "2002-10-09": -0.55, "2009-03-06": -0.45, "2021-12-31": 0.35,
        "2022-10-12": 0.10, "2025-02-19": 0.40, "2040-01-02": 0.40,
    },
}  # fmt: skip
DAILY_SD = {"market": 0.0105, "size": 0.0055, "style": 0.004, "tech": 0.006}
MAX_DAILY_MOVE = 0.085  # of a factor; larger ones would be the only thing anyone sees
PULL = 0.9985  # share of its distance from the trend that a level keeps each session: half of it goes in two years

RECESSIONS = (("2001-04-01", "2001-12-01"), ("2008-02-01", "2009-06-01"), ("2020-03-01", "2020-05-01"))


@dataclass(frozen=True)
class Fund:
    """How a made-up fund moves. Loadings are on daily log returns of the factors; `own_sd` is what is left.

    `price` is the first close in dollars, `rate` the yearly distribution yield as a fraction, `payments` how often
    a year it is paid, `volume` a usual day's shares in millions, `duration` the price fall in percent per
    percentage point of the ten-year yield.
    """

    price: float
    volume: float
    market: float = 0.0
    size: float = 0.0
    style: float = 0.0
    tech: float = 0.0
    own_sd: float = 0.001
    rate: float = 0.0
    payments: int = 4
    duration: float = 0.0
    first: dt.date = FIRST_SESSION


FUNDS = {
    "XSML": Fund(48.2, 28.0, market=1.10, size=1.0, own_sd=0.0008, rate=0.012),
    "XLRG": Fund(139.6, 80.0, market=1.0, own_sd=0.0004, rate=0.017),
    "XTEC": Fund(88.4, 45.0, market=1.05, style=0.5, tech=0.8, own_sd=0.0015, rate=0.007),
    "XMIC": Fund(51.3, 0.1, market=1.08, size=1.25, own_sd=0.003, rate=0.010, first=dt.date(2005, 9, 12)),
    "XMID": Fund(78.9, 1.6, market=1.05, size=0.5, own_sd=0.0015, rate=0.013),
    "XEQW": Fund(61.7, 5.0, market=1.03, size=0.25, style=-0.2, own_sd=0.0012, rate=0.016, first=dt.date(2003, 6, 2)),
    "XDOW": Fund(102.8, 4.0, market=0.92, style=-0.2, own_sd=0.0015, rate=0.020),
    "XGRW": Fund(67.5, 1.8, market=1.0, style=0.55, tech=0.25, own_sd=0.0008, rate=0.009, first=dt.date(2000, 6, 1)),
    "XVAL": Fund(58.1, 1.4, market=0.98, style=-0.5, own_sd=0.0008, rate=0.023, first=dt.date(2000, 6, 1)),
    "XSVA": Fund(43.6, 1.2, market=1.05, size=1.0, style=-0.6, own_sd=0.001, rate=0.020, first=dt.date(2000, 8, 1)),
    "XSGR": Fund(52.9, 1.1, market=1.15, size=1.0, style=0.55, own_sd=0.001, rate=0.006, first=dt.date(2000, 8, 1)),
    "XLGR": Fund(49.7, 2.2, market=1.02, style=0.6, tech=0.2, own_sd=0.0008, rate=0.009, first=dt.date(2000, 6, 1)),
    "XLVA": Fund(56.2, 2.5, market=0.97, style=-0.55, own_sd=0.0008, rate=0.022, first=dt.date(2000, 6, 1)),
    "XCGR": Fund(50.3, 1.0, market=1.02, style=0.6, tech=0.25, own_sd=0.0009, rate=0.008, first=dt.date(2004, 3, 1)),
    "XCVA": Fund(50.8, 1.9, market=0.96, style=-0.55, own_sd=0.0009, rate=0.024, first=dt.date(2004, 3, 1)),
    "XITS": Fund(41.2, 8.0, market=1.08, style=0.4, tech=0.9, own_sd=0.0025, rate=0.008),
    "XFNC": Fund(22.6, 40.0, market=1.15, style=-0.6, own_sd=0.0055, rate=0.019),
    "XENY": Fund(27.4, 15.0, market=0.95, style=-0.5, own_sd=0.0110, rate=0.030),
    "XHCS": Fund(30.9, 9.0, market=0.80, own_sd=0.0050, rate=0.015),
    "XIDS": Fund(28.3, 10.0, market=1.05, size=0.1, style=-0.2, own_sd=0.0035, rate=0.016),
    "XSTP": Fund(24.7, 10.0, market=0.60, style=-0.1, own_sd=0.0045, rate=0.025),
    "XDSC": Fund(29.5, 6.0, market=1.08, style=0.2, own_sd=0.0045, rate=0.010),
    "XMTL": Fund(25.1, 6.0, market=1.05, style=-0.2, own_sd=0.0060, rate=0.019),
    "XUTY": Fund(26.8, 12.0, market=0.55, style=-0.2, own_sd=0.0065, rate=0.032, duration=3.0),
    "XREA": Fund(31.4, 5.0, market=0.85, own_sd=0.0060, rate=0.034, duration=4.0, first=dt.date(2015, 11, 2)),
    "XCMS": Fund(48.6, 4.0, market=1.02, style=0.3, tech=0.3, own_sd=0.0045, rate=0.009, first=dt.date(2018, 7, 2)),
    "XSEM": Fund(19.8, 7.0, market=1.25, style=0.3, tech=1.3, own_sd=0.0070, rate=0.008, first=dt.date(2000, 7, 3)),
    "XRBK": Fund(46.7, 9.0, market=1.15, size=0.7, style=-0.9, own_sd=0.0070, rate=0.027, first=dt.date(2006, 7, 3)),
    "XTPT": Fund(44.3, 3.0, market=1.15, size=0.4, style=-0.2, own_sd=0.0060, rate=0.011, first=dt.date(2003, 11, 3)),
    "XRTS": Fund(38.8, 5.0, market=1.10, size=0.6, own_sd=0.0070, rate=0.014, first=dt.date(2006, 7, 3)),
    "XBTK": Fund(35.2, 5.0, market=1.05, size=0.7, style=0.5, own_sd=0.0110, rate=0.002, first=dt.date(2006, 3, 1)),
    "XHYS": Fund(79.4, 30.0, market=0.38, own_sd=0.0016, rate=0.055, payments=12, first=dt.date(2007, 5, 1)),
    "XIGC": Fund(96.3, 12.0, market=0.08, own_sd=0.0016, rate=0.037, payments=12, duration=7.0,
                 first=dt.date(2002, 8, 1)),
    "XT10": Fund(82.5, 6.0, own_sd=0.0006, rate=0.028, payments=12, duration=7.4, first=dt.date(2002, 8, 1)),
    "XT20": Fund(83.9, 14.0, own_sd=0.0025, rate=0.031, payments=12, duration=15.0, first=dt.date(2002, 8, 1)),
    "XBUL": Fund(45.1, 8.0, market=0.02, own_sd=0.0100, duration=3.0, first=dt.date(2004, 12, 1)),
    "XT1Y": Fund(81.2, 3.0, own_sd=0.0003, rate=0.024, payments=12, duration=1.1, first=dt.date(2002, 8, 1)),
    "XEMG": Fund(37.9, 35.0, market=1.10, own_sd=0.0075, rate=0.021, payments=2, first=dt.date(2003, 5, 1)),
    "XDVP": Fund(54.6, 20.0, market=0.95, own_sd=0.0050, rate=0.028, payments=2, first=dt.date(2001, 9, 4)),
}  # fmt: skip

# Index: the fund it moves with, its first close, a usual day's volume in millions. Indexes pay nothing, and the
# open of ^XSML is the close before until 2008, as in many an index history.
INDEXES = {"^XSML": ("XSML", 493.1, 900.0), "^XLRG": ("XLRG", 1387.4, 2900.0), "^XTEC": ("XTEC", 3412.7, 1300.0)}
INDEXES["^XCMP"] = ("XTEC", 3871.9, 1900.0)
VOLATILITY_INDEX = "^XVIX"
STALE_OPENS = ("^XSML", dt.date(2008, 1, 2))

# Policy rate: its upper bound in percent at the start, then (first day, step, number of steps, days between).
POLICY_START = 5.0
POLICY = (
    ("2000-02-17", 0.25, 4, 49),
    ("2001-02-15", -0.50, 9, 49),
    ("2004-07-15", 0.25, 15, 49),
    ("2007-09-27", -0.50, 10, 49),
    ("2016-01-14", 0.25, 9, 98),
    ("2019-08-15", -0.25, 3, 49),
    ("2020-03-12", -0.75, 2, 7),
    ("2022-03-31", 0.50, 10, 49),
    ("2024-10-03", -0.25, 6, 49),
)

# Ten-year less two-year yield in percentage points; two natural inversions beside the planted one.
SPREAD_TREND = {
    "2000-01-03": 0.25, "2000-09-01": -0.30, "2001-03-01": 0.45, "2003-07-01": 2.2, "2006-02-01": 0.30,
    "2006-08-08": 0.0, "2007-02-01": -0.30, "2007-05-25": 0.0, "2008-06-02": 1.3, "2010-02-01": 2.6, "2013-12-31": 2.3,
    "2019-08-30": 0.20, "2021-03-31": 1.45, "2022-07-06": 0.0, "2023-07-03": -0.95, "2024-08-28": 0.0,
    "2026-01-02": 0.65, "2040-01-02": 0.9,
}  # fmt: skip
UNEMPLOYMENT_TREND = {
    "2000-01-01": 4.2, "2000-11-01": 3.9, "2003-06-01": 6.1, "2007-03-01": 4.5, "2009-10-01": 9.7, "2019-09-01": 3.6,
    "2020-02-01": 3.6, "2020-04-01": 11.4, "2020-10-01": 6.9, "2022-07-01": 3.5, "2025-11-01": 4.4, "2040-01-01": 4.4,
}  # fmt: skip


def generate(*, until: dt.date, captured_at: dt.datetime, seed: int = SEED) -> Batch:
    """Make up bars from 2000-01-03 to the session `until`, futures, and what else was public by `captured_at`.

    A pure function of its arguments: the same ones give the same rows, and a later `until` adds rows to those of
    an earlier one. `captured_at` is an aware instant after `until` is final. Every row carries it, save the
    employment and price reports, which the made-up agency dates itself (`is_vintage`).
    """
    if captured_at.tzinfo is None:
        raise ValueError("captured_at needs a time zone")
    if until < FIRST_SESSION:
        raise ValueError(f"the sample begins on {FIRST_SESSION}, after {until}")
    captured_at = captured_at.astimezone(dt.UTC)
    weekdays = _days(FIRST_SESSION, until)
    weekdays = weekdays[np.is_busday(weekdays)]
    sessions = calendar.sessions()["session_date"].to_numpy()
    sessions = sessions[(sessions >= np.datetime64(FIRST_SESSION)) & (sessions <= np.datetime64(until))]
    yields = _yields(weekdays, seed)
    market = _market(sessions, yields["ten_year"][np.searchsorted(weekdays, sessions)], seed)
    bars = _bars(market, seed)
    volatility = next(bar.close for symbol, bar in bars if symbol == VOLATILITY_INDEX)
    return Batch.of(
        prices=[_price_capture(symbol, bar, captured_at) for symbol, bar in bars],
        macro=[
            _macro_capture(piece, until, captured_at) for piece in _macro(weekdays, yields, sessions, volatility, seed)
        ],
        futures=[_futures_capture(sessions, seed, captured_at)],
        fomc=[sample_policy.decisions(_policy_rate, weekdays, _stamp(captured_at))],
    )


# --- random numbers -----------------------------------------------------------------------------------------------


def _rng(seed: int, *names: str) -> np.random.Generator:
    """Return the stream of one quantity, so that a new symbol or series leaves all others as they are."""
    return np.random.default_rng([seed, zlib.crc32("/".join(names).encode())])


def _fat_tailed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Student t with 5 degrees of freedom at unit variance, cut at five standard deviations."""
    return np.clip(rng.standard_t(5, n) * (3 / 5) ** 0.5, -5, 5)


def _autoregressive(x: np.ndarray, keep: float) -> np.ndarray:
    """Return y_t = keep * y_{t-1} + x_t, starting at x_0."""
    scaled = x / (1 - keep)
    scaled[:1] = x[:1]
    return pl.Series(scaled).ewm_mean(alpha=1 - keep, adjust=False).to_numpy()


def _reverting(noise: np.ndarray) -> np.ndarray:
    """Daily log returns whose sum swings around zero instead of wandering off, so that 2040 stays plausible."""
    return np.diff(_autoregressive(noise, PULL), prepend=0.0)


def _trend(days: np.ndarray, knots: dict[str, float]) -> np.ndarray:
    dates = np.array(list(knots), dtype="datetime64[D]")
    return np.interp(days.astype(float), dates.astype(float), list(knots.values()))


def _plant(values: np.ndarray, days: np.ndarray, first: dt.date, planted: tuple[float, ...] | np.ndarray) -> None:
    """Overwrite `values` from the day `first` on, as far as the sample reaches."""
    start = int(np.searchsorted(days, np.datetime64(first)))
    values[start : start + len(planted)] = planted[: max(0, len(values) - start)]


def _days(first: dt.date, last: dt.date) -> np.ndarray:
    return np.arange(np.datetime64(first), np.datetime64(last) + 1)


def _between(days: np.ndarray, first: dt.date, last: dt.date) -> np.ndarray:
    return (days >= np.datetime64(first)) & (days <= np.datetime64(last))


# --- prices -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Market:
    """What all symbols have in common, one element a session: factor returns, volatility and rate moves.

    `swing` is the size of today's moves relative to a usual day's, `next_swing` tomorrow's as known tonight;
    `rate_change` is the change of the ten-year yield in percentage points.
    """

    days: np.ndarray
    factors: dict[str, np.ndarray]
    swing: np.ndarray
    next_swing: np.ndarray
    rate_change: np.ndarray


@dataclass(frozen=True)
class Bars:
    """The bars of one symbol as columns, one element a session."""

    days: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    dividend: np.ndarray
    split_ratio: np.ndarray


def _market(days: np.ndarray, ten_year: np.ndarray, seed: int) -> Market:
    """Factor returns with clustered volatility: falls raise tomorrow's volatility, and so do recessions."""
    n = len(days)
    shocks = {name: _fat_tailed(_rng(seed, "factor", name), n) for name in DAILY_SD}
    news = 0.09 * (0.7 * _rng(seed, "volatility").standard_normal(n) - 0.7 * shocks["market"])
    recession = np.any([(days >= np.datetime64(a)) & (days <= np.datetime64(b)) for a, b in RECESSIONS], axis=0)
    log_swing = _autoregressive(news, 0.98) + _autoregressive(0.02 * 0.7 * recession, 0.98) - 0.2
    next_swing = np.clip(np.exp(log_swing), 0.35, 4.5)
    swing = np.concatenate([next_swing[:1], next_swing[:-1]])
    factors = {}
    for name, sd in DAILY_SD.items():
        moves = sd * shocks[name] * (swing if name == "market" else np.sqrt(swing))
        trend = np.diff(_trend(days, TRENDS[name]), prepend=0.0)
        factors[name] = np.clip(trend + _reverting(moves), -MAX_DAILY_MOVE, MAX_DAILY_MOVE)
    _plant_factors(factors, days)
    return Market(days, factors, swing, next_swing, np.diff(ten_year, prepend=ten_year[:1]))


def _plant_factors(factors: dict[str, np.ndarray], days: np.ndarray) -> None:
    """Give the planted events of single funds a market that fits them."""
    calm = (0.001, 0.002, 0.005, 0.007, 0.004, 0.010, 0.006, -0.003, -0.001)
    _plant(factors["market"], days, STREAK_FROM, calm)
    _plant(factors["market"], days, RECORD_FROM, (*[-0.014] * 10, *[0.021] * 5))
    # up for 40 sessions to the peak and down again for 40: the spike stands out of the noise on its very day
    spike = (*[0.004] * 36, *[0.012] * 4)
    _plant(factors["style"], days, VALUATION_FROM, (*spike, *(-move for move in reversed(spike))))


def _bars(market: Market, seed: int) -> list[tuple[str, Bars]]:
    """All symbols in order, each from its first session."""
    bars = {}
    for symbol, fund in FUNDS.items():
        returns = _fund_returns(symbol, fund, market, seed)
        alive = market.days >= np.datetime64(fund.first)
        swing = fund.own_sd * np.sqrt(market.swing) + 0.009 * abs(fund.market) * market.swing + 0.0004 * fund.duration
        bar = _fund_bars(symbol, fund, market.days[alive], returns[alive], swing[alive], market.swing[alive], seed)
        bars[symbol] = bar
    for symbol, (fund_symbol, level, volume) in INDEXES.items():
        returns = _fund_returns(fund_symbol, FUNDS[fund_symbol], market, seed)
        _plant_moves(fund_symbol, returns, market.days)
        returns = returns + 0.0002 * _rng(seed, symbol, "tracking").standard_normal(len(market.days))
        index, swing = Fund(level, volume), 0.009 * market.swing
        bars[symbol] = _fund_bars(symbol, index, market.days, returns, swing, market.swing, seed)
    bars[VOLATILITY_INDEX] = _volatility_bars(market, seed)
    return sorted(bars.items())


def _fund_returns(symbol: str, fund: Fund, market: Market, seed: int) -> np.ndarray:
    """Daily log returns before distributions."""
    own = fund.own_sd * np.sqrt(market.swing) * _fat_tailed(_rng(seed, symbol, "own"), len(market.days))
    returns = _reverting(own) - fund.duration / 100 * market.rate_change
    for name, values in market.factors.items():
        returns = returns + getattr(fund, name) * values
    return returns


def _fund_bars(
    symbol: str,
    fund: Fund,
    days: np.ndarray,
    returns: np.ndarray,
    swing: np.ndarray,
    market_swing: np.ndarray,
    seed: int,
) -> Bars:
    """Bars from daily log returns; the price falls by the distribution on its ex-date."""
    pays = _ex_dates(days, fund.payments) if fund.rate else np.zeros(len(days), dtype=bool)
    uneven = np.exp(0.08 * _rng(seed, symbol, "payout").standard_normal(len(days)))
    share = np.where(pays, fund.rate / fund.payments, 0.0) * uneven
    moves = returns + fund.rate / 252 - share
    moves[:1] = 0.0
    _plant_moves(symbol, moves, days)
    close = fund.price * np.exp(np.cumsum(moves))
    before = np.concatenate([close[:1], close[:-1]])
    open_, high, low = _around(symbol, before, close, moves, swing, days, seed)
    if symbol == GAP_SYMBOL and days[-1] >= np.datetime64(GAP_BARS_FROM):
        start = int(np.searchsorted(days, np.datetime64(GAP_BARS_FROM)))
        for column, values in zip((open_, high, low), GAP_BARS.T[:3], strict=True):
            _plant(column, days, GAP_BARS_FROM, before[start] * values)
    split_ratio = np.ones(len(days))
    for (split_symbol, day), ratio in SPLITS.items():
        if split_symbol == symbol:
            split_ratio[days == np.datetime64(day)] = ratio
    mood = 0.25 * _rng(seed, symbol, "volume").standard_normal(len(days))
    busy = 0.5 * np.log(market_swing) + 8 * np.abs(moves) + mood
    volume = np.round(fund.volume * 1e4 * np.exp(busy)) * 100
    return Bars(days, open_, high, low, close, volume, np.round(before * share, 4), split_ratio)


def _around(
    symbol: str,
    before: np.ndarray,
    close: np.ndarray,
    moves: np.ndarray,
    swing: np.ndarray,
    days: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Open, high and low around two closes: a third of the move comes overnight, with noise of its own."""
    draws = _rng(seed, symbol, "bar").standard_normal((len(days), 3))
    open_ = before * np.exp(0.33 * moves + 0.35 * swing * draws[:, 0])
    if symbol == STALE_OPENS[0]:
        open_ = np.where(days < np.datetime64(STALE_OPENS[1]), before, open_)
    high = np.maximum(open_, close) * np.exp(0.45 * swing * np.abs(draws[:, 1]))
    low = np.minimum(open_, close) * np.exp(-0.45 * swing * np.abs(draws[:, 2]))
    return open_, high, low


def _volatility_bars(market: Market, seed: int) -> Bars:
    """The volatility index in points: tomorrow's expected swing, with noise."""
    n = len(market.days)
    noise = _autoregressive(0.02 * _rng(seed, VOLATILITY_INDEX, "own").standard_normal(n), 0.9)
    close = np.clip((5.5 + 13.0 * market.next_swing) * np.exp(noise), 9.0, 85.0)
    before = np.concatenate([close[:1], close[:-1]])
    moves = np.log(close / before)
    bars = _around(VOLATILITY_INDEX, before, close, moves, np.full(n, 0.04), market.days, seed)
    return Bars(market.days, *bars, close, np.zeros(n), np.zeros(n), np.ones(n))


def _plant_moves(symbol: str, moves: np.ndarray, days: np.ndarray) -> None:
    for planted_symbol, first, planted in PLANTED_MOVES:
        if planted_symbol == symbol:
            _plant(moves, days, first, planted)


def _ex_dates(days: np.ndarray, payments: int) -> np.ndarray:
    """First session on or after the 20th of March, June, September and December; monthly: of a month's start."""
    months = days.astype("datetime64[M]")
    number = months.astype(int) % 12 + 1
    if payments == 12:
        due = np.ones(len(days), dtype=bool)
        paid = np.concatenate([[0], np.diff(months.astype(int))]) > 0
    else:
        due = np.isin(number, (3, 6, 9, 12) if payments == 4 else (6, 12))
        late = (days - months).astype(int) >= 19
        paid = late & ~np.concatenate([[True], late[:-1]])
    return due & paid


def _price_capture(symbol: str, bars: Bars, captured_at: dt.datetime) -> pl.DataFrame:
    is_fund = symbol in FUNDS
    columns = {name: np.round(getattr(bars, name), 4) for name in ("open", "high", "low", "close")}
    return (
        pl.DataFrame({"session_date": bars.days, **columns, "volume": bars.volume, "dividend": bars.dividend})
        .select(
            **_stamp(captured_at),
            symbol=pl.lit(symbol),
            session_date="session_date",
            open="open",
            high="high",
            low="low",
            close="close",
            # an adjusted close changes with every distribution, which would rewrite the past
            adj_close=pl.lit(None, pl.Float64),
            volume="volume",
            dividend="dividend",
            capital_gain=pl.lit(0.0 if is_fund else None, pl.Float64),
            split_ratio=pl.Series(bars.split_ratio),
            flags=pl.lit(None, pl.String),
        )
        .select(raw.PriceCapture.column_names())
    )


def _stamp(captured_at: dt.datetime) -> dict[str, pl.Expr]:
    return {
        "captured_at": pl.lit(captured_at, pl.Datetime("us", "UTC")),
        "source": pl.lit(SOURCE),
        "origin": pl.lit(ORIGIN),
    }


# --- macro series -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Observations:
    """One made-up series. NaN is an observation that has no value; `released` gives the instant from `observed_on`.

    `is_vintage`: the rows are dated as an archive of first prints dates them: by `captured`, without one by their
    release.
    """

    series_id: str
    observed_on: np.ndarray
    values: np.ndarray
    released: pl.Expr
    is_vintage: bool = False
    captured: pl.Expr | None = None


def _yields(weekdays: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Yields on every weekday in percent, whole hundredths: two_year, spread, ten_year, three_month.

    The two-year yield looks ahead along the policy path, as markets do; the ten-year is it plus the spread, so
    that spread = ten_year - two_year holds to the last digit.
    """
    n = len(weekdays)
    ahead = np.mean([_policy_rate(weekdays + np.timedelta64(days, "D")) for days in (30, 120, 210, 300)], axis=0)
    noise = {name: _rng(seed, "yield", name).standard_normal(n) for name in ("two_year", "spread", "bill")}
    two_year = _smoothed(ahead, 0.95) + 0.1 + _autoregressive(0.04 * noise["two_year"], 0.99)
    spread = _trend(weekdays, SPREAD_TREND) + _autoregressive(0.022 * noise["spread"], 0.985)
    bill = _smoothed(_policy_rate(weekdays), 0.9) - 0.1 + _autoregressive(0.015 * noise["bill"], 0.9)
    hundredths = {
        "two_year": np.maximum(np.round(100 * two_year), 8),
        "spread": _plant_inversion(np.round(100 * spread), weekdays),
        "bill": np.maximum(np.round(100 * bill), 2),
    }
    ten_year = hundredths["two_year"] + hundredths["spread"]
    return {
        "two_year": hundredths["two_year"] / 100,
        "spread": hundredths["spread"] / 100,
        "ten_year": ten_year / 100,
        "three_month_spread": (ten_year - hundredths["bill"]) / 100,
    }


def _plant_inversion(spread: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Spread in hundredths with the one planted inversion, and none around it."""
    year_before, months_after = dt.date(2005, 8, 1), dt.date(2008, 11, 28)
    calm = _between(days, year_before, months_after) & ~_between(days, INVERSION_START, INVERSION_END)
    bridge = _between(days, *INVERSION_BRIDGE)
    spread = np.where(_between(days, INVERSION_START, INVERSION_END), np.minimum(spread, -1), spread)
    spread = np.where(calm | bridge, np.maximum(spread, 2), spread)
    spread[days == np.datetime64(INVERSION_ZERO_ON)] = 0
    return spread


def _smoothed(x: np.ndarray, keep: float) -> np.ndarray:
    return pl.Series(x).ewm_mean(alpha=1 - keep, adjust=False).to_numpy()


def _policy_rate(days: np.ndarray) -> np.ndarray:
    """Upper bound of the policy rate in percent on each day."""
    rate = np.full(len(days), POLICY_START)
    for first, step, steps, apart in POLICY:
        passed = np.floor((days - np.datetime64(first)).astype(int) / apart) + 1
        rate = rate + step * np.clip(passed, 0, steps)
    return rate


def _futures_capture(sessions: np.ndarray, seed: int, captured_at: dt.datetime) -> pl.DataFrame:
    quoted = sessions[sessions >= np.datetime64(sample_policy.FIRST_QUOTE)]
    tilt = _autoregressive(0.0015 * _rng(seed, "futures").standard_normal(len(quoted)), 0.99)
    return sample_policy.settlements(_policy_rate, quoted, tilt, _stamp(captured_at))


def _macro(
    weekdays: np.ndarray, yields: dict[str, np.ndarray], sessions: np.ndarray, volatility: np.ndarray, seed: int
) -> Iterator[Observations]:
    """Yield all series as far as `weekdays` reaches, released or not."""
    yield from _daily(weekdays, yields, sessions, volatility, seed)
    yield from _labour(weekdays[-1].item(), seed)
    yield from _economy(weekdays[-1].item(), seed)


def _daily(
    weekdays: np.ndarray, yields: dict[str, np.ndarray], sessions: np.ndarray, volatility: np.ndarray, seed: int
) -> Iterator[Observations]:
    """Yields, spreads, policy rate and volatility. There is a row, without a value, on holidays."""
    is_holiday = np.isin(weekdays, np.array(calendar.federal_holidays(), dtype="datetime64[D]"))
    next_day, same_day = _after_business_days(1, dt.time(16, 15)), _after_business_days(0, dt.time(17, 1))
    treasury = pl.when(pl.col("observed_on") >= dt.date(2019, 6, 21)).then(same_day).otherwise(next_day)
    for series_id, name in (
        ("SYN_T10Y2Y", "spread"),
        ("SYN_T10Y3M", "three_month_spread"),
        ("SYN_DGS10", "ten_year"),
        ("SYN_DGS2", "two_year"),
    ):
        yield Observations(series_id, weekdays, np.where(is_holiday, np.nan, yields[name]), treasury)

    noon, evening = _after_business_days(1, dt.time(12, 0)), _after_business_days(1, dt.time(17, 1))
    tension = volatility[np.maximum(np.searchsorted(sessions, weekdays, side="right") - 1, 0)]
    for series_id, base, slope, keep, released in (
        ("SYN_BAMLH0A0HYM2", 0.7, 0.20, 0.96, noon),
        ("SYN_BAA10Y", 0.7, 0.08, 0.98, evening),
    ):
        noise = _autoregressive(0.02 * _rng(seed, series_id).standard_normal(len(weekdays)), 0.98)
        spread = np.round(np.maximum(base + slope * _smoothed(tension, keep) + noise, 0.5), 2)
        yield Observations(series_id, weekdays, np.where(is_holiday, np.nan, spread), released)

    is_session = np.isin(weekdays, sessions)
    vix = np.where(is_session, np.round(tension, 2), np.nan)
    yield Observations("SYN_VIXCLS", weekdays, vix, _after_business_days(1, dt.time(9, 36)))

    wobble = 0.01 * _rng(seed, "SYN_EFFR").integers(-1, 2, len(weekdays))
    funds_rate = np.round(_policy_rate(weekdays) - sample_policy.BELOW_TARGET + wobble, 2)
    effective = np.where(is_holiday, np.nan, np.maximum(funds_rate, 0.04))
    yield Observations("SYN_EFFR", weekdays, effective, _after_business_days(1, dt.time(9, 0)))
    every_day = _days(FIRST_SESSION, weekdays[-1].item())
    yield Observations("SYN_DFEDTARU", every_day, _policy_rate(every_day), _after_business_days(0, dt.time(0, 0)))


def _labour(last: dt.date, seed: int) -> Iterator[Observations]:
    """Unemployment and payrolls, each print dated by its release, and weekly claims."""
    months = _months(last)
    rate = _trend(months, UNEMPLOYMENT_TREND) + 0.06 * _rng(seed, "SYN_UNRATE").standard_normal(len(months))
    latest = np.round(rate, 1)
    is_revised = months == np.datetime64(REVISED_OBSERVED_ON)
    first_print = np.where(is_revised, np.round(latest - REVISION_PP, 1), latest)
    released = _on_weekday(1, FRIDAY, 2, dt.time(8, 30))
    yield Observations("SYN_UNRATE", months, first_print, released, is_vintage=True)
    yield Observations(
        "SYN_UNRATE",
        months[is_revised],
        latest[is_revised],
        released,
        is_vintage=True,
        captured=pl.lit(REVISED_AT, pl.Datetime("us", "UTC")),
    )

    rng = _rng(seed, "SYN_PAYEMS").standard_normal((len(months), 2))
    slack = np.diff(_trend(months, UNEMPLOYMENT_TREND), prepend=4.2)
    jobs = 130_780 + np.cumsum(np.round(150 - 1500 * slack + 55 * rng[:, 0]))
    first_jobs = jobs - np.round(35 * rng[:, 1])
    yield Observations("SYN_PAYEMS", months, first_jobs, released, is_vintage=True)
    # each report revises the month before it
    next_report = _on_weekday(2, FRIDAY, 2, dt.time(8, 30))
    yield Observations("SYN_PAYEMS", months, jobs, released, is_vintage=True, captured=next_report)

    saturdays = _days(dt.date(2000, 1, 8), last)[::7]
    level = 52_000 * _trend(saturdays + np.timedelta64(60, "D"), UNEMPLOYMENT_TREND)
    claims = np.round(level * np.exp(0.035 * _rng(seed, "SYN_ICSA").standard_normal(len(saturdays))), -3)
    yield Observations("SYN_ICSA", saturdays, claims, _after_days(5, dt.time(8, 30)))


def _economy(last: dt.date, seed: int) -> Iterator[Observations]:
    """Prices, output, housing, money and recessions."""
    months = _months(last)
    n = len(months)
    cpi_release = _on_day_of_month(1, 15, dt.time(8, 30))
    for series_id, start, mean, sd in (("SYN_CPIAUCSL", 169.3, 0.21, 0.22), ("SYN_CPILFESL", 179.3, 0.20, 0.07)):
        surge = 0.35 * _between(months, dt.date(2021, 3, 1), dt.date(2022, 7, 1))
        monthly = mean + surge + sd * _rng(seed, series_id).standard_normal(n)
        index = np.round(start * np.exp(np.cumsum(monthly / 100)), 3)
        yield Observations(series_id, months, index, cpi_release, is_vintage=True)

    is_recession = np.any([(months >= np.datetime64(a)) & (months <= np.datetime64(b)) for a, b in RECESSIONS], axis=0)
    yield Observations("SYN_USREC", months, is_recession.astype(float), _on_day_of_month(1, 3, dt.time(12, 0)))

    housing = 1450 - 95 * (_trend(months, UNEMPLOYMENT_TREND) - 4.5)
    for series_id, level in (("SYN_HOUST", 1.0), ("SYN_PERMIT", 1.03)):
        noise = _autoregressive(0.04 * _rng(seed, series_id).standard_normal(n), 0.85)
        starts = np.round(level * housing * np.exp(noise))
        yield Observations(series_id, months, starts, _on_day_of_month(1, 22, dt.time(8, 30)))

    growth = 0.18 - 1.1 * is_recession + 0.45 * _rng(seed, "SYN_INDPRO").standard_normal(n)
    output = np.round(91.4 * np.exp(np.cumsum(growth / 100)), 4)
    yield Observations("SYN_INDPRO", months, output, _on_day_of_month(1, 18, dt.time(9, 15)))
    money = 0.45 + 0.25 * is_recession + 0.2 * _rng(seed, "SYN_M2SL").standard_normal(n)
    m2 = np.round(4667 * np.exp(np.cumsum(money / 100)), 1)
    yield Observations("SYN_M2SL", months, m2, _on_weekday(1, TUESDAY, 4, dt.time(13, 0)))

    quarters = months[::3]
    real = 0.65 - 1.4 * is_recession[::3] + 0.4 * _rng(seed, "SYN_GDPC1").standard_normal(len(quarters))
    gdp = np.round(12_935 * np.exp(np.cumsum(real / 100)), 3)
    yield Observations("SYN_GDPC1", quarters, gdp, _on_day_of_month(3, 30, dt.time(8, 30)))


def _months(last: dt.date) -> np.ndarray:
    """First days of the months from January 2000 to the month of `last`."""
    return np.arange(np.datetime64("2000-01"), np.datetime64(last, "M") + 1).astype("datetime64[D]")


def _after_business_days(n: int, clock: dt.time) -> pl.Expr:
    day = pl.col("observed_on").dt.add_business_days(n, holidays=calendar.federal_holidays(), roll="forward")
    return calendar.new_york_instant(day, clock)


def _after_days(n: int, clock: dt.time) -> pl.Expr:
    return _next_business_day(pl.col("observed_on").dt.offset_by(f"{n}d"), clock)


def _on_day_of_month(months: int, day: int, clock: dt.time) -> pl.Expr:
    return _next_business_day(pl.col("observed_on").dt.offset_by(f"{months}mo{day - 1}d"), clock)


def _on_weekday(months: int, weekday: int, nth: int, clock: dt.time) -> pl.Expr:
    earliest = pl.col("observed_on").dt.offset_by(f"{months}mo{7 * (nth - 1)}d")
    wait = (weekday - earliest.dt.weekday().cast(pl.Int64)) % 7
    return _next_business_day(earliest + pl.duration(days=wait), clock)


def _next_business_day(day: pl.Expr, clock: dt.time) -> pl.Expr:
    """The agency's holidays move a release to the next business day."""
    moved = day.dt.add_business_days(0, holidays=calendar.federal_holidays(), roll="forward")
    return calendar.new_york_instant(moved, clock)


def _macro_capture(piece: Observations, until: dt.date, captured_at: dt.datetime) -> pl.DataFrame:
    """Rows that were public by `captured_at` and not after the day `until`."""
    end = min(captured_at, dt.datetime.combine(until, dt.time.max, calendar.NEW_YORK).astimezone(dt.UTC))
    public_at = piece.released if piece.captured is None else piece.captured
    return (
        pl.DataFrame({"observed_on": piece.observed_on, "value": pl.Series(piece.values).fill_nan(None)})
        .with_columns(
            series_id=pl.lit(piece.series_id),
            is_vintage=pl.lit(piece.is_vintage),
            vintage_on=pl.lit(None, pl.Date),
            public_at=public_at,
        )
        .filter(pl.col("public_at") <= end)
        .with_columns(**_stamp(captured_at))
        .with_columns(captured_at=pl.when("is_vintage").then("public_at").otherwise("captured_at"))
        .select(raw.MacroCapture.column_names())
    )
