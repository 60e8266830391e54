-- Breadth of every list of funds at the newest close; the longest list first.
select
    universe, session_date, is_stale, members, pct_above_sma50, pct_above_sma200, pct_at_high_252, advancers, decliners,
    rsp_spy_change_20d, is_broadening, pct_above_sma50_20d_ago
from marts.breadth_now
order by members desc, universe
