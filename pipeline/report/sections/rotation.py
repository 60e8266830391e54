"""Headline, rotation map, ratio and price: small caps against large caps."""

from typing import Any

import altair as alt

from pipeline.report import charts, findings
from pipeline.report.catalogue import Catalogue
from pipeline.report.labels import free_heights
from pipeline.report.parts import Block, Figure, Missing, Row, Table

QUADRANTS = {
    "leading": "var(--q-leading)",
    "weakening": "var(--q-weakening)",
    "lagging": "var(--q-lagging)",
    "improving": "var(--q-improving)",
}
MAP_HEIGHT, NAME_HEIGHT, NAME_SHARE = 420, 16, 0.19  # pixels; share of a phone's width that a name takes
MAIN_ROLES = ("small", "micro", "mid", "equal_weight", "tech", "growth", "value", "small_growth", "small_value")
MAIN = "main funds"
NO_PAIR = "a session on which both the small and the large fund traded"


def headline(catalogue: Catalogue) -> Block:
    """Who leads, since when, how unusual; what is new; one figure for each thing that has a section below."""
    now = catalogue.ask("headline").needed(NO_PAIR)
    state, records = catalogue.ask("state"), catalogue.ask("records_now")
    [row] = now.rows
    content = {
        "lead": findings.lead(row),
        "detail": findings.lead_detail(row),
        "notice": findings.prices_end(row),
        "records": records.rows,
        "tiles": [*_pair_tiles(row), *(_TILES[one["what"]](one) for one in state.rows if one["what"] in _TILES)],
    }
    return Block("headline", content, (now, state, records))


def _pair_tiles(row: Row) -> list[Row]:
    share = findings.percentile(row["ratio_percentile"])
    year = (
        f"year to date: small {findings.percent(row['small_ret_ytd'])}, large {findings.percent(row['large_ret_ytd'])}"
    )
    spread = row["spread_21d_pp"]
    return [
        {"name": "Ratio, small over large", "value": findings.figure(row["ratio"], 4), "more": share, "link": "ratio"},
        {
            "name": "Spread over 21 sessions",
            "value": "–" if spread is None else f"{findings.signed(spread, 1)} points",
            "more": year,
            "link": "ratio",
        },
    ]


def _phase(one: Row) -> Row:
    day = one["as_of"] if one["days"] is None else f"session {one['days']:,} of it; {one['as_of']}"
    return {"name": "Phase of small caps", "value": one["state"] or "–", "more": day, "link": "price"}


def _curve(one: Row) -> Row:
    state = one["state"].replace("_", " ")
    return {
        "name": "10-year less 2-year",
        "value": f"{findings.signed(one['value'])} points",
        "more": f"{state}, {findings.counted(one['days'], 'observation')}; {one['as_of']}",
        "link": "curve",
    }


def _credit(one: Row) -> Row:
    more = f"spread {findings.figure(one['value'])} %; {one['as_of']}"
    return {"name": "Credit regime", "value": one["state"] or "–", "more": more, "link": "credit"}


def _breadth(one: Row) -> Row:
    more = f"above their 200-session average; {one['state'] or 'too little history'}; {one['as_of']}"
    return {"name": "Breadth", "value": f"{findings.figure(one['value'], 0)} %", "more": more, "link": "breadth"}


_TILES = {"phase": _phase, "curve": _curve, "credit": _credit, "breadth": _breadth}


def small_pair(table: Table) -> Row | None:
    """Return the newest row of the small against the large fund, of map.sql."""
    return next(
        (row for row in table.rows if row["role"] == "small" and row["is_against_large"] and row["weeks_ago"] == 0),
        None,
    )


def rotation_map(catalogue: Catalogue) -> Figure:
    """Latest quadrant of every pair, with its trail of 12 weeks; the reader chooses the list."""
    table = catalogue.ask("map").needed("a pair with the 126 common sessions that the rotation map takes")
    latest = [row for row in table.rows if row["weeks_ago"] == 0]
    return Figure(
        key="map",
        title=findings.rotation_map(latest, small_pair(table)),
        note=f"A large dot is the newest session, {max(table.column('session_date'))} or earlier, small ones the last "
        "session of each of the 12 weeks before. Relative strength: distance of the price ratio from its 63-session "
        "mean, in standard deviations, plus 100; momentum: the same of its daily change. A pair named by one symbol is "
        "measured against the large fund.",
        spec=charts.spec(_map(_lists(table), _names(table)), MAP_HEIGHT),
        tables=(table,),
    )


