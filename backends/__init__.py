"""Store drivers: a small asynchronous interface to places that keep bytes.

Usable without the rest of imagestore. See :mod:`imagestore.backends.base`.
"""
