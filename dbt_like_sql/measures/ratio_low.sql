-- measure: Relative strength against its lowest point since a day.
-- parameter: symbol symbol | Fund or index; the pair must be one of derived.relative_strength.
-- parameter: benchmark symbol | Fund or index to compare with.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: figure choice(ratio, rot_ratio) = ratio | rot_ratio: the ratio against its own last
--     63 sessions.
-- parameter: start date | First session that may be the low.
-- value: Change of the figure since its low, which of equal ones is the first. [pct]
-- missing: relative strength ({figure}) of {symbol} against {benchmark} ({basis}) on {session}

with strength as (
    select session_date, case $figure when 'ratio' then ratio else rot_ratio end as level
    from derived.relative_strength
    where symbol = $symbol and benchmark = $benchmark and basis = $basis
        and session_date between $start and $session and level is not null
),

low as (
    select arg_min(session_date, (level, session_date)) as low_date, min(level) as low_level from strength
)

select
    100 * (level / low_level - 1) as value,
    session_date as as_of,
    {low_date: low_date, session_date: session_date, low_level: low_level, level: level} as evidence
from low
left join strength on session_date = $session
