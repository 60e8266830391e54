"""Verdicts: what holds of a measured value, what that makes of a claim, and which choice decides."""

import datetime as dt
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.claims.articles import Condition
from pipeline.claims.measures import Measure
from pipeline.claims.verdicts import (
    Choice,
    Measured,
    MisfitError,
    claimed,
    decides,
    find,
    measured_words,
    overall,
    written,
)

JULY = {"from": "2024-07-01", "to": "2024-07-31"}
AS_OF = dt.date(2024, 7, 16)


def condition(**fields: Any) -> Condition:
    return Condition.model_validate(fields)


def compared(value: Any, *expect: dict[str, Any], **evidence: Any) -> tuple[bool, float | None]:
    """Whether all that is expected holds, and the margin."""
    finding = find([condition(**one) for one in expect], Measured(value, AS_OF, evidence))
    return finding.holds, finding.margin


# One condition: value, what is expected, whether it holds, measured less claimed

FOUND: dict[str, tuple[Any, dict[str, Any], bool, float | None]] = {
    "more_than: above": (9.5, {"more_than": 9}, True, 0.5),
    "more_than: on it": (9.0, {"more_than": 9}, False, 0.0),
    "more_than: below": (8.5, {"more_than": 9}, False, -0.5),
    "more_than: equal but for noise": (0.1 + 0.2, {"more_than": 0.3}, False, 5.55e-17),
    "more_than: a negative bound": (-8.5, {"more_than": -9}, True, 0.5),
    "more_than: a count": (3, {"more_than": 2}, True, 1.0),
    "at_least: above": (9.5, {"at_least": 9}, True, 0.5),
    "at_least: on it": (9.0, {"at_least": 9}, True, 0.0),
    "at_least: on it but for noise": (0.3, {"at_least": 0.1 + 0.2}, True, -5.55e-17),
    "at_least: below": (8.999, {"at_least": 9}, False, -0.001),
    "less_than: below": (8.5, {"less_than": 9}, True, -0.5),
    "less_than: on it": (9.0, {"less_than": 9}, False, 0.0),
    "less_than: equal but for noise": (0.3, {"less_than": 0.1 + 0.2}, False, -5.55e-17),
    "less_than: above": (9.5, {"less_than": 9}, False, 0.5),
    "at_most: below": (8.5, {"at_most": 9}, True, -0.5),
    "at_most: on it": (9.0, {"at_most": 9}, True, 0.0),
    "at_most: on it but for noise": (0.1 + 0.2, {"at_most": 0.3}, True, 5.55e-17),
    "at_most: above": (9.001, {"at_most": 9}, False, 0.001),
    "both bounds: nearer the lower": (1.25, {"more_than": 1, "less_than": 2}, True, 0.25),
    "both bounds: nearer the upper": (1.75, {"more_than": 1, "less_than": 2}, True, -0.25),
    "both bounds: below": (0.5, {"at_least": 1, "at_most": 2}, False, -0.5),
    "both bounds: above": (2.5, {"at_least": 1, "at_most": 2}, False, 0.5),
    "both bounds: the open side": (2.0, {"at_least": 1, "less_than": 2}, False, 0.0),
    "both bounds: the closed side": (1.0, {"at_least": 1, "less_than": 2}, True, 0.0),
    "bounds that leave nothing": (1.5, {"more_than": 2, "less_than": 1}, False, -0.5),
    "tolerance: inside": (11.625, {"value": 11.5, "tolerance": 0.25}, True, 0.125),
    "tolerance: upper edge": (11.75, {"value": 11.5, "tolerance": 0.25}, True, 0.25),
    "tolerance: lower edge": (11.25, {"value": 11.5, "tolerance": 0.25}, True, -0.25),
    "tolerance: an edge but for noise": (8.13, {"value": 8.08, "tolerance": 0.05}, True, 0.05),
    "tolerance: half a billionth beyond": (1.1000000005, {"value": 1, "tolerance": 0.1}, True, 0.1000000005),
    "tolerance: two billionths beyond": (1.100000002, {"value": 1, "tolerance": 0.1}, False, 0.100000002),
    "tolerance: outside": (12.0, {"value": 11.5, "tolerance": 0.25}, False, 0.5),
    "tolerance 0: the same": (5, {"value": 5, "tolerance": 0}, True, 0.0),
    "tolerance 0: another": (6, {"value": 5, "tolerance": 0}, False, 1.0),
    "value 0": (0.05, {"value": 0, "tolerance": 0.1}, True, 0.05),
    "window: its first day": (dt.date(2024, 7, 1), JULY, True, 0.0),
    "window: its last day": (dt.date(2024, 7, 31), JULY, True, 0.0),
    "window: inside": (dt.date(2024, 7, 16), JULY, True, 0.0),
    "window: a day before": (dt.date(2024, 6, 30), JULY, False, -1.0),
    "window: a month before": (dt.date(2024, 6, 1), JULY, False, -30.0),
    "window: a day after": (dt.date(2024, 8, 1), JULY, False, 1.0),
    "window: a leap day between": (dt.date(2024, 3, 1), {"from": "2024-02-28", "to": "2024-02-28"}, False, 2.0),
    "rank: first": (1, {"rank": 1}, True, 0.0),
    "rank: within": (2, {"rank": 3}, True, -1.0),
    "rank: on it": (3, {"rank": 3}, True, 0.0),
    "rank: below": (5, {"rank": 3}, False, 2.0),
    "is: a word": ("lagging", {"is": "lagging"}, True, None),
    "is: another word": ("leading", {"is": "lagging"}, False, None),
    "is: one of": ("leading", {"is": ["lagging", "leading"]}, True, None),
    "is: part of a word": ("lag", {"is": "lagging"}, False, None),
    "is: true": (True, {"is": "true"}, True, None),
    "is: not true": (False, {"is": "true"}, False, None),
    "is: false": (False, {"is": "false"}, True, None),
    "is: either": (False, {"is": ["true", "false"]}, True, None),
    "is: a count": (5, {"is": "5"}, True, None),
    "is: a day": (dt.date(2024, 7, 16), {"is": "2024-07-16"}, True, None),
}


