"""Certificates in files reach the proxy, again when they change; what is wrong is told at the Gateway."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from meshgate.aio import Latest
from meshgate.app.file_problems import FileFinding, file_problems
from meshgate.app.file_secrets import FileSecrets
from meshgate.app.pipeline import Built
from meshgate.envoy import SECRET, Resource
from meshgate.host.envoy_binary import load_schema
from meshgate.host.proxy_files import ProxyProcess
from meshgate.host.views import User
from meshgate.mesh import CertificateFault
from meshgate.plan import SYSTEM_BUNDLE, Proxy
from meshgate.proto import v3
from meshgate.xds import ResourceTable
from meshgate.xds.server import AdsServer
from tests.certificates import BEGIN, Made, certificate
from tests.mesh.objects import built, istio

DEADLINE_S = 10
ID = "gw-1.edge"
PROXY = Proxy(role="router", name="gw-1", namespace="edge", labels=(("app", "gw"),), addresses=("10.0.0.1",))
ME = User(uid=os.geteuid(), gid=os.getegid())
LEAF, OTHER, ROOT = certificate("leaf"), certificate("other"), certificate("root", is_ca=True)
FIELDS = "Gateway/default/gw spec.servers[0].tls"


class Rig:
    """Files of a proxy that is this process, and what is made of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ads = AdsServer()
        self.ads.publish(ID, ResourceTable())
        self.process = ProxyProcess(pid=os.getpid(), user=ME)
        self.processes: dict[str, ProxyProcess] = {ID: self.process}
        crt, key, ca = (directory / name for name in ("tls.crt", "tls.key", "ca.crt"))
        tls = f"{{mode: MUTUAL, serverCertificate: {crt}, privateKey: {key}, caCertificates: {ca}}}"
        server = f"{{port: {{number: 443, name: a, protocol: HTTPS}}, hosts: ['*'], tls: {tls}}}"
        snapshot, _ = built(istio("Gateway", "gw", f"{{selector: {{app: gw}}, servers: [{server}]}}"))
        self.pair, self.roots = f"file-cert:{crt}~{key}", f"file-root:{ca}"
        names = {ID: frozenset({self.pair, self.roots, "default", "kubernetes://web"})}
        self.built = Built(revision=1, snapshot=snapshot, proxies={ID: PROXY}, secret_names=names)
        self.builds = Latest(self.built)
        self.secrets = FileSecrets(self.ads, self.builds, lambda: self.processes, look_s=0.01)

    def write(self, made: Made, root: Made = ROOT) -> None:
        (self.directory / "tls.crt").write_bytes(made.pem)
        (self.directory / "tls.key").write_bytes(made.key)
        (self.directory / "ca.crt").write_bytes(root.pem)

    def given(self) -> Mapping[str, Resource]:
        table = self.ads.table_of(ID)
        assert table is not None
        return table.of(SECRET)

    def chain(self) -> bytes:
        secret = v3.Secret.FromString(self.given()[self.pair].body)
        return bytes(secret.tls_certificate.certificate_chain.inline_bytes)

    async def told(self) -> list[str]:
        """What is told when it has lasted."""
        await self.secrets.look()
        await self.secrets.look()
        return [str(problem) for problem in self.secrets.problems.value]


def run(test: Callable[[Rig], Awaitable[None]], directory: Path) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await test(Rig(directory))

    load_schema()
    asyncio.run(bounded())


