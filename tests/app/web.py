"""The little mesh of these tests: a workload `web` and its Service, and a way in through the ingress gateway."""

from __future__ import annotations

SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""


def web(*, replicas: int = 1) -> str:
    """Deployment and Service."""
    return f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: c, command: [x]}}]}}
{SERVICE}"""


def door(host: str = "web.example.com") -> str:
    """A Gateway at port 80 for one host."""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: door}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ["{host}"]}}]
"""


def route(destination: str = "web", *, host: str = "web.example.com", name: str = "web", meta: str = "") -> str:
    """A VirtualService that sends all of a host to one destination, through the door."""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}{", " if meta else ""}{meta}}}
spec:
  hosts: [{host}]
  gateways: [door]
  http: [{{route: [{{destination: {{host: {destination}}}}}]}}]
"""
