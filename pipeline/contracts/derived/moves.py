"""Streaks and records. Definitions, section 2."""

import dataframely as dy
import polars as pl

from pipeline.contracts.columns import BASIS, SESSION, SYMBOL, Table, count, day, flag, number, text

RECORD_WINDOWS = (1, 5, 6, 10, 21)


class StreakEvents(Table):
    """Runs of sessions on which a rule on the daily return held, with at most `allowed_misses` misses inside."""

    section = 2
    known_date = "confirmed_on"

    symbol = text(SYMBOL, primary_key=True)
    basis = text(BASIS, primary_key=True)
    rule = text("Name of the rule in rules.yaml, e.g. up_1pct.", primary_key=True)
    allowed_misses = count("Misses that the streak may hold: 0 or 1.", nullable=False, primary_key=True)
    start_date = day("First session, a hit.", nullable=False, primary_key=True)
    end_date = day("Last session, a hit.", nullable=False, primary_key=True)
    hits = count("Sessions on which the rule held.", nullable=False)
    sessions = count("Sessions from start to end, misses included.", nullable=False)
    cum_return = number("fraction", "From the close before the start to the close of the end.")
    max_ret_1d = number("fraction", "Largest daily return inside, misses included.")
    min_ret_1d = number("fraction", "Smallest daily return inside, misses included.")
    confirmed_on = day("Session from which the end is known; NULL while open.")
    is_open = flag("TRUE while further sessions may still extend it.", nullable=False)


class Records(Table):
    """Moves that were the largest in a while: "the best since". A move that is no record has no row."""

    section = 2
    known_date = "session_date"

    symbol = text(SYMBOL)
    benchmark = text("Benchmark of a spread or ratio; NULL for the symbol alone.", nullable=True)
    basis = text(BASIS)
    measure = text("ret_1d, ret_5d, ret_6d, ret_10d, ret_21d, close; with a benchmark spread_1d_pp, ..., ratio.")
    direction = text("high or low.")
    session_date = day(SESSION, nullable=False)
    value = number(
        "unit_of_the_measure",
        "Value of the measure: a fraction, percentage points, a ratio, or a level (dollars; on `total` its index).",
        repaints=True,
    )
    since_date = day("Latest earlier session, not overlapping, with a value at least as extreme; NULL: never.")
    sessions_since = count("Sessions of the measure since then; NULL: never.")
    is_all_time = flag("TRUE when no earlier value since history_start was as extreme.", nullable=False)
    history_start = day("First session with a value of the measure.", nullable=False)
    z_score = number("sd", "(Value less the mean of all earlier values) over their sample SD; from the 253rd value.")
    percentile = number("probability", "(Average rank among all values so far, less 0.5) over their count.")

    @dy.rule()
    def key_is_unique(cls) -> pl.Expr:  # noqa: D102
        return ~pl.struct("symbol", "benchmark", "basis", "measure", "direction", "session_date").is_duplicated()
