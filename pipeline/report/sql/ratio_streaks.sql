-- Unbroken runs of at least four days beyond +1 % or -1 % of the small fund, at the ratio of their last session.
select
    streaks.end_date as session_date,
    daily.ratio,
    case streaks.rule when 'up_1pct' then 'days above +1 %' else 'days below -1 %' end as streak,
    streaks.start_date,
    streaks.hits,
    streaks.cum_return,
    streaks.rank,
    streaks.ranked_among
from marts.streak_history as streaks
join marts.rotation_daily as daily
    on daily.session_date = streaks.end_date and daily.small_symbol = streaks.symbol
where streaks.rule in ('up_1pct', 'down_1pct')
    and streaks.basis = 'price'
    and streaks.allowed_misses = 0
    and streaks.hits >= 4
order by session_date, streak
