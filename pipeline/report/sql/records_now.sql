-- What the newest close, or the last five sessions before it, brought that had not been seen for a year or longer.
select session_date, headline, value, unit, percentile, sessions_since, is_newest_session
from marts.record_moves
where basis = 'price'
    and session_date in (
        select session_date from core.sessions
        where session_date <= (select max(session_date) from core.prices)
        order by session_date desc limit 5
    )
qualify row_number() over (partition by symbol, benchmark, measure, direction order by session_date desc) = 1
order by role in ('small', 'large') desc, session_date desc, is_all_time desc, sessions_since desc, headline
limit 12
