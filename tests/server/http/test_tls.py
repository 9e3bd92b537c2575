"""HTTPS with a self-signed certificate."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.server.cli.program import Program
from tests.server.http.serving import JSON, served, tool_call
from tests.server.http.signing_in import make_token


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert_file, key_file


async def test_it_serves_https(database: Path, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    token = await make_token(database)
    options = ("--sign-in", "--tls-cert", str(cert), "--tls-key", str(key))
    headers = {**JSON, "authorization": f"Bearer {token}"}
    trust = ssl.create_default_context(cafile=str(cert))
    async with served(database, *options) as server:
        assert server.url.startswith("https://")
        async with httpx2.AsyncClient(verify=trust, headers=headers) as http:
            answer = await http.post(server.url, content=tool_call("list_libraries", {}))
    assert answer.status_code == 200


def test_a_certificate_without_its_key_is_refused(database: Path) -> None:
    said = Program(database).run("serve", "--http", "0", "--tls-cert", __file__, fails=2)
    assert "belong together" in said.stderr


def test_an_unusable_certificate_is_a_one_line_error(database: Path, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    options = ("--tls-cert", str(key), "--tls-key", str(cert))
    said = Program(database).run("serve", "--http", "0", *options, fails=1).stderr
    assert said.startswith("Error: --tls-cert and --tls-key cannot be used: give the certificate")
    assert "_ssl.c" not in said
