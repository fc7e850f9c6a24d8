"""This machine: capsule, pods as processes, network namespaces, capture, DNS, Envoy processes.

Its modules are imported by name: nothing is re-exported here, so that start-up stays fast.
"""
