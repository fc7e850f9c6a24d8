"""All names in Envoy's configuration, exactly as Istio makes them: users grep logs and dashboards for them."""

from __future__ import annotations

from meshgate.api import Ref

BLACK_HOLE = "BlackHoleCluster"
PASSTHROUGH = "PassthroughCluster"
INBOUND_PASSTHROUGH = "InboundPassthroughCluster"
ALLOW_ANY_DYNAMIC_DNS_CLUSTER = "AllowAnyDynamicDNSCluster"
ALLOW_ANY_DYNAMIC_DNS_CACHE = "allow_any_dfp_dns_cache"
WELL_KNOWN_CLUSTERS = frozenset({BLACK_HOLE, PASSTHROUGH, INBOUND_PASSTHROUGH, ALLOW_ANY_DYNAMIC_DNS_CLUSTER})

VIRTUAL_OUTBOUND = "virtualOutbound"
VIRTUAL_INBOUND = "virtualInbound"
VIRTUAL_OUTBOUND_BLACK_HOLE = "virtualOutbound-blackhole"
VIRTUAL_OUTBOUND_CATCH_ALL = "virtualOutbound-catchall-tcp"
VIRTUAL_OUTBOUND_CATCH_ALL_HTTP = "virtualOutbound-catchall-tcp-http"
VIRTUAL_INBOUND_BLACK_HOLE = "virtualInbound-blackhole"
VIRTUAL_INBOUND_CATCH_ALL_HTTP = "virtualInbound-catchall-http"
PASSTHROUGH_FILTER_CHAIN = "PassthroughFilterChain"

ALLOW_ANY = "allow_any"
BLOCK_ALL = "block_all"
ALLOW_ANY_DYNAMIC_DNS = "allow_any_dynamic_dns"
DEFAULT_ROUTE = "default"
SERVER_NAME = "istio-envoy"

WILDCARD = "0.0.0.0"
WILDCARD_V6 = "::"
LOOPBACK = "127.0.0.1"
LOOPBACK_V6 = "::1"
INBOUND_BIND_ADDRESS = "127.0.0.6"
INBOUND_BIND_ADDRESS_V6 = "::6"
"""Connections from these are the proxy's own: capture leaves them alone."""

WORKLOAD_CERTIFICATE = "default"
WORKLOAD_ROOTS = "ROOTCA"
"""Secrets of a proxy's own identity."""

PLAINTEXT_HTTP_ALPN = ("http/1.1", "h2c")
"""What the HTTP inspector writes."""

MESH_HTTP_ALPN = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MESH_TCP_ALPN = ("istio-peer-exchange", "istio")
MESH_ALPN = ("istio", "istio-peer-exchange", *MESH_HTTP_ALPN)
"""What clients of the mesh offer; the order is Istio's."""

END_OF_STAT_NAME = ";"
"""Istio ends names in statistics with it, so that its tag extraction knows where they end."""


def outbound_cluster(port: int, subset: str, host: str) -> str:
    """
    >>> outbound_cluster(80, "v1", "web.shop.svc.cluster.local")
    'outbound|80|v1|web.shop.svc.cluster.local'
    """
    return f"outbound|{port}|{subset}|{host}"


def dns_cache(host: str) -> str:
    """The DNS cache of a wildcard host."""
    return f"{host}_dfp_dns_cache"


def mesh_sni(port: int, subset: str, host: str) -> str:
    """The SNI between proxies of the mesh.

    >>> mesh_sni(80, "v1", "web.shop.svc.cluster.local")
    'outbound_.80_.v1_.web.shop.svc.cluster.local'
    """
    return f"outbound_.{port}_.{subset}_.{host}"


def parse_cluster(name: str) -> tuple[str, int, str, str] | None:
    """Direction, port, subset and host; None for names of another form.

    >>> parse_cluster("outbound|80||web.org"), parse_cluster("PassthroughCluster")
    (('outbound', 80, '', 'web.org'), None)
    """
    parts = name.split("|")
    return (parts[0], int(parts[1]), parts[2], parts[3]) if len(parts) == 4 and parts[1].isdigit() else None


def inbound_cluster(port: int) -> str:
    """The cluster for a port of the workload itself."""
    return f"inbound|{port}||"


def listener(address: str, port: int) -> str:
    """A listener, and an inbound filter chain, by what it listens on."""
    return f"{address}_{port}"


def outbound_stat_prefix(listener_name: str) -> str:
    """Prefix of the statistics of an HTTP connection manager for outbound traffic and in gateways."""
    return f"outbound_{listener_name}{END_OF_STAT_NAME}"


def inbound_stat_prefix(listener_name: str) -> str:
    """Prefix of the statistics of an HTTP connection manager for inbound traffic."""
    return f"inbound_{listener_name}{END_OF_STAT_NAME}"


def virtual_host(host: str, port: int) -> str:
    """A virtual host."""
    return f"{host}:{port}"


def inbound_virtual_host(port: int) -> str:
    """The virtual host of inbound traffic, by the service's port."""
    return f"inbound|http|{port}"


def gateway_http_routes(port: int, bind: str) -> str:
    """Route configuration of all plaintext HTTP servers of a gateway's port."""
    return f"http.{port}.{bind}" if bind else f"http.{port}"


def gateway_https_routes(port: int, port_name: str, gateway: str, namespace: str, bind: str) -> str:
    """Route configuration of one HTTPS server; the port is that of the gateway's Service.

    >>> gateway_https_routes(443, "https", "web", "shop", ""), gateway_https_routes(443, "https", "web", "shop", "::1")
    ('https.443.https.web.shop', 'https.443.https.web.shop.::1')
    """
    return f"https.{port}.{port_name}.{gateway}.{namespace}" + (f".{bind}" if bind else "")


def certificate_files(certificate: str, key: str) -> str:
    """The secret of a certificate in files."""
    return f"file-cert:{certificate}~{key}"


def roots_files(roots: str, revoked: str) -> str:
    """The secret of roots in a file. Revoked certificates in another file are told with them: Envoy would refuse a
    listener whose list it cannot read.

    >>> roots_files("/ca.pem", ""), roots_files("/ca.pem", "/crl.pem")
    ('file-root:/ca.pem', 'file-root:/ca.pem~/crl.pem')
    """
    return f"file-root:{roots}~{revoked}" if revoked else f"file-root:{roots}"


def edge_listener(port: int) -> str:
    """The listener behind the edge Envoy, by the gateway's port that it doubles."""
    return f"edge_{port}"


def edge_socket_path(prefix: str, port: int) -> str:
    """The Unix socket of an edge listener."""
    return f"{prefix}.{port}"


_KIND_PATHS = {
    "VirtualService": "virtual-service",
    "DestinationRule": "destination-rule",
    "ServiceEntry": "service-entry",
}


def config_path(ref: Ref) -> str:
    """How Istio's metadata names an object.

    >>> config_path(Ref("VirtualService", "shop", "web"))
    '/apis/networking.istio.io/v1/namespaces/shop/virtual-service/web'
    """
    return f"/apis/networking.istio.io/v1/namespaces/{ref.namespace}/{_KIND_PATHS[ref.kind]}/{ref.name}"
