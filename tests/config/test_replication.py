"""Rules of replication as a configuration file describes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagestore.config.replication import Condition, Rule
from imagestore.model.errors import ConfigurationError
from tests.config.test_stores import loaded

STORES = (
    "[DEFAULT]\nenabled_backends = a:file, b:file\n[glance_store]\ndefault_backend = a\n"
    "[a]\nfilesystem_store_datadir = /a\n[b]\nfilesystem_store_datadir = /b\n"
)


def test_rules(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        f"{STORES}[imagestore]\nreplication_bandwidth = 10MB\nreplication_interval = 0\n"
        "[replication:Golden]\nmatch = visibility=public, tag!=old|older\nmatch = owner=x\n"
        "stores = b, a, b\nmin_copies = 2\n[replication:every]\nstores = b\n",
    )
    assert settings.warnings == ()
    found = settings.replication
    assert (found.bandwidth, found.interval, found.fill_digests) == (10 << 20, 0, True)
    assert found.rules == (
        Rule(
            "Golden",
            ("b", "a"),
            (
                (
                    Condition("visibility", ("public",)),
                    Condition("tag", ("old", "older"), negated=True),
                ),
                (Condition("owner", ("x",)),),
            ),
            2,
        ),
        Rule("every", ("b",)),
    )


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ("[replication:r]\n", "stores.*is not set"),
        ("[replication:r]\nstores = a, c\n", "there is no store c"),
        ("[replication:]\nstores = a\n", "needs a name"),
        ("[replication:r]\nstores = a\nmatch = golden\n", "golden.*field=value"),
        ("[replication:r]\nstores = a\nmatch = color=red\n", "color"),
        ("[replication:r]\nstores = a\nmin_copies = 0\n", "min_copies"),
    ],
)
def test_what_is_wrong(tmp_path: Path, section: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        loaded(tmp_path, STORES + section)


def test_one_store_has_no_rules(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="enabled_backends"):
        loaded(tmp_path, "[replication:r]\nstores = file\n")


def test_an_unknown_option_is_named(tmp_path: Path) -> None:
    settings = loaded(tmp_path, f"{STORES}[replication:r]\nstores = a\nstroes = b\n")
    assert any("stroes" in warning for warning in settings.warnings)
