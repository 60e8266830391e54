"""Dagster glue only: what is built from what, where it lands, and what must hold. No computing here."""
