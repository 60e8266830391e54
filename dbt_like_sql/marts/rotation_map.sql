-- model: One row per configured pair and week: where the pair stands on the rotation map at its newest session, and its
--     trail, the last common session of each of the 12 weeks before. Split-adjusted prices (basis price).
-- grain: symbol, benchmark, weeks_ago
-- column: symbol | Fund or index.
-- column: name | Full name of the symbol.
-- column: role | What the symbol stands for, e.g. small or large.
-- column: group_name | size, style, sector, credit, bond, commodity, international, index, volatility.
-- column: benchmark | What it is measured against.
-- column: weeks_ago | 0: the pair's newest common session; 1 to 12: the last one of that many weeks (Monday to Sunday)
--     before. A week in which the two had no common session has no row. [count]
-- column: session_date | Session that both traded; every figure of the row is of this close.
-- column: is_latest | TRUE where weeks_ago is 0: where the pair stands.
-- column: is_stale | TRUE when any symbol has a session newer than the pair's newest: its map is then not today's.
-- column: ratio | Close of the symbol over close of the benchmark. [ratio]
-- column: rot_ratio | 100 + (ratio less its 63-session mean) over its population SD. [points, ours]
-- column: rot_momentum | 100 + z-score over 63 sessions of the daily change of rot_ratio. [points, ours]
-- column: distance | From the centre, where both are 100: how pronounced the position is. [points, ours]
-- column: quadrant | leading, weakening, lagging or improving: rot_ratio and rot_momentum above 100 or not; NULL
--     without both. [ours]
-- column: quadrant_since | Of weeks_ago 0: first session of the unbroken run in this quadrant. [ours]
-- column: sessions_in_quadrant | Of weeks_ago 0: common sessions of that run, the newest included. [count, ours]
-- column: previous_quadrant | Of weeks_ago 0: quadrant of the common session before that run; NULL without one. [ours]
-- fail: unique(symbol, benchmark, weeks_ago)
-- fail: not_null(symbol, benchmark, weeks_ago, session_date, is_latest, is_stale, ratio)
-- fail: symbol <> benchmark
-- fail: weeks_ago between 0 and 12
-- fail: is_latest = (weeks_ago = 0)
-- fail: ratio > 0
-- fail: abs(rot_ratio - 100) < 8 and abs(rot_momentum - 100) < 8
-- fail: rot_ratio >= 100 or quadrant in ('lagging', 'improving')
-- fail: rot_ratio <= 100 or quadrant in ('leading', 'weakening')
-- fail: (is_latest and quadrant is not null) = (sessions_in_quadrant is not null)
-- fail: sessions_in_quadrant >= 1
-- fail: quadrant_since <= session_date
-- fail: previous_quadrant <> quadrant

with strength as (
    select symbol, benchmark, session_date, ratio, rot_ratio, rot_momentum, quadrant
    from derived.relative_strength
    where basis = 'price'
),

newest as (
    select symbol, benchmark, max(session_date) as session_date, date_trunc('week', max(session_date))::date as monday
    from strength
    group by symbol, benchmark
),

trail as (
    select
        strength.*,
        (newest.monday - date_trunc('week', strength.session_date)::date) // 7 as weeks_ago,
        newest.session_date < (select max(session_date) from core.prices) as is_stale
    from newest
    join strength
        on strength.symbol = newest.symbol
        and strength.benchmark = newest.benchmark
        and strength.session_date >= newest.monday - 12 * 7
    qualify
        strength.session_date
        = max(strength.session_date) over (partition by strength.symbol, strength.benchmark, weeks_ago)
),

elsewhere as (
    select
        trail.symbol,
        trail.benchmark,
        max({'session_date': strength.session_date, 'quadrant': strength.quadrant}) as newest
    from trail
    join strength
        on strength.symbol = trail.symbol
        and strength.benchmark = trail.benchmark
        and strength.quadrant is distinct from trail.quadrant
    where trail.weeks_ago = 0
    group by trail.symbol, trail.benchmark
),

runs as (
    select
        trail.symbol,
        trail.benchmark,
        min(strength.session_date) as quadrant_since,
        count(*) as sessions_in_quadrant,
        any_value(elsewhere.newest.quadrant) as previous_quadrant
    from trail
    join strength on strength.symbol = trail.symbol and strength.benchmark = trail.benchmark
    left join elsewhere on elsewhere.symbol = trail.symbol and elsewhere.benchmark = trail.benchmark
    where
        trail.weeks_ago = 0
        and trail.quadrant is not null
        and strength.session_date > coalesce(elsewhere.newest.session_date, date '-infinity')
    group by trail.symbol, trail.benchmark
)

select
    trail.symbol,
    instruments.name,
    instruments.role,
    instruments.group_name,
    trail.benchmark,
    trail.weeks_ago,
    trail.session_date,
    trail.weeks_ago = 0 as is_latest,
    trail.is_stale,
    trail.ratio,
    trail.rot_ratio,
    trail.rot_momentum,
    sqrt(power(trail.rot_ratio - 100, 2) + power(trail.rot_momentum - 100, 2)) as distance,
    trail.quadrant,
    runs.quadrant_since,
    runs.sessions_in_quadrant,
    runs.previous_quadrant
from trail
left join core.instruments as instruments on instruments.symbol = trail.symbol
left join runs
    on runs.symbol = trail.symbol
    and runs.benchmark = trail.benchmark
    and trail.weeks_ago = 0
order by trail.symbol, trail.benchmark, trail.weeks_ago
