"""Istio's integration cases: first simulated on what meshgate emits, then a sample of them with real Envoys.

Data in the format of `../shared/conformance/integration`, wherever it lies. `run` walks simulated calls and compares
virtual hosts and clusters with Istio's; `live` makes the calls in a running mesh.
"""
