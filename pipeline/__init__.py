"""Rotation: a market-data warehouse for small-cap against large-cap US stocks."""
