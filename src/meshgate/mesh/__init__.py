"""One frozen, indexed view of all resources and facts: services, hosts, rules, workloads, endpoints.

Reads `api` resources and `Facts`, gives a `Snapshot` and Problems; may import api only. Pure.
"""

from meshgate.mesh.build import build
from meshgate.mesh.certificates import (
    CertificateFacts,
    CertificateFault,
    Checked,
    check_pair,
    check_roots,
    check_system_roots,
)
from meshgate.mesh.credential_uses import (
    client_tls,
    client_uses,
    roots_name,
    secret_name,
    server_certificates,
    server_roots,
    server_uses,
)
from meshgate.mesh.credentials import (
    SDS_SCHEME,
    CredentialObject,
    CredentialObjects,
    KeyPair,
    Roots,
    credential_of,
    credential_place,
)
from meshgate.mesh.destination_rules import BoundDestinationRule, BoundSubset, DestinationRuleIndex
from meshgate.mesh.endpoints import EndpointTable
from meshgate.mesh.facts import Facts
from meshgate.mesh.gateways import BoundGateway, BoundServer
from meshgate.mesh.host import (
    MESH,
    HostIndex,
    full_name,
    gateway_name,
    intersection,
    is_address,
    is_wildcard,
    is_within,
    matches,
)
from meshgate.mesh.host import specificity as host_specificity
from meshgate.mesh.memo import Memo
from meshgate.mesh.nearest import Nearest
from meshgate.mesh.peer_authentications import (
    BoundPeerAuthentication,
    Decision,
    MtlsMode,
    PeerAuthenticationIndex,
    WorkloadMtls,
    workload_mtls,
)
from meshgate.mesh.problems import at, missing_reference, warning
from meshgate.mesh.protocol import Protocol, parse_protocol
from meshgate.mesh.scope import (
    ClientSelectors,
    EgressView,
    Scope,
    View,
    client_selectors,
    place_keys,
    sidecar_view,
    view_of,
)
from meshgate.mesh.secrets_service import SecretsService, secrets_service
from meshgate.mesh.service import FixedEndpoint, MeshEndpoint, MeshService, Port, Resolving
from meshgate.mesh.sidecars import BoundSidecar, EgressPlace, IngressListener, SidecarIndex
from meshgate.mesh.snapshot import HeadlessAddresses, Ingress, ServiceTarget, Snapshot, World
from meshgate.mesh.spiffe import spiffe_id
from meshgate.mesh.targets import service_targets
from meshgate.mesh.topology import Distribution, split_locality, with_topology
from meshgate.mesh.trust import UNKNOWN, ServiceTrust
from meshgate.mesh.validity import Validity, next_change, out_of_date
from meshgate.mesh.virtual_services import BoundVirtualService, HttpRule, TcpRule, TlsRule, http_destinations
from meshgate.mesh.workloads import TLS_MODE_LABEL, Workload, workload_of

__all__ = [
    "MESH",
    "SDS_SCHEME",
    "TLS_MODE_LABEL",
    "UNKNOWN",
    "BoundDestinationRule",
    "BoundGateway",
    "BoundPeerAuthentication",
    "BoundServer",
    "BoundSidecar",
    "BoundSubset",
    "BoundVirtualService",
    "CertificateFacts",
    "CertificateFault",
    "Checked",
    "ClientSelectors",
    "CredentialObject",
    "CredentialObjects",
    "Decision",
    "DestinationRuleIndex",
    "Distribution",
    "EgressPlace",
    "EgressView",
    "EndpointTable",
    "Facts",
    "FixedEndpoint",
    "HeadlessAddresses",
    "HostIndex",
    "HttpRule",
    "Ingress",
    "IngressListener",
    "KeyPair",
    "Memo",
    "MeshEndpoint",
    "MeshService",
    "MtlsMode",
    "Nearest",
    "PeerAuthenticationIndex",
    "Port",
    "Protocol",
    "Resolving",
    "Roots",
    "Scope",
    "SecretsService",
    "ServiceTarget",
    "ServiceTrust",
    "SidecarIndex",
    "Snapshot",
    "TcpRule",
    "TlsRule",
    "Validity",
    "View",
    "Workload",
    "WorkloadMtls",
    "World",
    "at",
    "build",
    "check_pair",
    "check_roots",
    "check_system_roots",
    "client_selectors",
    "client_tls",
    "client_uses",
    "credential_of",
    "credential_place",
    "full_name",
    "gateway_name",
    "host_specificity",
    "http_destinations",
    "intersection",
    "is_address",
    "is_wildcard",
    "is_within",
    "matches",
    "missing_reference",
    "next_change",
    "out_of_date",
    "parse_protocol",
    "place_keys",
    "roots_name",
    "secret_name",
    "secrets_service",
    "server_certificates",
    "server_roots",
    "server_uses",
    "service_targets",
    "sidecar_view",
    "spiffe_id",
    "split_locality",
    "view_of",
    "warning",
    "with_topology",
    "workload_mtls",
    "workload_of",
]
