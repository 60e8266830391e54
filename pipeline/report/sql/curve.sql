-- Both spreads as first published: every observation of the last three years; before that the last of each week, and the
-- days of the highest and the lowest spread.
select observed_on, curve, spread_pp
from derived.yield_curve_status
qualify observed_on > max(observed_on) over () - interval 3 year
    or row_number() over (partition by curve, date_trunc('week', observed_on) order by observed_on desc) = 1
    or spread_pp in (max(spread_pp) over (partition by curve), min(spread_pp) over (partition by curve))
order by curve, observed_on
