"""The SQL models: one `select` a file, whose comment header says what it is, and how it is checked. No Dagster."""

import graphlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl
import sqlglot
from sqlglot import exp

import pipeline
from pipeline.contracts.columns import DECIMALS, published
from pipeline.errors import FileError
from pipeline.sql_files import HeaderLine, fault, first_sql_line, header, line_of, only, read, select, tables_read

MODELS_DIR = Path(pipeline.__file__).parent.parent / "dbt_like_sql" / "marts"
LAYER = "marts"
READABLE_LAYERS = ("core", "derived", LAYER)
UNITS = {kind.replace("_", " "): decimals for kind, decimals in DECIMALS.items()} | {"count": None}
HEADER_KEYS = ("model", "grain", "known", "column", "fail", "warn")
GRADES = ("exact", "ours", "reconstruction", "proxy", "snapshot")
REPAINTS = "repaints"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COLUMN = re.compile(r"([^|]*?)\s*\|\s*(.*?)(?:\s*\[([^\[\]]*)\])?")
_COLUMNS_TEST = re.compile(r"(unique|not_null)\s*\(([^()]*)\)")

_WHOLE = ("tinyint", "smallint", "integer", "bigint", "hugeint")
TYPES: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "varchar": pl.String(),
    "boolean": pl.Boolean(),
    "timestamp with time zone": pl.Datetime("us", "UTC"),
    **dict.fromkeys((*_WHOLE, *(f"u{name}" for name in _WHOLE)), pl.Int64()),
    **dict.fromkeys(("double", "float", "decimal"), pl.Float64()),
}


@dataclass(frozen=True)
class Column:
    """A result column as its header line describes it; `repaints`: later data restate it in rows already known."""

    name: str
    description: str
    unit: str | None = None
    grade: str = "exact"
    repaints: bool = False


@dataclass(frozen=True)
class Test:
    """What must hold: `unique(a, b)`, `not_null(a, b)`, or an expression that is true on every row."""

    __test__ = False  # not a pytest class, whatever its name

    severity: str
    expression: str
    line: int = field(default=0, compare=False)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns that `unique` or `not_null` names; None for an expression."""
        match = _COLUMNS_TEST.fullmatch(self.expression)
        return tuple(name.strip() for name in match[2].split(",")) if match else None

    @property
    def condition(self) -> str | None:
        """What must be true of a row; None for `unique`, which is about several."""
        if self.columns is None:
            return self.expression
        if self.expression.startswith("not_null"):
            return " and ".join(f'"{name}" is not null' for name in self.columns)
        return None

    def sql(self, relation: str) -> str:
        """Return a select with one value: how many rows of `relation` break the test.

        For `unique` these are all rows that share their key, NULLs being alike. An expression that is NULL holds.
        """
        if self.condition is not None:
            return f"select count(*) from (select ({self.condition}) as holds from {relation}) where not holds"
        key = ", ".join(f'"{name}"' for name in self.columns or ())
        groups = f"select count(*) as n from {relation} group by {key} having n > 1"
        return f"select coalesce(sum(n), 0) from ({groups})"


@dataclass(frozen=True)
class Violation:
    """A test that did not hold, and on how many rows."""

    test: Test
    rows: int


@dataclass(frozen=True)
class Model:
    """A SQL file, read and checked. `sql` is its whole text: DuckDB skips the header, and lines keep their numbers.

    `known_date`: the column from whose day or instant a row is known; None: the model shows the state at the build.
    """

    name: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    tests: tuple[Test, ...]
    sql: str
    inputs: tuple[str, ...]
    path: Path
    known_date: str | None = None
    layer: str = LAYER


def load_models(folder: Path = MODELS_DIR) -> dict[str, Model]:
    """Read every `*.sql` of the folder; a model comes after the models that it reads.

    Raises:
        FileError: the folder has no model, a file breaks a rule of dbt_like_sql/README.md, or models form a cycle.
    """
    models = {path.stem: _load(path) for path in sorted(folder.glob("*.sql"))}
    if not models:
        raise FileError(f"{folder}: no *.sql file in this folder")
    upstream = {name: _models_read(model, models) for name, model in models.items()}
    try:
        return {name: models[name] for name in graphlib.TopologicalSorter(upstream).static_order()}
    except graphlib.CycleError as error:
        chain = error.args[1]
        path = models[chain[0]].path
        named = " -> ".join(f"{LAYER}.{name}" for name in reversed(chain))
        raise fault(path, _line_of(path, f"{LAYER}."), f"models read each other in a circle: {named}") from error


def run(model: Model, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Execute the select and return its rows, typed and rounded as published.

    Columns are those described, in that order: DATE, BIGINT, DOUBLE, text, BOOLEAN or a UTC instant.

    Raises:
        FileError: DuckDB refuses the select, the columns differ from the header, or a type is not published.
    """
    try:
        relation = connection.sql(model.sql)
        found, types = list(relation.columns), [str(kind.id) for kind in relation.types]
        _check_columns(model, found)
        _check_types(model, found, types)
        frame = relation.pl()
        return frame.select(
            _published(pl.col(column.name), TYPES[kind], column)
            for column, kind in zip(model.columns, types, strict=True)
        )
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        raise FileError(f"{model.path}: {error}") from error


