"""The page of the report, made from a tiny catalogue: tables as their contracts say, a few rows, the real marts."""

import base64
import datetime as dt
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import altair as alt
import duckdb
import pytest
import typer
from typer.testing import CliRunner

from pipeline import sql_models
from pipeline.claims.results import VERDICTS
from pipeline.layout import REPORT
from pipeline.report import bundle, command, page
from pipeline.report.catalogue import Catalogue
from pipeline.report.sections import SECTIONS, Section, rates
from pipeline.settings import Settings
from pipeline.tables import CONTRACTS, META

UTC = dt.UTC
DAYS = [dt.date(2024, 1, day) for day in (2, 3, 4, 5, 8, 9, 10, 11)]  # eight sessions in a row
CLOSES = [dt.datetime(day.year, day.month, day.day, 21, tzinfo=UTC) for day in DAYS]
BUILD = {
    "build_id": "20240112T010000Z-abcdef01",
    "source": "files",
    "is_synthetic": False,
    "schema_version": 1,
    "code_version": "0.1.0+1234567",
    "created_at": dt.datetime(2024, 1, 12, 1, tzinfo=UTC),
    "lock_hash": "11aa",
    "config_hash": "22bb",
    "input_hash": "33cc",
    "tables": 40,
    "rows": 1234,
}
NOVEMBER = dt.date(2023, 11, 1)
QUADRANTS = ("improving", "leading")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def table(columns: str, *values: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Return rows of a table; columns are separated by spaces."""
    return [dict(zip(columns.split(), row, strict=True)) for row in values]


def rows(small: str = "SML", claim: str = "Small caps rose.") -> dict[str, list[dict[str, Any]]]:
    """Return rows of every table that the report draws: small closes at 40 + i on session i from 0, large at 100."""
    numbered = list(enumerate(zip(DAYS, CLOSES, strict=True)))
    return {
        "core.sessions": table("session_date close_at session_no", *((day, at, i) for i, (day, at) in numbered)),
        "core.instruments": table(
            "symbol name role group_name is_configured bars last_session",
            (small, f"Fund {small}", "small", "size", True, 8, DAYS[-1]),
            ("LRG", "Large fund", "large", "size", True, 8, DAYS[-1]),
            ("GRO", "Growth fund", "growth", "style", True, 8, DAYS[-1]),
            ("VAL", "Value fund", "small_value", "style", True, 8, DAYS[-1]),
        ),
        "core.prices": table(
            "symbol session_date session_no close source captured_at",
            *((small, day, i, 40.0 + i, "files", CLOSES[-1]) for i, (day, _) in numbered),
            *(("LRG", day, i, 100.0, "files", CLOSES[-1]) for i, (day, _) in numbered),
        ),
        "core.series": table(
            "series_id role title frequency licence observations",
            ("UNRATE", "unemployment_rate", "Unemployment rate", "monthly", "US government, public domain", 3),
        ),
        "derived.relative_strength": table(
            "symbol benchmark basis session_date ratio spread_21d_pp spread_63d_pp rot_ratio rot_momentum quadrant",
            *(  # the spread is above zero from the fifth session on
                (small, "LRG", "price", day, 0.4 + i / 100, 1.0, i - 3.0, 99.0 + i, 101.0, QUADRANTS[i > 1])
                for i, (day, _) in numbered
            ),
        ),
        "derived.trend": table(
            "symbol session_date sma_50 sma_200 phase days_in_phase drawdown",
            *((small, day, 39.0, 38.0, "bullish", i + 1, 0.0) for i, (day, _) in numbered),
        ),
        "derived.yield_curve_status": table(
            "curve observed_on available_at spread_pp state days_in_state is_inverted",
            ("10y2y", DAYS[0], CLOSES[0], -0.2, "inverted", 1, True),
            ("10y2y", DAYS[1], CLOSES[1], -0.1, "inverted", 2, True),
            ("10y2y", DAYS[2], CLOSES[2], 0.0, "uninverting", 1, False),
            ("10y2y", DAYS[3], CLOSES[3], 0.1, "uninverting", 2, False),
        ),
        "derived.yield_curve_inversions": table(
            "curve variant start_date end_date observations min_spread_pp min_date confirmed_on available_at is_open",
            ("10y2y", "sustained", NOVEMBER, DAYS[1], 44, -0.5, NOVEMBER, DAYS[3], CLOSES[3], False),
        ),
        "derived.event_studies": table(
            "event_type event_date known_at symbol offset", ("first_cut", DAYS[2], CLOSES[2], small, 0)
        ),
        "derived.credit_regime": table(
            "measure observed_on available_at level_pct percentile history_start raw_regime regime",
            *(("baa", day, at, 2.0 + i / 10, 0.5, DAYS[0], "watch", "watch") for i, (day, at) in numbered),
        ),
        "derived.macro_indicators": table(
            "indicator vintage unit observed_on value available_at",
            ("unemployment_rate_pct", "latest", "percent", dt.date(2023, 10, 1), 4.0, CLOSES[0]),
            ("unemployment_rate_pct", "latest", "percent", NOVEMBER, 4.1, CLOSES[0]),
            ("is_nber_recession", "latest", "1 in a recession, else 0", NOVEMBER, 0.0, CLOSES[0]),
        ),
        "derived.breadth": table(
            "universe session_date members pct_above_sma50 pct_above_sma200 advancers decliners pct_at_high_252",
            *(("us_equity", day, 2, 50.0, 100.0, 1, 1, 0.0) for day in DAYS),
        ),
        "derived.valuation_gap": table(
            "growth value session_date log_price_ratio percentile_expanding history_start",
            *(("GRO", "VAL", day, 0.1 * i, 0.9, DAYS[0]) for i, (day, _) in numbered),
        ),
        "derived.seasonality": table(
            "symbol benchmark basis bucket_type bucket n mean median hit_rate ci_low ci_high",
            *((small, "LRG", "price", "month", f"{i:02}", 5, 0.01, 0.01, 0.6, -0.01, 0.03) for i in range(1, 13)),
        ),
        "marts.claim_articles": [
            dict.fromkeys(VERDICTS, 0)
            | {"article": "a0", "title": "Small caps run", "publisher": "a column", "published_at": CLOSES[0]}
            | {"is_synthetic": False, "claims": 2, "supported": 1, "not_testable": 1}
        ],
        "marts.claims": table(
            "claim_id article claim_no claim kind verdict claimed measured missing is_hindsight mixes_bases",
            ("a0-one", "a0", 1, claim, "number", "supported", "more than 1%", "2.50%", None, False, False),
            ("a0-two", "a0", 2, "Earnings fell.", "trend", "not_testable", None, None, "earnings", False, False),
        ),
        "marts.claim_readings": [
            {"claim_id": "a0-one", "reading_no": 1, "reading": "the close of that day", "verdict": "supported"}
            | {"is_arithmetic": False, "is_hindsight": False, "mixes_bases": False}
            | {"claimed": "more than 1%", "measured": "2.50%", "margin": 1.5, "known_at": CLOSES[1], "session": DAYS[1]}
            | {"measure": "period_return", "parameters": '{"symbol": "SML", "sessions": 1}'}
            | {"evidence": '{"base": 40.0}', "sql": "select 2.5 as value"}
        ],
        "meta.builds": [BUILD],
    }


def write_catalogue(path: Path, given: dict[str, list[dict[str, Any]]]) -> Path:
    """Write a DuckDB file with every table of the contracts, the rows given, and the marts computed from them."""
    with duckdb.connect(path) as con:
        con.execute("set TimeZone = 'UTC'")
        for schema in ("core", "derived", "marts", "meta"):
            con.execute(f"create schema {schema}")
        for table, contract in (CONTRACTS | {"meta.builds": META["meta.builds"]}).items():
            con.register("empty_input", contract.create_empty())
            con.execute(f"create table {table} as from empty_input")
            con.unregister("empty_input")
        for table, some in given.items():
            for row in some:
                columns = ", ".join(f'"{column}"' for column in row)
                con.execute(f"insert into {table} ({columns}) values ({', '.join('?' * len(row))})", list(row.values()))
        for model in sql_models.load_models().values():
            con.execute(f"create table marts.{model.name} as {model.path.read_text(encoding='utf-8')}")
    return path


@dataclass
class Page(HTMLParser):
    """What a browser would see: tags with attributes, text of scripts, of headings, of code and of everything."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    scripts: list[tuple[dict[str, str | None], str]] = field(default_factory=list)
    headings: list[tuple[str, str]] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    style: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        elif tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))
        elif tag == "code":
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif "style" in self._open:
            self.style += data
        else:
            self.text += data
            for tag in ("h1", "h2", "h3"):
                if tag in self._open:
                    self.headings[-1] = (tag, self.headings[-1][1] + data)
            if "code" in self._open:
                self.code[-1] += data

    @property
    def data(self) -> dict[str, dict[str, Any]]:
        """What page.js draws, by key."""
        return {str(attributes["id"])[5:]: json.loads(text) for attributes, text in self.scripts if "id" in attributes}

    @property
    def figures(self) -> dict[str, dict[str, Any]]:
        return {key: one for key, one in self.data.items() if one["spec"]}


