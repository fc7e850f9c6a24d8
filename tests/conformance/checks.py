"""The assertions of a case, checked on resources, whoever made them.

`expect` is compared as the data's README says: the error always, other keys if they are given (with `strict` all are).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import UNSET
from msgspec.structs import asdict

from meshgate.explain import Call, Configuration, Deviations, Result, simulate
from meshgate.explain.simulate.chains import choose_filter_chain
from meshgate.explain.simulate.configuration import unpack_as
from meshgate.explain.simulate.deviations import ISTIO_ERRORS
from meshgate.explain.simulate.listener import accept
from meshgate.explain.simulate.result import Stop
from meshgate.proto import v3
from tests.conformance.cases import Case, CaseCall, Expect, Raw
from tests.conformance.outcome import Outcome, verdict
from tests.conformance.validity import faults_of


def check_case(case: Case, made: Configuration) -> Iterator[Outcome]:
    """All assertions of the case but its calls."""
    if case.calls and not case.skip_xds_validation:
        yield verdict(case.id, "valid resources", "; ".join(faults_of(made)))
    if case.expect_route_config and not case.expect_route_config_absent_ok:
        yield from _check_virtual_hosts(case, made)
    if case.expect_inbound_clusters is not None:
        found = {name: _endpoints(cluster) for name, cluster in made.clusters.items() if name.startswith("inbound")}
        yield verdict(case.id, "inbound clusters", _difference(case.expect_inbound_clusters, found))
    if case.expect_sds:
        yield verdict(case.id, "sds", _difference(case.expect_sds, _sds(case.expect_sds, made)))
    for name, expected in case.expect_cluster_services.items():
        cluster = made.clusters.get(name)
        services = _services(cluster) if cluster is not None else None
        yield verdict(case.id, f"services of {name}", _difference(expected, services))


def check_call(case: Case, call: CaseCall, made: Configuration) -> Outcome:
    """One call, walked as Istio's simulator walks it."""
    asked, deviations = call.fields.as_call(), Deviations.istio_harness(call.fields.mtls_secret_config_name)
    difference = _call_difference(call.expect, seen(simulate(made, asked, deviations)))
    if call.expect.tls_context is not None:
        difference += _difference(call.expect.tls_context, _tls_context(made, asked, deviations))
    return verdict(case.id, f"call {call.name}", difference)


def seen(result: Result) -> dict[str, object]:
    """The result in the data's words. An error that Istio's simulator does not have is written in ours."""
    error = result.error
    return {
        "error": ISTIO_ERRORS.get(error, f"{error.name} {result.detail}") if error else None,
        "listener": result.listener,
        "filter_chain": result.filter_chain,
        "route_config": result.route_config,
        "virtual_host": result.virtual_host,
        "route": result.route,
        "cluster": result.cluster,
    }


def _call_difference(expect: Expect, got: Mapping[str, object]) -> str:
    wanted = {key: value for key, value in asdict(expect).items() if key in got and value is not UNSET}
    wrong = {key: value for key, value in wanted.items() if got[key] != value}
    return f"expected {wrong}, got {dict(got)}" if wrong else ""


def _tls_context(made: Configuration, asked: Call, deviations: Deviations) -> Raw | None:
    """The TLS of the chain that takes the call."""
    accepted = accept(made.listeners, asked, deviations)
    chain = accepted if isinstance(accepted, Stop) else choose_filter_chain(*accepted, asked, deviations)
    tls = None if isinstance(chain, Stop) else unpack_as(chain.transport_socket.typed_config, v3.DownstreamTlsContext)
    if tls is None:
        return None
    certificates = tls.common_tls_context.tls_certificate_sds_secret_configs
    return {
        "first_sds_secret": certificates[0].name if certificates else "",
        "require_client_certificate": tls.require_client_certificate.value,
    }


def _sds(wanted: Raw, made: Configuration) -> Raw:
    """Which secret a chain of a listener asks for first, and whom."""
    name, index = wanted["listener"], wanted["filter_chain_index"]
    chain = next(one for one in made.listeners if one.name == name).filter_chains[index]
    tls = unpack_as(chain.transport_socket.typed_config, v3.DownstreamTlsContext)
    secrets = tls.common_tls_context.tls_certificate_sds_secret_configs if tls is not None else ()
    services = secrets[0].sds_config.api_config_source.grpc_services if secrets else ()
    return {
        "listener": name,
        "filter_chain_index": index,
        "transport_socket": chain.HasField("transport_socket"),
        "sds_secret_name": secrets[0].name if secrets else "",
        "sds_grpc_cluster": services[0].envoy_grpc.cluster_name if services else "",
    }


def _check_virtual_hosts(case: Case, made: Configuration) -> Iterator[Outcome]:
    routes = made.route_configurations.get(case.expect_route_config)
    found = virtual_host_clusters(routes) if routes is not None else {}
    for domain, expected in case.expect_virtual_hosts.items():
        item = f"routes of {domain} in {case.expect_route_config}"
        yield verdict(case.id, item, _difference(expected, found.get(domain) or None))


def virtual_host_clusters(routes: v3.RouteConfiguration) -> dict[str, list[str]]:
    """For each domain the sorted clusters of its virtual host's routes."""
    return {
        domain: sorted(route.route.cluster for route in virtual_host.routes if route.route.cluster)
        for virtual_host in routes.virtual_hosts
        for domain in virtual_host.domains
    }


def _endpoints(cluster: v3.Cluster) -> list[str] | None:
    found = [
        _address(one.endpoint.address) for group in cluster.load_assignment.endpoints for one in group.lb_endpoints
    ]
    return found or None


def _address(address: v3.Address) -> str:
    return address.pipe.path or f"{address.socket_address.address}:{address.socket_address.port_value}"


def _services(cluster: v3.Cluster) -> Sequence[str]:
    services = cluster.metadata.filter_metadata["istio"].fields["services"].list_value.values
    return [one.struct_value.fields["host"].string_value for one in services]


def _difference(expected: object, got: object) -> str:
    return "" if expected == got else f"expected {expected}, got {got}"
