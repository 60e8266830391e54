-- measure: Return over a number of sessions, up to the last close known.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: sessions count | How many sessions.
-- value: Return. [pct]
-- missing: closes of {symbol} ({basis}) on {session} and {sessions} sessions before

with levels as (
    select
        session_date,
        case $basis when 'price' then close else total_return_index end as level,
        lag(level, $sessions) over (order by session_date) as base,
        lag(session_date, $sessions) over (order by session_date) as base_date
    from core.prices
    where symbol = $symbol and session_date <= $session
)

select
    100 * (level / base - 1) as value,
    session_date as as_of,
    {base_date: base_date, session_date: session_date, base: base, level: level} as evidence
from (select $session as day) as asked
left join levels on levels.session_date = asked.day
