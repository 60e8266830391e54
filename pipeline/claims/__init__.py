"""The claims ledger: what commentary says, how it is measured, and what comes of it. No Dagster."""
