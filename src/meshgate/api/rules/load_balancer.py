"""Rules of load balancers: hashing, warm-up, localities.

istio:pkg/config/validation/validation.go#validateLoadBalancer
"""

from __future__ import annotations

from typing import Final

from meshgate.api import codes
from meshgate.api.destination_rule import ConsistentHashLB, HTTPCookie, LoadBalancerSettings, WarmupConfiguration
from meshgate.api.locality import LocalityFailover, LocalityLoadBalancerSetting, ZoneAwareLoadBalancerSetting
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.localities import distribution
from meshgate.api.rules.values import MILLISECOND, duration, number_text

LARGEST_TABLE: Final = 5_000_011
"""Of Maglev, in Envoy."""

_HANDLED_LABELS: Final = (
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
)


def load_balancer(path: str, settings: LoadBalancerSettings, *, detects_outliers: bool) -> Findings:
    """How an endpoint is chosen."""
    if settings.consistent_hash:
        yield from _consistent_hash(f"{path}.consistentHash", settings.consistent_hash)
    if settings.locality_lb_setting:
        at = f"{path}.localityLbSetting"
        yield from locality(at, settings.locality_lb_setting, detects_outliers=detects_outliers)
    if settings.zone_aware_lb_setting:
        at = f"{path}.zoneAwareLbSetting"
        yield from zone_aware(at, settings.zone_aware_lb_setting, detects_outliers=detects_outliers)
    if settings.warmup:
        yield from _warmup(f"{path}.warmup", settings.warmup)
    if settings.warmup_duration_secs is not None and settings.warmup_duration_secs < MILLISECOND:
        at = f"{path}.warmupDurationSecs"
        yield Finding(at, "a duration must be at least 1ms", "write warmup.duration", code=codes.SCHEMA)


def _consistent_hash(path: str, settings: ConsistentHashLB) -> Findings:
    if settings.minimum_ring_size:
        yield doubt(f"{path}.minimumRingSize", "deprecated", "use ringHash.minimumRingSize")
        if settings.ring_hash or settings.maglev:
            yield Finding(f"{path}.minimumRingSize", "only one of minimumRingSize, ringHash, maglev can be given")
    if settings.http_cookie:
        yield from _cookie(f"{path}.httpCookie", settings.http_cookie)
    if settings.maglev:
        yield from _maglev(f"{path}.maglev.tableSize", settings.maglev.table_size)


def _cookie(path: str, cookie: HTTPCookie) -> Findings:
    if not cookie.name:
        yield Finding(f"{path}.name", "a cookie needs a name")
    for index, attribute in enumerate(cookie.attributes):
        if not attribute.name:
            yield Finding(f"{path}.attributes[{index}].name", "an attribute needs a name")


def _maglev(path: str, size: int) -> Findings:
    if not size:
        yield Finding(path, "Maglev needs a tableSize", "65537 is usual")
    elif size >= LARGEST_TABLE:
        yield Finding(path, f"{size} is too large", f"it must be less than {LARGEST_TABLE}")
    elif not _is_prime(size):
        yield Finding(path, f"{size} is no prime number", "65537 is usual")


def _is_prime(number: int) -> bool:
    """As in Istio 1 counts as prime."""
    return all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def _warmup(path: str, warmup: WarmupConfiguration) -> Findings:
    if warmup.duration is None:
        yield Finding(f"{path}.duration", "a warm-up needs its duration")
    yield from duration(f"{path}.duration", warmup.duration)
    if warmup.minimum_percent is not None and not 0 <= warmup.minimum_percent <= 100:
        text = f"{number_text(warmup.minimum_percent)} is no percentage"
        code = codes.SCHEMA if warmup.minimum_percent < 0 else codes.INVALID
        yield Finding(f"{path}.minimumPercent", text, "percentages are 0 to 100", code=code)
    if warmup.aggression is not None and warmup.aggression <= 0:
        yield Finding(f"{path}.aggression", "aggression must be greater than 0", "1 is linear")


def locality(path: str, setting: LocalityLoadBalancerSetting, *, detects_outliers: bool) -> Findings:
    """Locality load balancing: one of distribute, failover, failoverPriority decides."""
    if setting.distribute and setting.failover:
        yield Finding(path, "distribute and failover exclude each other")
    for index, label in enumerate(setting.failover_priority if setting.failover else ()):
        if label in _HANDLED_LABELS:
            text = f'failover handles "{label}" already, so it cannot be in failoverPriority'
            yield Finding(f"{path}.failoverPriority[{index}]", text, "leave it out, or failover")
    yield from distribution(f"{path}.distribute", setting.distribute)
    yield from _failover(f"{path}.failover", setting.failover)
    if (setting.failover or setting.failover_priority) and not detects_outliers:
        yield doubt(path, "without outlierDetection nothing fails over")


def _failover(path: str, failover: tuple[LocalityFailover, ...]) -> Findings:
    for index, step in enumerate(failover):
        at = f"{path}[{index}]"
        if step.from_ == step.to:
            yield Finding(at, "from and to must be different regions")
        for region in (step.from_, step.to):
            if "/" in region:
                yield Finding(at, f'"{region}" is more than a region', "zones follow by themselves")
            if "*" in region:
                yield Finding(at, f'"{region}" has a wildcard', "name the region")


def zone_aware(path: str, setting: ZoneAwareLoadBalancerSetting, *, detects_outliers: bool) -> Findings:
    """Zone-aware load balancing: regions and zones follow each other by themselves."""
    yield from _failover(f"{path}.failover", setting.failover)
    for index, label in enumerate(setting.failover_priority):
        if label.partition("=")[0] in _HANDLED_LABELS:
            yield Finding(f"{path}.failoverPriority[{index}]", "regions and zones are handled already", "leave it out")
    if (setting.failover or setting.failover_priority) and not detects_outliers:
        yield doubt(path, "without outlierDetection nothing fails over")
