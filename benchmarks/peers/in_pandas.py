"""docs/definitions.md in pandas, as a competent user writes it: grouped and vectorised wherever pandas has a way.

Where it has none there is a loop: over gaps (when were they filled), over sessions (when was it last as high), over
falls. Inputs are sorted and categorical, which pandas likes best.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl

from pipeline.config import StreakRule
from pipeline.contracts.derived.moves import RECORD_WINDOWS
from pipeline.contracts.derived.strength import RATIO_WINDOWS, RETURN_WINDOWS, SPREAD_WINDOWS
from pipeline.transforms.phases import PHASES

UNBROKEN_ONLY = False
GAP, EQUAL, NOISE, ALIKE = 10, 1e-9, 1e-6, 1e-5


class Data(NamedTuple):
    """core.prices and pairs (symbol, benchmark) as pandas frames."""

    bars: pd.DataFrame
    pairs: pd.DataFrame
    rules: list[StreakRule]


def prepared(prices: pl.DataFrame, pairs: list[tuple[str, str]], rules: list[StreakRule]) -> Data:
    """Frames sorted by symbol and session, the symbol as a category."""
    columns = ("symbol", "session_date", "session_no", "open", "high", "low", "close", "volume", "dividend")
    bars = prices.select(columns).to_pandas().astype({"symbol": "category"})
    known = [pair for pair in sorted(pairs) if set(pair) <= set(bars["symbol"].cat.categories)]
    listed = pd.DataFrame(known, columns=["symbol", "benchmark"]).astype(bars["symbol"].dtype)
    return Data(bars, listed.rename_axis("pair").reset_index(), rules)


def frame(data: Data, family: str, table: pd.DataFrame) -> pl.DataFrame:
    """As Polars, NaN as NULL, categories as text."""
    found = pl.from_pandas(table, nan_to_null=True)
    names = [name for name, dtype in found.schema.items() if dtype in (pl.Categorical, pl.Enum)]
    return found.with_columns(pl.col(names).cast(pl.String))


def _guard(bars: pd.DataFrame, by: str, x: pd.Series, n: int) -> pd.Series:
    """NaN where the window from n rows back misses more than ten sessions."""
    session = bars["session_no"]
    before = session.groupby(bars[by], observed=True, sort=False).shift(n)
    return x.where(session - before <= n + GAP)


def _change(bars: pd.DataFrame, by: str, x: pd.Series, n: int) -> pd.Series:
    return _guard(bars, by, x / x.groupby(bars[by], observed=True, sort=False).shift(n) - 1, n)


def _rolling(bars: pd.DataFrame, by: str, x: pd.Series, n: int) -> Any:
    return x.groupby(bars[by], observed=True, sort=False).rolling(n)


def _aligned(x: pd.Series, like: pd.Series) -> pd.Series:
    """A grouped rolling result in the order of the rows: groups stand in their order, so do the rows."""
    return pd.Series(x.to_numpy(), index=like.index)


def _mean(bars: pd.DataFrame, by: str, x: pd.Series, n: int) -> pd.Series:
    return _guard(bars, by, _aligned(_rolling(bars, by, x, n).mean(), x), n - 1)


def _sd(bars: pd.DataFrame, by: str, x: pd.Series, n: int, ddof: int = 0) -> pd.Series:
    return _aligned(_rolling(bars, by, x, n).std(ddof=ddof), x)


def _in_deviations(x: pd.Series, mean: pd.Series, sd: pd.Series) -> pd.Series:
    return ((x - mean) / sd).where(sd > mean.abs() * 1e-7)


def _flag(value: pd.Series | np.ndarray, is_known: pd.Series | np.ndarray) -> pd.arrays.BooleanArray:
    return pd.arrays.BooleanArray(np.asarray(value, dtype=bool), ~np.asarray(is_known, dtype=bool))


def returns(data: Data) -> pd.DataFrame:
    """Section 1 on the price basis."""
    bars, close = data.bars, data.bars["close"]
    table = bars[["symbol", "session_date"]].copy()
    for n in RETURN_WINDOWS:
        table[f"ret_{n}d"] = _change(bars, "symbol", close, n)
    table["ret_ytd"] = _year_to_date(bars)
    log_return = _guard(bars, "symbol", np.log(close).groupby(bars["symbol"], observed=True).diff(), 1)
    volatility = _sd(bars, "symbol", log_return, 21, ddof=1) * 252**0.5
    table["realized_vol_21d"] = _guard(bars, "symbol", volatility, 21)
    return table


def _year_to_date(bars: pd.DataFrame) -> np.ndarray:
    rows = bars.assign(year=bars["session_date"].dt.year, row=np.arange(len(bars)))
    last = rows.groupby(["symbol", "year"], observed=True)[["close", "session_no", "row"]].last().reset_index()
    last["year"] += 1
    base = rows[["symbol", "year"]].merge(last, on=["symbol", "year"], how="left")
    missing = (rows["session_no"] - base["session_no"]) - (rows["row"] - base["row"])
    return (rows["close"] / base["close"] - 1).where(missing <= GAP).to_numpy()


def _joined(data: Data) -> pd.DataFrame:
    """One row per pair and common session: level, benchmark_level, ratio."""
    levels = data.bars[["symbol", "session_date", "session_no", "close"]]
    other = levels[["symbol", "session_date", "close"]].rename(columns={"symbol": "benchmark"})
    both = (
        data.pairs.merge(levels, on="symbol")
        .merge(other, on=["benchmark", "session_date"], suffixes=("", "_benchmark"))
        .rename(columns={"close": "level", "close_benchmark": "benchmark_level"})
    )
    return both.assign(ratio=both["level"] / both["benchmark_level"])


def relative_strength(data: Data) -> pd.DataFrame:
    """Section 1, pairs."""
    bars = _joined(data)
    ratio, by = bars["ratio"], bars.groupby("pair", sort=False)
    table = bars[["symbol", "benchmark", "session_date", "ratio"]].copy()
    table["ratio_index"] = 100 * ratio / by["ratio"].transform("first")
    for n in SPREAD_WINDOWS:
        own, other = (_change(bars, "pair", bars[name], n) for name in ("level", "benchmark_level"))
        table[f"spread_{n}d_pp"] = 100 * (own - other)
    for n in RATIO_WINDOWS:
        table[f"ratio_change_{n}d"] = _change(bars, "pair", ratio, n)
    table["mansfield_252"] = 100 * (ratio / _mean(bars, "pair", ratio, 252) - 1)
    highest = _guard(bars, "pair", _aligned(_rolling(bars, "pair", ratio, 252).max(), ratio), 251)
    table["is_ratio_high_252"] = _flag(ratio >= highest * (1 - EQUAL), highest.notna())
    strength, momentum = _rotation(bars)
    table["rot_ratio"], table["rot_momentum"] = strength, momentum
    table["quadrant"] = _quadrant(strength, momentum)
    table["regime_63d"] = _regime(_change(bars, "pair", bars["level"], 63), table["spread_63d_pp"])
    table["beta_252"], table["corr_63"] = _regression(bars)
    return table


def _rotation(bars: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    ratio = bars["ratio"]
    mean, sd = _mean(bars, "pair", ratio, 63), _sd(bars, "pair", ratio, 63)
    strength = 100 + _in_deviations(ratio, mean, sd)
    roc = _change(bars, "pair", strength, 1)
    spread = _sd(bars, "pair", roc, 63)
    return strength, 100 + ((roc - _mean(bars, "pair", roc, 63)) / spread).where(spread > 1e-12)


def _quadrant(strength: pd.Series, momentum: pd.Series) -> pd.Series:
    is_known = strength.notna() & momentum.notna()
    number = np.where(strength > 100, np.where(momentum > 100, 0, 1), np.where(momentum > 100, 3, 2))
    names = ["leading", "weakening", "lagging", "improving"]
    return pd.Series(pd.Categorical.from_codes(np.where(is_known, number, -1), names), strength.index)


def _regime(ret: pd.Series, spread: pd.Series) -> pd.Series:
    number = 2 * (ret <= NOISE) + (spread <= 100 * NOISE)
    names = ["up_leading", "up_lagging", "down_leading", "down_lagging"]
    return pd.Series(pd.Categorical.from_codes(number.where(ret.notna(), -1), names), ret.index)


def _regression(bars: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Beta and correlation: pandas has both for two columns of one group at a time."""
    own, other = (_change(bars, "pair", bars[name], 1) for name in ("level", "benchmark_level"))
    moves = pd.DataFrame({"pair": bars["pair"], "own": own, "other": other})
    groups = [group for _, group in moves.groupby("pair", sort=False)]
    covariance = pd.concat([one["own"].rolling(252).cov(one["other"]) for one in groups])
    correlation = pd.concat([one["own"].rolling(63).corr(one["other"]) for one in groups])
    variance = _sd(bars, "pair", other, 252, ddof=1) ** 2
    beta = (covariance / variance).where(variance > 1e-18)
    is_moving = (_sd(bars, "pair", own, 63, ddof=1) > 1e-9) & (_sd(bars, "pair", other, 63, ddof=1) > 1e-9)
    return _guard(bars, "pair", beta, 252), _guard(bars, "pair", correlation.where(is_moving), 63)


