-- measure: Return of the calendar year so far, from the last close of the year before.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- value: Return. [pct]
-- missing: a close of {symbol} ({basis}) on {session} and one in the year before

with newest as (
    select session_date, ret_ytd
    from derived.returns
    where symbol = $symbol and basis = $basis and session_date = $session
),

year_before as (
    select max(session_date) as base_date
    from core.prices
    where symbol = $symbol and session_date < date_trunc('year', $session)
)

select
    100 * ret_ytd as value,
    session_date as as_of,
    {base_date: base_date, session_date: session_date} as evidence
from year_before
left join newest on true
