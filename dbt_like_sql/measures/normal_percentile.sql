-- measure: Share of a normal distribution that lies below a number of standard deviations (Simpson's rule, 2,000
--     steps).
-- parameter: sigma number | Standard deviations from the mean.
-- value: Percentile of the standard normal distribution. [pct]
-- missing: nothing

with steps as (
    select
        case when step in (0, 2000) then 1 when step % 2 = 1 then 4 else 2 end as weight,
        exp(-pow($sigma * step / 2000, 2) / 2) / sqrt(2 * pi()) as density
    from generate_series(0, 2000) as steps (step)
)

select
    100 * (0.5 + sum(weight * density) * $sigma / 2000 / 3) as value,
    null::date as as_of,
    {sigma: $sigma} as evidence
from steps
