"""docs/definitions.md in DuckDB SQL: window functions over an in-memory table, with as many threads as Polars has.

What the next value of which needs the one before (EMA, RSI, ATR) is no window function and left out. "When was it last
as high" and "when was the gap filled" are self-joins.
"""

from typing import NamedTuple

import duckdb
import polars as pl

from pipeline.config import StreakRule
from pipeline.contracts.derived.moves import RECORD_WINDOWS
from pipeline.contracts.derived.strength import RATIO_WINDOWS, RETURN_WINDOWS, SPREAD_WINDOWS

UNBROKEN_ONLY = False
GAP, LOW, HIGH = 10, "(1 - 1e-9)", "(1 + 1e-9)"


class Table(NamedTuple):
    """A finished table of a connection."""

    con: duckdb.DuckDBPyConnection
    name: str


def prepared(prices: pl.DataFrame, pairs: list[tuple[str, str]], rules: list[StreakRule]) -> duckdb.DuckDBPyConnection:
    """A database in memory with bars (number: row of the symbol), pairs and rules."""
    con = duckdb.connect()
    con.execute(f"set threads = {pl.thread_pool_size()}")
    listed = pl.DataFrame(sorted(pairs), schema=["symbol", "benchmark"], orient="row")
    thresholds = [(rule.rule, rule.above, rule.below) for rule in rules]
    limits = pl.DataFrame(
        thresholds, schema={"rule": pl.String, "above": pl.Float64, "below": pl.Float64}, orient="row"
    )
    for name, given in {"prices": prices, "listed": listed, "limits": limits}.items():
        con.register("given", given.to_arrow())
        con.execute(f"create table {name} as select * from given")
        con.unregister("given")
    con.execute(
        """create table bars as
        select symbol, session_date, session_no, open, high, low, close, volume, dividend,
            row_number() over (partition by symbol order by session_no) as number
        from prices order by symbol, session_no"""
    )
    con.execute(
        """create table pairs as select row_number() over (order by symbol, benchmark) as pair, * from listed"""
    )
    con.execute("""create table rules as select rule,
        case when above is not null then greatest(above, 1e-6) end as above,
        case when below is not null then least(below, -1e-6) end as below from limits""")
    return con


def frame(con: duckdb.DuckDBPyConnection, family: str, table: Table) -> pl.DataFrame:
    """As Polars."""
    return table.con.sql(f"from {table.name}").pl()


def _made(con: duckdb.DuckDBPyConnection, name: str, query: str) -> Table:
    """The query's result as a table in memory, in whatever order suits DuckDB."""
    con.execute("set preserve_insertion_order = false")
    con.execute(f"create or replace temp table {name} as {query}")
    return Table(con, name)


def _guard(n: int, x: str) -> str:
    return f"case when session_no - lag(session_no, {n}) over w <= {n + GAP} then {x} end"


def _change(x: str, n: int) -> str:
    return _guard(n, f"{x} / lag({x}, {n}) over w - 1")


def _over(function: str, x: str, n: int, back: int = 0) -> str:
    """An aggregate over n rows, the last one `back` rows ago."""
    return f"{function}({x}) over (w rows between {n + back - 1} preceding and {back} preceding)"


def _mean(x: str, n: int) -> str:
    return _guard(n - 1, _over("avg", x, n))


def _whole(x: str, n: int, value: str) -> str:
    """NULL unless all n values of the window are there."""
    return f"case when {_over('count', x, n)} = {n} then {value} end"