def _lists(table: Table) -> list[str]:
    """Return the lists of pairs that can be chosen, the one to begin with first."""
    has_main = any(row["role"] in MAIN_ROLES and row["is_against_large"] for row in table.rows)
    groups = sorted({row["shown"] for row in table.rows}, key=lambda name: (name == "other pairs", name))
    return [*([MAIN] if has_main else []), *groups]


def _names(table: Table) -> list[Row]:
    """Return where the name of each pair stands on each list, so that none covers another."""
    return [name for one in _lists(table) for name in _names_of(one, [row for row in table.rows if _is_on(row, one)])]


def _is_on(row: Row, shown: str) -> bool:
    is_main = row["is_against_large"] and row["role"] in MAIN_ROLES
    return is_main if shown == MAIN else row["shown"] == shown


def _extent(rows: list[Row], axis: str) -> float:
    values = [row[axis] for row in rows]
    return float(max(values) - min(values))


def _names_of(shown: str, rows: list[Row]) -> list[Row]:
    across, up = (_extent(rows, axis) for axis in ("rot_ratio", "rot_momentum"))
    found: list[Row] = []
    for is_right in (True, False):
        side = [row for row in rows if row["weeks_ago"] == 0 and (row["rot_ratio"] > 100) == is_right]
        points = [(row["rot_ratio"], row["rot_momentum"]) for row in side]
        heights = free_heights(points, wide=across * NAME_SHARE, high=up * NAME_HEIGHT / MAP_HEIGHT)
        found += [
            {
                "list": shown,
                "pair": row["symbol"] if row["is_against_large"] else f"{row['symbol']}/{row['benchmark']}",
                "is_right": is_right,
                "rot_ratio": row["rot_ratio"],
                "rot_momentum": round(height, 3),
                "dot": row["rot_momentum"],
            }
            for row, height in zip(side, heights, strict=True)
        ]
    return found


def _map(lists: list[str], places: list[Row]) -> charts.Layers:
    """Return trails, dots and names; the trail of the small fund stands out, and that under the pointer."""
    base = _pairs()
    colour = alt.Color("quadrant:N", scale=alt.Scale(domain=list(QUADRANTS), range=list(QUADRANTS.values())))
    hovered = alt.selection_point(name="hovered", fields=["symbol", "benchmark"], on="pointerover", empty=False)
    is_small = "datum.role == 'small' && datum.is_against_large"
    standing = [{"param": "hovered", "empty": False, "value": 1}, {"test": is_small, "value": 0.9}]
    trail = base.mark_line(strokeWidth=1.4).encode(
        order=alt.Order("weeks_ago:Q", sort="descending"),
        color=alt.condition(is_small, alt.value(charts.SMALL), alt.value(charts.FAINT)),
        opacity=alt.OpacityValue(0.25, condition=standing),
    )
    dots = base.mark_circle(size=16).encode(
        color=colour, opacity=alt.OpacityValue(0.4, condition=standing), tooltip=_map_tips()
    )
    newest = base.transform_filter("datum.weeks_ago === 0")
    stands = newest.mark_circle(size=110, opacity=1).encode(color=colour, tooltip=_map_tips()).add_params(hovered)
    names = _placed(alt.Chart(alt.InlineData(values=places)).transform_filter("datum.list == shown"))
    leaders = names.mark_rule(color=charts.FAINT, strokeWidth=0.7).encode(y2="dot:Q")
    right = names.transform_filter("datum.is_right").mark_text(align="left", dx=8, **_NAME).encode(text="pair:N")
    left = names.transform_filter("!datum.is_right").mark_text(align="right", dx=-8, **_NAME).encode(text="pair:N")
    shown = alt.param(name="shown", value=lists[0], bind=alt.binding_select(options=lists, name="Pairs "))
    return alt.layer(*_cross(), *_corners(), trail, dots, leaders, stands, right, left).add_params(shown)


