"""What a cluster's controllers would have made for the Services of a case: slices of the pods that they select."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.conformance.cases import Raw
from tests.conformance.integration.cases import Environment


def with_slices(config: Iterable[Raw], environment: Environment) -> Iterator[Raw]:
    """The objects of a case, and the slices of its Services."""
    config = list(config)
    pods = [raw for raw in (*environment.kube, *config) if raw["kind"] == "Pod"]
    yield from config
    if any(raw["metadata"]["name"].startswith("istio-egressgateway") for raw in config if raw["kind"] == "Service"):
        pods.append(egress := _egress_pod(environment.egress_gateway))
        yield egress
    for raw in config:
        selector = raw.get("spec", {}).get("selector") if raw["kind"] == "Service" else None
        if selector:
            yield _slice(raw, [pod for pod in pods if _is_selected(pod, raw["metadata"]["namespace"], selector)])


def _is_selected(pod: Raw, namespace: str, selector: Mapping[str, str]) -> bool:
    meta = pod["metadata"]
    return bool(meta["namespace"] == namespace and selector.items() <= meta["labels"].items())


def _slice(service: Raw, pods: Sequence[Raw]) -> Raw:
    meta = service["metadata"]
    ports = ((port["name"], port.get("targetPort", port["port"])) for port in service["spec"]["ports"])
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": {"kubernetes.io/service-name": meta["name"]},
        },
        "addressType": "IPv4",
        "ports": [{"name": name, "port": target} for name, target in ports if isinstance(target, int)],
        "endpoints": [{"addresses": [pod["status"]["podIP"]], "conditions": {"ready": True}} for pod in pods],
    }


def _egress_pod(gateway: Raw) -> Raw:
    """The data names it without its object; its account is the one that Istio's charts give it."""
    name, _, namespace = gateway["service"].partition(".")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-0", "namespace": namespace, "labels": gateway["labels"]},
        "spec": {"serviceAccountName": f"{name}-service-account", "containers": [{"name": "istio-proxy"}]},
        "status": {"podIP": gateway["ip"], "podIPs": [{"ip": gateway["ip"]}]},
    }
