"""Verdicts: what holds of a measured value, what that makes of a claim, and what decides where readings disagree.

The rules stand in docs/definitions.md, section 9.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.claims.articles import Condition
from pipeline.claims.measures import Measure, Value
from pipeline.contracts.claims import (
    CONTRADICTED,
    INCONSISTENT,
    NOT_TESTABLE,
    OPINION,
    SUPPORTED,
    SUPPORTED_ONLY_UNDER,
)

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
        return Finding(_word(value) in _words(condition.one_of, value), None)
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


def _words(words: Sequence[str], value: Any) -> Sequence[str]:
    """The words to compare with; true and false may be written in any way."""
    return [word.lower() for word in words] if isinstance(value, bool) else words


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


def overall(kind: str, readings: Sequence[str], arithmetic: Sequence[str]) -> str:
    """Sum up the verdicts of a claim's readings; those that are not testable do not count beside others that are."""
    if kind == OPINION:
        return OPINION
    if INCONSISTENT in arithmetic:
        return INCONSISTENT
    tested = [one for one in readings if one != NOT_TESTABLE]
    if not tested:
        return NOT_TESTABLE
    if SUPPORTED not in tested:
        return CONTRADICTED
    return SUPPORTED if set(tested) == {SUPPORTED} else SUPPORTED_ONLY_UNDER


def decides(answers: Sequence[tuple[str, str, Mapping[str, Value]]]) -> str | None:
    """Say which choice divides the readings that support a claim from those that contradict it.

    Args:
        answers: of each reading its name, its verdict, and the choices it makes by name (symbol, basis, instant, ...).

    Returns:
        One sentence: the choice that alone divides all of them; else, for pairs of readings that differ in one choice,
        that choice; else the names. None where they do not disagree.
    """
    yes = [(label, choices) for label, verdict, choices in answers if verdict == SUPPORTED]
    no = [(label, choices) for label, verdict, choices in answers if verdict == CONTRADICTED]
    if not yes or not no:
        return None
    names = [name for name in yes[0][1] if all(name in choices for _, choices in (*yes, *no))]
    dividing = []
    for name in names:
        held, failed = ({choices.get(name): None for _, choices in side} for side in (yes, no))
        if not held.keys() & failed.keys():
            dividing.append((len(held) + len(failed), name, held, failed))
    if dividing:
        _, name, held, failed = min(dividing, key=lambda one: one[0])
        return f"true {_chosen(name, held)}, false {_chosen(name, failed)}"
    said = [
        f"true {_chosen(name, held)}, false {_chosen(name, failed)}"
        for name, held, failed in _differing_in_one(names, [one for _, one in yes], [one for _, one in no])
    ]
    if said:
        return "all else equal: " + "; ".join(said)
    return f"true for: {'; '.join(label for label, _ in yes)}; false for: {'; '.join(label for label, _ in no)}"


def _differing_in_one(
    names: Sequence[str], yes: Sequence[Mapping[str, Value]], no: Sequence[Mapping[str, Value]]
) -> list[tuple[str, dict[Value, None], dict[Value, None]]]:
    """Choices in which alone a supporting and a contradicting reading differ, with the values on either side."""
    found = []
    for name in names:
        pairs = [
            (a[name], b[name])
            for a in yes
            for b in no
            if a.keys() == b.keys() and [one for one in a if a[one] != b[one]] == [name]
        ]
        held, failed = dict.fromkeys(a for a, _ in pairs), dict.fromkeys(b for _, b in pairs)
        if held.keys() & failed.keys():  # a value stands on both sides, beside different others: say each pair
            found += [(name, {a: None}, {b: None}) for a, b in pairs]
        elif pairs:
            found.append((name, held, failed))
    return found


def _chosen(name: str, values: Sequence[Value] | Mapping[Value, None]) -> str:
    words = " or ".join(_choice(name, value) for value in values)
    return f"with {name.replace('_', ' ')} {words}" if name not in SAID else f"{SAID[name]} {words}"


SAID = {
    "instant": "at",
    "basis": "on",
    "symbol": "for",
    "benchmark": "against",
    "vintage": "as",
    "measure": "by",
    "expected": "where expected is",
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
