"""Made-up markets of any size in the shape of core.prices, and real ones replicated under many names.

Both yield frames for contiguous ranges of symbols, so that 25 million bars never lie in memory at once. Each symbol has
a stream of random numbers of its own: it is the same in every chunk, and in every market with the same sessions.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline import calendar
from pipeline.contracts.core import Prices

SEED = 20260102
LAST_SESSION = dt.date(2025, 12, 31)
CAPTURED_AT = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
CHUNK = 500  # symbols of a frame: 1.25 million bars over 2,500 sessions
MARKET = 10**9  # number of the stream of the market factor; symbols count from 0

DAILY_SD = {"market": 0.01, "own": 0.016, "benchmark": 0.001}
SHOCK, KEEP = 0.08, 0.90  # GARCH(1,1): what yesterday's squared move and yesterday's variance add to today's
LARGEST_SHOCK = 8.0  # standard deviations
TICK = 0.01
# of symbols
SHARES = {"short": 0.15, "delisted": 0.08, "patchy": 0.10, "gap": 0.03, "halted": 0.05}
PAYING = 0.5
PATCHY = 0.004  # sessions that a patchy symbol lacks
LONGEST_GAP, LONGEST_HALT = 60, 40
QUARTER = 63
NO_MOVE = 0.04  # opens that repeat the close before
QUARTERLY_YIELD = 0.004

LEVELS = ("open", "high", "low", "close", "adj_close", "close_as_traded", "dividend", "capital_gain")  # in dollars
NOISY_SESSIONS, NOISE_SD = 0.1, 0.006


def symbol(number: int) -> str:
    """Name of the symbol of a number; names sort as their numbers do. Number 0 is the benchmark."""
    return f"M{number:06d}"


BENCHMARK = symbol(0)  # the 'large' role: moves with the market, has every session


def pairs(symbols: int) -> list[tuple[str, str]]:
    """Every symbol against the benchmark."""
    return [(symbol(i), BENCHMARK) for i in range(1, symbols)]


def market(symbols: int, sessions: int, *, seed: int = SEED, chunk: int = CHUNK) -> Iterator[pl.DataFrame]:
    """Make up daily bars on the price basis: core.prices without a total-return index.

    A market factor, fat tails, volatility that clusters, gaps at the open; some symbols begin late, end early, lack
    sessions, have a long gap or are halted (flat bars without volume), and half of them pay dividends.

    Args:
        symbols: how many, the benchmark included.
        sessions: XNYS sessions up to the last one of 2025.

    Yields:
        Prices of at most `chunk` symbols, sorted by key, the symbols of a frame after those of the one before.
    """
    days = calendar.sessions().filter(pl.col("session_date") <= LAST_SESSION).tail(sessions)
    factor = _factor(sessions, seed)
    for first in range(0, symbols, chunk):
        numbers = np.arange(first, min(first + chunk, symbols))
        yield _frame(numbers, days, _bars(numbers, factor, seed))


def whole_market(symbols: int, sessions: int, *, seed: int = SEED) -> pl.DataFrame:
    """The market in one frame, for sizes that fit."""
    return pl.concat(market(symbols, sessions, seed=seed))


@dataclass(frozen=True)
class Draws:
    """Random numbers of some symbols: per symbol shape (k, 1), per bar (k, n)."""

    beta: np.ndarray
    price: np.ndarray
    shares: np.ndarray
    shock: np.ndarray
    overnight: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    turnover: np.ndarray
    has_bar: np.ndarray
    is_halted: np.ndarray
    pays: np.ndarray


@dataclass(frozen=True)
class Bars:
    """Bars of k symbols over n sessions, each of shape (k, n)."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    dividend: np.ndarray
    has_bar: np.ndarray


