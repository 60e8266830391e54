"""Write report.html from a published catalogue: sections are made one by one, and one that fails costs only itself."""

import base64
import hashlib
import json
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from altair.utils.schemapi import debug_mode
from markupsafe import Markup, escape

from pipeline.report import bundle
from pipeline.report.catalogue import Catalogue
from pipeline.report.parts import Block, Figure, Line, Missing, Part, Row
from pipeline.report.sections import SECTIONS, Maker, Section

FOLDER = Path(__file__).parent
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
log = logging.getLogger(__name__)


def write(catalogue: Path, target: Path) -> list[str]:
    """Write the report of the DuckDB file `catalogue` to `target`, an HTML file that loads nothing.

    Returns:
        One line for each part that could not be made; the page says so in its place.

    Raises:
        duckdb.Error: the file cannot be opened.
    """
    warnings: list[str] = []
    with Catalogue(catalogue) as opened, debug_mode(False):  # no check of each piece; a test validates every spec
        build = _build(opened)
        templates = _templates(is_synthetic=bool(build.get("is_synthetic")))
        sections = [(section, list(_parts(section, opened, templates, warnings))) for section in SECTIONS]
    target.write_text(_page(templates, sections, build), encoding="utf-8")
    return warnings


def _build(catalogue: Catalogue) -> Row:
    """Return the row of this build, empty where the catalogue does not know it."""
    try:
        rows = catalogue.ask("builds").rows
    except duckdb.Error:
        rows = []
    return rows[0] if rows else {}


def _parts(
    section: Section, catalogue: Catalogue, templates: jinja2.Environment, warnings: list[str]
) -> Iterator[Markup]:
    """Yield the parts of a section as HTML."""
    template = templates.get_template("part.html.j2")
    for maker in section.makers:
        try:
            parts = [Markup(template.render(part=part)) for part in _made(maker, catalogue)]
        except Exception as error:  # the rest of the page is still worth having
            log.debug("section %s failed", section.key, exc_info=True)
            what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            warnings.append(f"report: the section '{section.heading}' could not be made: {what}")
            parts = [Markup(template.render(part=Line("This part could not be made; the build's warnings say why.")))]
        yield from parts


def _made(maker: Maker, catalogue: Catalogue) -> Sequence[Part]:
    try:
        made = maker(catalogue)
    except Missing as missing:
        return [Line(f"Missing: {missing}.")]
    return [made] if isinstance(made, Figure | Block | Line) else made


def _templates(*, is_synthetic: bool) -> jinja2.Environment:
    """Return the templates: all text goes through autoescape, all data through JSON without `<`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(embedded=embedded, plain=_plain, typeset=typeset)
    environment.globals.update(is_synthetic=is_synthetic)
    return environment


def _page(templates: jinja2.Environment, sections: Sequence[tuple[Section, Sequence[Markup]]], build: Row) -> str:
    scripts = [Markup(bundle.script()), _asset("page.js")]
    return templates.get_template("page.html.j2").render(
        sections=sections,
        build=build,
        style=_asset("style.css"),
        scripts=scripts,
        policy=f"default-src 'none'; script-src {' '.join(map(_digest, scripts))}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'",
    )


def embedded(value: Any) -> Markup:
    """Return JSON that can stand inside a script element: without `<`, `>` and `&`."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def typeset(text: object) -> Markup:
    """Return escaped text whose dates and per cents are not broken across lines."""
    whole = _DAY.sub(r'<span class="day">\g<0></span>', str(escape(text)))
    return Markup(whole.replace(" %", "\u00a0%"))


def _plain(value: Any) -> str:
    """Return a value as the tables of the page show it."""
    if value is None:
        return "–"
    return f"{value:%Y-%m-%d %H:%M} UTC" if hasattr(value, "hour") else str(value)


def _asset(name: str) -> Markup:
    """Return a file of this folder as it is: ours, and without data."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
