-- measure: A macro indicator: the newest value known at the instant, or that of one observation. Its year_ago is the
--     value of the same day a year before, of weekly observations that of 364 days before; NULL where there is none.
-- parameter: indicator indicator | Indicator of derived.macro_indicators; its unit is in the evidence.
-- parameter: vintage choice(realtime, latest) = realtime | realtime: as first known; latest: revised, known from the
--     newest capture on.
-- parameter: observed_on date = none | First day of the observation; none: the newest that has a value.
-- parameter: max_age_days count = 100 | Without observed_on, a value published more days before the instant is out of
--     date.
-- value: Value of the indicator. [as served]
-- missing: a {vintage} value of {indicator} (observation: {observed_on}) known by {known_at}

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
        and available_at <= $known_at
        -- available_at of a latest row is often the instant of its first print, not of its revision
        and ($vintage = 'realtime' or (select max(captured_at) from core.macro_latest) <= $known_at)
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
    select known.observed_on, known.value
    from known
    inner join asked
        on known.observed_on = case (select median(observed_on - previous_on) from known)
            when 7 then asked.observed_on - 364
            else asked.observed_on - interval 1 year
        end
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
        year_ago_on: year_before.observed_on,
        year_ago: year_before.value,
        change_year: asked.value - year_before.value,
        mean_12: asked.mean_12,
        above_mean_12: asked.value - asked.mean_12
    } as evidence
from (select 1) as one
left join asked on true
left join year_before on true
