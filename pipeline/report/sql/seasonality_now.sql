-- Small less large in the windows that are under way or next.
select bucket_type, bucket, window_state, n, mean, median, hit_rate, ci_low, ci_high, newest_year, newest_value,
    session_date
from marts.seasonality_now
where role = 'small'
    and benchmark = (select max(symbol) from core.instruments where role = 'large')
    and basis = 'price'
order by window_state, bucket_type, bucket
