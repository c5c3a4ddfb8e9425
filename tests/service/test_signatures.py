"""Signed images: verified while they are uploaded, with certificates of a key manager."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from imagestore.config.settings import Signatures
from tests import key_manager
from tests.service.conftest import Person, Service, Start

DATA = b"an image that somebody has signed" * 5000
RSA, EC = "rsa", "ec"


def certificate(key: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    today = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {
        RSA: rsa.generate_private_key(public_exponent=65537, key_size=2048),
        EC: ec.generate_private_key(ec.SECP384R1()),
    }


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any]) -> Path:
    directory = tmp_path / "certificates"
    directory.mkdir()
    for name, key in keys.items():
        (directory / f"{name}.der").write_bytes(certificate(key))
    (directory / "opaque").write_bytes(b"no certificate")
    (directory / "broken.der").write_bytes(b"no certificate")
    monkeypatch.setenv(key_manager.VARIABLE, str(directory))
    return directory


@pytest.fixture
async def served(start: Start, certificates: Path) -> Service:
    return await start(signatures=Signatures("tests.key_manager.FileKeyManager"))


def signed(keys: dict[str, Any], data: bytes = DATA, kind: str = RSA) -> dict[str, str]:
    method = hashes.SHA256()
    if kind == RSA:
        pss = padding.PSS(mgf=padding.MGF1(method), salt_length=padding.PSS.MAX_LENGTH)
        signature = keys[RSA].sign(data, pss, method)
    else:
        signature = keys[EC].sign(data, ec.ECDSA(method))
    return {
        "img_signature": base64.b64encode(signature).decode(),
        "img_signature_hash_method": "SHA-256",
        "img_signature_key_type": "RSA-PSS" if kind == RSA else "ECC_SECP384R1",
        "img_signature_certificate_uuid": kind,
    }


async def upload(person: Person, data: bytes = DATA, **properties: str) -> tuple[int, str]:
    """The status of the upload, and of the image afterwards."""
    image = (await person.create(**properties))["id"]
    status = await person.upload(image, data, **{"X-Auth-Token": "token-of-the-caller"})
    return status, (await person.show(image))["status"]


@pytest.mark.parametrize("kind", [RSA, EC])
async def test_what_was_signed(served: Service, keys: dict[str, Any], kind: str) -> None:
    alice = served.person("red")
    properties = signed(keys, kind=kind)
    assert await upload(alice, **properties) == (204, "active")
    files = served.files()
    for data in (DATA[:-1], DATA + b"x", b"x" + DATA[1:], b""):
        assert await upload(alice, data, **properties) == (400, "queued"), len(data)
    assert served.files() == files


@pytest.mark.parametrize(
    "change",
    [
        {"img_signature": "not base64 !"},
        {"img_signature": ""},
        {"img_signature": "AAAA"},
        {"img_signature_hash_method": "SHA-512"},
        {"img_signature_hash_method": "MD5"},
        {"img_signature_key_type": "DSA"},
        {"img_signature_key_type": "ECC_SECP384R1"},
        {"img_signature_key_type": "x"},
        {"img_signature_certificate_uuid": EC},
        {"img_signature_certificate_uuid": "unknown"},
        {"img_signature_certificate_uuid": "opaque"},
        {"img_signature_certificate_uuid": "broken"},
    ],
)
async def test_what_cannot_be_verified(
    served: Service, keys: dict[str, Any], change: dict[str, str]
) -> None:
    alice = served.person("red")
    assert await upload(alice, **signed(keys) | change) == (400, "queued")
    assert served.files() == set()


async def test_part_of_a_signature_is_none(served: Service, keys: dict[str, Any]) -> None:
    alice = served.person("red")
    for name in signed(keys):
        properties = signed(keys, b"something else")
        del properties[name]
        assert await upload(alice, **properties) == (204, "active")


async def test_the_key_manager_is_away(
    served: Service, keys: dict[str, Any], certificates: Path
) -> None:
    alice = served.person("red")
    (certificates / "away").touch()
    assert await upload(alice, **signed(keys)) == (503, "queued")
    (certificates / "away").unlink()
    image = (await alice.create(**signed(keys)))["id"]
    assert await alice.upload(image, DATA, **{"X-Auth-Token": "another"}) == 503
    assert await upload(alice, **signed(keys)) == (204, "active")
    assert await upload(alice) == (204, "active")