def trend(data: Data) -> pd.DataFrame:
    """Section 3, against the first pair's benchmark."""
    bars, close = data.bars, data.bars["close"]
    table = bars[["symbol", "session_date"]].copy()
    sma_50, sma_200 = _mean(bars, "symbol", close, 50), _mean(bars, "symbol", close, 200)
    table["sma_50"], table["sma_200"] = sma_50, sma_200
    _wilder(bars, table)
    _bands(bars, table)
    _momentum(bars, table)
    _leadership(bars, table, data.pairs["benchmark"][0])
    _phases(bars, table)
    table["sma_50_slope_20"] = _change(bars, "symbol", sma_50, 20)
    table["sma_200_slope_20"] = _change(bars, "symbol", sma_200, 20)
    above = close >= sma_50 * (1 - EQUAL)
    table["closes_above_sma50"] = _in_a_row(bars, above).where(sma_50.notna())
    _extremes(bars, table)
    return table


def _runs(bars: pd.DataFrame) -> pd.Series:
    """Number of the stretch of bars that no long gap breaks."""
    return (~(bars.groupby("symbol", observed=True)["session_no"].diff() <= 1 + GAP)).cumsum()


def _smoothed(x: pd.Series, run: pd.Series, n: int, alpha: float) -> pd.Series:
    by = x.groupby(run)
    count = by.cumcount() + 1 - x.isna().groupby(run).cumsum()
    seeded = x.where(count > n, (by.cumsum() / n).where(count == n))
    smooth = seeded.groupby(run).ewm(alpha=alpha, adjust=False, ignore_na=True).mean()
    return _aligned(smooth, x)


