-- Breadth of every list of funds at the newest close; the longest list first. Out of date: behind others, or all are.
select
    universe, session_date,
    is_stale or (select bool_and(is_stale) from marts.freshness where dataset = 'prices') as is_stale,
    date_diff('day', session_date, (select max(session_date) from core.sessions)) as days_old,
    members, pct_above_sma50, pct_above_sma200, pct_at_high_252, advancers, decliners, rsp_spy_change_20d,
    is_broadening, pct_above_sma50_20d_ago
from marts.breadth_now
order by members desc, universe
