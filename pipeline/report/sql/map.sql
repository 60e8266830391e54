-- Where every pair stands on the rotation map, and the last session of each of the 12 weeks before.
-- shown: the list that the page offers.
select
    moves.symbol,
    moves.benchmark,
    moves.weeks_ago,
    moves.session_date,
    moves.rot_ratio,
    moves.rot_momentum,
    moves.quadrant,
    moves.quadrant_since,
    moves.sessions_in_quadrant,
    moves.is_stale,
    moves.role,
    coalesce(benchmarks.role = 'large', false) as is_against_large,
    coalesce(case when benchmarks.role = 'large' then moves.group_name end, 'other pairs') as shown
from marts.rotation_map as moves
left join core.instruments as benchmarks on benchmarks.symbol = moves.benchmark
where moves.rot_ratio is not null and moves.rot_momentum is not null
order by moves.symbol, moves.benchmark, moves.weeks_ago
