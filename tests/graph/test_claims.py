"""The ledger in a build, in the Dagster UI and on the command line, on the small warehouse.

IWM closes at 100 + i on session i (the last, 2024-01-03, is number 399), the 10y2y spread ends at +0.50.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from small import ask, settings
from typer.testing import CliRunner, Result

from pipeline import reader
from pipeline.claims.results import VERDICTS, ClaimResult, ReadingResult
from pipeline.cli import app
from pipeline.definitions import JOB, build_definitions
from pipeline.layout import BUILD_FILE, CATALOGUE
from pipeline.tables import CLAIMS

OWN = """
title: Our own
publisher: a test
published_at: 2024-01-03T13:00:00-05:00
note: The day is assumed.
claims:
  - id: own-five
    claim: IWM rose 1.014 % in five sessions.
    kind: number
    measure: period_return
    parameters: {symbol: IWM, sessions: 5}
    expect: {value: 1.014, tolerance: 0.0005}
    readings:
      - reading: the close before
      - {reading: that day's close, instant: 2024-01-03 close}
      - {reading: another fund, parameters: {symbol: IWMM}}
  - id: own-curve
    claim: The curve is inverted.
    kind: event
    measure: curve
    expect: {less_than: 0}
  - id: own-sigma
    claim: A three-sigma move, in the 99.3rd percentile.
    kind: record
    arithmetic:
      - reading: of a normal distribution
        measure: normal_percentile
        parameters: {sigma: 3}
        expect: {value: 99.3, tolerance: 0.05}
    missing: nothing else
  - id: own-weights
    claim: Eight companies are a quarter of the index.
    kind: number
    missing: index weights
  - id: own-forecast
    claim: It will go on.
    kind: opinion
    opinion: a forecast
"""
RIGHT = """
title: All of it is right
publisher: a test
published_at: 2024-01-03T13:00:00-05:00
claims:
  - id: right-curve
    claim: The curve is not inverted.
    kind: event
    measure: curve
    expect: {at_least: 0}
  - {id: wrong-measure, claim: x, kind: number, measure: curv, expect: {rank: 1}}
  - {id: wrong-parameter, claim: x, kind: number, measure: period_return, parameters: {symbol: IWM}, expect: {rank: 1}}
"""
OWN_VERDICTS = {
    "own-five": "supported_only_under",
    "own-curve": "contradicted",
    "own-sigma": "inconsistent",
    "own-weights": "not_testable",
    "own-forecast": "opinion",
    "right-curve": "supported",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[tuple[Path, dg.ExecuteInProcessResult]]:
    """Build the small warehouse with articles of our own: one with every verdict, one half wrong, one not readable."""
    place = tmp_path_factory.mktemp("claims")
    articles = place / "articles"
    articles.mkdir()
    (articles / "own.yaml").write_text(OWN)
    (articles / "half-right.yaml").write_text(RIGHT)
    (articles / "broken.yaml").write_text("title: [")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(place / ".dagster"))
        patch.setattr("pipeline.claims.loading.CLAIMS_DIR", articles)
        job = build_definitions(settings(place / "home", folder)).resolve_job_def(JOB)
        yield place / "home", job.execute_in_process(raise_on_error=True)


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.terminal.out.width", 200)


@pytest.fixture
def own(built: tuple[Path, dg.ExecuteInProcessResult]) -> Path:
    return built[0]


def rotation(home: Path, *words: object) -> Result:
    place = ["--source", "files", "--home", home]
    return CliRunner().invoke(app, [str(word) for word in (*words, *place)])


# published


def test_every_verdict_is_published(own: Path) -> None:
    rows = ask(own / "files" / CATALOGUE, "select claim_id, verdict from marts.claims")
    assert dict(rows) == OWN_VERDICTS
    assert set(OWN_VERDICTS.values()) == set(VERDICTS)


def test_the_figures_of_a_claim_and_its_readings(own: Path) -> None:
    """498 / 493 - 1 = 1.01420 % at the close before, 499 / 494 - 1 = 1.01215 % at that day's."""
    [row] = ask(
        own / "files" / CATALOGUE,
        "select claimed, measured, measured_value, unit, margin, as_of::varchar, decided_by, supported_under, "
        "readings, readings_supported, readings_contradicted, readings_not_testable, missing from marts.claims "
        "where claim_id = 'own-five'",
    )
    assert row[:2] == ("1.014 ± 0.0005%", "1.01%")
    assert row[2:5] == (pytest.approx(1.01419878, abs=1e-8), "pct", pytest.approx(0.00019878, abs=1e-8))
    assert row[5:7] == ("2024-01-02", "true at the close of 2024-01-02, false at the close of 2024-01-03")
    assert row[7:12] == ("the close before", 3, 1, 1, 1)
    assert "IWMM: it is not in this warehouse" in row[12]
    readings = ask(
        own / "files" / CATALOGUE,
        "select reading_no, verdict, measured_value, known_at::varchar, is_hindsight, evidence_from::varchar, "
        "evidence_to::varchar from marts.claim_readings where claim_id = 'own-five' order by reading_no",
    )
    assert readings[0][:2] == (1, "supported")
    assert readings[0][3:] == ("2024-01-03 18:00:00+00", False, "2023-12-22", "2024-01-02")
    assert readings[1][:2] == (2, "contradicted")
    assert readings[1][2] == pytest.approx(1.01214575, abs=1e-8)
    assert readings[1][3:] == ("2024-01-03 21:00:00+00", True, "2023-12-26", "2024-01-03")
    assert readings[2][:3] == (3, "not_testable", None)


def test_articles_count_their_claims(own: Path) -> None:
    rows = ask(
        own / "files" / CATALOGUE,
        f"select article, published_at::varchar, note, claims, {', '.join(VERDICTS)} "
        "from marts.claim_articles order by 1",
    )
    assert rows == [
        ("half-right", "2024-01-03 18:00:00+00", None, 1, 1, 0, 0, 0, 0, 0),
        ("own", "2024-01-03 18:00:00+00", "The day is assumed.", 5, 0, 1, 1, 1, 1, 1),
    ]


def test_the_published_sql_gives_the_published_figure(own: Path) -> None:
    catalogue = own / "files" / CATALOGUE
    rows = ask(
        catalogue, "select sql, measured_value, as_of from marts.claim_readings where measured_value is not null"
    )
    assert len(rows) == 5
    for sql, value, as_of in rows:
        [(again, day, _)] = ask(catalogue, sql)
        assert (round(again, 8), day) == (value, as_of)


def test_columns_of_results_are_those_of_the_contracts() -> None:
    assert list(ReadingResult.__dataclass_fields__) == list(CLAIMS["marts.claim_readings"].columns())
    assert list(ClaimResult.__dataclass_fields__)[:-1] == list(CLAIMS["marts.claims"].columns())


# Dagster


def test_each_article_is_a_check_that_warns_and_never_blocks(built: tuple[Path, dg.ExecuteInProcessResult]) -> None:
    checks = {one.check_name: one for one in built[1].get_asset_check_evaluations() if "claims" in one.asset_key.path}
    assert {name: one.passed for name, one in checks.items()} == {
        "article_own": False,
        "article_half_right": True,
        "files_are_right": False,
    }
    assert {one.severity for one in checks.values()} == {dg.AssetCheckSeverity.WARN}
    assert not any(one.blocking for one in checks.values())
    shown = checks["article_own"].metadata["claims"].value
    assert "| contradicted | own-curve | The curve is inverted. | 0.50 pp | less than 0 pp |" in shown
    assert checks["article_own"].metadata["contradicted"].value == 1


def test_what_is_wrong_in_the_files_is_a_warning_of_the_build(own: Path) -> None:
    record = json.loads((own / "files" / "current" / BUILD_FILE).read_text())
    lines = sorted(line.rpartition("/")[2] for line in record["warnings"]["marts.claims"])
    assert lines == [
        "broken.yaml:1: not valid YAML: expected the node content, but found '<stream end>'",
        "half-right.yaml:11: wrong-measure: measure: there is no measure 'curv'; did you mean curve? rotation claims "
        "measures lists all",
        "half-right.yaml:12: wrong-parameter: parameters: missing parameter sessions of measure period_return",
    ]


# the command


def test_claims_shows_verdict_claim_and_measured_against_claimed(own: Path) -> None:
    result = rotation(own, "claims")
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "own Our own (a test, 2024-01-03 18:00 UTC)" in lines
    assert "contradicted own-curve The curve is inverted. 0.50 pp against less than 0 pp" in lines
    assert "not testable own-weights Eight companies are a quarter of the index. missing: index weights" in lines


def test_in_a_narrow_terminal_every_word_is_still_there(own: Path) -> None:
    words = ["claims", "--source", "files", "--home", str(own)]
    result = subprocess.run(
        [sys.executable, "-c", "from pipeline.cli import main; main()", *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "50"},
    )
    assert max(map(len, result.stdout.splitlines())) <= 50
    assert {"contradicted", "own-curve", "inverted."} <= set(result.stdout.split())
    assert "…" not in result.stdout


def test_show_gives_readings_evidence_and_sql_that_runs(own: Path) -> None:
    result = rotation(own, "claims", "show", "own-five")
    assert result.exit_code == 0, result.output
    for text in (
        "supported only under",
        "that day's close (with hindsight)",
        "margin: +0.00019878 (measured less claimed)",
        "known at: 2024-01-03 18:00 UTC",
        "base_date 2023-12-22",
        "missing: symbol IWMM: it is not in this warehouse",
    ):
        assert text in result.stdout
    start = result.stdout.index("with levels as")
    sql = result.stdout[start : result.stdout.index("contradicted  that day's close")]
    [(value, _, _)] = ask(own / "files" / CATALOGUE, sql)
    assert value == pytest.approx(100 * (498 / 493 - 1))


def test_a_claim_that_does_not_exist_is_said_with_those_that_do(own: Path) -> None:
    result = rotation(own, "claims", "show", "own-six")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("error: there is no claim own-six; there are ") and "own-five" in line


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [((), 0), (("contradicted",), 1), (("supported", "inconsistent"), 1), (("opinion",), 1)],
)
def test_fail_on(own: Path, verdicts: tuple[str, ...], code: int) -> None:
    words = [word for verdict in verdicts for word in ("--fail-on", verdict)]
    assert rotation(own, "claims", *words).exit_code == code