@pytest.mark.parametrize(("value", "expected", "holds", "margin"), FOUND.values(), ids=list(FOUND))
def test_one_condition(value: Any, expected: dict[str, Any], holds: bool, margin: float | None) -> None:
    found = compared(value, expected)
    assert found == (holds, None if margin is None else pytest.approx(margin, abs=1e-12))
    assert margin is None or isinstance(found[1], float)


FORMS = [{"more_than": 0}, {"at_most": 0}, {"value": 0, "tolerance": 9}, {"rank": 9}, {"is": ["true", "false"]}, JULY]


@pytest.mark.parametrize("expected", FORMS, ids=str)
def test_a_field_without_a_value_does_not_fit(expected: dict[str, Any]) -> None:
    assert compared(1.0, {"of": "since", **expected}, since=None) == (False, None)


def test_that_a_field_has_no_value_can_be_what_is_expected() -> None:
    assert compared(1.0, {"of": "recovered_on", "is": "none"}, recovered_on=None) == (True, None)
    assert compared(1.0, {"of": "recovered_on", "is": "none"}, recovered_on=AS_OF) == (False, None)
    assert compared(1.0, {"of": "state", "is": ["none", "normal"]}, state="normal") == (True, None)


@pytest.mark.parametrize("expected", FORMS[:-1], ids=str)
def test_of_asks_the_evidence_and_not_the_value(expected: dict[str, Any]) -> None:
    outside = -99.0 if "more_than" in expected else 99.0
    inside = {"more_than": 1.0, "at_most": -1.0, "value": 0.0, "rank": 1, "is": False}[next(iter(expected))]
    assert compared(outside, {"of": "field", **expected}, field=inside)[0] is True
    assert compared(inside, {"of": "field", **expected}, field=outside)[0] is False


def test_a_field_that_the_evidence_lacks_is_told() -> None:
    with pytest.raises(MisfitError, match="no since, but sinse"):
        compared(1.0, {"of": "since", "rank": 1}, sinse=1)


@pytest.mark.parametrize("expected", [{"more_than": 0}, {"value": 0, "tolerance": 9}, {"rank": 9}], ids=str)
@pytest.mark.parametrize("value", ["many", True, AS_OF], ids=str)
def test_what_is_no_number_where_one_is_expected_is_no_verdict(value: Any, expected: dict[str, Any]) -> None:
    with pytest.raises(MisfitError, match="is no number"):
        compared(value, expected)


