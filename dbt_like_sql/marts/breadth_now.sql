-- model: One row per list of funds: how many of them take part at its newest session, against 20 sessions earlier, and
--     since when the market has been broadening. The lists are of today's funds: those that closed are missing.
-- grain: universe
-- column: universe | Name of the list in rules.yaml.
-- column: universe_version | Date of the list.
-- column: session_date | Newest session of the list; every figure of the row is of this close.
-- column: is_stale | TRUE when any symbol has a newer session: the row is then not today's.
-- column: members | Symbols with a bar and an unbroken window of 200 closes; shares of few say little. [count, proxy]
-- column: pct_above_sma50 | Share of the members at or above their 50-session mean, 0 to 100. [pct, proxy]
-- column: pct_above_sma200 | Share of the members at or above their 200-session mean, 0 to 100. [pct, proxy]
-- column: pct_at_high_252 | Share at their highest close of 252, 0 to 100, of the members with so many. [pct, proxy]
-- column: advancers | Members whose close is above the one before. [count, proxy]
-- column: decliners | Members whose close is below the one before. [count, proxy]
-- column: pct_above_sma50_20d_ago | pct_above_sma50 of 20 of the list's sessions earlier, whose members may differ;
--     NULL where more than 10 sessions are missing between. [pct, proxy]
-- column: pct_above_sma200_20d_ago | pct_above_sma200 of that session. [pct, proxy]
-- column: rsp_spy_change_20d | Equal-weight over large fund: their price ratio over that of 20 common sessions earlier,
--     less 1. [fraction]
-- column: is_broadening | That change is above zero, and pct_above_sma50 above that of 20 sessions earlier; NULL when
--     either is not known. [ours]
-- column: broadening_since | First session of the unbroken run in which is_broadening holds; NULL when it does not
--     hold now. [ours]
-- column: broadening_sessions | Sessions of that run, the newest included; 0 when it does not hold now. [count, ours]
-- fail: unique(universe)
-- fail: not_null(universe, session_date, is_stale, members, pct_above_sma50, pct_above_sma200, advancers, decliners)
-- fail: pct_above_sma50 between 0 and 100 and pct_above_sma200 between 0 and 100
-- fail: pct_at_high_252 between 0 and 100
-- fail: pct_above_sma50_20d_ago between 0 and 100 and pct_above_sma200_20d_ago between 0 and 100
-- fail: advancers + decliners <= members
-- fail: (broadening_sessions > 0) = coalesce(is_broadening, false)
-- fail: (broadening_since is null) = (broadening_sessions = 0)
-- fail: broadening_since <= session_date

with daily as (
    select
        breadth.*,
        lag(breadth.pct_above_sma50, 20) over in_order as pct_above_sma50_20d_ago,
        lag(breadth.pct_above_sma200, 20) over in_order as pct_above_sma200_20d_ago,
        sessions.session_no - lag(sessions.session_no, 20) over in_order <= 20 + 10 as is_unbroken,
        max(breadth.session_date) filter (where breadth.is_broadening is not true) over in_order as not_broadening_on
    from derived.breadth as breadth
    join core.sessions as sessions on sessions.session_date = breadth.session_date
    window in_order as (partition by breadth.universe order by breadth.session_date)
)

select
    universe,
    universe_version,
    session_date,
    session_date < (select max(session_date) from core.prices) as is_stale,
    members,
    pct_above_sma50,
    pct_above_sma200,
    pct_at_high_252,
    advancers,
    decliners,
    case when is_unbroken then pct_above_sma50_20d_ago end as pct_above_sma50_20d_ago,
    case when is_unbroken then pct_above_sma200_20d_ago end as pct_above_sma200_20d_ago,
    rsp_spy_change_20d,
    is_broadening,
    min(session_date) filter (where is_broadening) over same_run as broadening_since,
    count(*) filter (where is_broadening) over same_run as broadening_sessions
from daily
window same_run as (partition by universe, not_broadening_on)
qualify session_date = max(session_date) over (partition by universe)
order by universe
