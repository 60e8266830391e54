"""What a source said, and when: the columns of the captures. Append-only, never corrected."""

from typing import ClassVar

import dataframely as dy

from pipeline.contracts.columns import Origin

SERVED = "whoever served them (Yahoo Finance: personal use, not to be passed on)"


class Capture(dy.Schema):
    """Base of every capture table; `origins`: what it holds, and whose that is."""

    origins: ClassVar[tuple[Origin, ...]]

    captured_at = dy.Datetime(time_zone="UTC", description="UTC instant at which the value was received.")
    source = dy.String(description="Source that was asked: sample, files or live.")
    origin = dy.String(description="Where the value came from: a file's path below the folder, or a request.")


class PriceCapture(Capture):
    """One daily bar as a source gave it, on the split basis of the source at `captured_at`."""

    origins = (Origin("prices", SERVED),)

    symbol = dy.String(description="Fund or index.")
    session_date = dy.Date(description="New York session of the bar.")
    open = dy.Float64(nullable=True, description="First price.")
    high = dy.Float64(nullable=True, description="Highest price.")
    low = dy.Float64(nullable=True, description="Lowest price.")
    close = dy.Float64(min_exclusive=0, description="Last price, split-adjusted unless a flag says otherwise.")
    adj_close = dy.Float64(nullable=True, description="Close adjusted for distributions as the source computes it.")
    volume = dy.Float64(nullable=True, min=0, description="Shares traded; fractional where the source adjusts it.")
    dividend = dy.Float64(
        nullable=True, min=0, description="Cash distribution going ex; NULL: the source does not say."
    )
    capital_gain = dy.Float64(nullable=True, min=0, description="Capital-gains part paid apart; NULL: not said.")
    split_ratio = dy.Float64(
        nullable=True, min_exclusive=0, description="New shares for one old; 1: none; NULL: not said."
    )
    flags = dy.String(nullable=True, description="Names of faults and repairs, separated by a space.")


class MacroCapture(Capture):
    """One observation of a macro series as a source gave it."""

    origins = (Origin("macro series", "the owner of each series, see core.series.licence"),)

    series_id = dy.String(description="Series.")
    observed_on = dy.Date(description="First day of the period the value is about.")
    value = dy.Float64(nullable=True, description="Value; NULL where the source says there is none.")
    is_vintage = dy.Bool(
        description="TRUE where the source itself dated the value (a vintage), so captured_at is its date."
    )
    vintage_on = dy.Date(
        nullable=True,
        description="Day from which the source says the value was known; NULL: it does not say, or only the month.",
    )


class FuturesCapture(Capture):
    """One daily settlement of a fed funds futures contract."""

    origins = (Origin("fed funds futures", SERVED),)

    contract = dy.String(description="Contract, e.g. ZQN23.")
    session_date = dy.Date(description="Trading day.")
    close = dy.Float64(description="Settlement: 100 less the month's average rate in percent.")
    volume = dy.Float64(nullable=True, min=0, description="Contracts traded.")
    open_interest = dy.Float64(nullable=True, min=0, description="Contracts open.")


class FomcCapture(Capture):
    """One meeting of the Federal Open Market Committee."""

    origins = (Origin("FOMC calendar", "Federal Reserve, public domain"),)

    decided_on = dy.Date(description="Day of the decision.")
    target_pct = dy.Float64(
        nullable=True, description="Target after the decision (upper bound of a range); NULL: planned."
    )
    previous_target_pct = dy.Float64(nullable=True, description="Target before the decision.")


class FactCapture(Capture):
    """What a vendor states about a fund on one day. Captured forward, one row a day, never back-filled."""

    origins = (Origin("fund facts", SERVED),)

    symbol = dy.String(description="Fund.")
    quoted_on = dy.Date(description="New York day on which it was asked.")
    trailing_pe = dy.Float64(nullable=True, description="Price over trailing earnings, as the vendor states it.")
    yield_pct = dy.Float64(nullable=True, description="Yield in percent, as the vendor states it.")


class SeriesCapture(Capture):
    """What a source says of a macro series."""

    origins = (Origin("series metadata", "Federal Reserve Bank of St. Louis, terms of use apply"),)

    series_id = dy.String(description="Series.")
    title = dy.String(nullable=True, description="Title.")
    unit = dy.String(nullable=True, description="Unit of the values.")
    frequency = dy.String(nullable=True, description="Frequency.")
    seasonal_adjustment = dy.String(nullable=True, description="Seasonal adjustment.")
    first_observed_on = dy.Date(nullable=True, description="First period that the source has.")
    last_observed_on = dy.Date(nullable=True, description="Last period that the source has.")
    last_updated_at = dy.Datetime(time_zone="UTC", nullable=True, description="When the source last changed it.")


class Answer(Capture):
    """What became of asking a source for one thing on one day."""

    origins = (Origin("answers of the source", "our own notes, free to pass on"),)

    dataset = dy.String(description="prices, macro, metadata, futures or facts.")
    id = dy.String(description="Symbol, series or contract that was asked for.")
    outcome = dy.String(
        description="ok, incomplete, no_data, unknown, rate_limit, network, unreadable, refused or not_asked."
    )
    detail = dy.String(nullable=True, description="What happened, for a person; NULL: nothing to say.")
    session_date = dy.Date(description="Newest session whose bar was final when it was asked.")
    served_from = dy.Date(nullable=True, description="First day of the history served; NULL: not all was asked for.")
    served_to = dy.Date(nullable=True, description="Last day served; NULL: none.")


class Reject(Capture):
    """A piece of input that was not taken over, and why."""

    origins = (Origin("refused input", "whoever served what it quotes"),)

    line = dy.Int64(nullable=True, description="Line in the file; NULL where the whole file is meant.")
    reason = dy.String(description="Why it was refused, for a person.")
    excerpt = dy.String(description="The input as it stood, shortened.")
