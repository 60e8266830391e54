"""How fresh the data are, and where they and this page come from."""

from pipeline.report import findings
from pipeline.report.catalogue import Catalogue
from pipeline.report.parts import Block

PRICE_LICENCE = (
    "Prices are as their source served them, for personal use: they may not be redistributed. Macro series belong to "
    "those named here; those marked not redistributable or copyrighted may not be passed on, and neither may this page "
    "while it shows them."
)
SYNTHETIC_LICENCE = "Every figure on this page is made up by the sample source; none is a quote."


def freshness(catalogue: Catalogue) -> Block:
    """Every symbol and series with its newest day; those behind come first."""
    table = catalogue.ask("freshness").needed("a symbol or series")
    stale = [row for row in table.rows if row["is_stale"] and row["last_day"] is not None]
    sessions = [row["newest_session"] for row in table.rows if row["newest_session"]]
    content = {"title": findings.freshness(table.rows, max(sessions, default=None)), "stale": stale}
    return Block("freshness", content, (table,))


def build(catalogue: Catalogue) -> Block:
    """Build, code, hashes, captures and licences."""
    found = catalogue.ask("builds").needed("a row of meta.builds")
    captures, licences = catalogue.ask("provenance"), catalogue.ask("licences")
    row = found.rows[0]
    content = {
        "row": row,
        "captures": captures.rows,
        "licences": licences.rows,
        "note": SYNTHETIC_LICENCE if row["is_synthetic"] else PRICE_LICENCE,
    }
    return Block("provenance", content, (found, captures, licences))
