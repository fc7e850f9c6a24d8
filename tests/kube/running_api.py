"""A real API server on a real Unix socket, over a real store, with a machine made of paper.

async with running_api(tmp_path) as api:
    await api.client.create(...)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec

from meshgate.api import Problem, Ref
from meshgate.app.account_tokens import AccountTokens
from meshgate.client import Client, LogOptions
from meshgate.kube import Channel, KubeDeps, serve
from meshgate.store.admission import Admission, Admit
from meshgate.store.core import Change, Raw, StatusFault
from meshgate.store.sqlite import Store

T = TypeVar("T")
DEADLINE_S = 20.0


class PaperProcess:
    """Writes its arguments, then echoes its input; `exit N` ends it with N, as the end of input does with 0."""

    def __init__(self, argv: Sequence[str], *, stdin: bool) -> None:
        self.argv, self.sizes, self.killed = tuple(argv), list[tuple[int, int]](), asyncio.Event()
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._code = int(argv[1]) if argv[0] == "exit" else 0
        if not stdin:
            self._lines.put_nowait(None)

    async def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        yield "stdout", " ".join(self.argv).encode()
        yield "stderr", b"ready"
        while (line := await self._lines.get()) is not None:
            yield "stdout", line

    async def write_stdin(self, data: bytes) -> None:
        await self._lines.put(data)

    async def close_stdin(self) -> None:
        await self._lines.put(None)

    async def resize(self, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))

    async def wait(self) -> int:
        return self._code

    async def kill(self) -> None:
        self.killed.set()
        await self._lines.put(None)


@dataclass
class PaperStreams:
    processes: list[PaperProcess] = field(default_factory=list)
    options: list[LogOptions] = field(default_factory=list)
    lines: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    """What a followed log says next; None ends it."""

    async def open_log(
        self, namespace: str, pod: str, container: str, options: LogOptions
    ) -> AsyncGenerator[bytes, None]:
        self.options.append(options)
        return self._log(f"{namespace}/{pod}/{container}\n".encode(), follow=options.follow)

    async def _log(self, first: bytes, *, follow: bool) -> AsyncGenerator[bytes, None]:
        yield first
        while follow and (line := await self.lines.get()) is not None:
            yield line

    async def exec(
        self, namespace: str, pod: str, container: str, argv: Sequence[str], tty: bool, stdin: bool
    ) -> PaperProcess:
        if argv[0] == "absent":
            raise StatusFault(f'container "{container}" is not running', code=400, reason="BadRequest")
        self.processes.append(PaperProcess(argv, stdin=stdin))
        return self.processes[-1]


@dataclass
class PaperMesh:
    applied: asyncio.Event = field(default_factory=asyncio.Event)
    found: dict[Ref, tuple[Problem, ...]] = field(default_factory=dict)
    proxies: list[Mapping[str, Any]] = field(default_factory=list)

    def problems(self, ref: Ref) -> Sequence[Problem]:
        return self.found.get(ref, ())

    def status(self) -> Mapping[str, Any]:
        return {"proxies": self.proxies, **({"resourceVersion": "7"} if self.proxies else {})}

    async def wait_applied(self, revision: int) -> None:
        await self.applied.wait()


@dataclass
class PaperProxies:
    """Every proxy says the same."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    dump: bytes = b"{}"
    hosts: bytes = b"{}"
    wanted: Mapping[str, Any] = field(default_factory=dict)
    proofs: Mapping[str, Any] = field(default_factory=dict)
    fault: StatusFault | None = None

    def _note(self, namespace: str, pod: str, what: str) -> None:
        self.asked.append((namespace, pod, what))
        if self.fault is not None:
            raise self.fault

    async def config_dump(self, namespace: str, pod: str, query: str) -> bytes:
        self._note(namespace, pod, query)
        return self.dump

    async def clusters(self, namespace: str, pod: str) -> bytes:
        self._note(namespace, pod, "clusters")
        return self.hosts

    async def logging(self, namespace: str, pod: str, change: str) -> bytes:
        self._note(namespace, pod, f"logging {change}")
        return f"active loggers:\n  http: {change}\n  misc: error\n".encode()

    async def resources(self, namespace: str, pod: str) -> Mapping[str, Any]:
        self._note(namespace, pod, "resources")
        return self.wanted

    async def authn(self, namespace: str, pod: str) -> Mapping[str, Any]:
        self._note(namespace, pod, "authn")
        return self.proofs


async def admit_all(changes: Sequence[Change]) -> tuple[Problem, ...]:
    return ()


@dataclass
class RunningApi:
    client: Client
    store: Store
    streams: PaperStreams
    mesh: PaperMesh
    proxies: PaperProxies
    socket_path: Path
    session: aiohttp.ClientSession

    async def call(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """One plain HTTP request: the code, and the JSON (or text) that came."""
        data = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        given = {"Content-Type": "application/json", **(headers or {})}
        async with self.session.request(method, f"http://x{path}", data=data, headers=given) as answer:
            content = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, msgspec.json.decode(content) if is_json else content.decode()


@asynccontextmanager
async def running_api(directory: Path, admit: Admit = admit_all) -> AsyncIterator[RunningApi]:
    store, streams, mesh, proxies = Store(directory), PaperStreams(), PaperMesh(), PaperProxies()
    socket_path, ready = directory / "api.sock", asyncio.Event()
    tokens = AccountTokens(store, "https://kubernetes.default.svc.cluster.local")
    deps = KubeDeps(
        store=store,
        admission=Admission(store, admit),
        streams=streams,
        mesh=mesh,
        tokens=tokens,
        proxies=proxies,
    )
    connector = aiohttp.UnixConnector(path=str(socket_path), force_close=True)
    try:
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            server = group.create_task(serve(deps, socket_path, ready))
            await ready.wait()
            async with Client(socket_path, patience_s=5) as client, aiohttp.ClientSession(connector=connector) as http:
                yield RunningApi(client, store, streams, mesh, proxies, socket_path, http)
            server.cancel()
    finally:
        store.close()


def run(conversation: Callable[[], Awaitable[T]]) -> T:
    async def whole() -> T:
        return await conversation()

    return asyncio.run(whole())


def virtual_service(name: str = "web", host: str = "web", namespace: str = "default") -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hosts": [host], "http": [{"route": [{"destination": {"host": host}}]}]},
    }


def pod(name: str = "web", **metadata: Any) -> Raw:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"containers": [{"name": "app", "command": ["true"]}, {"name": "istio-proxy", "command": ["true"]}]},
    }
