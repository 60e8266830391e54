-- Small less large, month by month over all years: the mean, its 95 % bootstrap interval, and how often it was above 0.
select bucket as month, n, mean, median, hit_rate, ci_low, ci_high
from derived.seasonality as seasonality
where bucket_type = 'month'
    and basis = 'price'
    and symbol = (select max(symbol) from core.instruments where role = 'small')
    and benchmark = (select max(symbol) from core.instruments where role = 'large')
order by bucket
