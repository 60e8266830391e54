"""Derived: the definitions. A pure function of core; no row looks ahead. One module a family."""
