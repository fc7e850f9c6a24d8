"""Networks for a mesh that must not disturb others: the usual ones, or free ones where those are taken."""

from __future__ import annotations

from meshgate.errors import EnvironmentFault
from meshgate.host.network.host_survey import taken_networks
from meshgate.host.network.links import Links
from meshgate.host.network.ranges import Ranges, check_ranges, free_ranges


def free_arguments() -> str:
    """What `meshgate up` must be told; nothing where the usual ranges are free."""
    links = Links()
    try:
        taken = taken_networks(links, "")
    finally:
        links.close()
    try:
        check_ranges(Ranges(), taken)
    except EnvironmentFault:
        free = free_ranges(taken)
        return f"--pod-cidr {free.pods} --service-cidr {free.services} --lb-cidr {free.load_balancers}"
    return ""
