"""Stores as a configuration file describes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagestore.backends.http import AddressRules, HttpSettings
from imagestore.backends.least_rate import LeastRate
from imagestore.config.arguments import unparse
from imagestore.config.load import load
from imagestore.config.settings import Settings, StoreAccess, StoreSection
from imagestore.config.store_sections import STAGED_LEFTOVERS
from imagestore.model.errors import ConfigurationError
from imagestore.stores.stores import Stores


def loaded(directory: Path, text: str, **environ: str) -> Settings:
    path = directory / "imagestore.conf"
    path.write_text(text)
    return load(unparse([path], data_dir=directory / "data"), environ)


def test_several_stores(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[DEFAULT]\nenabled_backends = Fast:file, slow:file\n"
        "[glance_store]\ndefault_backend = slow\n"
        "[backend_defaults]\nfilesystem_store_chunk_size = 4096\nweight = 1\n"
        "[Fast]\nfilesystem_store_datadir = /fast\nstore_description = flash, mostly\nweight = 10\n"
        "[slow]\nfilesystem_store_datadirs = /s1:10\nfilesystem_store_datadirs = /s2\n"
        "read_only = true\n",
    )
    assert settings.stores.multiple
    assert settings.stores.default == "slow"
    assert settings.stores.sections == (
        StoreSection(
            "Fast",
            "file",
            {"filesystem_store_datadir": "/fast", "filesystem_store_chunk_size": 4096},
            description="flash, mostly",
            weight=10,
        ),
        StoreSection(
            "slow",
            "file",
            {
                "filesystem_store_datadirs": ("/s1:10", "/s2"),
                "filesystem_store_chunk_size": 4096,
            },
            weight=1,
            read_only=True,
        ),
    )
    assert settings.warnings == ()


def test_the_only_one_is_the_default(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, "[DEFAULT]\nenabled_backends = a:file\n[a]\nfilesystem_store_datadir = /a\n"
    )
    assert settings.stores.default == "a"
    assert settings.stores.multiple


def test_one_store_in_the_old_way(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[glance_store]\nstores = filesystem, punchcards\ndefault_store = file\n"
        "filesystem_store_datadir = /images\n",
    )
    assert settings.stores.sections == (
        StoreSection("file", "file", {"filesystem_store_datadir": "/images"}),
    )
    assert not settings.stores.multiple
    (warning,) = settings.warnings
    assert "punchcards" in warning


def test_options_of_stores_come_from_the_environment_too(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[DEFAULT]\nenabled_backends = a:file\n",
        OS_A__FILESYSTEM_STORE_DATADIR="/from/env",
    )
    assert settings.stores.sections[0].options == {"filesystem_store_datadir": "/from/env"}


def test_staged_data(tmp_path: Path) -> None:
    left = {"leftovers": STAGED_LEFTOVERS}
    (staging,) = loaded(tmp_path, "").stores.reserved
    assert staging.name == "os_glance_staging_store"
    assert staging.options == left | {"filesystem_store_datadir": str(tmp_path / "data/staging")}

    (staging,) = loaded(
        tmp_path, "[DEFAULT]\nnode_staging_uri = file:///var/sta%20ging\n"
    ).stores.reserved
    assert staging.options == left | {"filesystem_store_datadir": "/var/sta ging"}

    settings = loaded(
        tmp_path,
        "[DEFAULT]\nenabled_backends = a:file\n[a]\nfilesystem_store_datadir = /a\n"
        "[os_glance_staging_store]\nfilesystem_store_datadir = /staging\n"
        "[os_glance_tasks_store]\nfilesystem_store_datadir = /tasks\n",
    )
    staging, tasks = settings.stores.reserved
    assert staging.options == left | {"filesystem_store_datadir": "/staging"}
    assert tasks.options == {"filesystem_store_datadir": "/tasks"}
    assert settings.warnings == ()


def test_unknown_options_of_a_store_are_named(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[DEFAULT]\nenabled_backends = a:file\n"
        "[a]\nfilesystem_store_datadir = /a\nrbd_store_pool = images\n",
    )
    (warning,) = settings.warnings
    assert "[a]" in warning
    assert "rbd_store_pool" in warning


def test_how_a_store_is_used(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[DEFAULT]\nenabled_backends = a:file, b:file\n[glance_store]\ndefault_backend = a\n"
        "[backend_defaults]\nstore_call_timeout = 7.5\nstore_retries = 4\n"
        "[a]\nfilesystem_store_datadir = /a\nstore_retries = 0\nstore_max_transfers = 9\n"
        "[b]\nfilesystem_store_datadir = /b\n",
    )
    a, b = settings.stores.sections
    assert a.access == StoreAccess(call_timeout=7.5, retries=0, max_transfers=9)
    assert b.access == StoreAccess(call_timeout=7.5, retries=4)
    assert settings.warnings == ()

    single = loaded(tmp_path, "[glance_store]\nstore_progress_timeout = 3\n")
    assert single.stores.sections[0].access == StoreAccess(progress_timeout=3.0)

    with pytest.raises(ConfigurationError, match="store_retries"):
        loaded(tmp_path, "[glance_store]\nstore_retries = -1\n")


def test_an_http_store_obeys_the_import_filter_unless_it_says_otherwise(tmp_path: Path) -> None:
    text = (
        "[DEFAULT]\nenabled_backends = files:file, web:http\n"
        "[glance_store]\ndefault_backend = files\n[files]\nfilesystem_store_datadir = /a\n"
        "[import_filtering_opts]\nallowed_hosts = [mirror.example.org]\nallowed_ports = 80,8080\n"
        "allow_private_addresses = true\n"
        "[imagestore]\nfetch_min_rate = 1000\nfetch_grace = 30\n"
        "[web]\nhttp_store_allowed_ports = 8443\nhttps_insecure = true\nhttp_store_grace = 60\n"
        "http_proxy_information = http:10.0.0.1:3128, https:10.0.0.1:1080\n"
    )
    settings = loaded(tmp_path, text)
    web = settings.stores.sections[1]
    assert web.options == {
        "https_insecure": True,
        "http_proxy_information": ("http:10.0.0.1:3128", "https:10.0.0.1:1080"),
        "http_store_allowed_hosts": ("mirror.example.org",),
        "http_store_allowed_ports": ("8443",),
        "http_store_allow_private_addresses": True,
        "http_store_min_rate": 1000,
        "http_store_grace": 60.0,
    }
    assert settings.server.least_rate == LeastRate(1000, 30.0)
    assert settings.warnings == ()
    http = HttpSettings(**web.options)
    assert http.rules() == AddressRules(
        allowed_hosts=("mirror.example.org",), allowed_ports=(8443,), allow_private_addresses=True
    )
    assert http.transport().proxies == {
        "http": "http://10.0.0.1:3128",
        "https": "http://10.0.0.1:1080",
    }
    assert Stores(settings.stores).get("web").name == "web"
