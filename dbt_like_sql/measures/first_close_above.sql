-- measure: Closes at or above a level that a text quotes, and the first of them.
-- parameter: symbol symbol | Fund or index.
-- parameter: level number | The level, as it was quoted: it is compared with closes as traded, before later splits.
-- parameter: start date | First session that counts.
-- value: Closes at or above the level; 0: none yet. [count]
-- missing: closes of {symbol} as traded, from {start} to {session}

-- a quoted level is equal to a price within 1e-5
with closes as (
    select
        session_date,
        close_as_traded as close,
        close_as_traded / $level - 1 >= -1e-5 as is_above
    from core.prices
    where symbol = $symbol and session_date between $start and $session
),

newest as (
    select session_date, close
    from closes
    where session_date = $session
)

select
    case
        when bool_and(is_above is not null) and any_value(newest.close) > 0 then count(*) filter (is_above)
    end as value,
    any_value(newest.session_date) as as_of,
    {
        first_date: min(closes.session_date) filter (is_above),
        last_date: max(closes.session_date) filter (is_above),
        sessions: count(*),
        close: any_value(newest.close),
        highest_close: max(closes.close)
    } as evidence
from closes
left join newest on true
