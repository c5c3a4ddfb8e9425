"""Settings from files, environment and command line."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from imagestore.backends.http.rules import AddressRules
from imagestore.config.arguments import unparse
from imagestore.config.load import load
from imagestore.config.options import OPTIONS
from imagestore.config.settings import (
    Database,
    Identity,
    Images,
    Keystone,
    Limits,
    Logging,
    Server,
    Settings,
    StoreSection,
)
from imagestore.model.errors import ConfigurationError


def write(directory: Path, text: str, name: str = "imagestore.conf") -> Path:
    path = directory / name
    path.write_text(text)
    return path


def loaded(directory: Path, text: str, **environ: str) -> Settings:
    args = unparse([write(directory, text)], data_dir=directory / "data")
    return load(args, environ)


def refused(directory: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(directory, text, **environ)
    return caught.value.message


def test_without_anything_it_serves_on_loopback_from_one_directory(tmp_path: Path) -> None:
    settings = load([], {"IMAGESTORE_DATA_DIR": str(tmp_path)})

    assert settings.data_dir == tmp_path
    assert settings.server == Server()
    assert settings.server.bind_host == "127.0.0.1"
    assert settings.limits == Limits()
    assert settings.images == Images()
    assert settings.identity == Identity()
    assert settings.logging == Logging()
    assert settings.database == Database(
        connection=f"sqlite:///{tmp_path}/imagestore.sqlite", auto_upgrade=True
    )
    store, links = settings.stores.sections
    assert (store.name, store.type) == ("file", "file")
    assert store.options == {"filesystem_store_datadir": str(tmp_path / "images")}
    assert links == StoreSection("http", "http")
    assert settings.import_filter == AddressRules()
    assert settings.stores.default == "file"
    assert not settings.stores.multiple
    assert settings.warnings == ()


def test_every_setting_that_is_an_option_has_the_same_default() -> None:
    for settings in (Server, Limits, Images, Identity, Keystone, Database, Logging, AddressRules):
        names = {option.attribute for option in OPTIONS if option.into is settings}
        # Made of several options, or looked for beside the files.
        names |= {"flavor", "policy_dirs", "schema_file", "auto_upgrade"}
        names |= {"keystone", "keystone_limits", "auth_type", "auth"}
        assert {spec.name for spec in fields(settings)} <= names


def test_values_of_every_kind(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        """
        [DEFAULT]
        bind_host = 192.0.2.7
        bind_port = 9999
        user_storage_quota = 10 GB
        enabled_import_methods = [web-download,copy-image]
        hashing_algorithm = sha256
        log_dir = /var/log/images
        log_file = api.log
        use_json = yes
        [image_format]
        disk_formats = raw, qcow2
        vmdk_allowed_types =
        [oslo_middleware]
        enable_proxy_headers_parsing = true
        [imagestore]
        metrics_bind = [::1]:9100
        keepalive_timeout = 2.5
        [healthcheck]
        backends = disable_by_file
        disable_by_file_path = /run/off
        [paste_deploy]
        flavor = keystone
        """.replace("        ", ""),
    )

    assert settings.server.bind_host == "192.0.2.7"
    assert settings.server.bind_port == 9999
    assert settings.server.enable_proxy_headers_parsing is True
    assert settings.server.metrics_bind == ("::1", 9100)
    assert settings.server.keepalive_timeout == 2.5
    assert settings.server.healthcheck_disable_file == Path("/run/off")
    assert settings.limits.user_storage_quota == 10 << 30
    assert settings.images.enabled_import_methods == ("web-download", "copy-image")
    assert settings.images.disk_formats == ("raw", "qcow2")
    assert settings.images.vmdk_allowed_types == ()
    assert settings.images.hashing_algorithm == "sha256"
    assert settings.logging == Logging(log_file=Path("/var/log/images/api.log"), use_json=True)
    assert settings.identity.flavor == "keystone"
    assert settings.warnings == ()


def test_later_places_win(tmp_path: Path) -> None:
    first = write(tmp_path, "[DEFAULT]\nbind_port=1\nlimit_param_default=1\nbacklog=1\n", "1.conf")
    (tmp_path / "conf.d").mkdir()
    write(tmp_path / "conf.d", "[DEFAULT]\nbind_port=2\nlimit_param_default=2\n", "a.conf")
    write(tmp_path / "conf.d", "[DEFAULT]\nbind_port=3\n", "b.conf")
    write(tmp_path / "conf.d", "[DEFAULT]\nbind_port=77\n", "c.txt")
    files = {"config_file": [first], "config_dir": [tmp_path / "conf.d"]}

    settings = load(unparse(**files), {"HOME": "/"})
    assert settings.server.bind_port == 3
    assert settings.limits.limit_param_default == 2
    assert settings.server.backlog == 1

    environ = {"HOME": "/", "OS_DEFAULT__BIND_PORT": "4", "OS_IMAGESTORE__DATA_DIR": "/a"}
    settings = load(unparse(**files), environ)
    assert settings.server.bind_port == 4
    assert settings.data_dir == Path("/a")

    settings = load(unparse(**files, port=5, data_dir="/b"), environ)
    assert settings.server.bind_port == 5
    assert settings.data_dir == Path("/b")


def test_the_peers_directory_is_found_as_the_peer_finds_it(tmp_path: Path) -> None:
    write(tmp_path, "[DEFAULT]\nbacklog=1\nbind_port=1\n", "glance-image-import.conf")
    write(tmp_path, "[DEFAULT]\nbind_port=2\n", "glance-api.conf")
    environ = {"OS_GLANCE_CONFIG_DIR": str(tmp_path)}

    server = load([], environ).server
    assert (server.backlog, server.bind_port) == (1, 2)

    other = write(tmp_path, "[DEFAULT]\nbind_port=3\n", "other.conf")
    server = load(unparse([other]), environ).server
    assert (server.backlog, server.bind_port) == (Server().backlog, 3)

    with pytest.raises(ConfigurationError, match=r"glance-api\.conf"):
        load([], {"OS_GLANCE_CONFIG_DIR": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[DEFAULT]\nbind_port = 70000", ["[DEFAULT]", "bind_port"]),
        ("[DEFAULT]\nworkers = many", ["[DEFAULT]", "workers"]),
        ("[DEFAULT]\nuser_storage_quota = 5 apples", ["user_storage_quota", "10GiB"]),
        ("[DEFAULT]\nhashing_algorithm = md-nothing", ["hashing_algorithm", "md-nothing"]),
        ("[DEFAULT]\nhashing_algorithm = shake_128", ["hashing_algorithm", "128 hexadecimal"]),
        ("[DEFAULT]\nshow_image_direct_url = perhaps", ["show_image_direct_url"]),
        ("[DEFAULT]\nenabled_import_methods = [web-download", ["enabled_import_methods"]),
        ("[DEFAULT]\nnode_staging_uri = http://x/y", ["node_staging_uri", "file:///"]),
        ("[DEFAULT]\ncert_file = /nowhere.pem", ["cert_file", "/nowhere.pem"]),
        ("[DEFAULT]\nkey_file = /nowhere.pem", ["key_file", "cert_file"]),
        ("[imagestore]\nmetrics_bind = 9100", ["[imagestore]", "metrics_bind", "host:port"]),
        ("[paste_deploy]\nflavor = keystoen", ["[paste_deploy]", "flavor", "keystoen"]),
        ("[paste_deploy]\nflavor = keystone+trusted-headers", ["flavor"]),
        ("[DEFAULT]\nenabled_backends = a:file, a:file", ["enabled_backends", "twice"]),
        ("[DEFAULT]\nenabled_backends = a", ["enabled_backends"]),
        ("[DEFAULT]\nenabled_backends = os_glance_x:file", ["enabled_backends", "os_glance_"]),
        ("[DEFAULT]\nenabled_backends = database:file", ["enabled_backends", "database"]),
        ("[DEFAULT]\nenabled_backends = a:punchcards", ["punchcards", "file"]),
        (
            "[DEFAULT]\nenabled_backends = a:file\n[glance_store]\ndefault_backend = b",
            ["[glance_store]", "default_backend", "'b'"],
        ),
        (
            "[DEFAULT]\nenabled_backends = a:file, b:file",
            ["[glance_store]", "default_backend", "not set"],
        ),
        ("[glance_store]\ndefault_store = punchcards", ["[glance_store]", "default_store"]),
        (
            "[DEFAULT]\nenabled_backends = a:file\n[a]\nfilesystem_store_thread_pool_size = none\n",
            ["[a]", "filesystem_store_thread_pool_size"],
        ),
        ("bind_port = 1", ["line 1"]),
        ("[DEFAULT]\nwhat is this", ["line 2", "what is this"]),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, names: list[str]) -> None:
    message = refused(tmp_path, text)
    for name in [*names, "imagestore.conf"]:
        if name == "imagestore.conf" and "punchcards" not in text and "not set" in message:
            continue  # set nowhere
        assert name in message
    assert "\n" not in message


def test_a_bad_value_of_the_environment_is_named(tmp_path: Path) -> None:
    assert "OS_DEFAULT__WORKERS" in refused(tmp_path, "", OS_DEFAULT__WORKERS="x")


def test_a_missing_file_or_directory_is_named(tmp_path: Path) -> None:
    for args in (["--config-file", "/no/file.conf"], ["--config-dir", "/no/dir"]):
        with pytest.raises(ConfigurationError, match=args[1]):
            load(args, {})
    with pytest.raises(ConfigurationError, match="--nonsense"):
        load(["--nonsense"], {})


def test_workers_zero_is_one_per_processor(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[DEFAULT]\nworkers = 0").server.workers >= 1


def test_the_disable_file_needs_its_backend_as_with_the_peer(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[healthcheck]\ndisable_by_file_path = /run/off")
    assert settings.server.healthcheck_disable_file is None


@pytest.mark.parametrize(
    ("flavor", "expected"),
    [
        ("", ""),
        ("caching", ""),
        ("cachemanagement", ""),
        ("keystone", "keystone"),
        ("keystone+caching", "keystone"),
        ("keystone+cachemanagement", "keystone"),
        ("trusted-headers", "trusted-headers"),
        ("trusted-headers+caching", "trusted-headers"),
    ],
)
def test_flavors(tmp_path: Path, flavor: str, expected: str) -> None:
    settings = loaded(tmp_path, f"[paste_deploy]\nflavor = {flavor}")
    assert settings.identity.flavor == expected
    assert bool(settings.warnings) == ("cach" in flavor)


def test_former_names_are_understood_and_named(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "[DEFAULT]\nsql_connection = mysql://u:p@db/glance\ndisk_formats = raw\n"
        "[database]\nidle_timeout = 77\n",
    )
    assert settings.database.connection == "mysql://u:p@db/glance"
    assert settings.database.connection_recycle_time == 77
    assert settings.images.disk_formats == ("raw",)
    told = "\n".join(settings.warnings)
    for name in ("sql_connection", "idle_timeout", "disk_formats"):
        assert name in told


@pytest.mark.parametrize(
    ("text", "upgrade"),
    [
        ("", True),
        ("[database]\nconnection = sqlite:////tmp/x.sqlite", True),
        ("[database]\nconnection = postgresql://db/x", False),
        ("[database]\nconnection = postgresql://db/x\n[imagestore]\nauto_upgrade = true", True),
        ("[imagestore]\nauto_upgrade = false", False),
    ],
)
def test_tables_are_upgraded_at_start_where_nobody_else_would(
    tmp_path: Path, text: str, upgrade: bool
) -> None:
    assert loaded(tmp_path, text).database.auto_upgrade is upgrade


def test_policy_files_lie_beside_the_configuration(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").identity.policy_file is None

    (tmp_path / "policy.yaml").write_text("{}")
    (tmp_path / "schema-image.json").write_text("{}")
    settings = loaded(tmp_path, "")
    assert settings.identity.policy_file == tmp_path / "policy.yaml"
    assert settings.identity.policy_dirs == (tmp_path / "policy.d",)
    assert settings.images.schema_file == tmp_path / "schema-image.json"

    (tmp_path / "other.yaml").write_text("{}")
    settings = loaded(
        tmp_path, "[oslo_policy]\npolicy_file = other.yaml\npolicy_dirs = a\npolicy_dirs = /b\n"
    )
    assert settings.identity.policy_file == tmp_path / "other.yaml"
    assert settings.identity.policy_dirs == (tmp_path / "a", Path("/b"))

    settings = loaded(tmp_path, "[oslo_policy]\npolicy_file = gone.yaml\n")
    assert settings.identity.policy_file == tmp_path / "gone.yaml"
    assert any("gone.yaml" in warning for warning in settings.warnings)


def test_what_may_be_fetched(tmp_path: Path) -> None:
    text = (
        "[import_filtering_opts]\nallowed_schemes = [https]\ndisallowed_schemes = []\n"
        "allowed_hosts = mirror.example.org, 10.0.0.7\nallowed_ports = [443, 8443]\n"
        "disallowed_ports =\nallow_private_addresses = true\n"
    )
    settings = loaded(tmp_path, text)
    assert settings.import_filter == AddressRules(
        allowed_schemes=("https",),
        allowed_hosts=("mirror.example.org", "10.0.0.7"),
        allowed_ports=(443, 8443),
        allow_private_addresses=True,
    )
    assert settings.warnings == ()
    assert loaded(
        tmp_path, "[import_filtering_opts]\nallowed_ports = []\n"
    ).import_filter == AddressRules(allowed_ports=())


@pytest.mark.parametrize(
    "line", ["allowed_ports = http", "disallowed_ports = 0", "allowed_hosts = " + "ü" * 70]
)
def test_what_may_be_fetched_has_to_be_understood(tmp_path: Path, line: str) -> None:
    message = refused(tmp_path, f"[import_filtering_opts]\n{line}\n")
    assert "[import_filtering_opts]" in message
    assert line.split(" = ")[0] in message


@pytest.mark.parametrize(
    "account, offered",
    [
        ("", False),
        ("[paste_deploy]\nflavor = keystone\n", False),
        (
            "[paste_deploy]\nflavor = keystone\n[keystone_authtoken]\nauth_type = password\n"
            "auth_url = http://k/v3\nusername = u\npassword = p\n",
            True,
        ),
        (
            "[paste_deploy]\nflavor = keystone\n[keystone_authtoken]\n"
            "auth_type = v3applicationcredential\nauth_url = http://k/v3\n"
            "application_credential_id = i\napplication_credential_secret = s\n",
            True,
        ),
    ],
)
def test_imports_from_other_regions_need_an_account(
    tmp_path: Path, account: str, *, offered: bool
) -> None:
    settings = loaded(
        tmp_path,
        f"[DEFAULT]\nenabled_import_methods = [web-download,glance-download]\n{account}",
    )
    methods = ("web-download", "glance-download") if offered else ("web-download",)
    assert settings.images.enabled_import_methods == methods
    assert any("glance-download" in warning for warning in settings.warnings) is not offered


def test_the_plugins_of_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "[image_import_opts]\nimage_import_plugins = ['image_conversion','own_plugin']\n"
        "[image_conversion]\noutput_format = qcow2\n"
        "[glance_download_properties]\nextra_properties = ['os_','architecture']\n"
    )
    settings = loaded(tmp_path, text)
    assert settings.imports.output_format == "qcow2"
    assert settings.imports.extra_properties == ("os_", "architecture")
    assert settings.imports.work_dir == settings.data_dir / "conversion"
    assert [warning for warning in settings.warnings if "own_plugin" in warning]
    monkeypatch.setenv("PATH", "")
    warnings = loaded(tmp_path, f"{text}[task]\nwork_dir = /srv/work\n").warnings
    assert [warning for warning in warnings if "qemu-img" in warning]


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = (
        "[DEFAULT]\nbind_port = high\nimage_size_cap = 0\nkey_file = /nowhere.pem\n"
        "[paste_deploy]\nflavor = keystoen\n[database]\nmax_retries = often\n"
        "[glance_store]\ndefault_store = punchcards\n[import_filtering_opts]\nallowed_ports = a\n"
    )
    lines = refused(tmp_path, text, OS_DEFAULT__WORKERS="many").split("\n")
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, "[DEFAULT]\nbind_port = high\nbind_hots = ::\n")
    assert len(caught.value.faults) == 1
    assert "Did you mean bind_host by bind_hots?" in caught.value.warnings[0]
    for name in (
        "bind_port", "image_size_cap", "key_file", "flavor", "max_retries", "default_store",
        "allowed_ports", "workers in the environment",
    ):  # fmt: skip
        assert sum(name in line for line in lines) == 1, (name, lines)
    assert not [line for line in lines if "literal" in line or "int()" in line], lines


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[paste_deploy]\nflavour = keystone", "Did you mean flavor by flavour?"),
        ("[DEFAULT]\nbind_prot = 1", "Did you mean bind_port by bind_prot?"),
        ("[past_deploy]\nflavor = keystone", "Did you mean [paste_deploy]?"),
        ("[profiler]\nenabled = true", "no effect."),
    ],
)
def test_a_name_that_is_not_known_is_compared_with_those_that_are(
    tmp_path: Path, text: str, meant: str
) -> None:
    [warning] = loaded(tmp_path, text).warnings
    assert warning.endswith(meant)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("10GiB", 10 << 30), ("512 MiB", 512 << 20), ("1.5 gb", 3 << 29), ("7", 7),
        ("2TB", 2 << 40), ("0.5k", 512), ("1000 bytes", 1000),
    ],
)  # fmt: skip
def test_sizes_have_units(tmp_path: Path, text: str, count: int) -> None:
    found = loaded(tmp_path, f"[DEFAULT]\nimage_size_cap = {text}\nuser_storage_quota = {text}")
    assert found.limits.image_size_cap == found.limits.user_storage_quota == count


def test_times_have_units_and_plain_numbers_mean_what_they_did(tmp_path: Path) -> None:
    text = (
        "[DEFAULT]\nscrub_time = 30d\nwakeup_time = 90\ngraceful_shutdown_timeout = 1.5 min\n"
        "[task]\ntask_time_to_live = 2 weeks\n"
        "[imagestore]\npatrol_interval = 12\norphan_interval = 7 days\n"
        "purge_deleted_after = 4w\n"
        "[glance_store]\nfilesystem_store_timeout = 500ms\nfilesystem_store_chunk_size = 8 MiB\n"
        "stores = file, s3\ns3_store_large_object_size = 1GiB\n"
    )
    found = loaded(tmp_path, text)
    assert (found.scrubber.scrub_time, found.scrubber.wakeup_time) == (30 * 86400, 90)
    assert found.server.graceful_shutdown_timeout == 90.0
    assert found.jobs.time_to_live == 14 * 24
    assert (found.scrubber.patrol_interval, found.scrubber.orphan_interval) == (12, 7 * 24)
    assert found.jobs.purge_deleted_after == 28
    file, s3 = found.stores.sections
    assert file.options["filesystem_store_timeout"] == 0.5
    assert file.options["filesystem_store_chunk_size"] == 8 << 20
    assert s3.options["s3_store_large_object_size"] == 1024


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[DEFAULT]\nscrub_time = a day", "'a day' is not a whole number of seconds such as 90"),
        ("[imagestore]\npatrol_interval = 90m", "'90m' is not a whole number of hours"),
        ("[DEFAULT]\nworkers = 2.5", "'2.5' is not a whole number"),
        ("[DEFAULT]\nimage_size_cap = 3 apples", "'3 apples' is not a whole number of bytes"),
        ("[DEFAULT]\nbind_port = 70000", "70000 is more than 65535"),
        ("[DEFAULT]\nuser_storage_quota = -1GB", "-1GB is less than 0"),
        ("[keystone_authtoken]\nadmin_user = x\nauth_port = y", "auth_port in"),
        ("[keystone_authtoken]\nadmin_user = x\nauth_port = y", "'y' is not a number"),
    ],
)
def test_a_number_that_is_none_is_said_so_in_words(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refused(tmp_path, text)
