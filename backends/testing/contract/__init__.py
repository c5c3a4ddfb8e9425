"""The contract of drivers, as suites for pytest. Each runs on the real service.

A driver's test module derives a class from :class:`StoreContract` and gives it a fixture
``service`` that yields a :class:`Service` around a started store:

    class TestFileStore(StoreContract):
        @pytest.fixture
        async def service(self, tmp_path): ...

Class attributes say what the service cannot do, and how large "large" is. :class:`ReadContract`
is for stores that are only read from, :class:`CopyContract` for those that also make copies by
themselves. They need ``imagestore[testing]``, and pytest-asyncio's ``asyncio_mode = auto``.
"""

import pytest

# Before they are imported: so that what fails shows what was compared.
pytest.register_assert_rewrite(
    *(f"{__name__}.{suite}" for suite in ("store", "reading", "copying"))
)

from imagestore.backends.testing.contract.copying import CopyContract, Pair, copier  # noqa: E402
from imagestore.backends.testing.contract.reading import ReadContract  # noqa: E402
from imagestore.backends.testing.contract.service import (  # noqa: E402
    MIB,
    Service,
    content,
    cut,
    new_id,
    read,
)
from imagestore.backends.testing.contract.store import SourceError, StoreContract  # noqa: E402

__all__ = [
    "MIB",
    "CopyContract",
    "Pair",
    "ReadContract",
    "Service",
    "SourceError",
    "StoreContract",
    "content",
    "copier",
    "cut",
    "new_id",
    "read",
]