def _wilder(bars: pd.DataFrame, table: pd.DataFrame) -> None:
    close, run = bars["close"], _runs(bars)
    before = close.groupby(run).shift(1)
    move = close - before
    true_range = np.maximum(bars["high"], before) - np.minimum(bars["low"], before)
    gain, loss, mean = (_smoothed(x, run, 14, 1 / 14) for x in (move.clip(lower=0), (-move).clip(lower=0), true_range))
    moves = gain + loss
    rsi = (100 * gain / moves).where(moves > 1e-12 * close, 50.0).where(moves.notna())
    table["ema_21"] = _guard(bars, "symbol", _smoothed(close, run, 21, 2 / 22), 20)
    table["rsi_14"] = _guard(bars, "symbol", rsi, 14)
    table["atr_14"] = _guard(bars, "symbol", mean, 14)
    table["atr_14_pct"] = 100 * table["atr_14"] / close


def _bands(bars: pd.DataFrame, table: pd.DataFrame) -> None:
    close = bars["close"]
    sma_20, sd_20 = _mean(bars, "symbol", close, 20), _sd(bars, "symbol", close, 20)
    table["bollinger_upper"], table["bollinger_lower"] = sma_20 + 2 * sd_20, sma_20 - 2 * sd_20
    table["bollinger_pct_b"] = 0.5 + _in_deviations(close, sma_20, sd_20) / 4
    table["distance_sma50_sd"] = _in_deviations(close, table["sma_50"], _sd(bars, "symbol", close, 50))


