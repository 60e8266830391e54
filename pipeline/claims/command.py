"""The commands `rotation claims ...`: the ledger as published, one claim in full, a file of one's own, a template."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from pipeline.claims.results import (
    CONTRADICTED,
    INCONSISTENT,
    NOT_TESTABLE,
    OPINION,
    SUPPORTED,
    SUPPORTED_ONLY_UNDER,
    ArticleResult,
    ClaimResult,
    ReadingResult,
)
from pipeline.errors import RotationError
from pipeline.settings import Settings
from pipeline.terminal import DebugOption, HomeOption, SourceOption, chosen_settings, err, one_line_errors, out

app = typer.Typer(
    add_completion=False,
    help="Commentary checked sentence by sentence: verdict, claim, measured against claimed.",
    epilog="One claim in full: rotation claims show ID. Your own article: rotation claims new FILE, then check FILE.",
)

COLOURS = {
    SUPPORTED: "green",
    SUPPORTED_ONLY_UNDER: "yellow",
    CONTRADICTED: "red",
    NOT_TESTABLE: "dim",
    INCONSISTENT: "magenta",
    OPINION: "dim",
}
TEMPLATE = Path(__file__).with_name("template.yaml")
# a symbol that exists in the sample, and one that exists elsewhere
EXAMPLE = {True: {"small": "XSML", "is_synthetic": "true"}, False: {"small": "IWM", "is_synthetic": "false"}}

FailOnOption = Annotated[
    list[str] | None,
    typer.Option("--fail-on", help=f"Exit with 1 when a claim has this verdict: {', '.join(COLOURS)}."),
]


@app.callback(invoke_without_command=True)
def claims(
    context: typer.Context,
    fail_on: FailOnOption = None,
    source: SourceOption = None,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Show every claim of the ledger as published: verdict, claim, measured against claimed."""
    with one_line_errors(debug):
        if context.invoked_subcommand is not None:
            if fail_on or source or home or debug:
                raise RotationError(f"options go after the word {context.invoked_subcommand}, not before it")
            return
        _check_verdicts(fail_on)
        articles = _published(chosen_settings(source, home))
        for article in articles:
            _print_article(article)
        _fail(articles, fail_on)


