"""Trend, momentum and phases. Definitions, section 3."""

from pipeline.contracts.columns import SESSION, SYMBOL, Table, count, day, flag, number, text

PHASE = "bullish, warning (also called caution), distribution, bearish, recovery (recuperation) or accumulation"
WILDER = "J. W. Wilder, New Concepts in Technical Trading Systems, 1978"
BOLLINGER = "J. Bollinger"
DUKAS = "C. Dukas, 2007"
MOMENTUM = "MarketGauge, where it is known as Real Motion"
LEADERSHIP = "MarketGauge, where it is known as Triple Play; its formula is not published"


class Trend(Table):
    """Where each symbol stands against its own past, on split-adjusted closes.

    Levels of an index are in points although the unit says usd. The volatility index has leadership and bear territory
    too: leave it out of comparisons.
    """

    section = 3
    known_date = "session_date"

    symbol = text(SYMBOL, primary_key=True)
    session_date = day(SESSION, nullable=False, primary_key=True)
    sma_50 = number("computed_usd", "Mean of the last 50 closes.", repaints=True)
    sma_200 = number("computed_usd", "Mean of the last 200 closes.", repaints=True)
    ema_21 = number(
        "computed_usd",
        "Exponential mean of closes, weight 2/22, seeded with the mean of the first 21; starts over after a long gap.",
        repaints=True,
    )
    rsi_14 = number(
        "points",
        "100 x mean gain over mean gain and loss, smoothed over 14 sessions; 100 without losses, 50 without moves.",
        source=WILDER,
    )
    bollinger_upper = number(
        "computed_usd", "Mean of the last 20 closes plus 2 population SDs.", source=BOLLINGER, repaints=True
    )
    bollinger_lower = number(
        "computed_usd", "Mean of the last 20 closes less 2 population SDs.", source=BOLLINGER, repaints=True
    )
    bollinger_pct_b = number(
        "fraction",
        "(Close less lower band) over (upper less lower band): below 0 and above 1 outside; NULL without a width.",
        source=BOLLINGER,
    )
    distance_sma50_sd = number("sd", "(Close less mean of the last 50) over their population SD.")
    momentum_200 = number("pct", "100 x (close over sma_200, less 1).", source=MOMENTUM)
    momentum_200_sma50 = number("pct", "Mean of the last 50 values of momentum_200.", source=MOMENTUM)
    momentum_200_sma200 = number("pct", "Mean of the last 200 values of momentum_200.", source=MOMENTUM)
    momentum_200_upper = number(
        "pct",
        "momentum_200_sma50 plus 2 population SDs of the same 50 values; its owner states 1 SD in one place and 2 in "
        "another.",
        source=MOMENTUM,
    )
    momentum_200_lower = number(
        "pct", "momentum_200_sma50 less 2 population SDs of the same 50 values.", source=MOMENTUM
    )
    leadership = number(
        "pct",
        "100 x (ratio over its 50-session mean, less 1), ratio to the configured benchmark (SPY), on common sessions; "
        "NULL for the benchmark itself.",
        grade="reconstruction",
        source=LEADERSHIP,
    )
    leadership_upper = number(
        "pct",
        "Mean of the last 20 values of leadership plus 2 population SDs.",
        grade="reconstruction",
        source=LEADERSHIP,
    )
    leadership_lower = number(
        "pct",
        "Mean of the last 20 values of leadership less 2 population SDs.",
        grade="reconstruction",
        source=LEADERSHIP,
    )
    phase_raw = text(f"Ordering of close, sma_50 and sma_200: {PHASE}.", nullable=True, source=DUKAS)
    phase = text("Newest phase_raw that two closes in a row had; NULL before the first.", nullable=True, source=DUKAS)
    days_in_phase = count("Sessions in this phase; the close that settled it is 1.", source=DUKAS)
    is_phase_confirmed = flag("TRUE while phase_raw is the phase.", source=DUKAS)
    sma_50_slope_20 = number("fraction", "sma_50 over sma_50 20 sessions earlier, less 1.")
    sma_200_slope_20 = number("fraction", "sma_200 over sma_200 20 sessions earlier, less 1.")
    closes_above_sma50 = count("Closes in a row, up to this one, at or above sma_50; 0 when below.")
    atr_14 = number("computed_usd", "Mean true range, smoothed over 14 sessions.", source=WILDER, repaints=True)
    atr_14_pct = number("pct", "100 x atr_14 over close.", source=WILDER)
    high_252_distance = number("fraction", "Close over the highest of the last 252 closes, less 1.")
    is_high_252 = flag("Close at or above the highest of the last 252 closes; NULL before the 252nd.")
    is_low_252 = flag("Close at or below the lowest of the last 252 closes; NULL before the 252nd.")
    relative_volume_50 = number(
        "ratio",
        "Volume over the mean volume of the 50 sessions before, vendor faults of volume as they are; NULL where the "
        "volume is 0.",
    )
    drawdown = number("fraction", "Close over the highest close so far, less 1.")
    is_bear_territory = flag("Close at or below 0.8 x the highest close so far.", nullable=False)
    is_correction = flag("Close at or below 0.9 x the highest close so far.", nullable=False)
