"""The words of the report, each sentence worked out by hand."""

import datetime as dt

import pytest

from pipeline.report import findings
from pipeline.report.page import embedded, typeset

HEADLINE = {
    "session_date": dt.date(2026, 11, 20),
    "small_symbol": "XSML",
    "large_symbol": "XLRG",
    "ratio_percentile": 0.07,
    "history_start": dt.date(2000, 1, 3),
    "spread_63d_pp": -4.64,
    "spread_63d_percentile": 0.119,
    "spread_history_start": dt.date(2000, 4, 3),
    "lead_since": dt.date(2026, 9, 11),
    "lead_sessions": 51,
    "quadrant": "weakening",
    "quadrant_since": dt.date(2026, 11, 3),
}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (92, "92nd"),
    ],
)
def test_an_ordinal_ends_as_it_is_spoken(number: int, words: str) -> None:
    assert findings.ordinal(number) == words


@pytest.mark.parametrize(
    ("fraction", "words"),
    [
        (0.07, "at its 7th percentile"),
        (0.5, "at its 50th percentile"),
        (0.0099, "below its 1st percentile"),
        (0.9901, "above its 99th percentile"),
        (0.99, "at its 99th percentile"),
        (0.01, "at its 1st percentile"),
    ],
)
def test_a_percentile_is_never_rounded_to_0_or_100(fraction: float, words: str) -> None:
    assert findings.percentile(fraction) == words


@pytest.mark.parametrize(
    ("value", "plain", "signed", "short"),
    [
        (-1.236, "−1.24", "−1.24", "−1.24"),
        (0.0, "0.00", "0.00", "0"),
        (-0.001, "0.00", "0.00", "0"),
        (4.1, "4.10", "+4.10", "4.1"),
        (202750.0, "202,750.00", "+202,750.00", "202,750"),
        (1200.0, "1,200.00", "+1,200.00", "1,200"),
        (100.0, "100.00", "+100.00", "100"),
    ],
)
def test_a_number_has_a_true_minus_and_zero_has_no_sign(value: float, plain: str, signed: str, short: str) -> None:
    assert (findings.figure(value), findings.signed(value), findings.short(value)) == (plain, signed, short)


def test_the_headline_says_who_leads_since_when_and_how_unusual() -> None:
    assert findings.lead(HEADLINE) == "Small caps lag large caps by 4.6 points over 63 sessions"
    assert findings.lead_detail(HEADLINE) == (
        "XSML less XLRG, close of 2026-11-20; small caps have been behind since 2026-09-11 (51 sessions). "
        "The spread is at its 12th percentile since 2000-04-03."
    )


def test_the_headline_of_a_lead_of_one_session() -> None:
    row = HEADLINE | {"spread_63d_pp": 0.04, "lead_sessions": 1}
    assert findings.lead(row) == "Small caps lead large caps by less than 0.1 points over 63 sessions"
    assert "small caps have been ahead since 2026-09-11 (1 session)." in findings.lead_detail(row)


def test_a_headline_without_63_sessions_or_without_a_lead_says_so() -> None:
    none = HEADLINE | {"spread_63d_pp": None, "spread_63d_percentile": None}
    assert findings.lead(none) == "Too little history to say who leads: it takes 63 sessions"
    assert findings.lead_detail(none) == ""
    level = HEADLINE | {"spread_63d_pp": 0.0}
    assert findings.lead(level) == "Small and large caps are level over 63 sessions"
    assert "ahead" not in findings.lead_detail(level) and "behind" not in findings.lead_detail(level)


def test_the_ratio_names_quadrant_and_percentile_and_copes_without_a_quadrant() -> None:
    assert findings.ratio(HEADLINE) == (
        "Small caps lag large caps: in the quadrant “weakening” since 2026-11-03, ratio at its 7th percentile since "
        "2000"
    )
    bare = HEADLINE | {"quadrant": None, "quadrant_since": None, "spread_63d_pp": None}
    assert findings.ratio(bare) == "Small caps against large caps: ratio at its 7th percentile since 2000"


