"""Signatures of images: what is uploaded must be what its owner has signed.

An image whose properties hold a signature, its method, the type of the key and the id of a
certificate is verified while it is uploaded. The certificate comes from the key manager
that castellan is configured for (``[key_manager] backend``), the arithmetic from cursive. Both
are in the extra ``signatures``; without it such an image cannot be uploaded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from imagestore.backends.base import Buffer
from imagestore.config.settings import Signatures as Settings
from imagestore.model.errors import Invalid, Unavailable
from imagestore.transfer.judgement import Verification

log = logging.getLogger(__name__)

SIGNATURE = "img_signature"
HASH_METHOD = "img_signature_hash_method"
KEY_TYPE = "img_signature_key_type"
CERTIFICATE = "img_signature_certificate_uuid"
PROPERTIES = (SIGNATURE, HASH_METHOD, KEY_TYPE, CERTIFICATE)


def signed(properties: Mapping[str, str]) -> dict[str, str] | None:
    """What of an image's properties describes its signature; None unless all of it is there."""
    if not all(name in properties for name in PROPERTIES):
        return None
    return {name: properties[name] for name in PROPERTIES}


class Signatures:
    """Makes verifications."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._manager: Any = None
        self._conf: Any = None

    async def verification(
        self, described: Mapping[str, str] | None, *, token: str | None, project: str | None
    ) -> Verification | None:
        """A verification by a signature as :func:`signed` finds it; None where there is none.

        ``token``: the caller's, with which the key manager is asked unless it has an account of
        its own. Raises :class:`Invalid` for what cannot be verified by, :class:`Unavailable`
        if the key manager does not answer.
        """
        if described is None:
            return None
        return await asyncio.to_thread(self._make, described, token, project)

    def _make(
        self, described: Mapping[str, str], token: str | None, project: str | None
    ) -> Verification:
        try:
            from cursive import exception, signature_utils
        except ImportError as error:
            log.error("An image is signed, and the extra imagestore[signatures] is not installed.")
            raise Invalid("This service cannot verify signatures.") from error
        try:
            signature = signature_utils.get_signature(described[SIGNATURE])
            method = signature_utils.get_hash_method(described[HASH_METHOD])
            kind = signature_utils.SignatureKeyType.lookup(described[KEY_TYPE])
            key = self._public_key(described[CERTIFICATE], token, project)
            if not isinstance(key, kind.public_key_type):
                raise Invalid("The certificate has a key of another type than the signature.")
            verifier = kind.create_verifier(signature, method, key)
        except exception.SignatureVerificationError as error:
            raise Invalid(f"The signature of the image cannot be verified: {error}") from error
        except ValueError as error:
            raise Invalid("The signature of the image cannot be verified.") from error
        if verifier is None:
            raise Invalid("The signature of the image is empty.")
        return _Verification(verifier)

    def _public_key(self, certificate: str, token: str | None, project: str | None) -> Any:
        from castellan.common.exception import KeyManagerError, ManagedObjectNotFoundError
        from cryptography import x509

        try:
            if self._manager is None:
                self._manager = self._connect()
            found = self._manager.get(self._context(token, project), certificate)
        except ManagedObjectNotFoundError as error:
            raise Invalid("The key manager has no certificate of that id.") from error
        except KeyManagerError as error:
            log.error("The key manager does not give a certificate: %s", error)
            raise Unavailable("The certificate cannot be read at the moment.") from error
        except Exception as error:
            # Its backends raise what their own libraries raise.
            log.exception("The key manager failed")
            raise Unavailable("The certificate cannot be read at the moment.") from error
        if getattr(found, "format", None) != "X.509":
            raise Invalid("What the key manager has under that id is no X.509 certificate.")
        return x509.load_der_x509_certificate(found.get_encoded()).public_key()

    def _connect(self) -> Any:
        from castellan import key_manager
        from castellan.common import utils
        from oslo_config import cfg

        self._conf = cfg.ConfigOpts()
        self._conf(
            [],
            project="imagestore",
            default_config_files=[str(path) for path in self._settings.config_files],
            default_config_dirs=[],
        )
        self._conf.register_opts(key_manager.key_manager_opts, group="key_manager")
        self._conf.register_opts(utils.credential_opts, group="key_manager")
        self._conf.set_override("backend", self._settings.backend, group="key_manager")
        return key_manager.API(self._conf)

    def _context(self, token: str | None, project: str | None) -> Any:
        from castellan.common import utils
        from oslo_context.context import RequestContext

        if self._conf.key_manager.auth_type:
            return utils.credential_factory(self._conf)
        return RequestContext(auth_token=token, project_id=project, overwrite=False)


class _Verification:
    def __init__(self, verifier: Any) -> None:
        self._verifier = verifier

    def feed(self, blocks: Iterable[Buffer]) -> None:
        for block in blocks:
            self._verifier.update(block)

    def finish(self) -> None:
        from cryptography.exceptions import InvalidSignature

        try:
            self._verifier.verify()
        except InvalidSignature as error:
            raise Invalid("The data is not what was signed.") from error
