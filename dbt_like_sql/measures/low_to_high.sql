-- measure: Largest rise from the low of a session to the high of a later one, within the last sessions up to a date.
-- parameter: symbol symbol | Fund or index.
-- parameter: sessions window | How many sessions, that of the low and that of the high included.
-- parameter: date date = none | Last of the sessions; none: the last session.
-- value: High over low, less 1. [pct]
-- missing: lows and highs of {symbol} on the {sessions} sessions up to {date}

with bars as (
    select session_date, low, high
    from core.prices
    where symbol = $symbol and session_date <= least(coalesce($date, $session), $session)
    order by session_date desc
    limit $sessions
),

rises as (
    select
        low_bar.session_date as low_date,
        low_bar.low,
        high_bar.session_date as high_date,
        high_bar.high,
        high_bar.high / low_bar.low - 1 as rise
    from bars as low_bar
    inner join bars as high_bar on high_bar.session_date > low_bar.session_date
    where low_bar.low > 0
    order by rise desc, high_date, low_date desc
    limit 1
),

complete as (
    select max(session_date) as last_session, min(session_date) as first_session
    from bars
    having count(low) = $sessions and count(high) = $sessions
)

select
    100 * rises.rise as value,
    complete.last_session as as_of,
    {
        first_session: complete.first_session,
        low_date: rises.low_date,
        low: rises.low,
        high_date: rises.high_date,
        high: rises.high
    } as evidence
from (select coalesce($date, $session) as day) as asked
left join complete on complete.last_session = asked.day
left join rises on complete.last_session is not null
