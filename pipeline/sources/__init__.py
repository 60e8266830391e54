"""Talk to vendors: fetch, then parse. No Dagster here."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline import calendar
from pipeline.config import Config
from pipeline.contracts import raw
from pipeline.errors import RotationError
from pipeline.settings import Settings


@dataclass(frozen=True)
class Batch:
    """What one run received, in the shapes of `pipeline.contracts.raw`."""

    prices: pl.DataFrame
    macro: pl.DataFrame
    futures: pl.DataFrame
    fomc: pl.DataFrame
    rejects: pl.DataFrame

    @staticmethod
    def of(
        *,
        prices: Sequence[pl.DataFrame] = (),
        macro: Sequence[pl.DataFrame] = (),
        futures: Sequence[pl.DataFrame] = (),
        fomc: Sequence[pl.DataFrame] = (),
        rejects: Sequence[pl.DataFrame] = (),
    ) -> "Batch":
        """Put pieces together; what is not given is an empty frame of the right shape."""
        return Batch(
            prices=pl.concat([raw.PriceCapture.create_empty(), *prices]),
            macro=pl.concat([raw.MacroCapture.create_empty(), *macro]),
            futures=pl.concat([raw.FuturesCapture.create_empty(), *futures]),
            fomc=pl.concat([raw.FomcCapture.create_empty(), *fomc]),
            rejects=pl.concat([raw.Reject.create_empty(), *rejects]),
        )

    def received_by(self, now: dt.datetime) -> "Batch":
        """A month's folder stands for the month's end; until then its copies were received now, not in the future."""
        received = pl.min_horizontal("captured_at", pl.lit(now).cast(pl.Datetime("us", "UTC")))
        return Batch(**{part: frame.with_columns(captured_at=received) for part, frame in vars(self).items()})

    def is_empty(self) -> bool:
        """Nothing but refusals."""
        return not any(part.height for part in (self.prices, self.macro, self.futures, self.fomc))


def fetch(settings: Settings, config: Config, *, now: dt.datetime, folder_required: bool) -> Batch:
    """Ask the configured source for what it has at the instant `now`.

    Without a folder the `files` source has nothing new, which is fine once something was captured.

    Raises:
        RotationError: the source as a whole cannot be read.
    """
    if settings.source == "sample":
        from pipeline.sources import sample

        return sample.generate(until=calendar.last_final_session(now), captured_at=now)
    if settings.folder is None:
        if folder_required:
            raise RotationError("the files source needs a folder: rotation build --source files --from DIR")
        return Batch.of()
    from pipeline.sources import files

    known = config.by_symbol.keys()
    batch = files.read_folder(settings.folder, known_symbols=known, captured_at=settings.captured_at)
    return batch.received_by(now)
