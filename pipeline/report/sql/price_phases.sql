-- Unbroken runs of a phase of the small fund, from its first session to the first session of the next.
with starts as (
    select trend.symbol, session_date, phase
    from derived.trend as trend
    join core.instruments as instruments on instruments.symbol = trend.symbol and instruments.role = 'small'
    qualify phase is distinct from lag(phase) over (order by session_date)
)

select
    session_date as start_date,
    coalesce(
        lead(session_date) over (order by session_date),
        (select max(session_date) from core.prices where prices.symbol = starts.symbol)
    ) as end_date,
    phase
from starts
qualify phase is not null
order by start_date
