-- measure: Rank of the highest value that a symbol reached within dates, among all values up to the last session.
-- parameter: figure choice(distance_sma50_sd, rsi_14) | Column of derived.trend.
-- parameter: symbol symbol | Fund or index.
-- parameter: start date | First day of the symbol's own dates.
-- parameter: end date = none | Last day of them, which must be over; none: the last session.
-- parameter: among choice(funds, own) = funds | funds: values of all configured funds; own: of the symbol alone.
-- parameter: groups text = none | Groups of funds (core.instruments) that count, such as size or size,style; none: all.
-- value: Rank; 1: no session was higher. [count]
-- missing: {figure} of {symbol} from {start} to {end}, days that are over, or of anything to rank it with (groups:
--     {groups})

with figures as (
    select symbol, session_date, case $figure when 'rsi_14' then rsi_14 else distance_sma50_sd end as figure
    from derived.trend
    where session_date <= $session and figure is not null
),

reached as (
    select max(figure) as figure, min_by(session_date, {highest: -figure, day: session_date}) as session_date
    from figures
    where symbol = $symbol and session_date >= $start and session_date <= coalesce($end, $session)
    -- days that are over, or that end with a figure of the last session
    having coalesce($end, $session) < $session or max(figures.session_date) = coalesce($end, $session)
),

counted as (
    select symbol
    from core.instruments
    where
        case $among
            when 'own' then symbol = $symbol
            else
                is_fund
                and is_configured
                and ($groups is null or list_contains(string_split(replace($groups, ' ', ''), ','), group_name))
        end
),

higher as (
    select figures.symbol, figures.session_date, figures.figure
    from figures
    inner join reached on figures.figure > reached.figure + 1e-9
    where figures.symbol in (select symbol from counted)
),

-- of equal ones the earliest
highest as (
    select * from higher order by figure desc, session_date, symbol limit 1
)

select
    case
        when reached.figure is not null and exists (from figures semi join counted using (symbol))
            then 1 + (select count(*) from higher)
    end as value,
    reached.session_date as as_of,
    {
        figure: reached.figure,
        session_date: reached.session_date,
        higher_symbols: (select count(distinct symbol) from higher),
        highest: coalesce(highest.figure, reached.figure),
        highest_symbol: coalesce(highest.symbol, case when reached.figure is not null then $symbol end),
        highest_date: coalesce(highest.session_date, reached.session_date)
    } as evidence
from (select 1) as one
left join reached on true
left join highest on true
