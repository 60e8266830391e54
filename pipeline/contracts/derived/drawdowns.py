"""Drawdowns. Definitions, section 3."""

from pipeline.contracts.columns import SYMBOL, Table, day, flag, number, text


class Drawdowns(Table):
    """Falls of at least 10 % below the highest close so far, one row from peak to recovery; inner falls have none.

    A fall is open as of the symbol's last bar, see core.instruments.last_session. Levels of an index are in points
    although the unit says usd. The volatility index has bear markets too: leave it out of comparisons.
    """

    section = 3
    known_date = "recovered_on"

    symbol = text(SYMBOL, primary_key=True)
    peak_date = day("Last session at the highest close before the fall.", nullable=False, primary_key=True)
    peak_close = number("usd", "Highest close so far, that of the peak.", nullable=False, repaints=True)
    bear_level = number("computed_usd", "0.8 x peak_close.", nullable=False, repaints=True)
    trough_date = day("First session of the lowest close before the recovery, or so far.", nullable=False)
    depth = number("fraction", "Lowest close over peak_close, less 1: negative.", nullable=False)
    confirmed_bear_on = day("First close at or below bear_level; NULL: none.")
    left_bear_territory_on = day(
        "First close above bear_level after confirmed_bear_on; closes may fall below it again, and the trough may come "
        "later; NULL: none so far."
    )
    new_bull_on = day(
        "First close after confirmed_bear_on at or above 1.2 x the lowest close since the peak so far; closes may fall "
        "below it again, and the trough may come later; NULL: none."
    )
    recovered_on = day("First close at or above peak_close; NULL while open.")
    is_open = flag("TRUE where the peak is not reached again by the symbol's last bar.", nullable=False)
