-- model: One row per followed symbol and per macro series: how old its newest data are, and what the source said of it
--     last. A build has no clock: its instant is the close of the newest session of core.sessions, which reach to the
--     newest capture of prices or macro values. While nothing at all is captured it stands still: read failing_since.
-- grain: dataset, id
-- column: dataset | prices or macro.
-- column: id | Symbol or series.
-- column: name | Full name of the symbol, or title of the series.
-- column: role | What marts ask for, e.g. small or curve_10y2y.
-- column: frequency | daily (all prices), weekly, monthly, quarterly or annual.
-- column: last_day | Newest session with a bar, or newest period with a value; NULL: nothing captured.
-- column: last_available_at | Close of that session, or instant from which the first value of that period was public.
-- column: last_captured_at | When the newest of its rows in use was received.
-- column: newest_session | Newest XNYS session that had closed at the newest capture of anything.
-- column: sessions_behind | Sessions that closed after last_available_at; NULL: nothing captured. [count]
-- column: days_behind | Whole days from last_available_at to the close of newest_session, 0 if later. [count]
-- column: limit_days | Days after which a series is stale: daily 7, weekly 16, monthly 75, quarterly 140, annual 450;
--     more than lay between two releases outside shutdowns. NULL for prices. [count, ours]
-- column: outcome | Newest answer of the source, e.g. ok, no_data or network; NULL: it was never asked.
-- column: detail | What happened at the newest answer, for a person.
-- column: failing_since | First answer since which nothing was served; NULL while it is served.
-- column: last_served_at | Newest answer that served something; NULL: never.
-- column: is_delisted | TRUE for a symbol that had bars and of which the source said on 5 sessions that there is
--     nothing. [ours]
-- column: is_discontinued | TRUE for a series that the source has ended, as its title says.
-- column: is_stale | TRUE: nothing captured, a series over its limit that is not discontinued, a symbol without the
--     newest session. Its bar is final at 20:00 New York: while nothing was received since, the session before is
--     enough. [ours]
-- fail: unique(dataset, id)
-- fail: not_null(dataset, id, role, frequency, is_delisted, is_discontinued, is_stale)
-- fail: sessions_behind >= 0 and days_behind >= 0
-- fail: (last_day is null) = (last_available_at is null)
-- fail: (limit_days is null) = (dataset = 'prices')
-- warn: not is_stale or is_delisted or last_day is null
-- warn: failing_since is null or is_delisted

with newest as (
    select
        max(session_date) as session_date,
        max(session_no) as session_no,
        max(close_at) as close_at,
        timezone('America/New_York', max(session_date) + interval 20 hour) as final_at
    from core.sessions
),

bars as (
    select symbol, max(captured_at) as captured_at
    from core.prices
    group by symbol
),

observations as (
    select
        series_id,
        max(observed_on) filter (where value is not null) as observed_on,
        -- a revision of an old period is no news: the first value counts
        arg_max(first_available_at, observed_on) filter (where value is not null) as available_at,
        max(captured_at) as captured_at
    from core.macro_latest
    group by series_id
),

followed as (
    select
        'prices' as dataset,
        instruments.symbol as id,
        instruments.name,
        instruments.role,
        'daily' as frequency,
        instruments.last_session as last_day,
        sessions.close_at as last_available_at,
        bars.captured_at as last_captured_at,
        null as limit_days
    from core.instruments as instruments
    left join core.sessions as sessions on sessions.session_date = instruments.last_session
    left join bars on bars.symbol = instruments.symbol
    where instruments.is_configured
    union all
    select
        'macro',
        series.series_id,
        series.title,
        series.role,
        series.frequency,
        observations.observed_on,
        observations.available_at,
        observations.captured_at,
        case series.frequency
            when 'daily' then 7
            when 'weekly' then 16
            when 'monthly' then 75
            when 'quarterly' then 140
            else 450
        end
    from core.series as series
    left join observations on observations.series_id = series.series_id
),

aged as (
    select
        followed.*,
        newest.session_date as newest_session,
        newest.session_no - seen.session_no as sessions_behind,
        case
            when last_available_at < newest.close_at then date_sub('day', last_available_at, newest.close_at)
            when last_available_at is not null then 0
        end as days_behind,
        coalesce(dataset = 'macro' and name like '%(DISCONTINUED)%', false) as is_discontinued,
        max(last_captured_at) over () >= newest.final_at as is_newest_final
    from followed
    cross join newest
    asof left join core.sessions as seen on followed.last_available_at >= seen.close_at
)

select
    aged.dataset,
    aged.id,
    aged.name,
    aged.role,
    aged.frequency,
    aged.last_day,
    aged.last_available_at,
    aged.last_captured_at,
    aged.newest_session,
    aged.sessions_behind,
    aged.days_behind,
    aged.limit_days,
    status.outcome,
    status.detail,
    status.failing_since,
    status.last_served_at,
    coalesce(status.is_delisted, false) as is_delisted,
    aged.is_discontinued,
    case
        when aged.last_day is null then true
        when aged.is_discontinued then false
        when aged.dataset = 'macro' then aged.days_behind > aged.limit_days
        when aged.is_newest_final then aged.sessions_behind > 0
        else aged.sessions_behind > 1
    end as is_stale
from aged
left join core.source_status as status
    on status.dataset = aged.dataset
    and status.id = aged.id
order by aged.dataset, aged.id
