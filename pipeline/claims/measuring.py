"""Running a measure: one row in, checked; figures that are none become NULL."""

import datetime as dt
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import duckdb

from pipeline.claims.measures import Measure
from pipeline.claims.verdicts import Measured
from pipeline.settings import NEW_YORK

EVIDENCE_DECIMALS = 8
VALUES = (bool, int, float, str, dt.date)


class MeasureError(Exception):
    """A measure's select fails, or does not return what a measure returns."""


def measured(measure: Measure, sql: str, known_at: dt.datetime | None, con: duckdb.DuckDBPyConnection) -> Measured:
    """Run the filled select of a measure and return its row.

    Raises:
        MeasureError: it fails, returns other than one row of `value`, `as_of` and `evidence`, or looks ahead.
    """
    try:
        rows = con.execute(sql).fetchall()
    except duckdb.Error as error:
        reason = " ".join(str(error).split("\nLINE")[0].split())
        raise MeasureError(f"{measure.name} fails: {reason}") from error
    if len(rows) != 1 or len(rows[0]) != 3:
        raise MeasureError(f"{measure.name} returns {len(rows)} rows, not one of value, as_of and evidence")
    value, as_of, evidence = rows[0]
    value = _figure(value)
    if value is not None and not isinstance(value, VALUES):
        raise MeasureError(f"{measure.name} returns a {type(value).__name__} as value")
    if as_of is not None and (not isinstance(as_of, dt.date) or isinstance(as_of, dt.datetime)):
        raise MeasureError(f"{measure.name} returns no date as as_of")
    if not isinstance(evidence, dict):
        raise MeasureError(f"{measure.name} returns no struct as evidence")
    if as_of is not None and known_at is not None and as_of > known_at.astimezone(NEW_YORK).date():
        raise MeasureError(f"{measure.name} looks ahead: it answers as of {as_of}")
    return Measured(value, as_of, {name: _figure(one) for name, one in evidence.items()})


def _figure(value: Any) -> Any:
    """A DECIMAL as a float; NaN and infinity, as everywhere, as NULL."""
    value = float(value) if isinstance(value, Decimal) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def days(found: Measured) -> list[dt.date]:
    """Days of the evidence, in lists too, and the day that the value is of; instants are about when, not what."""
    listed = [one for value in found.evidence.values() for one in (value if isinstance(value, list) else [value])]
    return [one for one in (found.as_of, *listed) if isinstance(one, dt.date) and not isinstance(one, dt.datetime)]


def as_json(values: Mapping[str, Any], decimals: int | None = EVIDENCE_DECIMALS) -> str:
    """Write a struct as a JSON object, figures rounded unless `decimals` is None."""
    return json.dumps(_plain(values, decimals), ensure_ascii=False, default=str)


def _plain(value: Any, decimals: int | None) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one, decimals) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, decimals) for one in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    value = _figure(value)
    return round(value, decimals) if isinstance(value, float) and decimals is not None else value
