"""What markets expect of the policy rate. Definitions, section 6."""

import dataframely as dy

from pipeline.contracts.columns import Table, day, flag, number

CME = "method published by CME Group (also known as the FedWatch tool)"


class FomcOdds(Table):
    """Odds of the target after each scheduled meeting, as fed funds futures settled: one row per possible move."""

    section = 6
    known_date = "quoted_on"

    quoted_on = day("Trading day of the settlements; the row is known from them.", nullable=False, primary_key=True)
    meeting_date = day("Day of the decision; later than quoted_on.", nullable=False, primary_key=True)
    move_bp = dy.Int64(
        primary_key=True,
        description="Change of the target from quoted_on to after the meeting, in steps of 25 basis points; it starts "
        "at the effective rate, so that one off its usual place in the range reads as part of a move.",
        metadata={"unit": "bp", "source": CME},
    )
    probability = number(
        "probability",
        "Probability of the move; moves below 5e-9 have no row, so that those of a meeting sum to 1.",
        source=CME,
        nullable=False,
        min=0,
    )
    implied_end_rate_pct = number(
        "pct", "Effective rate that the futures imply for after the meeting.", source=CME, nullable=False
    )
    target_pct = number("pct", "Target, upper bound, at the settlement; NULL: no change of it is known before.")
    is_fragile = flag(
        "TRUE where this step, or one before it, rests on fewer than 4 days of a month, exceeds 100 bp, or lies in a "
        "month in which the target had already moved, whose first days the method takes for days at the new rate.",
        nullable=False,
        grade="ours",
    )
