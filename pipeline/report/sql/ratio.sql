-- Small over large, price basis: every session of the last three years; before that the last session of each week, and
-- the sessions of the highest and the lowest ratio.
select session_date, ratio, spread_63d_pp, quadrant
from marts.rotation_daily
qualify session_date > max(session_date) over () - interval 3 year
    or row_number() over (partition by date_trunc('week', session_date) order by session_date desc) = 1
    or ratio in (max(ratio) over (), min(ratio) over ())
order by session_date
