"""The same requests to the real Glance and to imagestore, and what differs.

:mod:`~tests.conformance.table` is what is asked, :mod:`~tests.conformance.runner` asks,
:mod:`~tests.conformance.normalise` takes out what differs between any two runs,
:mod:`~tests.conformance.compare` compares, and :mod:`~tests.conformance.differences`
lists the differences that are meant to be.
"""
