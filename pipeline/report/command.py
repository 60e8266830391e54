"""The command `rotation report`: where the published page is; --open shows it in the browser."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import RotationError
from pipeline.layout import REPORT
from pipeline.settings import Settings
from pipeline.terminal import DebugOption, HomeOption, SourceOption, chosen_settings, one_line_errors, out


def report(
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="That of a replay, by its folder's name.")] = None,
    source: SourceOption = None,
    home: HomeOption = None,
    debug: DebugOption = False,
) -> None:
    """Print where the report is: one HTML page that needs no network."""
    with one_line_errors(debug):
        path = _published(chosen_settings(source, home), as_of)
        out.print(str(path), soft_wrap=True, highlight=False, markup=False)
        if show and not webbrowser.open(path.as_uri()):
            raise RotationError(f"no browser could be started; open this file in one: {path}")


def _published(settings: Settings, as_of: str | None) -> Path:
    """Return the page by the name that stays when a new build is published."""
    from pipeline import reader

    folder = reader.published(settings, as_of)
    if not (folder / REPORT).is_file():
        again = f"--as-of {as_of}" if as_of else ""
        raise RotationError(
            f"{folder} has no report; make one with: rotation build --source {settings.source} {again}".rstrip()
        )
    return (settings.root / (f"as_of/{as_of}" if as_of else "current") / REPORT).absolute()
