-- model: One row per session on which the small and the large fund traded: their relative strength, small against
--     technology, returns, and the yield curve and credit spread as they were known at that close. Split-adjusted
--     prices (basis price).
-- grain: session_date
-- known: session_date
-- column: session_date | New York trading session; the row is known from its close.
-- column: close_at | Closing instant of the session.
-- column: small_symbol | Fund with the role small.
-- column: large_symbol | Fund with the role large.
-- column: tech_symbol | Fund with the role tech; NULL when none is followed.
-- column: ratio | Close of the small fund over close of the large fund. [ratio, repaints]
-- column: ratio_change_21d | Ratio over the ratio 21 common sessions earlier, less 1. [fraction]
-- column: ratio_change_63d | Ratio over the ratio 63 common sessions earlier, less 1. [fraction]
-- column: spread_1d_pp | 100 x (1-session return of small less that of large). [pp]
-- column: spread_5d_pp | 100 x (5-session return of small less that of large). [pp]
-- column: spread_21d_pp | 100 x (21-session return of small less that of large). [pp]
-- column: spread_63d_pp | 100 x (63-session return of small less that of large). [pp]
-- column: quadrant | Rotation of small against large: leading, weakening, lagging or improving. [ours]
-- column: regime_63d | up or down (63-session return of small), _leading or _lagging (against large).
-- column: is_ratio_high_252 | Ratio at or above the highest of the last 252 common sessions; NULL before the 252nd.
-- column: vs_tech_ratio | Close of the small fund over close of the tech fund; NULL where tech did not trade.
--     [ratio, repaints]
-- column: vs_tech_ratio_change_21d | Ratio to tech over that ratio 21 common sessions earlier, less 1. [fraction]
-- column: vs_tech_ratio_change_63d | Ratio to tech over that ratio 63 common sessions earlier, less 1. [fraction]
-- column: vs_tech_spread_1d_pp | 100 x (1-session return of small less that of tech). [pp]
-- column: vs_tech_spread_5d_pp | 100 x (5-session return of small less that of tech). [pp]
-- column: vs_tech_spread_21d_pp | 100 x (21-session return of small less that of tech). [pp]
-- column: vs_tech_spread_63d_pp | 100 x (63-session return of small less that of tech). [pp]
-- column: vs_tech_quadrant | Rotation of small against tech: leading, weakening, lagging or improving. [ours]
-- column: is_vs_tech_ratio_high_252 | Ratio to tech at or above the highest of the last 252 common sessions.
-- column: small_ret_1d | Return of the small fund over 1 session. [fraction]
-- column: small_ret_5d | Return of the small fund over 5 sessions. [fraction]
-- column: small_ret_21d | Return of the small fund over 21 sessions. [fraction]
-- column: small_ret_ytd | Return of the small fund since its last close of the previous year. [fraction]
-- column: large_ret_1d | Return of the large fund over 1 session. [fraction]
-- column: large_ret_5d | Return of the large fund over 5 sessions. [fraction]
-- column: large_ret_21d | Return of the large fund over 21 sessions. [fraction]
-- column: large_ret_ytd | Return of the large fund since its last close of the previous year. [fraction]
-- column: tech_ret_1d | Return of the tech fund over 1 session. [fraction]
-- column: tech_ret_5d | Return of the tech fund over 5 sessions. [fraction]
-- column: tech_ret_21d | Return of the tech fund over 21 sessions. [fraction]
-- column: tech_ret_ytd | Return of the tech fund since its last close of the previous year. [fraction]
-- column: curve_observed_on | Day of the newest 10y2y spread that was public at the close; often the session before.
-- column: curve_available_at | Instant from which that spread was public.
-- column: curve_spread_pp | 10-year less 2-year Treasury yield of that day. [pp]
-- column: curve_state | State as known then: inverted, uninverting, post_inversion or normal. [ours]
-- column: is_curve_inverted | TRUE when that spread was below zero; 0.00 is not.
-- column: days_in_state | Observations of the unbroken curve state, that day included. [count]
-- column: credit_series_id | Series with the role credit_spread.
-- column: credit_observed_on | Day or period of the newest credit spread that was public at the close.
-- column: credit_available_at | Instant from which its value was public; a revision has its own.
-- column: credit_spread_pct | Its value as known at the close, in percent. [pct]
-- fail: unique(session_date)
-- fail: not_null(session_date, close_at, small_symbol, large_symbol, ratio)
-- fail: ratio > 0
-- fail: small_symbol <> large_symbol
-- fail: curve_available_at <= close_at
-- fail: credit_available_at <= close_at
-- fail: is_curve_inverted = (curve_spread_pp < 0)
-- fail: days_in_state >= 1
-- warn: curve_spread_pp between -5 and 5
-- warn: credit_spread_pct between 0 and 30
-- warn: abs(small_ret_1d) < 0.25 and abs(large_ret_1d) < 0.25
-- warn: date_diff('day', curve_observed_on, session_date) <= 10

with followed as (
    select
        max(symbol) filter (where role = 'small') as small,
        max(symbol) filter (where role = 'large') as large,
        max(symbol) filter (where role = 'tech') as tech
    from core.instruments
),

strength as (
    select followed.small, followed.large, followed.tech, sessions.close_at, against_large.*
    from followed
    join derived.relative_strength as against_large
        on against_large.symbol = followed.small
        and against_large.benchmark = followed.large
        and against_large.basis = 'price'
    join core.sessions as sessions on sessions.session_date = against_large.session_date
),

