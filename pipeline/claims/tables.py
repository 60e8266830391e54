"""The ledger's results as tables of marts: claims, claim_readings and claim_articles."""

from collections.abc import Sequence

import polars as pl

from pipeline.claims.results import ArticleResult
from pipeline.contracts.claims import VERDICTS
from pipeline.tables import CLAIMS


def tables(articles: Sequence[ArticleResult]) -> dict[str, pl.DataFrame]:
    """Return the three tables by name, unrounded, in the order of the articles, their claims and their readings."""
    claims = [claim for article in articles for claim in article.results]
    rows: dict[str, Sequence[object]] = {
        "marts.claims": claims,
        "marts.claim_readings": [reading for claim in claims for reading in claim.results],
        "marts.claim_articles": articles,
    }
    frames = {
        name: pl.DataFrame(
            [{column: getattr(row, column, None) for column in contract.columns()} for row in rows[name]],
            schema={column: spec.dtype for column, spec in contract.columns().items()},
        )
        for name, contract in CLAIMS.items()
    }
    counts = {verdict: [article.counts[verdict] for article in articles] for verdict in VERDICTS}
    counted = [pl.Series(name, numbers, pl.Int64) for name, numbers in counts.items()]
    number = pl.Series("claims", [len(article.results) for article in articles], pl.Int64)
    return {**frames, "marts.claim_articles": frames["marts.claim_articles"].with_columns(number, *counted)}
