-- The credit regime by each measure, as of its newest observation; the newest measure first.
select
    measure, observed_on, is_stale,
    date_diff('day', observed_on, (select max(session_date) from core.sessions)) as days_old,
    level_pct, change_13w_bp, percentile, history_start, regime, regime_since, previous_regime
from marts.credit_now
order by is_stale, observed_on desc, measure
