"""The domains of a service's virtual host: every name that a client may call it by.

(istio:pilot/pkg/networking/core/httproute.go#generateVirtualHostDomains)
"""

from __future__ import annotations

from meshgate.mesh import MeshService, is_address


def short_names(host: str, namespace: str, domain: str) -> tuple[str, ...]:
    """Shorter names of a Kubernetes Service, as clients of a namespace may use them; none for other hosts.

    >>> short_names("web.shop.svc.cluster.local", "shop", "cluster.local")
    ('web', 'web.shop.svc', 'web.shop')
    >>> short_names("web.shop.svc.cluster.local", "edge", "cluster.local")
    ('web.shop', 'web.shop.svc')
    >>> short_names("web.org", "shop", "cluster.local")
    ()
    """
    suffix = f".svc.{domain}"
    if not host.endswith(suffix):
        return ()
    name_and_namespace = host.removesuffix(suffix)
    name, _, owner = name_and_namespace.rpartition(".")
    if not name:
        return ()
    if owner == namespace:
        return name, f"{name_and_namespace}.svc", name_and_namespace
    return name_and_namespace, f"{name_and_namespace}.svc"


def service_domains(service: MeshService, namespace: str, domain: str) -> tuple[str, ...]:
    """Full name, full name with a dot, short names, the same of its aliases, all of them behind `*.`, addresses.

    The `*.` forms are for the pods of a headless service.
    """
    found: list[str] = []
    for host in (service.hostname, *service.aliases):
        found += [host, f"{host}."] if not host.startswith("*") else [host]
        found += short_names(host, namespace, domain)
    if service.is_headless:
        found += [f"*.{name}" for name in found]
    found += [address if ":" not in address else f"[{address}]" for address in service.addresses if is_address(address)]
    return tuple(dict.fromkeys(found))


def unclaimed(domains: tuple[str, ...], claimed: set[str], full_names: frozenset[str]) -> tuple[str, ...]:
    """The domains that no virtual host has yet and that are no other service's full name; they are claimed now.

    The first domain is the host's own name.
    """
    found = domains
    if not claimed.isdisjoint(domains) or not full_names.isdisjoint(domains[1:]):
        found = tuple(
            name for name in domains if name not in claimed and (name == domains[0] or name not in full_names)
        )
    claimed.update(found)
    return found
