"""python old_client.py FILE TARGET: what a DuckDB client of any version finds in the published file, as JSON.

Every table is written to TARGET/<schema>.<table>.parquet. Runs in environments that hold nothing but duckdb.
"""

import json
import sys

import duckdb

catalogue, target = sys.argv[1:]
con = duckdb.connect(catalogue, read_only=True)


def ask(sql):
    return con.execute(sql).fetchall()


for schema, table in ask("select schema_name, table_name from duckdb_tables()"):
    con.execute(f"copy {schema}.{table} to '{target}/{schema}.{table}.parquet'")

found = {
    "version": duckdb.__version__,
    "comments": dict(
        ask("select schema_name || '.' || table_name, comment from duckdb_tables()")
        + ask(
            "select schema_name || '.' || table_name || '.' || column_name, comment from duckdb_columns() "
            "where not internal"
        )
    ),
}
print(json.dumps(found))
