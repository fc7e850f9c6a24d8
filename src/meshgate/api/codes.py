"""The codes of all Problems: stable, in one table, never used again for something else.

A finding that Istio's analyzers have too has their number (https://istio.io/latest/docs/reference/config/analysis/),
ours begin with MG: 00xx reading objects, 01xx compiling them, 02xx proxies, 03xx this machine.
`docs/reference/problems.md` lists them for users; a test keeps the two equal.
"""

from __future__ import annotations

from typing import Final

BROKEN_YAML: Final = "MG0001"
DUPLICATE_KEY: Final = "MG0002"
NOT_AN_OBJECT: Final = "MG0003"
UNKNOWN_KIND: Final = "MG0004"
UNKNOWN_FIELD: Final = "MG0005"
WRONG_TYPE: Final = "MG0006"
NOT_IMPLEMENTED: Final = "MG0007"
DUPLICATE_OBJECT: Final = "MG0008"
BAD_SETTING: Final = "MG0009"
BAD_METADATA: Final = "MG0010"
NO_COMMAND: Final = "MG0011"
SCHEMA: Final = "MG0012"
TLS_SERVER_LEFT_OUT: Final = "MG0101"
TLS_FAILS_CLOSED: Final = "MG0102"
SHADOWED_LISTENER: Final = "MG0103"
HOST_TAKEN: Final = "MG0104"
NO_RULE: Final = "MG0105"
REFUSED_BY_PROXY: Final = "MG0201"

MISSING_REFERENCE: Final = "IST0101"
INVALID: Final = "IST0106"
RESERVED_USER: Final = "IST0144"
DOUBTFUL: Final = "IST0133"
CONFLICTING_MESH_HOSTS: Final = "IST0109"
PORT_NEEDED: Final = "IST0112"
HOST_NOT_IN_GATEWAY: Final = "IST0132"
CONFLICTING_GATEWAYS: Final = "IST0145"
PORT_NOT_IN_SERVICE: Final = "IST0162"
UNREACHABLE_RULE: Final = "IST0130"
UNUSED_MATCH: Final = "IST0131"

CODES: Final[dict[str, str]] = {
    BROKEN_YAML: "the text is not YAML",
    DUPLICATE_KEY: "a mapping has the same key twice",
    NOT_AN_OBJECT: "a document is not an object with apiVersion, kind and metadata.name",
    UNKNOWN_KIND: "a kind, or an API version of it, that does not exist",
    UNKNOWN_FIELD: "a field that the kind does not have",
    WRONG_TYPE: "a value of another type than the field's, or not one of its words",
    NOT_IMPLEMENTED: "a field or kind of Istio or Kubernetes that this version does not implement yet",
    DUPLICATE_OBJECT: "the same object is given twice",
    BAD_SETTING: "a setting of `--set` that is not PATH=VALUE, or whose path does not exist",
    BAD_METADATA: "a name, namespace, label or annotation that Kubernetes or Istio would refuse",
    NO_COMMAND: "a container that has neither a command nor an image",
    SCHEMA: "what istiod would accept, but the schema of Istio's resources in a cluster refuses",
    TLS_SERVER_LEFT_OUT: "a gateway's server needs TLS, which is not implemented yet; its neighbours serve",
    TLS_FAILS_CLOSED: "a DestinationRule asks for TLS, which is not implemented yet; connections are refused",
    SHADOWED_LISTENER: "another service already has the connections to this address and port",
    HOST_TAKEN: "another service already has this host name, so this one does not serve it",
    NO_RULE: "a TCP server of a gateway for which there is no rule; its port does not listen",
    REFUSED_BY_PROXY: "Envoy refused a resource that was made from this object; the last good one keeps serving",
    MISSING_REFERENCE: "an object refers to another one that is not there",
    INVALID: "a value that Istio's or Kubernetes' validation refuses",
    RESERVED_USER: "a container asks for user or group 1337, which belongs to the sidecar",
    CONFLICTING_MESH_HOSTS: "two VirtualServices of the mesh have one host; sidecars use the older one only",
    PORT_NEEDED: "a destination names no port, and its service has several",
    HOST_NOT_IN_GATEWAY: "a VirtualService has a host that its gateways do not take",
    CONFLICTING_GATEWAYS: "two servers on one port of a gateway that can't be joined; the older one serves",
    PORT_NOT_IN_SERVICE: "a gateway's server has a port that the gateway's Service does not have",
    UNREACHABLE_RULE: "earlier rules of a VirtualService take everything that this one would",
    UNUSED_MATCH: "earlier matches of a VirtualService take everything that this one would",
    DOUBTFUL: "Istio's validation warns about this",
}
"""What each code says, in one line."""
