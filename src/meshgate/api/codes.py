"""The codes of all Problems: stable, never used again for something else; `code_table` says what each one means.

A finding that Istio's analyzers have too has their number (https://istio.io/latest/docs/reference/config/analysis/),
ours begin with MG: 00xx reading objects, 01xx compiling them, 02xx proxies, 03xx this machine. Istio's 0104, 0105 and
0117 are retired there, so they are not used here.
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
RULES_UNUSED: Final = "MG0106"
SUBSET_UNUSED: Final = "MG0107"
FAULT_FIRST: Final = "MG0108"
REFUSED_BY_PROXY: Final = "MG0201"

MISSING_REFERENCE: Final = "IST0101"
NO_SIDECAR: Final = "IST0103"
INVALID: Final = "IST0106"
MISPLACED_ANNOTATION: Final = "IST0107"
UNKNOWN_ANNOTATION: Final = "IST0108"
CONFLICTING_MESH_HOSTS: Final = "IST0109"
PORT_NEEDED: Final = "IST0112"
PROTOCOLS_DIFFER: Final = "IST0116"
PORT_NAME: Final = "IST0118"
INJECTION_LABELS: Final = "IST0123"
NO_WORKLOAD: Final = "IST0127"
UNREACHABLE_RULE: Final = "IST0130"
UNUSED_MATCH: Final = "IST0131"
HOST_NOT_IN_GATEWAY: Final = "IST0132"
DOUBTFUL: Final = "IST0133"
ADDRESSES_NEEDED: Final = "IST0134"
OLD_ANNOTATION: Final = "IST0135"
PORTS_DIFFER: Final = "IST0137"
MESH_RULES_UNUSED: Final = "IST0140"
RESERVED_USER: Final = "IST0144"
CONFLICTING_GATEWAYS: Final = "IST0145"
EXTERNAL_PORT_NAME: Final = "IST0150"
PORT_NOT_IN_SERVICE: Final = "IST0162"
SUBSET_WITHOUT_PODS: Final = "IST0173"
RULE_WITHOUT_SERVICE: Final = "IST0174"
