"""python long_reader.py FILE open|attach|reopen: a process that keeps the published file open and answers questions.

It opens the file, or attaches it to a connection in memory; either way its name there is `rotation`. Meanwhile a thread
asks for one figure all the time, on that connection or (reopen) on a new one for every question. Commands on standard
input, one line of JSON each in answer:
    asked       every answer that the thread got so far, the next one included, and every error
    table NAME  how many rows a table has, and the sum of their hashes
    further     the figure by a further connection that this process makes to the file
    refresh     the figure after detaching and attaching the file (the thread ends)
"""

import json
import sys
import threading
from collections.abc import Callable

import duckdb

FIGURE = """
    select (select max_by(build_id, created_at) from rotation.meta.builds), max(ret_1d) from rotation.marts.leaderboard
"""
TABLE = "select count(*), sum(hash(one))::varchar from rotation.{} as one"


def attach(con: duckdb.DuckDBPyConnection, file: str) -> duckdb.DuckDBPyConnection:
    con.execute("attach '{}' as rotation (read_only)".format(file.replace("'", "''")))
    return con


def opened(file: str, how: str) -> duckdb.DuckDBPyConnection:
    return attach(duckdb.connect(), file) if how == "attach" else duckdb.connect(file, read_only=True)


def reopened(file: str) -> tuple:
    with opened(file, "open") as con:
        return con.execute(FIGURE).fetchone()


class Questions(threading.Thread):
    """Asks for the figure until told to stop; remembers every answer and every error."""

    def __init__(self, ask: Callable[[], tuple]) -> None:
        super().__init__(daemon=True)
        self.ask = ask
        self.answers: set[tuple] = set()
        self.errors: list[str] = []
        self.asked, self.stopped = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.01):
            try:
                self.answers.add(self.ask())
            except duckdb.Error as error:
                self.errors.append(str(error))
            self.asked.set()

    def told(self) -> dict:
        for _ in range(2):  # the query under way may have begun before the question
            self.asked.clear()
            self.asked.wait()
        return {"answers": sorted(self.answers), "errors": self.errors}

    def stop(self) -> None:
        self.stopped.set()
        self.join()


def main() -> None:
    file, how = sys.argv[1:]
    con = opened(file, how)
    cursor = con.cursor()

    def ask() -> tuple:
        return reopened(file) if how == "reopen" else cursor.execute(FIGURE).fetchone()

    questions = Questions(ask)
    questions.start()
    for line in sys.stdin:
        command, _, name = line.strip().partition(" ")
        if command == "asked":
            answer = questions.told()
        elif command == "table":
            answer = con.execute(TABLE.format(name)).fetchone()
        elif command == "further":
            answer = opened(file, how).execute(FIGURE).fetchone()
        else:
            questions.stop()
            cursor.close()
            con.execute("detach rotation")
            answer = attach(con, file).execute(FIGURE).fetchone()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
