-- measure: A macro indicator: the newest value known at the instant, or that of one observation.
-- parameter: indicator indicator | Indicator of derived.macro_indicators; its unit is in the evidence.
-- parameter: vintage choice(realtime, latest) = realtime | realtime: as first known; latest: revised, known from the
--     newest capture on.
-- parameter: observed_on date = none | First day of the observation; none: the newest that has a value.
-- parameter: max_age_days count = 100 | Without observed_on, a value published more days before the instant is out of
--     date.
-- value: Value of the indicator. [as served]
-- missing: a {vintage} value of {indicator} known by {known_at} (observation {observed_on}; none: one published in the
--     {max_age_days} days before)

with known as (
    select
        observed_on,
        value,
        unit,
        available_at,
        lag(value) over earlier as previous,
        lag(observed_on) over earlier as previous_on,
        case when lag(value, 12) over earlier is not null then avg(value) over twelve_before end as mean_12
    from derived.macro_indicators
    where
        indicator = $indicator
        and vintage = $vintage
        and value is not null
        -- available_at of a latest row is often the instant of its first print, not of its revision
        and case $vintage
            when 'realtime' then available_at <= $known_at
            else (select max(captured_at) from core.macro_latest) <= $known_at
        end
    window
        earlier as (order by observed_on),
        twelve_before as (order by observed_on rows between 12 preceding and 1 preceding)
),

asked as (
    select *
    from known
    where
        observed_on = coalesce($observed_on, (select max(observed_on) from known))
        and ($observed_on is not null or available_at >= $known_at - to_days($max_age_days))
),

year_before as (
    -- of weeks and days the newest that had ended by then
    select max_by(known.value, known.observed_on) as value
    from known
    inner join asked
        on known.observed_on between asked.observed_on - interval 1 year - interval 6 days
            and asked.observed_on - interval 1 year
)

select
    asked.value,
    asked.observed_on as as_of,
    {
        unit: asked.unit,
        observed_on: asked.observed_on,
        available_at: asked.available_at,
        previous_on: asked.previous_on,
        previous: asked.previous,
        change: asked.value - asked.previous,
        year_ago: year_before.value,
        change_year: asked.value - year_before.value,
        mean_12: asked.mean_12,
        above_mean_12: asked.value - asked.mean_12
    } as evidence
from (select 1) as one
left join asked on true
left join year_before on true
