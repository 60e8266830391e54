"""Column lineage of SQL models, on small models written here; what a column is made of is read off by eye."""

from pathlib import Path

import pytest

from pipeline import sql_models
from pipeline.lineage import column_lineage
from pipeline.tables import CONTRACTS

COLUMNS = {"core.a": ["k", "x", "y", "at"], "core.b": ["k", "z", "at"], "derived.c": ["k", "w"], "marts.m": ["k", "v"]}
K = ("core.a.k",)


def model(folder: Path, select: str, columns: list[str], name: str = "made") -> sql_models.Model:
    header = [f"-- grain: {columns[0]}", *(f"-- column: {column} | It." for column in columns)]
    (folder / f"{name}.sql").write_text("\n".join(["-- model: A model.", *header, select]))
    return sql_models.load_models(folder)[name]


SELECTS = {
    "copied and computed": ("select k, x + y * 2 as v from core.a", {"k": K, "v": ("core.a.x", "core.a.y")}),
    "constants and counts": (
        "select k, 'x' as t, count(*) as n, current_date as d from core.a group by k",
        {"k": K, "t": (), "n": (), "d": ()},
    ),
    "asof join": (
        "select a.k, b.z as v from core.a as a asof left join core.b as b on a.at >= b.at",
        {"k": K, "v": ("core.b.z",)},
    ),
    "a join by using has both keys": (
        "select k, z from core.a join core.b using (k)",
        {"k": ("core.a.k", "core.b.k"), "z": ("core.b.z",)},
    ),
    "what only filters is not among them": (
        "select a.k, a.x as v from core.a as a join core.b as b on b.k = a.k where b.z > 1 and a.y > 0",
        {"k": K, "v": ("core.a.x",)},
    ),
    "star through CTEs": (
        "with p as (select * from core.a), q as (select p.*, derived.c.w as far from p join derived.c on c.k = p.k) "
        "select *, x + far as both from q",
        {
            "k": K,
            "x": ("core.a.x",),
            "y": ("core.a.y",),
            "at": ("core.a.at",),
            "far": ("derived.c.w",),
            "both": ("core.a.x", "derived.c.w"),
        },
    ),
    "star with exclude and replace": (
        "select * exclude (y, at) replace (x + y as x) from core.a",
        {"k": K, "x": ("core.a.x", "core.a.y")},
    ),
    "scalar subquery": ("select k, (select max(z) from core.b) as v from core.a", {"k": K, "v": ("core.b.z",)}),
    "correlated subquery": (
        "select a.k, x - (select max(b.z) from core.b as b where b.k = a.k) as v from core.a as a",
        {"k": K, "v": ("core.a.x", "core.b.z")},
    ),
    "window": (
        "select k, rank() over (partition by k order by x) as v, lag(y) over w as u from core.a "
        "window w as (partition by k order by at)",
        {"k": K, "v": ("core.a.k", "core.a.x"), "u": ("core.a.y",)},
    ),
    "alias used again": ("select k, x as p, p + 1 as q from core.a", {"k": K, "p": ("core.a.x",), "q": ("core.a.x",)}),
    "filtered aggregate": (
        "select k, max(x) filter (where y > 1) as v from core.a group by all",
        {"k": K, "v": ("core.a.x", "core.a.y")},
    ),
    "newest by arg_max": (
        "select k, arg_max(x, at) as v from core.a group by k",
        {"k": K, "v": ("core.a.at", "core.a.x")},
    ),
    "field of a struct": (
        "select k, s.p as v from (select k, {'p': x, 'q': y} as s from core.a)",
        {"k": K, "v": ("core.a.x", "core.a.y")},
    ),
    "union": (
        "select k, x as v from core.a union all select k, w as v from derived.c",
        {"k": ("core.a.k", "derived.c.k"), "v": ("core.a.x", "derived.c.w")},
    ),
    "qualify": (
        "select k, x as v from core.a qualify row_number() over (partition by k order by at desc) = 1",
        {"k": K, "v": ("core.a.x",)},
    ),
    "from first": ("from core.a select k, x as v", {"k": K, "v": ("core.a.x",)}),
    "table function": ("select k, g.n from core.a, generate_series(1, 3) as g(n)", {"k": K, "n": ()}),
    "list unnested": ("select k, unnest([x, y]) as v from core.a", {"k": K, "v": ("core.a.x", "core.a.y")}),
    "another mart": ("select k, v from marts.m", {"k": ("marts.m.k",), "v": ("marts.m.v",)}),
    # nothing rather than something wrong
    "columns by pattern": ("select columns('k|x') from core.a", {"k": (), "x": ()}),
    "pivot": ("with p as (pivot core.a on k using sum(x) group by y) select * from p", {"y": (), "iwm": ()}),
    "lateral subquery": (
        "select l.k, l.v from core.a as a, lateral (select b.k, b.z + a.x as v from core.b as b) as l",
        {"k": (), "v": ()},
    ),
    "union by name": (
        "with u as (select k, x as v from core.a union all by name select w as v, k from derived.c) select * from u",
        {"k": (), "v": ()},
    ),
    "union of a star that sqlglot cannot count": (
        "select k, x as v from core.a union all select columns('k|w') from derived.c",
        {"k": (), "v": ()},
    ),
}


@pytest.mark.parametrize(("select", "expected"), SELECTS.values(), ids=list(SELECTS))
def test_a_column_is_made_of_what_its_select_names(tmp_path: Path, select: str, expected: dict) -> None:
    if "marts.m" in select:
        model(tmp_path, "select k, x as v from core.a", ["k", "v"], "m")
    assert column_lineage(model(tmp_path, select, list(expected)), COLUMNS) == expected


def test_columns_of_the_marts() -> None:
    models = sql_models.load_models()
    columns = {name: contract.column_names() for name, contract in CONTRACTS.items()}
    columns |= {f"marts.{name}": [column.name for column in one.columns] for name, one in models.items()}
    found = {name: column_lineage(one, columns) for name, one in models.items()}

    daily = found["rotation_daily"]
    assert daily["vs_tech_ratio"] == ("derived.relative_strength.ratio",)
    assert daily["curve_spread_pp"] == ("derived.yield_curve_status.spread_pp",)
    assert daily["small_symbol"] == ("core.instruments.role", "core.instruments.symbol")
    assert "core.macro_releases.value" in daily["credit_spread_pct"]
    assert found["leaderboard"]["rank_in_group"] == (
        "core.instruments.group_name",
        "core.prices.session_date",
        "derived.relative_strength.spread_63d_pp",
    )
    assert found["inversion_history"]["calendar_days"] == (
        "derived.yield_curve_inversions.end_date",
        "derived.yield_curve_inversions.start_date",
        "derived.yield_curve_status.observed_on",
    )
    for name, lineage in found.items():
        assert list(lineage) == [column.name for column in models[name].columns]
        assert sum(map(bool, lineage.values())) > len(lineage) / 2, f"{name}: most columns have a lineage"
