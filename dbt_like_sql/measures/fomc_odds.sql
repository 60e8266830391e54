-- measure: Probability that the fed funds target is lower after a meeting than on the day of the quote, from futures.
-- parameter: meeting ahead | Day of the decision.
-- value: Probability, by settlements at most 5 days old. [pct]
-- missing: settlements of 30-day fed funds futures for the meeting of {meeting}, from the 5 days up to {session}: none
--     were captured

with quotes as (
    select *
    from derived.fomc_odds
    where
        meeting_date = $meeting
        and quoted_on between $session - 5 and $session
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
