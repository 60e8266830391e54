-- measure: Mean return around the events of a type, from the close before them, over the events known at the instant.
-- parameter: event_type text | Type of derived.event_studies.
-- parameter: symbol symbol | Fund or index.
-- parameter: benchmark symbol = none | Return less that of this one; none: the symbol alone.
-- parameter: offset number | Session to which the return runs; 0 is the first close that knew of the event.
-- value: Mean return. [pct]
-- missing: {event_type} events of {symbol} known by {session} with prices at session {offset}

with events as (
    select
        event_date,
        session_date,
        known_on,
        basis,
        overlaps_earlier,
        case when benchmark is null then cum_return else cum_abnormal end as change
    from derived.event_studies
    where event_type = $event_type and symbol = $symbol and benchmark is not distinct from $benchmark
        and "offset" = $offset and known_on <= $session
)

select
    100 * avg(change) as value,
    max(known_on) as as_of,
    {
        n: count(*),
        median_pct: 100 * median(change),
        positive_pct: 100 * avg((change > 1e-6)::int),
        overlapping: count(*) filter (where overlaps_earlier),
        first_event: min(event_date),
        last_event: max(event_date),
        basis: string_agg(distinct basis, ', ' order by basis)
    } as evidence
from events
where change is not null
