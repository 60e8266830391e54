-- measure: Edge of bear-market territory, 20 % below the highest price so far, as traded on the session (before later
--     splits).
-- parameter: symbol symbol | Fund or index.
-- parameter: peak choice(close, high) = close | close: highest close; high: highest price within a session.
-- value: 0.8 x the peak. [usd]
-- missing: a bar of {symbol} on {session}

with bars as (
    select
        session_date,
        close,
        case $peak when 'close' then close else high end as top,
        close_as_traded / close as later_splits
    from core.prices
    where symbol = $symbol and session_date <= $session
),

newest as (
    select * from bars where session_date = $session
),

-- of equal tops the latest is the peak; within 1e-9 is equal
peaks as (
    select max(highest.top) as peak, max(session_date) as peak_date
    from bars
    inner join (select max(top) as top from bars) as highest on bars.top >= highest.top * (1 - 1e-9)
),

sides as (
    -- a close within 1e-9 of the level has reached it: it is not above
    select
        max(bars.session_date) filter (bars.close > 0.8 * peaks.peak * (1 + 1e-9)) as last_above_on,
        max(bars.session_date) filter (bars.close <= 0.8 * peaks.peak * (1 + 1e-9)) as last_below_on,
        min(bars.session_date) filter (
            bars.close <= 0.8 * peaks.peak * (1 + 1e-9) and bars.session_date > peaks.peak_date
        ) as confirmed_bear_on
    from bars
    cross join peaks
    where bars.session_date >= peaks.peak_date
)

select
    0.8 * peaks.peak * newest.later_splits as value,
    newest.session_date as as_of,
    {
        peak: peaks.peak * newest.later_splits,
        peak_date: peaks.peak_date,
        close: newest.close * newest.later_splits,
        is_above: sides.last_above_on = newest.session_date,
        last_above_on: sides.last_above_on,
        last_below_on: sides.last_below_on,
        confirmed_bear_on: sides.confirmed_bear_on
    } as evidence
from (select 1) as one
left join newest on true
left join peaks on newest.session_date is not null
left join sides on newest.session_date is not null
