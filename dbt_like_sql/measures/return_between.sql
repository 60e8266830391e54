-- measure: Return from one close to another.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: start date | Session from whose close the return runs.
-- parameter: end date = none | Session at whose close it ends; none: the last one known.
-- value: Return. [pct]
-- missing: closes of {symbol} ({basis}) on both days; they must be sessions that had closed by {session}

with levels as (
    select session_date, case $basis when 'price' then close else total_return_index end as level
    from core.prices
    where symbol = $symbol and session_date <= $session
)

select
    100 * (last.level / base.level - 1) as value,
    last.session_date as as_of,
    {
        base_date: base.session_date,
        session_date: last.session_date,
        base: base.level,
        level: last.level
    } as evidence
from (select $start as start_day, coalesce($end, $session) as end_day) as asked
left join levels as base on base.session_date = asked.start_day and asked.start_day <= asked.end_day
left join levels as last on last.session_date = asked.end_day