@pytest.mark.parametrize("value", [20240716, "2024-07-16", True], ids=str)
def test_what_is_no_date_in_a_window_is_no_verdict(value: Any) -> None:
    with pytest.raises(MisfitError, match="is no date"):
        compared(value, JULY)


def test_an_instant_is_in_the_window_of_its_day() -> None:
    assert compared(dt.datetime(2024, 7, 31, 23, tzinfo=dt.UTC), JULY) == (True, 0.0)


def test_words_are_compared_without_regard_to_case() -> None:
    assert compared(True, {"is": "True"}) == (True, None)
    assert compared("bullish", {"is": "Bullish"}) == (True, None)


def test_a_choice_that_one_reading_does_not_have_does_not_decide() -> None:
    answers = [
        Choice("a", "supported", {"symbol": "IWM", "measure": "A"}),
        Choice("b", "contradicted", {"measure": "B"}),
    ]
    assert decides(answers) == "true by A, false by B"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (40003.59, "40003.59"),
        (1e6, "1000000"),
        (0.5, "0.5"),
        (-0.30833, "-0.3083"),
        (0.00001234, "1.2e-05"),
        (0.0, "0"),
    ],
)
def test_figures_without_a_unit_of_their_own(value: float, words: str) -> None:
    assert written(value, "as served") == words


# Several conditions


def test_all_conditions_must_hold_and_the_first_gives_the_margin() -> None:
    both = {"more_than": 9}, {"of": "since", **JULY}
    assert compared(9.5, *both, since=dt.date(2024, 7, 1)) == (True, 0.5)


def test_the_condition_that_fails_gives_the_margin() -> None:
    both = {"more_than": 9}, {"of": "since", **JULY}
    assert compared(9.5, *both, since=dt.date(2024, 8, 3)) == (False, 3.0)


def test_of_two_that_fail_the_first_gives_the_margin() -> None:
    three = {"at_least": 9}, {"at_most": 1}, {"of": "place", "rank": 1}
    assert compared(9.5, *three, place=4) == (False, 8.5)
    assert compared(9.5, *three[::-1], place=4) == (False, 3.0)


def test_a_condition_without_a_margin_that_fails_leaves_none() -> None:
    assert compared(9.5, {"more_than": 9}, {"of": "state", "is": "normal"}, state="inverted") == (False, None)
    assert compared(9.5, {"of": "state", "is": "normal"}, {"more_than": 10}, state="normal") == (False, -0.5)


def test_a_finding_says_which_field_its_margin_is_of() -> None:
    expect = [condition(more_than=9), condition(of="since", **JULY)]
    assert find(expect, Measured(9.5, AS_OF, {"since": dt.date(2024, 7, 1)})).of is None
    assert find(expect, Measured(9.5, AS_OF, {"since": dt.date(2024, 8, 3)})).of == "since"


# A claim

YES, NO, NONE, WRONG, OPINION = "supported", "contradicted", "not_testable", "inconsistent", "opinion"
ONLY = "supported_only_under"
CLAIMS: dict[str, tuple[str, list[str], list[str], str]] = {
    "one supports": ("number", [YES], [], YES),
    "all support": ("number", [YES, YES], [], YES),
    "some support": ("number", [NO, YES, NO], [], ONLY),
    "none supports": ("record", [NO, NO], [], NO),
    "not testable beside supported": ("number", [NONE, YES, NONE], [], ONLY),
    "not testable beside contradicted": ("number", [NONE, NO], [], NO),
    "all three": ("number", [NONE, NO, YES], [], ONLY),
    "none testable": ("number", [NONE, NONE], [], NONE),
    "no readings": ("number", [], [], NONE),
    "arithmetic that holds": ("number", [NO], [YES], NO),
    "arithmetic that holds adds no support": ("number", [NO, NO], [YES, YES], NO),
    "arithmetic that holds, none testable": ("number", [NONE], [YES], NONE),
    "arithmetic that fails beats support": ("number", [YES, YES], [WRONG], WRONG),
    "arithmetic that fails beats contradiction": ("event", [NO], [YES, WRONG], WRONG),
    "arithmetic that fails, none testable": ("trend", [NONE], [WRONG], WRONG),
    "arithmetic alone that holds": ("number", [], [YES, YES], YES),
    "arithmetic alone that cannot be tested": ("number", [], [YES, NONE], NONE),
    "arithmetic that fails, no readings": ("comparison", [], [WRONG], WRONG),
    "arithmetic that cannot be tested": ("number", [YES], [NONE], YES),
    "an opinion": (OPINION, [], [], OPINION),
    "an opinion that is supported": (OPINION, [YES], [], OPINION),
    "an opinion that is contradicted": (OPINION, [NO], [], OPINION),
    "an opinion with wrong arithmetic": (OPINION, [YES], [WRONG], OPINION),
}


