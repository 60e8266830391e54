"""Words that state what the data show: pure functions of rows, true of any data, also of none."""

import datetime as dt
from collections.abc import Sequence

from pipeline.report.parts import Row

PHASES = {
    "bullish": "close above both averages, the shorter above the longer",
    "accumulation": "close above both averages, the shorter still below",
    "recovery": "close above the 50-session average only",
    "warning": "close between the averages, the shorter above the longer",
    "distribution": "close below both averages, the shorter still above",
    "bearish": "close below both averages, the shorter below the longer",
}
MEASURES = {"baa_monthly": "Baa spread, monthly", "baa": "Baa spread", "hy_oas": "high-yield spread"}
INDICATORS = {
    "unemployment_rate_pct": "Unemployment",
    "sahm_pp": "Sahm indicator",
    "initial_claims_4wk": "Initial claims, 4-week mean",
    "payrolls_change_3m_k": "Payrolls over 3 months",
    "cpi_yoy_pct": "Consumer prices over a year",
    "core_cpi_yoy_pct": "Core consumer prices over a year",
    "real_gdp_saar_pct": "Real GDP, annual rate",
    "fed_funds_target_upper_pct": "Policy rate, upper bound",
    "industrial_production_yoy_pct": "Industrial production over a year",
    "housing_starts_yoy_pct": "Housing starts over a year",
    "vix": "Implied volatility",
    "nfci": "Financial conditions",
}


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def percentile(fraction: float) -> str:
    """Return a percentile in words; the ends are said as such, never rounded to 0 or 100."""
    if fraction < 0.01:
        return "below its 1st percentile"
    if fraction > 0.99:
        return "above its 99th percentile"
    return f"at its {ordinal(round(100 * fraction))} percentile"


