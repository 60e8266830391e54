"""The ledger as it lies on the disk: all measures, and the articles that speak of a source's data."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.claims.articles import CLAIMS_DIR, SAMPLE_DIR, Article, load_articles
from pipeline.claims.knowledge import TABLES
from pipeline.claims.measures import Measure, load_measures


@dataclass(frozen=True)
class Ledger:
    """Measures, articles, and one line for each thing in their files that is wrong."""

    measures: Mapping[str, Measure]
    articles: tuple[Article, ...]
    faults: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tables that judging the articles reads."""
        read = (name for measure in self.measures.values() for name in measure.inputs)
        return tuple(sorted({*TABLES, *read}))


def load_ledger(source: str) -> Ledger:
    """Read the files of dbt_like_sql; of the source `sample` also the article about its planted events.

    What is wrong in a file is told in `faults`; everything else is there.
    """
    measures, faults = load_measures()
    articles, wrong = load_articles([CLAIMS_DIR, *([SAMPLE_DIR] if source == "sample" else [])], measures)
    return Ledger(measures, tuple(articles), (*faults, *wrong))
