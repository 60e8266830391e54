-- measure: Whether a rally broadens: more funds above their 50-day average than 20 sessions before, and RSP ahead of
--     SPY, the same companies with equal weights.
-- parameter: universe text = us_equity | List of funds of derived.breadth.
-- value: Whether it does. [flag]
-- missing: breadth of {universe} on {session} and 20 sessions before

with days as (
    select
        *,
        lag(session_date, 20) over by_day as base_date,
        lag(pct_above_sma50, 20) over by_day as pct_above_sma50_before
    from derived.breadth
    where universe = $universe and session_date <= $session
    window by_day as (order by session_date)
)

select
    is_broadening as value,
    session_date as as_of,
    {
        base_date: base_date,
        members: members,
        pct_above_sma50: pct_above_sma50,
        pct_above_sma50_before: pct_above_sma50_before,
        pct_above_sma50_change: pct_above_sma50 - pct_above_sma50_before,
        equal_weight_change_20d_pct: 100 * rsp_spy_change_20d
    } as evidence
from (select $session as day) as asked
left join days on days.session_date = asked.day
