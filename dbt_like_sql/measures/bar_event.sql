-- measure: Whether a bar did what is asked against the bar before it.
-- parameter: symbol symbol | Fund or index.
-- parameter: date date | Session of the bar.
-- parameter: event choice(gap_up, gap_down, partial_gap_up, partial_gap_down, outside_day, negative_outside_day,
--     positive_outside_day, inside_day) | What is asked. Gap: an open above the high (below the low) of the day before;
--     partial: beyond its close only.
-- value: Whether it did. [flag]
-- missing: a bar of {symbol} on {date}, one before it and, for gaps, opens that are not copies of the close before

with bars as (
    select
        session_date,
        open,
        high,
        low,
        close,
        lag({session_date: session_date, open: open, high: high, low: low, close: close}) over (
            order by session_date
        ) as before
    from core.prices
    where symbol = $symbol and session_date <= $session
)

select
    case $event
        when 'gap_up' then is_gap_up
        when 'gap_down' then is_gap_down
        when 'partial_gap_up' then is_partial_gap_up
        when 'partial_gap_down' then is_partial_gap_down
        when 'outside_day' then is_outside_day
        when 'negative_outside_day' then is_negative_outside_day
        when 'positive_outside_day' then is_positive_outside_day
        when 'inside_day' then is_inside_day
    end as value,
    bars.session_date as as_of,
    {
        gap_pct: 100 * gap_size,
        open: open,
        high: high,
        low: low,
        close: close,
        before_date: before.session_date,
        before_open: before.open,
        before_high: before.high,
        before_low: before.low,
        before_close: before.close,
        is_ex_dividend: is_ex_dividend,
        opens_are_reliable: opens_are_reliable
    } as evidence
from (select $date as day) as asked
left join bars on bars.session_date = asked.day
left join derived.bar_events as events on events.session_date = bars.session_date and events.symbol = $symbol