def read(path: Path) -> Page:
    found = Page()
    found.feed(path.read_text(encoding="utf-8"))
    found.close()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    write_catalogue(place / "small.duckdb", rows())
    write_catalogue(place / "empty.duckdb", {})
    return place


@pytest.fixture(scope="module")
def small(folder: Path) -> Page:
    assert page.write(folder / "small.duckdb", folder / "small.html") == []
    return read(folder / "small.html")


@pytest.fixture(scope="module")
def empty(folder: Path) -> Page:
    assert page.write(folder / "empty.duckdb", folder / "empty.html") == []
    return read(folder / "empty.html")


def test_every_section_has_its_chart_or_its_words(small: Page) -> None:
    charts = "map ratio price curve valuation credit macro_unemployment_rate_pct breadth seasonality"
    assert set(small.figures) == set(charts.split())
    assert "Missing:" not in small.text and "could not be made" not in small.text
    titles = [words for _, words in small.headings]
    assert "Small caps lead large caps by 4.0 points over 63 sessions" in titles
    place = "ratio at its 94th percentile since 2024"  # the highest of eight: (8 - 0.5) / 8
    assert f"Small caps lead large caps: in the quadrant “leading” since 2024-01-04, {place}" in titles
    assert "small caps have been ahead since 2024-01-08 (4 sessions)" in small.text
    assert "Growth over value (GRO over VAL) is the widest since at least 2024-01-02" in titles


