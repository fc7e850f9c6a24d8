"""The cases as typed values.

Only what the runner reads is named; objects of users stay raw, since decoding them is what is tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from meshgate.explain import Call
from tests.machine import SHARED

SIMULATION = SHARED / "conformance" / "simulation"
Raw = dict[str, Any]


class CaseProxy(Struct, frozen=True, kw_only=True):
    """The proxy that is asked for."""

    type: str = "sidecar"
    namespace: str = "default"
    labels: dict[str, str] = {}
    ips: list[str] = []
    metadata: Raw = {}


class Expect(Struct, frozen=True, kw_only=True):
    """What must come out; what is unset is free."""

    error: str | UnsetType | None = UNSET
    listener: str | UnsetType = UNSET
    filter_chain: str | UnsetType = UNSET
    route_config: str | UnsetType = UNSET
    virtual_host: str | UnsetType = UNSET
    route: str | UnsetType = UNSET
    cluster: str | UnsetType = UNSET
    strict: bool = False
    tls_context: Raw | None = None


class CallFields(Struct, frozen=True, kw_only=True):
    """An imaginary call in the data's words."""

    port: int
    address: str = "1.3.3.7"
    protocol: str = "tcp"
    tls: str = "plaintext"
    alpn: str = ""
    headers: dict[str, list[str]] = {}
    sni: str = ""
    path: str = "/"
    call_mode: str = ""
    mtls_secret_config_name: str = "default"

    def as_call(self) -> Call:
        """The call in the simulation's words."""
        host = self.headers.get("Host", [""])[0]
        raw = {
            "address": self.address,
            "port": self.port,
            "arrival": self.call_mode or "outbound",
            "protocol": self.protocol,
            "tls": self.tls,
            "sni": self.sni,
            "alpn": [self.alpn] if self.alpn else [],
            "host": host,
            "path": self.path,
        }
        return msgspec.convert(raw, Call)


class CaseCall(Struct, frozen=True, kw_only=True):
    """One call with what Istio's tests expect, and what Istio answered in full."""

    name: str
    call: Raw
    effective: Raw
    expect: Expect
    observed: Expect

    @property
    def fields(self) -> CallFields:
        return msgspec.convert({**self.call, **self.effective}, CallFields)


class Case(Struct, frozen=True, kw_only=True):
    """One configuration, one proxy, some calls and other assertions."""

    id: str
    name: str = ""
    skip: str = ""
    mesh: Raw = {}
    features: dict[str, bool | str] = {}
    proxy: CaseProxy = CaseProxy()
    config: list[Raw] = []
    kube: list[Raw] = []
    calls: list[CaseCall] = []
    skip_xds_validation: bool = False
    expect_route_config: str = ""
    expect_route_config_absent_ok: bool = False
    expect_virtual_hosts: dict[str, list[str] | None] = {}
    observed_virtual_hosts: dict[str, list[str] | None] = {}
    expect_inbound_clusters: dict[str, list[str] | None] | None = None
    expect_cluster_services: dict[str, list[str]] = {}
    expect_sds: Raw = field(default_factory=dict)
    expect_listener_shape: Raw = field(default_factory=dict)
    expect_failover: Raw = field(default_factory=dict)


def case_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The case files among files and folders, each folder in the order of names."""
    for path in paths:
        yield from sorted(path.glob("*.json")) if path.is_dir() else [path]


def read_cases(path: Path) -> list[Case]:
    """The cases of one file."""
    return msgspec.json.decode(path.read_bytes(), type=list[Case])
