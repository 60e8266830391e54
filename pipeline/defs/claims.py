"""The claims ledger: judged once all tables that its measures read are there. It never stops a publication."""

import functools
import time
from collections.abc import Iterator

import dagster as dg

from pipeline.claims.ledger import judged
from pipeline.claims.loading import Ledger
from pipeline.claims.results import CONTRADICTED, INCONSISTENT, ArticleResult
from pipeline.claims.tables import tables
from pipeline.defs.marts import connected
from pipeline.defs.schemas import contract_metadata, identity, key
from pipeline.defs.warehouse import preview
from pipeline.settings import Settings
from pipeline.tables import CLAIMS
from pipeline.warehouse import Warehouse
from pipeline.writing import described

DOUBTFUL = (CONTRADICTED, INCONSISTENT)


def claim_assets(settings: Settings, ledger: Ledger) -> dg.AssetsDefinition:
    """Return the three tables of the ledger as one step, with a check for each article."""
    claims = key(settings, "marts.claims")

    @dg.multi_asset(
        name=f"{settings.source}_claims",
        specs=[
            dg.AssetSpec(
                **identity(settings, name, ledger.inputs),
                kinds={"sql", "duckdb", "parquet"},
                description=described(contract),
                metadata=contract_metadata(contract),
            )
            for name, contract in CLAIMS.items()
        ],
        check_specs=[
            *(
                dg.AssetCheckSpec(
                    _check_name(article.slug),
                    asset=claims,
                    description=f"{article.head.title} ({article.head.publisher}): no claim is contradicted or "
                    "inconsistent.",
                )
                for article in ledger.articles
            ),
            dg.AssetCheckSpec(
                "files_are_right",
                asset=claims,
                description="Every claim and measure can be read, and each measure fits what is expected of it.",
            ),
        ],
    )
    def claims_and_readings(
        warehouse: dg.ResourceParam[Warehouse],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        started = time.perf_counter()
        # two at a time, each in one thread: queries of milliseconds; and sums are always in the same order
        tables_read = functools.partial(connected, warehouse, ledger.inputs, threads=1)
        with tables_read() as one, tables_read() as other:
            results = judged(ledger.articles, one, other)
        seconds = time.perf_counter() - started
        faults = [*ledger.faults, *(line for article in results for line in article.misfits)]
        warehouse.note("warnings", "marts.claims", dict.fromkeys(faults, 1))
        for name, frame in tables(results).items():
            spent = seconds if name == "marts.claims" else 0.0
            stats, tail = warehouse.write(name, frame, seconds=(0.0, spent))
            yield dg.MaterializeResult(
                asset_key=key(settings, name),
                metadata={"dagster/row_count": stats.rows, "bytes": stats.bytes, "preview": preview(tail)},
            )
        for article, result in zip(ledger.articles, results, strict=True):
            yield _checked(claims, result, article.slug)
        yield dg.AssetCheckResult(
            check_name="files_are_right",
            asset_key=claims,
            passed=not faults,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"faults": faults},
        )

    return claims_and_readings


def _check_name(slug: str) -> str:
    return f"article_{slug}"


def _checked(claims: dg.AssetKey, article: ArticleResult, slug: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=_check_name(slug),
        asset_key=claims,
        passed=not any(verdict in article.counts for verdict in DOUBTFUL),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "published_at": article.published_at.isoformat(),
            **article.counts,
            "claims": dg.MetadataValue.md(_table(article)),
        },
    )


def _table(article: ArticleResult) -> str:
    """The article's claims as a Markdown table."""
    rows = [
        (one.verdict, one.claim_id, one.claim, one.measured or one.missing or one.opinion or "", one.claimed or "")
        for one in article.results
    ]
    lines = [("verdict", "id", "claim", "measured", "claimed"), ("---",) * 5, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
