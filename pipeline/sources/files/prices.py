"""Daily bars: refuse what is no final bar of an XNYS session, repair what can be repaired, flag what must be known."""

import polars as pl

from pipeline.calendar import FINAL_AT, FIRST_DAY, NEW_YORK
from pipeline.contracts import raw
from pipeline.sources.bars import NUMBERS, PRICES, bar_fault, false_print, inconsistency, last_final_day
from pipeline.sources.files.cells import to_dates, to_numbers
from pipeline.sources.files.document import Table
from pipeline.sources.files.names import SYMBOL
from pipeline.sources.files.refusals import FAULT_SCHEMA, SOURCE, Capture, Refused, faults_of, instant
from pipeline.sources.files.shapes import Shape, recognise, word

ENOUGH_ROWS = 8  # below this, rows far apart may be an excerpt of daily bars
MAYBE_ADJUSTED = "maybe_dividend_adjusted"  # of funds only: an index pays nothing
MONDAY, FRIDAY, SATURDAY, SUNDAY = 1, 5, 6, 7
A_WEEK = 5  # calendar days between weekly bars, at least


def read_prices(table: Table, capture: Capture, file_symbol: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turn a price table into (captures as `raw.PriceCapture`, faults). Raises Refused for a table as a whole.

    Bars come out split-adjusted on the basis of the table's newest row. `file_symbol` counts where no column says more.
    """
    if not table.tickers:
        return _one_table(table, recognise(table.header), capture, file_symbol, flags=())
    bars, faults = [], []
    tickers = [ticker for ticker in dict.fromkeys(table.tickers) if ticker]
    is_wide = len(tickers) > 1
    for ticker in tickers:
        shape, flags = _columns_of(table, ticker)
        places = [str(i) for i in shape.columns.values()]
        # beside other tickers, the days before a fund's first session are padding
        padding = pl.all_horizontal(pl.col(places[1:]).fill_null("").str.strip_chars().is_in(["", "NaN", "nan"]))
        rows = table.rows.filter(~padding) if is_wide else table.rows
        one = Table(table.header, None, table.line, rows, table.faults, open_line=table.open_line)
        taken, refused = _one_table(one, shape, capture, ticker, flags=(*flags, *_adjusted_by_yfinance(shape)))
        bars.append(taken)
        faults.append(refused.with_columns(reason=pl.lit(f"{ticker}: ") + pl.col("reason")) if is_wide else refused)
    return pl.concat(bars), pl.concat(faults)


def _columns_of(table: Table, ticker: str) -> tuple[Shape, tuple[str, ...]]:
    """Columns of one ticker below a yfinance header; there an unnamed or second Price beside Close is the Adj Close."""
    names, flags = ["Date"], tuple[str, ...]()
    place = [0]
    own = [i for i, name in enumerate(table.tickers or ()) if name == ticker and i]
    has_close = any(word(table.header[i]) == "close" for i in own)
    for i in own:
        name = table.header[i]
        if has_close and (word(name) in ("price", "") or name.startswith("Unnamed")):
            name, flags = "Adj Close", ("adj_close_inferred",)
        names.append(name)
        place.append(i)
    shape = recognise(tuple(names))
    return Shape(shape.kind, {field: place[i] for field, i in shape.columns.items()}, shape.words), flags


def _adjusted_by_yfinance(shape: Shape) -> tuple[str, ...]:
    """yfinance drops Adj Close exactly when it adjusts Close for dividends, which is its default."""
    return () if "adj_close" in shape.columns else (MAYBE_ADJUSTED,)


def _one_table(
    table: Table, shape: Shape, capture: Capture, symbol: str | None, *, flags: tuple[str, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    if "symbol" not in shape.columns and symbol is None:
        raise Refused("cannot tell which symbol this is; name the file SYMBOL.csv or add a symbol column")
    bars = _typed(table, shape, symbol)
    if {"stocksplits", "dividends"} & set(shape.words):
        flags = (*flags, *_adjusted_by_yfinance(shape))
        bars = bars.with_columns(split_ratio=pl.col("split_ratio").replace(0.0, 1.0))  # Yahoo writes 0 for none
    if "splitcoefficient" in shape.words:
        flags = (*flags, "from_as_traded")
        bars = _split_adjusted(bars)
    elif "timestamp" in shape.words:  # Alpha Vantage's plain daily bars: as traded, and nobody says when it split
        flags = (*flags, "maybe_as_traded")
    bars = bars.with_columns(reason=_reason(shape, table.header, capture))
    _refuse_mislabelled(bars)
    _refuse_shifted_days(bars)
    good, again = _without_duplicates(bars.filter(pl.col("reason").is_null()))
    _refuse_other_intervals(good)
    good = good.with_columns(reason=false_print())
    refused = pl.concat(
        [frame.filter(pl.col("reason").is_not_null()).select("line", "reason") for frame in (bars, again, good)]
    )
    good = good.filter(pl.col("reason").is_null())
    taken = good.select(
        captured_at=instant(capture.captured_at),
        source=pl.lit(SOURCE),
        origin=pl.lit(capture.origin),
        symbol="symbol",
        session_date="session_date",
        **{name: pl.col(name) for name in NUMBERS},
        flags=_flags(good, shape, flags, table.open_line),
    )
    faults = faults_of(table.rows, refused.sort("line")) if refused.height else pl.DataFrame(schema=FAULT_SCHEMA)
    return taken.select(raw.PriceCapture.column_names()), faults


def _typed(table: Table, shape: Shape, symbol: str | None) -> pl.DataFrame:
    """Typed rows: line, symbol, session_date, then NUMBERS, where NaN still means a number that cannot be read."""
    rows, columns = table.rows, shape.columns
    parts = [rows["line"], to_dates(rows[str(columns["date"])]).alias("session_date")]
    parts += [
        to_numbers(rows[str(columns[name])], units=name == "volume").alias(name) for name in NUMBERS if name in columns
    ]
    named = rows[str(columns["symbol"])].str.strip_chars().str.to_uppercase() if "symbol" in columns else pl.lit(symbol)
    missing = {name: pl.lit(None, pl.Float64) for name in NUMBERS if name not in columns}
    return pl.DataFrame(parts).with_columns(symbol=named, **missing)


def _reason(shape: Shape, header: tuple[str, ...], capture: Capture) -> pl.Expr:
    """Why a row is refused, NULL for a good one. The first reason that applies is given."""
    day = pl.col("session_date")
    unreadable = [
        pl.when(pl.col(name).is_nan()).then(pl.lit(f"number cannot be read in {header[shape.columns[name]]}"))
        for name in NUMBERS
        if name in shape.columns
    ]
    when = capture.complete_by.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")
    final = f"session not final when captured ({when} New York; a bar is final at {FINAL_AT:%H:%M})"
    return pl.coalesce(
        pl.when(day.is_null()).then(pl.lit("date cannot be read")),
        pl.when(~pl.col("symbol").fill_null("").str.contains(SYMBOL.pattern)).then(pl.lit("no readable symbol")),
        pl.when(day < FIRST_DAY).then(pl.lit(f"not an XNYS session (before {FIRST_DAY}, where the calendar begins)")),
        pl.when(day > last_final_day(capture.complete_by)).then(pl.lit(final)),
        bar_fault(unreadable),
    )


def _refuse_mislabelled(bars: pl.DataFrame) -> None:
    """Refuse a table in which most bars contradict themselves: its columns carry the wrong names.

    It must not matter why else a row is refused, so this counts all rows with four prices.
    """
    if not bars["reason"].str.starts_with("OHLC").any():
        return
    complete = bars.filter(pl.all_horizontal(pl.col(name).is_finite() for name in PRICES))
    bad = complete.filter(inconsistency().is_not_null()).height
    if complete.height > 1 and bad > complete.height / 2:
        raise Refused(
            f"columns are mislabelled: in {bad} of {complete.height} rows the high is not the highest or the low not "
            "the lowest price"
        )


def _refuse_shifted_days(bars: pl.DataFrame) -> None:
    """Refuse a table whose days are all one off, as stamps taken to another time zone are: Mondays fall on Sundays.

    Only a seventh of such rows would be refused one by one; the others would stand on the wrong day.
    """
    if bars.height < ENOUGH_ROWS or not bars["reason"].str.ends_with("day)").any():
        return
    found = set(bars["session_date"].drop_nulls().dt.weekday())
    if (SUNDAY in found and FRIDAY not in found) or (SATURDAY in found and MONDAY not in found):
        raise Refused("days are one off (bars on the weekend, none on Mondays or Fridays): stamps of another time zone")


def _without_duplicates(bars: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sort by symbol and day, and keep one row of each day: (kept, refused).

    The same bar twice says nothing new. Of different ones the last in the file is kept and flagged: programs append.
    """
    bars = bars.sort("symbol", "session_date", maintain_order=True)
    same_day = (pl.col("symbol") == pl.col("symbol").shift(-1)) & (
        pl.col("session_date") == pl.col("session_date").shift(-1)
    )
    if not bars.select(same_day.any()).item():
        return bars.with_columns(is_duplicate=False), bars.clear()
    key = ["symbol", "session_date"]
    different = bars.unique([*key, *NUMBERS], keep="last", maintain_order=True)
    if len(different) >= 4 and different.n_unique(key) <= len(different) / 2:
        raise Refused("several bars a day: not daily bars")
    last = different.unique(key, keep="last", maintain_order=True)
    again = different.join(last.select("line"), on="line", how="anti").with_columns(
        reason=pl.lit("the day comes again further down with other values; that later line was kept")
    )
    return last.with_columns(
        is_duplicate=pl.struct(key).is_in(again.select(pl.struct(key)).to_series().implode())
    ), again


def _refuse_other_intervals(bars: pl.DataFrame) -> None:
    """Refuse weekly and monthly bars: nothing but their distance tells them from daily ones."""
    gaps = bars.select(
        (pl.col("session_date") - pl.col("session_date").shift(1)).over("symbol").dt.total_days()
    ).to_series()
    if gaps.count() >= ENOUGH_ROWS - 1 and (gaps >= A_WEEK).sum() * 2 >= gaps.count():
        raise Refused(f"not daily bars: most rows are {A_WEEK} or more days apart")


def _split_adjusted(bars: pl.DataFrame) -> pl.DataFrame:
    """Put as-traded rows on the split basis of the newest: a split divides the prices of all earlier days."""
    ratio, day = pl.col("split_ratio"), pl.col("session_date")
    bad = bars.filter(ratio.is_null() | ratio.is_nan() | (ratio <= 0) | ((ratio != 1) & day.is_null()))
    days = bars.filter(day.is_not_null()).unique(["symbol", "session_date", "split_ratio"])
    if bad.height or days.select(pl.struct("symbol", "session_date").is_duplicated().any()).item():
        line = bad["line"][0] if bad.height else None
        raise Refused("a split coefficient or its day cannot be read; every earlier price depends on it", line=line)
    later = ratio.shift(-1, fill_value=1.0).cum_prod(reverse=True).over("symbol")
    factor = days.sort("symbol", "session_date").select("symbol", "session_date", later_splits=later)
    bars = bars.join(factor, on=["symbol", "session_date"], how="left", maintain_order="left")
    divided = [*PRICES, "dividend", "capital_gain"]
    return bars.with_columns(
        *(pl.col(name) / pl.col("later_splits") for name in divided), volume=pl.col("volume") * pl.col("later_splits")
    ).drop("later_splits")


def _flags(bars: pl.DataFrame, shape: Shape, of_table: tuple[str, ...], open_line: int | None) -> pl.Expr:
    """Flags of each row, separated by a space, NULL where there is none."""
    volume, day, is_fund = pl.col("volume"), pl.col("session_date"), ~pl.col("symbol").str.starts_with("^")
    flags = [pl.when(is_fund | (flag != MAYBE_ADJUSTED)).then(pl.lit(flag)) for flag in dict.fromkeys(of_table)]
    if "adj_close" not in shape.columns and not of_table:
        # Stooq says nowhere that it adjusts. Its last fractional volume lies before the last distribution; all bars up
        # to there are adjusted, those after it are not
        last_adjusted = day.filter(volume != volume.round(0)).max().over("symbol")
        flags.append(pl.when(day <= last_adjusted).then(pl.lit("dividend_adjusted")))
    flags.append(pl.when((volume == 0) & is_fund).then(pl.lit("no_volume")))
    flags.append(pl.when(pl.col("is_duplicate")).then(pl.lit("duplicate_date")))
    if open_line is not None:
        flags.append(pl.when(pl.col("line") == open_line).then(pl.lit("no_line_end")))
    text = pl.concat_str(flags, separator=" ", ignore_nulls=True)
    return pl.when(text != "").then(text)
