-- model: One row per credit spread: its newest level as first published, against three months before and against its
--     own history, and since when the regime holds.
-- grain: measure
-- column: measure | baa_monthly (BAA less the month's mean 10-year yield), baa (daily) or hy_oas (high yield).
-- column: observed_on | Day of the newest spread; of baa_monthly the first day of its month.
-- column: available_at | Instant from which the spread was public.
-- column: is_stale | TRUE when that was longer ago, at the close of the newest session of core.sessions, than
--     marts.freshness allows the measure's series: the row is then not today's.
-- column: level_pct | Spread in percentage points. [pct]
-- column: change_13w_bp | Spread less the newest one at least 91 days older. [bp]
-- column: percentile | Percentile among all captured values so far, 0 to 1; NULL in the first five years. [probability]
-- column: history_start | First observation captured: how far back the percentile reaches.
-- column: raw_regime | The observation's own: calm, watch or stress; NULL while percentile or change is. [ours]
-- column: regime | Newest raw regime met on ten observations in a row (baa_monthly: two). [ours]
-- column: regime_since | First observation of the unbroken run with this regime; NULL without one. [ours]
-- column: regime_observations | Observations of that run, the newest included. [count, ours]
-- column: previous_regime | Regime of the observation before the run; NULL: there was none. [ours]
-- fail: unique(measure)
-- fail: not_null(measure, observed_on, available_at, is_stale, level_pct, history_start)
-- fail: percentile between 0 and 1
-- fail: history_start <= regime_since and regime_since <= observed_on
-- fail: (regime is null) = (regime_since is null)
-- fail: regime_observations >= 1
-- fail: previous_regime <> regime
-- warn: level_pct between 0 and 30

with newest as (
    select *
    from derived.credit_regime
    qualify row_number() over (partition by measure order by observed_on desc) = 1
),

other as (
    select past.measure, past.observed_on, past.regime
    from derived.credit_regime as past
    join newest on newest.measure = past.measure
    where past.regime is distinct from newest.regime
    qualify row_number() over (partition by past.measure order by past.observed_on desc) = 1
),

run as (
    select past.measure, min(past.observed_on) as since, count(*) as observations
    from derived.credit_regime as past
    left join other on other.measure = past.measure
    where past.observed_on > other.observed_on or other.observed_on is null
    group by past.measure
)

select
    newest.measure,
    newest.observed_on,
    newest.available_at,
    date_sub('day', newest.available_at, (select max(close_at) from core.sessions)) > source.limit_days as is_stale,
    newest.level_pct,
    newest.change_13w_bp,
    newest.percentile,
    newest.history_start,
    newest.raw_regime,
    newest.regime,
    case when newest.regime is not null then run.since end as regime_since,
    case when newest.regime is not null then run.observations end as regime_observations,
    other.regime as previous_regime
from newest
join run on run.measure = newest.measure
left join other on other.measure = newest.measure
left join marts.freshness as source
    on source.dataset = 'macro'  -- a fund may have a role of the same name
    and source.role = case newest.measure
        when 'baa' then 'baa_spread'
        when 'baa_monthly' then 'baa_yield'
        when 'hy_oas' then 'credit_spread'
    end
order by newest.measure
