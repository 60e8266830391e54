-- model: One row per macro indicator: its newest value, the one before, a year ago, and what was first published for
--     the same observation. Values are today's revised data (vintage latest); indicators that exist only as first
--     published show that (vintage realtime).
-- grain: indicator
-- column: indicator | Name with its unit as suffix, e.g. sahm_pp.
-- column: unit | Unit of every figure of the row.
-- column: frequency | daily, weekly, monthly, quarterly or annual, by the median distance of its 12 newest
--     observations; annual where there is only one. [ours]
-- column: vintage | Of value, previous and year ago: latest, or realtime where the indicator has no latest rows.
-- column: observed_on | First day of the period of the newest value; of a fiscal year the last.
-- column: value | Newest value; NULL: no observation has one. [unit of the measure]
-- column: available_at | Instant from which this value could be computed; a revision has its own.
-- column: previous_observed_on | Period of the newest earlier value.
-- column: previous_value | That value. [unit of the measure]
-- column: change | Value less previous_value. [unit of the measure]
-- column: year_ago_observed_on | The same day a year earlier, of a weekly indicator 364 days; NULL: it has no value.
-- column: year_ago_value | Value of that period, never of one near it. [unit of the measure]
-- column: year_change | Value less year_ago_value. [unit of the measure]
-- column: first_published_value | Value as the same observation was first published; NULL: no first print was captured.
--     [unit of the measure]
-- column: first_published_at | Instant from which that value was public.
-- column: is_first_published_mixed | TRUE where the first print compares with earlier observations as they were before
--     a revision published with it: not what the report of the day said. NULL without a first print.
-- column: revision | Value less first_published_value; NULL where the first print is mixed, and for the vintage
--     realtime. [unit of the measure]
-- column: is_stale | TRUE without a value, or when observed_on is more than 10 days (daily), 24 (weekly), 120
--     (monthly), 250 (quarterly) or 450 (annual) before the newest session of core.sessions. By the period: a revision
--     makes available_at of an old observation new. [ours]
-- fail: unique(indicator)
-- fail: not_null(indicator, unit, frequency, vintage, observed_on, available_at, is_stale)
-- fail: vintage in ('latest', 'realtime')
-- fail: previous_observed_on < observed_on
-- fail: year_ago_observed_on < observed_on
-- fail: (first_published_value is null) = (first_published_at is null)
-- fail: vintage = 'latest' or value is null or first_published_value = value

with shown as (
    select *
    from derived.macro_indicators
    qualify vintage = min(vintage) over (partition by indicator)  -- latest, where there is one
),

dated as (
    select
        *,
        date_diff('day', lag(observed_on) over (partition by indicator order by observed_on), observed_on) as step,
        row_number() over (partition by indicator order by observed_on desc) as from_newest,
        row_number() over (partition by indicator order by value is null, observed_on desc) as from_newest_value
    from shown
),

-- No table that models read says which series an indicator is made of, so its frequency is read off its dates.
frequencies as (
    select
        indicator,
        case
            when median(step) <= 4 then 'daily'
            when median(step) <= 10 then 'weekly'
            when median(step) <= 45 then 'monthly'
            when median(step) <= 120 then 'quarterly'
            else 'annual'
        end as frequency
    from dated
    where from_newest <= 12
    group by indicator
),

newest as (
    select
        dated.*,
        frequency,
        (dated.observed_on - case when frequency = 'weekly' then interval 364 day else interval 1 year end)::date
            as year_before,
        case frequency
            when 'daily' then 10
            when 'weekly' then 24
            when 'monthly' then 120
            when 'quarterly' then 250
            else 450
        end as limit_days
    from dated
    join frequencies on frequencies.indicator = dated.indicator
    where from_newest_value = 1
)

select
    newest.indicator,
    newest.unit,
    newest.frequency,
    newest.vintage,
    newest.observed_on,
    newest.value,
    newest.available_at,
    previous.observed_on as previous_observed_on,
    previous.value as previous_value,
    newest.value - previous.value as change,
    year_ago.observed_on as year_ago_observed_on,
    year_ago.value as year_ago_value,
    newest.value - year_ago.value as year_change,
    first_print.value as first_published_value,
    first_print.available_at as first_published_at,
    first_print.is_mixed as is_first_published_mixed,
    case
        when newest.vintage = 'latest' and not first_print.is_mixed then newest.value - first_print.value
    end as revision,
    newest.value is null
    or date_diff('day', newest.observed_on, (select max(session_date) from core.sessions)) > newest.limit_days
        as is_stale
from newest
left join dated as previous
    on previous.indicator = newest.indicator
    and previous.from_newest_value = 2
    and previous.value is not null
left join shown as year_ago
    on year_ago.indicator = newest.indicator
    and year_ago.observed_on = newest.year_before
    and year_ago.value is not null
left join derived.macro_indicators as first_print
    on first_print.indicator = newest.indicator
    and first_print.observed_on = newest.observed_on
    and first_print.vintage = 'realtime'
    and first_print.value is not null
order by newest.indicator
