"""Verdicts: what holds of a measured value, what that makes of a claim, and what decides where readings disagree.

The rules stand in docs/definitions.md, section 9.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.claims.articles import Condition
from pipeline.claims.measures import Measure, Value
from pipeline.claims.results import (
    CONTRADICTED,
    INCONSISTENT,
    NOT_TESTABLE,
    OPINION,
    SUPPORTED,
    SUPPORTED_ONLY_UNDER,
)

EXPECTED = "expected"  # the choice of what is expected
NOISE = 1e-9  # of floats, where a bound itself counts as inside


@dataclass(frozen=True)
class Measured:
    """The row of a measure."""

    value: Any
    as_of: dt.date | None
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """Whether all conditions hold, and the margin of the first that does not, else of the first.

    The margin is measured less claimed, in the unit of what is compared (dates: days); 0 inside a window of dates; None
    where there is nothing to subtract. `of` is the field of the evidence that was compared, None for the value itself.
    """

    holds: bool
    margin: float | None
    of: str | None = None


class MisfitError(Exception):
    """A condition asks for a field that the evidence does not have, or compares what cannot be compared."""


def find(expect: Sequence[Condition], measured: Measured) -> Finding:
    """Compare the measured row with what is expected of it.

    Raises:
        MisfitError: a condition does not fit the value, or the field of the evidence, that it asks for.
    """
    found = [replace(_find(one, _asked(one, measured)), of=one.of) for one in expect]
    return next((one for one in found if not one.holds), found[0])


def _asked(condition: Condition, measured: Measured) -> Any:
    if condition.of is not None and condition.of not in measured.evidence:
        raise MisfitError(f"its evidence has no {condition.of}, but {', '.join(measured.evidence)}")
    return measured.evidence[condition.of] if condition.of else measured.value


def _find(condition: Condition, value: Any) -> Finding:
    if condition.one_of is not None:
        return Finding(_word(value).lower() in (word.lower() for word in condition.one_of), None)
    if value is None:
        return Finding(holds=False, margin=None)
    if condition.first is not None and condition.last is not None:
        day = value.date() if isinstance(value, dt.datetime) else value
        if not isinstance(day, dt.date):
            raise MisfitError(f"{_word(value)} is no date")
        days = min((day - condition.first).days, 0) or max((day - condition.last).days, 0)
        return Finding(days == 0, float(days))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MisfitError(f"{_word(value)} is no number")
    if condition.rank is not None:
        return Finding(value <= condition.rank, float(value - condition.rank))
    if condition.value is not None and condition.tolerance is not None:
        return Finding(abs(value - condition.value) <= condition.tolerance + NOISE, value - condition.value)
    return _within_bounds(condition, value)


def _within_bounds(condition: Condition, value: float) -> Finding:
    margins = {bound: value - limit for bound in BOUNDS if (limit := getattr(condition, bound)) is not None}
    broken = [margin for bound, margin in margins.items() if not BOUNDS[bound](margin)]
    return Finding(not broken, broken[0] if broken else min(margins.values(), key=abs))


BOUNDS: dict[str, Callable[[float], bool]] = {
    "more_than": lambda margin: margin > NOISE,
    "at_least": lambda margin: margin >= -NOISE,
    "less_than": lambda margin: margin < -NOISE,
    "at_most": lambda margin: margin <= NOISE,
}


def overall(kind: str, readings: Sequence[tuple[str | None, str]], arithmetic: Sequence[str]) -> str:
    """Sum up a claim.

    Args:
        readings: of each reading its part (None: the claim as a whole) and its verdict.
        arithmetic: the verdicts of its checks of arithmetic.
    """
    if kind == OPINION:
        return OPINION
    if INCONSISTENT in arithmetic:
        return INCONSISTENT
    if not readings:
        return SUPPORTED if arithmetic and set(arithmetic) == {SUPPORTED} else NOT_TESTABLE
    parts: dict[str | None, list[str]] = {}
    for part, verdict in readings:
        parts.setdefault(part, []).append(verdict)
    of_parts = {_summed(verdicts) for verdicts in parts.values()}
    if CONTRADICTED in of_parts:
        return CONTRADICTED
    return of_parts.pop() if len(of_parts) == 1 else SUPPORTED_ONLY_UNDER


def _summed(verdicts: Sequence[str]) -> str:
    if set(verdicts) == {SUPPORTED}:
        return SUPPORTED
    if SUPPORTED in verdicts:
        return SUPPORTED_ONLY_UNDER
    return CONTRADICTED if CONTRADICTED in verdicts else NOT_TESTABLE


@dataclass(frozen=True)
class Choice:
    """A reading for the question what decides: its name, its verdict, and what it chooses (symbol, basis, ...)."""

    label: str
    verdict: str
    choices: Mapping[str, Value]


def decides(answers: Sequence[Choice]) -> str | None:
    """Say which choice divides the readings that support a claim from those that contradict it.

    Returns:
        One sentence: the choice that alone divides all of them; else what divides readings that are alike but for one
        choice; else their names. None where they do not disagree.
    """
    yes = [one for one in answers if one.verdict == SUPPORTED]
    no = [one for one in answers if one.verdict == CONTRADICTED]
    if not yes or not no:
        return None
    names = dict.fromkeys(name for one in (*yes, *no) for name in one.choices)
    shared = [name for name in names if all(name in one.choices for one in (*yes, *no))]
    if dividing := [name for name in shared if _divides(name, yes, no)]:
        return _divided(min(dividing, key=lambda name: len(_values(name, (*yes, *no)))), yes, no)
    if said := _alike_but_for_one(names, yes, no):
        return "all else equal: " + "; ".join(said)
    return _named([one.label for one in yes], [one.label for one in no])


def _values(name: str, readings: Sequence[Choice]) -> list[Value]:
    return list(dict.fromkeys(one.choices[name] for one in readings if name in one.choices))


def _divides(name: str, yes: Sequence[Choice], no: Sequence[Choice]) -> bool:
    """Whether no value stands on both sides; of different expectations the readings' names say more."""
    return name != EXPECTED and not set(_values(name, yes)) & set(_values(name, no))


