"""meshgate's own resources for a case: environment and case together, for each proxy that a call passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

from meshgate.api import AnyResource, unimplemented
from meshgate.envoy import Memo as EmitMemo
from meshgate.envoy import emit
from meshgate.explain import Configuration
from meshgate.mesh import Facts, Memo, Snapshot, build
from meshgate.plan import Proxy, plan
from tests.conformance.cases import Raw
from tests.conformance.compiled import decoded
from tests.conformance.integration.cases import Environment, IntegrationCase
from tests.conformance.integration.endpoints import with_slices


class Compiler:
    """Makes one case after another from the same environment, and remembers what they share, as a running mesh does."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._base: list[AnyResource] = []
        self._planned, self._emitted = Memo(), EmitMemo()

    def compile(self, case: IntegrationCase) -> CompiledCase:
        """`RefusedError` if an object is not accepted."""
        if not self._base:
            self._base = [decoded(raw) for raw in self.environment.objects if not unimplemented(raw)]
        self._emitted.turn()
        config = with_slices(_with_addresses(without_secrets(case.config)), self.environment)
        objects = [*self._base, *(decoded(raw) for raw in config)]
        return CompiledCase(self, build(objects, Facts(), self._planned)[0])

    def resources(self, snapshot: Snapshot, proxy: str) -> Configuration:
        made, _ = plan(snapshot, proxy_of(self.environment, proxy), self._planned)
        return Configuration.of(emit(made, self._emitted))


class CompiledCase:
    """The snapshot of a case; each proxy's resources are made when they are first asked for."""

    def __init__(self, compiler: Compiler, snapshot: Snapshot) -> None:
        self._compiler, self._snapshot = compiler, snapshot
        self._made: dict[str, Configuration] = {}

    def resources(self, proxy: str) -> Configuration:
        """What the proxy `sidecar <app>` or `router <gateway>` is sent. `KeyError` if there is none of that name."""
        if proxy not in self._made:
            self._made[proxy] = self._compiler.resources(self._snapshot, proxy)
        return self._made[proxy]


def is_known(environment: Environment, proxy: str) -> bool:
    """Whether the environment has this proxy."""
    try:
        proxy_of(environment, proxy)
    except KeyError:
        return False
    return True


def proxy_of(environment: Environment, name: str) -> Proxy:
    """The proxy `sidecar <app>` or `router <gateway>`. `KeyError` if the environment has none of that name."""
    role, _, app = name.partition(" ")
    return _gateway(environment, app) if role == "router" else _sidecar(environment, app)


def _gateway(environment: Environment, app: str) -> Proxy:
    gateways = {"ingressgateway": environment.gateway, "egressgateway": environment.egress_gateway}
    found = gateways[app]
    return Proxy(
        role="router",
        name=f"istio-{app}-0",
        namespace=found["service"].partition(".")[2],
        labels=_sorted(found["labels"]),
        addresses=(found["ip"],),
    )


def _sidecar(environment: Environment, app: str) -> Proxy:
    pods = {raw["metadata"]["labels"].get("app"): raw for raw in environment.kube if raw["kind"] == "Pod"}
    pod = pods[app]
    return Proxy(
        role="sidecar",
        name=pod["metadata"]["name"],
        namespace=pod["metadata"]["namespace"],
        labels=_sorted(pod["metadata"]["labels"]),
        addresses=tuple(one["ip"] for one in pod["status"]["podIPs"]),
        service_account=pod["spec"].get("serviceAccountName", "default"),
        node=pod["spec"].get("nodeName", ""),
        locality=next((one["locality"] for one in environment.apps if one["service"] == app), "").replace(".", "/"),
    )


def _sorted(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def without_secrets(config: Iterable[Raw]) -> Iterator[Raw]:
    """The data has placeholders for certificates, so Secrets can't be taken; what needs them is skipped as TLS."""
    return (raw for raw in config if raw["kind"] != "Secret")


def _with_addresses(config: Iterable[Raw]) -> Iterator[Raw]:
    """Services get the addresses that the data's simulation gave them: 10.96.2.1 and on."""
    numbers = count(1)
    for raw in config:
        spec = raw.get("spec", {})
        is_given = raw["kind"] != "Service" or "clusterIP" in spec or spec.get("type") == "ExternalName"
        yield raw if is_given else {**raw, "spec": {**spec, "clusterIP": f"10.96.2.{next(numbers)}"}}
