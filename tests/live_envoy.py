"""One live Envoy that takes resources over delta ADS, for tests that ask whether Envoy accepts them.

    with running_envoy() as envoy:
        envoy.apply(resources)          # returns when all is in use; an AssertionError has Envoy's own words

`apply` replaces everything that was there before, as one step of a control plane would: clusters, their endpoints,
listeners, routes, removals last. It waits until every resource is acknowledged, every one that was given has been
asked for, and nothing is warming. What a test leaves out is filled in: empty endpoints for EDS clusters, a
self-signed certificate for secrets, which may be asked for by themselves, too.

Envoy runs in a network namespace of its own (`isolated`, the default), so listeners may bind any port; in the host's
network only for tests that send requests. The server is a few lines over gRPC's threads, independent of meshgate's
own: a fault in `xds` must not hide one in `envoy`.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from meshgate.envoy import (
    CLUSTER,
    ENDPOINTS,
    LISTENER,
    ROUTES,
    SECRET,
    BootstrapInput,
    ProxyPorts,
    Resource,
    Resources,
    bootstrap,
    envoy_arguments,
    resource_json,
)
from meshgate.host.envoy_binary import find_envoy, load_schema
from meshgate.plan import Proxy
from meshgate.proto import v3
from tests.live_secrets import secret_body
from tests.secrets_service import secrets_handler

DEADLINE_S = 20.0
_ORDER = (CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET)

_LAUNCHER = """
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: a run that is killed leaves no Envoy behind
if sys.argv[1] == "isolated":
    flags = 0x40000000 | (0 if os.geteuid() == 0 else 0x10000000)  # CLONE_NEWNET, CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
    with socket.socket() as probe:  # loopback up: SIOCSIFFLAGS, IFF_UP
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh22x", b"lo", 1))
os.execv(sys.argv[2], sys.argv[2:])
"""


class LiveEnvoy:
    """A running Envoy and the ADS server it asks. Made by `running_envoy`."""

    def __init__(self, directory: Path, ports: ProxyPorts) -> None:
        self.directory = directory
        self.ports = ports
        self.process: subprocess.Popen[bytes] | None = None
        self._ads = _AdsServer()
        self._start_control_plane()

    def _start_control_plane(self) -> None:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=8))
        self._server.add_generic_rpc_handlers((self._ads.handler(), secrets_handler(secret_body)))
        assert self._server.add_insecure_port(f"unix:{self.xds_socket}")
        self._server.start()

    def restart_control_plane(self) -> None:
        """End the server and start it anew on the same socket, as if it had been killed."""
        self._server.stop(grace=None).wait()
        self._ads.disconnected()
        self._start_control_plane()

    @property
    def xds_socket(self) -> Path:
        return self.directory / "xds.sock"

    @property
    def admin_socket(self) -> Path:
        return self.directory / "admin.sock"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        return (self.directory / "envoy.log").read_text()

    def start(self, configuration: bytes, *, isolated: bool) -> None:
        file = self.directory / "bootstrap.json"
        file.write_bytes(configuration)
        envoy = [str(find_envoy()), *envoy_arguments(str(file), concurrency=1)]
        command = _launched("isolated" if isolated else "shared", *envoy)
        with (self.directory / "envoy.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def withhold(self, *secrets: str) -> None:
        """From now on these secrets, unless they are given, do not exist; as a delta server says it at once."""
        self._ads.withheld = frozenset(secrets)

    def apply(self, resources: Resources | Iterable[Resource]) -> None:
        """Replace all resources and wait until they are in use. `AssertionError` with Envoy's words if one is
        refused."""
        given = _flat(resources)
        self._ads.replace(given)
        self._wait(lambda: self._ads.refusals() or self._ads.settled(given), "to acknowledge what it was given")
        refusals = self._ads.refusals()
        assert not refusals, "Envoy refused:\n" + "\n".join(refusals) + "\n" + _dump(given)
        self._wait(lambda: self._warming() == 0, "to finish warming")

    def admin(self, path: str, method: str = "GET") -> str:
        """An answer of the admin interface."""
        connection = _UnixConnection(str(self.admin_socket))
        try:
            connection.request(method, path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def stats(self, prefix: str) -> dict[str, int]:
        answer = json.loads(self.admin(f"/stats?format=json&filter=^{prefix}"))
        return {item["name"]: item["value"] for item in answer["stats"] if "value" in item}

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._ads.close()
        self._server.stop(grace=None).wait()

    def _warming(self) -> int:
        listeners = self.stats("listener_manager.total_listeners_warming")
        clusters = self.stats("cluster_manager.warming_clusters")
        return sum((*listeners.values(), *clusters.values()))

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert self.process is not None
            assert self.process.poll() is None, f"Envoy ended with {self.process.returncode}:\n{self.log}"
            assert time.monotonic() < deadline, f"Envoy did not come {what}: {self._ads.state()}\n{self.log}"
            self._ads.changed.wait(0.02)
            self._ads.changed.clear()


@contextlib.contextmanager
def running_envoy(
    *,
    isolated: bool = True,
    ports: ProxyPorts | None = None,
    proxy: Proxy | None = None,
    bootstrap_of: Callable[[Path, Path], bytes] | None = None,
) -> Iterator[LiveEnvoy]:
    """An Envoy; skips the test where no namespace can be had.

    It starts from `envoy.bootstrap` for `proxy`, or from what `bootstrap_of` makes of its ADS and its admin socket.
    """
    load_schema()
    if isolated and not _can_isolate():
        pytest.skip("no network namespace to run Envoy in")
    directory = Path(tempfile.mkdtemp(prefix="mg-envoy-", dir="/tmp"))  # short: a Unix socket's path has 107 bytes
    envoy = LiveEnvoy(directory, ports or ProxyPorts())
    try:
        make = bootstrap_of or functools.partial(_bootstrap, proxy=proxy, ports=envoy.ports)
        envoy.start(make(envoy.xds_socket, envoy.admin_socket), isolated=isolated)
        yield envoy
    finally:
        envoy.stop()
        shutil.rmtree(directory)


def _bootstrap(xds_socket: Path, admin_socket: Path, *, proxy: Proxy | None, ports: ProxyPorts) -> bytes:
    proxy = proxy or Proxy(role="sidecar", name="live", namespace="test", addresses=("10.0.0.1",))
    return bootstrap(
        BootstrapInput(proxy=proxy, xds_socket=str(xds_socket), admin_socket=str(admin_socket), ports=ports)
    )


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def _can_isolate() -> bool:
    return subprocess.run(_launched("isolated", "/bin/true"), capture_output=True, check=False).returncode == 0


def _launched(network: str, *command: str) -> list[str]:
    return [sys.executable, "-I", "-c", _LAUNCHER, network, *command]


def _flat(resources: Resources | Iterable[Resource]) -> tuple[Resource, ...]:
    if isinstance(resources, Resources):
        return (
            *resources.clusters,
            *resources.endpoints,
            *resources.listeners,
            *resources.route_configurations,
        )
    return tuple(resources)


def _dump(resources: Iterable[Resource]) -> str:
    told = (resource for resource in resources if resource.type_url != SECRET)
    return "\n".join(json.dumps(resource_json(resource)) for resource in told)[:20000]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=DEADLINE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _AdsServer:
    """What is offered, what Envoy asked for and what it said. All state is guarded by one lock."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self.withheld: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._offered: dict[tuple[str, str], Resource] = {}
        self._sent: dict[tuple[str, str], str] = {}
        self._wanted: set[tuple[str, str]] = set()
        self._waiting: dict[str, str] = {}
        self._refusals: list[str] = []
        self._nonce = 0
        self._queue: queue.SimpleQueue[v3.DeltaDiscoveryResponse | None] = queue.SimpleQueue()

    def handler(self) -> grpc.GenericRpcHandler[v3.DeltaDiscoveryRequest, v3.DeltaDiscoveryResponse]:
        method = grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=v3.DeltaDiscoveryRequest.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        service = "envoy.service.discovery.v3.AggregatedDiscoveryService"
        return grpc.method_handlers_generic_handler(service, {"DeltaAggregatedResources": method})

    def replace(self, resources: Iterable[Resource]) -> None:
        with self._lock:
            self._refusals.clear()
            self._offered = {(item.type_url, item.name): item for item in resources}
            self._push()

    def refusals(self) -> list[str]:
        with self._lock:
            return list(self._refusals)

    def settled(self, given: Iterable[Resource]) -> bool:
        with self._lock:
            connected = {(CLUSTER, "*"), (LISTENER, "*")} <= self._wanted
            sent = all(self._sent.get((item.type_url, item.name)) == item.version for item in given)
            return connected and sent and not self._waiting

    def state(self) -> str:
        with self._lock:
            never = sorted(name for key, name in self._offered if (key, name) not in self._sent)
            return f"never asked for: {never}; not acknowledged: {sorted(set(self._waiting.values()))}"

    def close(self) -> None:
        self._queue.put(None)

    def disconnected(self) -> None:
        """Nothing is known of Envoy until it comes back."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        for state in (self._sent, self._wanted, self._waiting):
            state.clear()

    def _stream(
        self, requests: Iterator[v3.DeltaDiscoveryRequest], _context: grpc.ServicerContext
    ) -> Iterator[v3.DeltaDiscoveryResponse]:
        with self._lock:  # Envoy starts anew after a lost stream, and tells what it still has
            self._queue.put(None)
            responses = self._queue = queue.SimpleQueue()
            self._forget()
        threading.Thread(target=self._read, args=(requests,), daemon=True).start()
        while (response := responses.get()) is not None:
            yield response

    def _read(self, requests: Iterator[v3.DeltaDiscoveryRequest]) -> None:
        with contextlib.suppress(grpc.RpcError):  # the stream ends with Envoy
            for request in requests:
                with self._lock:
                    self._take(request)
                self.changed.set()

    def _take(self, request: v3.DeltaDiscoveryRequest) -> None:
        kind = request.type_url
        pending = self._waiting.pop(request.response_nonce, "")
        if pending and request.HasField("error_detail"):
            self._refusals.append(f"{kind.rsplit('.', 1)[-1]}: {request.error_detail.message}")
        names = set(request.resource_names_subscribe)
        if not request.response_nonce and not names and kind in (CLUSTER, LISTENER):
            names = {"*"}
        self._wanted |= {(kind, name) for name in names}
        self._wanted -= {(kind, name) for name in request.resource_names_unsubscribe}
        for name in (*names, *request.resource_names_unsubscribe):
            self._sent.pop((kind, name), None)
        if names:
            self._push()
        missing = [name for name in sorted(names) if kind == SECRET and self._resource(kind, name) is None]
        if missing:
            self._send(kind, [], missing)

    def _push(self) -> None:
        for kind in _ORDER:
            changed = [item for item in self._due(kind) if self._sent.get((kind, item.name)) != item.version]
            if changed or ((kind, "*") in self._wanted and (kind, "") not in self._sent):
                self._sent[kind, ""] = "answered"
                self._send(kind, changed)
        for kind in _ORDER:
            gone = [name for sent, name in self._sent if sent == kind and name and (kind, name) in self._gone()]
            if gone:
                self._send(kind, [], gone)

    def _gone(self) -> set[tuple[str, str]]:
        return {key for key in self._sent if key[0] in (CLUSTER, LISTENER) and key[1] and key not in self._offered}

    def _due(self, kind: str) -> list[Resource]:
        if (kind, "*") in self._wanted:
            return [item for (offered, _), item in sorted(self._offered.items()) if offered == kind]
        names = sorted(name for wanted, name in self._wanted if wanted == kind)
        return [item for name in names if (item := self._resource(kind, name)) is not None]

    def _resource(self, kind: str, name: str) -> Resource | None:
        offered = self._offered.get((kind, name))
        if offered is not None:
            return offered
        if kind == ENDPOINTS:
            body = v3.ClusterLoadAssignment(cluster_name=name).SerializeToString()
            return Resource(name=name, version="empty", type_url=kind, body=body)
        if kind == SECRET and name not in self.withheld:
            return Resource(name=name, version="made up", type_url=kind, body=secret_body(name))
        return None

    def _send(self, kind: str, resources: list[Resource], gone: Iterable[str] = ()) -> None:
        self._nonce += 1
        nonce = str(self._nonce)
        self._waiting[nonce] = kind
        for item in resources:
            self._sent[kind, item.name] = item.version
            if kind == CLUSTER:
                self._sent.pop((ENDPOINTS, item.name), None)  # a changed cluster warms until it has endpoints again
        for name in gone:
            self._sent.pop((kind, name), None)
        self._queue.put(
            v3.DeltaDiscoveryResponse(
                type_url=kind,
                nonce=nonce,
                resources=[
                    {
                        "name": item.name,
                        "version": item.version,
                        "resource": {"type_url": kind, "value": item.body},
                    }
                    for item in resources
                ],
                removed_resources=list(gone),
            )
        )
