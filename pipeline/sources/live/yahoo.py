"""Yahoo Finance through yfinance: daily bars, fed funds futures, and what it states about funds.

The prices may be used personally and not be passed on (yfinance#2812).
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from pipeline import calendar
from pipeline.calendar import FIRST_DAY
from pipeline.config import Instrument
from pipeline.contracts import raw
from pipeline.settings import NEW_YORK, Settings
from pipeline.sources import Captured
from pipeline.sources.bars import NUMBERS, bar_fault, false_print, may_be_false_print
from pipeline.sources.live.asking import SOURCE, Question, Served
from pipeline.sources.live.pace import NoData, Pace, Unreadable
from pipeline.sources.live.yahoo_client import Client
from pipeline.transforms.captures import COMPARED, differs

if TYPE_CHECKING:
    import pandas as pd

OVERLAP = 10  # sessions before the newest captured bar that are fetched again, to see what the source changed
YEAR = 252  # sessions in which a missing bar is asked for again
CONTRACTS = 13  # fed funds futures: the current month and the next twelve
MONTH_CODES = "FGHJKMNQUVXZ"  # of futures contracts, January to December
COLUMNS = {
    "open": "Open", "high": "High", "low": "Low", "close": "Close", "adj_close": "Adj Close", "volume": "Volume",
    "dividend": "Dividends", "split_ratio": "Stock Splits",
}  # fmt: skip
UTC = pl.Datetime("us", "UTC")
CHART_ORIGIN = pl.format("yahoo chart {}", "symbol")


def questions(
    settings: Settings, instruments: Sequence[Instrument], captured: Captured, *, now: dt.datetime, pace: Pace
) -> list[Question]:
    """What to ask Yahoo at the UTC instant `now`: bars of every instrument, futures, and facts not yet asked today."""
    client = Client(pace, settings.yahoo_url)
    last_final = calendar.last_final_session(now)
    known = _by_symbol(captured("price_captures"))
    prices = [
        Question("prices", one.symbol, partial(_prices, client, one.symbol, known.get(one.symbol), last_final, now))
        for one in instruments
    ]
    if settings.symbols is not None:
        return [*prices, *_facts_question(client, instruments, captured, now)]
    return [
        *prices,
        *_futures_questions(client, captured, last_final, now),
        *_facts_question(client, instruments, captured, now),
    ]


def _by_symbol(captures: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = captures.partition_by("symbol", as_dict=True, maintain_order=True)
    return {str(symbol): frame for (symbol,), frame in parts.items()}


# prices


def _prices(client: Client, symbol: str, known: pl.DataFrame | None, last_final: dt.date, now: dt.datetime) -> Served:
    """Fetch what is new, or everything where nothing is known yet or the source has changed what is."""
    start = FIRST_DAY if known is None else _start(known)
    bars = _bars(client.history(symbol, start), symbol, last_final).pipe(_splits_kept, known)
    if known is not None:
        # whether a capital gain is inside the dividend shows beside the bar before, which the first of a part lacks
        bars = bars.filter((pl.int_range(pl.len()) > 0) | ~(pl.col("capital_gain") > 0).fill_null(False))
        if _has_changed(bars, known):
            start = FIRST_DAY
            bars = _bars(client.history(symbol, start), symbol, last_final).pipe(_splits_kept, known)
    judged = bars.with_columns(reason=bar_fault())
    good = judged.filter(pl.col("reason").is_null()).with_columns(reason=false_print())
    refused = pl.concat([judged, good]).filter(
        pl.col("reason").is_not_null() & ~pl.all_horizontal(pl.col(name).is_null() for name in ("open", "close"))
    )
    # a doubtful newest bar waits for its next one: the captures would keep it for ever
    good = good.filter(pl.col("reason").is_null()).filter(~may_be_false_print())
    outcome, detail = _completeness(good, known, last_final)
    return Served(
        pieces={"prices": _captures(good, now), **({"rejects": _rejects(refused, now)} if refused.height else {})},
        served_from=cast(dt.date | None, good["session_date"].min()) if start == FIRST_DAY else None,
        served_to=_newest(good) if good.height else None,
        outcome=outcome,
        detail=detail,
    )


def _start(known: pl.DataFrame) -> dt.date:
    """OVERLAP sessions before the newest captured bar, or the oldest session of the last year that has no bar yet."""
    newest = _newest(known)
    year = max(_oldest(known), _sessions_before(newest, YEAR))
    have = set(known.filter(pl.col("session_date") >= year)["session_date"])
    missing = [day for day in _sessions_from(year, newest) if day not in have]
    return min([*missing[:1], _sessions_before(newest, OVERLAP)])


def _bars(frame: "pd.DataFrame", symbol: str, last_final: dt.date) -> pl.DataFrame:
    """Final bars in our terms: symbol, session_date and NUMBERS; what cannot be a number is NULL.

    Raises:
        Unreadable: a column is missing.
    """
    lacking = [column for column in COLUMNS.values() if column not in frame.columns]
    if lacking:
        raise Unreadable(f"the answer lacks {', '.join(lacking)}")
    columns = {**COLUMNS, "capital_gain": "Capital Gains"} if "Capital Gains" in frame.columns else COLUMNS
    numbers = {name: frame[column].to_numpy(dtype=float) for name, column in columns.items()}
    bars = pl.DataFrame({"session_date": pl.Series(list(frame.index.date), dtype=pl.Date), **numbers})
    finite = [pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in numbers]
    absent = [pl.lit(None, pl.Float64).alias(name) for name in NUMBERS if name not in columns]
    return (
        bars.filter(pl.col("session_date").is_between(FIRST_DAY, last_final))
        .with_columns(*finite, *absent, symbol=pl.lit(symbol))
        .with_columns(split_ratio=pl.col("split_ratio").replace(0.0, 1.0))  # Yahoo writes 0 for none
        .sort("session_date")
        .pipe(_gains_apart)
    )


def _gains_apart(bars: pl.DataFrame) -> pl.DataFrame:
    """Take capital gains out of dividends that hold them too, as Yahoo's often do (yfinance#2666).

    Which it is shows in the fall of the close: nearer to the dividend alone, then the gain is inside.
    """
    fall = pl.col("close").shift(1) - pl.col("close")
    gain, dividend = pl.col("capital_gain"), pl.col("dividend")
    is_inside = (dividend >= gain) & ((fall - dividend).abs() < (fall - dividend - gain).abs())
    return bars.with_columns(dividend=pl.when((gain > 0) & is_inside).then(dividend - gain).otherwise(dividend))


def _splits_kept(bars: pl.DataFrame, known: pl.DataFrame | None) -> pl.DataFrame:
    """Where Yahoo has lost a split for a while but still serves closes on the basis after it, say nothing of splits.

    A split that was an error of Yahoo's goes: then what was captured before its day has the same closes too.
    """
    if known is None or bars.is_empty():
        return bars
    again = known.filter(pl.col("split_ratio").is_not_null() & (pl.col("session_date") >= _oldest(bars)))
    if (again["split_ratio"] == 1).all():
        return bars
    splits = again.sort("captured_at").unique("session_date", keep="last").filter(pl.col("split_ratio") != 1)
    lost = bars.filter(pl.col("split_ratio") == 1).join(
        splits.select("session_date", lost="split_ratio"), on="session_date"
    )
    kept = [split["session_date"] for split in lost.iter_rows(named=True) if _was_real(split, known)]
    return bars.with_columns(split_ratio=pl.when(~pl.col("session_date").is_in(kept)).then(pl.col("split_ratio")))


def _was_real(split: Mapping[str, Any], known: pl.DataFrame) -> bool:
    """The split changed the basis of earlier closes, as far as the captures show."""
    before = known.filter(pl.col("session_date") < split["session_date"]).sort("session_date", "captured_at")
    last = before.filter(pl.col("session_date") == pl.col("session_date").max())
    captured_on = calendar.new_york_day(pl.col("captured_at"))
    early = last.filter(captured_on < split["session_date"])
    late = last.filter(captured_on >= split["session_date"])
    if early.is_empty() or late.is_empty():
        return late.height > 0
    return abs(early["close"][-1] / late["close"][-1] / split["lost"] - 1) < 0.01


def _has_changed(bars: pl.DataFrame, known: pl.DataFrame) -> bool:
    """The source serves a captured bar otherwise than before, beyond vendor noise."""
    again = known.filter(pl.col("session_date") >= _oldest(bars)) if bars.height else known.clear()
    newest = again.sort("captured_at", maintain_order=True).unique("session_date", keep="last")
    both = bars.join(newest, on="session_date", suffix="_old")
    return bool(both.select(pl.any_horizontal(differs(pl.col(c), pl.col(f"{c}_old")) for c in COMPARED).any()).item())


def _completeness(good: pl.DataFrame, known: pl.DataFrame | None, last_final: dt.date) -> tuple[str, str | None]:
    """Outcome and detail: which of the last sessions have no bar, here or captured before."""
    bars = [rows for rows in (good, known) if rows is not None and rows.height]
    if not bars:
        return NoData.outcome, "no usable bar"
    first = max(min(_oldest(rows) for rows in bars), _sessions_before(last_final, OVERLAP))
    have = {day for rows in bars for day in rows.filter(pl.col("session_date") >= first)["session_date"]}
    missing = [day for day in _sessions_from(first, last_final) if day not in have]
    if not missing:
        return "ok", None
    detail = f"no bar for {', '.join(map(str, missing[:3]))}" + (f" and {len(missing) - 3} more" if missing[3:] else "")
    has_new = known is None or (good.height > 0 and _newest(good) > _newest(known))
    return ("incomplete" if has_new or missing[-1] != last_final else NoData.outcome), detail


def _captures(good: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    flags = pl.when((pl.col("volume") == 0) & ~pl.col("symbol").str.starts_with("^")).then(pl.lit("no_volume"))
    return good.with_columns(flags=flags, origin=CHART_ORIGIN, **_stamp(now)).select(raw.PriceCapture.column_names())


def _rejects(refused: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    excerpt = pl.concat_str(pl.col("session_date", *NUMBERS[:4]).cast(pl.String).fill_null(""), separator=",")
    return refused.with_columns(
        **_stamp(now),
        origin=CHART_ORIGIN,
        line=pl.lit(None, pl.Int64),
        excerpt=excerpt,
    ).select(raw.Reject.column_names())


def _stamp(now: dt.datetime) -> dict[str, pl.Expr]:
    return {"captured_at": pl.lit(now).cast(UTC), "source": pl.lit(SOURCE)}


def _newest(rows: pl.DataFrame) -> dt.date:
    return cast(dt.date, rows["session_date"].max())


def _oldest(rows: pl.DataFrame) -> dt.date:
    return cast(dt.date, rows["session_date"].min())


@cache
def _sessions() -> list[dt.date]:
    return calendar.sessions()["session_date"].to_list()


def _sessions_from(first: dt.date, last: dt.date) -> list[dt.date]:
    return _sessions()[bisect_left(_sessions(), first) : bisect_right(_sessions(), last)]


def _sessions_before(day: dt.date, count: int) -> dt.date:
    return _sessions()[max(bisect_right(_sessions(), day) - 1 - count, 0)]


# fed funds futures


def _futures_questions(client: Client, captured: Captured, last_final: dt.date, now: dt.datetime) -> list[Question]:
    """One question a contract that has no settlement of the last session yet."""
    have = captured("futures_captures").filter(pl.col("session_date") == last_final)["contract"].to_list()
    wanted = [contract for contract in contracts(last_final) if contract not in have]
    return [
        Question("futures", contract, partial(_settlement, client, contract, last_final, now)) for contract in wanted
    ]


def contracts(day: dt.date) -> list[str]:
    """Fed funds futures of the month of `day` and the next twelve, e.g. ZQX26."""
    months = [(day.year * 12 + day.month - 1) + ahead for ahead in range(CONTRACTS)]
    return [f"ZQ{MONTH_CODES[month % 12]}{month // 12 % 100:02}" for month in months]


def _settlement(client: Client, contract: str, last_final: dt.date, now: dt.datetime) -> Served:
    """The settlement of the last final session and no other: futures are captured forward, never back-filled."""
    bars = _bars(client.history(f"{contract}.CBT", last_final), contract, last_final)
    row = bars.filter((pl.col("session_date") == last_final) & (pl.col("close") > 0))
    if row.is_empty():
        return Served({}, outcome=NoData.outcome, detail=f"no settlement for {last_final}")
    settled = row.with_columns(
        contract=pl.lit(contract),
        volume=pl.when(pl.col("volume") >= 0).then(pl.col("volume")),
        open_interest=pl.lit(None, pl.Float64),
        origin=CHART_ORIGIN,
        **_stamp(now),
    ).select(raw.FuturesCapture.column_names())
    return Served({"futures": settled}, served_to=last_final)


# facts


def _facts_question(
    client: Client, instruments: Sequence[Instrument], captured: Captured, now: dt.datetime
) -> list[Question]:
    """One question for all funds that have no facts of today yet; none is left, none is asked."""
    today = now.astimezone(NEW_YORK).date()
    have = captured("fact_captures").filter(pl.col("quoted_on") == today)["symbol"].to_list()
    wanted = [one.symbol for one in instruments if one.is_fund and one.symbol not in have]
    return [Question("facts", "funds", partial(_facts, client, wanted, bool(have), now))] if wanted else []


def _facts(client: Client, symbols: Sequence[str], has_others: bool, now: dt.datetime) -> Served:
    """What Yahoo states now; funds of which it states nothing are no failure where there are facts of others today."""
    rows = [
        (quote.get("symbol"), _number(quote.get("trailingPE")), _number(quote.get("dividendYield")))
        for quote in client.quotes(symbols)
    ]
    stated = [row for row in rows if row[0] in symbols and (row[1] is not None or row[2] is not None)]
    if not stated and not has_others:
        raise NoData("Yahoo states no P/E and no yield for any fund")
    today = now.astimezone(NEW_YORK).date()
    frame = pl.DataFrame(
        stated, schema={"symbol": pl.String, "trailing_pe": pl.Float64, "yield_pct": pl.Float64}, orient="row"
    ).with_columns(quoted_on=pl.lit(today), origin=pl.lit("yahoo quote"), **_stamp(now))
    return Served({"facts": frame.select(raw.FactCapture.column_names())}, served_to=today)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    return float(value) if is_number else None
