-- measure: Mean of a quarter's three months over that of the quarter before, in the values known at the instant; with
--     the instant now, as revised.
-- parameter: series series | Monthly series of core.macro_releases.
-- parameter: quarter date | A day of the quarter.
-- value: Change of the quarterly mean. [pct]
-- missing: {series} of all six months up to the end of the quarter of {quarter}, known by {known_at}

with known as (
    select observed_on, last(value order by seq) as value, last(captured_at order by seq) as captured_at
    from core.macro_releases
    where
        series_id = $series
        and observed_on >= date_trunc('quarter', $quarter) - interval 3 months
        and observed_on < date_trunc('quarter', $quarter) + interval 3 months
        and available_at <= $known_at
    group by observed_on
),

quarters as (
    select
        date_trunc('quarter', observed_on)::date as quarter,
        avg(value) as mean,
        max(observed_on) as last_month,
        max(captured_at) as captured_by
    from known
    group by all
    having count(value) = 3
)

select
    100 * (newer.mean / nullif(older.mean, 0) - 1) as value,
    newer.last_month as as_of,
    {
        quarter: newer.quarter,
        mean: newer.mean,
        previous_quarter: older.quarter,
        previous_mean: older.mean,
        captured_by: greatest(newer.captured_by, older.captured_by)
    } as evidence
from (select 1) as one
left join quarters as newer on newer.quarter = date_trunc('quarter', $quarter)
left join quarters as older on older.quarter = date_trunc('quarter', $quarter) - interval 3 months
