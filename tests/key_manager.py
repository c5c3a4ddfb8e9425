"""A key manager whose certificates are files, for castellan's ``[key_manager] backend``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from castellan.common.exception import KeyManagerError, ManagedObjectNotFoundError
from castellan.common.objects.opaque_data import OpaqueData
from castellan.common.objects.x_509 import X509
from castellan.key_manager.not_implemented_key_manager import NotImplementedKeyManager

VARIABLE = "IMAGESTORE_TEST_CERTIFICATES"
"""Names the directory: ``<id>.der`` is a certificate, anything else no certificate."""
FOR_ALL = "for all"
"""A file there: certificates are given to jobs too, which act for no caller at the moment."""


class FileKeyManager(NotImplementedKeyManager):  # type: ignore[misc]
    def __init__(self, configuration: Any) -> None:
        super().__init__(configuration)
        self.directory = Path(os.environ[VARIABLE])

    def get(self, context: Any, managed_object_id: str, **_: Any) -> Any:
        if (self.directory / "away").exists():
            raise KeyManagerError("away")
        # That of the service's own account, where it has one, has another name.
        token = getattr(context, "auth_token", None) or getattr(context, "token", None)
        if token != "token-of-the-caller" and not (self.directory / FOR_ALL).exists():
            raise KeyManagerError("forbidden")
        der = self.directory / f"{managed_object_id}.der"
        other = self.directory / managed_object_id
        if der.exists():
            return X509(der.read_bytes())
        if other.exists():
            return OpaqueData(other.read_bytes())
        raise ManagedObjectNotFoundError(uuid=managed_object_id)
