"""Certificates of proxies: there before the proxy asks, its own and no other's, made anew in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from meshgate.app.identities import CERTIFICATE, ROOTS, Identities
from meshgate.app.mesh_authority import PLUGGED_IN, Wish
from meshgate.app.rotation import Rotation
from meshgate.ca import announced, switched
from meshgate.ca.pki import is_issued_by
from meshgate.envoy import SECRET, Resource
from meshgate.plan import Proxy
from meshgate.proto import v3
from meshgate.store.core import Create
from tests.app.rig import Rig, run
from tests.app.test_mesh_authority import secret
from tests.ca.made import authority, plugged_in

CART = Proxy(role="sidecar", name="cart-1", namespace="shop", service_account="cart", addresses=("10.244.0.7",))
ID = "cart-1.shop"
MESH = "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: %s}}"


@asynccontextmanager
async def signing(rig: Rig) -> AsyncIterator[Identities]:
    """With an authority, and renewal at work."""
    await rig.authority.open(Wish("cluster.local"))
    rotation = Rotation(rig.authority.trust, rig.identities, lambda: rig.now, lambda _: rig.now, linger_s=0)
    async with asyncio.TaskGroup() as group:
        parts = (rig.identities.run(), rig.authority.run(), rotation.run())
        tasks = [group.create_task(part) for part in parts]
        rig.ads.publish(ID, rig.compiler.table_of(CART))
        yield rig.identities
        for task in tasks:
            task.cancel()


def secrets(rig: Rig, proxy_id: str = ID) -> dict[str, Resource]:
    table = rig.ads.table_of(proxy_id)
    assert table is not None
    return dict(table.of(SECRET))


def chain(resource: Resource) -> list[x509.Certificate]:
    body = v3.Secret.FromString(resource.body)
    return x509.load_pem_x509_certificates(body.tls_certificate.certificate_chain.inline_bytes)


def roots(resource: Resource) -> list[x509.Certificate]:
    body = v3.Secret.FromString(resource.body)
    return x509.load_pem_x509_certificates(body.validation_context.trusted_ca.inline_bytes)


def identity(resource: Resource) -> str:
    names = chain(resource)[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    [name] = names
    return str(name.value)


async def until(rig: Rig, condition: Callable[[], bool]) -> None:
    """The rig's deadline ends a wait that is in vain."""
    while not condition():  # noqa: ASYNC110  # what is published is no event
        await asyncio.sleep(0.005)


