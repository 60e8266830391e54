-- The gap of the first pair of the table: every session of the last three years; before that the last session of each
-- week, and the sessions of the widest and the narrowest gap.
with pair as (
    select gap.growth, gap.value
    from marts.valuation_gap_now as gap
    left join core.instruments as growth_fund on growth_fund.symbol = gap.growth
    left join core.instruments as value_fund on value_fund.symbol = gap.value
    order by
        coalesce(growth_fund.role = 'growth' and value_fund.role = 'small_value', false) desc,
        gap.history_start,
        gap.growth,
        gap.value
    limit 1
)

select gap.session_date, gap.log_price_ratio, gap.percentile_expanding, gap.z_expanding
from derived.valuation_gap as gap
join pair on pair.growth = gap.growth and pair.value = gap.value
qualify gap.session_date > max(gap.session_date) over () - interval 3 year
    or row_number() over (partition by date_trunc('week', gap.session_date) order by gap.session_date desc) = 1
    or gap.log_price_ratio in (max(gap.log_price_ratio) over (), min(gap.log_price_ratio) over ())
order by gap.session_date
