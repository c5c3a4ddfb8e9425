"""``[site:NAME]`` in a configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagestore.config.settings import Site
from imagestore.model.errors import ConfigurationError
from imagestore.sites import configured
from tests.config.test_load import loaded, refused


def test_two_sites(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[site:north]\nurl = https://north.example\ntoken = t\nmatch = visibility=public, tag=x\n"
        "delete = true\nmembers = true\nskip = owner\nconflict = newer\ninterval = 60\n"
        "store = a\ntransfers = 4\n"
        "[site:South 2]\ndirection = push\nauth_type = password\nauth_url = http://k\n"
        "username = u\npassword = p\nproject_name = x\nregion_name = R\n",
    )
    assert settings.sites == (
        Site(
            "north",
            url="https://north.example",
            token="t",
            match=("visibility=public", "tag=x"),
            delete=True,
            members=True,
            skip=("owner",),
            conflict="newer",
            interval=60,
            store="a",
            transfers=4,
        ),
        Site(
            "South 2",
            direction="push",
            auth_type="password",
            auth={
                "auth_url": "http://k",
                "username": "u",
                "password": "p",
                "project_name": "x",
            },
            region_name="R",
        ),
    )
    assert settings.warnings == ()
    assert "password" not in repr(settings.sites).replace("auth_type='password'", "")
    for site in settings.sites:
        configured.check(site)


@pytest.mark.parametrize(
    "text", ["direction = both\n", "conflict = mine\n", "interval = 0\n", "auth_type = nonsense\n"]
)
def test_values_that_do_not_fit(tmp_path: Path, text: str) -> None:
    assert text.partition(" ")[0] in refused(tmp_path, f"[site:n]\nurl = http://x\n{text}")


@pytest.mark.parametrize(
    "site",
    [
        Site("n"),
        Site("n", url="http://x", match=("nonsense",)),
        Site("n", url="http://x", skip=("disk_format",)),
        Site("n", url="http://x", token="t", auth_type="password"),
        Site("n", auth_type="v3applicationcredential"),
        Site("n", cloud="no-such-cloud"),
        Site("n", url="http://x", cafile=Path("/nonexistent")),
    ],
)
def test_what_cannot_be_used(site: Site) -> None:
    with pytest.raises(ConfigurationError, match=r"\[site:n\]|no-such-cloud"):
        configured.check(site)
