"""How workloads are called in certificates: SPIFFE ids, as Istio writes them.

https://istio.io/latest/docs/concepts/security/#istio-identity
"""

from __future__ import annotations


def spiffe_id(trust_domain: str, namespace: str, service_account: str) -> str:
    """The identity of all workloads that run as this account.

    >>> spiffe_id("cluster.local", "shop", "default")
    'spiffe://cluster.local/ns/shop/sa/default'
    """
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}"
