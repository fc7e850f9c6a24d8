"""1,000 workload certificates: keys, signatures, secrets as Envoy takes them, given to the ADS server.

The baseline makes 1,000 keys and signs 1,000 of the smallest certificates with the same library, in a loop: what no
control plane in Python can be faster than.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meshgate.aio import Latest
from meshgate.app.identities import CERTIFICATE, Identities
from meshgate.app.pipeline import Built
from meshgate.ca import Trust, trust_in
from meshgate.ca.issue import new_authority
from meshgate.envoy import SECRET
from meshgate.host.envoy_binary import load_schema
from meshgate.mesh import Facts, build
from meshgate.plan import Proxy
from meshgate.xds import ResourceTable
from meshgate.xds.server import AdsServer
from tests.bench.figure import Figure, Target

CERTIFICATES = 1000
TARGET = Target(limit=2)


def measure(rounds: int) -> tuple[Figure, ...]:
    load_schema()
    seconds_of_loop()  # now the library is loaded
    baseline, measured = [], []
    for _ in range(rounds):
        baseline.append(seconds_of_loop())
        measured.append(asyncio.run(seconds_of_renewal()))
    return (
        Figure(
            name=f"{CERTIFICATES:,} workload certificates, delivered",
            unit="s",
            target=TARGET,
            measured=tuple(measured),
            baseline=tuple(baseline),
            baseline_name="as many keys and signatures in a loop over `cryptography`",
        ),
    )


def seconds_of_loop() -> float:
    signer = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    began = time.perf_counter()
    for number in range(CERTIFICATES):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(number + 1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
            .sign(signer, hashes.SHA256())
        )
        certificate.public_bytes(serialization.Encoding.PEM)
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return time.perf_counter() - began


async def seconds_of_renewal() -> float:
    """All certificates of a mesh are due at once, since another authority signs."""
    ads = AdsServer()
    built = Latest(Built(revision=0, snapshot=build((), Facts())[0]))
    now = datetime.now(UTC)
    trust: Latest[Trust | None] = Latest(trust_in(new_authority("cluster.local", now)))
    identities = Identities(ads, built, trust, lambda: datetime.now(UTC))
    ids = [f"p{number}.bench" for number in range(CERTIFICATES)]
    for proxy_id in ids:
        ads.publish(proxy_id, ResourceTable())
        await identities.open(proxy_id, Proxy(role="sidecar", name=proxy_id, namespace="bench"))
    before = {proxy_id: _version(ads, proxy_id) for proxy_id in ids}
    return await _renewed(identities, ads, trust, before)


def _version(ads: AdsServer, proxy_id: str) -> str:
    table = ads.table_of(proxy_id)
    assert table is not None
    return table.of(SECRET)[CERTIFICATE].version


async def _renewed(
    identities: Identities, ads: AdsServer, trust: Latest[Trust | None], before: dict[str, str]
) -> float:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(identities.run())
        began = time.perf_counter()
        trust.set(trust_in(new_authority("cluster.local", datetime.now(UTC))))
        assert not await identities.wait_certificates(60)
        seconds = time.perf_counter() - began
        task.cancel()
    assert all(_version(ads, proxy_id) != version for proxy_id, version in before.items())
    return seconds
