-- measure: A return against all returns over as many sessions before it, as derived.records measures it, for any
--     session.
-- parameter: symbol symbol | Fund or index.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: sessions window | Length of the return.
-- parameter: date date = none | Last session of the return; none: the last session.
-- value: Distance from the mean of all returns before, in their sample standard deviation; the evidence has the
--     percentile. [sd]
-- missing: a return of {symbol} ({basis}) over {sessions} sessions on {date}, and 252 before it

with moves as (
    select
        session_date,
        row_number() over bars as bar,
        lag(session_date, $sessions) over bars as base_date,
        level / lag(level, $sessions) over bars - 1 as move
    from (
        select session_date, session_no, case $basis when 'price' then close else total_return_index end as level
        from core.prices
        where symbol = $symbol and session_date <= least(coalesce($date, $session), $session)
    ) as levels
    window bars as (order by session_date)
    -- a window with more than 10 sessions missing has no return
    qualify session_no - lag(session_no, $sessions) over bars <= $sessions + 10
),

newest as (
    select * from moves where session_date = coalesce($date, $session)
),

history as (
    select
        (newest.move - avg(moves.move) filter (moves.bar < newest.bar))
        / nullif(stddev_samp(moves.move) filter (moves.bar < newest.bar), 0) as z_score,
        (count(*) filter (moves.move < newest.move) + count(*) filter (moves.move = newest.move) / 2)
        / count(*) as percentile,
        count(*) as moves,
        min(moves.session_date) as history_start
    from moves
    cross join newest
    group by newest.move
    having count(*) > 252
),

as_large as (
    -- overlapping moves are one occasion: the next begins after a whole length without such a move
    select
        moves.session_date,
        moves.bar - lag(moves.bar) over (order by moves.bar) <= $sessions as is_same_occasion
    from moves
    inner join newest
        on moves.bar <= newest.bar - $sessions and moves.move >= newest.move - 1e-9
)

select
    history.z_score as value,
    newest.session_date as as_of,
    {
        return_pct: 100 * newest.move,
        base_date: newest.base_date,
        percentile_pct: 100 * history.percentile,
        returns: history.moves,
        history_start: history.history_start,
        earlier_occasions: (select count(*) from as_large where is_same_occasion is not true),
        since_date: (select max(session_date) from as_large)
    } as evidence
from (select 1) as one
left join newest on true
left join history on true
