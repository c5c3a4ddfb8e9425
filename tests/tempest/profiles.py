"""The two configurations in which tempest asks: of the service, and what tempest is told of it.

``main`` has everything strict: formats enforced, hashes of new locations computed. ``alt``
has formats not enforced and the plugins of import on, for tests that skip in ``main``.
Lists of ``[import_filtering_opts]`` stand in brackets, or Glance refuses every URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Sections = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Profile:
    secure_hash: bool
    enforce_formats: bool
    plugins: str
    excluded: str = ""
    """Pattern of the tests that are left out."""

    @property
    def conversion(self) -> bool:
        return "conversion" in self.plugins


PROFILES: Final[Mapping[str, Profile]] = {
    "main": Profile(secure_hash=True, enforce_formats=True, plugins="[]"),
    "alt": Profile(
        secure_hash=False,
        enforce_formats=False,
        plugins="['image_decompression','image_conversion','inject_image_metadata']",
        # These boot servers.
        excluded="test_compute_rejects_",
    ),
}


def service(
    profile: Profile,
    *,
    directory: str,
    stores: str,
    port: int,
    ports: str,
    database: str,
    keystone: str,
    region: str,
) -> Sections:
    """glance-api.conf of one node, the same for Glance and imagestore.

    ``stores``: the directory that all nodes share; ``ports``: those that may be imported
    from, separated by commas.
    """
    account = {
        "auth_url": keystone,
        "auth_type": "password",
        "username": "glance",
        "password": "glancepw",
        "user_domain_id": "default",
    }
    return {
        "DEFAULT": {
            "enabled_backends": "store1:file,store2:file,web:http",
            "enabled_import_methods": "[glance-direct,web-download,copy-image,glance-download]",
            "worker_self_reference_url": f"http://127.0.0.1:{port}",
            "show_multiple_locations": "true",
            "show_image_direct_url": "true",
            "do_secure_hash": str(profile.secure_hash).lower(),
            "image_cache_dir": f"{directory}/cache",
            "image_cache_driver": "centralized_db",
            "image_cache_stall_time": "60",
            "log_file": f"{directory}/api.log",
        },
        "database": {"connection": database},
        "glance_store": {"default_backend": "store1"},
        # By weight as by name: tempest sorts the names.
        "store1": {"filesystem_store_datadir": f"{stores}/store1", "weight": "200"},
        "store2": {"filesystem_store_datadir": f"{stores}/store2", "weight": "100"},
        # Its name is built into tempest.
        "web": {"store_description": "read-only"},
        "os_glance_staging_store": {"filesystem_store_datadir": f"{directory}/staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": f"{directory}/tasks"},
        "image_format": {"require_image_format_match": str(profile.enforce_formats).lower()},
        "import_filtering_opts": {
            "allowed_hosts": "[127.0.0.1]",
            "allowed_ports": f"[80,443,{ports}]",
        },
        "paste_deploy": {"flavor": "keystone+cachemanagement"},
        "keystone_authtoken": {
            **account,
            "www_authenticate_uri": keystone,
            "project_name": "service",
            "project_domain_id": "default",
            "region_name": region,
            "interface": "public",
            "service_token_roles": "service",
            "service_token_roles_required": "true",
        },
        "oslo_limit": {
            **account,
            "system_scope": "all",
            "endpoint_service_type": "image",
            "endpoint_region_name": region,
            "endpoint_interface": "public",
        },
        "oslo_concurrency": {"lock_path": f"{directory}/lock"},
        "oslo_policy": {"enforce_scope": "true", "enforce_new_defaults": "true"},
    }


def imports(profile: Profile) -> Sections:
    """glance-image-import.conf."""
    return {
        "image_import_opts": {"image_import_plugins": profile.plugins},
        "image_conversion": {"output_format": "raw"},
        "inject_metadata_properties": {"inject": "imported_by:lab", "ignore_user_roles": "admin"},
    }


def tempest(
    profile: Profile, *, directory: str, keystone: str, region: str, web: str, manifest: str | None
) -> Sections:
    """tempest.conf. Without a ``manifest`` of images the tests of formats skip."""
    formats = {} if manifest is None else {"images_manifest_file": manifest}
    return {
        "DEFAULT": {"log_file": f"{directory}/tempest.log"},
        "oslo_concurrency": {"lock_path": f"{directory}/lock"},
        # No tempest_roles: one there is given to readers as well.
        "auth": {
            "use_dynamic_credentials": "true",
            "create_isolated_networks": "false",
            "admin_username": "admin",
            "admin_password": "adminpw",
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "default_credentials_domain_name": "Default",
        },
        "identity": {
            "uri_v3": keystone,
            "auth_version": "v3",
            "region": region,
            "v3_endpoint_type": "public",
            "default_domain_id": "default",
        },
        "identity-feature-enabled": {"api_v2": "false", "api_v2_admin": "false"},
        # Tests of formats want a nova, and do not call it.
        "service_available": {
            "glance": "true",
            "nova": str(manifest is not None).lower(),
            **dict.fromkeys(("neutron", "cinder", "swift", "horizon"), "false"),
        },
        "volume-feature-enabled": {"enable_volume_image_dep_tests": "false"},
        "enforce_scope": {"glance": "true", "keystone": "true"},
        "glance_api": {"system_scope_supported": "false"},
        "image": {
            "catalog_type": "image",
            "region": region,
            "endpoint_type": "public",
            "alternate_image_endpoint": "image_remote",
            "image_caching_enabled": "true",
            "http_image": f"{web}/image.raw",
            "http_qcow2_image": f"{web}/image.qcow2",
            "build_timeout": "60",
            "build_interval": "1",
            "container_formats": "bare,ami,ari,aki,ovf,ova,docker,compressed",
            # The first is that of images which get http_image as a location: it is raw, and
            # imagestore, unlike Glance, looks there too when it enforces formats.
            "disk_formats": "raw,qcow2,ami,ari,aki,vhd,vmdk,vdi,iso,vhdx,ploop",
            **formats,
        },
        "image-feature-enabled": {
            **dict.fromkeys(
                (
                    "import_image",
                    "os_glance_reserved",
                    "manage_locations",
                    "http_store_enabled",
                    "store_weight_enabled",
                ),
                "true",
            ),
            "image_conversion": str(profile.conversion).lower(),
            "image_format_enforcement": str(profile.enforce_formats).lower(),
            "do_secure_hash": str(profile.secure_hash).lower(),
        },
    }


def written(sections: Sections) -> str:
    """As a file."""
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items()), ""]
    return "\n".join(lines)
