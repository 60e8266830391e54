"""Ask the published DuckDB file, read-only, with the statements of sql/."""

from pathlib import Path

import duckdb

from pipeline.reader import SAFE
from pipeline.report.parts import Table

SQL = Path(__file__).with_name("sql")


class Catalogue:
    """A published file, open for reading; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open it with UTC instants and without access to anything else."""
        self._con = duckdb.connect(path, read_only=True, config=SAFE)
        self._con.execute("set TimeZone = 'UTC'")
        self._con.execute("set enable_progress_bar = false")

    def __enter__(self) -> "Catalogue":
        """Return the catalogue."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._con.close()

    def ask(self, name: str, **words: str) -> Table:
        """Run sql/<name>.sql; `words` replace what it has in braces. The table carries the text that was run.

        Raises:
            duckdb.Error: the file lacks a table that the statement reads.
        """
        sql = (SQL / f"{name}.sql").read_text(encoding="utf-8")
        for word, value in words.items():
            sql = sql.replace(f"{{{word}}}", value)
        cursor = self._con.execute(sql)
        columns = tuple(column[0] for column in cursor.description or [])
        return Table("_".join([name, *words.values()]), sql, columns, tuple(cursor.fetchall()))
