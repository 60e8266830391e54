-- How far behind every symbol and series is; what is late comes first.
select
    dataset, id, name, frequency, last_day, last_captured_at, newest_session, sessions_behind, days_behind, limit_days,
    outcome, detail, failing_since, is_delisted, is_stale
from marts.freshness
order by coalesce(is_stale, true) desc, dataset desc, last_day nulls first, id
