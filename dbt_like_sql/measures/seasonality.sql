-- measure: Returns over a part of the year, summed up over the years whose window was over at the instant.
-- parameter: symbol symbol | Fund or index.
-- parameter: benchmark symbol = none | Return less that of this one; none: the symbol alone.
-- parameter: basis choice(price, total) = price | price: split-adjusted close; total: with dividends.
-- parameter: bucket_type choice(month, turn_of_year, tax_loss, election_year_calendar, election_252_before,
--     election_252_after) | Kind of window.
-- parameter: bucket text = all | Of months 01 to 12.
-- parameter: statistic choice(mean, median, hit_rate) = mean | hit_rate: share of years above zero.
-- value: The statistic. [pct]
-- missing: windows {bucket_type} ({bucket}) of {symbol} ({basis}), and of its benchmark, that were over by {session}

with years as (
    select year, value, window_end
    from derived.seasonality_years
    where symbol = $symbol and benchmark is not distinct from $benchmark and basis = $basis
        and bucket_type = $bucket_type and bucket = $bucket and window_end <= $session
),

summary as (
    select
        count(*) as n,
        100 * avg(value) as mean_pct,
        100 * median(value) as median_pct,
        100 * avg((value > 1e-6)::int) as hit_rate_pct,
        min(year) as first_year,
        max(year) as last_year,
        max(window_end) as last_window_end
    from years
)

select
    case $statistic when 'mean' then mean_pct when 'median' then median_pct else hit_rate_pct end as value,
    last_window_end as as_of,
    {
        n: n,
        mean_pct: mean_pct,
        median_pct: median_pct,
        hit_rate_pct: hit_rate_pct,
        first_year: first_year,
        last_year: last_year
    } as evidence
from summary
