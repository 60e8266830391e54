-- measure: Return of one symbol less that of another, from one close to another.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: benchmark symbol | Fund or index to compare with.
-- parameter: benchmark_basis choice(price, total) = price | As basis, of the benchmark.
-- parameter: start date | Session from whose close the returns run.
-- parameter: end date = none | Session at whose close they end; none: the last one known.
-- value: Difference of the two returns. [pp]
-- missing: closes of {symbol} ({basis}) and {benchmark} ({benchmark_basis}) on both days;
--     they must be sessions that had closed by {session}

with common as (
    select
        own.session_date,
        case $basis when 'price' then own.close else own.total_return_index end as level,
        case $benchmark_basis when 'price' then other.close else other.total_return_index end as benchmark_level
    from core.prices as own
    inner join core.prices as other on other.session_date = own.session_date and other.symbol = $benchmark
    where own.symbol = $symbol and own.session_date between $start and coalesce($end, $session)
        and own.session_date <= $session
),

growth as (
    select
        common.session_date,
        base.session_date as base_date,
        100 * (common.level / base.level - 1) as return_pct,
        100 * (common.benchmark_level / base.benchmark_level - 1) as benchmark_return_pct,
        return_pct - benchmark_return_pct as spread_pp
    from common
    inner join common as base on base.session_date = $start
),

-- within 1e-9 points the two are equal: neither is ahead
summary as (
    select
        count(spread_pp) as sessions,
        100 * avg((spread_pp > 1e-9)::int) as ahead_pct,
        arg_max(session_date, spread_pp) as best_date,
        max(spread_pp) as best_pp
    from growth
    where session_date > base_date
)

select
    spread_pp as value,
    session_date as as_of,
    {
        base_date: base_date,
        session_date: session_date,
        return_pct: return_pct,
        benchmark_return_pct: benchmark_return_pct,
        sessions: sessions,
        ahead_pct: ahead_pct,
        best_date: best_date,
        best_pp: best_pp
    } as evidence
from summary
left join growth on growth.session_date = coalesce($end, $session)