def returns(con: duckdb.DuckDBPyConnection) -> Table:
    """Section 1 on the price basis."""
    changes = ", ".join(f"{_change('close', n)} as ret_{n}d" for n in RETURN_WINDOWS)
    return _made(
        con,
        "returns",
        f"""
        with logs as (
            select *, {_guard(1, "ln(close) - ln(lag(close) over w)")} as log_return, year(session_date) as year
            from bars window w as (partition by symbol order by session_no)
        ), years as (
            select symbol, year + 1 as year, max_by(close, session_no) as base, max(session_no) as base_no,
                max(number) as base_number
            from logs group by symbol, year
        ), moves as (
            select symbol, session_date, session_no, number, close, year, {changes},
                {_guard(21, _over("stddev_samp", "log_return", 21) + " * sqrt(252)")} as realized_vol_21d
            from logs window w as (partition by symbol order by session_no)
        )
        select moves.* exclude (session_no, number, close, year),
            case when session_no - base_no - (number - base_number) <= {GAP} then close / base - 1 end as ret_ytd
        from moves left join years using (symbol, year)
        """,
    )


PAIRED = """
    select pair, pairs.symbol, pairs.benchmark, a.session_date, a.session_no, a.close as level,
        b.close as benchmark_level, a.close / b.close as ratio
    from pairs join bars a on a.symbol = pairs.symbol
    join bars b on b.symbol = pairs.benchmark and b.session_no = a.session_no
"""


def relative_strength(con: duckdb.DuckDBPyConnection) -> Table:
    """Section 1, pairs."""
    spreads = ", ".join(
        f"100 * ({_change('level', n)} - {_change('benchmark_level', n)}) as spread_{n}d_pp" for n in SPREAD_WINDOWS
    )
    ratios = ", ".join(f"{_change('ratio', n)} as ratio_change_{n}d" for n in RATIO_WINDOWS)
    deviation = f"({_over('stddev_pop', 'ratio', 63)})"
    mean = f"({_over('avg', 'ratio', 63)})"
    in_deviations = f"100 + case when {deviation} > {mean} * 1e-7 then (ratio - {mean}) / {deviation} end"
    spread = f"({_over('stddev_pop', 'roc', 63)})"
    momentum = f"100 + case when {spread} > 1e-12 then (roc - {_over('avg', 'roc', 63)}) / {spread} end"
    own, other = (f"{_over('stddev_samp', x, 63)}" for x in ("ret", "benchmark_ret"))
    variance = _over("var_samp", "benchmark_ret", 252)
    beta = f"case when {variance} > 1e-18 then {_frame_of_two('covar_samp', 252)} / {variance} end"
    correlation = f"case when {own} > 1e-9 and {other} > 1e-9 then {_frame_of_two('corr', 63)} end"
    return _made(
        con,
        "relative_strength",
        f"""
        with both_legs as ({PAIRED}), moves as (
            select *, {_change("level", 1)} as ret, {_change("benchmark_level", 1)} as benchmark_ret,
                {_change("level", 63)} as ret_63d, {_guard(62, in_deviations)} as rot_ratio,
                100 * ratio / first_value(ratio) over w as ratio_index, {spreads}, {ratios},
                {_guard(251, f"100 * (ratio / {_over('avg', 'ratio', 252)} - 1)")} as mansfield_252,
                {_guard(251, f"ratio >= {_over('max', 'ratio', 252)} * {LOW}")} as is_ratio_high_252
            from both_legs window w as (partition by pair order by session_no)
        ), rotation as (
            select *, {_change("rot_ratio", 1)} as roc
            from moves window w as (partition by pair order by session_no)
        ), all_windows as (
            select *, {_guard(62, _whole("roc", 63, momentum))} as rot_momentum,
                {_guard(252, beta)} as beta_252, {_guard(63, correlation)} as corr_63
            from rotation window w as (partition by pair order by session_no)
        )
        select * exclude (pair, session_no, level, benchmark_level, ret, benchmark_ret, roc, ret_63d),
            case when rot_ratio is null or rot_momentum is null then null
                when rot_ratio > 100 and rot_momentum > 100 then 'leading' when rot_ratio > 100 then 'weakening'
                when rot_momentum > 100 then 'improving' else 'lagging' end as quadrant,
            case when ret_63d > 1e-6 then 'up_' when ret_63d is not null then 'down_' end
                || case when spread_63d_pp > 1e-4 then 'leading' else 'lagging' end as regime_63d
        from all_windows
        """,
    )


