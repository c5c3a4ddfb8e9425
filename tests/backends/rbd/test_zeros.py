from __future__ import annotations

import pytest

from imagestore.backends.rbd.image import are_zeros

SIZE = 200_000


@pytest.mark.parametrize("at", [0, 1, 65_535, 65_536, 131_072, SIZE - 1])
def test_one_other_byte_anywhere_shows(at: int) -> None:
    data = bytearray(SIZE)
    data[at] = 1
    assert not are_zeros(bytes(data), 0, SIZE)
    assert are_zeros(bytes(data), 0, at)
    assert are_zeros(bytes(data), at + 1, SIZE)
    assert not are_zeros(bytes(data), at, at + 1)


def test_nothing_is_all_zeros() -> None:
    assert are_zeros(b"x", 1, 1)
