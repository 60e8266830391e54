-- measure: Change of the price ratio of two symbols over common sessions, and how often it had been as large before.
-- parameter: symbol symbol | Fund or index above the line.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: benchmark symbol | Fund or index below the line.
-- parameter: benchmark_basis choice(price, total) = price | The same for the benchmark.
-- parameter: sessions window | How many sessions that both traded.
-- parameter: date date = none | Last session; none: the last one known.
-- value: Change of the ratio. [pct]
-- missing: closes of {symbol} ({basis}) and {benchmark} ({benchmark_basis}) on {date} and
--     {sessions} sessions before

with ratios as (
    select
        a.session_date,
        a.session_no,
        case $basis when 'price' then a.close else a.total_return_index end as level,
        case $benchmark_basis when 'price' then b.close else b.total_return_index end as benchmark_level
    from core.prices as a
    inner join core.prices as b on a.session_date = b.session_date
    where
        a.symbol = $symbol
        and b.symbol = $benchmark
        and a.session_date <= least(coalesce($date, $session), $session)
),

moves as (
    select
        session_date,
        row_number() over bars as bar,
        lag(session_date, $sessions) over bars as base_date,
        level / lag(level, $sessions) over bars - 1 as move,
        benchmark_level / lag(benchmark_level, $sessions) over bars - 1 as benchmark_move,
        (1 + move) / (1 + benchmark_move) - 1 as ratio_move
    from ratios
    window bars as (order by session_date)
    -- a window with more than 10 sessions missing has no change
    qualify session_no - lag(session_no, $sessions) over bars <= $sessions + 10
),

newest as (
    select * from moves where session_date = coalesce($date, $session)
),

as_large as (
    -- overlapping moves are one occasion: the next begins after a whole length without such a move
    select
        moves.session_date,
        moves.bar - lag(moves.bar) over (order by moves.bar) <= $sessions as is_same_occasion
    from moves
    inner join newest
        on moves.bar <= newest.bar - $sessions and moves.ratio_move >= newest.ratio_move - 1e-9
)

select
    100 * newest.ratio_move as value,
    newest.session_date as as_of,
    {
        base_date: newest.base_date,
        return_pct: 100 * newest.move,
        benchmark_return_pct: 100 * newest.benchmark_move,
        spread_pp: 100 * (newest.move - newest.benchmark_move),
        earlier_occasions: (select count(*) from as_large where is_same_occasion is not true),
        since_date: (select max(session_date) from as_large),
        history_start: (select min(session_date) from moves)
    } as evidence
from (select 1) as one
left join newest on true
