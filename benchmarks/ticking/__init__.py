"""The store of `benchmarks/tick.py`, and copies of it."""
