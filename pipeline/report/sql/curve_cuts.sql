-- First cuts of the policy rate after a rise, as far back as the curve goes.
select distinct event_date, known_at, 'first cut' as event
from derived.event_studies
where event_type = 'first_cut' and event_date >= (select min(observed_on) from derived.yield_curve_status)
order by event_date
