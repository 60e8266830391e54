-- measure: Return of one symbol less that of another over a number of sessions, and since when it was as wide.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: benchmark symbol | Fund or index to compare with.
-- parameter: benchmark_basis choice(price, total) = price | As basis, of the benchmark.
-- parameter: sessions window = 1 | How many sessions that both traded.
-- parameter: direction choice(high, low) = high | high: since when as far ahead; low: since when as far behind.
-- parameter: level_pp number = none | A difference, such as one that a text quotes: since_date is then of the last one
--     as far ahead, or as far behind, as this.
-- value: Difference of the two returns, whatever the level. [pp]
-- missing: closes of {symbol} ({basis}) and {benchmark} ({benchmark_basis}) on {session} and {sessions} sessions before

with common as (
    select
        own.session_date,
        own.session_no,
        case $basis when 'price' then own.close else own.total_return_index end as level,
        case $benchmark_basis when 'price' then other.close else other.total_return_index end as benchmark_level
    from core.prices as own
    inner join core.prices as other on other.session_date = own.session_date and other.symbol = $benchmark
    where own.symbol = $symbol and own.session_date <= $session
        and level is not null and benchmark_level is not null
),

windows as (
    select
        session_date,
        row_number() over by_day as row_no,
        lag(session_date, $sessions) over by_day as base_date,
        100 * (level / lag(level, $sessions) over by_day - 1) as return_pct,
        100 * (benchmark_level / lag(benchmark_level, $sessions) over by_day - 1) as benchmark_return_pct,
        session_no - lag(session_no, $sessions) over by_day - $sessions as sessions_missing
    from common
    window by_day as (order by session_date)
),

-- a window from which more than 10 sessions are missing has no spread
spreads as (
    select *, case when sessions_missing <= 10 then return_pct - benchmark_return_pct end as spread_pp
    from windows
),

newest as (
    select *, coalesce($level_pp, spread_pp) as sought_pp from spreads where session_date = $session
),

-- overlapping windows of the same move do not count, and a tie ends the record
past as (
    select
        max(spreads.session_date) filter (
            where newest.row_no - spreads.row_no >= $sessions
                and case $direction
                    when 'high' then spreads.spread_pp >= newest.sought_pp - 1e-9
                    else spreads.spread_pp <= newest.sought_pp + 1e-9
                end
        ) as since_date,
        min(spreads.session_date) filter (where spreads.spread_pp is not null) as history_start
    from spreads
    cross join newest
)

select
    spread_pp as value,
    session_date as as_of,
    {
        level_pp: $level_pp,
        since_date: since_date,
        history_start: history_start,
        base_date: base_date,
        return_pct: return_pct,
        benchmark_return_pct: benchmark_return_pct
    } as evidence
from past
left join newest on true
