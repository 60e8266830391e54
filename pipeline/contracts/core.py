"""Core: typed, keyed, current. A pure function of the captures and `as_of`."""

from pipeline.contracts.columns import CALENDAR, Table, count, day, flag, instant, number, text


class Instruments(Table):
    """One row per fund or index that has prices or is configured."""

    symbol = text("Fund or index.", primary_key=True)
    name = text("Full name; NULL for a symbol that is not in etfs.yaml.", nullable=True)
    role = text("What marts ask for, e.g. small or large; NULL for a symbol that is not in etfs.yaml.", nullable=True)
    group_name = text("size, style, sector, credit, bond, commodity, international, index, volatility.", nullable=True)
    is_fund = flag("Funds pay distributions and have a total-return basis; indexes do not.", nullable=False)
    is_configured = flag("TRUE when etfs.yaml lists the symbol.", nullable=False)
    is_synthetic = flag("TRUE for made-up data of the sample source.", nullable=False)
    why = text("Why it is followed.", nullable=True)
    first_session = day("First session with a bar; NULL: no prices captured.")
    last_session = day("Last session with a bar.")
    bars = count("Sessions with a bar.", nullable=False)


class Series(Table):
    """One row per macro series that has values or is configured."""

    series_id = text("Series id of the source.", primary_key=True)
    role = text("What marts ask for, e.g. credit_spread.")
    title = text("Title.")
    unit = text("Unit of the values.")
    frequency = text("daily, weekly, monthly, quarterly or annual.")
    seasonal_adjustment = text("Seasonal adjustment as the source states it.")
    is_revised = flag("TRUE when the source revises published values.", nullable=False)
    is_synthetic = flag("TRUE for made-up data of the sample source.", nullable=False)
    licence = text("Who owns the values, and whether they may be passed on.")
    why = text("Why it is followed.")
    first_observed_on = day("First period with a value; NULL: nothing captured.")
    last_observed_on = day("Last period with a value.")
    observations = count("Periods with a value.", nullable=False)
    served_from = day(
        "First period with a value in the newest whole copy that the source served; later than first_observed_on where "
        "it serves less than was captured; NULL: not told."
    )


class Sessions(Table):
    """One row per XNYS session that had closed at the build's instant."""

    origins = (CALENDAR,)
    known_date = "session_date"

    session_date = day("New York trading session.", nullable=False, primary_key=True)
    session_no = count("Number of the session since 1970-01-02, which is 0.", nullable=False)
    close_at = instant("Closing instant (13:00 New York on half days); prices of the session are known from here on.")
    is_half_day = flag("TRUE when the session closes before 16:00 New York.", nullable=False)


class Prices(Table):
    """One row per symbol and session: split-adjusted bars, never dividend-adjusted, and the total-return index."""

    known_date = "session_date"

    symbol = text("Fund or index.", primary_key=True)
    session_date = day("New York trading session.", nullable=False, primary_key=True)
    session_no = count("Number of the session in core.sessions.", nullable=False)
    open = number("usd", "First price, split-adjusted; NULL where the source has none.", repaints=True)
    high = number("usd", "Highest price, split-adjusted.", repaints=True)
    low = number("usd", "Lowest price, split-adjusted.", repaints=True)
    close = number(
        "usd",
        "Last price, split-adjusted on the basis of the newest capture.",
        nullable=False,
        min_exclusive=0,
        repaints=True,
    )
    volume = number(
        "as_served", "Shares traded, as the newest capture states them; 0 or NULL for many indexes.", repaints=True
    )
    dividend = number(
        "usd", "Cash distribution going ex this session, capital gains included; NULL: not said.", min=0, repaints=True
    )
    capital_gain = number(
        "usd", "Part of the distribution that the source names as capital gain.", nullable=False, min=0, repaints=True
    )
    split_ratio = number("ratio", "New shares for one old this session; 1: no split; NULL: the source does not say.")
    close_as_traded = number(
        "usd", "Close times all later split ratios: the price people saw that day; NULL: splits are not said."
    )
    total_return_index = number(
        "as_served",
        "Forward total-return index: 1 at the first bar, then x (close + dividend) / previous close; NULL for indexes.",
    )
    flags = text("Faults and repairs of the row, separated by a space; NULL: none.", nullable=True, repaints=True)
    captured_at = instant("When the row in use was received.", repaints=True)
    source = text("Source of the row in use: sample, files or live.", repaints=True)


class MacroReleases(Table):
    """Every value ever known of every observation, with the instant from which it was public."""

    section = 6
    known_date = "available_at"

    series_id = text("Series.", primary_key=True)
    observed_on = day("First day of the period the value is about.", nullable=False, primary_key=True)
    available_at = instant(
        "Instant from which this value was publicly known. Of a revised series whose early vintages were not captured "
        "the first value held has the date of the first print, though it may be a later revision."
    )
    seq = count("1 for the first value known of the observation, then 2, 3, ...", nullable=False, primary_key=True)
    value = number("as_served", "Value; NULL: the source says that there is none.")
    availability = text("vintage: the source told the date; rule: our release-lag rule, or the instant we received it.")
    captured_at = instant("When we, or the vintage, received the value.")


