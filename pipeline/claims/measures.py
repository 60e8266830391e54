"""Measures: one parameterised select a file, which returns one row: `value`, `as_of` and `evidence`.

A measure names its parameters as `$symbol`. Two it always has: `$known_at`, the instant of the reading, and
`$session`, the last session that had closed by then. dbt_like_sql/README.md says how to write one.
"""

import contextlib
import datetime as dt
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

import pipeline
from pipeline.errors import FileError
from pipeline.sql_files import HeaderLine, fault, header, only, read, select, tables_read
from pipeline.sql_models import UNITS
from pipeline.tables import CORE, DERIVED

MEASURES_DIR = Path(pipeline.__file__).parent.parent / "dbt_like_sql" / "measures"
READABLE = (*(f"core.{name}" for name in CORE), *(f"derived.{name}" for name in DERIVED))
INSTANT = ("known_at", "session")
RESULT = ["value", "as_of", "evidence"]
VALUE_UNITS = (*UNITS, "date", "text", "flag")
HEADER_KEYS = ("measure", "parameter", "value", "missing")
AS_COLUMN = "asked__"
TRUTH = {"true": True, "false": False}

_PARAMETER = re.compile(r"([a-z][a-z0-9_]*)\s+([a-z]+)(?:\(([^()]*)\))?(?:\s*=\s*([^|]*?))?\s*\|\s*(.+)")
_VALUE = re.compile(r"(.+?)\s*\[([^\[\]]*)\]")
_PLACEHOLDER = re.compile(r"\$([a-z][a-z0-9_]*)")

Value = str | float | int | bool | dt.date | dt.datetime | None


@dataclass(frozen=True)
class Parameter:
    """What a reading may set: its kind, the values allowed, and the default (None: it must be given).

    Kinds: symbol, series, indicator (each must be in the warehouse), date (not after the instant), ahead (a date that
    may be), number, count (from 0 on), window (from 1 on), flag, choice and text. The default `none` is SQL's NULL.
    """

    name: str
    kind: str
    description: str
    choices: tuple[str, ...] = ()
    default: str | None = None

    @property
    def signature(self) -> str:
        """Name, kind and default, as in the header."""
        choices = f"({', '.join(self.choices)})" if self.choices else ""
        return f"{self.name} {self.kind}{choices}" + (f" = {self.default}" if self.default is not None else "")

    def parse(self, text: str) -> Value:
        """Return the value that a YAML file or a header gives as text.

        Raises:
            ValueError: it is not of the parameter's kind; the message says what was expected.
        """
        return None if text == self.default == "none" else PARSERS[self.kind](text, self)


def _choice(text: str, parameter: Parameter) -> str:
    if text not in parameter.choices:
        raise ValueError(f"'{text}' is none of {', '.join(parameter.choices)}")
    return text


def _date(text: str, _: Parameter) -> dt.date:
    return iso_date(text)


def iso_date(text: str) -> dt.date:
    """Read a date written as 2024-07-16, and in no other way.

    Raises:
        ValueError: it is none.
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        with contextlib.suppress(ValueError):
            return dt.date.fromisoformat(text)
    raise ValueError(f"'{text}' is no date; write it as 2024-07-16")


def _number(text: str, _: Parameter) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no number") from error
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"'{text}' is no number")
    return value


def _count(text: str, _: Parameter) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ValueError(f"'{text}' is no whole number from 0 to 999999")
    return int(text)


def _window(text: str, parameter: Parameter) -> int:
    if not (length := _count(text, parameter)):
        raise ValueError("0 is no length; it starts from 1")
    return length


def _flag(text: str, _: Parameter) -> bool:
    if text not in TRUTH:
        raise ValueError(f"'{text}' is neither true nor false")
    return TRUTH[text]


def _text(text: str, _: Parameter) -> str:
    return text


PARSERS: dict[str, Callable[[str, Parameter], Value]] = {
    "symbol": _text,
    "series": _text,
    "indicator": _text,
    "text": _text,
    "choice": _choice,
    "date": _date,
    "ahead": _date,
    "number": _number,
    "count": _count,
    "window": _window,
    "flag": _flag,
}


@dataclass(frozen=True)
class Measure:
    """A measure's file, read and checked.

    `missing` says, with parameters in braces, which data are missing where the value is NULL. `evidence` names the
    fields of the struct; it is empty where the select does not spell them out.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    value: str
    unit: str
    missing: str
    evidence: tuple[str, ...]
    sql: str
    inputs: tuple[str, ...]
    path: Path

    @property
    def by_name(self) -> dict[str, Parameter]:
        """Parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    def filled(self, values: Mapping[str, Value]) -> str:
        """Return the select with every parameter replaced by its value: plain SQL that can be pasted into a shell."""
        return _PLACEHOLDER.sub(lambda found: literal(values[found[1]]), self.sql)


def literal(value: Value) -> str:
    """Write a value in DuckDB's SQL."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return f"timestamptz '{value.astimezone(dt.UTC).isoformat(sep=' ')}'"
    if isinstance(value, dt.date):
        return f"date '{value}'"
    if isinstance(value, int | float):  # 1.5 alone would be a DECIMAL, and -1 after a minus a comment
        text = f"{value!r}::double" if isinstance(value, float) else repr(value)
        return f"({text})" if value < 0 else text
    return "'" + value.replace("'", "''") + "'"


