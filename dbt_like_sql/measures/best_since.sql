-- measure: Return over a number of sessions and since when there was none as high, or as low.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: sessions window | How many sessions.
-- parameter: direction choice(high, low) = high | high: the best since; low: the worst since.
-- parameter: next_day_pct number = none | A quoted move of the session after the last close known: the return then ends
--     with it.
-- parameter: level_pct number = none | A return, such as the "more than 9 %" of a text: since_date and since_pct are
--     then of the last one as high, or as low, as this.
-- value: Return, whatever the level. [pct]
-- missing: closes of {symbol} ({basis}) on {session} and {sessions} sessions before

with closes as (
    select session_date, session_no, case $basis when 'price' then close else total_return_index end as level
    from core.prices
    where symbol = $symbol and session_date <= $session
),

-- the quoted session is one more bar, without a date
bars as (
    select session_date, session_no, level from closes
    union all
    select null, session_no + 1, level * (1 + $next_day_pct / 100)
    from closes
    where session_date = $session and $next_day_pct is not null
),

moves as (
    select
        session_date,
        row_number() over bars_in_order as bar,
        lag(session_date, $sessions) over bars_in_order as base_date,
        case
            when session_no - lag(session_no, $sessions) over bars_in_order <= $sessions + 10
                then 100 * (level / lag(level, $sessions) over bars_in_order - 1)
        end as pct
    from bars
    window bars_in_order as (order by session_no)
),

asked as (
    select bar, base_date, pct, coalesce($level_pct, pct) as sought_pct
    from moves
    where session_date is not distinct from case when $next_day_pct is null then $session end
),

-- a window that overlaps the one asked about is part of the same move; 1e-7 of percent is 1e-9 of a fraction
earlier as (
    select max_by({session_date: moves.session_date, pct: moves.pct}, moves.bar) as found
    from moves, asked
    where
        moves.bar <= asked.bar - $sessions
        and case $direction when 'high' then moves.pct - sought_pct else sought_pct - moves.pct end >= -1e-7
)

select
    asked.pct as value,
    case when asked.pct is not null then $session end as as_of,
    {
        level_pct: $level_pct,
        since_date: found.session_date,
        since_pct: found.pct,
        base_date: asked.base_date,
        session_date: case when asked.bar is not null then $session end,
        history_start: (select min(session_date) from moves where pct is not null)
    } as evidence
from (select $session as day) as reading
left join asked on true
left join earlier on true
