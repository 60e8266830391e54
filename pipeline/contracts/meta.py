"""Meta: what the published file says of itself."""

import dataframely as dy

from pipeline.contracts.columns import count, flag, instant, text

LAYER = "Schema: core, derived or marts."
TABLE = "Table."
SCHEMA = "Goes up when a published column vanishes, changes its type or its meaning."
SYNTHETIC = "TRUE for made-up data of the sample source."
UNIT = "Unit of a figure, or kind of the values: text, date, flag, UTC instant, number."
GRADE = "exact, ours, reconstruction, proxy or snapshot."
DESCRIPTION = "What it is."
DEFINED_BY = "Who defined the figure, where it was not us."


class Tables(dy.Schema):
    """Every published table: what it is, its grain, what it reads, rows and version."""

    layer = text(LAYER, primary_key=True)
    table_name = text(TABLE, primary_key=True)
    description = text(DESCRIPTION)
    grain = text("Columns that identify a row.")
    known_date = text(
        "Column from whose day or instant a row is known; NULL: the table shows the state at the build.", nullable=True
    )
    reads = text("Tables that it is computed from.")
    is_synthetic = flag(SYNTHETIC, nullable=False)
    rows = count("Rows.", nullable=False)
    parquet_bytes = count("Size of the Parquet file.", nullable=False)
    schema_version = count(SCHEMA, nullable=False)


class Columns(dy.Schema):
    """Every published column: type, unit and grade, what it is and where it is defined, what it rests on and whose."""

    layer = text(LAYER, primary_key=True)
    table_name = text(TABLE, primary_key=True)
    position = count("Place of the column in its table, from 1.", nullable=False)
    column_name = text("Column.", primary_key=True)
    type = text("Type in DuckDB.")
    unit = text(UNIT)
    grade = text(GRADE)
    description = text(DESCRIPTION)
    definition = text(
        "Where it is defined: a section of docs/definitions.md; of a SQL mart its file, and the sections that define "
        "what it is computed from."
    )
    definition_source = text(DEFINED_BY, nullable=True)
    is_key = flag("TRUE for a column of the grain.", nullable=False)
    repaints = flag(
        "FALSE: later sessions and releases leave a known row as it is (tested), a split too but for rounding; "
        "TRUE: a split, a revision or a later session restates it. A bar that the source corrects "
        "(core.capture_edits) changes whatever reads it.",
        nullable=False,
    )
    source = text("Data that it rests on: of a SQL mart by its lineage, else by the tables that its table reads.")
    licence = text("Whose these data are, and whether they may be passed on.")
    lineage = text(
        "Of a SQL mart the columns that it is computed from, as the select names them; NULL: it names none (count(*), "
        "a constant), or the table is no SQL mart: see meta.tables.reads.",
        nullable=True,
    )


class Indicators(dy.Schema):
    """Every indicator of derived.macro_indicators: unit, grade and description."""

    indicator = text("Name in derived.macro_indicators.", primary_key=True)
    unit = text(UNIT)
    grade = text(GRADE)
    description = text(DESCRIPTION)
    definition_source = text(DEFINED_BY, nullable=True)


class Builds(dy.Schema):
    """This build (the last row) and the builds that were kept when it was made."""

    build_id = text("Build: instant of its publication, and the first characters of its run.", primary_key=True)
    source = text("Source of the data: sample, files or live.")
    is_synthetic = flag(SYNTHETIC, nullable=False)
    schema_version = count(SCHEMA, nullable=False)
    code_version = text("Version of the program, with the commit where it ran from a checkout.")
    created_at = instant("Instant of the publication.")
    as_of = instant("Instant of a replay; NULL: everything known.", nullable=True)
    lock_hash = text("SHA-256 of the versions of all installed packages.")
    config_hash = text("SHA-256 of the config files, SQL models, measures and claims.")
    input_hash = text("SHA-256 of the captures.")
    tables = count("How many tables the build has.", nullable=False)
    rows = count("Rows of all its tables together.", nullable=False)
