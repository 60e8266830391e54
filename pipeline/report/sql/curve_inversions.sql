-- Sustained inversions of the 10y-2y spread (of 10y-3m where there is no other): at least 20 inverted observations.
select
    start_date,
    last_inverted_on as end_date,
    observations,
    min_spread_pp,
    min_date,
    confirmed_on,
    is_open,
    curve
from marts.inversion_history
where variant = 'sustained'
    and curve = (select min(curve) from derived.yield_curve_status)
order by start_date
