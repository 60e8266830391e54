-- measure: Width of the range of the last closes, and how it ranks among all widths before.
-- parameter: symbol symbol | Fund or index.
-- parameter: sessions window = 60 | Closes in the range, the last one included.
-- value: Highest close over the lowest, less 1. [pct]
-- missing: {sessions} closes of {symbol} up to {session}

with ranges as (
    select
        session_date,
        close,
        max(close) over last_closes as highest,
        min(close) over last_closes as lowest,
        lag(session_date, $sessions - 1) over bars_in_order as begins_on,
        session_no - lag(session_no, $sessions - 1) over bars_in_order <= $sessions + 9 as is_full
    from core.prices
    where symbol = $symbol and session_date <= $session
    window
        bars_in_order as (order by session_date),
        last_closes as (order by session_date rows between $sessions - 1 preceding and current row)
),

widths as (
    select *, 100 * (highest / lowest - 1) as width
    from ranges
    where is_full
),

newest as (
    select *
    from widths
    where session_date = $session
),

-- of equal closes the latest; within 1e-9 is equal
extremes as (
    select
        max(ranges.session_date) filter (ranges.close >= newest.highest * (1 - 1e-9)) as highest_on,
        max(ranges.session_date) filter (ranges.close <= newest.lowest * (1 + 1e-9)) as lowest_on
    from ranges, newest
    where ranges.session_date >= newest.begins_on
),

ranked as (
    select
        count(*) as widths,
        count(*) filter (widths.width < newest.width) as narrower,
        count(*) filter (widths.width = newest.width) as equally_wide,
        median(widths.width) as median_pct
    from widths, newest
)

select
    newest.width as value,
    newest.session_date as as_of,
    {
        begins_on: begins_on,
        highest: highest,
        highest_on: highest_on,
        lowest: lowest,
        lowest_on: lowest_on,
        close: close,
        -- the average rank less one half, over the count
        percentile_pct: 100 * (narrower + equally_wide / 2) / nullif(ranked.widths, 0),
        median_pct: median_pct,
        history_start: (select min(session_date) from widths)
    } as evidence
from (select $session as day) as reading
left join newest on true
left join extremes on true
left join ranked on true