-- Only the rows of the funds followed, before the left joins: DuckDB then skips the others while it reads.
against_tech as (
    select against.*
    from followed
    join derived.relative_strength as against
        on against.symbol = followed.small
        and against.benchmark = followed.tech
        and against.basis = 'price'
),

price_returns as (
    select *
    from derived.returns
    where basis = 'price' and symbol in (select unnest([small, large, tech]) from followed)
),

-- Several observations may become public at one instant (after a holiday), and an old one late: only an
-- observation newer than all those public before it changes what is known of the curve.
curve as (
    select observed_on, available_at, spread_pp, state, is_inverted, days_in_state
    from derived.yield_curve_status
    where curve = '10y2y'
    qualify observed_on = max(observed_on) over (order by available_at)
),

-- A value holds from its own instant until the first later value of the same observation.
credit_values as (
    select
        series_id,
        releases.observed_on,
        releases.available_at,
        releases.value,
        min(releases.available_at) over (
            partition by series_id, releases.observed_on
            order by releases.seq
            rows between 1 following and unbounded following
        ) as replaced_at
    from core.macro_releases as releases
    join core.series as series using (series_id)
    where series.role = 'credit_spread'
    qualify releases.value is not null
),

-- Nearly all values are never replaced: of these the newest known is found by instant, as for the curve.
credit_lasting as (
    select observed_on, available_at, series_id, value
    from credit_values
    where replaced_at is null
    qualify observed_on = max(observed_on) over (order by available_at)
),

credit_replaced as (
    select
        strength.session_date,
        max({
            'observed_on': credit_values.observed_on,
            'available_at': credit_values.available_at,
            'series_id': credit_values.series_id,
            'value': credit_values.value
        }) as newest
    from strength
    join credit_values
        on credit_values.available_at <= strength.close_at
        and credit_values.replaced_at > strength.close_at
    group by strength.session_date
),

credit as (
    select
        strength.session_date,
        greatest(
            case when credit_lasting.observed_on is not null then {
                'observed_on': credit_lasting.observed_on,
                'available_at': credit_lasting.available_at,
                'series_id': credit_lasting.series_id,
                'value': credit_lasting.value
            } end,
            credit_replaced.newest
        ) as newest
    from strength
    asof left join credit_lasting on strength.close_at >= credit_lasting.available_at
    left join credit_replaced on credit_replaced.session_date = strength.session_date
)

select
    strength.session_date,
    strength.close_at,
    strength.small as small_symbol,
    strength.large as large_symbol,
    strength.tech as tech_symbol,
    strength.ratio,
    strength.ratio_change_21d,
    strength.ratio_change_63d,
    strength.spread_1d_pp,
    strength.spread_5d_pp,
    strength.spread_21d_pp,
    strength.spread_63d_pp,
    strength.quadrant,
    strength.regime_63d,
    strength.is_ratio_high_252,
    against_tech.ratio as vs_tech_ratio,
    against_tech.ratio_change_21d as vs_tech_ratio_change_21d,
    against_tech.ratio_change_63d as vs_tech_ratio_change_63d,
    against_tech.spread_1d_pp as vs_tech_spread_1d_pp,
    against_tech.spread_5d_pp as vs_tech_spread_5d_pp,
    against_tech.spread_21d_pp as vs_tech_spread_21d_pp,
    against_tech.spread_63d_pp as vs_tech_spread_63d_pp,
    against_tech.quadrant as vs_tech_quadrant,
    against_tech.is_ratio_high_252 as is_vs_tech_ratio_high_252,
    small_returns.ret_1d as small_ret_1d,
    small_returns.ret_5d as small_ret_5d,
    small_returns.ret_21d as small_ret_21d,
    small_returns.ret_ytd as small_ret_ytd,
    large_returns.ret_1d as large_ret_1d,
    large_returns.ret_5d as large_ret_5d,
    large_returns.ret_21d as large_ret_21d,
    large_returns.ret_ytd as large_ret_ytd,
    tech_returns.ret_1d as tech_ret_1d,
    tech_returns.ret_5d as tech_ret_5d,
    tech_returns.ret_21d as tech_ret_21d,
    tech_returns.ret_ytd as tech_ret_ytd,
    curve.observed_on as curve_observed_on,
    curve.available_at as curve_available_at,
    curve.spread_pp as curve_spread_pp,
    curve.state as curve_state,
    curve.is_inverted as is_curve_inverted,
    curve.days_in_state,
    credit.newest.series_id as credit_series_id,
    credit.newest.observed_on as credit_observed_on,
    credit.newest.available_at as credit_available_at,
    credit.newest.value as credit_spread_pct
from strength
asof left join curve on strength.close_at >= curve.available_at
left join credit on credit.session_date = strength.session_date
left join against_tech on against_tech.session_date = strength.session_date
left join price_returns as small_returns
    on small_returns.symbol = strength.small
    and small_returns.session_date = strength.session_date
left join price_returns as large_returns
    on large_returns.symbol = strength.large
    and large_returns.session_date = strength.session_date
left join price_returns as tech_returns
    on tech_returns.symbol = strength.tech
    and tech_returns.session_date = strength.session_date
order by strength.session_date
