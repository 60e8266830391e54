-- measure: Return over a number of sessions, up to the last close known.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: sessions window | How many sessions.
-- value: Return. [pct]
-- missing: closes of {symbol} ({basis}) on {session} and {sessions} sessions before, or more than 10 sessions between

with levels as (
    select
        session_date,
        case $basis when 'price' then close else total_return_index end as level,
        lag(level, $sessions) over bars_in_order as base,
        lag(session_date, $sessions) over bars_in_order as base_date,
        session_no - lag(session_no, $sessions) over bars_in_order - $sessions as sessions_missing
    from core.prices
    where symbol = $symbol and session_date <= $session
    window bars_in_order as (order by session_date)
)

select
    case when sessions_missing <= 10 then 100 * (level / base - 1) end as value,
    session_date as as_of,
    {base_date: base_date, session_date: session_date, base: base, level: level} as evidence
from (select $session as day) as asked
left join levels on levels.session_date = asked.day
