"""Pods complete short names as in Kubernetes."""

from __future__ import annotations

from meshgate.host.dns import resolv_conf


def test_the_pods_own_namespace_comes_first() -> None:
    assert resolv_conf("shop", "cluster.local").splitlines() == [
        "nameserver 127.0.0.1",
        "search shop.svc.cluster.local svc.cluster.local cluster.local",
        "options ndots:5",
    ]
