-- measure: Largest daily return within dates.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: start date | First day.
-- parameter: end date = none | Last day, which must be over; none: the last session.
-- value: Largest daily return. [pct]
-- missing: daily returns of {symbol} ({basis}) from {start} to {end}, days that are over

with days as (
    select session_date, ret_1d
    from derived.returns
    where
        symbol = $symbol
        and basis = $basis
        and session_date >= $start
        and session_date <= least(coalesce($end, $session), $session)
        and ret_1d is not null
),

largest as (
    select
        max(ret_1d) as ret_1d,
        min_by(session_date, {largest: -ret_1d, day: session_date}) as largest_on,
        count(*) as sessions,
        max(session_date) as last_session
    from days
    -- days that are over, or that end with a return of the last session
    having coalesce($end, $session) < $session or max(session_date) = coalesce($end, $session)
)

select
    100 * ret_1d as value,
    largest_on as as_of,
    {session_date: largest_on, sessions: sessions, last_session: last_session} as evidence
from (select 1) as one
left join largest on true
