-- measure: Regime of a credit spread as known at the instant: calm, watch or stress.
-- parameter: measure choice(baa_monthly, baa, hy_oas) = baa_monthly | Spread of derived.credit_regime.
-- value: Newest regime, published at most 100 days before. [text]
-- missing: a regime of {measure} published in the 100 days before {known_at}

with newest as (
    select observed_on, regime, level_pct, change_13w_bp, percentile, history_start
    from derived.credit_regime
    where
        measure = $measure
        and available_at <= $known_at
        and available_at >= $known_at - to_days(100)
    order by observed_on desc
    limit 1
)

select
    regime as value,
    observed_on as as_of,
    {
        level_pct: level_pct,
        change_13w_bp: change_13w_bp,
        percentile_pct: 100 * percentile,
        history_start: history_start
    } as evidence
from (select 1) as one
left join newest on true