def test_the_map_counts_fresh_pairs_right_of_the_centre() -> None:
    pairs = [
        {"rot_ratio": 101.0, "is_stale": False},
        {"rot_ratio": 100.0, "is_stale": False},  # 100 is not above
        {"rot_ratio": 103.0, "is_stale": True},
    ]
    small = {"quadrant": "lagging", "sessions_in_quadrant": 1, "quadrant_since": dt.date(2025, 12, 1)}
    words = "1 of 2 pairs stand right of the centre, relatively strong"
    assert findings.rotation_map(pairs, None) == words
    assert findings.rotation_map(pairs, small) == (
        f"Small caps are in the quadrant “lagging” against large caps (1 session, since 2025-12-01); {words}"
    )
    assert findings.rotation_map(pairs[2:], None).startswith("1 of 1 pair ")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"phase": "warning", "days_in_phase": 5, "drawdown": -0.0453},
            "Small caps are in the phase “warning”, session 5 of it, 4.5 % below their highest close",
        ),
        (
            {"phase": "bullish", "days_in_phase": 1, "drawdown": 0.0},
            "Small caps are in the phase “bullish”, session 1 of it, at their highest close",
        ),
        (
            {"phase": None, "days_in_phase": None, "drawdown": -0.1},
            "Small caps: too little history for a phase, 10.0 % below their highest close",
        ),
        ({"phase": None, "days_in_phase": None, "drawdown": None}, "Small caps: too little history for a phase"),
    ],
)
def test_the_price_names_phase_and_drawdown(row: dict, words: str) -> None:
    assert findings.price(row) == words


CURVE = {
    "curve": "10y2y",
    "state": "normal",
    "days_in_state": 237,
    "spread_pp": 0.5,
    "inversion_start": dt.date(2022, 7, 6),
    "inversion_end": dt.date(2024, 9, 5),
    "is_inversion_open": False,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "normal for 237 observations, at +0.50 points; last sustained inversion 2022-07-06 to 2024-09-05"),
        (
            {"state": "inverted", "days_in_state": 1, "spread_pp": -0.02, "is_inversion_open": True},
            "inverted for 1 observation, at −0.02 points; the inversion that began 2022-07-06 is open",
        ),
        (
            {"inversion_start": None, "inversion_end": None, "is_inversion_open": None},
            "normal for 237 observations, at +0.50 points; no inversion of 20 observations on record",
        ),
    ],
)
def test_the_curve_says_state_level_and_last_inversion(changes: dict, words: str) -> None:
    assert findings.curve(CURVE | changes) == f"10-year less 2-year yield: {words}"


GAP = {
    "growth": "GRO",
    "value": "VAL",
    "session_date": dt.date(2026, 11, 20),
    "percentile_expanding": 0.882,
    "widest_since": dt.date(2020, 9, 1),
    "history_start": dt.date(2000, 8, 1),
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Growth over value (GRO over VAL) is at its 88th percentile since 2000, the widest since 2020-09-01"),
        (
            {"widest_since": dt.date(2026, 11, 19)},
            "Growth over value (GRO over VAL) is at its 88th percentile since 2000",
        ),
        ({"widest_since": None}, "Growth over value (GRO over VAL) is the widest since at least 2000-08-01"),
        ({"percentile_expanding": None}, "Growth against value (GRO over VAL): too little history for a percentile"),
    ],
)
def test_the_gap_says_percentile_and_since_when_it_was_as_wide(changes: dict, words: str) -> None:
    assert findings.valuation(GAP | changes) == words


CREDIT = {
    "measure": "baa",
    "level_pct": 2.14,
    "regime": "watch",
    "regime_since": dt.date(2026, 7, 24),
    "percentile": 0.663,
    "history_start": dt.date(2000, 1, 3),
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Credit has been on watch since 2026-07-24: Baa spread of 2.14 %, at its 66th percentile since 2000"),
        ({"regime": None}, "Credit: Baa spread of 2.14 %; too little history for a regime"),
        ({"percentile": None, "regime_since": None}, "Credit has been on watch: Baa spread of 2.14 %"),
    ],
)
def test_credit_says_regime_level_and_percentile(changes: dict, words: str) -> None:
    assert findings.credit(CREDIT | changes) == words


@pytest.mark.parametrize(
    ("indicator", "unit", "value", "change", "words"),
    [
        ("unemployment_rate_pct", "percent", 4.1, -0.1, "Unemployment: 4.1 %, down 0.1"),
        ("initial_claims_4wk", "persons", 202750.0, 5000.0, "Initial claims, 4-week mean: 202,750, up 5,000"),
        ("fed_funds_target_upper_pct", "percent", 3.75, 0.0, "Policy rate, upper bound: 3.75 %, unchanged"),
        ("sahm_pp", "percentage points", -0.03, 0.001, "Sahm indicator: −0.03 points, unchanged"),
        ("vix", "index", 15.4, None, "Implied volatility: 15.4"),
        ("my_own", "furlongs", 1.0, 1.0, "my own: 1 furlongs, up 1"),
    ],
)
def test_an_indicator_says_value_and_change(indicator: str, unit: str, value: float, change: float, words: str) -> None:
    assert findings.macro({"indicator": indicator, "unit": unit, "value": value, "change": change}) == words


