-- measure: How far growth has outrun value, and since when it was not as far: log of the ratio of the two funds.
-- parameter: growth symbol | Growth fund of a pair in derived.valuation_gap.
-- parameter: value symbol | Value fund of the pair.
-- parameter: basis choice(price, total) = price | price: ratio of closes; total: with dividends, where the level has no
--     meaning and its changes do.
-- parameter: lookback count = 0 | Take the widest of the last session and this many before it, such as before a rally.
-- value: Natural log of the ratio: it measures divergence of prices, not valuation. [ratio]
-- missing: closes of {growth} and {value} ({basis}) on {session}; only pairs of derived.valuation_gap are known

with ratios as (
    select
        session_date,
        case $basis when 'price' then log_price_ratio else log_total_ratio end as log_ratio,
        row_number() over (order by session_date desc) - 1 as sessions_ago
    from derived.valuation_gap
    where growth = $growth and value = $value and session_date <= $session
),

widest as (
    select session_date, log_ratio
    from ratios
    where sessions_ago <= $lookback and (select max(session_date) from ratios) = $session
    order by log_ratio desc, session_date desc
    limit 1
),

-- 1e-9 of a logarithm is 1e-9 of its ratio
earlier as (
    select
        max(ratios.session_date) filter (
            ratios.session_date < widest.session_date and ratios.log_ratio >= widest.log_ratio - 1e-9
        ) as since,
        min(ratios.session_date) as history_start,
        count(*) as ratios,
        count(*) filter (ratios.log_ratio < widest.log_ratio) as lower_ratios,
        count(*) filter (ratios.log_ratio = widest.log_ratio) as equal_ratios
    from ratios, widest
    where ratios.session_date <= widest.session_date and ratios.log_ratio is not null
)

select
    widest.log_ratio as value,
    widest.session_date as as_of,
    {
        session_date: widest.session_date,
        widest_since: since,
        history_start: history_start,
        -- the average rank less one half, over the count
        percentile_pct: 100 * (lower_ratios + equal_ratios / 2) / nullif(earlier.ratios, 0)
    } as evidence
from (select $session as day) as reading
left join widest on true
left join earlier on true
