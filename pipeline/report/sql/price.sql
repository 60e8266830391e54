-- The small fund, its averages of 50 and 200 sessions and its phase: every session of the last three years; before that
-- the last session of each week, and the sessions of the highest and the lowest close.
select
    prices.session_date,
    round(prices.close, 4) as close,
    round(trend.sma_50, 4) as sma_50,
    round(trend.sma_200, 4) as sma_200,
    trend.phase,
    trend.days_in_phase,
    trend.drawdown
from core.prices as prices
join core.instruments as instruments on instruments.symbol = prices.symbol and instruments.role = 'small'
left join derived.trend as trend on trend.symbol = prices.symbol and trend.session_date = prices.session_date
qualify prices.session_date > max(prices.session_date) over () - interval 3 year
    or row_number() over (partition by date_trunc('week', prices.session_date) order by prices.session_date desc) = 1
    or prices.close in (max(prices.close) over (), min(prices.close) over ())
order by prices.session_date
