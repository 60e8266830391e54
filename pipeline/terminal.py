"""What every command shares: the terminal, the options of all, and errors in one line."""

import contextlib
import dataclasses
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from pipeline.errors import RotationError
from pipeline.settings import SOURCES, Settings


class _Console(Console):
    """Says that the reader is gone, instead of ending the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


# a pipe has no width: long rows stay whole for the program that reads them
out = _Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 250)
err = Console(stderr=True)

SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source", help=f"Where data comes from: {', '.join(SOURCES)}. (environment: ROTATION_SOURCE; sample)"
    ),
]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of the warehouse. (environment: ROTATION_HOME; ./warehouse)")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@contextlib.contextmanager
def one_line_errors(debug: bool) -> Iterator[None]:
    """Turn what a person can mend into one line and exit code 1; a traceback only with --debug."""
    if debug:
        logging.basicConfig()
        logging.getLogger("pipeline").setLevel(logging.DEBUG)
    try:
        yield
    except typer.Exit:
        raise
    except BrokenPipeError:  # as in `rotation query ... | head`: no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except Exception as error:
        if debug:
            raise
        err.print(f"[bold red]error:[/] {escape(_plain(error))}", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        err.print("stopped; what has arrived is kept, what was published before stays")
        raise typer.Exit(130) from None


def _plain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror.lower()}; what was published before stays"
    if isinstance(error, RotationError):
        return str(error)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{what[:300]}; a fault of this program: --debug shows where, what was published before stays"


def chosen_settings(source: str | None, home: Path | None, **more: Any) -> Settings:
    """Return the settings of the environment, with what the command line gives instead."""
    environment = {**os.environ, "ROTATION_SOURCE": source} if source else os.environ
    given = {name: value for name, value in {"home": home, **more}.items() if value is not None}
    return dataclasses.replace(Settings.from_environment(environment), **given)
