-- Who leads over 63 sessions, since when, and how unusual that is: small caps against large caps at the newest close.
-- A percentile is (values below + half of those equal) / all values, this one included.
with daily as (
    select *
    from marts.rotation_daily
),

newest as (
    select *
    from daily
    order by session_date desc
    limit 1
),

-- the lead changes when the sign of the 63-session spread does
turn as (
    select max(daily.session_date) as session_date
    from daily, newest
    where sign(daily.spread_63d_pp) <> sign(newest.spread_63d_pp)
),

lead as (
    select min(daily.session_date) as since, count(*) as sessions
    from daily
    left join turn on true
    where daily.spread_63d_pp is not null
        and daily.session_date > coalesce(turn.session_date, date '0001-01-01')
),

ranks as (
    select
        min(daily.session_date) as history_start,
        round((count(*) filter (where daily.ratio < newest.ratio)
            + count(*) filter (where daily.ratio = newest.ratio) / 2) / count(daily.ratio), 8) as ratio_percentile,
        min(daily.session_date) filter (where daily.spread_63d_pp is not null) as spread_history_start,
        round((count(*) filter (where daily.spread_63d_pp < newest.spread_63d_pp)
            + count(*) filter (where daily.spread_63d_pp = newest.spread_63d_pp) / 2)
            / nullif(count(daily.spread_63d_pp), 0), 8) as spread_63d_percentile
    from daily, newest
),

-- the pair may be behind other data: core.sessions reach to the newest capture of anything
age as (
    select
        bool_or(freshness.is_stale) as is_stale,
        (select count(*) from core.sessions where sessions.session_date > any_value(newest.session_date))
            as sessions_behind
    from newest
    join marts.freshness as freshness
        on freshness.dataset = 'prices' and freshness.id in (newest.small_symbol, newest.large_symbol)
)

select
    newest.session_date,
    age.is_stale,
    age.sessions_behind,
    newest.small_symbol,
    newest.large_symbol,
    newest.ratio,
    ranks.ratio_percentile,
    ranks.history_start,
    newest.spread_21d_pp,
    newest.spread_63d_pp,
    ranks.spread_63d_percentile,
    ranks.spread_history_start,
    lead.since as lead_since,
    lead.sessions as lead_sessions,
    newest.quadrant,
    position.quadrant_since,
    newest.small_ret_ytd,
    newest.large_ret_ytd
from newest, ranks, lead, age
left join marts.rotation_map as position
    on position.is_latest and position.symbol = newest.small_symbol and position.benchmark = newest.large_symbol
