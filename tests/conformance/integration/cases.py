"""The integration cases as typed values, and where a suite of them lies on disk.

Only what the runners read is named. Objects, expectations and Istio's resources stay raw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.conformance.cases import CallFields, Raw
from tests.machine import SHARED

INTEGRATION = SHARED / "conformance" / "integration"
SETTINGS = frozenset({"note", "tolerance", "mirrored_percent"})
"""Keys of an expectation that are part of others, or only explain."""
UNIQUE = "<unique id>"
"""In a path: something that no other call has."""


_ALPN: Mapping[tuple[str, str], str] = {
    ("tls", "http"): "http/1.1",
    ("tls", "http2"): "h2",
    ("mtls", "http"): "istio-http/1.1",
    ("mtls", "http2"): "istio-h2",
    ("mtls", "tcp"): "istio",
}
"""What clients offer by TLS and protocol, unless a call says otherwise."""


class Simulated(Struct, frozen=True, kw_only=True):
    """One proxy that the call passes, what it sees of the call, and where Istio's simulator sends it."""

    proxy: str
    """`sidecar <app>` or `router <gateway>`."""
    call: Raw
    observed: Raw = {}
    """Without empty keys."""

    @property
    def fields(self) -> CallFields:
        """With what Istio's simulator fills in where the call says nothing of it."""
        host, tls = self.call.get("host_header"), self.call.get("tls", "plaintext")
        filled = {
            "headers": {"Host": [host]} if host else {},
            "alpn": _ALPN.get((tls, self.call.get("protocol", "tcp")), ""),
            "sni": host or "" if tls == "tls" else "",
        }
        return msgspec.convert({**filled, **self.call}, CallFields)


class LiveCall(Struct, frozen=True, kw_only=True, rename={"source": "from"}):
    """A call between two applications, as the client makes it, and what must come of it."""

    source: str
    address: str = ""
    port: int = 0
    scheme: str = "http"
    host: str = ""
    path: str = "/"
    method: str = "GET"
    headers: dict[str, str | list[str]] = {}
    http2: bool = False
    message: str = ""
    port_name: str = ""
    sni: str = ""
    alpn: str | list[str] = ""
    count: int = 1
    to: str = ""
    to_workload: str = ""
    follow_redirects: bool = False
    propagate_cookies: bool = False
    proxy_protocol_version: int = 0
    expect: Raw = {}
    simulated: list[Simulated] = []

    @property
    def alpns(self) -> list[str]:
        one_or_more = [self.alpn] if isinstance(self.alpn, str) else self.alpn
        return [one for one in one_or_more if one]

    @property
    def header_lines(self) -> tuple[tuple[str, str], ...]:
        """All headers but Host, one entry per line."""
        pairs = ((name, [value] if isinstance(value, str) else value) for name, value in self.headers.items())
        return tuple((name, one) for name, values in pairs for one in values)


class IntegrationCase(Struct, frozen=True, kw_only=True):
    """One configuration on top of the environment, and the calls that are made with it."""

    id: str
    area: str = ""
    skip: str = ""
    config: list[Raw] = []
    calls: list[LiveCall] = []


class Environment(Struct, frozen=True, kw_only=True):
    """The applications, gateways and objects that are there before every case."""

    apps: list[Raw]
    kube: list[Raw]
    base_config: list[Raw] = []
    gateway: Raw = {}
    egress_gateway: Raw = {}

    @property
    def objects(self) -> list[Raw]:
        """All that is applied, in the order of the data."""
        return [*self.kube, *self.base_config]


class Suite(Struct, frozen=True, kw_only=True):
    """One folder of cases."""

    environment: Environment
    cases: list[IntegrationCase]
    extract: dict[str, dict[str, Raw]] = {}
    """Case to proxy to what Istio generated for it."""
    refused: list[tuple[str, str]] = []
    """Cases that are not of this format: id and why."""


def read_suite(path: Path) -> Suite:
    """The suite of a folder, or of a file of cases in one; what lies not beside the cases is taken from Istio's."""
    file = path / "cases.json" if path.is_dir() else path
    cases, refused = [], []
    for number, raw in enumerate(msgspec.json.decode(file.read_bytes())):
        try:
            cases.append(msgspec.convert(raw, IntegrationCase))
        except msgspec.ValidationError as error:
            refused.append((str(raw.get("id", number) if isinstance(raw, dict) else number), str(error)))
    extract = file.with_name("xds_extract.json")
    return Suite(
        environment=msgspec.json.decode(_beside(file, "environment.json").read_bytes(), type=Environment),
        cases=cases,
        extract=msgspec.json.decode(extract.read_bytes()) if extract.exists() else {},
        refused=refused,
    )


def _beside(file: Path, name: str) -> Path:
    own = file.with_name(name)
    return own if own.exists() else INTEGRATION / name


def is_wanted(case: IntegrationCase, filters: Iterable[str]) -> bool:
    """Whether a filter names the case's area, or a part of its id; without filters all are wanted."""
    filters = tuple(filters)
    return not filters or any(one == case.area or one in case.id for one in filters)