def test_a_proxy_has_its_certificate_when_it_is_opened(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        async with signing(rig) as identities:
            await identities.open(ID, CART)
            assert set(secrets(rig)) == {CERTIFICATE, ROOTS}
            assert identity(secrets(rig)[CERTIFICATE]) == "spiffe://cluster.local/ns/shop/sa/cart"
            [root] = roots(secrets(rig)[ROOTS])
            assert is_issued_by(chain(secrets(rig)[CERTIFICATE])[-1], root)

    run(test, tmp_path)


def test_a_certificate_is_made_anew_at_half_of_its_life_and_nothing_else_changes(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        async with signing(rig) as identities:
            await identities.open(ID, CART)
            before = rig.ads.table_of(ID)
            assert before is not None
            rig.now += timedelta(hours=11)
            rig.pipeline.build()  # wakes it; nothing is due
            await rig.built()
            assert rig.ads.table_of(ID) is before
            rig.now += timedelta(hours=2)
            await identities.open("other.shop", CART)  # wakes it
            await until(rig, lambda: secrets(rig)[CERTIFICATE] != before.of(SECRET)[CERTIFICATE])
            after = rig.ads.table_of(ID)
            assert after is not None
            assert after.of(SECRET)[ROOTS] is before.of(SECRET)[ROOTS]
            assert {url for url in after.types if after.of(url) is not before.of(url)} == {SECRET}

    run(test, tmp_path)


def test_another_authority_comes_roots_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(rig: Rig) -> None:
        async with signing(rig) as identities:
            await identities.open(ID, CART)
            [old] = roots(secrets(rig)[ROOTS])
            seen: list[tuple[int, bool]] = []

            def publish(proxy_id: str, source: str, given: Mapping[str, Resource]) -> None:
                seen.append((len(roots(given[ROOTS])), len(chain(given[CERTIFICATE])) == 2))
                publish_secrets(proxy_id, source, given)

            publish_secrets = rig.ads.publish_secrets
            monkeypatch.setattr(rig.ads, "publish_secrets", publish)
            rig.store.transact([Create(raw=secret(PLUGGED_IN.name, plugged_in()))])
            await until(rig, lambda: old not in roots(secrets(rig)[ROOTS]))
            assert [step for step in dict.fromkeys(seen) if step != (1, False)] == [(2, False), (2, True), (1, True)]

    run(test, tmp_path)


def test_the_wait_for_certificates_names_who_has_none(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        await rig.authority.open(Wish("cluster.local"))
        await rig.identities.open(ID, CART)
        assert await rig.identities.wait_certificates(1) == []
        trust = rig.authority.trust.value
        assert trust is not None
        rig.authority.trust.set(switched(announced(trust, authority(5))))
        assert await rig.identities.wait_certificates(0.01) == [ID], "nobody renews"

    run(test, tmp_path)


def test_another_trust_domain_makes_new_certificates(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        async with signing(rig) as identities:
            await identities.open(ID, CART)
            await rig.apply(MESH % '"trustDomain: prod.example"')
            await until(rig, lambda: identity(secrets(rig)[CERTIFICATE]) == "spiffe://prod.example/ns/shop/sa/cart")

    run(test, tmp_path)


def test_what_certificates_are_made_like_is_asked_for_by_the_agents_variables(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        async with signing(rig) as identities:
            await identities.open(ID, CART)
            asked = "\"defaultConfig: {proxyMetadata: {SECRET_TTL: 1h, WORKLOAD_RSA_KEY_SIZE: '2048'}}\""
            await rig.apply(MESH % asked)
            await until(rig, lambda: isinstance(chain(secrets(rig)[CERTIFICATE])[0].public_key(), rsa.RSAPublicKey))
            assert chain(secrets(rig)[CERTIFICATE])[0].not_valid_after_utc == rig.now + timedelta(hours=1)

    run(test, tmp_path)


def test_many_proxies_are_renewed_in_batches(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        async with signing(rig) as identities:
            ids = [f"p{number}.shop" for number in range(150)]
            for proxy_id in ids:
                rig.ads.publish(proxy_id, rig.compiler.table_of(CART))
                await identities.open(proxy_id, CART)
            before = {proxy_id: secrets(rig, proxy_id)[CERTIFICATE].version for proxy_id in ids}
            assert len(set(before.values())) == 150, "a key of its own for each"
            rig.now += timedelta(hours=13)
            rig.ads.publish(ID, rig.compiler.table_of(CART))
            await identities.open(ID, CART)
            await until(rig, lambda: all(secrets(rig, each)[CERTIFICATE].version != before[each] for each in ids))

    run(test, tmp_path)


def test_it_rests_while_the_authority_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(rig: Rig) -> None:
        async with signing(rig) as identities:
            await identities.open(ID, CART)
            before = secrets(rig)[CERTIFICATE]
            rig.now += timedelta(days=3651)
            looks: list[str] = []
            monkeypatch.setattr(rig.ads, "publish_secrets", lambda proxy_id, *_: looks.append(proxy_id))
            rig.pipeline.build()  # wakes it
            for _ in range(300):
                await asyncio.sleep(0)
            assert len(looks) < 10
            assert secrets(rig)[CERTIFICATE] is before

    run(test, tmp_path)


def test_a_proxy_that_is_gone_is_not_published_to(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        async with signing(rig) as identities:
            await identities.open(ID, CART)
            identities.close(ID)
            await rig.ads.close(ID)
            rig.now += timedelta(hours=13)
            await identities.open("other.shop", CART)
            await rig.built()
            assert rig.ads.table_of(ID) is None

    run(test, tmp_path)
