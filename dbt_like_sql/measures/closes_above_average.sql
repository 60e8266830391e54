-- measure: Closes in a row at or above the average of the last 50, up to the last one known.
-- parameter: symbol symbol | Fund or index.
-- value: Closes in a row; 0: the last close is below. [count]
-- missing: the average of 50 closes of {symbol} on {session}

select
    closes_above_sma50 as value,
    session_date as as_of,
    {close: close, sma_50: sma_50, distance_pct: 100 * (close / sma_50 - 1)} as evidence
from (select $session as day) as reading
left join derived.trend on trend.symbol = $symbol and trend.session_date = reading.day
left join core.prices using (symbol, session_date)
