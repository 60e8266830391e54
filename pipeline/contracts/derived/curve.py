"""The yield curve. Definitions, section 4."""

from pipeline.contracts.columns import Table, count, day, flag, instant, number, text


class YieldCurveStatus(Table):
    """State of a yield curve as it was known at each observation."""

    section = 4
    known_date = "available_at"

    curve = text("10y2y or 10y3m.", primary_key=True)
    observed_on = day("Day of the yields.", nullable=False, primary_key=True)
    available_at = instant(
        "Instant from which the spread was public; since 2019-06-21 after the close of the day itself."
    )
    spread_pp = number("pp", "Long less short yield.", nullable=False)
    is_inverted = flag("Spread below zero; 0.00 is not.", nullable=False)
    state = text(
        "inverted, uninverting (at most 5 observations since), post_inversion (at most 252) or normal.", grade="ours"
    )
    days_in_state = count("Observations of the unbroken state, this one included.", nullable=False)
    spell_start = day("First observation of the current run (inverted) or of the sustained spell (after it).")
    change_20_pp = number("pp", "Spread less the spread 20 observations earlier.")
    steepening = text("bull_ or bear_, steepening or flattening, over 20 observations; NULL: unchanged.", nullable=True)
    recession_prob_12m = number(
        "probability",
        "10y3m only: normal CDF of (-0.5333 - 0.6330 x last month's mean spread).",
        grade="proxy",
        source="New York Fed probit, fixed-coefficient replica",
    )


class YieldCurveInversions(Table):
    """Spells of inversion: raw runs, and sustained ones that bridge interruptions of at most 5 observations."""

    section = 4
    known_date = "available_at"

    curve = text("10y2y or 10y3m.", primary_key=True)
    variant = text("raw or sustained.", primary_key=True)
    start_date = day("First inverted observation.", nullable=False, primary_key=True)
    sustained_on = day(
        "Twentieth inverted observation: a sustained spell is known from here on; NULL for raw.", grade="ours"
    )
    observations = count("Inverted observations so far.", nullable=False)
    min_spread_pp = number("pp", "Lowest spread so far.", nullable=False)
    min_date = day("First day of the lowest spread.", nullable=False)
    end_date = day("Last inverted observation; NULL until the end is confirmed.")
    uninverted_on = day("First non-negative observation after it; NULL until the end is confirmed.")
    confirmed_on = day("Sixth non-negative observation in a row (raw: the first); NULL while open.")
    available_at = instant(
        "Instant from which the end is known, that of the confirming observation; NULL while open.", nullable=True
    )
    is_open = flag("TRUE until the end is confirmed.", nullable=False)
