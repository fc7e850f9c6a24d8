"""Every namespace has a ServiceAccount `default`."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.host.controllers.view import Controller, Settings, View, is_going
from meshgate.store.core import Create, Write, meta

SERVICE_ACCOUNT = "default"


def desired(view: View, _settings: Settings, _now: str) -> Iterable[Write]:
    for namespace in view.list("Namespace"):
        name = meta(namespace)["name"]
        if not is_going(namespace) and view.get("ServiceAccount", name, SERVICE_ACCOUNT) is None:
            metadata = {"name": SERVICE_ACCOUNT, "namespace": name}
            yield Create(raw={"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})


NAMESPACES = Controller(name="namespaces", reads=frozenset({"Namespace", "ServiceAccount"}), desired=desired)