def test_files_are_given(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        rig.write(LEAF)
        assert await rig.secrets.look()
        assert set(rig.given()) == {rig.pair, rig.roots}
        assert rig.chain() == LEAF.pem
        roots = v3.Secret.FromString(rig.given()[rig.roots].body).validation_context
        assert roots.trusted_ca.inline_bytes == ROOT.pem
        assert await rig.told() == []

    run(test, tmp_path)


@pytest.mark.parametrize("way", ["in place", "renamed", "swapped"])
def test_what_changes_is_given_soon(tmp_path: Path, way: str) -> None:
    async def test(rig: Rig) -> None:
        if way == "swapped":  # as Secret volumes do it
            for name, made in (("1", LEAF), ("2", OTHER)):
                (tmp_path / name).mkdir()
                Rig(tmp_path / name).write(made)
            (tmp_path / "..data").symlink_to("1")
            for name in ("tls.crt", "tls.key", "ca.crt"):
                (tmp_path / name).symlink_to(f"..data/{name}")
        else:
            rig.write(LEAF)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(rig.secrets.run())
            while rig.pair not in rig.given():  # noqa: ASYNC110  # what is published is no event
                await asyncio.sleep(0.005)
            if way == "in place":
                rig.write(OTHER)
            elif way == "renamed":
                (tmp_path / "new").mkdir()
                Rig(tmp_path / "new").write(OTHER)
                for name in ("tls.crt", "tls.key"):
                    (tmp_path / "new" / name).replace(tmp_path / name)
            else:
                (tmp_path / "..new").symlink_to("2")
                (tmp_path / "..new").replace(tmp_path / "..data")
            while rig.chain() != OTHER.pem:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            task.cancel()

    run(test, tmp_path)


def test_what_is_missing_is_told_at_its_field_and_comes_later(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        (tmp_path / "ca.crt").write_bytes(ROOT.pem)
        (tmp_path / "tls.crt").write_bytes(LEAF.pem)
        assert await rig.told() == [
            f'{FIELDS}.privateKey: "{tmp_path}/tls.key" in pod "{ID}": it does not exist [MG0155]'
        ]
        assert set(rig.given()) == {rig.roots}, "its neighbour is given"
        (tmp_path / "tls.key").write_bytes(LEAF.key)
        assert await rig.told() == []
        assert rig.chain() == LEAF.pem

    run(test, tmp_path)


def test_what_is_broken_is_not_given(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        rig.write(LEAF)
        (tmp_path / "tls.key").write_bytes(OTHER.key)
        (tmp_path / "ca.crt").write_bytes(b"hello")
        words = 'the private key is not that of the certificate "CN=leaf"'
        told = await rig.told()
        assert told[0] == f'{FIELDS}.privateKey: "{tmp_path}/tls.key" in pod "{ID}": {words} [MG0155]'
        assert told[1].startswith(
            f'{FIELDS}.caCertificates: "{tmp_path}/ca.crt" in pod "{ID}": there is no certificate in it'
        )
        assert rig.given() == {}

    run(test, tmp_path)


def test_what_is_just_being_written_is_no_fault(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        rig.write(LEAF)
        await rig.secrets.look()
        (tmp_path / "tls.crt").write_bytes(OTHER.pem[:50])
        await rig.secrets.look()
        assert rig.secrets.problems.value == ()
        rig.write(OTHER)
        await rig.secrets.look()
        assert rig.secrets.problems.value == ()

    run(test, tmp_path)


def test_one_that_has_expired_is_given_and_told(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        old = certificate("old", end=BEGIN + timedelta(days=1))
        rig.write(old)
        [told] = await rig.told()
        assert told.startswith(f'{FIELDS}.serverCertificate: certificate "CN=old" of "{tmp_path}/tls.crt" in pod')
        assert told.endswith("[MG0153]")
        assert rig.chain() == old.pem

    run(test, tmp_path)


def test_who_uses_no_files_any_more_has_none(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        rig.write(LEAF)
        await rig.secrets.look()
        rig.builds.set(Built(revision=2, snapshot=rig.built.snapshot, proxies={ID: PROXY}))
        assert not await rig.secrets.look()
        assert rig.given() == {}

    run(test, tmp_path)


def test_a_proxy_that_ends_meanwhile_is_passed_over(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        rig.write(LEAF)
        rig.processes = {ID: ProxyProcess(pid=2**22 + 1, user=ME)}
        await rig.secrets.look()
        rig.processes = {}
        await rig.secrets.look()
        assert rig.given() == {}

    run(test, tmp_path)


def test_the_systems_roots_are_taken_as_they_are(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        names = {ID: frozenset({"file-root:system"})}
        rig.builds.set(Built(revision=2, snapshot=rig.built.snapshot, proxies={ID: PROXY}, secret_names=names))
        await rig.secrets.look()
        assert set(rig.given()) == ({"file-root:system"} if has_bundle else set())

    has_bundle = Path(SYSTEM_BUNDLE).exists()
    run(test, tmp_path)


def test_proxies_with_equal_files_share_what_is_made_of_them(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        rig.write(LEAF)
        other = "gw-2.edge"
        names = rig.built.secret_names[ID]
        both = {ID: names, other: names}
        rig.processes[other] = rig.process
        rig.ads.publish(other, ResourceTable())
        rig.builds.set(Built(revision=2, snapshot=rig.built.snapshot, proxies={ID: PROXY}, secret_names=both))
        await rig.secrets.look()
        table = rig.ads.table_of(other)
        assert table is not None
        assert table.of(SECRET)[rig.pair] is rig.given()[rig.pair]

    run(test, tmp_path)


def test_a_sidecars_files_are_told_at_the_sidecar_that_names_them() -> None:
    tls = "{mode: SIMPLE, serverCertificate: /a.crt, privateKey: /a.key}"
    ports = "[{port: {number: 80, name: a, protocol: HTTP}}, {port: {number: 443, name: b, protocol: HTTPS}, tls: %s}]"
    others = istio("Sidecar", "others", f"{{workloadSelector: {{labels: {{app: other}}}}, ingress: {ports % tls}}}")
    snapshot, _ = built(others + istio("Sidecar", "all", f"{{ingress: {ports % tls}}}"))
    proxy = Proxy(role="sidecar", name="cart-1", namespace="default", labels=(("app", "cart"),))
    fault = CertificateFault(part="key", text="it does not exist")
    finding = FileFinding(proxy_id="cart-1.default", name="file-cert:/a.crt~/a.key", faults=(fault,))
    told = file_problems([finding], snapshot.world, {"cart-1.default": proxy}, BEGIN)
    field = "Sidecar/default/all spec.ingress[1].tls.privateKey"
    assert [str(problem) for problem in told] == [
        f'{field}: "/a.key" in pod "cart-1.default": it does not exist [MG0155]'
    ]
