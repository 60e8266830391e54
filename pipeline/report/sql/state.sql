-- One row per thing to know at a glance, each from the mart that says more about it.
select 'phase' as what, phase as state, days_in_phase as days, null as value, session_date as as_of
from derived.trend
where symbol = (select max(symbol) from core.instruments where role = 'small')
qualify session_date = max(session_date) over ()
union all
select 'curve', state, days_in_state, spread_pp, observed_on
from marts.curve_now
where curve = '10y2y'
union all
select 'credit', regime, null, level_pct, observed_on
from marts.credit_now
qualify row_number() over (order by is_stale, observed_on desc, measure) = 1
union all
select 'breadth', case when is_broadening then 'broadening' when not is_broadening then 'not broadening' end, null,
    pct_above_sma200, session_date
from marts.breadth_now
qualify row_number() over (order by members desc, universe) = 1