def violations(model: Model, connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> list[Violation]:
    """Return the tests that the model's result breaks, in the order of the header.

    Raises:
        FileError: a test cannot be evaluated, or is not a yes-or-no expression.
    """
    relation = "rotation_model_result"
    connection.register(relation, frame)
    try:
        rows = _broken_rows(model, connection, relation)
    finally:
        connection.unregister(relation)
    return [Violation(test, broken) for test, broken in zip(model.tests, rows, strict=True) if broken]


def _line_of(path: Path, text: str) -> int:
    """First line that holds the text, else 1."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line and not line.startswith("--")), 1)


# Reading a file


def _load(path: Path) -> Model:
    text = read(path)
    entries = header(path, text, HEADER_KEYS)
    query = select(path, text)
    columns = _columns(path, entries)
    _check_selected(path, query, entries, columns)
    grain = only(path, entries, "grain")
    return Model(
        name=path.stem,
        description=only(path, entries, "model").value,
        grain=_known_columns(path, grain.line, "grain", grain.value.split(","), columns),
        columns=columns,
        tests=tuple(_test(path, entry, columns) for entry in entries if entry.key in ("fail", "warn")),
        sql=text.rstrip().rstrip(";"),
        inputs=_inputs(path, text, query),
        path=path,
        known_date=_known_date(path, entries, columns),
    )


def _known_date(path: Path, entries: list[HeaderLine], columns: tuple[Column, ...]) -> str | None:
    if any(entry.key == "known" for entry in entries):
        known = only(path, entries, "known")
        return _known_columns(path, known.line, "known", [known.value], columns)[0]
    lines = [entry for entry in entries if entry.key == "column"]
    useless = next((entry for entry, column in zip(lines, columns, strict=True) if column.repaints), None)
    if useless:
        raise fault(path, useless.line, f"[{REPAINTS}] says nothing without a '-- known:' line: all columns repaint")
    return None


def _columns(path: Path, entries: list[HeaderLine]) -> tuple[Column, ...]:
    lines = [entry for entry in entries if entry.key == "column"]
    columns = tuple(_column(path, entry) for entry in lines)
    repeated = [name for name, times in Counter(column.name for column in columns).items() if times > 1]
    if repeated:
        line = [entry.line for entry, column in zip(lines, columns, strict=True) if column.name == repeated[0]][1]
        raise fault(path, line, f"column {repeated[0]} is described twice")
    return columns


def _column(path: Path, entry: HeaderLine) -> Column:
    match = _COLUMN.fullmatch(entry.value)
    if match is None or not _NAME.fullmatch(match[1]) or not match[2]:
        raise fault(path, entry.line, "expected '-- column: name | What it is. [unit]'")
    words = [word.strip() for word in match[3].split(",")] if match[3] is not None else []
    found = [[word for word in words if word in kind] for kind in (UNITS, GRADES, (REPAINTS,))]
    if any(len(of_a_kind) > 1 for of_a_kind in found) or sum(map(len, found)) != len(words):
        known = f"a unit ({', '.join(UNITS)}), a grade ({', '.join(GRADES)}), {REPAINTS}, or more than one of these"
        raise fault(path, entry.line, f"[{match[3]}]: the brackets hold {known}")
    [unit], [grade], repaints = found[0] or [None], found[1] or ["exact"], bool(found[2])
    return Column(match[1], match[2], unit, grade, repaints)


def _test(path: Path, entry: HeaderLine, columns: tuple[Column, ...]) -> Test:
    test = Test(entry.key, entry.value, entry.line)
    if test.columns is not None:
        _known_columns(path, entry.line, entry.value, test.columns, columns)
        return test
    try:
        parsed = sqlglot.parse(f"select {test.expression}", read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise fault(path, entry.line, f"'{test.expression}' is not unique(...), not_null(...) or SQL") from error
    query = parsed[0]
    parts = [name for name, value in query.args.items() if value] if query else []
    if len(parsed) != 1 or query is None or parts != ["expressions"] or len(query.expressions) != 1:
        raise fault(path, entry.line, f"'{test.expression}': a test is one expression about the columns of a row")
    if list(query.find_all(exp.Query))[1:]:
        raise fault(path, entry.line, f"'{test.expression}': a test reads no other table; put the figure in a column")
    used = [column.name for column in query.find_all(exp.Column)]
    _known_columns(path, entry.line, test.expression, used, columns)
    return test


def _known_columns(
    path: Path, line: int, where: str, names: Iterable[str], columns: tuple[Column, ...]
) -> tuple[str, ...]:
    stripped = tuple(name.strip() for name in names)
    unknown = [name for name in stripped if name not in {column.name for column in columns}]
    if unknown:
        raise fault(path, line, f"{where}: '{unknown[0]}' is not a described column")
    return stripped


def _check_selected(path: Path, query: exp.Query, entries: list[HeaderLine], columns: tuple[Column, ...]) -> None:
    """Compare the select list with the header; what a star or COLUMNS() stands for is left to `run`."""
    if any(item.is_star or item.find(exp.Columns) for item in query.selects):
        return
    selected = {item.output_name: item for item in query.selects}
    described = [column.name for column in columns]
    for name, item in selected.items():
        if name not in described:
            what = f"column {name} has no '-- column:' line" if name else f"'{item.sql('duckdb')}' needs a name: as ..."
            raise fault(path, line_of(item) or first_sql_line(path.read_text(encoding="utf-8")), what)
    for entry, name in zip((e for e in entries if e.key == "column"), described, strict=True):
        if name not in selected:
            raise fault(path, entry.line, f"column {name} is described, but not selected")
    if described != [item.output_name for item in query.selects]:
        raise fault(path, 1, f"describe the columns in the order of the select: {', '.join(selected)}")


def _inputs(path: Path, text: str, query: exp.Query) -> tuple[str, ...]:
    inputs = tables_read(path, query, READABLE_LAYERS)
    if not inputs:
        raise fault(path, first_sql_line(text), "the select reads no table")
    return inputs


def _models_read(model: Model, models: dict[str, Model]) -> list[str]:
    names = [name.removeprefix(f"{LAYER}.") for name in model.inputs if name.startswith(f"{LAYER}.")]
    unknown = [name for name in names if name not in models]
    if unknown:
        line = _line_of(model.path, f"{LAYER}.{unknown[0]}")
        raise fault(model.path, line, f"there is no model {LAYER}.{unknown[0]}; there are {', '.join(models)}")
    return names


# Running it


def _check_columns(model: Model, found: list[str]) -> None:
    described = [column.name for column in model.columns]
    if found == described:
        return
    undescribed = [name for name in found if name not in described]
    missing = [name for name in described if name not in found]
    raise FileError(
        f"{model.path}: the select's columns are not those of the header: "
        f"undescribed {undescribed}, missing {missing}, order of the select {found}"
    )


def _check_types(model: Model, found: list[str], types: list[str]) -> None:
    for column, name, kind in zip(model.columns, found, types, strict=True):
        if kind not in TYPES:
            raise FileError(f"{model.path}: column {name} is {kind}; cast it to one of {', '.join(TYPES)}")
        if TYPES[kind] == pl.Float64() and column.unit is None:
            raise FileError(f"{model.path}: column {name} is {kind} and needs a unit: [{'], ['.join(UNITS)}]")
        if name == model.known_date and not TYPES[kind].is_temporal():
            raise FileError(f"{model.path}: a row is known from a day or an instant, and column {name} is {kind}")


def _published(value: pl.Expr, kind: pl.DataType, column: Column) -> pl.Expr:
    """Cast and round; -0.0 becomes 0.0, NaN and infinity NULL, as in every published table."""
    if not isinstance(kind, pl.Float64):
        return value.cast(kind)
    decimals = UNITS[column.unit] if column.unit else None
    return published(value.cast(kind), decimals).alias(column.name)


def _broken_rows(model: Model, connection: duckdb.DuckDBPyConnection, relation: str) -> list[int]:
    """Count the rows that break each test: in one query, or one by one where the tests cannot stand side by side.

    One query takes a third of the time; of tests on their own it can be said which of them is at fault.
    """
    together = _counted_together(model.tests, connection, relation)
    return together or [_counted_alone(model, test, connection, relation) for test in model.tests]


def _counted_together(tests: Sequence[Test], connection: duckdb.DuckDBPyConnection, relation: str) -> list[int] | None:
    """Rows that break each test; None where DuckDB refuses them as one select, or one is no yes-or-no expression."""
    names = {test: f"holds_{number}" for number, test in enumerate(tests) if test.condition is not None}
    columns = ["true as is_row", *(f"({test.condition}) as {name}" for test, name in names.items())]
    held = f"(select {', '.join(columns)} from {relation})"
    counts = [
        f"count(*) filter (where not {names[test]})" if test in names else f"({test.sql(relation)})" for test in tests
    ]
    try:
        # DuckDB would take any number but 0 for true, and the test would always hold
        if any(kind.id != "boolean" for kind in connection.sql(f"from {held}").types):
            return None
        _, *broken = connection.sql(f"select {', '.join(['count(*)', *counts])} from {held}").fetchall()[0]
        return [int(rows) for rows in broken]
    except duckdb.Error:
        return None


def _counted_alone(model: Model, test: Test, connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    try:
        if test.columns is None:
            kind = connection.sql(f"select ({test.expression}) as holds from {relation}").types[0].id
            if kind != "boolean":
                raise fault(model.path, test.line, f"'{test.expression}' gives {kind}, not true or false")
        return int(connection.sql(test.sql(relation)).fetchall()[0][0])
    except duckdb.Error as error:
        raise fault(model.path, test.line, f"'{test.expression}': {error}") from error
