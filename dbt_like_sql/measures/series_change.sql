-- measure: Change of a macro series over calendar months, in the values known at the instant; with the instant now,
--     as revised.
-- parameter: series series | Series of core.macro_releases.
-- parameter: observed_on date | First day of the newer observation.
-- parameter: months window = 12 | Calendar months between the two.
-- value: Newer observation over the older, less 1. [pct]
-- missing: {series} of {observed_on} and of {months} months before, known by {known_at}

with known as (
    select observed_on, last(value order by seq) as value, last(captured_at order by seq) as captured_at
    from core.macro_releases
    where
        series_id = $series
        and observed_on in ($observed_on, $observed_on - to_months($months))
        and available_at <= $known_at
    group by observed_on
)

select
    100 * (newer.value / nullif(older.value, 0) - 1) as value,
    newer.observed_on as as_of,
    {
        base_on: older.observed_on,
        base: older.value,
        level: newer.value,
        captured_by: greatest(newer.captured_at, older.captured_at)
    } as evidence
from (select 1) as one
left join known as newer on newer.observed_on = $observed_on
left join known as older on older.observed_on = $observed_on - to_months($months)
