-- Recessions as dated by the NBER, whole months, as far back as the curve goes.
with months as (
    select observed_on, value, count(*) filter (where value = 0) over (order by observed_on) as recession_no
    from derived.macro_indicators
    where indicator = 'is_nber_recession' and vintage = 'latest'
)

select min(observed_on) as start_date, last_day(max(observed_on)) as end_date, count(*) as months
from months
where value = 1
group by recession_no
having end_date >= (select min(observed_on) from derived.yield_curve_status)
order by start_date
