-- The list of the most funds: every session of the last three years; before that the last session of each week.
select session_date, pct_above_sma50, pct_above_sma200, members
from derived.breadth
where universe = (select universe from marts.breadth_now order by members desc, universe limit 1)
qualify session_date > max(session_date) over () - interval 3 year
    or row_number() over (partition by date_trunc('week', session_date) order by session_date desc) = 1
order by session_date
