-- model: One row per configured pair of a growth and a value fund: how far apart they are at their newest common close,
--     measured against all closes before it. A price ratio measures divergence, not valuation: earnings and index
--     membership change under it; the distribution yields are the only fundamentals here.
-- grain: growth, value
-- column: growth | Growth fund.
-- column: value | Value fund.
-- column: growth_name | Full name of the growth fund.
-- column: value_name | Full name of the value fund.
-- column: session_date | Newest session that both traded; every figure of the row is of this close.
-- column: is_stale | TRUE when any symbol has a newer session: the row is then not today's.
-- column: log_price_ratio | ln(close of growth / close of value): divergence of prices, not a valuation. [ratio, proxy]
-- column: percentile_expanding | Percentile of log_price_ratio among all values so far, 0 to 1. [probability, proxy]
-- column: z_expanding | z-score of log_price_ratio among all values so far. [sd, proxy]
-- column: trend_residual | Today's residual from the least-squares line on all log_price_ratio so far. [ratio, proxy]
-- column: widest_since | Latest earlier session with a ratio at least as high; NULL: never since history_start. [proxy]
-- column: history_start | First session that both traded: how far back percentile, z and widest_since reach.
-- column: sessions_since_start | Common sessions after history_start. [count]
-- column: growth_distribution_yield | Cash distributions of 365 days over the close, capital gains excluded. [fraction]
-- column: value_distribution_yield | Cash distributions of 365 days over the close, capital gains excluded. [fraction]
-- column: growth_distributions_n | Ex-dates of the growth fund in those 365 days. [count]
-- column: value_distributions_n | Ex-dates of the value fund in those 365 days. [count]
-- column: yield_gap | ln(value yield / growth yield); NULL unless both paid four times. [ratio, proxy]
-- fail: unique(growth, value)
-- fail: not_null(growth, value, session_date, is_stale, log_price_ratio, history_start)
-- fail: percentile_expanding between 0 and 1
-- fail: widest_since >= history_start and widest_since < session_date
-- fail: history_start <= session_date
-- fail: growth_distribution_yield >= 0 and value_distribution_yield >= 0
-- warn: not is_stale
-- warn: abs(z_expanding) < 6
-- warn: growth_distribution_yield < 0.2 and value_distribution_yield < 0.2

with newest as (
    select growth, value, max(session_date) as session_date, count(*) - 1 as sessions_since_start
    from derived.valuation_gap
    group by growth, value
)

select
    gap.growth,
    gap.value,
    growth_fund.name as growth_name,
    value_fund.name as value_name,
    gap.session_date,
    gap.session_date < (select max(session_date) from core.prices) as is_stale,
    gap.log_price_ratio,
    gap.percentile_expanding,
    gap.z_expanding,
    gap.trend_residual,
    gap.widest_since,
    gap.history_start,
    newest.sessions_since_start,
    gap.growth_distribution_yield,
    gap.value_distribution_yield,
    gap.growth_distributions_n,
    gap.value_distributions_n,
    gap.yield_gap
from newest
join derived.valuation_gap as gap
    on gap.growth = newest.growth
    and gap.value = newest.value
    and gap.session_date = newest.session_date
left join core.instruments as growth_fund on growth_fund.symbol = gap.growth
left join core.instruments as value_fund on value_fund.symbol = gap.value
order by gap.growth, gap.value
