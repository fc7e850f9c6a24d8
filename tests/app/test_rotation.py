"""Steps from one authority to the next wait for the proxies, and for what was signed for others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from meshgate.aio import Latest
from meshgate.app import rotation
from meshgate.app.rotation import Rotation
from meshgate.ca import Authority, Trust, announced, trust_in
from tests.ca.made import NOW, authority

DEADLINE_S = 10


class Proxies:
    """They have what they were given when a test says so."""

    def __init__(self) -> None:
        self.roots = asyncio.Event()
        self.certificates = asyncio.Event()
        self.asked: Latest[tuple[str, ...]] = Latest(())
        self.late: Collection[str] = ()

    async def wait_roots(self, timeout_s: float) -> Collection[str]:
        self.asked.set((*self.asked.value, "roots"))
        await self.roots.wait()
        return self.late

    async def wait_certificates(self, timeout_s: float) -> Collection[str]:
        self.asked.set((*self.asked.value, "certificates"))
        await self.certificates.wait()
        return self.late


class Rig:
    def __init__(self, trust: Trust) -> None:
        self.trust: Latest[Trust | None] = Latest(trust)
        self.proxies = Proxies()
        self.now = NOW
        self.ends: dict[bytes, datetime] = {}
        """Of certificates that were signed for others, by who has signed them."""
        self.rotation = Rotation(self.trust, self.proxies, lambda: self.now, self.last_end, linger_s=0)

    def last_end(self, authority: Authority) -> datetime:
        return max((end for signer, end in self.ends.items() if signer != authority.signer), default=self.now)

    @property
    def value(self) -> Trust:
        assert self.trust.value is not None
        return self.trust.value

    async def until_switched(self) -> None:
        await self.trust.wait_for(lambda trust: trust is not None and trust.coming is None)

    async def until_settled(self) -> None:
        await self.trust.wait_for(lambda trust: trust is not None and trust.is_settled)


@asynccontextmanager
async def rotating(trust: Trust) -> AsyncIterator[Rig]:
    rig = Rig(trust)
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        task = group.create_task(rig.rotation.run())
        yield rig
        task.cancel()


def coming() -> Trust:
    return announced(trust_in(authority(1)), authority(2))


def test_each_step_waits_for_the_one_before() -> None:
    async def test() -> None:
        async with rotating(coming()) as rig:
            await rig.proxies.asked.wait_for(bool)
            assert rig.value.coming is not None
            rig.proxies.roots.set()
            await rig.until_switched()
            assert rig.value.authority.signer == authority(2).signer
            assert len(rig.value.roots) == 2
            rig.proxies.certificates.set()
            await rig.until_settled()
            assert rig.value.roots == authority(2).roots
            assert rig.proxies.asked.value == ("roots", "certificates")

    asyncio.run(test())


def test_a_proxy_that_hangs_does_not_keep_the_new_authority_from_signing() -> None:
    async def test() -> None:
        async with rotating(coming()) as rig:
            rig.proxies.late = ["hangs.default"]
            rig.proxies.roots.set()
            await rig.until_switched()

    asyncio.run(test())


def test_the_old_root_stays_as_long_as_a_proxy_has_an_old_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "LOOK_S", 0)

    async def test() -> None:
        async with rotating(coming()) as rig:
            rig.proxies.late = ["hangs.default"]
            rig.proxies.roots.set()
            rig.proxies.certificates.set()
            await rig.proxies.asked.wait_for(lambda asked: asked.count("certificates") == 3)
            assert len(rig.value.roots) == 2
            rig.proxies.late = ()
            await rig.until_settled()

    asyncio.run(test())


def test_the_old_root_stays_until_what_was_signed_for_others_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "LOOK_S", 0)

    async def test() -> None:
        async with rotating(trust_in(authority(1))) as rig:
            rig.ends[authority(1).signer] = NOW + timedelta(hours=5)
            rig.proxies.roots.set()
            rig.proxies.certificates.set()
            rig.trust.set(coming())
            await rig.until_switched()
            rig.ends[authority(2).signer] = NOW + timedelta(days=90)
            rig.now += timedelta(hours=4)
            before = len(rig.proxies.asked.value)
            await rig.proxies.asked.wait_for(lambda asked: len(asked) > before + 2)
            assert len(rig.value.roots) == 2
            rig.now += timedelta(hours=1)
            await rig.until_settled()

    asyncio.run(test())


def test_a_run_that_finds_old_roots_goes_on_where_the_one_before_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "LOOK_S", 0)

    async def test() -> None:
        async with rotating(trust_in(authority(2), authority(1).roots)) as rig:
            rig.ends[authority(1).signer] = NOW + timedelta(days=80)
            rig.proxies.certificates.set()
            await rig.proxies.asked.wait_for(lambda asked: len(asked) == 3)
            assert len(rig.value.roots) == 2
            rig.now += timedelta(days=80)
            await rig.until_settled()

    asyncio.run(test())


def test_a_third_authority_that_comes_meanwhile_is_taken_next() -> None:
    async def test() -> None:
        async with rotating(coming()) as rig:
            rig.trust.set(announced(rig.value, authority(3)))
            rig.proxies.roots.set()
            rig.proxies.certificates.set()
            await rig.until_settled()
            assert rig.value.roots == authority(3).roots

    asyncio.run(test())
