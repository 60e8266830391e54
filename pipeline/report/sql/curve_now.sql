-- Every curve as of its newest observation.
select
    curve, observed_on, is_stale,
    date_diff('day', observed_on, (select max(session_date) from core.sessions)) as days_old,
    spread_pp, state, days_in_state, change_20_pp, steepening, recession_prob_12m, inversion_start, inversion_end,
    inversion_min_pp, is_inversion_open, inversions_n
from marts.curve_now
order by curve