@pytest.mark.parametrize(("kind", "readings", "arithmetic", "verdict"), CLAIMS.values(), ids=list(CLAIMS))
def test_the_verdict_of_a_claim(kind: str, readings: list[str], arithmetic: list[str], verdict: str) -> None:
    for order in itertools.permutations(readings):
        assert overall(kind, [(None, one) for one in order], arithmetic) == verdict


PARTS: dict[str, tuple[dict[str, list[str]], str]] = {
    "both hold": ({"a": [YES, YES], "b": [YES]}, YES),
    "one is contradicted": ({"a": [YES], "b": [NO, NO]}, NO),
    "one is contradicted and the other not testable": ({"a": [NONE], "b": [NO]}, NO),
    "one holds in part": ({"a": [YES], "b": [YES, NO]}, ONLY),
    "both hold in part": ({"a": [YES, NO], "b": [YES, NO]}, ONLY),
    "one cannot be tested": ({"a": [YES], "b": [NONE]}, ONLY),
    "neither can": ({"a": [NONE], "b": [NONE, NONE]}, NONE),
}


@pytest.mark.parametrize(("parts", "verdict"), PARTS.values(), ids=list(PARTS))
def test_every_part_of_a_claim_has_to_hold(parts: dict[str, list[str]], verdict: str) -> None:
    readings = [(part, one) for part, verdicts in parts.items() for one in verdicts]
    for order in itertools.permutations(readings):
        assert overall("number", order, []) == verdict


# What decides


def reading(verdict: str, label: str = "", /, **choices: Any) -> Choice:
    usual = {"symbol": "IWM", "basis": "price", "sessions": 5, "instant": None, "measure": "period_return"}
    chosen = {**usual, **choices}
    return Choice(label or f"{chosen['symbol']} {chosen['basis']} {chosen['sessions']}", verdict, chosen)


