"""Proxies elsewhere at the server's socket, with the headers that the edge would hand on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509

from meshgate.app.account_tokens import NAME, AccountTokens
from meshgate.app.joining import Joining
from meshgate.app.mesh_authority import Wish
from meshgate.ca.grants import Granted
from meshgate.ca.pki import certificate_pem, is_issued_by
from meshgate.envoy import LISTENER, SECRET
from meshgate.host.views import User
from meshgate.proto import v3
from meshgate.proto.certificates import (
    METHOD,
    SERVICE,
    CertificateRequest,
    certificate_request,
    parse_certificate_response,
)
from meshgate.store.core import Raw
from tests.app.rig import Rig, run
from tests.ca.made import csr, ec_key

ISSUER = "https://kubernetes.default.svc.cluster.local"
ACCOUNTS = """
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: bank}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: cart, namespace: shop}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: vault, namespace: bank}}
"""
CART = "spiffe://cluster.local/ns/shop/sa/cart"
NODE = "sidecar~10.9.0.1~cart-1.shop~shop.svc.cluster.local"
Headers = Sequence[tuple[str, str]]


class Watched(Joining):
    """Tells when somebody has left."""

    left: asyncio.Event

    def farewell(self, proxy_id: str) -> None:
        super().farewell(proxy_id)
        self.left.set()


class Elsewhere:
    """Who calls: a channel to the socket, and tokens to call with."""

    def __init__(
        self,
        rig: Rig,
        tokens: AccountTokens,
        channel: grpc.aio.Channel,
        left: asyncio.Event,
        granted: Sequence[Granted],
    ) -> None:
        self.rig = rig
        self.granted = granted
        self.tokens = tokens
        self.channel = channel
        self.left = left

    def account(self, name: str, namespace: str) -> Raw:
        raw = self.rig.store.get("ServiceAccount", namespace, name)
        assert raw is not None
        return raw

    def bearer(self, name: str = "cart", namespace: str = "shop", audience: str = "istio-ca") -> Headers:
        text, _ = self.tokens.issue(self.account(name, namespace), [audience], timedelta(hours=1), None)
        return [("authorization", f"Bearer {text}")]

    async def certificate(self, headers: Headers, request: bytes) -> list[x509.Certificate]:
        """The chain. Raises AioRpcError."""
        # grpc-stubs do not know raw bytes
        call = self.channel.unary_unary(f"/{SERVICE}/{METHOD}")  # type: ignore[call-arg]
        answer: bytes = await call(request, metadata=tuple(headers), timeout=10)
        return [x509.load_pem_x509_certificate(each.encode()) for each in parse_certificate_response(answer)]

    async def refusal(self, headers: Headers, request: bytes) -> tuple[grpc.StatusCode, str]:
        """How it is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.certificate(headers, request)
        return refused.value.code(), refused.value.details() or ""

    @asynccontextmanager
    async def ads(self, headers: Headers) -> AsyncIterator[Any]:
        name = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
        call = self.channel.stream_stream(name)(metadata=tuple(headers))  # type: ignore[call-arg]  # raw bytes
        try:
            yield call
        finally:
            call.cancel()


def _run(test: Callable[[Elsewhere], Awaitable[None]], directory: Path) -> None:
    async def joined(rig: Rig) -> None:
        await rig.apply(ACCOUNTS)
        await rig.built()
        await rig.authority.open(Wish("cluster.local"))
        tokens = AccountTokens(rig.store, ISSUER, lambda: rig.now)
        granted: list[Granted] = []
        joining = Watched(
            rig.ads, rig.pipeline, rig.identities, rig.authority.trust, tokens, lambda: rig.now, granted.append
        )
        joining.left = asyncio.Event()
        await joining.open(directory / "join", User(uid=os.geteuid(), gid=os.getegid()))
        async with grpc.aio.insecure_channel(f"unix:{directory / 'join'}") as channel:
            await test(Elsewhere(rig, tokens, channel, joining.left, granted))

    run(joined, directory)


