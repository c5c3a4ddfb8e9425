"""Load generators, each a process of its own with as little work per byte as Python allows.

They import nothing but the standard library and measure their own CPU time, since on
a machine of two cores the client is part of every limit.
"""