DECIDED: dict[str, tuple[Sequence[Choice], str | None]] = {
    "no readings": ([], None),
    "all support": ([reading(YES), reading(YES, basis="total")], None),
    "none supports": ([reading(NO), reading(NO, basis="total")], None),
    "the only doubt cannot be tested": ([reading(YES), reading(NONE, basis="total")], None),
    "the basis": ([reading(YES, basis="total"), reading(NO)], "true on total return, false on price"),
    "the basis, with one that cannot be tested": (
        [reading(YES, basis="total"), reading(NO), reading(NONE, basis="total", symbol="^RUT")],
        "true on total return, false on price",
    ),
    "the symbol": (
        [reading(NO), reading(YES, symbol="^RUT"), reading(NO, basis="total"), reading(YES, symbol="^RUT", sessions=6)],
        "true for ^RUT, false for IWM",
    ),
    "two values on a side": (
        [reading(NO, sessions=3), reading(YES, sessions=6), reading(YES, sessions=5), reading(NO, sessions=3)],
        "true with sessions 6 or 5, false with sessions 3",
    ),
    "a close": (
        [reading(NO), reading(YES, instant="2024-07-16 close")],
        "true at the close of 2024-07-16, false at the instant of the article",
    ),
    "hindsight": ([reading(YES, instant="now"), reading(NO)], "true at hindsight, false at the instant of the article"),
    "a moment": (
        [reading(YES, instant="2024-07-16T13:00-04:00"), reading(NO)],
        "true at 2024-07-16T13:00-04:00, false at the instant of the article",
    ),
    "the measure": (
        [reading(YES, measure="high_to_low"), reading(NO)],
        "true by high_to_low, false by period_return",
    ),
    "the benchmark": (
        [reading(YES, benchmark="SPY"), reading(NO, benchmark="QQQ")],
        "true against SPY, false against QQQ",
    ),
    "the vintage": (
        [reading(YES, vintage="realtime"), reading(NO, vintage="latest")],
        "true as first published, false as revised since",
    ),
    "days and none": (
        [reading(YES, start_on=None), reading(NO, start_on=dt.date(2024, 1, 2))],
        "true without start on, false with start on 2024-01-02",
    ),
    "a flag": (
        [reading(YES, strict=True), reading(NO, strict=False)],
        "true with strict true, false with strict false",
    ),
    "a number": ([reading(YES, misses=0.5), reading(NO, misses=0.0)], "true with misses 0.5, false with misses 0"),
    "of two that divide, the one with fewer values": (
        [
            reading(YES, symbol="^RUT", basis="total"),
            reading(YES, symbol="IJR", basis="total"),
            reading(NO, symbol="IWM", basis="price"),
        ],
        "true on total return, false on price",
    ),
    "of two that divide with as many values, the first": (
        [reading(YES, symbol="^RUT", sessions=6), reading(NO, symbol="IWM", sessions=5)],
        "true for ^RUT, false for IWM",
    ),
    "a choice that divides alone goes before pairs": (
        [reading(YES, basis="total", sessions=5), reading(NO, sessions=5), reading(YES, basis="total", sessions=6)],
        "true on total return, false on price",
    ),
    "pairs that differ in one choice": (
        # symbol, basis and sessions stand on both sides; only the first two readings differ in one choice
        [
            reading(YES, symbol="IWM", basis="total", sessions=5),
            reading(NO, symbol="IWM", basis="price", sessions=5),
            reading(YES, symbol="^RUT", basis="price", sessions=6),
            reading(NO, symbol="^RUT", basis="total", sessions=9),
            reading(NO, symbol="^GSPC", basis="total", sessions=6),
        ],
        'all else equal: true for "IWM total 5", false for "IWM price 5"',
    ),
    "two pairs, each said once": (
        # a against b: basis; c against d: basis, the other way round; a against d: symbol; c against b: symbol
        [
            reading(YES, symbol="IWM", basis="total"),
            reading(NO, symbol="IWM", basis="price"),
            reading(YES, symbol="^RUT", basis="price"),
            reading(NO, symbol="^RUT", basis="total"),
        ],
        'all else equal: true for "IWM total 5", false for "^RUT total 5" and "IWM price 5"; '
        'true for "^RUT price 5", false for "IWM price 5" and "^RUT total 5"',
    ),
    "pairs that agree on the values": (
        [
            reading(YES, sessions=5),
            reading(YES, sessions=6),
            reading(NO, sessions=9),
            reading(NO, symbol="^RUT", basis="total", sessions=5),
        ],
        # 5 sessions stand on both sides: the number of sessions alone decides nothing
        'all else equal: true for "IWM price 5", false for "IWM price 9"; '
        'true for "IWM price 6", false for "IWM price 9"',
    ),
    "a choice that only some readings have": (
        [
            reading(YES, months=6),
            reading(NO, months=3),
            reading(NO, months=12),
            Choice("another measure", NO, {"instant": None, "measure": "quarter"}),
        ],
        "all else equal: true with months 6, false with months 3 or 12",
    ),
    "what is expected is no choice of how to read": (
        [reading(YES, sessions=6, expected="more than 9%"), reading(NO, sessions=5, expected="more than 10%")],
        "true with sessions 6, false with sessions 5",
    ),
    "where only the expectation differs the names tell": (
        [reading(YES, "in all", expected="less than 0"), reading(NO, "at every close", expected="at most 0")],
        'all else equal: true for "in all", false for "at every close"',
    ),
    "nothing that is a choice": (
        [reading(YES, "above 8"), reading(NO, "above 9"), reading(NO, "above 10")],
        'true for "above 8", false for "above 9" and "above 10"',
    ),
    "no pair that differs in one choice": (
        [
            reading(YES, "a", symbol="IWM", basis="total", sessions=5),
            reading(NO, "b", symbol="IWM", basis="price", sessions=9),
            reading(YES, "c", symbol="^RUT", basis="price", sessions=6),
            reading(NO, "d", symbol="^GSPC", basis="price", sessions=5),
        ],
        'true for "a" and "c", false for "b" and "d"',
    ),
}


