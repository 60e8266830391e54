"""The report: one HTML page built from a published catalogue. It asks for roles, never symbols; no Dagster, no network.

`page.write` makes it. A part of the page is a function of `sections/` that asks the catalogue (`sql/*.sql`, shown on
the page as they are run) and returns what to show; `findings` has the words, `charts` the Altair helpers.
"""