def _frame_of_two(function: str, n: int) -> str:
    return f"{function}(ret, benchmark_ret) over (w rows between {n - 1} preceding and current row)"


def trend(con: duckdb.DuckDBPyConnection) -> Table:
    """Section 3 without EMA, RSI and ATR, against the first pair's benchmark."""
    w = "window w as (partition by symbol order by session_no)"
    highest, lowest = _over("max", "close", 252), _over("min", "close", 252)
    usual = _over("avg", "volume", 50, back=1)
    width = "2 * " + _over("stddev_pop", "momentum_200", 50)
    return _made(
        con,
        "trend",
        f"""
        with averages as (
            select *, {_mean("close", 20)} as sma_20, {_mean("close", 50)} as sma_50, {_mean("close", 200)} as sma_200,
                {_over("stddev_pop", "close", 20)} as sd_20, {_over("stddev_pop", "close", 50)} as sd_50,
                max(close) over w as peak, {_guard(251, f"close / {highest} - 1")} as high_252_distance,
                {_guard(251, f"close >= {highest} * {LOW}")} as is_high_252,
                {_guard(251, f"close <= {lowest} * {HIGH}")} as is_low_252,
                {_guard(50, f"case when volume > 0 and {usual} > volume * 1e-9 then volume / {usual} end")}
                    as relative_volume_50
            from bars {w}
        ), positions as (
            select *, 100 * (close / sma_200 - 1) as momentum_200, {_change("sma_50", 20)} as sma_50_slope_20,
                {_change("sma_200", 20)} as sma_200_slope_20,
                number - coalesce(max(case when close >= sma_50 * {LOW} then null else number end) over w, 0)
                    as above_in_a_row, {ORDERING} as phase_raw
            from averages {w}
        ), momentum as (
            select *, {_whole("momentum_200", 50, _mean("momentum_200", 50))} as momentum_200_sma50,
                {_whole("momentum_200", 200, _mean("momentum_200", 200))} as momentum_200_sma200, {width} as width,
                last_value(candidate ignore nulls) over w as settled
            from (select *, case when phase_raw is null then 'none'
                when phase_raw = lag(phase_raw) over w then phase_raw end as candidate from positions {w}) {w}
        ), phases as (
            select *, nullif(settled, 'none') as phase from momentum
        ), stretches as (
            select *, number - coalesce(max(case when phase = before then null else number end) over w, 0) + 1
                as days_in_phase from (select *, lag(phase) over w as before from phases {w}) {w}
        ), {LEADERSHIP}
        select symbol, session_date, sma_50, sma_200, sma_20 + 2 * sd_20 as bollinger_upper,
            sma_20 - 2 * sd_20 as bollinger_lower,
            0.5 + case when sd_20 > sma_20 * 1e-7 then (close - sma_20) / sd_20 / 4 end as bollinger_pct_b,
            case when sd_50 > sma_50 * 1e-7 then (close - sma_50) / sd_50 end as distance_sma50_sd,
            momentum_200, momentum_200_sma50, momentum_200_sma200, momentum_200_sma50 + width as momentum_200_upper,
            momentum_200_sma50 - width as momentum_200_lower, leadership, leadership_mean + leadership_width as
            leadership_upper, leadership_mean - leadership_width as leadership_lower, phase_raw, phase,
            case when phase is not null then days_in_phase end as days_in_phase,
            phase_raw = phase as is_phase_confirmed, sma_50_slope_20, sma_200_slope_20,
            case when sma_50 is not null then above_in_a_row end as closes_above_sma50, high_252_distance, is_high_252,
            is_low_252, relative_volume_50, close / peak - 1 as drawdown,
            close <= 0.8 * peak * {HIGH} as is_bear_territory, close <= 0.9 * peak * {HIGH} as is_correction
        from stretches left join leaders using (symbol, session_no)
        """,
    )


