"""Macro indicators and the regime of credit spreads. Definitions, section 6."""

from pipeline.contracts.columns import Table, day, flag, instant, number, text


class MacroIndicators(Table):
    """Macro indicators in long format: as they were first known, and from the newest values.

    *Ours*: initial_claims_rise_pct, payrolls_surprise_k, cpi_surprise_naive_pp (of which no forecast is part),
    policy_stance_pp. Proxies: cpi_yoy_pct and core_cpi_yoy_pct, which are seasonally adjusted while the headlines are
    not. Of `realtime` rows only `is_mixed` ever changes; `latest` rows are restated by every revision.
    """

    section = 6
    known_date = "available_at"

    indicator = text("Name with its unit as suffix, e.g. sahm_pp.", primary_key=True)
    observed_on = day(
        "First day of the period of the newest value; of a fiscal year the last.", nullable=False, primary_key=True
    )
    vintage = text(
        "latest: newest values; realtime: what was known when the observation was first published.", primary_key=True
    )
    value = number("unit_of_the_measure", "Value; NULL: an observation that the formula needs does not exist.")
    is_mixed = flag(
        "TRUE: a realtime value that compares t with earlier observations as they were before a revision published "
        "together with t, because only the month of that revision is known and it counts from the month's end; with "
        "the revision the value is another. Not what the report of the day said: use latest, or the vintage of the "
        "day. FALSE while that month has not ended; always FALSE in latest rows.",
        nullable=False,
        repaints=True,
    )
    available_at = instant(
        "Instant from which this value could be computed from what was public; of payrolls_* and cpi_surprise_naive_pp "
        "of a vintage of which only the month is known, from the month's end. Of latest rows of a revised series whose "
        "early vintages were not captured it is the date of the first print, not of this value: a join of latest by "
        "it looks ahead, use realtime."
    )
    unit = text("Unit of the value.")


class CreditRegime(Table):
    """Credit spreads as first published, against three months before and their own history, and a regime."""

    section = 6
    known_date = "available_at"

    measure = text(
        "baa_monthly (BAA less the month's mean DGS10), baa (BAA10Y) or hy_oas (BAMLH0A0HYM2).", primary_key=True
    )
    observed_on = day("Day of the spread; of baa_monthly the first day of its month.", nullable=False, primary_key=True)
    level_pct = number("pct", "Spread in percentage points.", nullable=False)
    change_13w_bp = number("bp", "Spread less the newest one at least 91 days older, in basis points.")
    percentile = number(
        "probability",
        "(Average rank among all captured values so far, less 0.5) over their count; NULL in the first five years.",
    )
    history_start = day("First observation captured: how far back the percentile reaches.", nullable=False)
    raw_regime = text(
        "calm (percentile < 0.50 and change < 25 bp), stress (percentile >= 0.80 or change >= 100 bp) or watch; NULL "
        "while percentile or change is.",
        nullable=True,
        grade="ours",
    )
    regime = text(
        "Newest raw regime that was met on ten observations in a row (baa_monthly: two); the first one starts it.",
        nullable=True,
        grade="ours",
    )
    available_at = instant("Instant from which the spread was public.")