def counted(number: int, noun: str) -> str:
    """Return `1 session`, `2 sessions`, `1,234 sessions`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def figure(value: float, digits: int = 2) -> str:
    """Return a number with a true minus sign and no more zeros than it needs to say."""
    text = f"{abs(value):,.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.,") else text


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign; what rounds to zero has none."""
    text = figure(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def short(value: float) -> str:
    """Return a number with at most two decimals, and none from a thousand on."""
    text = figure(value, 0 if abs(value) >= 1000 else 2)
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_of(row: Row) -> str:
    """Return the day that a row is of and, where a newer one is due, its distance; a row with is_stale and days_old."""
    day = row["session_date"] if "session_date" in row else row["observed_on"]
    return f"{day}, {counted(row['days_old'], 'day')} before this build" if row["is_stale"] else str(day)


def percent(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction as signed percent, a dash where it is missing."""
    return "–" if fraction is None else f"{signed(100 * fraction, digits)} %"


def decimals(values: Sequence[float]) -> int:
    """Return how many decimals it takes to write any of the values as `short` does."""
    return max((len(short(value).partition(".")[2]) for value in values), default=0)


def lead(row: Row) -> str:
    """Who leads over 63 sessions and since when; a row of headline.sql."""
    spread = row["spread_63d_pp"]
    if spread is None:
        return "Too little history to say who leads: it takes 63 sessions"
    if spread == 0:
        return "Small and large caps are level over 63 sessions"
    word = "lead" if spread > 0 else "lag"
    far = figure(abs(spread), 1) if abs(spread) >= 0.05 else "less than 0.1"
    return f"Small caps {word} large caps by {far} points over 63 sessions"


def lead_detail(row: Row) -> str:
    """How the lead is measured, since when it lasts and how unusual it is; a row of headline.sql."""
    if row["spread_63d_pp"] is None:
        return ""
    said = f"{row['small_symbol']} less {row['large_symbol']}, close of {row['session_date']}"
    if row["spread_63d_pp"] != 0:
        word = "ahead" if row["spread_63d_pp"] > 0 else "behind"
        said += f"; small caps have been {word} since {row['lead_since']} ({counted(row['lead_sessions'], 'session')})"
    unusual = percentile(row["spread_63d_percentile"])
    return f"{said}. The spread is {unusual} since {row['spread_history_start']}."


def prices_end(row: Row) -> str:
    """Say that the headline is old, or nothing where it is not; a row of headline.sql."""
    if not row["is_stale"]:
        return ""
    behind = counted(row["sessions_behind"], "session")
    pair = f"{row['small_symbol']} and {row['large_symbol']}"
    return f"Prices of {pair} end {row['session_date']}, {behind} before this build: what follows is of that day."


def ratio(row: Row) -> str:
    """Title of the ratio: who leads, quadrant since when, and percentile; a row of headline.sql."""
    spread = row["spread_63d_pp"]
    standing = f"Small caps {'lead' if spread > 0 else 'lag'} large caps" if spread else "Small caps against large caps"
    place = f"ratio {percentile(row['ratio_percentile'])} since {row['history_start'].year}"
    if row["quadrant"] is None:
        return f"{standing}: {place}"
    return f"{standing}: in the quadrant “{row['quadrant']}” since {row['quadrant_since']}, {place}"


def rotation_map(latest: Sequence[Row], small: Row | None) -> str:
    """Title of the map: where the small fund stands, and how many pairs are in each half; latest rows of map.sql."""
    fresh = [row for row in latest if not row["is_stale"]] or list(latest)
    strong = sum(row["rot_ratio"] > 100 for row in fresh)
    pairs = f"{strong} of {counted(len(fresh), 'pair')} stand right of the centre, relatively strong"
    if small is None:
        return pairs
    run = f"{counted(small['sessions_in_quadrant'], 'session')}, since {small['quadrant_since']}"
    return f"Small caps are in the quadrant “{small['quadrant']}” against large caps ({run}); {pairs}"


def price(row: Row) -> str:
    """Title of the price chart: phase and drawdown; the last row of price.sql."""
    level = "" if row["drawdown"] is None else f", {_below_peak(row['drawdown'])}"
    if row["phase"] is None:
        return f"Small caps: too little history for a phase{level}"
    return f"Small caps are in the phase “{row['phase']}”, session {row['days_in_phase']:,} of it{level}"


def _below_peak(drawdown: float) -> str:
    return "at their highest close" if drawdown == 0 else f"{figure(-100 * drawdown, 1)} % below their highest close"


STATES = {
    "inverted": "inverted",
    "uninverting": "no longer below zero, but not for long enough to end its inversion,",
    "post_inversion": "past an inversion",
    "normal": "normal",
}


def curve(row: Row) -> str:
    """Title of the curve: state, level and the newest sustained inversion; a row of curve_now.sql."""
    name = {"10y2y": "10-year less 2-year yield", "10y3m": "10-year less 3-month yield"}.get(row["curve"], row["curve"])
    days = counted(row["days_in_state"], "observation")
    state = STATES.get(row["state"], row["state"])
    said = f"{name}: {state} for {days}, at {signed(row['spread_pp'])} points"
    if row["inversion_start"] is None:
        return f"{said}; no inversion of 20 observations on record"
    if row["is_inversion_open"]:
        return f"{said}; the inversion that began {row['inversion_start']} is open"
    return f"{said}; last sustained inversion {row['inversion_start']} to {row['inversion_end']}"


def valuation(row: Row) -> str:
    """Title of the valuation gap; a row of valuation_now.sql."""
    pair = f"{row['growth']} over {row['value']}"
    share = row["percentile_expanding"]
    if share is None:
        return f"Growth against value ({pair}): too little history for a percentile"
    if row["widest_since"] is None:
        return f"Growth over value ({pair}) is the widest since at least {row['history_start']}"
    said = f"Growth over value ({pair}) is {percentile(share)} since {row['history_start'].year}"
    is_news = (row["session_date"] - row["widest_since"]).days >= 365
    return f"{said}, the widest since {row['widest_since']}" if is_news else said


def credit(row: Row) -> str:
    """Title of the credit panel; a row of credit_now.sql."""
    name = MEASURES.get(row["measure"], row["measure"])
    level = f"{name} of {figure(row['level_pct'])} %"
    if row["regime"] is None:
        return f"Credit: {level}; too little history for a regime"
    place = "" if row["percentile"] is None else f", {percentile(row['percentile'])} since {row['history_start'].year}"
    since = f" since {row['regime_since']}" if row["regime_since"] else ""
    words = {
        "calm": "Credit has been calm",
        "watch": "Credit has been on watch",
        "stress": "Credit has been under stress",
    }
    return f"{words.get(row['regime'], 'Credit: ' + row['regime'])}{since}: {level}{place}"


UNITS = {
    "percent": " %",
    "percent, annual rate": " %",
    "percentage points": " points",
    "thousands of persons": " thousand",
    "persons": "",
    "index": "",
}


def unit(name: str) -> str:
    """Return what stands after a value of a unit of macro_now.sql."""
    return UNITS.get(name, f" {name}")


def macro(row: Row) -> str:
    """Title of a macro panel: latest value and change; a row of macro_now.sql."""
    name = INDICATORS.get(row["indicator"], row["indicator"].replace("_", " "))
    said = f"{name}: {short(row['value'])}{unit(row['unit'])}"
    if row["change"] is None:
        return said
    change = short(abs(row["change"]))
    return f"{said}, unchanged" if change == "0" else f"{said}, {'up' if row['change'] > 0 else 'down'} {change}"


def breadth(row: Row) -> str:
    """Title of breadth; a row of breadth_now.sql."""
    funds = counted(row["members"], "fund")
    said = f"{figure(row['pct_above_sma200'], 0)} % of {funds} close above their 200-session average"
    half = f"{figure(row['pct_above_sma50'], 0)} % above their 50-session average"
    before = row["pct_above_sma50_20d_ago"]
    moved = "" if before is None else f" ({figure(before, 0)} % 20 sessions ago)"
    return f"{said}, {half}{moved}"


MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def month(bucket: str) -> str:
    """Return the name of the month `01` to `12`."""
    return MONTHS[int(bucket) - 1]


def seasonality(row: Row | None) -> str:
    """Title of seasonality: the month that is under way; a row of seasonality.sql, or None."""
    if row is None or row["mean"] is None:
        return "Small less large, month by month"
    word = "beat" if row["mean"] > 0 else "trailed" if row["mean"] < 0 else "matched"
    said = f"{month(row['month'])}: small caps {word} large caps"
    mean = f"by {figure(abs(100 * row['mean']), 1)} points on average over {counted(row['n'], 'year')}"
    often = f"ahead in {figure(100 * row['hit_rate'], 0)} % of them"
    if row["ci_low"] is None:
        return f"{said} {mean}, {often}; too few years for an interval"
    doubt = "leaves out" if row["ci_low"] > 0 or row["ci_high"] < 0 else "includes"
    return f"{said} {mean}, {often}; the interval {doubt} zero"


def claims(counts: dict[str, int]) -> str:
    """Return claims by verdict, in words."""
    total = sum(counts.values())
    parts = [f"{number} {verdict.replace('_', ' ')}" for verdict, number in counts.items() if number]
    return f"{counted(total, 'claim')}: {', '.join(parts)}" if parts else "No claims"


def freshness(rows: Sequence[Row], newest: dt.date | None) -> str:
    """Say how many symbols and series are behind; rows of freshness.sql."""
    if newest is None:
        return "No prices in this warehouse"
    held = [row for row in rows if row["last_day"] is not None]
    stale = sum(bool(row["is_stale"]) for row in held)
    said = f"{stale} of {len(held)}" if stale else f"none of {len(held)}"
    empty = f"; of {len(rows) - len(held)} others nothing is captured" if len(held) < len(rows) else ""
    return f"Newest session {newest}; {said} symbols and series with data are behind{empty}"
