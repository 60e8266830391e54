-- measure: Probability that the fed funds target is lower after a meeting than on the day of the quote, from futures.
-- parameter: meeting text | Day of the decision, such as 2024-09-18; it may lie ahead of the instant.
-- parameter: max_age_days count = 5 | Quotes more days older than the last session are out of date.
-- value: Probability. [pct]
-- missing: settlements of 30-day fed funds futures for the meeting of {meeting}, from the {max_age_days} days up to
--     {session}: none were captured

with quotes as (
    select *
    from derived.fomc_odds
    where
        meeting_date = try_cast($meeting as date)
        and quoted_on between $session - $max_age_days and $session
),

newest as (
    select *
    from quotes
    where quoted_on = (select max(quoted_on) from quotes)
)

select
    case when count(*) > 0 then 100 * coalesce(sum(probability) filter (move_bp < 0), 0) end as value,
    any_value(quoted_on) as as_of,
    {
        quoted_on: any_value(quoted_on),
        expected_move_bp: sum(probability * move_bp),
        likeliest_move_bp: max_by(move_bp, probability),
        target_pct: any_value(target_pct),
        implied_end_rate_pct: any_value(implied_end_rate_pct),
        is_fragile: any_value(is_fragile)
    } as evidence
from newest
