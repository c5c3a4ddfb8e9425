"""``[keystone_authtoken]`` as files have it, today's and those of 2014."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagestore.config.settings import Keystone
from tests.config.test_load import loaded, refused

SECTION = "[paste_deploy]\nflavor = keystone+caching\n[keystone_authtoken]\n"


def keystone(directory: Path, text: str) -> Keystone:
    return loaded(directory, SECTION + text).identity.keystone


def test_a_file_of_today(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    found = keystone(
        tmp_path,
        "www_authenticate_uri = http://controller:5000\nauth_url = http://controller:5000\n"
        "memcached_servers = controller:11211\nauth_type = password\n"
        "project_domain_name = Default\nuser_domain_name = Default\nproject_name = service\n"
        "username = glance\npassword = pass$$word\nregion_name = RegionTwo\ninterface = public\n"
        f"cafile = {tmp_path}/ca.pem\ninsecure = true\nservice_token_roles = service, nova\n"
        "service_token_roles_required = false\ntoken_cache_time = 60\nhttp_connect_timeout = 3\n"
        "http_request_max_retries = 1\nservice_type = pictures\ndelay_auth_decision = true\n",
    )
    assert found == Keystone(
        auth_type="password",
        auth={
            "auth_url": "http://controller:5000",
            "project_domain_name": "Default",
            "user_domain_name": "Default",
            "project_name": "service",
            "username": "glance",
            "password": "pass$word",
        },
        www_authenticate_uri="http://controller:5000",
        region_name="RegionTwo",
        interface="public",
        cafile=tmp_path / "ca.pem",
        insecure=True,
        service_token_roles=("service", "nova"),
        service_token_roles_required=False,
        token_cache_time=60,
        http_connect_timeout=3,
        http_request_max_retries=1,
        service_type="pictures",
    )


def test_a_file_of_2014(tmp_path: Path) -> None:
    found = keystone(
        tmp_path,
        "auth_uri = http://controller:5000/v2.0\nidentity_uri = http://controller:35357/v2.0/\n"
        "admin_tenant_name = service\nadmin_user = glance\nadmin_password = secret\n",
    )
    account = {
        "auth_url": "http://controller:35357",
        "username": "glance",
        "password": "secret",
        "project_name": "service",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    assert (found.auth_type, found.auth) == ("password", account)
    assert found.www_authenticate_uri == "http://controller:5000/v2.0"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("auth_host = c\nauth_protocol = http\n", "http://c:35357"),
        ("auth_host = c\nauth_port = 5000\n", "https://c:5000"),
        ("auth_host = c\nauth_admin_prefix = /identity/\n", "https://c:35357/identity"),
        ("", "https://127.0.0.1:35357"),
    ],
)
def test_where_keystone_was_in_2014(tmp_path: Path, text: str, url: str) -> None:
    found = keystone(tmp_path, f"{text}admin_user = glance\nadmin_password = x\n")
    assert found.auth["auth_url"] == url


def test_the_token_of_2014(tmp_path: Path) -> None:
    found = keystone(tmp_path, "identity_uri = http://c:35357/\nadmin_token = ADMIN\n")
    assert found.auth_type == "admin_token"
    assert found.auth == {"endpoint": "http://c:35357/v3", "token": "ADMIN"}


def test_names_between_then_and_now(tmp_path: Path) -> None:
    found = keystone(
        tmp_path,
        "auth_plugin = password\nauth_url = http://c:5000\nuser_name = glance\npassword = x\n"
        "tenant_name = service\nuser_domain_id = default\nproject_domain_id = default\n",
    )
    assert (found.auth_type, found.auth["username"]) == ("password", "glance")
    assert found.auth["project_name"] == "service"


def test_an_account_in_another_section(tmp_path: Path) -> None:
    found = keystone(
        tmp_path,
        "auth_section = account\n[account]\nauth_type = v3applicationcredential\n"
        "auth_url = http://c:5000/v3\napplication_credential_id = i\n"
        "application_credential_secret = s\n",
    )
    assert found.auth_type == "v3applicationcredential"
    assert found.auth == {
        "auth_url": "http://c:5000/v3",
        "application_credential_id": "i",
        "application_credential_secret": "s",
    }


def test_what_has_no_effect_or_is_out_of_date_is_named(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        SECTION + "memcached_servers = c:11211\nadmin_user = glance\nadmin_password = hidden\n",
    )
    told = "\n".join(settings.warnings)
    assert "memcached_servers: no effect" in told
    assert "admin_user" in told
    assert "hidden" not in told
    assert "not known" not in told


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("auth_type = passwrd", "auth_type"),
        ("http_connect_timeout = 0", "http_connect_timeout"),
        ("cafile = /nowhere.pem", "cafile"),
        ("keyfile = /nowhere.pem", "keyfile"),
        ("admin_user = g\nauth_port = x", "auth_port"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, name: str) -> None:
    assert f"[keystone_authtoken] {name}" in refused(tmp_path, SECTION + text)
