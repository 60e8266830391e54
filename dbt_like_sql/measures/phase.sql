-- measure: Phase of a fund or index: the order of its close and its averages of 50 and 200 closes.
-- parameter: symbol symbol | Fund or index.
-- parameter: kind choice(confirmed, raw) = confirmed | confirmed: two closes in a row agreed on it; raw: of the last
--     close alone.
-- value: bullish, warning (also called caution), distribution, bearish, recovery or accumulation. [text]
-- missing: a phase of {symbol} on {session}: it needs 200 closes

select
    case $kind when 'confirmed' then phase else phase_raw end as value,
    session_date as as_of,
    {
        close: close,
        sma_50: sma_50,
        sma_200: sma_200,
        phase: phase,
        phase_raw: phase_raw,
        days_in_phase: days_in_phase,
        is_phase_confirmed: is_phase_confirmed
    } as evidence
from (select $session as day) as reading
left join derived.trend on trend.symbol = $symbol and trend.session_date = reading.day
left join core.prices using (symbol, session_date)
