"""Whose a token is, and tokens for accounts that are there: the key in the store, and the store's own objects.

The key is a Secret of the mesh, made when it is first needed. Whoever deletes it makes all tokens void: the next one is
another key.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from meshgate.api import SecretBytes
from meshgate.ca.tokens import AccountToken, BoundPod, TokenAuthority, TokenRefused, new_token_key
from meshgate.errors import EnvironmentFault
from meshgate.store.core import Create, Raw, meta
from meshgate.store.sqlite import Store

NAMESPACE = "istio-system"
NAME = "meshgate-service-account-key"
TYPE = "meshgate.io/service-account-key"
KEY = "key.pem"


def issuer_of(domain: str) -> str:
    """How the API of a mesh names itself in tokens, as that of a Kubernetes cluster does."""
    return f"https://kubernetes.default.svc.{domain}"


class AccountTokens:
    """Owned by the control plane's loop."""

    def __init__(self, store: Store, issuer: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._issuer = issuer
        self._now = now
        self._known: tuple[Raw, TokenAuthority] | None = None

    @property
    def api_audience(self) -> str:
        return self._issuer

    def issue(
        self, account: Raw, audiences: Sequence[str], lifetime: timedelta, pod: BoundPod | None
    ) -> tuple[str, datetime]:
        """A token for a ServiceAccount of the store, and when it expires."""
        about, now = meta(account), self._now().replace(microsecond=0)
        token = AccountToken(
            namespace=about["namespace"],
            account=about["name"],
            account_uid=about["uid"],
            audiences=tuple(audiences),
            issued=now,
            expires=now + lifetime,
            pod=pod,
        )
        return self._authority().issue(token, str(uuid.uuid4())), token.expires

    def review(self, text: str, audiences: Sequence[str]) -> AccountToken:
        """Whose a token is that is good now. Raises TokenRefused, also for accounts and pods that have gone."""
        token = self._authority().check(text, audiences, self._now())
        self._check_there("ServiceAccount", token, token.account, token.account_uid)
        if token.pod is not None:
            self._check_there("Pod", token, token.pod.name, token.pod.uid)
        return token

    def _check_there(self, kind: str, token: AccountToken, name: str, uid: str) -> None:
        raw = self._store.get(kind, token.namespace, name)
        if raw is None or meta(raw)["uid"] != uid:
            raise TokenRefused(f"the {kind} {token.namespace}/{name} that the token was issued for is gone")

    def _authority(self) -> TokenAuthority:
        raw = self._store.get("Secret", NAMESPACE, NAME) or self._made()
        if self._known is None or self._known[0] is not raw:
            self._known = raw, self._authority_of(raw)
        return self._known[1]

    def _authority_of(self, raw: Raw) -> TokenAuthority:
        try:
            return TokenAuthority(SecretBytes(base64.b64decode(raw["data"][KEY])), self._issuer)
        except (KeyError, TypeError, ValueError):
            raise EnvironmentFault(
                f'the Secret {NAMESPACE}/{NAME} has no ECDSA key on P-256 under "{KEY}"',
                hint="delete it: another key is made, and all tokens issued so far are void",
            ) from None

    def _made(self) -> Raw:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "type": TYPE,
            "data": {KEY: base64.b64encode(new_token_key().reveal()).decode()},
        }
        return self._store.transact([Create(raw=secret)])[0].raw
