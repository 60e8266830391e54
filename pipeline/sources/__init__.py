"""Talk to vendors: fetch, then parse. No Dagster here."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from pipeline import calendar
from pipeline.config import Config
from pipeline.contracts import raw
from pipeline.errors import RotationError
from pipeline.settings import Settings

Captured = Callable[[str], pl.DataFrame]  # everything captured so far into a raw table, by the table's name
OnAnswer = Callable[[str, int, int, str], None]  # vendor, answered so far, questions, what was just answered


@dataclass(frozen=True)
class Batch:
    """What one run received, in the shapes of `pipeline.contracts.raw`."""

    prices: pl.DataFrame
    macro: pl.DataFrame
    futures: pl.DataFrame
    fomc: pl.DataFrame
    facts: pl.DataFrame
    series: pl.DataFrame
    answers: pl.DataFrame
    rejects: pl.DataFrame

    @staticmethod
    def of(
        *,
        prices: Sequence[pl.DataFrame] = (),
        macro: Sequence[pl.DataFrame] = (),
        futures: Sequence[pl.DataFrame] = (),
        fomc: Sequence[pl.DataFrame] = (),
        facts: Sequence[pl.DataFrame] = (),
        series: Sequence[pl.DataFrame] = (),
        answers: Sequence[pl.DataFrame] = (),
        rejects: Sequence[pl.DataFrame] = (),
    ) -> "Batch":
        """Put pieces together; what is not given is an empty frame of the right shape."""
        return Batch(
            prices=pl.concat([raw.PriceCapture.create_empty(), *prices]),
            macro=pl.concat([raw.MacroCapture.create_empty(), *macro]),
            futures=pl.concat([raw.FuturesCapture.create_empty(), *futures]),
            fomc=pl.concat([raw.FomcCapture.create_empty(), *fomc]),
            facts=pl.concat([raw.FactCapture.create_empty(), *facts]),
            series=pl.concat([raw.SeriesCapture.create_empty(), *series]),
            answers=pl.concat([raw.Answer.create_empty(), *answers]),
            rejects=pl.concat([raw.Reject.create_empty(), *rejects]),
        )

    def received_by(self, now: dt.datetime) -> "Batch":
        """A month's folder stands for the month's end; until then its copies were received now, not in the future."""
        received = pl.min_horizontal("captured_at", pl.lit(now).cast(pl.Datetime("us", "UTC")))
        parts = {part: frame.with_columns(captured_at=received) for part, frame in vars(self).items()}
        final = pl.min_horizontal("session_date", pl.lit(calendar.last_final_session(now)))
        # of copies of one instant the one that serves most answers for the source
        answers = parts["answers"].with_columns(session_date=final).sort("served_from", nulls_last=True)
        answers = answers.unique(["dataset", "id", "captured_at"], keep="first", maintain_order=True)
        return Batch(**{**parts, "answers": answers})

    def is_empty(self) -> bool:
        """Nothing but refusals."""
        return not any(part.height for part in (self.prices, self.macro, self.futures, self.fomc))


@dataclass(frozen=True)
class Received:
    """All that arrived. `interruption` stopped it (Ctrl-C): to be raised once what arrived is kept."""

    batch: Batch
    interruption: BaseException | None = None


def fetch(
    settings: Settings, config: Config, captured: Captured, *, now: dt.datetime, on_answer: OnAnswer | None = None
) -> Received:
    """Ask the configured source for what it has at the instant `now`.

    Without a folder the `files` source has nothing new, which is fine once something was captured. A replay of the
    `live` source asks nobody: what is known since does not belong in it.

    Raises:
        RotationError: the source as a whole cannot be read.
    """
    if settings.source == "sample":
        from pipeline.sources import sample

        return Received(sample.generate(until=calendar.last_final_session(now), captured_at=now))
    if settings.source == "live":
        if settings.as_of is not None and any(captured(table).height for table in ("price_captures", "macro_captures")):
            return Received(Batch.of())
        from pipeline.sources import live

        return live.fetch(settings, config, captured, now=now, on_answer=on_answer)
    if settings.folder is None:
        if captured("price_captures").is_empty():
            raise RotationError("the files source needs a folder: rotation build --source files --from DIR")
        return Received(Batch.of())
    from pipeline.sources import files

    known = config.by_symbol.keys()
    batch = files.read_folder(settings.folder, known_symbols=known, captured_at=settings.captured_at)
    return Received(batch.received_by(now))
