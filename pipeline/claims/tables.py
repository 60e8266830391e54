"""The ledger's results as tables of marts: claims, claim_readings and claim_articles."""

from collections.abc import Sequence

import polars as pl

from pipeline.claims.results import ArticleResult
from pipeline.tables import CLAIMS


def tables(articles: Sequence[ArticleResult]) -> dict[str, pl.DataFrame]:
    """Return the three tables by name, unrounded, sorted by key."""
    claims = [claim for article in articles for claim in article.results]
    rows: dict[str, Sequence[object]] = {
        "marts.claims": claims,
        "marts.claim_readings": [reading for claim in claims for reading in claim.results],
        "marts.claim_articles": articles,
    }
    return {
        name: pl.DataFrame(
            [{column: getattr(row, column) for column in contract.columns()} for row in rows[name]],
            schema={column: spec.dtype for column, spec in contract.columns().items()},
        ).sort(contract.primary_key())
        for name, contract in CLAIMS.items()
    }
