"""Certificates in a proxy's files: read, watched, checked, and given to the proxy as secrets.

Envoy could read them itself, but it looks again only when something is renamed into a directory: what is written in
place would be missed, and what is missing is told to nobody. So we look, a few times a second while some proxy uses
files and at once when a proxy connects, as the proxy itself would see them. What cannot be used is not published: the
proxy keeps what it had, and the fault is told at the object that names the file.

docs/adr/0014-certificates-in-files.md says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from meshgate.aio import Latest
from meshgate.api import Problem
from meshgate.app.file_problems import FileFinding, file_problems
from meshgate.app.pipeline import Built
from meshgate.envoy import Resource, certificate_secret, validation_secret
from meshgate.host.proxy_files import FileGroup, ProxyProcess, Read, Stamp, read_files
from meshgate.mesh import CertificateFault, Checked, check_pair, check_roots, check_system_roots
from meshgate.plan import SYSTEM_BUNDLE, paths_of
from meshgate.xds.server import AdsServer

SOURCE = "files"
"""What the secrets are called among those of a proxy."""
LOOK_S = 0.25
"""Between looks, while a proxy uses files: what is rewritten serves new connections within a second."""


class _Proxy:
    """What is known of one proxy's files: by the secret's name."""

    def __init__(self) -> None:
        self.stamps: dict[str, tuple[Stamp, ...]] = {}
        self.secrets: dict[str, Resource] = {}
        self.findings: dict[str, FileFinding] = {}

    def keep(self, names: Collection[str]) -> None:
        """Forget all others."""
        for known in (self.stamps, self.secrets, self.findings):
            for name in known.keys() - set(names):
                del known[name]


class FileSecrets:
    """Owned by one event loop; `run` looks."""

    def __init__(
        self,
        ads: AdsServer,
        builds: Latest[Built],
        processes: Callable[[], Mapping[str, ProxyProcess]],
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self.problems: Latest[tuple[Problem, ...]] = Latest(())
        """What is wrong with the files, and with the certificates in them, at the objects that name them."""
        self._ads = ads
        self._builds = builds
        self._processes = processes
        self._look_s = look_s
        self._proxies: dict[str, _Proxy] = {}
        self._last: tuple[Built | None, Mapping[str, tuple[str, ...]]] = (None, {})
        self._found: frozenset[FileFinding] = frozenset()
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Look whenever a proxy connects or is to use other files, and again and again while one uses files."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wake_whenever(self._builds))
            group.create_task(self._wake_whenever(self._ads.state))
            while True:
                self._woken.clear()
                await self._rest(self._look_s if await self.look() else None)

    async def _rest(self, at_most_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._woken.wait()

    async def look(self) -> bool:
        """Read what has changed, and publish it; False if no proxy uses files."""
        built = self._builds.value
        wanted = self._wanted(built)
        for proxy_id in self._proxies.keys() - wanted.keys():
            del self._proxies[proxy_id]
            if proxy_id in built.proxies:
                self._ads.publish_secrets(proxy_id, SOURCE, {})
        processes = self._processes() if wanted else {}
        for proxy_id, names in wanted.items():
            if proxy_id in processes:
                await self._look_at(proxy_id, processes[proxy_id], names)
        self._tell(built)
        return bool(wanted)

    def _wanted(self, built: Built) -> Mapping[str, tuple[str, ...]]:
        """Names of secrets that are in files, by proxy; found once for each build."""
        if self._last[0] is not built:
            by_proxy = ((proxy_id, _of_files(names)) for proxy_id, names in built.secret_names.items())
            self._last = built, {proxy_id: names for proxy_id, names in by_proxy if names}
        return self._last[1]

    async def _look_at(self, proxy_id: str, process: ProxyProcess, names: tuple[str, ...]) -> None:
        proxy = self._proxies.setdefault(proxy_id, _Proxy())
        proxy.keep(names)
        groups = [FileGroup(paths=tuple(paths_of(name).values()), stamps=proxy.stamps.get(name, ())) for name in names]
        try:
            found = await asyncio.to_thread(read_files, process, groups, time.time_ns())
        except OSError:  # it has ended
            return
        if self._processes().get(proxy_id) != process:  # and its number may be another's
            return
        for name, read in zip(names, found, strict=True):
            if read is not None:
                self._take(proxy_id, proxy, name, read)
        self._ads.publish_secrets(proxy_id, SOURCE, proxy.secrets)

    def _take(self, proxy_id: str, proxy: _Proxy, name: str, read: Read) -> None:
        secret, checked = _secret_in(name, read)
        proxy.stamps[name] = tuple(each.stamp for each in read)
        proxy.findings[name] = FileFinding(
            proxy_id=proxy_id, name=name, faults=checked.faults, certificates=checked.certificates
        )
        if secret is None:
            proxy.secrets.pop(name, None)
            return
        # hundreds of proxies may have the same file: they share what is made of it
        others = (other.secrets.get(name) for other in self._proxies.values())
        proxy.secrets[name] = next((other for other in others if other == secret), secret)

    def _tell(self, built: Built) -> None:
        """Tell what was so at the last look, too: a file that is being written is no fault."""
        before = self._found
        self._found = frozenset(finding for proxy in self._proxies.values() for finding in proxy.findings.values())
        lasting = sorted(self._found & before, key=lambda one: (one.proxy_id, one.name))
        if built.snapshot is not None:
            self.problems.set(file_problems(lasting, built.snapshot.world, built.proxies, datetime.now(UTC)))

    async def _wake_whenever(self, latest: Latest[Any]) -> None:
        async for _ in latest:
            self._woken.set()


def _of_files(names: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if paths_of(name)))


def _secret_in(name: str, read: Read) -> tuple[Resource | None, Checked]:
    """The secret that is in the files, and what is to be said of it."""
    files = dict(zip(paths_of(name), read, strict=True))
    faults = tuple(CertificateFault(part=part, text=file.fault) for part, file in files.items() if file.fault)
    if faults:
        return None, Checked(faults=faults)
    if "key" in files:
        chain, key = files["certificate"].content.reveal(), files["key"].content
        checked = check_pair(chain, key)
        return None if checked.faults else certificate_secret(name, chain, key), checked
    roots = files["roots"].content.reveal()
    crl = files["crl"].content.reveal() if "crl" in files else b""
    checked = check_system_roots(roots) if paths_of(name)["roots"] == SYSTEM_BUNDLE else check_roots(roots, crl)
    return None if checked.faults else validation_secret(name, roots, crl), checked