def _request(**changes: Any) -> bytes:
    return certificate_request(CertificateRequest(**{"csr": csr(ec_key(9)), **changes}))


def _names(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(each.value) for each in names]


def _by_certificate(uri: str) -> Headers:
    return [("x-forwarded-client-cert", f"Hash=ab;URI={uri}")]


async def _say(call: Any, node: str, type_url: str, *names: str, **metadata: Any) -> None:
    said = v3.Node(id=node, metadata=metadata)
    request = v3.DeltaDiscoveryRequest(node=said, type_url=type_url, resource_names_subscribe=names)
    await call.write(request.SerializeToString())


async def _hear(call: Any) -> v3.DeltaDiscoveryResponse:
    return v3.DeltaDiscoveryResponse.FromString(await call.read())


def test_a_token_or_a_certificate_gives_the_callers_own_identity(tmp_path: Path) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        trust = elsewhere.rig.authority.trust.value
        assert trust is not None
        for headers in (elsewhere.bearer(), _by_certificate(CART)):
            chain = await elsewhere.certificate(headers, _request())
            assert _names(chain[0]) == [CART]
            assert chain[0].public_key() == ec_key(9).public_key()
            assert is_issued_by(chain[0], chain[-1])
            assert certificate_pem(chain[-1]) in trust.roots_pem
            assert elsewhere.granted[-1].ends == chain[0].not_valid_after_utc, "its signer stays trusted until then"

    _run(test, tmp_path)


def test_a_certificate_of_an_alias_becomes_one_of_the_trust_domain(tmp_path: Path) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        await elsewhere.rig.apply(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, "
            "data: {mesh: 'trustDomainAliases: [old.example]'}}"
        )
        await elsewhere.rig.built()
        chain = await elsewhere.certificate(_by_certificate("spiffe://old.example/ns/shop/sa/cart"), _request())
        assert _names(chain[0]) == [CART]

    _run(test, tmp_path)


Attack = Callable[[Elsewhere], Headers]
ATTACKS: dict[str, tuple[Attack, str]] = {
    "no proof": (lambda _: [], "neither a token nor"),
    "another audience": (lambda at: at.bearer(audience="vault"), "for the audience 'vault'"),
    "another mesh's certificate": (lambda _: _by_certificate("spiffe://evil/ns/shop/sa/cart"), "trust domain 'evil'"),
    "two tokens at once": (lambda at: [*at.bearer(), *at.bearer("vault", "bank")], "none of this mesh"),
    "two certificates at once": (
        lambda _: [*_by_certificate(CART), *_by_certificate(CART.replace("cart", "vault"))],
        "2 URIs",
    ),
    "a token in another header": (lambda at: [("x-token", at.bearer()[0][1])], "neither a token nor"),
}


