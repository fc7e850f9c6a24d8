"""A certificate expires, and nobody has written anything: it is told all the same."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meshgate.app.certificate_watch import watch_certificates
from tests.app.rig import DEADLINE_S, Rig, run
from tests.certificates import certificate
from tests.mesh.secret_objects import secret

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def tls_secret(end: datetime) -> str:
    made = certificate("web", begin=NOW - timedelta(days=1), end=end)
    return secret("web", kind="kubernetes.io/tls", tls_crt=made.pem, tls_key=made.key)


def codes_of(rig: Rig) -> list[str]:
    return [problem.code for problem in rig.pipeline.built.value.problems]


def test_it_is_told_when_the_time_comes(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        clock = Clock()
        rig.pipeline.clock = clock
        await rig.apply(tls_secret(NOW + timedelta(seconds=30)))
        await rig.built()
        assert codes_of(rig) == []
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(watch_certificates(rig.pipeline, longest_s=0.01))
            clock.now += timedelta(seconds=30)
            async with asyncio.timeout(DEADLINE_S):
                await rig.pipeline.built.wait_for(lambda built: bool(built.problems))
            watch.cancel()
        assert codes_of(rig) == ["MG0153"]

    run(test, tmp_path)


def test_nothing_is_built_while_nothing_changes(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        rig.pipeline.clock = Clock()
        await rig.apply(tls_secret(NOW + timedelta(seconds=30)))
        await rig.built()
        built = rig.pipeline.built.value
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(watch_certificates(rig.pipeline, longest_s=0.0))
            for _ in range(100):
                await asyncio.sleep(0)
            watch.cancel()
        assert rig.pipeline.built.value is built

    run(test, tmp_path)


def test_whoever_applies_it_is_told_at_once(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        rig.pipeline.clock = Clock()
        [problem] = await rig.apply(tls_secret(NOW - timedelta(seconds=1)))
        assert problem.text.startswith('certificate "CN=web" has expired: it was valid until 2026-02-28 23:59:59 UTC')
        [problem] = await rig.apply(secret("other", kind="kubernetes.io/tls", tls_crt=b"x", tls_key=b"y"))
        assert str(problem).startswith("Secret/default/other data[tls.crt]: there is no certificate in it")

    run(test, tmp_path)
