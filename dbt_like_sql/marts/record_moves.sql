-- model: One row per move of a followed symbol that was the largest of at least 252 sessions, or since its history
--     begins: "the best since". Split-adjusted prices (basis price): distributions seldom decide a record, and a level
--     with them reinvested has no meaning; derived.records has both bases, and the shorter records.
-- grain: symbol, benchmark, basis, measure, direction, session_date
-- known: session_date
-- column: symbol | Fund or index that has a role.
-- column: name | Full name.
-- column: role | What it stands for, e.g. small or large.
-- column: benchmark | Benchmark of a spread or ratio; NULL for the symbol alone.
-- column: basis | price: split-adjusted close.
-- column: measure | ret_1d, ret_5d, ret_6d, ret_10d, ret_21d, close; with a benchmark spread_1d_pp, ..., ratio.
-- column: direction | high or low.
-- column: session_date | Session of the record, on which the move ended.
-- column: value | Value of the measure, in the unit that the next column says. [unit of the measure, repaints]
-- column: unit | fraction of returns, pp of spreads, ratio of a ratio, usd of the close of a fund, points of an index.
-- column: since_date | Latest earlier session, not overlapping, with a value at least as extreme; NULL: never.
-- column: sessions_since | Sessions of the measure since then; NULL: never. [count]
-- column: years_since | Whole years since then; NULL: never. [count]
-- column: is_all_time | TRUE when no value since history_start was as extreme.
-- column: history_start | First session with a value of the measure: how far back an all-time record reaches.
-- column: z_score | (Value less the mean of all earlier values) over their sample SD; from the 253rd value. [sd]
-- column: percentile | Percentile among all values so far, 0 to 1, the same for both directions. [probability]
-- column: is_newest_session | TRUE when no symbol has a newer session: the record is today's. [repaints]
-- column: headline | The record in a sentence.
-- fail: unique(symbol, benchmark, basis, measure, direction, session_date)
-- fail: not_null(symbol, role, basis, measure, direction, session_date, value, unit, is_all_time, history_start)
-- fail: not_null(is_newest_session, headline)
-- fail: direction in ('high', 'low')
-- fail: basis = 'price'
-- fail: is_all_time or sessions_since >= 252
-- fail: is_all_time = (since_date is null) and is_all_time = (sessions_since is null)
-- fail: since_date < session_date
-- fail: history_start <= coalesce(since_date, session_date)
-- fail: percentile between 0 and 1
-- warn: measure not like 'ret_%' or value > -0.9
-- warn: measure not like 'spread_%' or abs(value) < 100

with moves as (
    select
        records.*,
        instruments.name,
        instruments.role,
        instruments.is_fund,
        rtrim(split_part(records.measure, '_', 2), 'd') as window_sessions
    from derived.records as records
    join core.instruments as instruments on instruments.symbol = records.symbol
    where
        instruments.role is not null
        and records.basis = 'price'
        and (records.is_all_time or records.sessions_since >= 252)
)

select
    symbol,
    name,
    role,
    benchmark,
    basis,
    measure,
    direction,
    session_date,
    value,
    case
        when measure like 'ret_%' then 'fraction'
        when measure like 'spread_%' then 'pp'
        when measure = 'ratio' then 'ratio'
        when is_fund then 'usd'
        else 'points'
    end as unit,
    since_date,
    sessions_since,
    date_sub('year', since_date, session_date) as years_since,
    is_all_time,
    history_start,
    z_score,
    percentile,
    session_date = (select max(session_date) from core.prices) as is_newest_session,
    concat(
        symbol,
        case
            when measure in ('close', 'ratio') then case direction when 'high' then ': highest ' else ': lowest ' end
            else case direction when 'high' then ': best ' else ': worst ' end
        end,
        case
            when measure in ('close', 'ratio') then measure
            when window_sessions = '1' then 'session'
            else window_sessions || ' sessions'
        end,
        case when measure = 'ratio' then ' to ' || benchmark else ' against ' || benchmark end,
        case
            when not is_all_time then ' since ' || since_date
            when benchmark is null then ' since at least ' || history_start || ', when its history begins'
            else ' since at least ' || history_start || ', when their common history begins'
        end
    ) as headline
from moves
order by symbol, benchmark nulls first, measure, direction, session_date
