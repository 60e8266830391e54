"""Numbers and dates as files write them. NULL: the source says there is none; NaN or a NULL date: cannot be read."""

import polars as pl

from pipeline.sources.files.refusals import Refused

NOTHING = ["", ".", "-", "--", "nan", "null", "none", "n/a", "na", "#n/a", "nat", "<na>"]
FIRST_YEAR = 1000  # %Y takes "24-01-02" for the year 24
# "1,234.5" yes, "1,23" no: that is a decimal comma, and dropping it would make a hundredfold error
THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"


def to_numbers(cells: pl.Series, *, units: bool = False, percent: bool = False) -> pl.Series:
    """Read numbers (Float64): NULL where the cell says there is none, NaN where it cannot be read.

    `units` allows "58.34M", "1.2B", "12K" (amounts such as volume); `percent` demands "10.00%".
    """
    quick = cells.cast(pl.Float64, strict=False)
    if not percent and quick.null_count() == cells.null_count() and quick.is_finite().all():
        return quick
    text = pl.col("text")
    body, scale = text, pl.lit(1.0)
    if units:
        unit = text.str.extract(r"\d([KMBTkmbt])$").str.to_uppercase()
        scale = unit.replace_strict({"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}, default=1.0, return_dtype=pl.Float64)
        body = text.str.replace(r"(\d)[KMBTkmbt]$", "${1}")
    if percent:
        body = pl.when(text.str.ends_with("%")).then(text.str.strip_suffix("%"))
    plain = pl.when(body.str.contains(THOUSANDS)).then(body.str.replace_all(",", "")).otherwise(body)
    number = plain.cast(pl.Float64, strict=False)
    number = pl.when(scale == 1.0).then(number).otherwise((number * scale).round(2))  # 58.34 * 1e6 is not whole
    frame = pl.DataFrame({"text": cells.str.strip_chars().fill_null("")})
    return frame.select(
        pl.when(text.str.to_lowercase().is_in(NOTHING))
        .then(None)
        .when(number.is_finite())
        .then(number)
        .otherwise(float("nan"))
        .alias(cells.name)
    ).to_series()


def to_dates(cells: pl.Series) -> pl.Series:
    """Read days; NULL where a cell cannot be read.

    Taken: 2024-07-16 with or without a time and an offset (the day as written), 07/16/2024 (US order), Jul 16, 2024 and
    20240716. Raises Refused where slashed dates are, or look, day first.
    """
    quick = cells.str.to_date("%Y-%m-%d", strict=False)
    if quick.null_count() > cells.null_count():
        text = cells.str.strip_chars()
        stamped = text.str.extract(r"^(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}[0-9:.]*\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?$")
        others = [
            text.str.to_date("%Y-%m-%d", strict=False),
            stamped.str.to_date("%Y-%m-%d", strict=False),
            text.str.extract(r"^(\d{4}/\d{2}/\d{2})$").str.to_date("%Y/%m/%d", strict=False),
            text.str.extract(r"^([A-Z][a-z]{2} \d{1,2}, \d{4})$").str.to_date("%b %d, %Y", strict=False),
            text.str.extract(r"^(\d{8})$").str.to_date("%Y%m%d", strict=False),
            _slashed(text),
        ]
        for other in others:
            quick = quick.zip_with(quick.is_not_null(), other)
    return quick.set(quick.dt.year() < FIRST_YEAR, None)


def _slashed(text: pl.Series) -> pl.Series:
    """07/16/2024 as month, day, year. The order is a guess, so the table must not speak against it."""
    text = text.str.extract(r"^(\d{1,2}/\d{1,2}/\d{4})$")
    month_first = text.str.to_date("%m/%d/%Y", strict=False)
    day_first = text.str.to_date("%d/%m/%Y", strict=False)
    unlike = (month_first.is_null() & day_first.is_not_null()).any()
    if unlike or (_in_order(day_first) and not _in_order(month_first)):
        raise Refused("dates are written day first (31/12/2024); write them as 2024-12-31")
    return month_first


def _in_order(days: pl.Series) -> bool:
    days = days.drop_nulls()
    return days.len() > 2 and (days.is_sorted() or days.is_sorted(descending=True))
