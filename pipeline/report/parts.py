"""What a section of the report hands to the page."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


class Missing(Exception):
    """The catalogue has not what a part of the page needs; the message says what, in one line."""


@dataclass(frozen=True)
class Table:
    """An answer of the catalogue, with the SQL that gave it."""

    name: str
    sql: str
    columns: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]

    @property
    def rows(self) -> list[Row]:
        """Rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.values]

    def column(self, name: str) -> list[Any]:
        """Values of one column, without NULL."""
        place = self.columns.index(name)
        return [row[place] for row in self.values if row[place] is not None]

    def needed(self, what: str) -> "Table":
        """Return the table itself, or raise Missing when it has no rows."""
        if not self.values:
            raise Missing(what)
        return self

    @property
    def data(self) -> dict[str, Any]:
        """Columns and rows for the page; days as ISO dates, instants as UTC to the minute."""
        return {
            "name": self.name,
            "columns": self.columns,
            "rows": [[_plain(value) for value in row] for row in self.values],
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M}Z"
    return value.isoformat() if isinstance(value, dt.date) else value


@dataclass(frozen=True)
class Figure:
    """A chart: a title that states its finding, what to know beside it, and the tables it is drawn from.

    spec: Vega-Lite, its data sets named after the tables. cursor: table, time column and what is read out at the
    pointer (charts.number, charts.word); None where marks have tooltips. legend: sign, colour and words of each mark.
    """

    key: str
    title: str
    note: str
    spec: dict[str, Any]
    tables: Sequence[Table]
    cursor: dict[str, Any] | None = None
    legend: Sequence[tuple[str, str, str]] = ()
    kind: str = field(default="figure", init=False)

    def json(self) -> dict[str, Any]:
        """What page.js draws."""
        return {"spec": self.spec, "tables": [table.data for table in self.tables], "cursor": self.cursor}


@dataclass(frozen=True)
class Block:
    """A part that the template lays out itself, by its kind; `content` is what it shows."""

    kind: str
    content: dict[str, Any]
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Line:
    """One line instead of a part: what is missing, or that it could not be made."""

    text: str
    kind: str = field(default="line", init=False)


Part = Figure | Block | Line
