-- Highs and lows of the ratio that had not been seen for a year or longer: the first of each cluster, a cluster being
-- records less than 92 days after one another.
select
    records.session_date,
    records.value as ratio,
    case records.direction when 'high' then 'high of a year or more' else 'low of a year or more' end as record,
    records.since_date,
    records.sessions_since,
    records.headline
from marts.record_moves as records
join (select distinct small_symbol, large_symbol from marts.rotation_daily) as pair
    on pair.small_symbol = records.symbol and pair.large_symbol = records.benchmark
where records.measure = 'ratio' and records.basis = 'price'
qualify coalesce(
    records.session_date - lag(records.session_date) over (partition by records.direction order by records.session_date)
    >= 92, true)
order by records.session_date
