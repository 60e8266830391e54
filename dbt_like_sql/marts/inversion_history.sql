-- model: One row per inversion of a yield curve: raw runs of negative spreads, and sustained spells that bridge
--     interruptions of at most 5 observations and have at least 20 inverted ones. How long, how deep, and when the end
--     was certain.
-- grain: curve, variant, start_date
-- known: available_at
-- column: curve | 10y2y or 10y3m.
-- column: variant | raw or sustained.
-- column: start_date | First inverted observation.
-- column: sustained_on | Twentieth inverted observation, from which a sustained spell is known; NULL for raw. [ours]
-- column: last_inverted_on | Last inverted observation; of an open spell the newest one so far.
-- column: uninverted_on | First non-negative observation after it; NULL until the end is confirmed.
-- column: confirmed_on | Observation that confirmed the end: sustained the sixth non-negative in a row, raw the first.
-- column: available_at | Instant from which the end was known: that observation was public; NULL while open.
-- column: is_open | TRUE until the end is confirmed; the figures of the row may still change.
-- column: observations | Inverted observations so far. [count]
-- column: calendar_days | Days from start_date to last_inverted_on, both counted. [count]
-- column: min_spread_pp | Lowest spread so far: how deep it went. [pp]
-- column: min_date | First day of the lowest spread.
-- fail: unique(curve, variant, start_date)
-- fail: not_null(curve, variant, start_date, last_inverted_on, is_open, observations, min_spread_pp)
-- fail: min_spread_pp < 0
-- fail: start_date <= last_inverted_on
-- fail: min_date between start_date and last_inverted_on
-- fail: last_inverted_on < uninverted_on and uninverted_on <= confirmed_on
-- fail: is_open = (confirmed_on is null)
-- fail: is_open = (available_at is null)
-- fail: observations between 1 and calendar_days
-- warn: min_spread_pp > -5

with newest_inverted as (
    select curve, max(observed_on) as observed_on
    from derived.yield_curve_status
    where is_inverted
    group by curve
),

spells as (
    select spells.*, coalesce(spells.end_date, newest_inverted.observed_on) as last_inverted_on
    from derived.yield_curve_inversions as spells
    left join newest_inverted on newest_inverted.curve = spells.curve
)

select
    curve,
    variant,
    start_date,
    sustained_on,
    last_inverted_on,
    uninverted_on,
    confirmed_on,
    available_at,
    is_open,
    observations,
    date_diff('day', start_date, last_inverted_on) + 1 as calendar_days,
    min_spread_pp,
    min_date
from spells
order by curve, variant, start_date
