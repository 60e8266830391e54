-- model: One row per yield curve: its newest state, and the newest and the longest sustained inversion, an open one as
--     it is so far. A sustained inversion bridges interruptions of at most 5 observations and has at least 20 inverted
--     ones.
-- grain: curve
-- column: curve | 10y2y or 10y3m, or a name of your own in rules.yaml.
-- column: observed_on | Day of the newest yields.
-- column: available_at | Instant from which the spread was public.
-- column: is_stale | TRUE when that was longer ago, at the close of the newest session of core.sessions, than
--     marts.freshness allows the series of the role curve_<curve>, or a daily one where there is no such series: the
--     row is then not today's.
-- column: spread_pp | Long less short Treasury yield. [pp]
-- column: state | inverted, uninverting, post_inversion or normal, as known at that observation. [ours]
-- column: days_in_state | Observations of the unbroken state, the newest included. [count]
-- column: spell_start | First observation of the current run (inverted) or of the sustained spell (after it).
-- column: change_20_pp | Spread less the spread 20 observations earlier. [pp]
-- column: steepening | bull_ or bear_, steepening or flattening, over 20 observations; NULL: unchanged.
-- column: recession_prob_12m | 10y3m only: normal CDF of (-0.5333 - 0.6330 x last month's mean spread).
--     [probability, proxy]
-- column: inversion_start | First inverted observation of the newest sustained inversion; NULL: there was none.
-- column: inversion_end | Its last inverted observation; while it is open the newest one so far.
-- column: inversion_uninverted_on | First non-negative observation after it; NULL until the end is confirmed.
-- column: inversion_observations | Its inverted observations so far. [count]
-- column: inversion_calendar_days | Days from inversion_start to inversion_end, both counted. [count]
-- column: inversion_min_pp | Its lowest spread so far. [pp]
-- column: inversion_min_date | First day of the lowest spread.
-- column: is_inversion_open | TRUE until its end is confirmed by the sixth non-negative observation in a row.
-- column: inversions_n | Sustained inversions so far, an open one included. [count]
-- column: longest_inversion_start | First observation of the one with the most inverted observations; of equal ones the
--     earliest.
-- column: longest_inversion_end | Its last inverted observation so far.
-- column: longest_inversion_observations | Its inverted observations so far. [count]
-- fail: unique(curve)
-- fail: not_null(curve, observed_on, available_at, is_stale, spread_pp, state, days_in_state, inversions_n)
-- fail: days_in_state >= 1
-- fail: (state = 'inverted') = (spread_pp < 0)
-- fail: (inversions_n = 0) = (inversion_start is null)
-- fail: inversion_start <= inversion_end and inversion_end <= observed_on
-- fail: longest_inversion_start <= inversion_start
-- fail: longest_inversion_observations >= inversion_observations
-- fail: is_inversion_open = (inversion_uninverted_on is null)
-- warn: spread_pp between -5 and 5

with newest as (
    select *
    from derived.yield_curve_status
    qualify row_number() over (partition by curve order by observed_on desc) = 1
),

sustained as (
    select
        *,
        row_number() over (partition by curve order by start_date desc) as from_newest,
        row_number() over (partition by curve order by observations desc, start_date) as from_longest,
        count(*) over (partition by curve) as n
    from marts.inversion_history
    where variant = 'sustained'
),

-- the name of a curve is free: without a series of its role the shortest limit holds, which is that of daily series
limits as (
    select
        newest.curve,
        coalesce(
            max(source.limit_days) filter (where source.role = 'curve_' || newest.curve), min(source.limit_days)
        ) as days
    from newest
    cross join marts.freshness as source
    group by newest.curve
)

select
    newest.curve,
    newest.observed_on,
    newest.available_at,
    date_sub('day', newest.available_at, (select max(close_at) from core.sessions)) > limits.days as is_stale,
    newest.spread_pp,
    newest.state,
    newest.days_in_state,
    newest.spell_start,
    newest.change_20_pp,
    newest.steepening,
    newest.recession_prob_12m,
    inversion.start_date as inversion_start,
    inversion.last_inverted_on as inversion_end,
    inversion.uninverted_on as inversion_uninverted_on,
    inversion.observations as inversion_observations,
    inversion.calendar_days as inversion_calendar_days,
    inversion.min_spread_pp as inversion_min_pp,
    inversion.min_date as inversion_min_date,
    inversion.is_open as is_inversion_open,
    coalesce(inversion.n, 0) as inversions_n,
    longest.start_date as longest_inversion_start,
    longest.last_inverted_on as longest_inversion_end,
    longest.observations as longest_inversion_observations
from newest
left join sustained as inversion
    on inversion.curve = newest.curve
    and inversion.from_newest = 1
left join sustained as longest
    on longest.curve = newest.curve
    and longest.from_longest = 1
left join limits on limits.curve = newest.curve
order by newest.curve
