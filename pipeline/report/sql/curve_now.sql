-- Both curves as of their newest observation.
select
    curve, observed_on, is_stale, spread_pp, state, days_in_state, change_20_pp, steepening, recession_prob_12m,
    inversion_start, inversion_end, inversion_min_pp, is_inversion_open, inversions_n
from marts.curve_now
order by curve