ORDERING = f"""case when sma_50 is null or sma_200 is null then null
    when close >= sma_50 * {LOW} and sma_50 >= sma_200 * {LOW} then 'bullish'
    when close >= sma_50 * {LOW} and close >= sma_200 * {LOW} then 'accumulation'
    when close >= sma_50 * {LOW} then 'recovery' when close >= sma_200 * {LOW} then 'warning'
    when sma_50 >= sma_200 * {LOW} then 'distribution' else 'bearish' end"""

LEADERSHIP = f"""common as (
    select symbol, session_no, bars.close / other.close as ratio
    from bars join (
        select session_no, close from bars where symbol = (select benchmark from pairs where pair = 1)
    ) other using (session_no)
    where symbol <> (select benchmark from pairs where pair = 1)
), led as (
    select *, 100 * (ratio / {_mean("ratio", 50)} - 1) as leadership
    from common window w as (partition by symbol order by session_no)
), leaders as (
    select symbol, session_no, leadership, {_whole("leadership", 20, _mean("leadership", 20))} as leadership_mean,
        2 * {_over("stddev_pop", "leadership", 20)} as leadership_width
    from led window w as (partition by symbol order by session_no)
)"""


def bar_events(con: duckdb.DuckDBPyConnection) -> Table:
    """Section 2, gaps and days."""
    above, below = "{0} > {1} * (1 + 1e-5)".format, "{0} < {1} * (1 - 1e-5)".format
    priors = ", ".join(f"{_guard(1, f'lag({x}) over w')} as prior_{x}" for x in ("high", "low", "close"))
    copied = f"not ({above('open', 'prior_close')} or {below('open', 'prior_close')})"
    missing = (
        "session_no - coalesce(lag(session_no, 251) over w, first_value(session_no) over w) - least(number - 1, 251)"
    )
    opens = "count(open) over (w rows 251 preceding)"
    copies = f"sum(case when {copied} then 1 else 0 end) over (w rows 251 preceding)"
    w = "window w as (partition by symbol order by session_no)"
    return _made(
        con,
        "bar_events",
        f"""
        with before as (select *, {priors} from bars {w}), trusted as (
            select *, case when {opens} >= 21 and {missing} <= {GAP} then 100 * {copies} <= 15 * {opens} end
                as opens_are_reliable
            from before {w}
        ), gaps as (
            select *, case when opens_are_reliable then {above("open", "prior_high")} end as is_gap_up,
                case when opens_are_reliable then {below("open", "prior_low")} end as is_gap_down
            from trusted
        ), filled as (
            select symbol, gap.session_no, min(later.session_date) as gap_filled_on
            from gaps gap join bars later using (symbol)
            where (is_gap_up or is_gap_down) and later.session_no >= gap.session_no and case when is_gap_up
                then later.low <= gap.prior_high * (1 + 1e-5) else later.high >= gap.prior_low * (1 - 1e-5) end
            group by symbol, gap.session_no
        ), days as (
            select *, {above("high", "prior_high")} and {below("low", "prior_low")} as is_outside_day from gaps
        )
        select symbol, session_date, is_gap_up, is_gap_down,
            open / case when is_gap_up then prior_high when is_gap_down then prior_low end - 1 as gap_size,
            gap_filled_on,
            case when opens_are_reliable then {above("open", "prior_close")} and not is_gap_up end as is_partial_gap_up,
            case when opens_are_reliable then {below("open", "prior_close")} and not is_gap_down end
                as is_partial_gap_down,
            is_outside_day,
            case when is_outside_day is not null then is_outside_day and {below("close", "prior_close")} end
                as is_negative_outside_day,
            case when is_outside_day is not null then is_outside_day and {above("close", "prior_close")} end
                as is_positive_outside_day,
            {below("high", "prior_high")} and {above("low", "prior_low")} as is_inside_day,
            case when number > 1 then dividend > 0 end as is_ex_dividend, opens_are_reliable
        from days left join filled using (symbol, session_no)
        """,
    )


