"""Objects for tests, written as YAML; whatever Istio's API has may be in them, implemented or not."""

from __future__ import annotations

from meshgate.api import AnyResource, Problem, decode_all, documents
from meshgate.mesh import Facts, Snapshot, build


def resources(text: str) -> tuple[AnyResource, ...]:
    """The objects of a YAML text; those without a namespace are in `default`."""
    found = []
    given, problems = documents(text, "objects.yaml")
    assert not problems
    for document in given:
        metadata = document.raw["metadata"]
        assert isinstance(metadata, dict)
        where = {} if document.raw["kind"] == "Namespace" else {"namespace": "default"}
        raw = {**document.raw, "metadata": {**where, **metadata}}
        resource, faults = decode_all(raw)
        assert resource is not None, [str(fault) for fault in faults]
        found.append(resource)
    return tuple(found)


def built(text: str, facts: Facts | None = None) -> tuple[Snapshot, tuple[Problem, ...]]:
    """The snapshot of a YAML text."""
    return build(resources(text), facts or Facts())


def snapshot(text: str, facts: Facts | None = None) -> Snapshot:
    """The same without its problems."""
    return built(text, facts)[0]


def service(
    name: str, *ports: str, namespace: str = "default", ip: str = "", selector: str = "", extra: str = ""
) -> str:
    """A Service; a port is written `name:number` or `name:number:target`."""
    lines = []
    for port in ports:
        port_name, number, *target = port.split(":")
        lines.append(f"{{name: {port_name}, port: {number}{f', targetPort: {target[0]}' if target else ''}}}")
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  ports: [{", ".join(lines)}]
  {f"clusterIP: {ip!r}" if ip else ""}
  {f"selector: {{app: {selector}}}" if selector else ""}
  {extra}
"""


def endpoint_slice(name: str, port: str, *addresses: str, namespace: str = "default") -> str:
    """A slice of a Service's ready endpoints; the port is written `name:number`."""
    port_name, number = port.split(":")
    return f"""
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-{port_name}, namespace: {namespace}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: {port_name}, port: {number}}}]
endpoints: [{", ".join(f"{{addresses: ['{address}'], conditions: {{ready: true}}}}" for address in addresses)}]
"""


def pod(name: str, ip: str, namespace: str = "default", **labels: str) -> str:
    """A Pod with an address."""
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{{", ".join(f"{k}: {v}" for k, v in labels.items())}}}}}
spec:
  containers: [{{name: app, command: [app], ports: [{{name: web, containerPort: 8080}}]}}]
status: {{podIP: {ip}, podIPs: [{{ip: {ip}}}]}}
"""


def istio(kind: str, name: str, spec: str, *, namespace: str = "default", created: str = "", meta: str = "") -> str:
    """An object of Istio's with a spec in YAML's flow style or indented by two."""
    group = "security" if kind == "PeerAuthentication" else "networking"
    creation = f"creationTimestamp: '{created}'" if created else ""
    body = spec if spec.lstrip().startswith("{") else "\n" + spec
    return f"""
---
apiVersion: {group}.istio.io/v1
kind: {kind}
metadata:
  name: {name}
  namespace: {namespace}
  {creation}
  {meta}
spec: {body}
"""
