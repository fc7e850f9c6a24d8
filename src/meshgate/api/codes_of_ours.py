"""What our own codes mean (MG)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meshgate.api import codes
from meshgate.api.code import Code

_FIELDS: Final = "docs/reference/kinds.md lists the fields of each kind"

OURS: Final[Mapping[str, Code]] = {
    codes.BROKEN_YAML: Code(
        "BrokenYaml",
        "error",
        "the text is not YAML",
        "Nothing of the file can be read.",
        "Look at the line: most often it is the indentation, a tab, or a quote that is missing.",
    ),
    codes.DUPLICATE_KEY: Code(
        "DuplicateKey",
        "error",
        "a mapping has the same key twice",
        "Readers of YAML take the last one and drop the other without a word.",
        "Take one of them away, or join their contents.",
    ),
    codes.NOT_AN_OBJECT: Code(
        "NotAnObject",
        "error",
        "a document is not an object with apiVersion, kind and metadata.name",
        "It is not known what it is or what it is called.",
        "Add what is missing; documents are separated by a line of three hyphens.",
    ),
    codes.UNKNOWN_KIND: Code(
        "UnknownKind",
        "error",
        "a kind, or an API version of it, that does not exist",
        "It is no kind of Istio or Kubernetes that meshgate knows.",
        "Look at the spelling and at the group before the slash in apiVersion.",
    ),
    codes.UNKNOWN_FIELD: Code(
        "UnknownField",
        "error",
        "a field that the kind does not have",
        "What it asks for would be ignored. Istio's webhook only warns of it, so that a typing error goes unnoticed.",
        f"Take the name that the hint proposes; {_FIELDS}.",
    ),
    codes.WRONG_TYPE: Code(
        "WrongType",
        "error",
        "a value of another type than the field's, or not one of its words",
        "It cannot be understood.",
        f"Write what the message expects; {_FIELDS}.",
    ),
    codes.NOT_IMPLEMENTED: Code(
        "NotImplemented",
        "error",
        "a field or kind of Istio or Kubernetes that this version does not implement yet",
        "Istio would act on it and this version does not, so accepting it would be a lie.",
        "Leave it out for now.",
    ),
    codes.DUPLICATE_OBJECT: Code(
        "DuplicateObject",
        "error",
        "the same object is given twice",
        "Which of them is meant cannot be known.",
        "Keep one; two places that own one object would undo each other's changes.",
    ),
    codes.BAD_SETTING: Code(
        "BadSetting",
        "error",
        "a setting of `--set` that is not PATH=VALUE, or whose path does not exist",
        "The mesh would start without it.",
        "Write it as for istioctl: `--set meshConfig.accessLogFile=/dev/stdout`.",
    ),
    codes.BAD_METADATA: Code(
        "BadMetadata",
        "error",
        "a name, namespace, label or annotation that Kubernetes or Istio would refuse",
        "On a cluster the object would not be accepted.",
        "Names are lower-case letters, digits and hyphens; the message says which rule is broken.",
    ),
    codes.NO_COMMAND: Code(
        "NoCommand",
        "error",
        "a container that has neither a command nor an image",
        "There is nothing to run.",
        "Give it a command; it runs as a process of this machine.",
    ),
    codes.SCHEMA: Code(
        "RefusedBySchema",
        "error",
        "what istiod would accept, but the schema of Istio's resources in a cluster refuses",
        "A cluster's API server refuses the object before istiod sees it.",
        "Do as the message says; then it works on both.",
    ),
    codes.REFUSED_BY_ENVOY: Code(
        "RefusedByEnvoy",
        "error",
        "a value that istiod would accept, but that Envoy refuses",
        "Envoy would refuse the whole resource and go on with the last one, for all hosts and objects that share it.",
        "Do as the message says; then it works everywhere.",
    ),
    codes.OWN_SOCKET: Code(
        "SocketOfTheProxy",
        "error",
        "an endpoint or a server at one of the sockets by which a proxy is led",
        "Whoever is routed there would speak to the control plane or the admin interface in the proxy's name.",
        "Choose a path outside of /run/meshgate.",
    ),
    codes.WITHOUT_EFFECT: Code(
        "WithoutEffect",
        "info",
        "a key of the mesh configuration, or a type of Service, that is accepted, but from which nothing follows here",
        "What it asks for does not exist in this mesh; the text says why.",
        "Nothing, or leave the key out. docs/reference/kinds.md lists all of them.",
    ),
    codes.SHADOWED_LISTENER: Code(
        "ShadowedListener",
        "warning",
        "another service already has the connections to this address and port",
        "A TCP connection carries no host name: only address and port tell services apart.",
        "Give the service an address of its own, or another port.",
    ),
    codes.HOST_TAKEN: Code(
        "HostTaken",
        "warning",
        "another service already has this host name, so this one does not serve it",
        "Of several services with one host, Kubernetes' comes first, then the oldest.",
        "Join the two objects, or choose another host.",
    ),
    codes.NO_RULE: Code(
        "NoRule",
        "warning",
        "a gateway's server of TCP or TLS for which there is no rule, and so no way for its connections",
        "Without a rule it is not known where a connection should go. A port without another server does not listen; "
        "else a connection goes to a server with a wider host, or is refused.",
        "Add a VirtualService for this gateway and port: with a tcp rule, for mode PASSTHROUGH with a tls rule.",
    ),
    codes.RULES_UNUSED: Code(
        "RulesOfAnotherProtocol",
        "warning",
        "rules of a VirtualService that no server of its gateways can use",
        "An HTTP server reads http rules alone, a TCP server tcp rules; others are passed over in silence.",
        "Write the rules for the server's protocol, or change the protocol of the server's port.",
    ),
    codes.SUBSET_UNUSED: Code(
        "SubsetPolicyUnused",
        "info",
        "a subset has a traffic policy, and no route goes to this subset",
        "A subset's policy takes effect only on what a VirtualService sends to the subset by name.",
        "Route to the subset (all of the traffic, if need be), or put the policy above the subsets.",
    ),
    codes.REPEATED_POLICY: Code(
        "RepeatedPolicy",
        "warning",
        "two DestinationRules of a namespace say different things of one host",
        "They are joined: of policies for the whole host, and of subsets of one name, the oldest rule's alone counts.",
        "Join the rules into one, or give the subset another name.",
    ),
    codes.NO_FAILOVER: Code(
        "NoFailover",
        "warning",
        "a policy fails over to other localities, and has no outlier detection",
        "Without it a proxy never learns that an endpoint fails, so Istio sets no priorities at all.",
        "Add outlierDetection to the same policy.",
    ),
    codes.ONE_NAME: Code(
        "OneNameOnly",
        "warning",
        "a service of resolution DNS_ROUND_ROBIN has several endpoints",
        "Envoy takes one name for such a service, so the first endpoint alone is used.",
        "Take resolution DNS, or leave one endpoint.",
    ),
    codes.FAULT_FIRST: Code(
        "FaultBeforeRetryAndTimeout",
        "info",
        "a rule injects faults and has a timeout or retries as well",
        "Faults are injected before the request is routed: a delay does not count towards the timeout, and an "
        "aborted request is not tried again.",
        "To try out timeouts and retries, inject the fault one service further on.",
    ),
    codes.DELEGATE_OUTSIDE_ROOT: Code(
        "DelegateOutsideRoot",
        "warning",
        "a rule of a delegate asks for something outside of what was delegated to it, and is left out",
        "Each match of the delegate's rule must be narrower than one match of the rule that delegates: a longer path, "
        "an equal header, the same ignoreUriCase. Two expressions are never comparable.",
        "Repeat the root's condition in the delegate, or leave it out there.",
    ),
    codes.UNUSED_DELEGATE: Code(
        "UnusedDelegate",
        "warning",
        "a VirtualService without hosts to which no other one delegates",
        "Without hosts it has no effect by itself.",
        "Name it as the delegate of a rule of another VirtualService, or give it hosts.",
    ),
    codes.IDLE_MATCH: Code(
        "MatchNeverHolds",
        "warning",
        "a match that names a gateway or a port by which nobody can come",
        "A match only narrows what the VirtualService is bound to: a gateway that is not in spec.gateways, or a port "
        "that no server of its gateways and no service of its hosts has, makes it false for ever.",
        "Add the gateway to spec.gateways, correct the port (a server's own, not its target port), or take it away.",
    ),
    codes.REPEATED_PEER_AUTHENTICATION: Code(
        "RepeatedPeerAuthentication",
        "warning",
        "two PeerAuthentications of one width are for the same workloads; the older one alone counts",
        "Policies are not joined: of those for the mesh, for a namespace, or for a workload the oldest is taken.",
        "Join the two into one.",
    ),
    codes.SELECTOR_IN_ROOT_NAMESPACE: Code(
        "SelectorInRootNamespace",
        "warning",
        "a PeerAuthentication of the root namespace selects workloads; it counts for nothing",
        "There a policy is for the whole mesh and has no selector; workloads are selected in their own namespace.",
        "Move it to the namespace of the workloads, or take the selector away.",
    ),
    codes.PORT_OF_NO_WORKLOAD: Code(
        "PortOfNoWorkload",
        "warning",
        "a PeerAuthentication sets the mode of a port that its workloads do not have",
        "`portLevelMtls` has the ports on which the workloads themselves listen, not those of a Service.",
        "Write the target port of the Service.",
    ),
    codes.SECRET_FOR_GATEWAYS: Code(
        "SecretForGateways",
        "info",
        "a DestinationRule names a Secret, and sidecars that send there do not get it",
        "A Secret of one namespace is not for all sidecars that a rule reaches, and none shall wait for it in vain. "
        "They send as if the rule had no TLS settings; gateways do what it says.",
        "Nothing, if requests go there by a gateway only. Else select the workloads by workloadSelector, and have the "
        "Secret in their namespace.",
    ),
    codes.INGRESS_TLS_UNUSED: Code(
        "IngressTLSUnused",
        "warning",
        "a Sidecar's TLS of a port that takes the mesh's mutual TLS",
        "Only one of the two can end at a port. The mesh's goes first, as in Istio; TLS of another kind is refused.",
        "Switch the mesh's off for the port (PeerAuthentication, `portLevelMtls`, `DISABLE`), or leave `tls` out.",
    ),
    codes.TLS_IN_TLS: Code(
        "TLSInTLS",
        "warning",
        "a DestinationRule opens TLS on a port whose callers open it themselves",
        "The server gets TLS inside of TLS and ends the connection. It is right for HTTP that is routed to the port.",
        "Select the workloads that send HTTP there (`workloadSelector`), such as the egress gateway's.",
    ),
    codes.TLS_ON_WRONG_PORT: Code(
        "TLSOnWrongPort",
        "warning",
        "a DestinationRule opens TLS on a port that takes none, or that the service does not have",
        "A server on port 80 does not know TLS; settings of a port that is not there count for nobody.",
        "Give the ServiceEntry's port a `targetPort`, or name the port that takes TLS.",
    ),
    codes.ENTRY_NEEDED: Code(
        "ServiceEntryNeeded",
        "warning",
        "TLS or TCP rules for a host that no service has",
        "Sidecars listen for services only: connections to the host never come to the rules.",
        "Give the host a ServiceEntry.",
    ),
    codes.GATEWAY_LOOP: Code(
        "GatewayLoop",
        "error",
        "a gateway sends requests to itself",
        "They go round until a timeout or a limit ends them.",
        "Limit the rule that leads to the gateway to `mesh`, and add one for the gateway that leads on.",
    ),
    codes.UNUSABLE_CERTIFICATE: Code(
        "UnusableCertificate",
        "error",
        "a certificate, a key or a list of roots that Envoy would not take",
        "It is not sent to proxies: one that has had a good one before goes on with it, for others handshakes fail.",
        "The message says what is wrong; make the Secret anew from the right files.",
    ),
    codes.DOUBTFUL_CERTIFICATE: Code(
        "DoubtfulCertificate",
        "warning",
        "certificates that Envoy takes, but with which some or all peers will not get through",
        "Clients that verify the chain refuse it, or no client's own certificate is accepted.",
        "The message says which part it is: order the chain, or complete it.",
    ),
    codes.CERTIFICATE_OUT_OF_DATE: Code(
        "CertificateOutOfDate",
        "error",
        "a certificate that has expired, or is not valid yet",
        "It is served as it is, and clients that verify it refuse it.",
        "Renew it and change the Secret: the new one is used at once, and no connection is dropped.",
    ),
    codes.HOST_NOT_IN_CERTIFICATE: Code(
        "HostNotInCertificate",
        "warning",
        "a server has a host that its certificate is not for",
        "Clients that verify the name refuse the certificate.",
        "Take a certificate that has the host, or a wildcard of its domain, among its alternative names.",
    ),
    codes.UNUSABLE_CERTIFICATE_FILE: Code(
        "UnusableCertificateFile",
        "error",
        "a file of a proxy's pod, named for its certificate, that is not there or that Envoy would not take",
        "Handshakes fail, or go on with the certificate that was read before; other servers of the port serve.",
        "Look into the pod: the path is that of the container `istio-proxy`. What is mended is read again at once.",
    ),
    codes.REUSED_CONNECTION: Code(
        "ReusedConnection",
        "info",
        "a host of a gateway's HTTPS server is within a wildcard of another server on the port",
        "A browser reuses an HTTP/2 connection for every host in the certificate it was shown. Each server has routes "
        "of its own, so a request that comes by the other server's connection gets 404.",
        "Let one server have both hosts, or give the other one a certificate without this host.",
    ),
    codes.NO_TLS_VERSION: Code(
        "NoTlsVersion",
        "warning",
        "a gateway's server whose oldest version of TLS is newer than its newest",
        "There is no version that both sides may use, so every handshake fails. Without `minProtocolVersion` the "
        "oldest is TLS 1.2.",
        "Give a `minProtocolVersion` that is not newer than `maxProtocolVersion`.",
    ),
    codes.REFUSED_BY_PROXY: Code(
        "RefusedByProxy",
        "error",
        "Envoy refused a resource that was made from this object; the last good one keeps serving",
        "The object is accepted and has no effect in that proxy.",
        "Envoy's words say what it does not like. Should the object be right, this is a bug of meshgate.",
    ),
    codes.BAD_AUTHORITY: Code(
        "AuthorityUnusable",
        "error",
        "a Secret that is to hold the mesh's certificate authority cannot be used as one",
        "Workloads keep the certificates that they have, and the last good authority goes on signing.",
        "Secret cacerts needs ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem, as Istio's own.",
    ),
    codes.LAB_SETTINGS: Code(
        "LabSettings",
        "warning",
        "a setting of the ConfigMap `meshgate-lab` with which the lab's servers can do nothing",
        "The setting is left out; the others hold.",
        "clientCertificates names hosts of the lab, as `meshgate status` lists them; clientAuthorities holds "
        "certificates in PEM.",
    ),
}
