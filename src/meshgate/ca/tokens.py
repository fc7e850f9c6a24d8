"""Tokens of ServiceAccounts: what the API issues and what callers show (JWTs, signed with one key of the mesh).

The form is that of Kubernetes' bound tokens: `sub` is `system:serviceaccount:NAMESPACE:NAME`, the private claim
`kubernetes.io` has the account's uid (a token of an account that was deleted and made again is worth nothing), `aud`
says for whom it is. Signature, algorithm, issuer, times and audience are checked here, against a clock that is given;
whether the account still exists, its caller asks the store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from meshgate.api import SecretBytes
from meshgate.errors import MeshgateError

if TYPE_CHECKING:
    from jwt.types import Options

ALGORITHM: Final = "ES256"
"""The only one that is made and taken: a token does not choose how it is checked."""
USER_PREFIX: Final = "system:serviceaccount:"
_LARGEST: Final = 16 << 10
"""Bytes of a token that are looked at; ours have less than one KiB."""
_PRIVATE: Final = "kubernetes.io"
_OPTIONS: Final[Options] = {
    "require": ["aud", "exp", "iat", "iss", "nbf", "sub"],
    # compared by us, with the clock that is given
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
}


class TokenRefused(MeshgateError):
    """A token is not taken; the text says why, and never has the token."""


class BoundPod(Struct, frozen=True, kw_only=True):
    """The pod for which a token was issued: when it has gone, the token has."""

    name: str
    uid: str


class AccountToken(Struct, frozen=True, kw_only=True):
    """What a token says."""

    namespace: str
    account: str
    account_uid: str
    audiences: tuple[str, ...]
    issued: datetime
    expires: datetime
    pod: BoundPod | None = None

    @property
    def user(self) -> str:
        return f"{USER_PREFIX}{self.namespace}:{self.account}"


class TokenAuthority:
    """Issues and checks tokens with one key; `issuer` names the mesh's API."""

    def __init__(self, key_pem: SecretBytes, issuer: str) -> None:
        key = serialization.load_pem_private_key(key_pem.reveal(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the key of tokens is no ECDSA key on P-256")
        self._key = key
        self._public = key.public_key()
        self._key_id = _thumbprint(self._public)
        self.issuer = issuer

    def issue(self, token: AccountToken, token_id: str) -> str:
        """The token as text. `token_id` tells it from all others."""
        private: dict[str, Any] = {
            "namespace": token.namespace,
            "serviceaccount": {"name": token.account, "uid": token.account_uid},
        }
        if token.pod is not None:
            private["pod"] = {"name": token.pod.name, "uid": token.pod.uid}
        issued = int(token.issued.timestamp())
        claims = {
            "aud": list(token.audiences),
            "exp": int(token.expires.timestamp()),
            "iat": issued,
            "iss": self.issuer,
            "jti": token_id,
            _PRIVATE: private,
            "nbf": issued,
            "sub": token.user,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._key_id})

    def check(self, text: str, audiences: Collection[str], now: datetime) -> AccountToken:
        """What a token says that is ours, for one of these audiences and good now. Raises TokenRefused."""
        if len(text) > _LARGEST:
            raise TokenRefused(f"the token has {len(text)} characters; no token of this mesh is that long")
        token = _read(self._verified(text))
        if now < token.issued:
            raise TokenRefused(f"the token is good from {_told(token.issued)} on: it is {_told(now)}")
        if now >= token.expires:
            raise TokenRefused(f"the token has expired at {_told(token.expires)}")
        if not set(token.audiences) & set(audiences):
            given, wanted = ", ".join(token.audiences), ", ".join(sorted(audiences))
            raise TokenRefused(f"the token is for the audience {given!r}, not for {wanted!r}")
        return token

    def key_set(self) -> Mapping[str, Any]:
        """The public key as a JSON Web Key Set (RFC 7517)."""
        key = json.loads(jwt.get_algorithm_by_name(ALGORITHM).to_jwk(self._public))
        return {"keys": [{**key, "alg": ALGORITHM, "kid": self._key_id, "use": "sig"}]}

    def _verified(self, text: str) -> Mapping[str, Any]:
        try:
            return jwt.decode(text, self._public, algorithms=[ALGORITHM], issuer=self.issuer, options=_OPTIONS)
        except jwt.InvalidTokenError as error:
            raise TokenRefused(f"the token is none of this mesh: {_why(error)}") from None


def new_token_key() -> SecretBytes:
    """A key for a TokenAuthority, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    form, locked = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return SecretBytes(key.private_bytes(serialization.Encoding.PEM, form, locked))


def _why(error: jwt.InvalidTokenError) -> str:
    """In words of ours: the library's texts may quote what it was given."""
    match error:
        case jwt.InvalidAlgorithmError():
            return f"it is not signed by {ALGORITHM}"
        case jwt.InvalidSignatureError():
            return "its signature is not by the key of this mesh"
        case jwt.InvalidIssuerError():
            return "it was issued by another one"
        case jwt.MissingRequiredClaimError():
            return f'it lacks the claim "{error.claim}"'
        case _:
            return "it is not well-formed"


def _read(claims: Mapping[str, Any]) -> AccountToken:
    try:
        private = claims[_PRIVATE]
        account, pod = private["serviceaccount"], private.get("pod")
        audience = claims["aud"]
        token = AccountToken(
            namespace=_text(private["namespace"]),
            account=_text(account["name"]),
            account_uid=_text(account["uid"]),
            audiences=tuple(map(_text, [audience] if isinstance(audience, str) else audience)),
            issued=datetime.fromtimestamp(max(int(claims["iat"]), int(claims["nbf"])), UTC),
            expires=datetime.fromtimestamp(int(claims["exp"]), UTC),
            pod=BoundPod(name=_text(pod["name"]), uid=_text(pod["uid"])) if pod else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise TokenRefused("the token is none of a ServiceAccount: its claims are not Kubernetes'") from None
    if claims["sub"] != token.user:
        raise TokenRefused("the token contradicts itself: its subject is not the account that it names")
    return token


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


def _thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """A name for the key that changes with it."""
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()[:32]


def _told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
