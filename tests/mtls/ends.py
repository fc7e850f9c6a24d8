"""One mesh seen from both ends: the plan of a client and that of the workload it calls."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from meshgate.envoy import emit
from meshgate.explain import Call, Configuration, Deviations, Failure, ToCluster, simulate
from meshgate.explain.simulate.call import Protocol
from meshgate.explain.simulate.chains import choose_filter_chain
from meshgate.explain.simulate.listener import accept
from meshgate.explain.simulate.result import Stop
from meshgate.explain.simulate.transport import is_encrypted_after_transport
from meshgate.mesh import Facts, Snapshot
from meshgate.plan import Plan, Proxy, load_assignments, names, plan
from meshgate.plan.values import ClusterPlan, ListenerPlan, TcpProxyPlan, UpstreamTls
from tests.mesh.objects import endpoint_slice, pod, service, snapshot
from tests.plan.planned import PLAIN, SIDECAR, cluster, listener

VIRTUAL, ADDRESS, TARGET = "10.96.0.1", "10.0.0.1", 8080
HOST = "web.default.svc.cluster.local"
SERVER = Proxy(role="sidecar", name="web-1", namespace="default", labels=(("app", "web"),), addresses=(ADDRESS,))


class Ends(Struct, frozen=True, kw_only=True):
    """A client and a server that were planned from the same objects."""

    snapshot: Snapshot
    client: Plan
    server: Plan

    @property
    def cluster(self) -> ClusterPlan:
        """What the client has for the server's service."""
        return cluster(self.client, names.outbound_cluster(80, "", HOST))

    @property
    def sent(self) -> UpstreamTls | None:
        """The TLS that the client opens to the server's endpoint; None is plaintext."""
        found = self.cluster
        if not found.tls_choices:
            return found.tls
        (assigned,) = (one for one in load_assignments(self.snapshot.endpoints, [found]))
        (endpoint,) = (one for locality in assigned.localities for one in locality.endpoints)
        return next(one.tls for one in found.tls_choices if one.tls_mode in ("", endpoint.tls_mode))

    @property
    def alpn_of_bytes(self) -> tuple[str, ...]:
        """What the client's chain for bytes says in place of the cluster."""
        found = listener(self.client, f"{VIRTUAL}_80")
        chains = (*found.filter_chains, *([found.default_filter_chain] if found.default_filter_chain else []))
        proxies = (one for chain in chains for one in chain.filters if isinstance(one, TcpProxyPlan))
        return next((one.alpn for one in proxies if one.clusters[0].cluster == self.cluster.name), ())

    @property
    def inbound(self) -> ListenerPlan:
        return listener(self.server, names.VIRTUAL_INBOUND)


def ends(
    port_name: str, rules: str = "", *, label: str = "istio", facts: Facts = PLAIN, client: Proxy = SIDECAR
) -> Ends:
    """A client, and a pod behind a Service whose only port has this name; `rules` are further objects."""
    labels = {"app": "web", **({"security.istio.io/tlsMode": label} if label else {})}
    text = service("web", f"{port_name}:80:{TARGET}", ip=VIRTUAL, selector="web")
    text += endpoint_slice("web", f"{port_name}:{TARGET}", ADDRESS) + pod("web-1", ADDRESS, **labels)
    found = snapshot(text + rules, facts)
    server = msgspec.structs.replace(SERVER, labels=tuple(sorted(labels.items())))
    return Ends(snapshot=found, client=plan(found, client)[0], server=plan(found, server)[0])


def is_taken(both: Ends, *, speaks_http: bool) -> bool:
    """Whether what the client sends reaches the workload, by a walk through the server's listener."""
    tls = both.sent
    http = both.cluster.http
    version: Protocol = "http2" if http is not None and http.protocol == "explicit_http2" else "http"
    call = Call(
        arrival="inbound",
        address=ADDRESS,
        port=TARGET,
        protocol=version if speaks_http else "tcp",
        tls="plaintext" if tls is None else "mtls" if tls.certificates else "tls",
        sni=tls.sni if tls else "",
        alpn=_alpn(both, tls, speaks_http=speaks_http),
        host="web",
    )
    configuration = Configuration.of(emit(both.server))
    result = simulate(configuration, call)
    assert result.error is not Failure.NOT_SIMULATED, result
    arrives = isinstance(result.action, ToCluster) and result.action.cluster == names.inbound_cluster(TARGET)
    is_own_tls = tls is not None and not tls.certificates
    return arrives and _is_still_encrypted(configuration, call) is is_own_tls


def _is_still_encrypted(configuration: Configuration, call: Call) -> bool:
    """Whether the workload would get TLS: its own, or what nobody took off."""
    accepted = accept(configuration.listeners, call, Deviations())
    assert not isinstance(accepted, Stop)
    found, connection = accepted
    chain = choose_filter_chain(found, connection, call, Deviations())
    assert not isinstance(chain, Stop)
    return is_encrypted_after_transport(chain, call, Deviations()) is True


def _alpn(both: Ends, tls: UpstreamTls | None, *, speaks_http: bool) -> tuple[str, ...]:
    if tls is None:
        return ()
    return tls.alpn if speaks_http else both.alpn_of_bytes or tls.alpn
