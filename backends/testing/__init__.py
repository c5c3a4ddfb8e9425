"""What tests of a driver, and of what uses stores, are made of.

:mod:`~imagestore.backends.testing.memory` is a store in memory.
"""
