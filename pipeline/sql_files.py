"""SQL files that start with a comment header: what marts and measures share in being read."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import exp

from pipeline.errors import FileError

_CONTINUATION = re.compile(r"--\s{2,}(\S.*?)\s*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass
class HeaderLine:
    """One line of a header, with its continuation lines."""

    key: str
    value: str
    line: int


def fault(path: Path, line: int, message: str) -> FileError:
    """Return the error of a line of a file."""
    return FileError(f"{path}:{line}: {message}")


def read(path: Path) -> str:
    """Return the file's text.

    Raises:
        FileError: its name cannot be a table's, it cannot be read, or it is not UTF-8.
    """
    if not _NAME.fullmatch(path.stem):
        raise fault(path, 1, "name the file in small letters, digits and underscores: it is the table's name")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise fault(path, 1, "not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise fault(path, 1, f"cannot be read: {error.strerror}") from error


def header(path: Path, text: str, keys: Collection[str]) -> list[HeaderLine]:
    """Read the comment lines `-- key: value` that the file starts with; anything else ends the header.

    Raises:
        FileError: a line has another key, says nothing, or stands below the header.
    """
    keyed = re.compile(rf"--\s*({'|'.join(keys)}):\s*(.*?)\s*")
    lines: list[HeaderLine] = []
    in_header = True
    for number, line in enumerate(text.splitlines(), 1):
        in_header = in_header and line.startswith("--")
        entry = keyed.fullmatch(line.strip())
        if not in_header:
            if entry:
                raise fault(
                    path, number, f"'-- {entry[1]}:' below the header; move it up, with no empty line before it"
                )
        elif entry:
            lines.append(HeaderLine(entry[1], entry[2], number))
        elif lines and (more := _CONTINUATION.fullmatch(line)):
            lines[-1].value = f"{lines[-1].value} {more[1]}"
        else:
            first, *others, last = keys
            known = f"'-- {first}:', {', '.join(others)} or {last}"
            raise fault(path, number, f"unknown header line; it has {known}")
    empty = next((line for line in lines if not line.value), None)
    if empty:
        raise fault(path, empty.line, f"'-- {empty.key}:' says nothing")
    return lines


def only(path: Path, lines: list[HeaderLine], key: str) -> HeaderLine:
    """Return the one line of a key.

    Raises:
        FileError: there is none, or more than one.
    """
    found = [line for line in lines if line.key == key]
    if len(found) != 1:
        line = found[1].line if found else 1
        raise fault(path, line, f"the header needs exactly one '-- {key}:' line, and has {len(found)}")
    return found[0]


def select(path: Path, text: str) -> exp.Query:
    """Parse the one select of a file.

    Raises:
        FileError: it is not SQL, no select, or more than one statement.
    """
    try:
        statements = [statement for statement in sqlglot.parse(text, read="duckdb") if statement is not None]
    except sqlglot.errors.SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        raise fault(path, first.get("line", 1), f"not valid SQL: {first.get('description', error)}") from error
    if len(statements) != 1:
        raise fault(path, 1, f"expected one select, found {len(statements)} statements")
    query = statements[0]
    if not isinstance(query, exp.Query) or not query.selects:
        raise fault(path, first_sql_line(text), "expected a select")
    return query


def first_sql_line(text: str) -> int:
    """Number of the first line that is neither empty nor a comment."""
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("--")), 1)


def line_of(node: exp.Expr) -> int:
    """Last line of a parsed expression, 0 where the parser kept none."""
    return max((part.meta.get("line", 0) for part in node.walk()), default=0)


def tables_read(path: Path, query: exp.Query, layers: Collection[str]) -> tuple[str, ...]:
    """Tables that the query reads, in CTEs and subqueries too; the names of its CTEs are none.

    Raises:
        FileError: a table is of none of the layers.
    """
    ctes = {cte.alias_or_name.lower() for cte in query.find_all(exp.CTE)}
    found = set()
    for table in query.find_all(exp.Table):
        if not table.name or (not table.db and table.name.lower() in ctes):
            continue  # a table function such as generate_series, or a CTE
        if table.catalog or table.db not in layers:
            known = ", ".join(f"{layer}.x" for layer in layers)
            raise fault(path, line_of(table) or 1, f"{table.sql('duckdb')}: name tables as {known}")
        found.add(f"{table.db}.{table.name}")
    return tuple(sorted(found))