_NAME: dict[str, Any] = {"dy": -6, "fontSize": 11, "fontWeight": 600, "color": charts.INK}


def _pairs() -> alt.Chart:
    """Return the pairs of the list that is shown, at their places."""
    roles = ", ".join(f"'{role}'" for role in MAIN_ROLES)
    is_main = f"datum.is_against_large && indexof([{roles}], datum.role) >= 0"
    listed = (
        alt.Chart(charts.data("map"))
        .transform_filter(f"shown == '{MAIN}' ? {is_main} : datum.shown == shown")
        .transform_calculate(pair="datum.is_against_large ? datum.symbol : datum.symbol + '/' + datum.benchmark")
    )
    return _placed(listed).encode(detail="pair:N")


def _placed(chart: alt.Chart) -> alt.Chart:
    """Place what the chart shows on the map."""
    scale = alt.Scale(zero=False, nice=True, padding=18)
    across = alt.Axis(title="relative strength (points, 100 is the centre)", grid=False, tickCount=6)
    up = charts.above("its momentum (points, 100 is the centre)", grid=False)
    return chart.encode(
        x=alt.X("rot_ratio:Q", axis=across, scale=scale), y=alt.Y("rot_momentum:Q", axis=up, scale=scale)
    )


def _cross() -> list[alt.Chart]:
    """Return the lines at 100, which divide the quadrants."""
    line = charts.alone().mark_rule(color="var(--rule)")
    return [line.encode(x=alt.datum(100)), line.encode(y=alt.datum(100))]


def _corners() -> list[alt.Chart]:
    """Return the names of the quadrants, each in its corner."""
    places = {"improving": (0, 0), "leading": (1, 0), "lagging": (0, 1), "weakening": (1, 1)}
    return [
        charts.alone()
        .mark_text(text=name.upper(), align="right" if right else "left", **_NAME | {"color": QUADRANTS[name], "dy": 0})
        .encode(x=alt.value(alt.expr("width - 6") if right else 6), y=alt.value(alt.expr("height - 6") if low else 12))
        for name, (right, low) in places.items()
    ]


def _map_tips() -> list[alt.Tooltip]:
    return charts.tips(
        {
            "pair:N": "pair",
            "session_date:T": "session",
            "quadrant:N": "quadrant",
            "rot_ratio:Q,.2f": "strength",
            "rot_momentum:Q,.2f": "momentum",
        }
    )


def ratio(catalogue: Catalogue) -> Figure:
    """Small over large, with streaks and records of a year or longer marked."""
    table = catalogue.ask("ratio").needed(NO_PAIR)
    streaks, records = catalogue.ask("ratio_streaks"), catalogue.ask("ratio_records")
    now = catalogue.ask("headline")
    pair = "{small_symbol} over {large_symbol}".format(**now.rows[0])
    y = alt.Y("ratio:Q", axis=charts.above(f"price ratio, {pair}", format=".2f"), scale=alt.Scale(zero=False))
    line = (
        alt.Chart(charts.data("ratio"))
        .mark_line(color=charts.SMALL, strokeWidth=1.5)
        .transform_filter(charts.shown("session_date"))
        .encode(x=charts.time("session_date", "session (New York)"), y=y)
    )
    chart = alt.layer(
        line,
        _marks("ratio_records", "record"),
        _marks("ratio_streaks", "streak"),
        charts.cursor("ratio", "session_date"),
    )
    chart = chart.add_params(*charts.ranged(table.column("session_date")[-1], 10), charts.at())
    return Figure(
        key="ratio",
        title=findings.ratio(now.rows[0]),
        note=f"Newest close: {now.rows[0]['session_date']}. A falling line means that large caps do better. Of a "
        "cluster of highs or lows the first is marked; a streak is four or more days in a row of the small fund.",
        spec=charts.spec(chart, 320),
        tables=(table, records, streaks, now),
        legend=[("━", charts.SMALL, pair), *((sign, colour, name) for name, (_, colour, sign) in _KINDS.items())],
        cursor={
            "table": "ratio",
            "field": "session_date",
            "show": [
                charts.number("ratio", "ratio", 4),
                charts.number("spread_63d_pp", "spread over 63 sessions", 1, " points"),
                charts.word("quadrant"),
            ],
        },
    )