@app.command()
def show(
    claim_id: Annotated[str, typer.Argument(metavar="ID", help="The claim, e.g. a2-five.")],
    source: SourceOption = None,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Show one claim in full: all readings, the evidence, and the SQL that gives each figure."""
    with one_line_errors(debug):
        articles = _published(chosen_settings(source, home))
        _print_claim(*_found(articles, claim_id))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="An article of your own; rotation claims new writes a template.")],
    claim_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show this claim in full instead of the table.")
    ] = None,
    fail_on: FailOnOption = None,
    source: SourceOption = None,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Judge a file on the published warehouse, without a build.

    What is wrong in the file is said in one line each, and the other claims are judged; the exit code is then 1.
    """
    with one_line_errors(debug):
        from pipeline import reader
        from pipeline.claims.articles import load_article
        from pipeline.claims.ledger import judged
        from pipeline.claims.measures import load_measures

        _check_verdicts(fail_on)
        measures, faults = load_measures()
        article, wrong = load_article(file, measures)
        with reader.connect(chosen_settings(source, home)) as con:
            articles = judged([article] if article else [], con)
        lines = [*faults, *wrong, *(f"{file}: {line}" for one in articles for line in one.misfits)]
        for line in lines:
            err.print(f"[bold red]error:[/] {escape(line)}", soft_wrap=True, highlight=False)
        if claim_id is not None:
            _print_claim(*_found(articles, claim_id))
        else:
            for one in articles:
                _print_article(one)
        _fail(articles, fail_on)
        if lines:
            raise typer.Exit(1)


@app.command()
def measures(debug: DebugOption = False) -> None:
    """List the measures that a claim may name, with their parameters."""
    with one_line_errors(debug):
        from pipeline.claims.measures import load_measures

        found, _ = load_measures()
        table = Table(
            "measure", "unit", "what it is, and its parameters", box=None, pad_edge=False, header_style="bold"
        )
        for one in found.values():
            parameters = "".join(f"\n  {parameter.signature}: {parameter.description}" for parameter in one.parameters)
            evidence = f"\n  evidence: {', '.join(one.evidence)}"
            table.add_row(one.name, one.unit, escape(f"{one.description} Value: {one.value}{parameters}{evidence}"))
        out.print(table, highlight=False)


@app.command()
def new(
    file: Annotated[Path | None, typer.Argument(help="File to write; default: the terminal.")] = None,
    source: SourceOption = None,
    debug: DebugOption = False,
) -> None:
    """Write a commented template of an article, with symbols of the source."""
    with one_line_errors(debug):
        from pipeline.claims.articles import ID

        settings = chosen_settings(source, None)
        text = TEMPLATE.read_text(encoding="utf-8").format_map(EXAMPLE[settings.source == "sample"])
        if file is None:
            typer.echo(text, nl=False)
            return
        if not ID.fullmatch(file.stem):
            raise RotationError(f"{file}: name the file in small letters, digits, - and _: it is the article's id")
        if file.exists():
            raise RotationError(f"{file} exists already; name another file")
        file.write_text(text, encoding="utf-8")
        chosen = "" if settings.source == "sample" else f" --source {settings.source}"
        out.print(f"wrote {file}; judge it with: rotation claims check {file}{chosen}", soft_wrap=True, highlight=False)


def _check_verdicts(fail_on: list[str] | None) -> None:
    unknown = [verdict for verdict in fail_on or () if verdict not in COLOURS]
    if unknown:
        raise RotationError(f"--fail-on: there is no verdict '{unknown[0]}'; choose of {', '.join(COLOURS)}")


def _fail(articles: Sequence[ArticleResult], fail_on: list[str] | None) -> None:
    if any(claim.verdict in (fail_on or ()) for article in articles for claim in article.results):
        raise typer.Exit(1)


# Reading what is published


def _published(settings: Settings) -> list[ArticleResult]:
    """The ledger of the published build."""
    from pipeline import reader

    if not reader.query(settings, "select 1 from meta.tables where table_name = 'claim_readings'").rows:
        raise RotationError(f"this build is older than the ledger; run: rotation build --source {settings.source}")

    def rows(table: str, kind: type, leave_out: Sequence[str], order: str) -> list[dict[str, Any]]:
        names = [field.name for field in fields(kind) if field.name not in leave_out]
        answer = reader.query(settings, f"select {', '.join(names)} from marts.{table} order by {order}")
        return [dict(zip(names, row, strict=True)) for row in answer.rows]

    readings = [ReadingResult(**row) for row in rows("claim_readings", ReadingResult, (), "claim_id, reading_no")]
    claims = [
        ClaimResult(**row, results=tuple(one for one in readings if one.claim_id == row["claim_id"]))
        for row in rows("claims", ClaimResult, ("results",), "article, claim_no")
    ]
    return [
        ArticleResult(**row, results=tuple(one for one in claims if one.article == row["article"]))
        for row in rows("claim_articles", ArticleResult, ("results",), "published_at, article")
    ]


def _found(articles: Sequence[ArticleResult], claim_id: str) -> tuple[ArticleResult, ClaimResult]:
    found = [(article, claim) for article in articles for claim in article.results if claim.claim_id == claim_id]
    if not found:
        known = ", ".join(claim.claim_id for article in articles for claim in article.results)
        raise RotationError(f"there is no claim {claim_id}; there are {known}")
    return found[0]


# Printing


def _print_article(article: ArticleResult) -> None:
    """The article in one line, and a table of its claims."""
    synthetic = "  SYNTHETIC DATA" if article.is_synthetic else ""
    out.print(
        f"\n[bold]{escape(article.article)}[/]  {escape(article.title)} ({escape(article.publisher)}, "
        f"{article.published_at:%Y-%m-%d %H:%M} UTC){synthetic}",
        highlight=False,
    )
    if len(article.results) > 1 and set(article.counts) == {NOT_TESTABLE}:
        [(missing, _)] = Counter(_lack(claim) for claim in article.results).most_common(1)
        out.print(
            f"none of {len(article.results)} claims is testable; missing: {escape(missing or '')}", highlight=False
        )
        return
    table = Table("verdict", "claim", "measured against claimed", box=None, pad_edge=False, header_style="bold")
    for claim in article.results:
        table.add_row(
            f"[{COLOURS[claim.verdict]}]{claim.verdict.replace('_', ' ')}[/]",
            f"[bold]{escape(claim.claim_id)}[/] {escape(claim.claim)}",
            escape(_against(claim)),
        )
    out.print(table, highlight=False)
    out.print(", ".join(f"{number} {verdict.replace('_', ' ')}" for verdict, number in article.counts.items()))


def _against(claim: ClaimResult) -> str:
    """Measured against claimed, and what decides; or what is missing, the first of it."""
    said = f"{claim.measured} against {claim.claimed}" if claim.measured and claim.claimed else claim.measured
    missing = _lack(claim)
    if said is None:
        return f"missing: {missing}" if missing else claim.opinion or ""
    hindsight = " (with hindsight)" if claim.is_hindsight else ""
    untested = f"not tested for want of {missing}" if missing and claim.verdict == SUPPORTED_ONLY_UNDER else None
    more = claim.decided_by or untested
    return f"{said}{hindsight}" + (f"; {more}" if more else "")


def _lack(claim: ClaimResult) -> str | None:
    """The first thing that is missing."""
    return next((reading.missing for reading in claim.results if reading.missing), claim.missing)


def _print_claim(article: ArticleResult, claim: ClaimResult) -> None:
    out.print(
        f"[bold]{escape(claim.claim_id)}[/]  {escape(claim.claim)}\n"
        f"{escape(article.publisher)}, {article.published_at:%Y-%m-%d %H:%M} UTC; kind: {claim.kind}",
        highlight=False,
    )
    out.print(f"[bold {COLOURS[claim.verdict]}]{claim.verdict.replace('_', ' ')}[/]")
    said = {
        "measured": _against(claim) if claim.measured else None,
        "missing": claim.missing,
        "opinion": claim.opinion,
        "note": claim.note,
    }
    for name, value in said.items():
        if value:
            out.print(f"{name}: {escape(value)}", highlight=False)
    for reading in claim.results:
        _print_reading(reading)


def _print_reading(reading: ReadingResult) -> None:
    """A reading with its evidence and SQL; the SQL is not wrapped, so that it can be copied."""
    marks = {
        "arithmetic": reading.is_arithmetic,
        "with hindsight": reading.is_hindsight,
        "mixes bases": reading.mixes_bases,
    }
    part = f"{escape(reading.part)}: " if reading.part else ""
    marked = "".join(f" ({mark})" for mark, is_set in marks.items() if is_set)
    out.print(
        f"\n[{COLOURS[reading.verdict]}]{reading.verdict.replace('_', ' ')}[/]  "
        f"{part}[bold]{escape(reading.reading)}[/]{marked}",
        highlight=False,
    )
    margin = None if reading.margin is None else f"{reading.margin:+.6g}"
    of = f", of {reading.margin_of.replace('_', ' ')}" if reading.margin_of else ""
    known_at = reading.known_at and f"{reading.known_at:%Y-%m-%d %H:%M} UTC (last session {reading.session})"
    lines = {
        "measured": reading.measured,
        "claimed": reading.claimed,
        "margin": margin and f"{margin} (measured less claimed{of})",
        "missing": reading.missing,
        "as of": reading.as_of,
        "known at": known_at,
        "evidence": reading.evidence and _evidence(reading.evidence),
    }
    for name, value in lines.items():
        if value is not None:
            out.print(Padding(f"{name}: {escape(str(value))}", (0, 0, 0, 2), expand=False), highlight=False)
    if reading.sql:
        out.print(escape(reading.sql), soft_wrap=True, highlight=False, style="dim")


def _evidence(text: str) -> str:
    """The evidence as `name value` pairs."""
    return ", ".join(f"{name} {_word(value)}" for name, value in json.loads(text).items())


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
