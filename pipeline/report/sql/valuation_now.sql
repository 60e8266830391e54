-- How far growth has run from value at the newest close, pair by pair; the pair with the small value fund first.
select
    gap.growth,
    gap.value,
    gap.session_date,
    gap.is_stale or (select bool_and(is_stale) from marts.freshness where dataset = 'prices') as is_stale,
    date_diff('day', gap.session_date, (select max(session_date) from core.sessions)) as days_old,
    gap.log_price_ratio,
    gap.percentile_expanding,
    gap.z_expanding,
    gap.widest_since,
    gap.history_start,
    gap.yield_gap,
    gap.growth_name,
    gap.value_name
from marts.valuation_gap_now as gap
left join core.instruments as growth_fund on growth_fund.symbol = gap.growth
left join core.instruments as value_fund on value_fund.symbol = gap.value
order by
    coalesce(growth_fund.role = 'growth' and value_fund.role = 'small_value', false) desc,
    gap.history_start,
    gap.growth,
    gap.value
