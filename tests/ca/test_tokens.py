"""ServiceAccounts' tokens: what is issued is taken, and nothing else is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import SecretBytes
from meshgate.ca.tokens import AccountToken, BoundPod, TokenAuthority, TokenRefused

ISSUER = "https://kubernetes.default.svc.cluster.local"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
AUDIENCE = "istio-ca"


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> SecretBytes:
    return SecretBytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = TokenAuthority(_pem(KEY), ISSUER)
STRANGER = TokenAuthority(_pem(ec.generate_private_key(ec.SECP256R1())), ISSUER)


def _token(**changes: Any) -> AccountToken:
    given = {
        "namespace": "shop",
        "account": "web",
        "account_uid": "uid-1",
        "audiences": (AUDIENCE,),
        "issued": NOW,
        "expires": NOW + timedelta(hours=1),
    }
    return AccountToken(**{**given, **changes})


def _claims(text: str) -> dict[str, Any]:
    body = text.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert isinstance(found, dict)
    return found


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _signed(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, KEY, algorithm="ES256")


def test_a_token_has_the_claims_of_kubernetes() -> None:
    token = _token(pod=BoundPod(name="web-1", uid="uid-2"))
    assert _claims(AUTHORITY.issue(token, "id-1")) == {
        "aud": [AUDIENCE],
        "exp": int((NOW + timedelta(hours=1)).timestamp()),
        "iat": int(NOW.timestamp()),
        "iss": ISSUER,
        "jti": "id-1",
        "kubernetes.io": {
            "namespace": "shop",
            "serviceaccount": {"name": "web", "uid": "uid-1"},
            "pod": {"name": "web-1", "uid": "uid-2"},
        },
        "nbf": int(NOW.timestamp()),
        "sub": "system:serviceaccount:shop:web",
    }


NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63)


@given(NAMES, NAMES, NAMES, st.lists(NAMES, min_size=1, max_size=3, unique=True), st.booleans())
def test_what_is_issued_is_read_again(
    namespace: str, account: str, uid: str, audiences: list[str], has_pod: bool
) -> None:
    pod = BoundPod(name=account, uid=uid) if has_pod else None
    token = _token(namespace=namespace, account=account, account_uid=uid, audiences=tuple(audiences), pod=pod)
    assert AUTHORITY.check(AUTHORITY.issue(token, "id"), [audiences[-1]], NOW) == token


def test_anybody_can_check_a_token_by_the_key_set() -> None:
    (key,) = AUTHORITY.key_set()["keys"]
    assert "d" not in key
    text = AUTHORITY.issue(_token(), "id")
    assert jwt.get_unverified_header(text)["kid"] == key["kid"]
    public = jwt.PyJWK(dict(key)).key
    assert jwt.decode(
        text, public, ["ES256"], {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
    )


def _public_pem() -> bytes:
    return KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _hmac_by_the_public_key(text: str) -> str:
    """The classic confusion: the public key taken as the secret of an HMAC."""
    import hashlib
    import hmac

    signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{text.split('.')[1]}"
    digest = hmac.new(_public_pem(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _with(text: str, **changes: Any) -> str:
    """Other claims under the signature that was there."""
    head, _, signature = text.split(".")
    return f"{head}.{_encoded({**_claims(text), **changes})}.{signature}"


FORGERIES: dict[str, tuple[Callable[[str], str], str]] = {
    "no signature": (lambda text: ".".join((*text.split(".")[:2], "")), "well-formed|signature"),
    "algorithm none": (
        lambda text: f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{text.split('.')[1]}.",
        "not signed by ES256",
    ),
    "HMAC by the public key": (_hmac_by_the_public_key, "not signed by ES256"),
    "another namespace": (lambda text: _with(text, sub="system:serviceaccount:bank:web"), "signature"),
    "a longer life": (lambda text: _with(text, exp=int(NOW.timestamp()) * 2), "signature"),
    "a key of another mesh": (lambda _: STRANGER.issue(_token(), "id"), "signature"),
    "its own key in the header": (
        lambda text: jwt.encode(
            _claims(text),
            stranger := ec.generate_private_key(ec.SECP256R1()),
            algorithm="ES256",
            headers={"jwk": json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(stranger.public_key()))},
        ),
        "signature",
    ),
    "RSA": (
        lambda text: jwt.encode(_claims(text), rsa.generate_private_key(65537, 2048), algorithm="RS256"),
        "not signed by ES256",
    ),
    "another issuer": (lambda text: _signed({**_claims(text), "iss": "https://elsewhere"}), "issued by another"),
    "no expiry": (
        lambda text: _signed({key: value for key, value in _claims(text).items() if key != "exp"}),
        'lacks the claim "exp"',
    ),
    "a subject that contradicts the claims": (
        lambda text: _signed({**_claims(text), "sub": "system:serviceaccount:bank:vault"}),
        "contradicts itself",
    ),
    "no claims of Kubernetes": (
        lambda text: _signed({key: value for key, value in _claims(text).items() if key != "kubernetes.io"}),
        "none of a ServiceAccount",
    ),
    "no words": (lambda _: "", "well-formed"),
    "not a token": (lambda _: "a.b.c", "well-formed"),
    "a very long one": (lambda text: text + "A" * (1 << 20), "no token of this mesh is that long"),
}


@pytest.mark.parametrize(("forge", "why"), FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_is_refused(forge: Callable[[str], str], why: str) -> None:
    forged = forge(AUTHORITY.issue(_token(), "id"))
    with pytest.raises(TokenRefused, match=why) as refused:
        AUTHORITY.check(forged, [AUDIENCE], NOW)
    assert not forged or forged not in str(refused.value)
    assert refused.value.__cause__ is None, "a chained cause would show what the library was given"


def test_a_token_is_good_for_its_time_only() -> None:
    text = AUTHORITY.issue(_token(), "id")
    with pytest.raises(TokenRefused, match="is good from 2026-11-30T12:00:00Z on"):
        AUTHORITY.check(text, [AUDIENCE], NOW - timedelta(seconds=1))
    AUTHORITY.check(text, [AUDIENCE], NOW + timedelta(hours=1) - timedelta(seconds=1))
    with pytest.raises(TokenRefused, match="has expired at 2026-11-30T13:00:00Z"):
        AUTHORITY.check(text, [AUDIENCE], NOW + timedelta(hours=1))


def test_a_token_is_good_for_its_audience_only() -> None:
    text = AUTHORITY.issue(_token(audiences=("vault",)), "id")
    with pytest.raises(TokenRefused, match="for the audience 'vault', not for 'istio-ca'"):
        AUTHORITY.check(text, [AUDIENCE], NOW)


def test_tokens_need_a_key_on_p256() -> None:
    with pytest.raises(ValueError, match="P-256"):
        TokenAuthority(_pem(ec.generate_private_key(ec.SECP384R1())), ISSUER)