def test_headings_are_in_order_and_every_section_is_reached_from_the_top(small: Page) -> None:
    levels = [int(tag[1]) for tag, _ in small.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    links = [attributes["href"] for tag, attributes in small.tags if tag == "a"]
    anchors = {attributes["id"] for _, attributes in small.tags if "id" in attributes}
    assert links[0] == "#main"
    assert {f"#{section.key}" for section in SECTIONS} <= set(links)
    assert {link.removeprefix("#") for link in links if link} <= anchors


def test_nothing_is_loaded_and_only_our_scripts_may_run(small: Page) -> None:
    loading = {"img", "link", "iframe", "object", "embed", "video", "audio", "source", "base"}
    assert {tag for tag, _ in small.tags} & loading == set()
    assert [attributes for _, attributes in small.tags if {"src", "srcset", "action", "data"} & set(attributes)] == []
    assert "@import" not in small.style and "url(" not in small.style and "http" not in small.style
    [policy] = [
        a["content"] for tag, a in small.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    run = [text for attributes, text in small.scripts if "type" not in attributes]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert re.findall(r"'sha256-([^']+)'", str(policy)) == digests and len(run) == 2
    assert str(policy).startswith("default-src 'none';") and "unsafe-eval" not in str(policy)
    assert re.findall(r"https?:", run[1]) == []
    specs = json.dumps([one["spec"] | {"$schema": None} for one in small.figures.values()])
    assert "http" not in specs and '"url"' not in specs


def channels(spec: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Every definition of a channel in a spec and its layers."""
    if name in spec.get("encoding", {}):
        yield spec["encoding"][name]
    for layer in spec.get("layer", []):
        yield from channels(layer, name)


def test_every_chart_has_a_title_axis_titles_a_table_and_sql(small: Page) -> None:
    labelled = {a["aria-labelledby"]: a["data-key"] for tag, a in small.tags if tag == "figure"}
    assert set(labelled.values()) == set(small.figures)
    tables = {a["data-key"] for tag, a in small.tags if tag == "details" and a.get("class") == "table"}
    assert set(small.figures) <= tables
    for key, one in small.figures.items():
        for channel in ("x", "y"):
            titles = [c["axis"]["title"] for c in channels(one["spec"], channel) if c.get("axis")]
            assert titles and all(titles), (key, channel)
        assert one["spec"]["width"] == "container"
        alt.LayerChart.from_dict(one["spec"])  # raises where Vega-Lite has no such thing
        assert all(table["rows"] for table in one["tables"][:1]), key
        assert {table["name"] for table in one["tables"]} >= {
            layer["data"]["name"]
            for layer in one["spec"]["layer"]
            if layer.get("data", {}).get("name") and layer["data"]["name"] not in one["spec"].get("datasets", {})
        }
    assert [words for tag, words in small.headings if not words.strip()] == []


def test_the_sql_that_is_shown_gives_the_table_that_is_shown(small: Page, folder: Path) -> None:
    shown = {one["name"]: one for figure in small.data.values() for one in figure["tables"]}
    asked = {}
    with duckdb.connect(folder / "small.duckdb", read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        for sql in small.code:
            if not sql.startswith("--"):
                continue  # `rotation query` in the footer, and the SQL of a reading
            cursor = con.execute(sql)
            asked[sql] = [[_plain(value) for value in row] for row in cursor.fetchall()]
    for name, one in shown.items():
        assert one["rows"] in asked.values(), name
    assert len(shown) > 20 and any(
        "derived.macro_indicators" in sql and "unemployment_rate_pct" in sql for sql in asked
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}Z"
    return value.isoformat() if isinstance(value, dt.date) else value


def test_a_claim_shows_verdict_evidence_parameters_and_sql(small: Page) -> None:
    assert "2 claims: 1 supported, 1 not testable" in small.text and "missing: earnings" in small.text
    for words in (
        "Small caps rose.",
        "period_return: symbol SML, sessions 1",
        "base 40.0",
        "+1.5 (measured less claimed)",
    ):
        assert words in small.text
    assert "select 2.5 as value" in small.code


def test_provenance_names_build_code_hashes_captures_and_licence(small: Page) -> None:
    for words in (
        "20240112T010000Z-abcdef01",
        "0.1.0+1234567",
        "33cc",
        "22bb",
        "11aa",
        "2024-01-11 21:00 UTC",
        "US government, public domain: UNRATE",
        "may not be redistributed",
    ):
        assert words in small.text  # fmt: skip


def test_synthetic_is_said_on_top_and_at_every_chart(folder: Path, small: Page) -> None:
    given = rows() | {"meta.builds": [BUILD | {"is_synthetic": True, "source": "sample"}]}
    page.write(write_catalogue(folder / "made_up.duckdb", given), folder / "made_up.html")
    made_up = read(folder / "made_up.html")
    assert "SYNTHETIC DATA. Made up by the sample source" in made_up.text
    marks = [a for _, a in made_up.tags if a.get("class") == "made-up"]
    assert len(marks) == len(made_up.figures) + len(SECTIONS)
    assert "SYNTHETIC" not in small.text


LATER = [dt.date(2024, 1, 12), dt.date(2024, 1, 16), dt.date(2024, 3, 15)]  # three sessions without prices


def test_a_page_of_old_data_says_so_at_the_headline_and_in_its_sections(folder: Path, small: Page) -> None:
    given = rows()
    given["core.sessions"] += table(
        "session_date close_at session_no",
        *((day, dt.datetime(day.year, day.month, day.day, 20, tzinfo=UTC), 8 + i) for i, day in enumerate(LATER)),
    )
    given["core.series"] += table("series_id role frequency", ("CURVE", "curve_10y2y", "daily"))
    given["core.series"] += table("series_id role frequency", ("BAA", "baa_spread", "daily"))
    page.write(write_catalogue(folder / "old.duckdb", given), folder / "old.html")
    old = read(folder / "old.html")
    notice = "Prices of SML and LRG end 2024-01-11, 3 sessions before this build"
    assert notice in old.text and old.text.index(notice) < old.text.index("Small caps lead large caps by 4.0 points")
    for words in (
        "Newest yields: 2024-01-05, 70 days before this build",
        "Newest spread: 2024-01-11, 64 days before this build",
        "Newest period: 2023-11-01, 135 days before this build",
        "Value fund, close of 2024-01-11, 64 days before this build",
        "List “us_equity”, close of 2024-01-11, 64 days before this build",
    ):
        assert words in old.text, words
    assert "before this build" not in small.text


def test_values_are_read_out_in_words(small: Page) -> None:
    cursors = {key: one["cursor"] for key, one in small.figures.items() if one["cursor"]}
    assert set(cursors) == set(small.figures) - {"map", "seasonality"}
    for key, cursor in cursors.items():
        [columns] = [one["columns"] for one in small.figures[key]["tables"] if one["name"] == cursor["table"]]
        assert {how["field"] for how in cursor["show"]} <= set(columns), key
        assert "_" not in " ".join(how["words"] + how["unit"] for how in cursor["show"] if "words" in how), key
    assert cursors["ratio"]["show"][1] == {
        "field": "spread_63d_pp", "words": "spread over 63 sessions", "digits": 1, "unit": " points", "times": 1
    }  # fmt: skip
    assert cursors["curve"]["show"][0]["names"]["10y2y"] == "10-year less 2-year"
    [unemployment] = cursors["macro_unemployment_rate_pct"]["show"]
    assert (unemployment["digits"], unemployment["unit"]) == (1, " %")  # 4.0 and 4.1


def test_names_from_the_data_never_become_markup(folder: Path) -> None:
    path = write_catalogue(folder / "hostile.duckdb", rows(small=HOSTILE, claim=HOSTILE))
    assert page.write(path, folder / "hostile.html") == []
    hostile = read(folder / "hostile.html")
    assert {tag for tag, _ in hostile.tags} & {"img", "iframe"} == set()
    assert [a for _, a in hostile.tags if any(name.startswith("on") for name in a)] == []
    assert len([a for a, _ in hostile.scripts if "type" not in a]) == 2
    assert HOSTILE in hostile.text
    assert hostile.figures["map"]["tables"][0]["rows"][0][0] == HOSTILE


def test_an_empty_warehouse_gives_a_page_that_says_what_is_missing(empty: Page) -> None:
    assert empty.figures == {}
    for words in (
        "Missing: a session on which both the small and the large fund traded.",
        "Missing: a yield spread.",
        "Missing: a pair of a growth and a value fund.",
        "Missing: an economic indicator.",
        "Missing: an article in the claims ledger.",
        "Missing: a symbol or series.",
    ):
        assert words in empty.text
    assert "could not be made" not in empty.text


def test_a_section_that_fails_is_reported_and_costs_only_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(catalogue: object) -> None:
        raise KeyError("spread")

    sections = (Section("broken", "Broken", (fails,)), Section("curve", "Yield curve", (rates.curve,)))
    monkeypatch.setattr(page, "SECTIONS", sections)
    warnings = page.write(folder / "small.duckdb", folder / "broken.html")
    broken = read(folder / "broken.html")
    assert warnings == ["report: the section 'Broken' could not be made: KeyError: 'spread'"]
    assert "This part could not be made" in broken.text and set(broken.figures) == {"curve"}


def test_the_drawing_program_is_the_one_that_altair_writes_for() -> None:
    first = bundle.script().partition("\n")[0]
    assert f"vega-lite {alt.SCHEMA_VERSION.removeprefix('v').rpartition('.')[0]}," in first


def test_the_drawing_program_is_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    makings = iter(["made first", "made again"])
    monkeypatch.setattr(bundle, "_made", lambda: next(makings))
    assert [bundle.script(tmp_path), bundle.script(tmp_path)] == ["made first", "made first"]
    [kept] = tmp_path.iterdir()
    assert kept.name == f"vega-{version('vl-convert-python')}.js"


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_made", lambda: "made")
    assert bundle.script(tmp_path / "absent") == "made"


def home_with(place: Path, *, has_report: bool) -> Settings:
    folder = place / "files" / "builds" / "one"
    folder.mkdir(parents=True)
    (folder.parent.parent / "current").symlink_to("builds/one")
    if has_report:
        (folder / REPORT).write_text("<p>page</p>")
    return Settings(home=place, source="files")


@pytest.fixture
def run(tmp_path: Path) -> Any:
    app = typer.Typer()
    app.command()(command.report)
    return lambda *options: CliRunner().invoke(app, [*options, "--source", "files", "--home", str(tmp_path)])


def test_the_command_prints_the_page_and_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    home_with(tmp_path, has_report=True)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    path = tmp_path / "files" / "current" / REPORT
    answer = run("--open")
    assert (answer.exit_code, answer.stdout.split()) == (0, [str(path)])
    assert opened == [path.as_uri()]


def test_the_command_says_what_to_do_without_a_page(tmp_path: Path, run: Any) -> None:
    home_with(tmp_path, has_report=False)
    answer = run()
    assert answer.exit_code == 1
    assert "has no report; make one with: rotation build --source files" in answer.output


def test_old_history_keeps_the_last_session_of_a_week_and_both_extremes(tmp_path: Path) -> None:
    path = tmp_path / "long.duckdb"
    with duckdb.connect(path) as con:
        con.execute("create schema marts")
        con.execute(
            "create table marts.rotation_daily as "
            "select session_date, ratio, null::double as spread_63d_pp, null::varchar as quadrant "
            "from (values (date '2015-03-02', 0.5), ('2015-03-03', 0.1), ('2015-03-04', 0.9), ('2015-03-05', 0.5), "
            "('2015-03-06', 0.5), ('2024-03-04', 0.5), ('2024-03-05', 0.5)) as days(session_date, ratio)"
        )
    with Catalogue(path) as catalogue:
        days = catalogue.ask("ratio").column("session_date")
    # a Tuesday with the low, a Wednesday with the high, the Friday; of the last three years every session
    assert [day.isoformat()[5:] for day in days] == ["03-03", "03-04", "03-06", "03-04", "03-05"]


def test_of_overlapping_windows_only_the_best_is_news(tmp_path: Path) -> None:
    """Five sessions to the 10th brought 4 %, the best since 2020; those to the 8th, of the same move, 5 %."""
    given = {key: some for key, some in rows().items() if key in ("core.sessions", "core.instruments", "core.prices")}
    columns = "symbol basis measure direction session_date value since_date sessions_since is_all_time history_start"
    old = dt.date(2020, 3, 2)

    def record(measure: str, direction: str, day: dt.date, value: float) -> tuple[Any, ...]:
        return ("SML", "price", measure, direction, day, value, old, 900, False, old)

    given["derived.records"] = table(
        columns,
        record("ret_5d", "high", DAYS[4], 0.05),
        record("ret_5d", "high", DAYS[6], 0.04),
        record("ret_6d", "high", DAYS[4], 0.03),  # smaller than what came after
        record("ret_6d", "high", DAYS[6], 0.04),
        record("ret_10d", "low", DAYS[4], -0.05),
        record("ret_10d", "low", DAYS[6], -0.06),
        record("ret_21d", "low", DAYS[4], -0.06),
        record("ret_21d", "low", DAYS[6], -0.05),
    )
    with Catalogue(write_catalogue(tmp_path / "records.duckdb", given)) as catalogue:
        found = {(row["headline"], row["session_date"]) for row in catalogue.ask("records_now").rows}
    assert found == {
        ("SML: best 5 sessions since 2020-03-02", DAYS[4]),
        ("SML: best 6 sessions since 2020-03-02", DAYS[6]),
        ("SML: worst 10 sessions since 2020-03-02", DAYS[6]),
        ("SML: worst 21 sessions since 2020-03-02", DAYS[4]),
    }
