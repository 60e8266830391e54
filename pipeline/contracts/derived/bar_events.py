"""Gaps, outside and inside days. Definitions, section 2."""

from pipeline.contracts.columns import SESSION, SYMBOL, Table, day, flag, number, text

GAP_NULL = "NULL on the first bar, after more than 10 missing sessions, and where opens_are_reliable is not TRUE"


class BarEvents(Table):
    """What each bar did against the bar before it, on split-adjusted prices; within 0.001 % is equal.

    Prices of an index are in points. A bar of one price (open = high = low = close, as of ^VIX before 1992) counts as
    it stands. Leave the volatility index out of comparisons.
    """

    section = 2
    known_date = "session_date"

    symbol = text(SYMBOL, primary_key=True)
    session_date = day(SESSION, nullable=False, primary_key=True)
    is_gap_up = flag(f"Open above the prior high; {GAP_NULL}.")
    is_gap_down = flag(f"Open below the prior low; {GAP_NULL}.")
    gap_size = number("fraction", "Open over the prior high (down: the prior low), less 1; NULL without a full gap.")
    gap_filled_on = day(
        "First session, this one included, that traded back at the prior high (down: the prior low); NULL: not yet, or "
        "no full gap.",
        repaints=True,
    )
    is_partial_gap_up = flag(f"Open above the prior close, not above the prior high; {GAP_NULL}.")
    is_partial_gap_down = flag(f"Open below the prior close, not below the prior low; {GAP_NULL}.")
    is_outside_day = flag("Higher high and lower low than the bar before.")
    is_negative_outside_day = flag("Outside day with a lower close.")
    is_positive_outside_day = flag("Outside day with a higher close.")
    is_inside_day = flag("Lower high and higher low than the bar before.")
    is_ex_dividend = flag("A cash distribution goes ex; NULL on the first bar, and where the source does not say.")
    opens_are_reliable = flag(
        "FALSE where the open equals the prior close on more than 15 % of the last 252 sessions, as index data often "
        "has; gap columns are NULL where this is not TRUE. Index opens near the prior close, not equal to it, pass, so "
        "gaps of indexes undercount. NULL under 21 sessions.",
        grade="ours",
    )