def streak_events(con: duckdb.DuckDBPyConnection) -> Table:
    """Section 2, streaks: gaps and islands."""
    return _made(
        con,
        "streaks",
        f"""
        with moves as (
            select *, {_change("close", 1)} as ret, lag(close) over w as before, lag(session_no) over w as before_no
            from bars window w as (partition by symbol order by session_no)
        ), hits as (
            select *, number - row_number() over (partition by symbol, rule order by number) as island
            from moves join rules on ret > above or ret < below
        ), runs as (
            select symbol, rule, min(number) as first, max(number) as last, min(session_date) as start_date,
                max(session_date) as end_date, min_by(before, number) as before, min_by(before_no, number) as before_no,
                max_by(close, number) as end_close, max(session_no) as end_no, max(ret) as max_ret, min(ret) as min_ret
            from hits group by symbol, rule, island
        ), followed as (
            select *, coalesce(lead(first) over w - last = 2, false) as joins, lead(last) over w as next_last,
                lead(end_date) over w as next_date, lead(end_close) over w as next_close,
                lead(end_no) over w as next_no, lead(max_ret) over w as next_max, lead(min_ret) over w as next_min
            from runs window w as (partition by symbol, rule order by first)
        ), bridged as (
            select *, coalesce(lag(joins) over (partition by symbol, rule order by first), false) as is_joined
            from followed
        ), streaks as (
            select symbol, rule, 0 as allowed_misses, 0 as misses, first, last, start_date, end_date, before, before_no,
                end_close, end_no, max_ret, min_ret from runs
            union all
            select symbol, rule, 1, joins::int, first, case when joins then next_last else last end, start_date,
                case when joins then next_date else end_date end, bridged.before, bridged.before_no,
                case when joins then next_close else end_close end, case when joins then next_no else end_no end,
                case when joins then greatest(max_ret, next_max, miss.ret) else max_ret end,
                case when joins then least(min_ret, next_min, miss.ret) else min_ret end
            from bridged left join (select symbol, number as place, ret from moves) miss using (symbol)
            where place = last + 1 and joins or place = last and not joins and not is_joined
        )
        select streaks.symbol, rule, allowed_misses, start_date, end_date, last - first + 1 - misses as hits,
            last - first + 1 as sessions,
            case when end_no - before_no - (last - first + 1) <= {GAP} then end_close / before - 1 end as cum_return,
            max_ret as max_ret_1d, min_ret as min_ret_1d, later.session_date as confirmed_on,
            later.session_date is null as is_open
        from streaks left join bars later
            on later.symbol = streaks.symbol and later.number = last + allowed_misses - misses + 1
        where last - first + 1 - misses >= 2
        """,
    )


def records(con: duckdb.DuckDBPyConnection) -> Table:
    """Section 2, records: every value beside all earlier ones of its measure."""
    single = "\n".join(_measure("price_rows", f"ret_{n}d", n, _change("level", n)) for n in RECORD_WINDOWS)
    spread = "100 * ({} - {})".format
    paired = "\n".join(
        _measure("pair_rows", f"spread_{n}d_pp", n, spread(_change("level", n), _change("benchmark_level", n)))
        for n in RECORD_WINDOWS
    )
    return _made(
        con,
        "records",
        f"""
        with price_rows as (
            select symbol, null::text as benchmark, session_date, session_no, number, close as level from bars
        ), pair_rows as (
            select *, row_number() over (partition by pair order by session_no) as number from ({PAIRED})
        ), measured as (
            {single} {paired}
            select symbol, benchmark, session_date, number, 'close' as measure, 1 as n, level as x,
                1e-9 * level as noise from price_rows
            union all
            select symbol, benchmark, session_date, number, 'ratio', 1, ratio, 1e-9 * ratio from pair_rows
        ), given as (
            select *, dense_rank() over (order by symbol, benchmark, measure) as series,
                row_number() over w as nth, first_value(session_date) over w as history_start,
                avg(x) over (w rows between unbounded preceding and 1 preceding) as mean,
                stddev_samp(x) over (w rows between unbounded preceding and 1 preceding) as sd
            from measured where x is not null
            window w as (partition by symbol, benchmark, measure order by number)
        ), searched as (
            select t.series, t.nth,
                max(s.nth) filter (s.number <= t.number - t.n and s.x >= t.x - t.noise) as last_high,
                max(s.nth) filter (s.number <= t.number - t.n and s.x <= t.x + t.noise) as last_low,
                count(*) filter (s.x < t.x) as lower, count(*) filter (s.x = t.x) as equal
            from given t join given s on s.series = t.series and s.nth <= t.nth
            group by t.series, t.nth
        ), found as (
            select given.*, direction, case when direction = 'high' then last_high else last_low end as since,
                (lower + (equal + 1) / 2 - 0.5) / nth as percentile
            from given join searched using (series, nth), (values ('high'), ('low')) as directions(direction)
        )
        select symbol, benchmark, measure, direction, found.session_date, x as value, before.session_date as since_date,
            found.nth - since as sessions_since, since is null as is_all_time, history_start,
            case when found.nth >= 253 and sd > 0 then (x - mean) / sd end as z_score, percentile
        from found left join (select series, nth, session_date from given) before
            on before.series = found.series and before.nth = since
        where case when since is null then found.nth >= 253 else found.nth - since >= n + 20 end
        """,
    )


