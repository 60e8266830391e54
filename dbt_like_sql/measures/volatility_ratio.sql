-- measure: Realised volatility of 21 sessions, one symbol over another.
-- parameter: symbol symbol | Fund or index.
-- parameter: benchmark symbol | Fund or index to compare with.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- value: Volatility of the symbol over that of the benchmark. [ratio]
-- missing: 22 closes up to {session} of {symbol} and {benchmark} ({basis})

with ratios as (
    select
        own.session_date,
        own.realized_vol_21d as volatility,
        other.realized_vol_21d as benchmark_volatility,
        own.realized_vol_21d / nullif(other.realized_vol_21d, 0) as ratio
    from derived.returns as own
    inner join derived.returns as other
        on other.session_date = own.session_date and other.symbol = $benchmark and other.basis = $basis
    where own.symbol = $symbol and own.basis = $basis and own.session_date <= $session
),

history as (
    select
        min(session_date) as history_start,
        count(*) as sessions,
        100 * avg((ratio > 1)::int) as above_one_pct,
        median(ratio) as median_ratio
    from ratios
    where ratio is not null
)

select
    ratio as value,
    session_date as as_of,
    {
        volatility_pct: 100 * volatility,
        benchmark_volatility_pct: 100 * benchmark_volatility,
        above_one_pct: above_one_pct,
        median_ratio: median_ratio,
        sessions: sessions,
        history_start: history_start
    } as evidence
from history
left join ratios on session_date = $session
