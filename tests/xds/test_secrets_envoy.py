"""Secrets at a live Envoy: missing ones block nothing, new ones disturb no connection, new roots are obeyed."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meshgate.ca import Authority
from meshgate.ca.issue import Issued, Order, issue, new_authority
from meshgate.ca.pki import certificate_pem
from meshgate.envoy import LISTENER, Resource, certificate_secret, validation_secret
from meshgate.proto import type_url, v3
from tests.live_envoy import free_ports
from tests.xds.test_server_envoy import ADS, PROXY, Rig, cluster, resource, run, small

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

ME = "spiffe://cluster.local/ns/shop/sa/cart"


def authority() -> Authority:
    return new_authority("cluster.local", datetime.now(UTC))


def issued(by: Authority) -> Issued:
    [made] = issue(by, [Order(identity=ME, lifetime=timedelta(hours=1))], datetime.now(UTC))
    return made


def certificate(name: str, by: Authority) -> Resource:
    made = issued(by)
    return certificate_secret(name, made.chain_pem, made.key_pem)


def roots(*authorities: Authority) -> Resource:
    return validation_secret("ROOTCA", b"".join(certificate_pem(each.issuer.certificate) for each in authorities))


def tls_listener(port: int, name: str, *, mutual: bool = False) -> Resource:
    """Answers over TLS with the certificate of this name, by the routes that all listeners share."""
    context: dict[str, object] = {
        "tls_certificate_sds_secret_configs": [{"name": name, "sds_config": ADS}],
    }
    if mutual:
        context["validation_context_sds_secret_config"] = {"name": "ROOTCA", "sds_config": ADS}
    socket = {
        "@type": type_url(v3.DownstreamTlsContext),
        "common_tls_context": context,
        "require_client_certificate": mutual,
    }
    router = {"name": "router", "typed_config": {"@type": type_url(v3.Router)}}
    manager = {
        "@type": type_url(v3.HttpConnectionManager),
        "stat_prefix": "tls",
        "rds": {"route_config_name": "r", "config_source": ADS},
        "http_filters": [router],
    }
    chain = {
        "filters": [{"name": "hcm", "typed_config": manager}],
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": socket},
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return resource("tls", LISTENER, {"name": "tls", "address": address, "filter_chains": [chain]})


def tls_cluster(name: str, secret: str) -> Resource:
    socket = {
        "@type": type_url(v3.UpstreamTlsContext),
        "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": secret, "sds_config": ADS}]},
    }
    value = {"name": "envoy.transport_sockets.tls", "typed_config": socket}
    return cluster(name, type="STATIC", eds_cluster_config=None, transport_socket=value)


class Connection:
    """One that stays, with the certificate that the server showed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        socket = writer.get_extra_info("ssl_object")
        self.serial = str(socket.getpeercert()["serialNumber"])

    async def get(self) -> str:
        self._writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        return (await self._reader.readexactly(length)).decode()

    def close(self) -> None:
        self._writer.close()


def client(by: Authority, tmp_path: Path, me: Issued | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=certificate_pem(by.issuer.certificate).decode())
    context.check_hostname = False
    if me is not None:
        file = tmp_path / "client.pem"
        file.write_bytes(me.chain_pem + me.key_pem.reveal())
        context.load_cert_chain(file)
    return context


async def connect(port: int, context: ssl.SSLContext) -> Connection:
    return Connection(*await asyncio.open_connection("127.0.0.1", port, ssl=context))


def test_a_missing_secret_blocks_nothing_and_is_used_when_it_comes(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        [port] = free_ports(1)
        by = authority()
        await rig.applied(
            *small(rig), tls_listener(port, "kubernetes://late"), tls_cluster("outside", "kubernetes://later")
        )
        assert await rig.get() == "one", "its neighbours serve"
        assert await rig.stat("listener_manager.total_listeners_warming") == 0
        assert await rig.stat("cluster_manager.warming_clusters") == 0
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await connect(port, client(by, tmp_path))
        rig.ads.publish_secrets(PROXY, "credentials", {"kubernetes://late": certificate("kubernetes://late", by)})
        assert await rig.ads.wait_applied(5) == {}
        connection = await connect(port, client(by, tmp_path))
        assert await connection.get() == "one"
        connection.close()

    run(test)


def test_a_hundred_renewals_disturb_no_connection(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        [port] = free_ports(1)
        by = authority()
        rig.ads.publish_secrets(PROXY, "identity", {"default": certificate("default", by), "ROOTCA": roots(by)})
        await rig.applied(*small(rig), tls_listener(port, "default", mutual=True))
        context = client(by, tmp_path, issued(by))
        standing = await connect(port, context)
        serials = set()
        before = await rig.stat("listener_manager.listener_modified")
        for _ in range(100):
            rig.ads.publish_secrets(PROXY, "identity", {"default": certificate("default", by), "ROOTCA": roots(by)})
            assert await rig.ads.wait_applied(5) == {}
            assert await standing.get() == "one"
            fresh = await connect(port, context)
            assert await fresh.get() == "one"
            serials.add(fresh.serial)
            fresh.close()
        assert len(serials) == 100, "each renewal is in use as soon as it is applied"
        assert await rig.stat("listener_manager.listener_modified") == before
        standing.close()

    run(test)


def test_a_root_that_is_no_longer_trusted_keeps_its_holders_out(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        [port] = free_ports(1)
        old, new = authority(), authority()
        secrets = {"default": certificate("default", new), "ROOTCA": roots(old, new)}
        rig.ads.publish_secrets(PROXY, "identity", secrets)
        await rig.applied(*small(rig), tls_listener(port, "default", mutual=True))
        for by in (old, new):
            connection = await connect(port, client(new, tmp_path, issued(by)))
            assert await connection.get() == "one", "both are trusted meanwhile"
            connection.close()
        rig.ads.publish_secrets(PROXY, "identity", {**secrets, "ROOTCA": roots(new)})
        assert await rig.ads.wait_applied(5) == {}
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await (await connect(port, client(new, tmp_path, issued(old)))).get()
        connection = await connect(port, client(new, tmp_path, issued(new)))
        assert await connection.get() == "one"
        connection.close()

    run(test)


def test_the_proxy_itself_redacts_its_key() -> None:
    async def test(rig: Rig) -> None:
        by = authority()
        [port] = free_ports(1)
        rig.ads.publish_secrets(PROXY, "identity", {"default": certificate("default", by)})
        await rig.applied(*small(rig), tls_listener(port, "default"))
        reader, writer = await asyncio.open_unix_connection(str(rig.directory / "admin.sock"))
        writer.write(b"GET /config_dump HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        dump = (await reader.read()).decode()
        writer.close()
        assert "SecretsConfigDump" in dump
        assert "PRIVATE" not in dump
        assert "UFJJVkFURS" not in dump, "base64 of it"

    run(test)
