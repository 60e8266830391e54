"""Growth against value, breadth, seasonality."""

import altair as alt

from pipeline.report import charts, findings
from pipeline.report.catalogue import Catalogue
from pipeline.report.parts import Figure


def valuation(catalogue: Catalogue) -> Figure:
    """The gap of the first pair, and its percentile among all closes so far."""
    now = catalogue.ask("valuation_now").needed("a pair of a growth and a value fund")
    table = catalogue.ask("valuation").needed("a session on which a growth and a value fund traded")
    first = now.rows[0]
    y = alt.Y(
        "log_price_ratio:Q",
        axis=charts.above(f"ln(price of {first['growth']} / {first['value']}), log points", format="+.2f"),
        scale=alt.Scale(zero=False),
    )
    chart = alt.layer(
        alt.Chart(charts.data("valuation"))
        .mark_line(color=charts.LARGE, strokeWidth=1.5)
        .transform_filter(charts.shown("session_date"))
        .encode(x=charts.time("session_date", "session (New York)"), y=y),
        charts.cursor("valuation", "session_date"),
    ).add_params(*charts.ranged(table.column("session_date")[-1], 0), charts.at())
    return Figure(
        key="valuation",
        title=findings.valuation(first),
        note=f"{first['growth_name'] or first['growth']} over {first['value_name'] or first['value']}, close of "
        f"{findings.as_of(first)}. A ratio of prices measures divergence, not valuation (proxy).",
        spec=charts.spec(chart, 280),
        tables=(table, now),
        cursor={
            "table": "valuation",
            "field": "session_date",
            "show": [
                charts.number("log_price_ratio", "log ratio", 3),
                charts.number("percentile_expanding", "above", 2, " % of closes so far", times=100),
                charts.number("z_expanding", "distance from their mean", 1, " standard deviations"),
            ],
        },
    )


def breadth(catalogue: Catalogue) -> Figure:
    """Shares of funds above their averages."""
    now = catalogue.ask("breadth_now").needed("200 closes of a fund in a list of rules.yaml")
    table = catalogue.ask("breadth").needed("200 closes of a fund in a list of rules.yaml")
    names = {"pct_above_sma200": "above their 200-session average", "pct_above_sma50": "above their 50-session average"}
    chart = alt.layer(
        alt.Chart(charts.data("breadth"))
        .transform_filter(charts.shown("session_date"))
        .transform_fold(list(names), as_=["share", "pct"])
        .transform_calculate(
            line=f"datum.share == 'pct_above_sma200' ? '{names['pct_above_sma200']}' : '{names['pct_above_sma50']}'"
        )
        .mark_line(strokeWidth=1.3)
        .encode(
            x=charts.time("session_date", "session (New York)"),
            y=alt.Y("pct:Q", axis=charts.above("share of the list (per cent)"), scale=alt.Scale(domain=[0, 100])),
            color=alt.Color(
                "line:N", scale=alt.Scale(domain=list(names.values()), range=[charts.LARGE, "var(--second)"])
            ),
        ),
        charts.cursor("breadth", "session_date"),
    ).add_params(*charts.ranged(table.column("session_date")[-1], 3), charts.at())
    first = now.rows[0]
    return Figure(
        key="breadth",
        title=findings.breadth(first),
        note=f"List “{first['universe']}”, close of {findings.as_of(first)}. Today's funds only: those that closed are "
        "missing from earlier years, so the past is that of the survivors (proxy).",
        spec=charts.spec(chart, 240),
        tables=(table, now),
        legend=[("━", charts.LARGE, names["pct_above_sma200"]), ("━", "var(--second)", names["pct_above_sma50"])],
        cursor={
            "table": "breadth",
            "field": "session_date",
            "show": [
                *(charts.number(field, words, 0, " %") for field, words in names.items()),
                charts.number("members", "of", 0, " funds"),
            ],
        },
    )


def seasonality(catalogue: Catalogue) -> Figure:
    """Small less large by month, with intervals; the month under way stands out."""
    table = catalogue.ask("seasonality").needed("a complete month of the small and the large fund")
    now = catalogue.ask("seasonality_now")
    current, day = next(
        (
            (row["bucket"], row["session_date"])
            for row in now.rows
            if row["bucket_type"] == "month" and row["window_state"] == "current"
        ),
        (None, None),
    )
    months = [findings.month(bucket)[:3] for bucket in table.column("month")]
    base = (
        alt.Chart(charts.data("seasonality"))
        .transform_calculate(
            name=f"{[name[:3] for name in findings.MONTHS]}[toNumber(datum.month) - 1]",
            mean_pp="100 * datum.mean",
            low_pp="100 * datum.ci_low",
            high_pp="100 * datum.ci_high",
        )
        .encode(
            x=alt.X("name:N", sort=months, axis=alt.Axis(title="calendar month", labelAngle=0, labelOverlap=False)),
            tooltip=charts.tips(
                {
                    "name:N": "month",
                    "mean_pp:Q,+.2f": "mean (points)",
                    "low_pp:Q,+.2f": "interval from",
                    "high_pp:Q,+.2f": "to",
                    "hit_rate:Q,.0%": "small ahead in",
                    "n:Q": "years",
                }
            ),
        )
    )
    y = alt.Y("mean_pp:Q", axis=charts.above("small less large (percentage points)", format="+.0f"))
    colour = alt.condition(f"datum.month == '{current}'", alt.value(charts.SMALL), alt.value("var(--bar)"))
    chart = alt.layer(
        base.mark_bar(size=16).encode(y=y, color=colour),
        base.mark_rule(color=charts.INK, strokeWidth=1).encode(y="low_pp:Q", y2="high_pp:Q"),
        charts.alone().mark_rule(color="var(--muted)", strokeWidth=0.8).encode(y=alt.datum(0)),
    )
    row = next((row for row in table.rows if row["month"] == current), None)
    return Figure(
        key="seasonality",
        title=findings.seasonality(row),
        note="Bars: mean of all years; lines: 95 % bootstrap interval of the mean. Twelve months are twelve chances of "
        "a striking one: look at the interval and at n." + (f" Month under way: that of {day}." if day else ""),
        spec=charts.spec(chart, 260),
        tables=(table, now),
    )
