"""Breadth. Definitions, section 7."""

from pipeline.contracts.columns import SESSION, Table, count, day, flag, number, text


class Breadth(Table):
    """How many funds of a list take part in a move. The lists are of today's funds: those that closed are missing.

    Shares of one or two funds say little: look at `members`.
    """

    section = 7
    known_date = "session_date"

    universe = text("Name of the list in rules.yaml.", primary_key=True)
    session_date = day(SESSION, nullable=False, primary_key=True)
    universe_version = day("Date of the list; all earlier sessions are counted with it too.", nullable=False)
    members = count(
        "Symbols with a bar today and a full, unbroken window of 200 closes; shares of few say little.",
        grade="proxy",
        nullable=False,
    )
    pct_above_sma50 = number(
        "pct",
        "Share of the members whose close is at or above its 50-session mean, 0 to 100.",
        grade="proxy",
        nullable=False,
    )
    pct_above_sma200 = number(
        "pct",
        "Share of the members whose close is at or above its 200-session mean, 0 to 100.",
        grade="proxy",
        nullable=False,
    )
    pct_at_high_252 = number(
        "pct",
        "Share, 0 to 100, whose close is the highest of 252, of the members with so many; NULL: none has.",
        grade="proxy",
    )
    advancers = count(
        "Members whose close is above the close before; a return within 1e-6 of zero is neither.",
        grade="proxy",
        nullable=False,
    )
    decliners = count(
        "Members whose close is below the close before; a return within 1e-6 of zero is neither.",
        grade="proxy",
        nullable=False,
    )
    rsp_spy_change_20d = number(
        "fraction",
        "Price ratio of the equal-weight to the large-cap fund (RSP/SPY) over the one 20 common sessions earlier, "
        "less 1; the same for all universes.",
    )
    is_broadening = flag(
        "rsp_spy_change_20d above zero, and pct_above_sma50 above its value 20 sessions earlier, when the members "
        "may have been others; NULL while either is.",
        grade="ours",
    )
