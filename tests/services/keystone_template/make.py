"""Makes the state that a test Keystone starts from: tables, keys, roles, users, projects.

Runs inside Keystone's own virtual environment: ``make.py CONFIG IDENTITY_URL USERS``, where
USERS is JSON, ``[[user, project, [role, …]], …]``. A password is the user's name and ``pw``.
Migrating the tables takes most of the time, which is why the result is kept and copied.
"""

from __future__ import annotations

import json
import sys
import uuid
from typing import Any

import keystone.conf
from keystone.cmd import bootstrap
from keystone.common import fernet_utils, provider_api, sql
from keystone.common.sql import upgrades

DOMAIN = "default"


def keys(conf: Any) -> None:
    """Keys for tokens, receipts and credentials."""
    for section in ("fernet_tokens", "fernet_receipts", "credential"):
        repository = fernet_utils.FernetUtils(conf[section].key_repository, 3, section)
        repository.create_key_directory()
        repository.initialize_key_repository()


def administrator(identity_url: str) -> None:
    """The roles that every Keystone has, ``admin`` of project and system, and the catalog."""
    first = bootstrap.Bootstrapper()
    first.admin_username = first.project_name = first.admin_role_name = "admin"
    first.admin_password = "adminpw"
    first.service_name, first.region_id, first.immutable_roles = "keystone", "RegionOne", True
    first.public_url = first.internal_url = first.admin_url = identity_url
    first.bootstrap()


def people(users: list[tuple[str, str, list[str]]]) -> None:
    """Users in projects (of an id made from the name) with roles; an empty project: the domain."""
    parts = provider_api.ProviderAPIs
    roles = {role["name"]: role["id"] for role in parts.role_api.list_roles()}
    projects: dict[str, str] = {}
    for name, project, granted in users:
        if project and project not in projects:
            projects[project] = uuid.uuid5(uuid.NAMESPACE_DNS, project).hex
            parts.resource_api.create_project(
                projects[project],
                {"id": projects[project], "name": project, "domain_id": DOMAIN, "enabled": True},
            )
        user = parts.identity_api.create_user(
            {"name": name, "password": f"{name}pw", "domain_id": DOMAIN, "enabled": True}
        )
        for role in granted:
            if project:
                parts.assignment_api.add_role_to_user_and_project(
                    user["id"], projects[project], roles[role]
                )
            else:
                parts.assignment_api.create_grant(roles[role], user_id=user["id"], domain_id=DOMAIN)


def main() -> None:
    path, identity_url, users = sys.argv[1:]
    conf = keystone.conf.CONF
    keystone.conf.configure()
    conf(args=[], project="keystone", default_config_files=[path])
    keys(conf)
    sql.initialize()
    upgrades.offline_sync_database_to_version()
    administrator(identity_url)
    people(json.loads(users))


if __name__ == "__main__":
    main()
