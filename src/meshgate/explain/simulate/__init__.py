"""Walk one imaginary call through emitted resources as Envoy would.

Reads resource bytes by type and a `Call`, gives a `Result`. It knows Envoy's rules only, nothing of Istio's or of how
the resources came about. Its public names are those of `meshgate.explain`.
"""
