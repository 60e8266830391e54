-- measure: Where a close stands against its own past: one figure of derived.trend.
-- parameter: symbol symbol | Fund or index.
-- parameter: figure choice(rsi_14, bollinger_pct_b, distance_sma50_sd, momentum_200, momentum_200_sma50, leadership,
--     high_252_distance_pct, atr_14_pct, relative_volume_50) | Which; see docs/definitions.md.
-- value: The figure; its unit is in the evidence. [as served]
-- missing: {figure} of {symbol} on {session}

with newest as (
    select * from derived.trend where symbol = $symbol and session_date = $session
)

select
    case $figure
        when 'rsi_14' then rsi_14
        when 'bollinger_pct_b' then bollinger_pct_b
        when 'distance_sma50_sd' then distance_sma50_sd
        when 'momentum_200' then momentum_200
        when 'momentum_200_sma50' then momentum_200_sma50
        when 'leadership' then leadership
        when 'high_252_distance_pct' then 100 * high_252_distance
        when 'atr_14_pct' then atr_14_pct
        when 'relative_volume_50' then relative_volume_50
    end as value,
    session_date as as_of,
    {
        unit: case $figure
            when 'rsi_14' then 'points'
            when 'bollinger_pct_b' then 'fraction'
            when 'distance_sma50_sd' then 'sd'
            when 'relative_volume_50' then 'ratio'
            else 'pct'
        end,
        rsi_14: rsi_14,
        distance_sma50_sd: distance_sma50_sd,
        bollinger_pct_b: bollinger_pct_b,
        momentum_200: momentum_200,
        closes_above_sma50: closes_above_sma50,
        phase: phase
    } as evidence
from (select 1) as asked
left join newest on true
