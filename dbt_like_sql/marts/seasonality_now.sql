-- model: One row per followed symbol, or pair, and part of the year that contains the newest session (current) or
--     begins after it, by the end of the next month (next): its returns in the years so far. Few years say little: look
--     at n and the interval.
-- grain: symbol, benchmark, basis, bucket_type, bucket
-- column: symbol | Fund or index that has a role.
-- column: name | Full name.
-- column: role | What it stands for, e.g. small or large.
-- column: benchmark | Returns are less those of this one; NULL for the symbol alone.
-- column: basis | price: split-adjusted close; total: forward total-return index.
-- column: session_date | Newest session of any symbol, from which window_state is told.
-- column: is_stale | TRUE when the symbol or its benchmark has no bar on that session: years may be missing.
-- column: bucket_type | month; turn_of_year (last session of December, first four of January); tax_loss (November to
--     the sixth-last session of December); election_year_calendar; election_252_after, election_252_before (252
--     sessions after, and up to, the close of Election Day).
-- column: bucket | 01 to 12 for month, all for the other types.
-- column: window_state | current or next. election_252_before turns current a week after the day one year before
--     Election Day, when it has begun whatever the holidays; it may have begun up to nine days earlier. [ours]
-- column: n | Years in which the window was complete. [count]
-- column: mean | Mean of the yearly values. [fraction]
-- column: median | Median of the yearly values. [fraction]
-- column: hit_rate | Share of the years with a value above zero, 0 to 1. [probability]
-- column: ci_low | 2.5th percentile of the means of 2,000 resamples; NULL under 5 years. [fraction, ours]
-- column: ci_high | 97.5th percentile of the means of 2,000 resamples; NULL under 5 years. [fraction, ours]
-- column: newest_year | Newest year in which the window was complete; of turn_of_year that of January.
-- column: newest_value | Value of that year. [fraction]
-- fail: unique(symbol, benchmark, basis, bucket_type, bucket)
-- fail: not_null(symbol, role, basis, session_date, is_stale, bucket_type, bucket, window_state)
-- fail: not_null(n, mean, median, hit_rate, newest_year, newest_value)
-- fail: window_state in ('current', 'next')
-- fail: n >= 1
-- fail: hit_rate between 0 and 1
-- fail: ci_low <= ci_high
-- fail: (ci_low is null) = (n < 5)
-- fail: newest_year <= year(session_date)
-- warn: is_stale or bucket_type <> 'month' or newest_year >= year(session_date) - 1
-- warn: abs(mean) < 1

with newest as (
    select max(session_date) as day
    from core.prices
),

years as (
    select unnest([year(day) - 1, year(day), year(day) + 1]) as year
    from newest
),

-- Sessions to come are not in core.sessions; at the turn of a year they are the weekdays but Christmas and New Year.
turns as (
    select
        years.year,
        list(day.day::date order by day) filter (where month(day) = 12) as december,
        list(day.day::date order by day) filter (where month(day) = 1) as january
    from years, generate_series(make_date(year, 12, 1), make_date(year + 1, 1, 15), interval 1 day) as day(day)
    where
        isodow(day) <= 5
        and strftime(day, '%d.%m.') not in ('25.12.', '01.01.')
        and strftime(day, '%a %d.%m.') not in ('Fri 24.12.', 'Mon 26.12.', 'Mon 02.01.')
    group by years.year
),

-- The Tuesday after the first Monday of November, which is in the week of the 7th.
elections as (
    select date_trunc('week', make_date(year, 11, 7))::date + 1 as day
    from years
    where year % 4 = 0
),

windows as (
    select 'month' as bucket_type, strftime(month, '%m') as bucket, month as starts_on, last_day(month) as ends_on
    from (
        select unnest([date_trunc('month', day), date_trunc('month', day) + interval 1 month])::date as month
        from newest
    )
    union all
    select 'turn_of_year', 'all', december[-1], january[4]
    from turns
    union all
    select 'tax_loss', 'all', make_date(year, 11, 1), december[-6]
    from turns
    union all
    select 'election_year_calendar', 'all', make_date(year, 1, 1), make_date(year, 12, 31)
    from years
    where year % 4 = 0
    union all
    select 'election_252_before', 'all', (day - interval 1 year)::date + 7, day
    from elections
    union all
    select 'election_252_after', 'all', day + 1, list(session_date order by session_date)[252]
    from elections
    left join core.sessions on session_date > day
    group by day
),

states as (
    select
        windows.bucket_type,
        windows.bucket,
        newest.day as session_date,
        if(windows.starts_on <= newest.day, 'current', 'next') as window_state
    from newest
    join windows
        on windows.starts_on <= last_day(newest.day + interval 1 month)
        and coalesce(windows.ends_on >= newest.day, true)
),

newest_years as (
    select
        symbol,
        benchmark,
        basis,
        bucket_type,
        bucket,
        max(year) as year,
        max_by(value, year) as value
    from derived.seasonality_years
    group by symbol, benchmark, basis, bucket_type, bucket
)

select
    seasonality.symbol,
    instruments.name,
    instruments.role,
    seasonality.benchmark,
    seasonality.basis,
    states.session_date,
    least(instruments.last_session, others.last_session) < states.session_date as is_stale,
    seasonality.bucket_type,
    seasonality.bucket,
    states.window_state,
    seasonality.n,
    seasonality.mean,
    seasonality.median,
    seasonality.hit_rate,
    seasonality.ci_low,
    seasonality.ci_high,
    newest_years.year as newest_year,
    newest_years.value as newest_value
from states
join derived.seasonality as seasonality
    on seasonality.bucket_type = states.bucket_type
    and seasonality.bucket = states.bucket
join core.instruments as instruments
    on instruments.symbol = seasonality.symbol
    and instruments.role is not null
left join core.instruments as others on others.symbol = seasonality.benchmark
left join newest_years
    on newest_years.symbol = seasonality.symbol
    and newest_years.benchmark is not distinct from seasonality.benchmark
    and newest_years.basis = seasonality.basis
    and newest_years.bucket_type = seasonality.bucket_type
    and newest_years.bucket = seasonality.bucket
order by
    seasonality.symbol,
    seasonality.benchmark nulls first,
    seasonality.basis,
    states.window_state,
    seasonality.bucket_type,
    seasonality.bucket
