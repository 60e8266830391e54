"""What is slow and what is fast: `make bench` runs all that measure themselves."""