def test_breadth_says_both_shares_and_the_past_where_it_is_known() -> None:
    row = {"pct_above_sma200": 96.43, "pct_above_sma50": 85.7, "members": 56, "pct_above_sma50_20d_ago": 57.1}
    words = "96 % of 56 funds close above their 200-session average, 86 % above their 50-session average"
    assert findings.breadth(row) == f"{words} (57 % 20 sessions ago)"
    assert findings.breadth(row | {"pct_above_sma50_20d_ago": None}) == words


MONTH = {"month": "12", "n": 25, "mean": 0.009, "hit_rate": 0.48, "ci_low": -0.0037, "ci_high": 0.0225}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {},
            "December: small caps beat large caps by 0.9 points on average over 25 years, ahead in 48 % of them; "
            "the interval includes zero",
        ),
        (
            {"month": "01", "mean": -0.02, "ci_high": -0.001},
            "January: small caps trailed large caps by 2.0 points on average over 25 years, ahead in 48 % of them; "
            "the interval leaves out zero",
        ),
        (
            {"n": 1, "ci_low": None, "ci_high": None},
            "December: small caps beat large caps by 0.9 points on average over 1 year, ahead in 48 % of them; too few "
            "years for an interval",
        ),
    ],
)
def test_seasonality_says_the_mean_and_whether_it_could_be_chance(changes: dict, words: str) -> None:
    assert findings.seasonality(MONTH | changes) == words


def test_seasonality_without_a_month_under_way_claims_nothing() -> None:
    assert findings.seasonality(None) == "Small less large, month by month"


def test_a_figure_says_its_day_and_how_old_that_is_where_a_newer_one_is_due() -> None:
    day = dt.date(2026, 11, 20)
    assert findings.as_of({"session_date": day, "is_stale": False, "days_old": 3}) == "2026-11-20"
    late = {"observed_on": day, "is_stale": True}
    assert findings.as_of(late | {"days_old": 9}) == "2026-11-20, 9 days before this build"
    assert findings.as_of(late | {"days_old": 1200}) == "2026-11-20, 1,200 days before this build"


def test_the_headline_says_that_prices_have_ended() -> None:
    assert findings.prices_end(HEADLINE | {"is_stale": False, "sessions_behind": 1}) == ""
    assert findings.prices_end(HEADLINE | {"is_stale": True, "sessions_behind": 1}) == (
        "Prices of XSML and XLRG end 2026-11-20, 1 session before this build: what follows is of that day."
    )
    assert " 244 sessions before" in findings.prices_end(HEADLINE | {"is_stale": True, "sessions_behind": 244})


@pytest.mark.parametrize(
    ("values", "digits"), [([4.1, 4.0], 1), ([16.06, 15.4], 2), ([0.123456], 2), ([202750.5, 1e6], 0), ([], 0)]
)
def test_values_have_the_decimals_that_one_of_them_needs(values: list[float], digits: int) -> None:
    assert findings.decimals(values) == digits


def test_claims_are_counted_by_verdict() -> None:
    assert (
        findings.claims({"supported": 2, "contradicted": 0, "not_testable": 1})
        == "3 claims: 2 supported, 1 not testable"
    )
    assert findings.claims({"supported": 0}) == "No claims"


def test_freshness_counts_what_is_behind() -> None:
    day = dt.date(2026, 11, 20)
    fresh, late = {"is_stale": False, "last_day": day}, {"is_stale": True, "last_day": dt.date(2026, 10, 1)}
    none = {"is_stale": True, "last_day": None}
    assert findings.freshness([fresh, late, none], day) == (
        "Newest session 2026-11-20; 1 of 2 symbols and series with data are behind; of 1 others nothing is captured"
    )
    assert findings.freshness([fresh], day) == (
        "Newest session 2026-11-20; none of 1 symbols and series with data are behind"
    )
    assert findings.freshness([], None) == "No prices in this warehouse"


def test_embedded_json_cannot_end_its_script_element() -> None:
    assert embedded(["</script><!--", "a & b"]) == '["\\u003c/script\\u003e\\u003c!--","a \\u0026 b"]'


def test_typeset_text_is_escaped_and_keeps_dates_and_per_cents_whole() -> None:
    assert typeset("<b> 7 % on 2024-07-16") == '&lt;b&gt; 7\u00a0% on <span class="day">2024-07-16</span>'