@pytest.mark.parametrize(("attack", "why"), ATTACKS.values(), ids=ATTACKS)
def test_who_has_proven_nothing_gets_nothing(
    tmp_path: Path, attack: Attack, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        headers = attack(elsewhere)
        code, text = await elsewhere.refusal(headers, _request())
        assert (code, why in text) == (grpc.StatusCode.UNAUTHENTICATED, True), text
        async with elsewhere.ads(headers) as call:
            await _say(call, NODE, SECRET, "default", SERVICE_ACCOUNT="cart")
            assert await call.code() == grpc.StatusCode.UNAUTHENTICATED
        for _, value in headers:
            secret = value.removeprefix("Bearer ")
            assert not value.startswith("Bearer") or secret not in text + caplog.text

    _run(test, tmp_path)


def test_tokens_that_were_good_once(tmp_path: Path) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        early, rig = elsewhere.bearer(), elsewhere.rig
        for _ in range(2):
            assert await elsewhere.certificate(early, _request()), "a token is good for more than one call"
        rig.now += timedelta(hours=1)
        assert (await elsewhere.refusal(early, _request()))[0] == grpc.StatusCode.UNAUTHENTICATED
        fresh = elsewhere.bearer()
        await rig.delete("ServiceAccount", "cart", "shop")
        assert (await elsewhere.refusal(fresh, _request()))[0] == grpc.StatusCode.UNAUTHENTICATED
        await rig.apply(ACCOUNTS)
        assert (await elsewhere.refusal(fresh, _request()))[0] == grpc.StatusCode.UNAUTHENTICATED

    _run(test, tmp_path)


BROKEN_KEY = """
apiVersion: v1
kind: Secret
metadata: {name: meshgate-service-account-key, namespace: istio-system}
type: meshgate.io/service-account-key
stringData: {key.pem: no key}
"""


def test_a_broken_key_of_tokens_is_said_as_what_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody can tell then whose a token is; certificates go on to prove it."""

    async def test(elsewhere: Elsewhere) -> None:
        headers = elsewhere.bearer()
        await elsewhere.rig.delete("Secret", NAME, "istio-system")
        await elsewhere.rig.apply(BROKEN_KEY)
        code, text = await elsewhere.refusal(headers, _request())
        assert (code, NAME in text, "delete it" in text) == (grpc.StatusCode.UNAVAILABLE, True, True), text
        async with elsewhere.ads(headers) as call:
            await _say(call, NODE, SECRET, "default", SERVICE_ACCOUNT="cart")
            assert await call.code() == grpc.StatusCode.UNAVAILABLE
        assert await elsewhere.certificate(_by_certificate(CART), _request())
        assert "Traceback" not in caplog.text

    _run(test, tmp_path)


FOREIGN = {
    "another account": x509.UniformResourceIdentifier(CART.replace("cart", "other")),
    "another namespace": x509.UniformResourceIdentifier(CART.replace("shop", "bank")),
    "the control plane's name": x509.DNSName("istiod.istio-system.svc"),
}


@pytest.mark.parametrize("name", FOREIGN.values(), ids=FOREIGN)
def test_a_request_for_another_name_is_not_granted(tmp_path: Path, name: x509.GeneralName) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        code, text = await elsewhere.refusal(elsewhere.bearer(), _request(csr=csr(ec_key(9), name)))
        assert (code, "asks for" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)

    _run(test, tmp_path)


def test_who_joins_gets_its_own_configuration_and_certificate(tmp_path: Path) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        async with elsewhere.ads(elsewhere.bearer()) as call:
            await _say(call, NODE, LISTENER, NAMESPACE="shop", SERVICE_ACCOUNT="cart")
            assert "virtualInbound" in {each.name for each in (await _hear(call)).resources}
            await _say(call, "", SECRET, "default", "ROOTCA")
            secrets = {each.name: v3.Secret.FromString(each.resource.value) for each in (await _hear(call)).resources}
            chain = secrets["default"].tls_certificate.certificate_chain.inline_bytes
            assert _names(x509.load_pem_x509_certificates(chain)[0]) == [CART]
            assert secrets["ROOTCA"].validation_context.trusted_ca.inline_bytes
        pipeline = elsewhere.rig.pipeline
        assert not pipeline.built.value.proxies, "it is none of the mesh's own"

    _run(test, tmp_path)


IMPOSTORS: dict[str, tuple[str, dict[str, str], grpc.StatusCode]] = {
    "another account": (NODE, {"SERVICE_ACCOUNT": "vault"}, grpc.StatusCode.PERMISSION_DENIED),
    "no account": (NODE, {}, grpc.StatusCode.PERMISSION_DENIED),
    "another namespace": (
        NODE,
        {"SERVICE_ACCOUNT": "cart", "NAMESPACE": "bank"},
        grpc.StatusCode.PERMISSION_DENIED,
    ),
    "another namespace in the id": (
        NODE.replace("shop", "bank"),
        {"SERVICE_ACCOUNT": "cart"},
        grpc.StatusCode.PERMISSION_DENIED,
    ),
    "no proxy": ("free-form", {"SERVICE_ACCOUNT": "cart"}, grpc.StatusCode.INVALID_ARGUMENT),
}


@pytest.mark.parametrize(("node", "metadata", "code"), IMPOSTORS.values(), ids=IMPOSTORS)
def test_a_node_that_says_it_is_another(
    tmp_path: Path, node: str, metadata: dict[str, str], code: grpc.StatusCode
) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        async with elsewhere.ads(elsewhere.bearer()) as call:
            await _say(call, node, SECRET, "default", **metadata)
            assert await call.code() == code

    _run(test, tmp_path)


def test_a_later_message_changes_nobodys_identity(tmp_path: Path) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        async with elsewhere.ads(elsewhere.bearer()) as call:
            await _say(call, NODE, LISTENER, SERVICE_ACCOUNT="cart")
            await _hear(call)
            await _say(call, NODE.replace("shop", "bank"), SECRET, "default", SERVICE_ACCOUNT="vault")
            (secret,) = (await _hear(call)).resources
            chain = v3.Secret.FromString(secret.resource.value).tls_certificate.certificate_chain.inline_bytes
            assert _names(x509.load_pem_x509_certificates(chain)[0]) == [CART]

    _run(test, tmp_path)


def test_two_identities_with_one_name_share_nothing(tmp_path: Path) -> None:
    """Both say that they are `cart-1.shop`; the second has another account, which it has proven."""

    async def test(elsewhere: Elsewhere) -> None:
        await elsewhere.rig.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: other, namespace: shop}}")
        found: list[list[str]] = []
        async with elsewhere.ads(elsewhere.bearer()) as one, elsewhere.ads(elsewhere.bearer("other")) as two:
            for call, account in ((one, "cart"), (two, "other")):
                await _say(call, NODE, SECRET, "default", SERVICE_ACCOUNT=account)
                (secret,) = (await _hear(call)).resources
                chain = v3.Secret.FromString(secret.resource.value).tls_certificate.certificate_chain.inline_bytes
                found.append(_names(x509.load_pem_x509_certificates(chain)[0]))
        assert found == [[CART], [CART.replace("cart", "other")]]

    _run(test, tmp_path)


def test_secrets_of_who_joined_are_waited_for_and_nothing_else(tmp_path: Path) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        ads = elsewhere.rig.ads
        async with elsewhere.ads(elsewhere.bearer()) as call:
            await _say(call, NODE, SECRET, "ROOTCA", SERVICE_ACCOUNT="cart")
            heard = await _hear(call)
            assert await ads.wait_secrets(0.01) == [f"shop/cart {NODE}"]
            assert not ads.state.value, "it is none of the mesh's own"
            said = v3.DeltaDiscoveryRequest(type_url=SECRET, response_nonce=heard.nonce)
            await call.write(said.SerializeToString())
            assert await ads.wait_secrets(5) == []
            await _say(call, NODE, SECRET, "default", SERVICE_ACCOUNT="cart")
            await _hear(call)
            assert await ads.wait_secrets(0.01) != []
        await elsewhere.left.wait()
        assert await ads.wait_secrets(5) == []

    _run(test, tmp_path)


def test_who_has_left_is_forgotten(tmp_path: Path) -> None:
    async def test(elsewhere: Elsewhere) -> None:
        async with elsewhere.ads(elsewhere.bearer()) as call:
            await _say(call, NODE, LISTENER, SERVICE_ACCOUNT="cart")
            await _hear(call)
            await elsewhere.rig.apply("{apiVersion: v1, kind: Namespace, metadata: {name: more}}")
            await elsewhere.rig.built()
            assert any("cart-1.shop" in each for each in elsewhere.rig.pipeline.built.value.tables)
        await elsewhere.left.wait()
        await elsewhere.rig.apply("{apiVersion: v1, kind: Namespace, metadata: {name: still-more}}")
        await elsewhere.rig.built()
        assert not elsewhere.rig.pipeline.built.value.tables

    _run(test, tmp_path)
