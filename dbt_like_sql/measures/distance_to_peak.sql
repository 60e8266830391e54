-- measure: Highest close after the fall from a peak, up to the last session, against that peak: below 0 it was never
--     regained.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: peak_from date | The peak is the highest close from this day ...
-- parameter: peak_to date | ... to this one.
-- value: Highest close since the lowest one after the peak, over the peak, less 1. [pct]
-- missing: closes of {symbol} ({basis}) from {peak_from} to {peak_to}, after it, and on {session}

with levels as (
    select session_date, case $basis when 'price' then close else total_return_index end as level
    from core.prices
    where symbol = $symbol and session_date <= $session
),

-- of equal closes the latest is the peak; within 1e-9 is equal
peaks as (
    select max(highest.level) as peak, max(session_date) as peak_date
    from levels
    inner join (
        select max(level) as level from levels where session_date between $peak_from and $peak_to
    ) as highest on levels.level >= highest.level * (1 - 1e-9)
    where session_date between $peak_from and $peak_to
),

regained as (
    select min(levels.session_date) as day
    from levels
    inner join peaks on levels.session_date > peaks.peak_date and levels.level >= peaks.peak * (1 - 1e-9)
),

-- the fall ends where the peak is regained, else it lasts until the last session
trough as (
    select
        min(levels.level) as level,
        min_by(levels.session_date, {level: levels.level, day: levels.session_date}) as trough_date
    from levels
    inner join peaks on levels.session_date > peaks.peak_date
    cross join regained
    where levels.session_date <= coalesce(regained.day, $session)
),

since as (
    select
        max(levels.level) as best,
        min_by(levels.session_date, {level: -levels.level, day: levels.session_date}) as best_date
    from levels
    inner join trough on levels.session_date >= trough.trough_date
)

select
    100 * (since.best / peaks.peak - 1) as value,
    newest.session_date as as_of,
    {
        peak_date: peaks.peak_date,
        peak: peaks.peak,
        trough_date: trough.trough_date,
        depth_pct: 100 * (trough.level / peaks.peak - 1),
        best_date: since.best_date,
        best: since.best,
        regained_on: regained.day,
        newest_pct: 100 * (newest.level / peaks.peak - 1)
    } as evidence
from (select $session as day) as asked
left join levels as newest on newest.session_date = asked.day
left join peaks on newest.level is not null
left join regained on newest.level is not null
left join trough on newest.level is not null
left join since on newest.level is not null
