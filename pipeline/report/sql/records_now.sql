-- What the newest close, or the last five sessions before it, brought that had not been seen for a year or longer.
-- A record is not compared with windows that overlap its own; of those only the best is news.
select session_date, headline, value, unit, percentile, sessions_since, is_newest_session
from marts.record_moves as moves
where basis = 'price'
    and session_date in (
        select session_date from core.sessions
        where session_date <= (select max(session_date) from core.prices)
        order by session_date desc limit 5
    )
    and not exists (
        from derived.records as better
        where better.symbol = moves.symbol
            and better.benchmark is not distinct from moves.benchmark
            and better.basis = moves.basis
            and better.measure = moves.measure
            and better.direction = moves.direction
            and better.session_date < moves.session_date
            and (better.session_date > moves.since_date or moves.since_date is null)
            and case moves.direction when 'high' then better.value > moves.value else better.value < moves.value end
    )
qualify row_number() over (partition by symbol, benchmark, measure, direction order by session_date desc) = 1
order by role in ('small', 'large') desc, session_date desc, is_all_time desc, sessions_since desc, headline
limit 12
