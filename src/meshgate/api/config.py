"""The Kubernetes kinds that hold data or accounts: Namespace, Secret, ConfigMap, ServiceAccount, Event."""

from __future__ import annotations

from meshgate.api.secret_bytes import SecretBytes
from meshgate.api.service import ObjectReference
from meshgate.api.value import Labels, Pairs, Value


class Namespace(Value, frozen=True, kw_only=True):
    """A Namespace has nothing that matters here beyond its metadata."""


class Secret(Value, frozen=True, kw_only=True):
    """A Secret's data; what was written as `stringData` is merged in."""

    type: str = "Opaque"
    data: Pairs[SecretBytes] = ()
    immutable: bool = False


class ConfigMap(Value, frozen=True, kw_only=True):
    """A ConfigMap's data."""

    data: Labels = ()
    binary_data: Pairs[bytes] = ()
    immutable: bool = False


class ServiceAccount(Value, frozen=True, kw_only=True):
    """The identity that pods run as; only its name matters."""


class EventSource(Value, frozen=True, kw_only=True):
    """Who saw it."""

    component: str = ""
    host: str = ""


class Event(Value, frozen=True, kw_only=True):
    """Something that happened to an object."""

    involved_object: ObjectReference = ObjectReference()
    reason: str = ""
    message: str = ""
    type: str = ""
    """`Normal` or `Warning`."""
    count: int = 0
    first_timestamp: str = ""
    last_timestamp: str = ""
    event_time: str = ""
    source: EventSource = EventSource()
    action: str = ""
    reporting_component: str = ""
    reporting_instance: str = ""
