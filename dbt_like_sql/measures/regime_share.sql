-- measure: Share of sessions that a pair spent in one of the four 63-session regimes.
-- parameter: symbol symbol | Fund or index; the pair must be one of derived.relative_strength.
-- parameter: benchmark symbol | Fund or index to compare with.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: regime choice(up_leading, up_lagging, down_leading, down_lagging) | up: the symbol gained;
--     leading: it did better than the benchmark.
-- parameter: start date = none | First session counted; none: all history.
-- value: Share of the sessions with a regime. [pct]
-- missing: 63-session returns of {symbol} and {benchmark} ({basis}) on {session}

with sessions as (
    select session_date, regime_63d as regime
    from derived.relative_strength
    where symbol = $symbol and benchmark = $benchmark and basis = $basis and regime_63d is not null
        and session_date between coalesce($start, session_date) and $session
)

select
    case when max(session_date) = $session then 100 * avg((regime = $regime)::int) end as value,
    case when max(session_date) = $session then $session end as as_of,
    {
        first_session: min(session_date),
        last_session: max(session_date),
        sessions: count(*),
        up_leading: count(*) filter (where regime = 'up_leading'),
        up_lagging: count(*) filter (where regime = 'up_lagging'),
        down_leading: count(*) filter (where regime = 'down_leading'),
        down_lagging: count(*) filter (where regime = 'down_lagging'),
        down_of_leading_pct: 100 * avg(starts_with(regime, 'down')::int) filter (where ends_with(regime, 'leading'))
    } as evidence
from sessions