_KINDS = {
    "high of a year or more": ("diamond", "var(--up)", "◆"),
    "low of a year or more": ("diamond", "var(--down)", "◆"),
    "days above +1 %": ("triangle-up", "var(--up)", "▲"),
    "days below -1 %": ("triangle-down", "var(--down)", "▼"),
}
_MARK_TIPS = {
    "record": {"headline:N": "record", "session_date:T": "session"},
    "streak": {
        "streak:N": "streak",
        "hits:Q": "days in a row",
        "start_date:T": "from",
        "session_date:T": "to",
        "cum_return:Q,+.1%": "return",
        "rank:Q": "rank",
        "ranked_among:Q": "of",
    },
}


def _marks(name: str, field: str) -> alt.Chart:
    """Return records or streaks as points on the line, one shape and colour a kind."""
    names, looks = list(_KINDS), list(_KINDS.values())
    return (
        alt.Chart(charts.data(name))
        .mark_point(filled=True, size=52, opacity=1, stroke="var(--paper)", strokeWidth=0.8)
        .transform_filter(charts.shown("session_date"))
        .encode(
            x="session_date:T",
            y="ratio:Q",
            color=alt.Color(f"{field}:N", scale=alt.Scale(domain=names, range=[colour for _, colour, _ in looks])),
            shape=alt.Shape(f"{field}:N", scale=alt.Scale(domain=names, range=[shape for shape, _, _ in looks])),
            tooltip=charts.tips(_MARK_TIPS[field]),
        )
    )


def price(catalogue: Catalogue) -> Figure:
    """The small fund with its averages and phases."""
    table = catalogue.ask("price").needed("a price of the small fund")
    phases = catalogue.ask("price_phases")
    if len(table.values) < 2:
        raise Missing("a second session of the small fund")
    names = list(findings.PHASES)
    colours = [f"var(--p-{name})" for name in names]
    colour = alt.Color("phase:N", scale=alt.Scale(domain=names, range=colours))
    band = charts.spans(
        "price_phases", colour, tooltip={"phase:N": "phase", "start_date:T": "from", "end_date:T": "until"}
    )
    base = alt.Chart(charts.data("price")).transform_filter(charts.shown("session_date"))
    x = charts.time("session_date", "session (New York)")
    scale = alt.Scale(type="log", nice=False, padding=12)
    y = alt.Y("close:Q", axis=charts.above("close, split-adjusted (US dollars, log scale)", format="~f"), scale=scale)
    chart = alt.layer(
        band.encode(y=alt.value(308), y2=alt.value(320)),
        base.mark_line(strokeWidth=1, color=charts.FAINT, strokeDash=[4, 2]).encode(x=x, y="sma_200:Q"),
        base.mark_line(strokeWidth=1, color=charts.FAINT).encode(x=x, y="sma_50:Q"),
        base.mark_line(color=charts.SMALL, strokeWidth=1.5).encode(x=x, y=y),
        charts.cursor("price", "session_date"),
    ).add_params(*charts.ranged(table.column("session_date")[-1], 3), charts.at())
    return Figure(
        key="price",
        title=findings.price(table.rows[-1]),
        note=f"Newest close: {table.column('session_date')[-1]}. The band below shows the phase, from the order of "
        "close and averages, once it held on two closes: "
        + "; ".join(f"{name}: {said}" for name, said in findings.PHASES.items())
        + ".",
        spec=charts.spec(chart, 320),
        tables=(table, phases),
        legend=[
            ("━", charts.SMALL, "close"),
            ("─", charts.FAINT, "average of 50 sessions"),
            ("┄", charts.FAINT, "average of 200"),
            *(("■", colour, name) for name, colour in zip(names, colours, strict=True)),
        ],
        cursor={
            "table": "price",
            "field": "session_date",
            "show": [
                charts.number("close", "close"),
                charts.number("sma_50", "average of 50 sessions"),
                charts.number("sma_200", "of 200"),
                charts.word("phase"),
            ],
        },
    )
