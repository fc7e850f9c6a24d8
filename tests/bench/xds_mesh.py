"""A mesh of many services as YAML files, the same each time, and two files with which one thing in it changes.

Each service is a ServiceEntry with listed endpoints; every fifth has a VirtualService of five routes and a
DestinationRule of two subsets. It needs no pods, so nothing but the control plane is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

NAMESPACES = 10
ENDPOINTS = 3
RULED = 5
"""One service in so many has rules."""
CHANGED_ROUTE = 0
CHANGED_ENDPOINT = 1
"""Numbers of the services that change; the latter has no rules."""


def write_mesh(directory: Path, services: int) -> None:
    """Write the whole mesh. What will change is in files of its own."""
    directory.mkdir()
    numbers = range(services)
    entries = (entry(number) for number in numbers if number != CHANGED_ENDPOINT)
    (directory / "services.yaml").write_text(joined(entries))
    (directory / "rules.yaml").write_text(joined(rules(numbers)))
    change_route(directory, "start")
    change_endpoint(directory, "10.199.0.1")


def change_route(directory: Path, marker: str) -> None:
    """The first service's VirtualService sets this response header."""
    _replace(directory / "change-route.yaml", virtual_service(CHANGED_ROUTE, marker))


def change_endpoint(directory: Path, address: str) -> None:
    """The second service's second endpoint has this address."""
    _replace(directory / "change-endpoint.yaml", entry(CHANGED_ENDPOINT, address))


def _replace(file: Path, text: str) -> None:
    """In one step, as editors save."""
    newborn = file.with_name(f".{file.name}")
    newborn.write_text(text)
    newborn.replace(file)


def joined(documents: Iterable[str]) -> str:
    return "---\n".join(documents)


def namespace(number: int) -> str:
    return f"ns-{number % NAMESPACES}"


def host(number: int) -> str:
    return f"svc-{number}.{namespace(number)}.svc.cluster.local"


def entry(number: int, second: str = "") -> str:
    addresses = [f"10.{number // 250 % 200}.{number % 250}.{place + 1}" for place in range(ENDPOINTS)]
    addresses[1] = second or addresses[1]
    listed = "".join(
        f"  - {{address: {address}, labels: {{app: svc-{number}, version: v{2 if place == 1 else 1}}}}}\n"
        for place, address in enumerate(addresses)
    )
    return f"""apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: svc-{number}, namespace: {namespace(number)}}}
spec:
  hosts: [{host(number)}]
  addresses: [240.1.{number // 250}.{number % 250 + 1}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  endpoints:
{listed}"""


def rules(numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:
        if number % RULED == 0:
            yield destination_rule(number)
            if number != CHANGED_ROUTE:
                yield virtual_service(number)


def virtual_service(number: int, marker: str = "") -> str:
    called = host(number)
    header = f"\n    headers: {{response: {{set: {{x-marker: {marker}}}}}}}" if marker else ""
    return f"""apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: svc-{number}, namespace: {namespace(number)}}}
spec:
  hosts: [{called}]
  http:
  - match: [{{headers: {{x-user: {{exact: tester}}}}}}]
    route: [{{destination: {{host: {called}, subset: v2}}}}]{header}
  - match: [{{uri: {{regex: "/things/[0-9]+"}}}}]
    route: [{{destination: {{host: {called}, subset: v1}}}}]
    timeout: 5s
  - match: [{{uri: {{prefix: /inner/}}}}]
    rewrite: {{uri: /}}
    route: [{{destination: {{host: {called}}}}}]
    retries: {{attempts: 3, perTryTimeout: 2s, retryOn: 5xx}}
  - match: [{{uri: {{prefix: /before/}}}}]
    redirect: {{uri: /now/}}
  - route:
    - {{destination: {{host: {called}, subset: v1}}, weight: 80}}
    - {{destination: {{host: {called}, subset: v2}}, weight: 20}}
"""


def destination_rule(number: int) -> str:
    return f"""apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: svc-{number}, namespace: {namespace(number)}}}
spec:
  host: {host(number)}
  trafficPolicy:
    loadBalancer: {{simple: LEAST_REQUEST}}
    outlierDetection: {{consecutive5xxErrors: 7, interval: 5m, baseEjectionTime: 15m}}
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: v2, labels: {{version: v2}}}}
"""
