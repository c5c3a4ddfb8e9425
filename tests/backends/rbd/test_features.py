"""Features by the names that the rbd command has."""

from __future__ import annotations

import pytest

from imagestore.backends.errors import Misconfigured
from imagestore.backends.rbd import features

rbd = pytest.importorskip("rbd")


@pytest.mark.parametrize(
    ("names", "bits"),
    [
        ((), rbd.RBD_FEATURE_LAYERING),
        (("layering", "deep-flatten"), rbd.RBD_FEATURE_LAYERING | rbd.RBD_FEATURE_DEEP_FLATTEN),
        (("exclusive-lock", "object-map", "fast-diff"), 1 + 4 + 8 + 16),
    ],
)
def test_bits(names: tuple[str, ...], bits: int) -> None:
    assert features.bits(rbd, names, store="ceph") == bits


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("layering", "striping"), "striping is none of"),
        (("object-map",), "object-map needs exclusive-lock"),
        (("exclusive-lock", "fast-diff"), "fast-diff needs object-map"),
    ],
)
def test_what_is_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(Misconfigured, match=f"rbd_store_features: {message}"):
        features.bits(rbd, names, store="ceph")
