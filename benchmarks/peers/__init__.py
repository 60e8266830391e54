"""The same definitions by other hands, a module a peer. Each has

- `FAMILIES`, what it computes;
- `prepared(prices, pairs, rules)`: core.prices in the shape the peer works on (not timed);
- `computed(data, family, columns)`: the peer's own table of the family, or of these columns alone (timed);
- `frame(data, family, table)`: that table in Polars, with our column names (not timed);
- `UNBROKEN_ONLY`: whether its functions are fixed and know nothing of dates. Its columns are then compared on symbols
  without a long gap, and those that agree are timed; a peer written by us computes a family whole.
"""
