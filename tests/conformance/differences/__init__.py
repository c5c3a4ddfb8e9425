"""The differences from Glance that are meant, each with its reason.

A difference that is not listed here fails the test, and so does a listed one that is gone.
"""

from __future__ import annotations

from typing import Final

from tests.conformance.compare import Difference
from tests.conformance.differences.choices import CLEARER, STRICTER
from tests.conformance.differences.corrections import (
    INTERNALS,
    OWNER,
    REFUSED_UPLOADS,
    REPEATED_PARAMETERS,
    SERVER_ERRORS,
)
from tests.conformance.differences.extensions import EXTENSIONS
from tests.conformance.differences.metadefs import METADEFS

DIFFERENCES: Final = (
    *OWNER,
    *INTERNALS,
    *REFUSED_UPLOADS,
    *SERVER_ERRORS,
    *REPEATED_PARAMETERS,
    *EXTENSIONS,
    *STRICTER,
    *CLEARER,
    *METADEFS,
)


def concerning(group: str) -> list[Difference]:
    """The listed differences of one part of the API, with their cases in it alone."""
    found = []
    for entry in DIFFERENCES:
        cases = tuple(case for case in entry.cases if case.startswith(f"{group}/"))
        if cases:
            found.append(Difference(cases, entry.field, entry.theirs, entry.ours, entry.reason))
    return found