def _fat_tailed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Student t with 4 degrees of freedom at unit variance, cut."""
    return np.clip(rng.standard_t(4, n) / 2**0.5, -LARGEST_SHOCK, LARGEST_SHOCK)


def _clustered(shocks: np.ndarray, sd: float) -> np.ndarray:
    """Returns whose variance follows GARCH(1,1) with long-run SD `sd`; shape of `shocks`, (k, n)."""
    moves = np.empty_like(shocks)
    variance = np.full(len(shocks), sd**2)
    for t in range(shocks.shape[1]):
        moves[:, t] = np.sqrt(variance) * shocks[:, t]
        variance = (1 - SHOCK - KEEP) * sd**2 + SHOCK * moves[:, t] ** 2 + KEEP * variance
    return moves


def _factor(n: int, seed: int) -> np.ndarray:
    """Log returns of the market, shape (n,)."""
    rng = np.random.default_rng([seed, MARKET])
    return 0.0003 + _clustered(_fat_tailed(rng, n)[None], DAILY_SD["market"])[0]


def _draws(numbers: np.ndarray, n: int, seed: int) -> Draws:
    columns = zip(*(_of_symbol(int(number), n, seed) for number in numbers), strict=True)
    return Draws(*(np.stack(column) for column in columns))


def _of_symbol(number: int, n: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng([seed, number])
    beta, price, shares = rng.normal(1.0, 0.3), np.exp(rng.uniform(1.5, 5.5)), np.exp(rng.uniform(9, 17))
    noise = rng.standard_normal((4, n))
    has_bar, is_halted = _presence(rng, n)
    pays = (np.arange(n) % QUARTER == rng.integers(QUARTER)) & (rng.random() < PAYING)
    if number == 0:
        beta, has_bar, is_halted = 1.0, np.ones(n, bool), np.zeros(n, bool)
    per_symbol = (np.array([x]) for x in (beta, price, shares))
    return (*per_symbol, _fat_tailed(rng, n), *noise, has_bar, is_halted, pays)


def _presence(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """On which sessions a symbol has a bar, and on which of them it is halted; shape (n,) each."""
    has_bar, is_halted = np.ones(n, bool), np.zeros(n, bool)
    is_it = {name: rng.random() < share for name, share in SHARES.items()}
    begin, end, gap, halt = rng.integers(n, size=4)
    if is_it["short"]:
        has_bar[: begin * 9 // 10] = False
    if is_it["delisted"]:
        has_bar[n - end // 2 :] = False
    if is_it["patchy"]:
        has_bar &= rng.random(n) >= PATCHY
    if is_it["gap"]:
        has_bar[gap : gap + rng.integers(11, LONGEST_GAP)] = False
    if is_it["halted"]:
        is_halted[halt : halt + rng.integers(3, LONGEST_HALT)] = True
    if not has_bar.any():
        has_bar[-1] = True
    return has_bar, is_halted


def _bars(numbers: np.ndarray, factor: np.ndarray, seed: int) -> Bars:
    """Walks from random first prices; a halted bar repeats the close before it."""
    draws = _draws(numbers, len(factor), seed)
    own = _clustered(draws.shock, 1.0) * np.where(numbers == 0, DAILY_SD["benchmark"], DAILY_SD["own"])[:, None]
    moves = np.where(draws.is_halted, 0.0, draws.beta * factor + own)
    level = draws.price * np.exp(np.cumsum(moves, axis=1))
    close = _ticks(level)
    before = np.concatenate([_ticks(draws.price), close[:, :-1]], axis=1)
    gap = np.where(np.abs(draws.overnight) < NO_MOVE, 0.0, 0.3 * moves + 0.004 * draws.overnight)
    opened = np.where(draws.is_halted, close, _ticks(before * np.exp(gap)))
    reach = np.where(draws.is_halted, 0.0, 0.006)
    return Bars(
        open=opened,
        high=_ticks(np.maximum(opened, close) * np.exp(reach * np.abs(draws.upper))),
        low=_ticks(np.minimum(opened, close) * np.exp(-reach * np.abs(draws.lower))),
        close=close,
        volume=np.where(
            draws.is_halted, 0.0, np.rint(draws.shares * np.exp(0.4 * draws.turnover + 15 * np.abs(moves)))
        ),
        dividend=np.where(draws.pays, _ticks(QUARTERLY_YIELD * close), 0.0),
        has_bar=draws.has_bar,
    )


def _ticks(price: np.ndarray) -> np.ndarray:
    """Prices in whole cents, at least one: rounding keeps their order, and makes some of them equal."""
    return np.maximum(np.round(price, 2), TICK)


def _frame(numbers: np.ndarray, days: pl.DataFrame, bars: Bars) -> pl.DataFrame:
    """Columns of core.prices."""
    row, session = np.nonzero(bars.has_bar)
    number = pl.lit(None, pl.Float64)
    names = pl.Series([symbol(int(i)) for i in numbers], dtype=pl.String)
    priced = ("open", "high", "low", "close", "volume", "dividend")
    return (
        days.select("session_date", "session_no")[session]
        .with_columns(
            symbol=names.gather(row),
            **{name: pl.Series(getattr(bars, name)[row, session]) for name in priced},
        )
        .with_columns(
            capital_gain=pl.lit(0.0),
            split_ratio=pl.lit(1.0),
            close_as_traded="close",
            total_return_index=number,
            flags=pl.lit(None, pl.String),
            captured_at=pl.lit(CAPTURED_AT, pl.Datetime("us", "UTC")),
            source=pl.lit("sample"),
        )
        .select(Prices.column_names())
    )


# --- real bars under many names -----------------------------------------------------------------------------------


def replicated(
    bars: pl.DataFrame,
    symbols: int,
    benchmark: str,
    *,
    sessions: int | None = None,
    seed: int = SEED,
    chunk: int = CHUNK,
) -> Iterator[pl.DataFrame]:
    """Copy real bars under many names, each copy perturbed: dividends, splits, gaps, short histories stay in the mix.

    A copy has another scale, a walk of its own on a tenth of the sessions, some sessions fewer, and every third begins
    later. All dollars of a bar are multiplied by one factor, so that bars keep their shape and a dividend its yield; no
    bar with a distribution or a split is among the dropped sessions. Symbols take turns; number 0 is the benchmark, as
    it is.

    Args:
        bars: core.prices, or raw.price_captures.
        symbols: names to make.
        benchmark: symbol of `bars` that number 0 copies.
        sessions: newest sessions of `bars` to use; None: all.

    Yields:
        Frames with the columns of `bars`, as `market` does.
    """
    bars = _newest(bars, sessions).sort("symbol", "session_date", maintain_order=True)
    starts = np.flatnonzero(bars["symbol"].rle_id().diff().fill_null(1).to_numpy())
    ranges = list(zip(starts, np.append(starts, bars.height)[1:], strict=True))
    own = next(i for i, (start, _) in enumerate(ranges) if bars["symbol"][int(start)] == benchmark)
    session = bars["session_date"].rank("dense").cast(pl.Int64).to_numpy() - 1
    is_event = bars.select(_is_event())["is_event"].to_numpy()
    for first in range(0, symbols, chunk):
        numbers = range(first, min(first + chunk, symbols))
        rows = [np.arange(*ranges[own if i == 0 else i % len(ranges)]) for i in numbers]
        copies = [_copied(i, one, session, is_event, seed) for i, one in zip(numbers, rows, strict=True)]
        yield _perturbed(bars, list(numbers), copies)


def _newest(bars: pl.DataFrame, sessions: int | None) -> pl.DataFrame:
    if sessions is None:
        return bars
    newest = bars["session_date"].unique().sort().tail(sessions)
    return bars.filter(pl.col("session_date") >= newest[0])


def _is_event() -> pl.Expr:
    """Bars whose loss would make the rest inconsistent."""
    pays, splits = pl.col("dividend").fill_null(0) > 0, pl.col("split_ratio").fill_null(1) != 1
    return (pays | splits | (pl.col("capital_gain").fill_null(0) > 0)).alias("is_event")


def _copied(
    number: int, rows: np.ndarray, session: np.ndarray, is_event: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of a copy, the factor of their prices, and of their volumes; several captures of a bar share them."""
    if number == 0:
        return rows, np.ones(len(rows)), np.ones(len(rows))
    rng = np.random.default_rng([seed, number])
    first, last = session[rows[0]], session[rows[-1]]
    at = session[rows] - first
    n = int(last - first) + 1
    noise = np.where(rng.random(n) < NOISY_SESSIONS, NOISE_SD * rng.standard_normal(n), 0.0)
    factor = np.exp(rng.uniform(-1.5, 1.5) + np.cumsum(noise))
    begin = rng.integers(n // 2 + 1) if rng.random() < 1 / 3 else 0
    is_dropped = rng.random(n) < rng.uniform(0, PATCHY)
    kept = (at >= begin) & (~is_dropped[at] | is_event[rows])
    traded = np.full(len(rows), np.exp(rng.uniform(-2, 2)))
    return rows[kept], factor[at[kept]], traded[kept]


def _perturbed(
    bars: pl.DataFrame, numbers: list[int], copies: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> pl.DataFrame:
    rows, factor, traded = (np.concatenate(part) for part in zip(*copies, strict=True))
    names = pl.Series([symbol(i) for i in numbers], dtype=pl.String)
    copy = names.gather(np.repeat(np.arange(len(numbers)), [len(one[0]) for one in copies]))
    scale = pl.Series(factor)
    levels = [name for name in LEVELS if name in bars.columns]
    scaled = bars[rows].with_columns(
        *(pl.col(name) * scale for name in levels), pl.col("volume") * pl.Series(traded), symbol=copy
    )
    if "total_return_index" not in bars.columns:
        return scaled
    growth = ((pl.col("close") + pl.col("dividend")) / pl.col("close").shift(1)).fill_null(1.0)
    index = pl.when(pl.col("total_return_index").is_not_null()).then(growth.cum_prod().over("symbol"))
    return scaled.with_columns(total_return_index=index)