def _momentum(bars: pd.DataFrame, table: pd.DataFrame) -> None:
    momentum = 100 * (bars["close"] / table["sma_200"] - 1)
    mean, width = _mean(bars, "symbol", momentum, 50), 2 * _sd(bars, "symbol", momentum, 50)
    table["momentum_200"], table["momentum_200_sma50"] = momentum, mean
    table["momentum_200_sma200"] = _mean(bars, "symbol", momentum, 200)
    table["momentum_200_upper"], table["momentum_200_lower"] = mean + width, mean - width


def _leadership(bars: pd.DataFrame, table: pd.DataFrame, benchmark: str) -> None:
    """On the sessions that the benchmark has too."""
    other = bars.loc[bars["symbol"] == benchmark].set_index("session_no")["close"]
    ratio = bars["close"] / bars["session_no"].map(other)
    common = bars.loc[ratio.notna() & (bars["symbol"] != benchmark)]
    ratio = ratio.loc[common.index]
    leadership = 100 * (ratio / _mean(common, "symbol", ratio, 50) - 1)
    mean, width = _mean(common, "symbol", leadership, 20), 2 * _sd(common, "symbol", leadership, 20)
    # assignment aligns by index: rows without the benchmark have none
    table["leadership"], table["leadership_upper"], table["leadership_lower"] = leadership, mean + width, mean - width


def _phases(bars: pd.DataFrame, table: pd.DataFrame) -> None:
    close, sma_50, sma_200 = bars["close"], table["sma_50"], table["sma_200"]
    above_50, above_200 = close >= sma_50 * (1 - EQUAL), close >= sma_200 * (1 - EQUAL)
    is_rising = sma_50 >= sma_200 * (1 - EQUAL)
    rising = np.where(above_50, 0, np.where(above_200, 1, 2))
    falling = np.where(above_50, np.where(above_200, 5, 4), 3)
    number = np.where(is_rising, rising, np.where(~above_50 & above_200, 1, falling))
    raw = pd.Series(np.where(sma_200.notna() & sma_50.notna(), number, -1), bars.index)
    by = raw.groupby(bars["symbol"], observed=True)
    settled = raw.where((raw == by.shift(1)) | (raw == -1)).groupby(bars["symbol"], observed=True).ffill()
    phase = settled.fillna(-1).astype(int)
    is_known = phase >= 0
    stretch = ((phase != phase.shift(1)) | (bars["symbol"] != bars["symbol"].shift(1))).cumsum()
    table["phase_raw"] = pd.Categorical.from_codes(raw, PHASES)
    table["phase"] = pd.Categorical.from_codes(phase, PHASES)
    table["days_in_phase"] = (phase.groupby(stretch).cumcount() + 1).where(is_known)
    table["is_phase_confirmed"] = _flag(raw == phase, is_known)


def _in_a_row(bars: pd.DataFrame, is_met: pd.Series) -> pd.Series:
    return is_met.groupby([bars["symbol"], (~is_met).cumsum()], observed=True).cumsum()


