"""The drawing program of the report: Vega-Embed, Vega-Lite and Vega, as vl-convert brings them.

Bundling takes 2 to 7 s, which not every build should pay: the result is kept beside this module, outside git.
`make run` makes it beforehand with `python -m pipeline.report.bundle`.
"""

import contextlib
import os
from importlib.metadata import version
from pathlib import Path

SNIPPET = "window.vegaEmbed = vegaEmbed;"


def script(folder: Path = Path(__file__).parent) -> str:
    """Return the bundle of the installed vl-convert; made on first use, and kept in the folder if it can be written."""
    kept = folder / f"vega-{version('vl-convert-python')}.js"
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    made = _made()
    unfinished = kept.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):  # an installation that only its owner can write
        unfinished.write_text(made, encoding="utf-8")
        unfinished.replace(kept)
    return made


def _made() -> str:
    import vl_convert

    embed, vega, lite = (
        vl_convert.get_vega_embed_version(),
        vl_convert.get_vega_version(),
        vl_convert.get_vegalite_versions()[-1],
    )
    return (
        f"/* vega {vega}, vega-lite {lite}, vega-embed {embed}; BSD 3-Clause, Copyright University of Washington "
        f"Interactive Data Lab and others */\n{vl_convert.javascript_bundle(SNIPPET)}\n"
    )


if __name__ == "__main__":
    script()
