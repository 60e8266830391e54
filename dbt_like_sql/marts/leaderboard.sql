-- model: One row per followed symbol with prices: its newest state, alone and against the large fund. Returns over n of
--     its own sessions; price basis unless the name says total.
-- grain: symbol
-- column: symbol | Fund or index that has a role.
-- column: name | Full name.
-- column: role | What it stands for, e.g. small or large.
-- column: group_name | size, style, sector, credit, bond, commodity, international, index, volatility.
-- column: session_date | Its newest session; every figure of the row is of this close.
-- column: is_stale | TRUE when any symbol has a newer session: the row is then not today's.
-- column: close | Close, split-adjusted on the basis of the newest capture. [usd]
-- column: close_as_traded | The price people saw that day: close times all later split ratios. [usd]
-- column: ret_1d | Return over 1 session. [fraction]
-- column: ret_5d | Return over 5 sessions. [fraction]
-- column: ret_21d | Return over 21 sessions. [fraction]
-- column: ret_63d | Return over 63 sessions. [fraction]
-- column: ret_252d | Return over 252 sessions. [fraction]
-- column: ret_ytd | Return since the last close of the previous year. [fraction]
-- column: total_ret_252d | Return over 252 sessions, distributions reinvested; NULL for indexes. [fraction]
-- column: total_ret_ytd | Return since the last close of the previous year, distributions reinvested. [fraction]
-- column: realized_vol_21d | Sample SD of the last 21 daily log returns, times the square root of 252. [fraction]
-- column: benchmark | Fund with the role large; NULL where the symbol is not compared with it.
-- column: spread_21d_pp | 100 x (21-session return less that of the benchmark). [pp]
-- column: spread_63d_pp | 100 x (63-session return less that of the benchmark). [pp]
-- column: spread_252d_pp | 100 x (252-session return less that of the benchmark). [pp]
-- column: quadrant | Rotation against the benchmark: leading, weakening, lagging or improving. [ours]
-- column: rank_in_group | Rank by spread_63d_pp among the group's symbols that are not stale, 1 the highest; equal
--     spreads share a rank; NULL without a spread or when stale. [count]
-- fail: unique(symbol)
-- fail: not_null(symbol, role, session_date, is_stale, close)
-- fail: close > 0
-- fail: rank_in_group >= 1
-- fail: unique(role)
-- warn: not is_stale
-- warn: abs(ret_1d) < 0.5

with newest as (
    select instruments.symbol, max(prices.session_date) as session_date
    from core.instruments as instruments
    join core.prices as prices on prices.symbol = instruments.symbol
    where instruments.role is not null
    group by instruments.symbol
),

-- Joined to the newest sessions first: DuckDB then skips all older rows while it reads.
newest_returns as (
    select own.*
    from newest
    join derived.returns as own
        on own.symbol = newest.symbol
        and own.session_date = newest.session_date
),

newest_strength as (
    select strength.*
    from newest
    join derived.relative_strength as strength
        on strength.symbol = newest.symbol
        and strength.session_date = newest.session_date
    where
        strength.basis = 'price'
        and strength.benchmark = (select max(symbol) from core.instruments where role = 'large')
),

state as (
    select
        instruments.symbol,
        instruments.name,
        instruments.role,
        instruments.group_name,
        prices.session_date,
        prices.session_date < (select max(session_date) from core.prices) as is_stale,
        prices.close,
        prices.close_as_traded,
        price_returns.ret_1d,
        price_returns.ret_5d,
        price_returns.ret_21d,
        price_returns.ret_63d,
        price_returns.ret_252d,
        price_returns.ret_ytd,
        total_returns.ret_252d as total_ret_252d,
        total_returns.ret_ytd as total_ret_ytd,
        price_returns.realized_vol_21d,
        against_large.benchmark,
        against_large.spread_21d_pp,
        against_large.spread_63d_pp,
        against_large.spread_252d_pp,
        against_large.quadrant
    from newest
    join core.instruments as instruments on instruments.symbol = newest.symbol
    join core.prices as prices
        on prices.symbol = newest.symbol
        and prices.session_date = newest.session_date
    left join newest_returns as price_returns
        on price_returns.symbol = newest.symbol
        and price_returns.basis = 'price'
    left join newest_returns as total_returns
        on total_returns.symbol = newest.symbol
        and total_returns.basis = 'total'
    left join newest_strength as against_large on against_large.symbol = newest.symbol
)

select
    *,
    case
        when spread_63d_pp is not null and not is_stale
        then rank() over (partition by group_name, is_stale order by spread_63d_pp desc nulls last)
    end as rank_in_group
from state
order by group_name, rank_in_group nulls last, symbol
