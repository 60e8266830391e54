-- {indicator}, as known today: the last five years, every observation of the newest and before that the last of each week.
select observed_on, value
from derived.macro_indicators
where indicator = '{indicator}' and vintage = 'latest' and value is not null
qualify observed_on > max(observed_on) over () - interval 1 year
    or observed_on > max(observed_on) over () - interval 5 year
    and row_number() over (partition by date_trunc('week', observed_on) order by observed_on desc) = 1
order by observed_on
