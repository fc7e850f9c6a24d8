"""The pod's /etc/resolv.conf, and the host's: who answers in here, and whom we ask out there."""

from __future__ import annotations

from meshgate.host.dns.sockets import LOOPBACK


def resolv_conf(namespace: str, cluster_domain: str) -> str:
    """The text for a pod of this namespace: short names are completed as in Kubernetes (`ndots:5`).

    The host's own search domains are left out: names that need them would leak every failed short name to the host's
    servers.
    """
    domains = f"{namespace}.svc.{cluster_domain} svc.{cluster_domain} {cluster_domain}"
    return f"nameserver {LOOPBACK}\nsearch {domains}\noptions ndots:5\n"
