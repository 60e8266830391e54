-- measure: Last close known against the highest one before it.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- value: Change since the highest close; 0 at a new one. [pct]
-- missing: a close of {symbol} ({basis}) on {session}

with levels as (
    select session_date, case $basis when 'price' then close else total_return_index end as level
    from core.prices
    where symbol = $symbol and session_date <= $session
),

-- of equal closes the latest is the peak; within 1e-9 is equal
peak as (
    select max(session_date) as peak_date, max(high.level) as peak_level
    from levels
    inner join (select max(level) as level from levels) as high on levels.level >= high.level * (1 - 1e-9)
)

select
    100 * (level / peak_level - 1) as value,
    session_date as as_of,
    {peak_date: peak_date, session_date: session_date, peak: peak_level, level: level} as evidence
from peak
left join levels on session_date = $session
