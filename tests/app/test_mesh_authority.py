"""Who signs for the mesh: our own authority, one that is plugged in, and what happens when they are broken."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from meshgate.api import SecretBytes
from meshgate.app.mesh_authority import OUR_OWN, PLUGGED_IN, MeshAuthority, Wish
from meshgate.ca import Authority, Trust, authority_of, authority_secret, roots_pem
from meshgate.ca.authority import CA_CERT, CA_KEY
from meshgate.ca.pki import key_pem
from meshgate.store.core import Apply, Create, Delete, Modify, Raw
from meshgate.store.sqlite import Store
from tests.ca.made import NOW, authority, ec_key, plugged_in

DEADLINE_S = 10


def secret(name: str, data: Mapping[str, SecretBytes]) -> Raw:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "istio-system"},
        "data": {key: b64encode(value.reveal()).decode() for key, value in data.items()},
    }


@asynccontextmanager
async def following(store: Store) -> AsyncIterator[MeshAuthority]:
    mesh = MeshAuthority(store, lambda: NOW)
    await mesh.open(Wish("cluster.local"))
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        task = group.create_task(mesh.run())
        yield mesh
        task.cancel()


def trust(mesh: MeshAuthority) -> Trust:
    assert mesh.trust.value is not None
    return mesh.trust.value


def subject(trusted: Trust | None) -> str:
    assert trusted is not None
    return trusted.authority.issuer.certificate.subject.rfc4514_string()


def test_an_authority_is_made_stored_and_found_again(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        async with following(store) as mesh:
            made = trust(mesh)
            assert subject(made) == "O=cluster.local"
            raw = store.get(OUR_OWN.kind, OUR_OWN.namespace, OUR_OWN.name)
            assert raw is not None
            assert raw["type"] == "istio.io/ca-root"
            assert sorted(raw["data"]) == ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "key.pem", "root-cert.pem"]
        async with following(store) as mesh:
            assert trust(mesh).authority.is_same(made.authority)
            assert trust(mesh).roots_pem == made.roots_pem
        store.close()

    asyncio.run(test())


def test_a_plugged_in_authority_goes_before_our_own(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        store.transact([Create(raw=secret(PLUGGED_IN.name, plugged_in()))])
        async with following(store) as mesh:
            assert subject(trust(mesh)) == "O=intermediate"
            assert store.get(OUR_OWN.kind, OUR_OWN.namespace, OUR_OWN.name) is None, "none is made without need"
        store.close()

    asyncio.run(test())


def test_an_authority_that_comes_later_is_announced_first(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        async with following(store) as mesh:
            old = trust(mesh)
            store.transact([Create(raw=secret(PLUGGED_IN.name, plugged_in()))])
            new = await mesh.trust.wait_for(lambda value: value is not old)
            assert new is not None
            assert new.coming is not None
            assert new.authority is old.authority, "its roots are not trusted yet"
            assert set(new.roots) == {*old.roots, *authority().roots}
        store.close()

    asyncio.run(test())


def test_a_broken_authority_is_told_of_and_the_last_good_one_goes_on(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        store.transact([Create(raw=secret(PLUGGED_IN.name, plugged_in()))])
        async with following(store) as mesh:
            before = trust(mesh)
            broken = plugged_in() | {CA_KEY: SecretBytes(key_pem(ec_key(9)))}
            store.transact([Apply(raw=secret(PLUGGED_IN.name, broken))])
            [problem] = await mesh.problems.wait_for(bool)
            assert (problem.ref, problem.path) == (PLUGGED_IN, f"data[{CA_KEY}]")
            assert trust(mesh) is before
            store.transact([Apply(raw=secret(PLUGGED_IN.name, plugged_in()))])
            await mesh.problems.wait_for(lambda problems: not problems)
            assert trust(mesh) is before
        store.close()

    asyncio.run(test())


def test_with_a_broken_secret_from_the_start_our_own_signs(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        store.transact([Create(raw=secret(PLUGGED_IN.name, {CA_CERT: SecretBytes(b"?")}))])
        async with following(store) as mesh:
            assert subject(trust(mesh)) == "O=cluster.local"
            assert [problem.ref for problem in mesh.problems.value] == [PLUGGED_IN]
        store.close()

    asyncio.run(test())


def test_our_own_secret_is_not_overwritten_when_it_is_broken(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        broken = dict(authority_secret(authority())) | {CA_CERT: SecretBytes(b"?")}
        store.transact([Create(raw=secret(OUR_OWN.name, broken))])
        async with following(store) as mesh:
            assert subject(trust(mesh)) == "O=cluster.local"
            raw = store.get(OUR_OWN.kind, OUR_OWN.namespace, OUR_OWN.name)
            assert raw is not None
            assert raw["data"][CA_CERT] == b64encode(b"?").decode()
            assert [problem.ref for problem in mesh.problems.value] == [OUR_OWN]
        store.close()

    asyncio.run(test())


def test_without_the_plugged_in_authority_our_own_comes_again(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        own = authority(4)
        store.transact([Create(raw=secret(OUR_OWN.name, authority_secret(own)))])
        store.transact([Create(raw=secret(PLUGGED_IN.name, plugged_in()))])
        async with following(store) as mesh:
            assert subject(trust(mesh)) == "O=intermediate"
            store.transact([Delete(ref=PLUGGED_IN)])
            await mesh.trust.wait_for(lambda value: value is not None and value.coming is not None)
            assert trust(mesh).coming is not None
            assert own.is_same(trust(mesh).coming or own)
        store.close()

    asyncio.run(test())


def test_who_deletes_our_own_gets_another_one(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        async with following(store) as mesh:
            old = trust(mesh)
            store.transact([Delete(ref=OUR_OWN)])
            new = await mesh.trust.wait_for(lambda value: value is not old)
            assert new is not None
            assert new.coming is not None
            raw = store.get(OUR_OWN.kind, OUR_OWN.namespace, OUR_OWN.name)
            assert raw is not None
            data = {key: SecretBytes(b64decode(value)) for key, value in raw["data"].items()}
            stored, _ = authority_of(OUR_OWN, data, NOW)
            assert stored is not None
            assert stored.is_same(new.coming)
        store.close()

    asyncio.run(test())


def test_our_own_is_replaced_before_it_is_over(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        almost = authority(4, timedelta(days=100), NOW - timedelta(days=81))
        store.transact([Create(raw=secret(OUR_OWN.name, authority_secret(almost)))])
        async with following(store) as mesh:
            assert subject(trust(mesh)) == "O=td-4"
            store.transact([Modify(ref=OUR_OWN, change=_labelled)])  # it is looked at every hour, and when it changes
            await mesh.trust.wait_for(lambda value: value is not None and value.coming is not None)
        store.close()

    asyncio.run(test())


def _labelled(raw: Raw) -> Raw:
    return {**raw, "metadata": {**raw["metadata"], "labels": {"a": "b"}}}


def roots_in_store(store: Store, *roots: Authority) -> None:
    """What the run before has told all namespaces."""
    pem = roots_pem([each for one in roots for each in one.roots]).decode()
    metadata = {"name": "istio-ca-root-cert", "namespace": "istio-system"}
    raw = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"root-cert.pem": pem}}
    store.transact([Create(raw=raw)])


def test_a_rotation_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        old, new = authority(4), authority(5)
        store.transact([Create(raw=secret(OUR_OWN.name, authority_secret(new)))])
        roots_in_store(store, old, new)
        async with following(store) as mesh:
            assert trust(mesh).authority.is_same(new)
            assert set(trust(mesh).roots) == {*old.roots, *new.roots}
        store.close()

    asyncio.run(test())


def test_an_authority_that_came_while_nobody_looked_is_announced_first(tmp_path: Path) -> None:
    async def test() -> None:
        store = Store(tmp_path)
        own = authority(4)
        store.transact([Create(raw=secret(OUR_OWN.name, authority_secret(own)))])
        store.transact([Create(raw=secret(PLUGGED_IN.name, plugged_in()))])
        roots_in_store(store, own)
        async with following(store) as mesh:
            assert trust(mesh).authority.is_same(own), "proxies that run on know its roots only"
            assert subject_of(trust(mesh).coming) == "O=intermediate"
        store.close()

    asyncio.run(test())


def subject_of(authority: Authority | None) -> str:
    assert authority is not None
    return authority.issuer.certificate.subject.rfc4514_string()
