"""Gaps, outside and inside days. Definitions, section 2."""

from pipeline.contracts.columns import SESSION, SYMBOL, Table, day, flag, number, text


class BarEvents(Table):
    """What each bar did against the bar before it, on split-adjusted prices; within 0.001 % is equal."""

    known_date = "session_date"

    symbol = text(SYMBOL, primary_key=True)
    session_date = day(SESSION, nullable=False, primary_key=True)
    is_gap_up = flag("Open above the prior high.")
    is_gap_down = flag("Open below the prior low.")
    gap_size = number("fraction", "Open over the prior high (down: the prior low), less 1; NULL without a full gap.")
    gap_filled_on = day(
        "First session, this one included, that traded back at the prior high (down: the prior low); NULL: not yet, or "
        "no full gap.",
        repaints=True,
    )
    is_partial_gap_up = flag("Open above the prior close, not above the prior high.")
    is_partial_gap_down = flag("Open below the prior close, not below the prior low.")
    is_outside_day = flag("Higher high and lower low than the bar before.")
    is_negative_outside_day = flag("Outside day with a lower close.")
    is_positive_outside_day = flag("Outside day with a higher close.")
    is_inside_day = flag("Lower high and higher low than the bar before.")
    is_ex_dividend = flag("A cash distribution goes ex; NULL: not said.")
    opens_are_reliable = flag(
        "FALSE where the open equals the prior close on more than 15 % of the last 252 sessions, as index data often "
        "has; gap columns are NULL where this is not TRUE. NULL under 21 sessions.",
        grade="ours",
    )
