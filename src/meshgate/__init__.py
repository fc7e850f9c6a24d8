"""meshgate: Istio's API on one Linux machine, driving real Envoy proxies.

The packages are the architecture: see ARCHITECTURE.md.
"""
