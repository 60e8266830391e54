-- model: One row per streak of at least 3 hits of a followed symbol, ranked among all streaks of the same symbol,
--     basis, rule and allowed misses. Ranks are today's: a later streak can push an old one down.
-- grain: symbol, basis, rule, allowed_misses, start_date, end_date
-- known: confirmed_on
-- column: symbol | Fund or index that has a role.
-- column: name | Full name.
-- column: role | What it stands for, e.g. small or large.
-- column: basis | price: split-adjusted close; total: forward total-return index.
-- column: rule | Rule on the daily return that a hit meets, e.g. up_1pct.
-- column: allowed_misses | Misses that the streak may hold: 0 or 1. [count]
-- column: start_date | First session, a hit.
-- column: end_date | Last session, a hit.
-- column: hits | Sessions on which the rule held. [count]
-- column: sessions | Sessions from start to end, misses included. [count]
-- column: cum_return | From the close before the start to the close of the end. [fraction]
-- column: max_ret_1d | Largest daily return inside, misses included. [fraction]
-- column: min_ret_1d | Smallest daily return inside, misses included. [fraction]
-- column: confirmed_on | Session from which the end is known; NULL while open.
-- column: is_open | TRUE while further sessions may still extend it.
-- column: rank | 1 has the most hits; among equals the larger move (cum_return without its sign) first.
--     [count, repaints]
-- column: ranked_among | Streaks of the same symbol, basis, rule and allowed misses with at least 3 hits.
--     [count, repaints]
-- fail: unique(symbol, basis, rule, allowed_misses, start_date, end_date)
-- fail: not_null(symbol, role, basis, rule, allowed_misses, start_date, end_date, hits, rank, ranked_among)
-- fail: hits >= 3
-- fail: sessions - hits between 0 and allowed_misses
-- fail: start_date < end_date and end_date < confirmed_on
-- fail: is_open = (confirmed_on is null)
-- fail: rank between 1 and ranked_among
-- warn: cum_return > -0.9

with streaks as (
    select streaks.*, instruments.name, instruments.role
    from derived.streak_events as streaks
    join core.instruments as instruments on instruments.symbol = streaks.symbol
    where streaks.hits >= 3 and instruments.role is not null
)

select
    symbol,
    name,
    role,
    basis,
    rule,
    allowed_misses,
    start_date,
    end_date,
    hits,
    sessions,
    cum_return,
    max_ret_1d,
    min_ret_1d,
    confirmed_on,
    is_open,
    rank() over (
        partition by symbol, basis, rule, allowed_misses
        order by hits desc, abs(cum_return) desc nulls last
    ) as rank,
    count(*) over (partition by symbol, basis, rule, allowed_misses) as ranked_among
from streaks
order by symbol, basis, rule, allowed_misses, start_date, end_date