class MacroLatest(Table):
    """The newest value of every observation: revised data, which replace what was known before."""

    section = 6

    series_id = text("Series.", primary_key=True)
    observed_on = day("First day of the period the value is about.", nullable=False, primary_key=True)
    value = number("as_served", "Value of the newest capture; NULL: the source says that there is none.")
    available_at = instant(
        "Instant from which this value was publicly known. Of a revised series whose early vintages were not captured "
        "it is the date of the first print, not of this value: a join by it looks ahead; for what was known then use "
        "the realtime rows of derived.macro_indicators."
    )
    first_available_at = instant("Instant from which the first value of the observation was publicly known.")
    captured_at = instant("When the value was received.")


class FedFundsFutures(Table):
    """Settlements of 30-day fed funds futures, one row per contract and trading day."""

    section = 6
    known_date = "session_date"

    contract = text("Contract as the source names it, e.g. ZQN23.", primary_key=True)
    session_date = day("Trading day; the futures also trade when XNYS does not.", nullable=False, primary_key=True)
    contract_month = day("First day of the month whose average rate the contract pays.", nullable=False)
    settlement = number("as_served", "Settlement: 100 less the month's average rate in percent.", nullable=False)
    implied_rate_pct = number("pct", "100 - settlement: the average rate expected for the month.", nullable=False)
    volume = number("as_served", "Contracts traded; NULL: not said.")
    open_interest = number("as_served", "Contracts open; NULL: not said.")
    captured_at = instant("When the row in use was received.", repaints=True)


class FomcMeetings(Table):
    """One row per meeting of the FOMC, or decision between meetings: held, cancelled or planned."""

    section = 6
    known_date = "decided_at"

    decided_on = day("Day of the decision: the last day of the meeting.", nullable=False, primary_key=True)
    is_scheduled = flag("FALSE: between meetings; NULL: captured, and outside the calendar in fomc.yaml.")
    scheduled_on = day(
        "Day from which a scheduled meeting counts as planned: 1 September of the year before, when the Federal "
        "Reserve has published the calendar (ours)."
    )
    cancelled_on = day("Day on which a scheduled meeting was called off; NULL: it was not.", repaints=True)
    decided_at = instant("Instant of the announcement; planned, of a meeting that is to come or was cancelled.")
    target_pct = number(
        "pct", "Captured target after the decision, upper bound of a range; NULL: planned or not captured."
    )
    previous_target_pct = number("pct", "Captured target before the decision; NULL: not said.")
    captured_at = instant("When the decision was received; NULL: not captured.", nullable=True, repaints=True)


class FundFacts(Table):
    """What a vendor states about a fund on one day: the first capture of that day. Never back-filled."""

    section = 5
    known_date = "available_at"

    symbol = text("Fund.", primary_key=True)
    quoted_on = day("New York day on which the vendor was asked.", nullable=False, primary_key=True)
    trailing_pe = number(
        "ratio", "Price over trailing earnings, as the vendor states it; NULL: not said.", grade="snapshot"
    )
    yield_pct = number("pct", "Yield in percent, as the vendor states it; NULL: not said.", grade="snapshot")
    available_at = instant("When it was received: nothing says since when the vendor had said so.")


class SourceStatus(Table):
    """One row per thing that the source was ever asked for: what became of it, and what it serves."""

    dataset = text("prices, macro, metadata, futures or facts.", primary_key=True)
    id = text("Symbol, series or contract.", primary_key=True)
    outcome = text(
        "Newest answer: ok, incomplete, no_data, unknown, rate_limit, network, unreadable, refused or not_asked."
    )
    detail = text("What happened at the newest answer, for a person; NULL: nothing to say.", nullable=True)
    failing_since = instant(
        "First answer since which nothing was served; NULL while it is served (ok or incomplete).", nullable=True
    )
    last_asked_at = instant(
        "Newest answer; one that repeats the answer before it, while no new session has closed, does not count."
    )
    last_served_at = instant("Newest answer that was ok or incomplete, counted likewise; NULL: never.", nullable=True)
    served_from = day("First day of the newest whole history served; NULL: no answer told.")
    served_to = day("Last day of the newest answer that told; NULL: none did.")
    sessions_in_agreement = count(
        "Sessions since the thing was last served on which the source said that there is nothing (unknown or no_data) "
        "and served something else of the dataset; failures that say nothing about it do not count.",
        nullable=False,
    )
    is_delisted = flag(
        "TRUE for prices of a symbol that had bars and of which the source said on 5 sessions that there is nothing.",
        nullable=False,
        grade="ours",
    )


class CaptureEdits(Table):
    """One row per old value that a source changed later, beyond vendor noise."""

    dataset = text("prices or macro.", primary_key=True)
    id = text("Symbol or series.", primary_key=True)
    observed_on = day("Session or period of the value.", nullable=False, primary_key=True)
    column_name = text("Column that changed.", primary_key=True)
    captured_at = instant("When the new value was received.", primary_key=True)
    old_captured_at = instant("When the old value was received.")
    old_value = number("as_served", "Value before.")
    new_value = number("as_served", "Value after.")
    kind = text(
        "split: a uniform change of split basis; adjusted: one copy is dividend-adjusted; revised: anything else."
    )
    origin = text("File or request the new value came from; of a macro value, vintage or rule.")


class Rejects(Table):
    """One row per captured piece that core does not use, and why."""

    layer = text("raw: refused by the parser; core: refused by a contract or a comparison of captures.")
    origin = text("File or request it came from.")
    line = count("Line in the file; NULL where the whole file or no single line is meant.")
    reason = text("Why, for a person.")
    excerpt = text("The input as it stood, shortened.")
    captured_at = instant("When it was received.")