def test_fail_on_knows_its_words(own: Path) -> None:
    result = rotation(own, "claims", "--fail-on", "wrong")
    assert result.exit_code == 1
    assert "--fail-on: there is no verdict 'wrong'; choose of supported" in result.stderr


def test_a_file_of_ones_own_is_judged_without_a_build(own: Path, tmp_path: Path) -> None:
    before = (own / "files" / "current").resolve()
    file = tmp_path / "mine.yaml"
    file.write_text(OWN.replace("own-", "mine-"))
    result = rotation(own, "claims", "check", file)
    assert result.exit_code == 0, result.output
    assert "0.50 pp against less than 0 pp" in result.stdout
    assert (own / "files" / "current").resolve() == before
    assert rotation(own, "claims", "check", file, "--fail-on", "contradicted").exit_code == 1
    assert rotation(own, "claims", "check", file, "--fail-on", "supported").exit_code == 0
    shown = rotation(own, "claims", "check", file, "mine-curve")
    assert "from derived.yield_curve_status" in shown.stdout
    assert rotation(own, "claims", "check", file, "mine-none").exit_code == 1


def test_faults_of_a_file_are_one_line_each_and_the_others_are_judged(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "half.yaml"
    file.write_text(RIGHT)
    result = rotation(own, "claims", "check", file)
    assert result.exit_code == 1
    assert "right-curve" in result.stdout
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == ["wrong-measure", "wrong-parameter"]


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("none.yaml", None, "cannot be read: No such file or directory"),
        ("Mine.yaml", OWN, "name the file in small letters"),
        ("empty.yaml", "", "expected fields with values"),
        ("late.yaml", OWN.replace("T13:00:00-05:00", "T13:00:00"), "published_at"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(own: Path, tmp_path: Path, name: str, content: str, part: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    result = rotation(own, "claims", "check", tmp_path / name)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path / name}") and part in line


def test_the_template_can_be_judged_as_it_is(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    written = CliRunner().invoke(app, ["claims", "new", str(file), "--source", "files"])
    assert written.exit_code == 0
    assert written.stdout.split() == f"wrote {file}; judge it with: rotation claims check {file} --source files".split()
    printed = CliRunner().invoke(app, ["claims", "new", "--source", "files"])
    assert printed.stdout == file.read_text()
    result = rotation(own, "claims", "check", file)
    assert result.exit_code == 0, result.output
    assert "my-five-days" in result.stdout
    again = CliRunner().invoke(app, ["claims", "new", str(file)])
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_measures_are_listed_with_their_parameters() -> None:
    result = CliRunner().invoke(app, ["claims", "measures"])
    assert result.exit_code == 0
    assert "period_return" in result.stdout
    assert "symbol symbol: Fund or index." in result.stdout


def test_options_before_the_word_are_not_dropped(own: Path) -> None:
    result = CliRunner().invoke(app, ["claims", "--fail-on", "contradicted", "show", "own-five"])
    assert result.exit_code == 1
    assert result.stderr == "error: options go after the word show, not before it\n"


def test_a_template_gets_a_name_that_an_article_may_have(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["claims", "new", str(tmp_path / "Mine.yaml")])
    assert result.exit_code == 1
    assert "small letters" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_seen_with_hindsight_says_so(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "late.yaml"
    file.write_text(
        "title: Late\npublisher: a test\npublished_at: 2023-01-03T13:00:00-05:00\nclaims:\n"
        "  - {id: late, claim: x, kind: event, measure: curve, expect: {less_than: 1},"
        " readings: [{reading: later, instant: 2023-12-29 close}]}\n"
    )
    result = rotation(own, "claims", "check", file)
    assert "0.50 pp against less than 1 pp (with hindsight)" in result.stdout
    assert "later (with hindsight)" in rotation(own, "claims", "check", file, "late").stdout


def test_a_measure_that_does_not_fit_is_a_fault_of_the_file(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "misfit.yaml"
    file.write_text(OWN.replace("expect: {less_than: 0}", "expect: {of: state, more_than: 1}"))
    result = rotation(own, "claims", "check", file)
    assert result.exit_code == 1
    why = "needs a measure that fits what is expected: normal is no number"
    assert result.stderr == f"error: {file}: own-curve: as said: {why}\n"
    assert "own-five" in result.stdout


def test_a_build_from_before_the_ledger_says_what_to_do(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = reader.query
    monkeypatch.setattr(reader, "query", lambda settings, sql: real(settings, sql.replace("claim_readings'", "none'")))
    result = rotation(own, "claims")
    assert result.exit_code == 1
    assert result.stderr == "error: this build is older than the ledger; run: rotation build --source files\n"


def test_faults_are_said_before_a_claim_that_is_not_there(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "half.yaml"
    file.write_text(RIGHT)
    result = rotation(own, "claims", "check", file, "wrong-measure")
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == ["error"] * 3
    assert "there is no measure 'curv'" in result.stderr


def test_before_the_first_build_one_line_says_so(tmp_path: Path) -> None:
    result = rotation(tmp_path, "claims")
    assert result.exit_code == 1
    assert "nothing is published" in result.stderr


def test_the_published_ledger_is_shown_without_dagster_and_polars(own: Path) -> None:
    script = (
        "import sys\n"
        "from pipeline.cli import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "sys.exit(','.join(sorted({name.split('.')[0] for name in sys.modules} & {'dagster', 'polars'})) or 0)\n"
    )
    words = ["claims", "show", "own-five", "--source", "files", "--home", str(own)]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "own-five" in done.stdout
