-- measure: Most hits of a run of sessions on which a rule on the daily return held, among the runs certain at the
--     instant.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: rule text = up_1pct | Rule of derived.streak_events: up, down, up_1pct, down_1pct or one of the
--     configuration.
-- parameter: allowed_misses choice(0, 1) = 0 | Sessions inside the run on which the rule did not hold.
-- parameter: most_sessions window = none | Runs of more sessions do not count; none: they do.
-- parameter: start date | Runs that began before do not count.
-- value: Hits; 0 where there is no such run of two or more. [count]
-- missing: a bar of {symbol} on {session}, or any run at all by {rule}: is there such a rule?

with longest as (
    select start_date, end_date, hits, sessions, cum_return, max_ret_1d, min_ret_1d, confirmed_on
    from derived.streak_events
    where
        symbol = $symbol
        and basis = $basis
        and rule = $rule
        and allowed_misses = $allowed_misses
        and start_date >= $start
        and confirmed_on <= $session
        and sessions <= coalesce($most_sessions, sessions)
    order by hits desc, sessions, start_date
    limit 1
),

-- without a run of any symbol there is no such rule
rules as (
    select exists (
        from derived.streak_events
        where rule = $rule and allowed_misses = $allowed_misses and confirmed_on <= $session
    ) as is_rule
)

select
    case when bar.session_date is not null and is_rule then coalesce(longest.hits, 0) end as value,
    bar.session_date as as_of,
    {
        start_date: longest.start_date,
        end_date: longest.end_date,
        sessions: longest.sessions,
        cum_return_pct: 100 * longest.cum_return,
        max_ret_1d_pct: 100 * longest.max_ret_1d,
        min_ret_1d_pct: 100 * longest.min_ret_1d,
        confirmed_on: longest.confirmed_on
    } as evidence
from (select $session as day, is_rule from rules) as asked
left join core.prices as bar on bar.symbol = $symbol and bar.session_date = asked.day
left join longest on bar.session_date is not null
