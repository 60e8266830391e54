"""The data dictionary, docs/dictionary.md: `python -m pipeline.dictionary` writes it from contracts and SQL headers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pipeline
from pipeline.claims.loading import load_ledger
from pipeline.contracts.columns import SECTIONS
from pipeline.descriptions import MADE_UP, ORIGINS, Column, Described, descriptions, published_types, table_inputs
from pipeline.sql_models import load_models
from pipeline.tables import META
from pipeline.transforms.indicators.formulas import INDICATORS
from pipeline.writing import UNITLESS, column_texts, described

PATH = Path(pipeline.__file__).parent.parent / "docs" / "dictionary.md"
LAYERS = {
    "core": "What the sources said: typed, keyed and current.",
    "derived": "What [definitions.md](definitions.md) defines, computed from core.",
    "marts": "A question each, from core, derived and other marts; and the claims ledger.",
}
INTRODUCTION = f"""\
# Data dictionary

Every published table and column. `python -m pipeline.dictionary` writes this page from the contracts
(`pipeline/contracts/`) and the headers of the SQL models (`dbt_like_sql/marts/`): change those, never this page. The
same texts are in `meta.tables` and `meta.columns` of `rotation.duckdb`, in the comments of its tables and columns, and
in the metadata of each Parquet file. What the figures mean is written in [definitions.md](definitions.md).

- Columns of the **key** are bold: together they identify a row.
- **Grade**: exact (computed as written), ours (a choice of this project), reconstruction (of a formula that its owner
  never published), proxy (stands for what is not to be had), snapshot (what a vendor stated on that day).
- **Repaints**: *yes* where a split, a revision or a later session restates the column in rows that are already known.
  A table without a known date shows the state at the build, and all its columns but those of the grain repaint.
- **Computed from**: the columns that the select of a mart names for the value. What only decides which rows there are
  is not among them, and a count of rows names none.

## Whose data

The sample is {MADE_UP}. Of all else `meta.columns.licence` repeats for every column what holds for the data that it
rests on:
"""


def render() -> str:
    """Return the whole page."""
    models = load_models()
    tables = descriptions(models, table_inputs(models, load_ledger("files").inputs))
    types = published_types(models)
    parts = [
        INTRODUCTION,
        _table(("data", "whose, and may they be passed on?"), ((one.name, one.licence) for one in ORIGINS)),
        _contents(tables),
        *(_layer(layer, tables, types) for layer in LAYERS),
        _indicators(),
        _meta(types),
    ]
    return "\n".join(parts)


def _contents(tables: Mapping[str, Described]) -> str:
    lines = ["## Contents", ""]
    for layer in LAYERS:
        lines.append(f"- [{layer}](#{layer}): {', '.join(map(_link, _named(tables, layer)))}")
    lines.append("- [Indicators](#indicators) of derived.macro_indicators")
    lines.append(f"- [meta](#meta): {', '.join(_link(name) for name in META)}")
    return "\n".join([*lines, ""])


def _layer(layer: str, tables: Mapping[str, Described], types: Mapping[str, Mapping[str, str]]) -> str:
    parts = [f"## {layer}", "", LAYERS[layer], ""]
    parts += [_described(tables[name], types[name]) for name in _named(tables, layer)]
    return "\n".join(parts)


def _named(tables: Iterable[str], layer: str) -> list[str]:
    """Tables of a layer; marts, whose order is that of reading each other, by name."""
    found = [name for name in tables if name.startswith(f"{layer}.")]
    return sorted(found) if layer == "marts" else found


def _described(table: Described, types: Mapping[str, str]) -> str:
    sections = table.basis.named_sections
    facts = {
        "Key": ", ".join(f"`{column}`" for column in table.grain),
        "Known from": f"`{table.known_date}`" if table.known_date else "no date of its own: the state at the build",
        "Reads": ", ".join(f"`{name}`" if name.startswith("raw.") else _link(name) for name in table.reads),
        "Data": table.basis.source,
        "Defined in": ", ".join(f"[{number}. {SECTIONS[number]}]({_section(number)})" for number in sections),
    }
    is_mart = any(column.lineage for column in table.columns)
    header = ("column", "type", "unit", "grade", "repaints", "what it is", *(("computed from",) if is_mart else ()))
    return "\n".join(
        [
            f"### {table.name}",
            "",
            _escaped(table.description),
            "",
            *(f"- {what}: {said}" for what, said in facts.items()),
            "",
            _table(header, (_column(table, column, types[column.name], is_mart) for column in table.columns)),
        ]
    )


def _column(table: Described, column: Column, kind: str, is_mart: bool) -> Sequence[str]:
    name = f"**{column.name}**" if column.name in table.grain else column.name
    told = f"{column.description} ({column.definition_source})" if column.definition_source else column.description
    unit = "" if column.unit is None or column.unit in UNITLESS else column.unit
    cells = (name, kind, unit, column.grade, "yes" if column.repaints else "", _escaped(told))
    return (*cells, ", ".join(f"`{name}`" for name in column.lineage)) if is_mart else cells


def _indicators() -> str:
    header = ("indicator", "unit", "grade", "what it is", "after")
    rows = ((one.name, one.unit, one.grade, _escaped(one.description), one.source or "") for one in INDICATORS)
    return "\n".join(["## Indicators", "", "Of `derived.macro_indicators`, by name.", "", _table(header, rows)])


def _meta(types: Mapping[str, Mapping[str, str]]) -> str:
    parts = ["## meta", "", "What `rotation.duckdb` says of itself.", ""]
    for name, contract in META.items():
        rows = ((column, types[name][column], _escaped(text)) for column, text in column_texts(contract).items())
        parts += [f"### {name}", "", described(contract), "", _table(("column", "type", "what it is"), rows)]
    return "\n".join(parts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def _link(name: str) -> str:
    """Link to a table's heading on this page; GitHub leaves the full stop out of its name."""
    return f"[{name}](#{name.replace('.', '')})"


def _section(number: int) -> str:
    anchor = re.sub(r"[^a-z0-9 -]", "", f"{number}. {SECTIONS[number]}".lower()).replace(" ", "-")
    return f"definitions.md#{anchor}"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is; what stands between backticks already is."""
    special = re.compile(r"`[^`]*`|[*<]|(?<!\w)_|_(?!\w)")
    return special.sub(lambda found: found[0] if found[0].startswith("`") else f"\\{found[0]}", text)


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
    print(PATH)