@pytest.mark.parametrize(("answers", "said"), DECIDED.values(), ids=list(DECIDED))
def test_what_decides(answers: Sequence[Choice], said: str | None) -> None:
    found_said = decides(answers)
    if said is not None and said.startswith("all else equal: "):  # the order of the pairs is of no account
        assert found_said is not None
        assert sorted(found_said.removeprefix("all else equal: ").split("; ")) == sorted(said[16:].split("; "))
        assert found_said.startswith("all else equal: ")
    else:
        assert found_said == said


# Words

CLAIMED: dict[str, tuple[list[dict[str, Any]], str | None, str]] = {
    "nothing": ([], "pct", ""),
    "more than": ([{"more_than": 9}], "pct", "more than 9%"),
    "a figure with decimals": ([{"at_least": 127.7}], "usd", "at least 127.7 USD"),
    "a thousand": ([{"at_most": 40000}], "points", "at most 40000"),
    "a negative bound": ([{"less_than": -0.5}], "pp", "less than -0.5 pp"),
    "two bounds": ([{"at_most": 6, "at_least": 5}], "count", "at least 5 and at most 6"),
    "a value": ([{"value": 11.5, "tolerance": 0.25}], "pct", "11.5 ± 0.25%"),
    "a value to the point": ([{"value": 3, "tolerance": 0}], "sd", "3 SD"),
    "a window": ([JULY], "date", "2024-07-01 to 2024-07-31"),
    "a day": ([{"from": "2024-07-01", "to": "2024-07-01"}], "date", "2024-07-01"),
    "the first": ([{"rank": 1}], "count", "rank 1"),
    "among the first": ([{"rank": 5}], "count", "rank 1 to 5"),
    "words": ([{"is": ["weak", "strong"]}], "text", "weak or strong"),
    "no unit": ([{"more_than": 9}], None, "more than 9"),
    "a field has no unit of the value": ([{"of": "base_level", "more_than": 9}], "pct", "base level more than 9"),
    "several": (
        [{"more_than": 9}, {"of": "since_date", "from": "2020-06-01", "to": "2020-06-30"}, {"of": "rank", "rank": 1}],
        "pct",
        "more than 9%; since date 2020-06-01 to 2020-06-30; rank rank 1",
    ),
}


@pytest.mark.parametrize(("expect", "unit", "words"), CLAIMED.values(), ids=list(CLAIMED))
def test_what_is_claimed_in_words(expect: list[dict[str, Any]], unit: str | None, words: str) -> None:
    assert claimed([condition(**one) for one in expect], unit) == words


WRITTEN: dict[str, tuple[Any, str | None, str]] = {
    "nothing": (None, "pct", "none"),
    "percent": (9.256, "pct", "9.26%"),
    "a negative figure": (-0.5, "pp", "-0.50 pp"),
    "thousands": (40211.724, "points", "40,211.72"),
    "dollars": (1234.5, "usd", "1,234.50 USD"),
    "deviations": (3.0, "sd", "3.00 SD"),
    "basis points": (12.34, "bp", "12.3 bp"),
    "a probability": (0.99865, "probability", "0.999"),
    "a ratio": (1.23456, "ratio", "1.2346"),
    "a count": (1234, "count", "1,234"),
    "a whole number of percent": (5, "pct", "5.00%"),
    "a flag": (True, "flag", "true"),
    "a flag that is false": (False, "flag", "false"),
    "a day": (dt.date(2024, 7, 16), "date", "2024-07-16"),
    "a word": ("lagging", "text", "lagging"),
    "a field of the evidence": (9.25, None, "9.25"),
    "a count of the evidence": (1234, None, "1234"),
}


@pytest.mark.parametrize(("value", "unit", "words"), WRITTEN.values(), ids=list(WRITTEN))
def test_a_value_in_words(value: Any, unit: str | None, words: str) -> None:
    assert written(value, unit) == words


def test_what_was_measured_in_words_names_each_field_that_was_asked_for_once() -> None:
    measure = Measure("m", "M.", (), "Value.", "pct", "nothing", (), "select 1", (), Path("m.sql"))
    expect = [
        condition(more_than=9),
        condition(of="since_date", **JULY),
        condition(of="days", at_least=1),
        condition(of="days", at_most=9),
        condition(of="ended_on", **JULY),
    ]
    measured = Measured(9.256, AS_OF, {"since_date": dt.date(2020, 6, 8), "days": 5, "ended_on": None, "other": 1})
    assert measured_words(expect, measured, measure) == "9.26%; since date 2020-06-08; days 5; ended on none"
