-- measure: Sessions since a day on which a figure of the trend stood above its line; a tie counts as above.
-- parameter: symbol symbol | Fund or index.
-- parameter: line choice(close_over_sma50, close_over_sma200, momentum_over_sma50, leadership_over_zero,
--     leadership_over_upper, leadership_over_both) | Figure and line. momentum: momentum_200; leadership: a
--     reconstruction, against SPY.
-- parameter: start date | First session that counts.
-- value: Sessions at or above the line; 0: none. [count]
-- missing: {line} of {symbol} on every session from {start} to {session}

with figures as (
    select
        session_date,
        case
            when $line = 'momentum_over_sma50' then momentum_200
            when $line like 'leadership%' then leadership
            else close
        end as figure,
        case
            when $line = 'close_over_sma50' then sma_50
            when $line = 'close_over_sma200' then sma_200
            when $line = 'momentum_over_sma50' then momentum_200_sma50
            when $line = 'leadership_over_zero' or $line = 'leadership_over_both' and leadership_upper < 0 then 0
            else leadership_upper
        end as line
    from derived.trend
    left join core.prices using (symbol, session_date)
    where symbol = $symbol and session_date <= $session
),

compared as (
    select
        *,
        figure >= line - 1e-9 * abs(line) as is_above,
        count(*) filter (is_above is not true) over (order by session_date) as breaks
    from figures
),

-- sessions in a row have as many breaks before them
runs as (
    select count(*) as sessions
    from compared
    where is_above and session_date >= $start
    group by breaks
)

select
    case
        when max(session_date) = $session and bool_and(is_above is not null) filter (session_date >= $start)
            then count(*) filter (is_above and session_date >= $start)
    end as value,
    case when max(session_date) = $session then $session end as as_of,
    {
        sessions: count(*) filter (session_date >= $start),
        longest_run: coalesce((select max(runs.sessions) from runs), 0),
        last_above: max(session_date) filter (is_above),
        figure: any_value(figure) filter (session_date = $session),
        line: any_value(line) filter (session_date = $session)
    } as evidence
from compared
