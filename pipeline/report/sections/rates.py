"""Yield curve, credit and the economy."""

from collections.abc import Sequence

import altair as alt

from pipeline.report import charts, findings
from pipeline.report.catalogue import Catalogue
from pipeline.report.parts import Block, Figure, Line, Missing, Part, Table

_COLOURS = (charts.LARGE, "var(--second)", charts.SMALL)
CURVES = {"10y2y": "10-year less 2-year", "10y3m": "10-year less 3-month"}


def curve(catalogue: Catalogue) -> Figure:
    """Both spreads; inversions and recessions shaded, first cuts marked."""
    table = catalogue.ask("curve").needed("a yield spread")
    [now, *_] = catalogue.ask("curve_now").needed("a yield spread").rows
    inversions, recessions = catalogue.ask("curve_inversions"), catalogue.ask("curve_recessions")
    cuts = catalogue.ask("curve_cuts")
    names = [CURVES.get(name, name) for name in dict.fromkeys(table.column("curve"))]
    y = alt.Y("spread_pp:Q", axis=charts.above("spread (percentage points)", format="+.1f"), scale=alt.Scale(nice=True))
    lines = (
        alt.Chart(charts.data("curve"))
        .mark_line(strokeWidth=1.4)
        .transform_filter(charts.shown("observed_on"))
        .transform_calculate(line=_named("curve", CURVES))
        .encode(
            x=charts.time("observed_on", "day of the yields"),
            y=y,
            color=alt.Color("line:N", scale=alt.Scale(domain=names, range=_COLOURS[: len(names)])),
        )
    )
    chart = alt.layer(
        charts.spans(
            "curve_recessions", alt.value("var(--recession)"), tooltip=_FROM_TO | {"months:Q": "months of recession"}
        ),
        charts.spans("curve_inversions", alt.value("var(--inversion)"), tooltip=_INVERSION),
        charts.alone().mark_rule(color="var(--muted)", strokeWidth=0.8).encode(y=alt.datum(0)),
        lines,
        _cuts(),
        charts.cursor("curve", "observed_on"),
    ).add_params(*charts.ranged(max(table.column("observed_on")), 0), charts.at())
    return Figure(
        key="curve",
        title=findings.curve(now),
        note=f"Newest yields: {findings.as_of(now)}. " + _curve_note(now["curve"], inversions, recessions, cuts),
        spec=charts.spec(chart, 320),
        tables=(table, inversions, recessions, cuts, catalogue.ask("curve_now")),
        legend=[
            *(("━", colour, name) for name, colour in zip(names, _COLOURS, strict=False)),
            *([("■", "var(--inversion)", "inversion")] if inversions.values else []),
            *([("■", "var(--recession)", "recession")] if recessions.values else []),
            *([("▼", charts.INK, "first cut")] if cuts.values else []),
        ],
        cursor={
            "table": "curve",
            "field": "observed_on",
            "show": [charts.word("curve", CURVES), charts.number("spread_pp", unit=" points")],
        },
    )


_FROM_TO = {"start_date:T": "from", "end_date:T": "to"}
_INVERSION = _FROM_TO | {"observations:Q": "inverted observations", "min_spread_pp:Q,+.2f": "deepest (points)"}


def _named(field: str, names: dict[str, str]) -> str:
    """Return the expression that puts a name for a code."""
    return "".join(f"datum.{field} == '{code}' ? '{name}' : " for code, name in names.items()) + f"datum.{field}"


def _cuts() -> charts.Layers:
    base = (
        alt.Chart(charts.data("curve_cuts"))
        .transform_filter(charts.shown("event_date"))
        .encode(x="event_date:T", tooltip=charts.tips({"event:N": "event", "event_date:T": "decided on"}))
    )
    return alt.layer(
        base.mark_rule(color=charts.INK, strokeWidth=1, strokeDash=[1, 2]),
        base.mark_text(text="▼", fontSize=9, color=charts.INK, dy=2).encode(y=alt.value(0)),
    )