def _divided(name: str, yes: Sequence[Choice], no: Sequence[Choice]) -> str:
    return f"true {_chosen(name, _values(name, yes))}, false {_chosen(name, _values(name, no))}"


def _alike_but_for_one(names: Iterable[str], yes: Sequence[Choice], no: Sequence[Choice]) -> list[str]:
    """What divides readings that differ in one choice: its values, where these divide all readings that have them, else
    the readings' names: a value that holds here and fails there decides nothing."""
    said = []
    against: dict[str, list[str]] = {}
    for name in names:
        pairs = [(a, b) for a in yes for b in no if _differ_only_in(name, a.choices, b.choices)]
        if pairs and _divides(name, yes, no):
            said.append(_divided(name, [a for a, _ in pairs], [b for _, b in pairs]))
            continue
        for a, b in pairs:
            against.setdefault(a.label, []).append(b.label)
    return said + [_named([label], others) for label, others in against.items()]


def _named(yes: Iterable[str], no: Iterable[str]) -> str:
    held, failed = (" and ".join(f'"{label}"' for label in side) for side in (yes, no))
    return f"true for {held}, false for {failed}"


def _differ_only_in(name: str, a: Mapping[str, Value], b: Mapping[str, Value]) -> bool:
    return a.keys() == b.keys() and [one for one in a if a[one] != b[one]] == [name]


def _chosen(name: str, values: Sequence[Value]) -> str:
    if values == [None] and (name, None) not in CHOICES:
        return f"without {name.replace('_', ' ')}"
    words = " or ".join(_choice(name, value) for value in values)
    return f"with {name.replace('_', ' ')} {words}" if name not in SAID else f"{SAID[name]} {words}"


SAID = {
    "instant": "at",
    "basis": "on",
    "symbol": "for",
    "benchmark": "against",
    "vintage": "as",
    "measure": "by",
}
CHOICES: dict[tuple[str, Value], str] = {
    ("basis", "price"): "price",
    ("basis", "total"): "total return",
    ("vintage", "realtime"): "first published",
    ("vintage", "latest"): "revised since",
    ("instant", None): "the instant of the article",
    ("instant", "now"): "hindsight",
}


def _choice(name: str, value: Value) -> str:
    if (name, value) in CHOICES:
        return CHOICES[name, value]
    text = _word(value)
    if name == "instant" and (close := re.fullmatch(r"(\S+) close", text)):
        return f"the close of {close[1]}"
    return text


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else _shown(value) if isinstance(value, float) else str(value)


def _shown(value: float) -> str:
    """Four decimals at most; two digits of what would vanish then."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{value:.2g}" if value and text in ("0", "-0") else text


# What people read

SIGNS = {"pct": "%", "pp": " pp", "bp": " bp", "sd": " SD", "usd": " USD"}
DECIMALS_SHOWN = {"pct": 2, "pp": 2, "bp": 1, "sd": 2, "usd": 2, "probability": 3, "count": 0, "points": 2, "ratio": 4}


def written(value: Any, unit: str | None) -> str:
    """Write a value as the tables of people show it."""
    if unit not in DECIMALS_SHOWN or isinstance(value, bool | str | dt.date | None):
        return _word(value)
    return f"{value:,.{DECIMALS_SHOWN[unit]}f}{SIGNS.get(unit, '')}"


def claimed(expect: Sequence[Condition], unit: str | None) -> str:
    """Write what is expected, such as `more than 9%; since date 2020-06-01 to 2020-06-30`."""
    return "; ".join(
        (f"{one.of.replace('_', ' ')} " if one.of else "") + _expected(one, None if one.of else unit) for one in expect
    )


def measured_words(expect: Sequence[Condition], measured: Measured, measure: Measure) -> str:
    """Write the value and the fields of the evidence that the expectation asks for."""
    fields = dict.fromkeys(one.of for one in expect if one.of)
    more = [f"{name.replace('_', ' ')} {written(measured.evidence.get(name), None)}" for name in fields]
    return "; ".join([written(measured.value, measure.unit), *more])


def _expected(condition: Condition, unit: str | None) -> str:
    sign = SIGNS.get(unit or "", "")
    if condition.one_of is not None:
        return " or ".join(condition.one_of)
    if condition.first is not None:
        same = condition.first == condition.last
        return str(condition.first) if same else f"{condition.first} to {condition.last}"
    if condition.rank is not None:
        return "rank 1" if condition.rank == 1 else f"rank 1 to {condition.rank}"
    if condition.value is not None:
        tolerance = f" ± {condition.tolerance:.10g}" if condition.tolerance else ""
        return f"{condition.value:.10g}{tolerance}{sign}"
    bounds = ((bound, getattr(condition, bound)) for bound in BOUNDS)
    return " and ".join(f"{bound.replace('_', ' ')} {limit:.10g}{sign}" for bound, limit in bounds if limit is not None)
