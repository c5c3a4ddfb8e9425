"""A digest is checked and in small letters from the moment it is made."""

from __future__ import annotations

import hashlib
from datetime import datetime

import pytest

from imagestore.model.digest import Digest, recorded
from imagestore.model.errors import Invalid
from imagestore.model.image import Image

MD5, SHA512 = hashlib.md5(b"x").hexdigest(), hashlib.sha512(b"x").hexdigest()


def test_capitals_make_no_other_digest() -> None:
    assert Digest("md5", MD5.upper()) == Digest("md5", MD5)
    assert Digest("md5", MD5.upper()).value == MD5


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("md5", ""), ("md5", MD5[:-1]), ("md5", MD5 + "0"), ("md5", "g" + MD5[1:]), ("md5", SHA512),
        ("md5", " " + MD5[1:]), ("md5", "٣" + MD5[1:]), ("sha0", MD5), ("shake_128", MD5), ("", ""),
    ],
)  # fmt: skip
def test_what_no_computation_could_come_to(algorithm: str, value: str) -> None:
    with pytest.raises(Invalid):
        Digest(algorithm, value)


def test_an_image_tells_the_strongest_first_and_leaves_out_what_is_none() -> None:
    moment = datetime(2026, 1, 1)
    image = Image("1", moment, moment, checksum=MD5.upper())
    assert recorded(image) == (Digest("md5", MD5),)
    image.os_hash_algo, image.os_hash_value = "sha512", SHA512
    assert recorded(image) == (Digest("sha512", SHA512), Digest("md5", MD5))
    image.os_hash_algo, image.checksum = "whirlpool-9", None
    assert recorded(image) == ()
