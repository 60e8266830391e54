"""Growth against value. Definitions, section 5."""

from pipeline.contracts.columns import SESSION, Table, count, day, number, text


class ValuationGap(Table):
    """A growth fund against a value fund: divergence of prices and of cash yields. A price ratio is not a valuation."""

    section = 5
    known_date = "session_date"

    growth = text("Growth fund.", primary_key=True)
    value = text("Value fund.", primary_key=True)
    session_date = day(SESSION, nullable=False, primary_key=True)
    log_price_ratio = number("ratio", "ln(close of growth / close of value).", grade="proxy", repaints=True)
    log_total_ratio = number(
        "ratio", "ln of the ratio of the total-return indexes; only its changes carry meaning.", grade="proxy"
    )
    z_expanding = number("sd", "z-score of log_price_ratio among all values so far, from the 253rd.", grade="proxy")
    percentile_expanding = number(
        "probability", "Percentile of log_price_ratio among all values so far.", grade="proxy"
    )
    trend_residual = number(
        "ratio", "Today's residual from the least-squares line on all values so far.", grade="proxy"
    )
    widest_since = day(
        "Latest earlier session with a log_price_ratio at least as high; NULL: never since history_start.",
        grade="proxy",
    )
    history_start = day("First common session.", nullable=False)
    growth_distribution_yield = number("fraction", "Distributions of 365 days, capital gains excluded, over the close.")
    value_distribution_yield = number("fraction", "Distributions of 365 days, capital gains excluded, over the close.")
    growth_distributions_n = count("Ex-dates of the growth fund in those 365 days.")
    value_distributions_n = count("Ex-dates of the value fund in those 365 days.")
    yield_gap = number("ratio", "ln(value yield / growth yield); NULL unless both paid four times.", grade="proxy")
    growth_pe = number(
        "ratio",
        "Newest trailing P/E of the growth fund captured by the close, at most 30 days old; NULL: none.",
        grade="snapshot",
    )
    value_pe = number(
        "ratio",
        "Newest trailing P/E of the value fund captured by the close, at most 30 days old; NULL: none.",
        grade="snapshot",
    )
