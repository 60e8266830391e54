-- What was captured, from which source, and when.
select 'prices' as dataset, source, count(*) as rows, min(captured_at) as first_captured_at,
    max(captured_at) as last_captured_at, min(session_date) as first_day, max(session_date) as last_day
from core.prices
group by source
union all
select 'macro', null, count(*), min(captured_at), max(captured_at), min(observed_on), max(observed_on)
from core.macro_latest
having count(*) > 0
order by dataset desc, source
