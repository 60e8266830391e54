-- measure: Largest daily return within dates.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: start date | First day.
-- parameter: end date = none | Last day; none: the last session.
-- value: Largest daily return. [pct]
-- missing: daily returns of {symbol} ({basis}) from {start} to {end}

with days as (
    select session_date, ret_1d
    from derived.returns
    where
        symbol = $symbol
        and basis = $basis
        and session_date >= $start
        and session_date <= least(coalesce($end, $session), $session)
        and ret_1d is not null
)

select
    100 * max(ret_1d) as value,
    min_by(session_date, {largest: -ret_1d, day: session_date}) as as_of,
    {
        session_date: min_by(session_date, {largest: -ret_1d, day: session_date}),
        sessions: count(*),
        last_session: max(session_date)
    } as evidence
from days
