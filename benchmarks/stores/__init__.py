"""Remote stores through imagestore, through the real Glance, and by the store's own tool.

``make bench-stores``, or ``python -m benchmarks.stores --help``. See docs/benchmarks.md.
"""
