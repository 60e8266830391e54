"""Altair helpers: one look for all charts, time axes with a choice of range, spans, a cursor.

Colours are CSS variables of style.css: the SVG renderer passes them on, so charts follow light and dark at once. Days
reach a chart as local midnights (page.js), so that no time zone moves them.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import altair as alt

SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'  # Vega measures text with it
SMALL, LARGE, INK, FAINT = "var(--small)", "var(--large)", "var(--ink)", "var(--faint)"
Layers = alt.LayerChart | alt.FacetChart  # what alt.layer says that it returns
RANGES = {"1 year": 1, "3 years": 3, "10 years": 10, "all": 0}  # 0: everything

_TEXT = {"labelColor": "var(--muted)", "titleColor": "var(--muted)", "labelFontSize": 11, "titleFontSize": 11}
_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": SANS,
    "view": {"stroke": None},
    "axis": {
        **_TEXT,
        "labelFont": SANS,
        "titleFont": SANS,
        "titleFontWeight": "normal",
        "domainColor": "var(--rule)",
        "tickColor": "var(--rule)",
        "gridColor": "var(--grid)",
        "labelPadding": 4,
    },
    "axisX": {"grid": False, "labelOverlap": True, "titlePadding": 6},
    "axisY": {"orient": "right", "domain": False, "ticks": False, "tickCount": 5},
    "legend": {"disable": True},  # the page has them as text, which wraps
}


def data(name: str) -> alt.NamedData:
    """Return the table of that name, which page.js hands over."""
    return alt.NamedData(name=name)


def alone() -> alt.Chart:
    """Return a chart of one empty row, for marks that are no data: lines at a value, words in a corner."""
    return alt.Chart(alt.InlineData(values=[{}]))


def spec(chart: Layers, height: int = 300) -> dict[str, Any]:
    """Return the Vega-Lite of a chart as wide as its place on the page."""
    sized = chart.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    made: dict[str, Any] = sized.to_dict(validate=False)  # half the time; a test validates every spec
    return {**made, "config": _CONFIG}


def above(title: str, **more: Any) -> alt.Axis:
    """Return a y axis whose title stands level above the plot, where it takes no width."""
    return alt.Axis(title=title, titleAngle=0, titleAlign="right", titleAnchor="start", titleX=0, titleY=-10, **more)


def time(field: str, title: str, **more: Any) -> alt.X:
    """Return a time axis."""
    return alt.X(f"{field}:T", axis=alt.Axis(title=title, tickCount=6, **more), scale=alt.Scale(nice=False))


def ranged(last: dt.date, years: int) -> list[alt.Parameter]:
    """Return the choice of range, up to `last`: `years`, and `begin`, the first day shown."""
    buttons = alt.binding_radio(options=list(RANGES.values()), labels=list(RANGES), name="Range")
    newest = f"datetime({last.year}, {last.month - 1}, {last.day})"
    return [
        alt.param(name="years", value=years, bind=buttons),
        alt.param(name="begin", expr=f"years == 0 ? -1e15 : +timeOffset('year', {newest}, -years)"),
    ]


def shown(field: str) -> str:
    """Return the filter that keeps what lies in the range."""
    return f"datum.{field} >= begin"


def spans(name: str, colour: Any, opacity: float = 1.0, *, until: float = 0, tooltip: Mapping[str, str]) -> alt.Chart:
    """Return bands from start_date to end_date of the table `name`, from the top of the plot down to `until`."""
    return (
        alt.Chart(data(name))
        .mark_rect(opacity=opacity, clip=True)
        .transform_filter(shown("end_date"))
        .transform_calculate(from_day="max(datum.start_date, begin)")
        .encode(
            x=alt.X("from_day:T"),
            x2="end_date:T",
            **({"y": alt.value(until)} if until else {}),
            color=colour,
            tooltip=tips(tooltip),
        )
    )


def tips(fields: Mapping[str, str]) -> list[alt.Tooltip]:
    """Return tooltips: field with type (and format after a comma), and the words before it."""
    return [_tip(name, title) for name, title in fields.items()]


def _tip(name: str, title: str) -> alt.Tooltip:
    field, _, form = name.partition(",")
    if field.endswith(":T"):
        return alt.Tooltip(field, title=title, format="%Y-%m-%d")
    return alt.Tooltip(field, title=title, format=form) if form else alt.Tooltip(field, title=title)


def number(field: str, words: str = "", digits: int = 2, unit: str = "", *, times: int = 1) -> dict[str, Any]:
    """Return how page.js reads a number out: words, the number `times` a factor to so many decimals, its unit."""
    return {"field": field, "words": words, "digits": digits, "unit": unit, "times": times}


def word(field: str, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return how page.js reads a text out: the name of a code, or the text itself."""
    return {"field": field, "names": dict(names or {})}


def cursor(name: str, field: str) -> alt.Chart:
    """Return a vertical line at the day that page.js puts into `at`."""
    return (
        alt.Chart(data(name))
        .mark_rule(color=FAINT, strokeDash=[2, 2])
        .transform_filter(f"datum.{field} === at")
        .encode(x=alt.X(f"{field}:T"))
    )


def at() -> alt.Parameter:
    """Return the parameter of the cursor; page.js begins with the newest day, so that no axis is stretched."""
    return alt.param(name="at", value=0)
