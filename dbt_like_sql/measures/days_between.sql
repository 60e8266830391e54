-- measure: Days from one date to another.
-- parameter: first date | From this day ...
-- parameter: last date | ... to this one.
-- value: Days, negative where the second date is the earlier one. [count]
-- missing: nothing

select
    date_diff('day', $first, $last) as value,
    null::date as as_of,
    {first: $first, last: $last} as evidence
