"""Which JWTs are accepted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.access import Scope
from tests.server.http.auth.authorization_server import (
    RESOURCE,
    AuthorizationServer,
    authenticator,
    known,
    oauth,
    private_key,
    public_jwk,
    signed,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")  # they share a listener


def unsigned(header: object, claims: object, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        *((name, "RS256") for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        *((name, name) for name in ("ES256", "ES384", "ES512", "EdDSA")),
        ("EdDSA", "Ed448"),
    ],
)
async def test_tokens_of_every_supported_algorithm_are_accepted(
    issuer: AuthorizationServer, algorithm: str, key: str
) -> None:
    issuer.keys = [public_jwk(private_key(name), kid=name) for name in ("RS256", key)]
    token = signed(issuer.claims(), private_key(key), algorithm, kid=key)
    caller = await known(authenticator(oauth(issuer)), token)
    assert caller.access.who == "anna (desk)"
    assert caller.access.scopes == {Scope.READ}
    assert caller.access.libraries == frozenset()


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", None])
async def test_access_tokens_and_plain_jwts_are_accepted(
    issuer: AuthorizationServer, kind: str | None
) -> None:
    token = signed(issuer.claims(), private_key("RS256"), typ=kind)
    await known(authenticator(oauth(issuer)), token)


@pytest.mark.parametrize(
    "audience", [RESOURCE, f"{RESOURCE}/", ["https://other.example", RESOURCE]]
)
@pytest.mark.parametrize("resource", [RESOURCE, f"{RESOURCE}/"])
async def test_a_trailing_slash_of_the_audience_makes_no_difference(
    issuer: AuthorizationServer, audience: object, resource: str
) -> None:
    await known(authenticator(oauth(issuer, resource=resource)), issuer.token(aud=audience))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"iss": "{issuer}/"},
        {"iss": None},
        {"iss": ["{issuer}"]},
        {"aud": "https://other.example/mcp"},
        {"aud": "https://experience.example.com"},
        {"aud": f"{RESOURCE}/more"},
        {"aud": None},
        {"aud": {RESOURCE: True}},
        {"exp": None},
        {"exp": "soon"},
        {"exp": time.time() - 61},
        {"nbf": time.time() + 7200},
        {"iat": time.time() + 7200},
        {"sub": None, "client_id": None},
        {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
        {"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}},
        {"cnf": 7},
        {"sub": 7},
    ],
    ids=", ".join,  # the claims; the clock is in some values
)
async def test_a_token_with_an_invalid_claim_is_rejected(
    issuer: AuthorizationServer, changed: dict[str, Any]
) -> None:
    text = json.dumps(changed).replace("{issuer}", issuer.issuer)
    assert await authenticator(oauth(issuer)).authenticate(issuer.token(**json.loads(text))) is None


async def test_clocks_may_differ_by_a_minute(issuer: AuthorizationServer) -> None:
    now = int(time.time())
    token = issuer.token(exp=now - 30, nbf=now + 30, iat=now + 30)
    await known(authenticator(oauth(issuer)), token)


async def test_a_token_of_another_type_is_rejected(issuer: AuthorizationServer) -> None:
    verifier = authenticator(oauth(issuer))
    for kind in ("logout+jwt", "dpop+jwt", ["at+jwt"], 7):
        token = signed(issuer.claims(), private_key("RS256"), kid="RS256", typ=kind)
        assert await verifier.authenticate(token) is None, kind


async def test_tokens_signed_with_public_material_are_rejected(issuer: AuthorizationServer) -> None:
    verifier = authenticator(oauth(issuer))
    issuer.keys.append({"kty": "oct", "k": "c2VjcmV0", "kid": "shared"})
    claims, key = issuer.claims(), private_key("RS256").public_key()
    secrets = [b"", json.dumps(public_jwk(private_key("RS256"))).encode(), b"secret"]
    secrets += [
        key.public_bytes(encoding, form)
        for encoding in (Encoding.PEM, Encoding.DER)
        for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    ]
    for secret in secrets:
        for kid in ("RS256", "shared", None):
            head = unsigned({"alg": "HS256", "kid": kid} if kid else {"alg": "HS256"}, claims)
            signing = head.rpartition(".")[0]
            made = hmac.new(secret, signing.encode(), hashlib.sha256).digest()
            mac = base64.urlsafe_b64encode(made).rstrip(b"=").decode()
            assert await verifier.authenticate(f"{signing}.{mac}") is None
    for name in ("none", "None", "NONE", "", None, ["RS256"], {"RS256": 1}):
        for signature in (b"", b"x" * 256):
            assert await verifier.authenticate(unsigned({"alg": name}, claims, signature)) is None
    assert issuer.asked == []


async def test_a_signature_must_cover_the_claims(issuer: AuthorizationServer) -> None:
    verifier = authenticator(oauth(issuer))
    head, _, signature = issuer.token().split(".")
    said = unsigned({}, issuer.claims(sub="root")).split(".")[1]
    assert await verifier.authenticate(f"{head}.{said}.{signature}") is None
    assert await verifier.authenticate(f"{head}.{said}.") is None
    stranger = signed(issuer.claims(), private_key("RS256 of a stranger"), kid="RS256")
    assert await verifier.authenticate(stranger) is None
    embedded = signed(
        issuer.claims(),
        private_key("RS256 of a stranger"),
        jwk=public_jwk(private_key("RS256 of a stranger")),
        jku="https://stranger.example/keys",
    )
    assert await verifier.authenticate(embedded) is None


@pytest.mark.parametrize(
    "key",
    [
        {"use": "enc"},
        {"alg": "PS256"},
        {"kty": "EC"},
        {"n": 5},
        {"n": "", "e": ""},
        {"kty": ["RSA"]},
        {"alg": {"RS256": 1}},
        {"n": "AQAB"},
    ],
    ids=str,
)
async def test_unsuitable_and_broken_keys_are_skipped(
    issuer: AuthorizationServer, key: dict[str, object]
) -> None:
    good = public_jwk(private_key("RS256"), kid="RS256")
    issuer.keys = [{**good, **key}]
    assert await authenticator(oauth(issuer)).authenticate(issuer.token()) is None
    issuer.keys = [{**good, **key}, good]
    await known(authenticator(oauth(issuer)), issuer.token())


async def test_weak_keys_and_curves_of_another_algorithm_are_rejected(
    issuer: AuthorizationServer,
) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    issuer.keys = [public_jwk(weak, kid="weak"), public_jwk(private_key("ES384"), kid="ES384")]
    verifier = authenticator(oauth(issuer))
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = signed(issuer.claims(), weak, "RS256", kid="weak")
    assert await verifier.authenticate(token) is None
    other = signed(issuer.claims(), private_key("ES384"), "ES384", kid="ES384")
    head, rest = other.split(".", 1)
    forged = unsigned({"alg": "ES256", "kid": "ES384"}, {}).split(".")[0]
    assert await verifier.authenticate(f"{forged}.{rest}") is None
    await known(verifier, f"{head}.{rest}")


@pytest.mark.parametrize(
    "token",
    [
        *("", ".", "..", "...", "a.b.c", "exp_0123456789abcdef", "é.é.é", "\ud800.a.b"),
        "=.=.=",
        "e30.e30.",
        f"{base64.urlsafe_b64encode(b'[' * 9_000).decode()}.e30.",
        f"{'a' * 20_000}.b.c",
        unsigned({"alg": "RS256", "kid": 7}, {}),
        unsigned({"alg": "RS256", "kid": None}, {}),
        unsigned({"alg": "RS256", "crit": ["exp"], "exp": 1}, {}),
        unsigned({"alg": "RS256", "b64": False, "crit": ["b64"]}, {}),
        unsigned([], {}),
        unsigned({"alg": "RS256"}, []),
        unsigned({"alg": "RS256"}, {"exp": 1e400, "iss": [], "aud": []}),
    ],
    ids=lambda token: token[:20].encode("ascii", "replace").decode(),
)
async def test_malformed_tokens_are_rejected_without_fetching_keys(
    issuer: AuthorizationServer, token: str
) -> None:
    assert await authenticator(oauth(issuer)).authenticate(token) is None
    assert issuer.asked == []


async def test_the_log_says_why_a_token_is_refused_and_never_shows_it(
    issuer: AuthorizationServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="server")
    verifier = authenticator(oauth(issuer))
    tokens = [issuer.token(aud="https://other.example"), issuer.token("RS256 of a stranger")]
    for token in tokens:
        assert await verifier.authenticate(token) is None
        assert not any(part in caplog.text for part in token.split("."))
    assert "Audience doesn't match" in caplog.text
    assert "no key of the authorization server has signed it" in caplog.text