def _extremes(bars: pd.DataFrame, table: pd.DataFrame) -> None:
    close, volume = bars["close"], bars["volume"]
    highest = _guard(bars, "symbol", _aligned(_rolling(bars, "symbol", close, 252).max(), close), 251)
    lowest = _guard(bars, "symbol", _aligned(_rolling(bars, "symbol", close, 252).min(), close), 251)
    table["high_252_distance"] = close / highest - 1
    table["is_high_252"] = _flag(close >= highest * (1 - EQUAL), highest.notna())
    table["is_low_252"] = _flag(close <= lowest * (1 + EQUAL), lowest.notna())
    earlier = volume.groupby(bars["symbol"], observed=True).shift(1)
    usual = _aligned(_rolling(bars, "symbol", earlier, 50).mean(), volume)
    relative = (volume / usual).where((volume > 0) & (usual > volume * 1e-9))
    table["relative_volume_50"] = _guard(bars, "symbol", relative, 50)
    peak = close.groupby(bars["symbol"], observed=True).cummax()
    table["drawdown"] = close / peak - 1
    table["is_bear_territory"] = close <= 0.8 * peak * (1 + EQUAL)
    table["is_correction"] = close <= 0.9 * peak * (1 + EQUAL)


def bar_events(data: Data) -> pd.DataFrame:
    """Section 2, gaps and days."""
    bars, by = data.bars, data.bars.groupby("symbol", observed=True)
    before = by[["high", "low", "close", "session_no"]].shift(1)
    is_near = bars["session_no"] - before["session_no"] <= 1 + GAP
    high, low, close = (before[name].where(is_near) for name in ("high", "low", "close"))
    reliable = _opens_are_reliable(bars, close)
    up, down = bars["open"] > high * (1 + ALIKE), bars["open"] < low * (1 - ALIKE)
    higher, lower = bars["high"] > high * (1 + ALIKE), bars["low"] < low * (1 - ALIKE)
    outside, is_known = higher & lower, high.notna() & low.notna()
    usable = reliable.fillna(False).astype(bool) & is_known & bars["open"].notna()
    table = bars[["symbol", "session_date"]].copy()
    table["is_gap_up"], table["is_gap_down"] = _flag(up, usable), _flag(down, usable)
    edge = high.where(up, low.where(down)).where(usable)
    table["gap_size"] = bars["open"] / edge - 1
    table["gap_filled_on"] = _gap_filled_on(bars, up & usable, down & usable, edge)
    table["is_partial_gap_up"] = _flag((bars["open"] > close * (1 + ALIKE)) & ~up, usable)
    table["is_partial_gap_down"] = _flag((bars["open"] < close * (1 - ALIKE)) & ~down, usable)
    table["is_outside_day"] = _flag(outside, is_known)
    table["is_negative_outside_day"] = _flag(outside & (bars["close"] < close * (1 - ALIKE)), is_known)
    table["is_positive_outside_day"] = _flag(outside & (bars["close"] > close * (1 + ALIKE)), is_known)
    inside = (bars["high"] < high * (1 - ALIKE)) & (bars["low"] > low * (1 + ALIKE))
    table["is_inside_day"] = _flag(inside, is_known)
    table["is_ex_dividend"] = _flag(bars["dividend"] > 0, before["session_no"].notna() & bars["dividend"].notna())
    table["opens_are_reliable"] = reliable
    return table


def _opens_are_reliable(bars: pd.DataFrame, before: pd.Series) -> pd.Series:
    opened, by = bars["open"], bars["symbol"]
    is_copied = (opened <= before * (1 + ALIKE)) & (opened >= before * (1 - ALIKE))

    def recent(is_met: pd.Series) -> pd.Series:
        counts = is_met.astype(float).groupby(by, observed=True).rolling(252, min_periods=1).sum()
        return _aligned(counts, is_met)

    copied, opens = recent(is_copied), recent(opened.notna())
    session = bars["session_no"].groupby(by, observed=True)
    row = session.cumcount().clip(upper=251)
    missing = bars["session_no"] - session.shift(251).fillna(session.transform("first")) - row
    is_known = (opens >= 21) & (missing <= GAP)
    return (100 * copied <= 15 * opens).astype("boolean").where(is_known)


