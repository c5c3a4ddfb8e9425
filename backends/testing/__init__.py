"""What tests of a driver, and of whatever uses stores, are made of.

- :mod:`~imagestore.backends.testing.contract`: the suites that every driver passes (with pytest)
- :mod:`~imagestore.backends.testing.memory`: a store in memory
- :mod:`~imagestore.backends.testing.faulty`: a store around another one that fails on demand
"""
