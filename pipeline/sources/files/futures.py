"""Fed funds futures by contract, and the decisions of the FOMC."""

import polars as pl

from pipeline.contracts import raw
from pipeline.sources.bars import last_final_day
from pipeline.sources.files.cells import to_dates, to_numbers
from pipeline.sources.files.document import Table
from pipeline.sources.files.refusals import SOURCE, Capture, Refused, faults_of, instant
from pipeline.sources.files.shapes import Shape

CONTRACT = r"^[A-Z0-9]{2,4}[FGHJKMNQUVXZ]\d{1,4}$"
SIXTEENTH = 0.0625  # targets have always been set in sixteenths of a point
HIGHEST_TARGET = 25.0


def read_futures(table: Table, shape: Shape, capture: Capture) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turn settlements into (captures as `raw.FuturesCapture`, faults). Futures also trade when XNYS does not."""
    rows, place = table.rows, {field: str(index) for field, index in shape.columns.items()}
    numbers = [to_numbers(rows[place[name]]).alias(name) for name in ("close", "volume", "open_interest")]
    days = to_dates(rows[place["session_date"]]).alias("session_date")
    contract = rows[place["contract"]].str.strip_chars().str.to_uppercase().alias("contract")
    day = pl.col("session_date")
    reason = pl.coalesce(
        pl.when(day.is_null()).then(pl.lit("date cannot be read")),
        pl.when(~pl.col("contract").fill_null("").str.contains(CONTRACT)).then(pl.lit("no readable contract")),
        pl.when(day > last_final_day(capture.complete_by)).then(pl.lit("session not final when captured")),
        pl.when(day.dt.weekday() > 5).then(pl.format("not a trading day ({})", day.dt.to_string("%A"))),
        *(pl.when(pl.col(c.name).is_nan()).then(pl.lit(f"number cannot be read in {c.name}")) for c in numbers),
        pl.when(pl.col("close").is_null()).then(pl.lit("no price")),
        pl.when(pl.col("close") <= 0).then(pl.lit("price is not positive")),
        pl.when(pl.col("volume") < 0).then(pl.lit("volume is negative")),
        pl.when(pl.col("open_interest") < 0).then(pl.lit("open interest is negative")),
    )
    frame = pl.DataFrame([rows["line"], contract, days, *numbers]).with_columns(reason=reason)
    return _finish(frame, ["contract", "session_date"], table, capture, raw.FuturesCapture.column_names())


def read_fomc(table: Table, shape: Shape, capture: Capture) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turn meetings into (captures as `raw.FomcCapture`, faults). Raises Refused where the values are no policy rates.

    Many indicators come as date, actual, previous; only a policy rate moves in sixteenths (some cut to two digits).
    """
    rows, place = table.rows, {field: str(index) for field, index in shape.columns.items()}
    numbers = [to_numbers(rows[place[n]], percent=True).alias(n) for n in ("target_pct", "previous_target_pct")]
    days = to_dates(rows[place["decided_on"]]).alias("decided_on")
    frame = pl.DataFrame([rows["line"], days, *numbers])
    for column in numbers:
        values = column.drop_nulls().drop_nans()
        step = (values / SIXTEENTH).ceil() * SIXTEENTH
        if ((values < 0) | (values > HIGHEST_TARGET) | (step - values >= 0.01)).any():
            raise Refused("header is that of FOMC decisions, but the values are no targets (sixteenths of a percent)")
    reason = pl.coalesce(
        pl.when(pl.col("decided_on").is_null()).then(pl.lit("date cannot be read")),
        *(
            pl.when(pl.col(c.name).is_nan()).then(pl.lit("number cannot be read (a percentage such as 5.25%)"))
            for c in numbers
        ),
        pl.when((pl.col("decided_on") > capture.captured_at.date()) & pl.col("target_pct").is_not_null()).then(
            pl.lit("a decision dated after its capture")
        ),
    )
    return _finish(frame.with_columns(reason=reason), ["decided_on"], table, capture, raw.FomcCapture.column_names())


def _finish(
    frame: pl.DataFrame, key: list[str], table: Table, capture: Capture, columns: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuse rows that contradict each other, and put the rest in the shape of captures."""
    good = pl.col("reason").is_null()
    if not frame.filter(good).select(pl.struct(key).is_unique().all()).item():
        frame = frame.unique([name for name in frame.columns if name != "line"], keep="first", maintain_order=True)
        differs = good & (pl.len().over(*key, "reason") > 1)
        frame = frame.with_columns(
            reason=pl.when(differs).then(pl.lit("the day comes twice with different values")).otherwise("reason")
        )
    taken = frame.filter(good).sort(key)
    taken = taken.with_columns(
        captured_at=instant(capture.captured_at), source=pl.lit(SOURCE), origin=pl.lit(capture.origin)
    )
    return taken.select(columns), faults_of(table.rows, frame.filter(~good).sort("line"))
