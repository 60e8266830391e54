"""The claims ledger: articles, claims with verdicts, readings with their evidence."""

import json
from itertools import groupby
from typing import Any

from pipeline.claims.results import VERDICTS
from pipeline.report import findings
from pipeline.report.catalogue import Catalogue
from pipeline.report.parts import Block, Row


def ledger(catalogue: Catalogue) -> Block:
    """Every article with its claims, every claim with its readings."""
    articles = catalogue.ask("articles").needed("an article in the claims ledger")
    claims, readings = catalogue.ask("claims"), catalogue.ask("readings")
    by_claim = {claim: list(rows) for claim, rows in groupby(readings.rows, key=lambda row: row["claim_id"])}
    by_article: dict[str, list[Row]] = {row["article"]: [] for row in articles.rows}
    for claim in claims.rows:
        shown = [_words(row) for row in by_claim.get(claim["claim_id"], [])]
        by_article.setdefault(claim["article"], []).append({**claim, "results": shown, "lack": _lack(claim, shown)})
    total = {verdict: sum(row[verdict] for row in articles.rows) for verdict in VERDICTS}
    content = {
        "title": findings.claims(total),
        "articles": [_article(row, by_article[row["article"]]) for row in articles.rows],
    }
    return Block("claims", content, (articles, claims, readings))


def _article(row: Row, claims: list[Row]) -> dict[str, Any]:
    counts = {verdict: row[verdict] for verdict in VERDICTS if row[verdict]}
    missing = claims[0]["lack"] if claims and set(counts) == {"not_testable"} else None
    return {**row, "counts": counts, "all_missing": missing, "results": claims}


def _lack(claim: Row, readings: list[Row]) -> str | None:
    """Return the first thing that is missing."""
    return next((row["missing"] for row in readings if row["missing"]), claim["missing"])


def _words(row: Row) -> Row:
    """Return a reading with the words that the page shows."""
    margin, of = row["margin"], f", of {row['margin_of'].replace('_', ' ')}" if row["margin_of"] else ""
    known_at = row["known_at"] and f"{row['known_at']:%Y-%m-%d %H:%M} UTC, last session {row['session']}"
    parameters = _listed(row["parameters"])
    return {
        **row,
        "margin_words": None if margin is None else f"{margin:+.6g} (measured less claimed{of})",
        "known_at_words": known_at,
        "measure_words": f"{row['measure']}: {parameters}" if parameters else row["measure"],
        "evidence_words": _listed(row["evidence"]),
    }


def _listed(text: str | None) -> str:
    """Return a JSON object as `name value` pairs, as `rotation claims show` does."""
    found = json.loads(text) if text else {}
    return ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in found.items()
    )
