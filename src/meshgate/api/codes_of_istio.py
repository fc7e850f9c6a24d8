"""What the codes mean that Istio's analyzers have too (IST): their names and levels, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meshgate.api import codes
from meshgate.api.code import Code

ISTIO: Final[Mapping[str, Code]] = {
    codes.MISSING_REFERENCE: Code(
        "ReferencedResourceNotFound",
        "error",
        "an object refers to another one that is not there",
        "A route to it answers 503, a gateway that is missing serves nothing; it mends itself when the object comes.",
        "Correct the name, or create what is named. Short names mean the object's own namespace.",
    ),
    codes.NO_SIDECAR: Code(
        "PodMissingProxy",
        "warning",
        "a pod of the mesh has no sidecar",
        "Injection happens when a pod is created. Rules for its outgoing requests have no effect, and it can't take "
        "part in mutual TLS.",
        'Delete the pod (its Deployment makes a new one), or mark it `sidecar.istio.io/inject: "false"`.',
    ),
    codes.INVALID: Code(
        "SchemaValidationError",
        "error",
        "a value that Istio's or Kubernetes' validation refuses",
        "On a cluster the object would not be accepted.",
        "The message says which rule is broken.",
    ),
    codes.MISPLACED_ANNOTATION: Code(
        "MisplacedAnnotation",
        "warning",
        "an annotation of Istio's on a kind of object where nobody reads it",
        "It has no effect. Most often it belongs to the pod and stands at the Deployment.",
        "Move it, for a Deployment to `spec.template.metadata.annotations`.",
    ),
    codes.UNKNOWN_ANNOTATION: Code(
        "UnknownAnnotation",
        "warning",
        "an annotation in Istio's name that Istio does not have",
        "It has no effect.",
        "Look at the spelling; the hint has the nearest name.",
    ),
    codes.CONFLICTING_MESH_HOSTS: Code(
        "ConflictingMeshGatewayVirtualServiceHosts",
        "error",
        "two VirtualServices of the mesh have one host; sidecars use the older one only",
        "Gateways join the rules of several VirtualServices for a host, sidecars do not.",
        "Join the two, or delegate from one to the other.",
    ),
    codes.SIDECARS_FOR_ONE: Code(
        "ConflictingSidecarWorkloadSelectors",
        "error",
        "two Sidecars select one workload",
        "Sidecars are not merged: the oldest that selects a workload is the only one that it has.",
        "Join the two, or select other workloads.",
    ),
    codes.SIDECARS_FOR_ALL: Code(
        "MultipleSidecarsWithoutWorkloadSelectors",
        "error",
        "two Sidecars of a namespace are for all of its workloads",
        "Sidecars are not merged: the oldest is the only one that counts.",
        "Join the two, or give the younger one a `workloadSelector`.",
    ),
    codes.PORT_NEEDED: Code(
        "VirtualServiceDestinationPortSelectorRequired",
        "error",
        "a destination names no port, and its service has several",
        "A gateway then takes the number of its own server's port, which the service need not have.",
        "Name the port in the destination.",
    ),
    codes.PROTOCOLS_DIFFER: Code(
        "DeploymentAssociatedToMultipleServices",
        "warning",
        "several services select a Deployment's pods by one port, each with another protocol",
        "The sidecar in front of a pod can take a port's connections as one protocol only.",
        "Give the ports one protocol, or each service a port of its own.",
    ),
    codes.PORT_NAME: Code(
        "PortNameIsNotUnderNamingConvention",
        "info",
        "neither name nor appProtocol of a port says which protocol it speaks",
        "The protocol is detected for each connection. Where the server speaks first (as MySQL does) that takes a "
        "while, and rules for HTTP hold only if HTTP is recognised.",
        "Call the port `http`, `http-web`, `grpc-…`, `tcp-…`, or set `appProtocol`.",
    ),
    codes.INJECTION_LABELS: Code(
        "NamespaceMultipleInjectionLabels",
        "warning",
        "a namespace has both `istio-injection` and `istio.io/rev`",
        "`istio-injection` decides alone; on a cluster with several revisions that may be the wrong one.",
        "Keep one of the two labels.",
    ),
    codes.NO_WORKLOAD: Code(
        "NoMatchingWorkloadsFound",
        "warning",
        "an object is for workloads with certain labels, and there are none",
        "It has no effect.",
        "Compare the selector with the labels of the pods in the object's namespace.",
    ),
    codes.UNREACHABLE_RULE: Code(
        "VirtualServiceUnreachableRule",
        "warning",
        "earlier rules of a VirtualService take everything that this one would",
        "Rules are tried in their order, and the first that matches decides.",
        "Put the narrower rule first, or take it away.",
    ),
    codes.UNUSED_MATCH: Code(
        "VirtualServiceIneffectiveMatch",
        "info",
        "earlier matches of a VirtualService take everything that this one would",
        "The rest of the rule works; this match is never the one that decides.",
        "Take it away, or put its rule first.",
    ),
    codes.HOST_NOT_IN_GATEWAY: Code(
        "VirtualServiceHostNotFoundInGateway",
        "warning",
        "a VirtualService has a host that its gateways do not take",
        "Requests for the host get 404 there. A server's hosts may be limited to a namespace: `shop/a.example.com`.",
        "Add the host to a server of the Gateway, with the namespace of the VirtualService or `*`.",
    ),
    codes.DOUBTFUL: Code(
        "SchemaWarning",
        "warning",
        "Istio's validation warns about this",
        "It is accepted, and most likely not what is meant, or it will not be accepted one day.",
        "The message says what to write instead.",
    ),
    codes.ADDRESSES_NEEDED: Code(
        "ServiceEntryAddressesRequired",
        "warning",
        "a ServiceEntry has a TCP port and no address",
        "Without an address its listener takes all connections to this port number, wherever they go.",
        "Give it addresses; or another resolution than NONE, so that one is allocated.",
    ),
    codes.OLD_ANNOTATION: Code(
        "DeprecatedAnnotation",
        "info",
        "an annotation that Istio has deprecated",
        "A later version of Istio may not read it any more.",
        "The hint says what takes its place.",
    ),
    codes.PORTS_DIFFER: Code(
        "DeploymentConflictingPorts",
        "warning",
        "two services lead to the same port of a Deployment's pods from ports of different numbers",
        "The pod's sidecar sees its own port alone and cannot tell the two services apart.",
        "Use one port number for one target port.",
    ),
    codes.ONE_CERTIFICATE: Code(
        "GatewayDuplicateCertificate",
        "warning",
        "two HTTPS servers on a gateway's port show the same certificate",
        "A browser reuses an HTTP/2 connection for every host in the certificate. Each server has routes of its own, "
        "so what comes by the other one's connection gets 404.",
        "Let one server have the hosts of both, or give each a certificate for its own hosts alone.",
    ),
    codes.MESH_RULES_UNUSED: Code(
        "IngressRouteRulesNotAffected",
        "warning",
        "a gateway sends to a host for which the mesh has rules with subsets, and these do not apply there",
        "A VirtualService without `gateways` is for sidecars. Requests through the gateway go to all pods.",
        "Route to the subsets in the gateway's VirtualService too, or bind the other one to the gateway.",
    ),
    codes.RESERVED_USER: Code(
        "InvalidApplicationUID",
        "warning",
        "a container asks for user or group 1337, which belongs to the sidecar",
        "Its traffic would be taken for the sidecar's own and bypass all rules; it is refused here.",
        "Choose another number.",
    ),
    codes.CONFLICTING_GATEWAYS: Code(
        "ConflictingGateways",
        "error",
        "two servers on one port of a gateway that can't be joined; the older one serves",
        "A port speaks one protocol, and a host of it belongs to one server.",
        "Choose another port, or join the two Gateways.",
    ),
    codes.EXTERNAL_PORT_NAME: Code(
        "ExternalNameServiceTypeInvalidPortName",
        "warning",
        "a port of an ExternalName service is plain TCP",
        "The service has no address: its TCP listener would take all connections to the port number.",
        "Name the port after its protocol (`http-…`, `https-…`).",
    ),
    codes.INVALID_GATEWAY_CREDENTIAL: Code(
        "InvalidGatewayCredential",
        "error",
        "a gateway's server names a Secret that holds no certificate which Envoy would take",
        "The port is open and handshakes with this server fail; a certificate that it had before stays in use.",
        "The message says what is wrong with the Secret; make it anew from the right files.",
    ),
    codes.PORT_NOT_IN_SERVICE: Code(
        "GatewayPortNotDefinedOnService",
        "warning",
        "a gateway's server has a port that the gateway's Service does not have",
        "Nobody can reach the port through the Service.",
        "Add the port to the gateway's Service.",
    ),
    codes.SUBSET_WITHOUT_PODS: Code(
        "DestinationRuleSubsetNotSelectPods",
        "error",
        "a subset selects no pod of its service",
        "What is sent to it gets 503 with the flag UH.",
        "Compare the subset's labels with those of the pods.",
    ),
    codes.RULE_WITHOUT_SERVICE: Code(
        "UnknownDestinationRuleHost",
        "warning",
        "a DestinationRule is for a host that is no service's",
        "It has no effect.",
        "Correct the host (a short name means the rule's own namespace), or create the service.",
    ),
}
