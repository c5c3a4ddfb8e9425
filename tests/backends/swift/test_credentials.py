from __future__ import annotations

from pathlib import Path

import pytest

from imagestore.backends.errors import Misconfigured
from imagestore.backends.swift.authentication import _versioned
from imagestore.backends.swift.credentials import read
from imagestore.backends.swift.settings import SwiftSettings

ACCOUNTS = """\
[ref1]
auth_address = https://keystone.example.org/v3
user = "service:glance"
key = '100%sure'
user_domain_name = heat
project_domain_id = default
[ref2]
auth_address = https://keystone.example.org/v3
application_credential_id = id
application_credential_secret = secret
"""


def from_file(directory: Path, text: str, **options: str) -> SwiftSettings:
    path = directory / "accounts.conf"
    path.write_text(text)
    return SwiftSettings(swift_store_config_file=str(path), **options)


def test_a_file_of_references(tmp_path: Path) -> None:
    found = read("a", from_file(tmp_path, ACCOUNTS))
    assert set(found) == {"ref1", "ref2"}
    first = found["ref1"]
    assert (first.project, first.user_name, first.key) == ("service", "glance", "100%sure")
    assert (first.user_domain_id, first.user_domain_name) == (None, "heat")
    assert first.project_domain_id == "default"
    assert not first.is_tempauth
    assert "sure" not in repr(first)
    assert "secret'" not in repr(found["ref2"])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (ACCOUNTS.replace("[ref1]", "[other]"), "default_swift_reference"),
        (ACCOUNTS.replace("key = '100%sure'", ""), r"\[ref1\]: key"),
        (ACCOUNTS.replace("application_credential_secret = secret", ""), r"\[ref2\]"),
        (ACCOUNTS.replace("service:glance", "glance"), r"\[ref1\]: user"),
        ("no section", "swift_store_config_file"),
        ("", "default_swift_reference"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(Misconfigured, match=named):
        read("a", from_file(tmp_path, text))


@pytest.mark.parametrize(
    "address", ["http://k:5000", "http://k:5000/", "http://k:5000/v2.0/", "http://k:5000/v3"]
)
def test_addresses_without_a_version_or_with_an_old_one(address: str) -> None:
    assert _versioned(address) == "http://k:5000/v3"
