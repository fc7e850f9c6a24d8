"""This machine: capsule, pods as processes, network namespaces, capture, DNS, Envoy processes. Import its modules by name: nothing is re-exported, so that start-up stays fast."""
