-- measure: State of a yield curve as known at the instant.
-- parameter: curve choice(10y2y, 10y3m) = 10y2y | 10-year Treasury yield less that of 2 years, or of 3 months.
-- value: Newest spread, published at most 10 days before. [pp]
-- missing: a spread of {curve} published in the 10 days before {known_at}

with newest as (
    select spread_pp, state, steepening, change_20_pp, spell_start, days_in_state, observed_on
    from derived.yield_curve_status
    where curve = $curve and available_at <= $known_at and available_at >= $known_at - to_days(10)
    order by observed_on desc
    limit 1
)

select
    spread_pp as value,
    observed_on as as_of,
    {
        state: state,
        spell_start: spell_start,
        days_in_state: days_in_state,
        change_20_pp: change_20_pp,
        steepening: steepening
    } as evidence
from (select 1) as asked
left join newest on true
