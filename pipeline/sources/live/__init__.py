"""Yahoo Finance and FRED, asked over the network.

Where to go: `asking` asks many questions at once and notes what became of each; `pace` holds the manners towards a
vendor and the kinds of trouble; `http` is the session that all requests go through; `yahoo` and `fred` say what to ask
and read the answers; `yahoo_client` and `fred_client` are yfinance and fredapi with their faults worked around.
"""

import datetime as dt
from collections.abc import Collection, Sequence

import polars as pl

from pipeline import calendar
from pipeline.config import Config, Instrument, Series
from pipeline.errors import RotationError
from pipeline.settings import Settings
from pipeline.sources import Captured, OnAnswer, Received
from pipeline.sources.live import fred, yahoo
from pipeline.sources.live.asking import Vendor, ask_all
from pipeline.sources.live.pace import Clock, Pace, Refused

YAHOO, FRED = "Yahoo Finance", "FRED"
AT_ONCE = {YAHOO: 16, FRED: 8}
ANSWERED = ("ok", "incomplete", "no_data", "unknown")  # the vendor said something about what was asked
VENDORS = {"prices": YAHOO, "macro": FRED}


def fetch(
    settings: Settings,
    config: Config,
    captured: Captured,
    *,
    now: dt.datetime,
    on_answer: OnAnswer | None = None,
    clock: Clock | None = None,
) -> Received:
    """Ask both vendors for everything that is new at the UTC instant `now`.

    Raises:
        RotationError: --symbols or --series names something that is not configured.
    """
    prices, macro = Pace(YAHOO, clock), Pace(FRED, clock)
    asked = [
        (prices, yahoo.questions(settings, _instruments(settings, config), captured, now=now, pace=prices)),
        (macro, fred.questions(settings, _series(settings, config), captured, now=now, pace=macro)),
    ]
    return ask_all(
        [Vendor(pace, questions, AT_ONCE[pace.vendor]) for pace, questions in asked if questions],
        asked_at=now,
        session_date=calendar.last_final_session(now),
        on_answer=on_answer or (lambda vendor, answered, questions, item: None),
    )


def _instruments(settings: Settings, config: Config) -> Sequence[Instrument]:
    if settings.symbols is None:
        return config.instruments if settings.series is None else ()
    return [config.by_symbol[_listed(symbol, config.by_symbol, "etfs.yaml")] for symbol in settings.symbols]


def _series(settings: Settings, config: Config) -> Sequence[Series]:
    if settings.series is None:
        return config.series if settings.symbols is None else ()
    return [config.by_series_id[_listed(one, config.by_series_id, "macro.yaml")] for one in settings.series]


def _listed(name: str, known: Collection[str], file: str) -> str:
    if name not in known:
        raise RotationError(f"{name} is not in {file}; add it there first")
    return name


def nothing_to_build(answers: pl.DataFrame, *, has_prices: bool) -> str | None:
    """Why this run must not become a publication; None: it may, with what failed named in it.

    That is so when no vendor answered anything, when FRED refuses the key, which a person must mend, and before the
    first prices.
    """
    asked = [(vendor, answers.filter(pl.col("dataset") == dataset)) for dataset, vendor in VENDORS.items()]
    asked = [(vendor, rows) for vendor, rows in asked if rows.height]
    lost = [why for vendor, rows in asked if (why := _lost(vendor, rows)) is not None]
    is_refused = (answers["outcome"] == Refused.outcome).any()
    if lost and (len(lost) == len(asked) or is_refused or not has_prices):
        return "; ".join(lost)
    return None if has_prices else "no prices have been captured yet: run it once for all symbols"


def _lost(vendor: str, answers: pl.DataFrame) -> str | None:
    """Say that a vendor answered nothing at all, with its most frequent reason."""
    if answers["outcome"].is_in(ANSWERED).any():
        return None
    reasons = answers.group_by("detail").len().sort("len", "detail", descending=[True, False])
    return f"{vendor} answered none of {answers.height} questions: {reasons['detail'][0]}"