def _measure(rows: str, name: str, n: int, value: str) -> str:
    key = "symbol" if rows == "price_rows" else "pair"
    return f"""select symbol, benchmark, session_date, number, '{name}' as measure, {n} as n, {value} as x,
        1e-9 as noise from {rows} window w as (partition by {key} order by session_no) union all"""


def drawdowns(con: duckdb.DuckDBPyConnection) -> Table:
    """Section 3, falls of a tenth."""
    return _made(
        con,
        "drawdowns",
        f"""
        with peaks as (
            select *, max(close) over w as peak, lead(session_date) over w as next_session
            from bars window w as (partition by symbol order by session_no)
        ), spells as (
            select *, sum(case when close >= peak * {LOW} then 1 else 0 end)
                over (partition by symbol order by session_no) as spell
            from peaks
        ), levels as (
            select *, first_value(peak) over w as top, min(close) over w as lowest,
                close <= 0.8 * peak * {HIGH} as is_bear
            from spells window w as (partition by symbol, spell order by session_no)
        ), falls as (
            select *, max(is_bear::int) over (partition by symbol, spell order by session_no) = 1 as was_bear
            from levels
        ), found as (
            select symbol, min(session_date) as peak_date, any_value(top) as peak_close,
                arg_min(session_date, (close, session_date)) as trough_date, min(close) / any_value(top) - 1 as depth,
                min(session_date) filter (is_bear) as confirmed_bear_on,
                min(session_date) filter (was_bear and not is_bear) as left_bear,
                min(session_date) filter (was_bear and close >= 1.2 * lowest * {LOW}) as new_bull,
                max(session_no) as last_no
            from falls group by symbol, spell
            having min(close) <= 0.9 * any_value(top) * {HIGH}
        ), ends as (
            select found.*, next_session as recovered_on
            from found join peaks on peaks.symbol = found.symbol and peaks.session_no = last_no
        )
        select symbol, peak_date, peak_close, 0.8 * peak_close as bear_level, trough_date, depth, confirmed_bear_on,
            coalesce(left_bear, bear_recovered_on) as left_bear_territory_on,
            coalesce(new_bull, bear_recovered_on) as new_bull_on, recovered_on, recovered_on is null as is_open
        from (select *, case when confirmed_bear_on is not null then recovered_on end as bear_recovered_on from ends)
        """,
    )


FAMILIES = {
    "returns": returns,
    "relative_strength": relative_strength,
    "trend": trend,
    "bar_events": bar_events,
    "streaks": streak_events,
    "records": records,
    "drawdowns": drawdowns,
}


def computed(con: duckdb.DuckDBPyConnection, family: str, columns: object = None) -> Table:
    """The whole family, whatever columns are asked for."""
    return FAMILIES[family](con)
