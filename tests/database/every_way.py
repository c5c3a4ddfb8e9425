"""Databases run in each of the ways, for tests of what runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.databases import KINDS, url_of


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """In the place of the one that a test of rows has."""
    return url_of(request, request.param, tmp_path)