def _curve_note(name: str, inversions: Table, recessions: Table, cuts: Table) -> str:
    parts = [
        f"Shaded in colour: sustained inversions of {CURVES.get(name, name)}, at least 20 inverted observations"
        if inversions.values
        else "No sustained inversion",
        "in grey: recessions as the NBER dates them" if recessions.values else "recessions are missing here",
        "triangles: the first cut of the policy rate after a rise" if cuts.values else "first cuts are missing here",
    ]
    return "; ".join(parts) + ". Spreads are those first published."


def credit(catalogue: Catalogue) -> Figure:
    """Every measure of credit spreads."""
    table = catalogue.ask("credit").needed("a credit spread (BAA or the high-yield spread)")
    now = catalogue.ask("credit_now").needed("a credit spread (BAA or the high-yield spread)")
    first = now.rows[0]
    names = [findings.MEASURES.get(name, name) for name in dict.fromkeys(table.column("measure"))]
    chart = alt.layer(
        alt.Chart(charts.data("credit"))
        .mark_line(strokeWidth=1.4)
        .transform_filter(charts.shown("observed_on"))
        .transform_calculate(line=_named("measure", findings.MEASURES))
        .encode(
            x=charts.time("observed_on", "day of the spread"),
            y=alt.Y("level_pct:Q", axis=charts.above("spread over Treasuries (percentage points)", format=".1f")),
            color=alt.Color("line:N", scale=alt.Scale(domain=names, range=_COLOURS[: len(names)])),
        ),
        charts.cursor("credit", "observed_on"),
    ).add_params(*charts.ranged(max(table.column("observed_on")), 0), charts.at())
    return Figure(
        key="credit",
        title=findings.credit(first),
        note=f"Newest spread: {findings.as_of(first)}. A regime is calm below the median with less than 25 basis "
        "points of widening in 13 weeks, stress from the 80th percentile or 100 basis points on, watch between; it "
        "holds from the tenth observation in a row.",
        spec=charts.spec(chart, 260),
        tables=(table, now),
        legend=[("━", colour, name) for name, colour in zip(names, _COLOURS, strict=False)],
        cursor={
            "table": "credit",
            "field": "observed_on",
            "show": [
                charts.word("measure", findings.MEASURES),
                charts.number("level_pct", unit=" points"),
                charts.word("regime"),
            ],
        },
    )


def indicators(catalogue: Catalogue) -> Sequence[Part]:
    """One small chart for each well-known indicator that there is."""
    now = {row["indicator"]: row for row in catalogue.ask("macro_now").rows if row["value"] is not None}
    known = [name for name in findings.INDICATORS if name in now]
    if not known:
        raise Missing("an economic indicator")
    return [_indicator(catalogue.ask("macro", indicator=name), now[name]) for name in known]


def _indicator(table: Table, now: dict) -> Part:
    name = findings.INDICATORS[now["indicator"]]
    if not table.values:
        return Line(f"Missing: a value of {name}.")
    chart = alt.layer(
        alt.Chart(charts.data(table.name))
        .mark_line(strokeWidth=1.3, color=charts.LARGE)
        .encode(
            x=charts.time("observed_on", "period", labelFlush=True),
            y=alt.Y("value:Q", axis=charts.above(now["unit"]), scale=alt.Scale(zero=False)),
        ),
        charts.cursor(table.name, "observed_on"),
    ).add_params(charts.at())
    first = now["first_published_value"]
    revised = "" if first is None else f" First published: {findings.short(first)}."
    return Figure(
        key=table.name,
        title=findings.macro(now),
        note=f"Newest period: {findings.as_of(now)}.{revised}",
        spec=charts.spec(chart, 150),
        tables=(table,),
        cursor={
            "table": table.name,
            "field": "observed_on",
            "show": [charts.number("value", "", findings.decimals(table.column("value")), findings.unit(now["unit"]))],
        },
    )


def dashboard(catalogue: Catalogue) -> Block:
    """Every indicator: latest, previous, a year ago, as first published."""
    table = catalogue.ask("macro_now").needed("an economic indicator")
    return Block(
        "grid",
        {"caption": "All indicators: latest, previous, a year ago, as first published", "key": "macro_now"},
        (table,),
    )
