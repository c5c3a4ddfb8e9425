from __future__ import annotations

import pytest

from imagestore.identity.keystone.access_rules import AccessRule, allow


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/v2/images", "/v2/images", True),
        ("/v2/images", "/v2/images/", False),
        ("/v2/images", "/v2/imagesX", False),
        ("/v2/images/*", "/v2/images/a", True),
        ("/v2/images/*", "/v2/images/", False),
        ("/v2/images/*", "/v2/images/a/file", False),
        ("/v2/images/*/file", "/v2/images/a/file", True),
        ("/v2/images/{image_id}/file", "/v2/images/a/file", True),
        ("/v2/images/{image_id}/file", "/v2/images/a/b/file", False),
        ("/v2/**", "/v2/images/a/file", True),
        ("/v2/**", "/v1/images", False),
        ("/v2/im.ges", "/v2/images", False),
        ("/v2/(images", "/v2/(images", True),
        ("/v2/{images", "/v2/{images", True),
        ("/v2/**", "/v2/a\nb", True),
        ("/v2/images", "/v2/images\n", False),
    ],
)
def test_paths(pattern: str, path: str, expected: bool) -> None:
    rules = [AccessRule("image", "GET", pattern)]
    assert allow(rules, "image", "GET", path) is expected


def test_service_and_method_must_be_the_same() -> None:
    rules = [AccessRule("image", "GET", "/v2/**"), AccessRule("compute", "PUT", "/v2/**")]
    assert allow(rules, "image", "GET", "/v2/images")
    assert not allow(rules, "image", "PUT", "/v2/images")
    assert not allow(rules, "compute", "GET", "/v2/images")


def test_no_rule_allows_nothing() -> None:
    assert not allow([], "image", "GET", "/v2/images")
