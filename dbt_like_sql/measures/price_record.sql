-- measure: Whether the last session known set a record: higher than every session before.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(close, high) = close | close: closes against closes; high: highest prices of the session
--     against such; split-adjusted.
-- value: Whether it is the highest so far; a tie, within 1e-9, is no record. [flag]
-- missing: a price ({basis}) of {symbol} on {session} and one before

with bars as (
    select session_date, case $basis when 'close' then close else high end as level
    from core.prices
    where symbol = $symbol and session_date <= $session
),

newest as (
    select session_date, level
    from bars
    where session_date = $session
),

earlier as (
    select max(level) as highest, min(session_date) as history_start
    from bars
    where session_date < $session
)

select
    level > highest * (1 + 1e-9) as value,
    newest.session_date as as_of,
    {
        level: level,
        earlier_highest: highest,
        earlier_highest_on: (
            select max(session_date) from bars where session_date < $session and bars.level >= highest * (1 - 1e-9)
        ),
        distance_pct: 100 * (level / highest - 1),
        history_start: history_start
    } as evidence
from earlier
left join newest on true
