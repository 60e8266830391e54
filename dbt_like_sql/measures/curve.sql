-- measure: State of a yield curve as known at the instant.
-- parameter: curve text = 10y2y | Curve of derived.yield_curve_status.
-- value: Newest spread. [pp]
-- missing: a spread of {curve} known by {known_at}

with newest as (
    select spread_pp, state, steepening, change_20_pp, spell_start, days_in_state, observed_on
    from derived.yield_curve_status
    where curve = $curve and available_at <= $known_at
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