def _gap_filled_on(bars: pd.DataFrame, up: pd.Series, down: pd.Series, edge: pd.Series) -> np.ndarray:
    """A loop over gaps, each of which searches the bars that follow."""
    low, high, edges = bars["low"].to_numpy(), bars["high"].to_numpy(), edge.to_numpy()
    dates = bars["session_date"].to_numpy()
    end = np.asarray(bars["symbol"].cat.codes).searchsorted(bars["symbol"].cat.codes, side="right")
    filled = np.full(len(bars), np.datetime64("NaT"), dates.dtype)
    for is_gap, is_up in ((up, True), (down, False)):
        for row in np.flatnonzero(is_gap):
            later = slice(row, end[row])
            reached = low[later] <= edges[row] * (1 + ALIKE) if is_up else high[later] >= edges[row] * (1 - ALIKE)
            first = reached.argmax()
            if reached[first]:
                filled[row] = dates[row + first]
    return filled


def streak_events(data: Data) -> pd.DataFrame:
    """Section 2, streaks: runs by the cumulative sum of their breaks, then a grouped aggregate."""
    bars = data.bars[["symbol", "session_date", "session_no", "close"]].copy()
    by = bars.groupby("symbol", observed=True)
    bars["ret"] = _change(bars, "symbol", bars["close"], 1)
    bars["before"], bars["session_before"] = by["close"].shift(1), by["session_no"].shift(1)
    bars["row"] = np.arange(len(bars))
    found = [_streaks(bars, rule, allowed) for rule in data.rules for allowed in (0, 1)]
    return pd.concat(found, ignore_index=True)


def _streaks(bars: pd.DataFrame, rule: StreakRule, allowed: int) -> pd.DataFrame:
    ret = bars["ret"]
    hit = ret > (rule.above or NOISE) if rule.above is not None else ret < (rule.below or -NOISE)
    runs = _hit_runs(bars, hit)
    if allowed:
        runs = _bridged(bars, runs)
    runs = runs.loc[runs["hits"] >= 2].copy()
    confirming = runs["last"] + allowed - runs["misses"] + 1
    at = confirming.clip(upper=len(bars) - 1)
    settled = (confirming < len(bars)) & (bars["symbol"].cat.codes.to_numpy()[at] == runs["symbol"].cat.codes)
    missing = runs["end_no"] - runs["session_before"] - runs["sessions"]
    return pd.DataFrame(
        {
            "symbol": runs["symbol"],
            "rule": rule.rule,
            "allowed_misses": allowed,
            "start_date": runs["start_date"],
            "end_date": runs["end_date"],
            "hits": runs["hits"],
            "sessions": runs["sessions"],
            "cum_return": (runs["end_close"] / runs["before"] - 1).where(missing <= GAP),
            "max_ret_1d": runs["max_ret"],
            "min_ret_1d": runs["min_ret"],
            "confirmed_on": pd.Series(bars["session_date"].to_numpy()[at], runs.index).where(settled),
            "is_open": ~settled,
        }
    )


def _hit_runs(bars: pd.DataFrame, hit: pd.Series) -> pd.DataFrame:
    starts = ~hit | (bars["symbol"] != bars["symbol"].shift(1)) | ~hit.shift(1, fill_value=False)
    runs = (
        bars.loc[hit]
        .groupby(starts.cumsum()[hit], sort=False)
        .agg(
            symbol=("symbol", "first"),
            first=("row", "first"),
            last=("row", "last"),
            start_date=("session_date", "first"),
            end_date=("session_date", "last"),
            before=("before", "first"),
            session_before=("session_before", "first"),
            end_close=("close", "last"),
            end_no=("session_no", "last"),
            max_ret=("ret", "max"),
            min_ret=("ret", "min"),
        )
    )
    sessions = runs["last"] - runs["first"] + 1
    return runs.assign(hits=sessions, sessions=sessions, misses=0).reset_index(drop=True)


