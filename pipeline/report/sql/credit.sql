-- Every measure of credit spreads: every observation of the last three years; before that the last of each week, and the
-- days of the highest and the lowest level.
select observed_on, measure, level_pct, regime
from derived.credit_regime
where level_pct is not null
qualify observed_on > max(observed_on) over (partition by measure) - interval 3 year
    or row_number() over (partition by measure, date_trunc('week', observed_on) order by observed_on desc) = 1
    or level_pct in (max(level_pct) over (partition by measure), min(level_pct) over (partition by measure))
order by measure, observed_on
