-- Every indicator: latest value, the one before, a year ago, and as it was first published.
select
    indicator, unit, frequency, observed_on, value, previous_value, round(change, 8) as change, year_ago_value,
    first_published_value, first_published_at, is_first_published_mixed, round(revision, 8) as revision, is_stale,
    date_diff('day', observed_on, (select max(session_date) from core.sessions)) as days_old
from marts.macro_dashboard
order by indicator