def _bridged(bars: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Each run with the next one across a single miss; a run that only ends such a window is none of its own."""
    later = runs.shift(-1)
    joins = (later["first"] - runs["last"] == 2) & (later["symbol"] == runs["symbol"])
    miss = bars["ret"].to_numpy()[np.minimum(runs["last"] + 1, len(bars) - 1)]
    wide = runs.copy()
    for name in ("last", "end_date", "end_close", "end_no"):
        wide[name] = runs[name].where(~joins, later[name])
    wide["last"] = wide["last"].astype(int)
    highest = np.fmax(np.fmax(runs["max_ret"], later["max_ret"]), miss)
    lowest = np.fmin(np.fmin(runs["min_ret"], later["min_ret"]), miss)
    wide["max_ret"], wide["min_ret"] = highest.where(joins, runs["max_ret"]), lowest.where(joins, runs["min_ret"])
    wide["misses"] = joins.astype(int)
    wide["sessions"] = wide["last"] - wide["first"] + 1
    wide["hits"] = wide["sessions"] - wide["misses"]
    return wide.loc[joins | ~joins.shift(1, fill_value=False)]


def records(data: Data) -> pd.DataFrame:
    """Section 2, records: pandas has expanding ranks and moments, but not "when was it last as high"."""
    bars = data.bars.assign(benchmark=None)
    single = {f"ret_{n}d": (n, _change(bars, "symbol", bars["close"], n)) for n in RECORD_WINDOWS}
    pairs = _joined(data)
    spreads = {}
    for n in RECORD_WINDOWS:
        own, other = (_change(pairs, "pair", pairs[name], n) for name in ("level", "benchmark_level"))
        spreads[f"spread_{n}d_pp"] = (n, 100 * (own - other))
    tables = [
        *(_records(bars, "symbol", name, n, x) for name, (n, x) in single.items()),
        _records(bars, "symbol", "close", 1, bars["close"], is_level=True),
        *(_records(pairs, "pair", name, n, x) for name, (n, x) in spreads.items()),
        _records(pairs, "pair", "ratio", 1, pairs["ratio"], is_level=True),
    ]
    return pd.concat(tables, ignore_index=True).astype({"benchmark": "str"})


def _records(
    bars: pd.DataFrame, by: str, measure: str, n: int, x: pd.Series, *, is_level: bool = False
) -> pd.DataFrame:
    key = list(dict.fromkeys((by, "symbol", "benchmark", "session_date")))
    valued = bars.loc[x.notna(), key].assign(value=x, tolerance=EQUAL * x.abs() if is_level else EQUAL)
    values = valued.groupby(by, observed=True)["value"]
    valued["nth"] = values.cumcount()
    rank = values.expanding().rank(method="average").to_numpy()
    valued["percentile"] = (rank - 0.5) / (valued["nth"] + 1)
    mean, sd = values.expanding().mean(), values.expanding().std()
    before = pd.DataFrame({"mean": mean.to_numpy(), "sd": sd.to_numpy(), by: valued[by].to_numpy()}, valued.index)
    before = before.groupby(by, observed=True).shift(1)
    z = ((valued["value"] - before["mean"]) / before["sd"]).where((valued["nth"] >= 252) & (before["sd"] > 0))
    valued["z_score"] = z
    # n-session windows are counted in the symbol's own bars, valued or not
    valued["place"] = bars.groupby(by, observed=True).cumcount().loc[valued.index]
    valued["history_start"] = valued.groupby(by, observed=True)["session_date"].transform("first")
    found = [_direction(valued, by, n, direction).assign(measure=measure) for direction in ("high", "low")]
    columns = ["symbol", "benchmark", "measure", "direction", "session_date", "value", "since_date", "sessions_since"]
    return pd.concat(found)[[*columns, "is_all_time", "history_start", "z_score", "percentile"]]


def _direction(valued: pd.DataFrame, by: str, n: int, direction: str) -> pd.DataFrame:
    sign = 1.0 if direction == "high" else -1.0
    x, tolerance, place = sign * valued["value"].to_numpy(), valued["tolerance"].to_numpy(), valued["place"].to_numpy()
    series = [_since(x[at], tolerance[at], place[at], n) for at in valued.groupby(by, observed=True).indices.values()]
    since, nth = np.concatenate(series), valued["nth"].to_numpy()
    back = np.where(since < 0, 0, nth - since)
    kept = np.where(since < 0, nth >= 252, back >= n + 20)
    dates = valued["session_date"].to_numpy()[np.arange(len(valued)) - back]
    found = valued.assign(
        direction=direction,
        since_date=np.where(since < 0, np.datetime64("NaT"), dates),
        sessions_since=np.where(since < 0, np.nan, back),
        is_all_time=since < 0,
    )
    return found.loc[kept]


def _since(x: np.ndarray, tolerance: np.ndarray, place: np.ndarray, n: int) -> np.ndarray:
    """Of each value the latest earlier one that is as high, -1: none; a loop that searches what came before."""
    until, wanted = place.searchsorted(place - n, side="right"), x - tolerance
    since = np.full(len(x), -1)
    for t in range(len(x)):
        as_high = x[: until[t]] >= wanted[t]
        if as_high.any():
            since[t] = until[t] - 1 - as_high[::-1].argmax()
    return since


def drawdowns(data: Data) -> pd.DataFrame:
    """Section 3, falls of a tenth: spells by the cumulative sum of peaks, then a loop over those that fell enough."""
    bars = data.bars[["symbol", "session_date", "close"]].copy()
    by = bars.groupby("symbol", observed=True)
    bars["peak"] = by["close"].cummax()
    bars["next_session"] = by["session_date"].shift(-1)
    bars["spell"] = (bars["close"] >= bars["peak"] * (1 - EQUAL)).cumsum()
    spells = bars.groupby("spell", sort=False)
    lowest, peak = spells["close"].transform("min"), spells["peak"].transform("first")
    deep = bars.loc[lowest <= 0.9 * peak * (1 + EQUAL)]
    return pd.DataFrame([_fall(spell) for _, spell in deep.groupby("spell", sort=False)])


def _fall(spell: pd.DataFrame) -> dict:
    close, dates, peak = spell["close"].to_numpy(), spell["session_date"].to_numpy(), spell["peak"].iloc[0]
    recovered_on = spell["next_session"].iloc[-1]
    is_bear = close <= 0.8 * peak * (1 + EQUAL)
    was_bear = np.maximum.accumulate(is_bear)
    new_bull = was_bear & (close >= 1.2 * np.minimum.accumulate(close) * (1 - EQUAL))
    recovered_bear = recovered_on if is_bear.any() else pd.NaT

    def first(met: np.ndarray, otherwise: pd.Timestamp) -> pd.Timestamp:
        return pd.Timestamp(dates[met.argmax()]) if met.any() else otherwise

    return {
        "symbol": spell["symbol"].iloc[0],
        "peak_date": pd.Timestamp(dates[0]),
        "peak_close": peak,
        "bear_level": 0.8 * peak,
        "trough_date": pd.Timestamp(dates[close.argmin()]),
        "depth": close.min() / peak - 1,
        "confirmed_bear_on": first(is_bear, pd.NaT),
        "left_bear_territory_on": first(was_bear & ~is_bear, recovered_bear),
        "new_bull_on": first(new_bull, recovered_bear),
        "recovered_on": recovered_on,
        "is_open": pd.isna(recovered_on),
    }


FAMILIES = {
    "returns": returns,
    "relative_strength": relative_strength,
    "trend": trend,
    "bar_events": bar_events,
    "streaks": streak_events,
    "records": records,
    "drawdowns": drawdowns,
}


def computed(data: Data, family: str, columns: object = None) -> pd.DataFrame:
    """The whole family, whatever columns are asked for."""
    return FAMILIES[family](data)
