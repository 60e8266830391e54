-- measure: How long before an event the lowest close around it came: the median over the events known at the instant.
-- parameter: event_type text | Type of derived.event_studies.
-- parameter: symbol symbol | Fund or index.
-- parameter: days_around window = 365 | Calendar days before and after the event among which the low is sought.
-- value: Calendar days from the low to the event; negative where the low came after it. [count]
-- missing: {event_type} events known by {session} with closes of {symbol} for {days_around} days before and after

with events as (
    select
        event_date,
        event_date - $days_around::int as window_start,
        event_date + $days_around::int as window_end
    from derived.event_studies
    where event_type = $event_type and symbol = $symbol and benchmark is null and "offset" = 0
        and known_on <= $session
),

bars as (
    select session_date, close, min(session_date) over () as first_session
    from core.prices
    where symbol = $symbol and session_date <= $session
),

leads as (
    select event_date, event_date - arg_min(session_date, (close, session_date)) as lead
    from events
    inner join bars on session_date between window_start and window_end
    where window_start >= first_session and window_end <= $session
    group by event_date
)

select
    median(lead) as value,
    max(event_date) as as_of,
    {
        n: count(*),
        earlier: count(*) filter (where lead > 0),
        earlier_pct: 100 * avg((lead > 0)::int),
        first_event: min(event_date),
        last_event: max(event_date),
        lows: list(event_date - lead::int order by event_date),
        leads: list(lead order by event_date)
    } as evidence
from leads