def load_measures(folder: Path = MEASURES_DIR) -> tuple[dict[str, Measure], list[str]]:
    """Read every `*.sql` of the folder; return the measures by name, and one line for each file that is wrong."""
    measures, faults = {}, []
    for path in sorted(folder.glob("*.sql")):
        try:
            measures[path.stem] = _load(path)
        except FileError as error:
            faults.append(" ".join(str(error).split()))
    return measures, faults


def _load(path: Path) -> Measure:
    text = read(path)
    lines = header(path, text, HEADER_KEYS)
    body = text.split("\n", _header_height(text))[-1].strip().rstrip(";")
    # as columns: the parser counts the line after a placeholder twice
    query = select(path, _PLACEHOLDER.sub(rf" {AS_COLUMN}\1", text))
    if [item.output_name for item in query.selects] != RESULT:
        raise fault(path, 1, f"a measure selects {', '.join(RESULT)}, in this order")
    struct = query.selects[-1].find(exp.Struct)
    parameters = tuple(_parameter(path, line) for line in lines if line.key == "parameter")
    _check_used(path, query, body, [parameter.name for parameter in parameters])
    value = only(path, lines, "value")
    match = _VALUE.fullmatch(value.value)
    if match is None or match[2] not in VALUE_UNITS:
        raise fault(path, value.line, f"expected '-- value: What it is. [unit]', a unit of {', '.join(VALUE_UNITS)}")
    missing = only(path, lines, "missing")
    _check_braces(path, missing, {parameter.name for parameter in parameters} | {*INSTANT})
    return Measure(
        name=path.stem,
        description=only(path, lines, "measure").value,
        parameters=parameters,
        value=match[1],
        unit=match[2],
        missing=missing.value,
        evidence=tuple(field.name for field in struct.expressions) if struct else (),
        sql=body,
        inputs=_inputs(path, query),
        path=path,
    )


def _check_braces(path: Path, missing: HeaderLine, known: set[str]) -> None:
    try:
        parts = [part for part in string.Formatter().parse(missing.value) if part[1] is not None]
    except ValueError as error:
        raise fault(path, missing.line, f"missing: a brace without its partner ({error})") from error
    if unknown := [name for _, name, form, way in parts if name not in known or form or way]:
        raise fault(path, missing.line, f"missing: {{{unknown[0]}}} is not a parameter, as it stands")


def _header_height(text: str) -> int:
    return next((n for n, line in enumerate(text.splitlines()) if not line.startswith("--")), 0)


def _parameter(path: Path, line: HeaderLine) -> Parameter:
    match = _PARAMETER.fullmatch(line.value)
    if match is None or match[2] not in PARSERS or match[1] in INSTANT or (match[2] == "choice") != bool(match[3]):
        known = ", ".join(kind for kind in PARSERS if kind != "choice")
        raise fault(
            path,
            line.line,
            f"expected '-- parameter: name kind = default | What it is.', a kind of {known} or choice(a, b)",
        )
    choices = tuple(one.strip() for one in match[3].split(",")) if match[3] else ()
    if "" in choices:
        raise fault(path, line.line, f"{match[1]}: an empty choice")
    parameter = Parameter(match[1], match[2], match[5], choices, match[4])
    if parameter.default is not None:
        try:
            parameter.parse(parameter.default)
        except ValueError as error:
            raise fault(path, line.line, f"{parameter.name}: the default {error}") from error
    return parameter


def _inputs(path: Path, query: exp.Query) -> tuple[str, ...]:
    inputs = tables_read(path, query, ("core", "derived"))
    if unknown := [name for name in inputs if name not in READABLE]:
        raise fault(path, 1, f"there is no table {unknown[0]}; a measure reads {', '.join(READABLE)}")
    return inputs


def _check_used(path: Path, query: exp.Query, body: str, declared: list[str]) -> None:
    """Every placeholder is declared, every parameter used, and no text or comment holds what looks like one."""
    if twice := sorted({name for name in declared if declared.count(name) > 1}):
        raise fault(path, 1, f"parameter {twice[0]} is declared twice")
    columns = [node.name for node in query.find_all(exp.Column)]
    placed = [name.removeprefix(AS_COLUMN) for name in columns if name.startswith(AS_COLUMN)]
    written = _PLACEHOLDER.findall(body)
    if sorted(placed) != sorted(written):
        raise fault(path, 1, "a $name stands in a text or a comment; write it without the $")
    if strange := sorted({*placed} - {*declared, *INSTANT}):
        raise fault(path, 1, f"${strange[0]} has no '-- parameter:' line")
    if unused := sorted({*declared} - {*placed}):
        raise fault(path, 1, f"parameter {unused[0]} is not used in the select")
