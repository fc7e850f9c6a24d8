"""Every namespace has a ConfigMap `istio-ca-root-cert` with the roots of the mesh, for whoever checks its certificates.

Istio's (istio:pilot/pkg/serviceregistry/kube/controller/namespacecontroller.go): kept as it is, put back when it is
deleted or changed. Nothing is written as long as the roots are not known, as in offline commands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from meshgate.api import Ref
from meshgate.host.controllers.view import Controller, Settings, View, is_going
from meshgate.store.core import Create, Modify, Raw, Write, meta

NAME: Final = "istio-ca-root-cert"
KEY: Final = "root-cert.pem"
LABELS: Final = {"istio.io/config": "true"}


def desired(view: View, settings: Settings, _now: str) -> Iterable[Write]:
    if not settings.roots_pem:
        return
    data = {KEY: settings.roots_pem}
    for namespace in view.list("Namespace"):
        name = meta(namespace)["name"]
        if is_going(namespace):
            continue
        existing = view.get("ConfigMap", name, NAME)
        if existing is None:
            metadata = {"name": NAME, "namespace": name, "labels": LABELS}
            yield Create(raw={"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        elif not _is_right(existing, data):
            yield Modify(ref=Ref("ConfigMap", name, NAME), change=lambda old: _put_right(old, data))


def _is_right(raw: Raw, data: Raw) -> bool:
    labels = meta(raw).get("labels") or {}
    return is_going(raw) or (raw.get("data") == data and LABELS.items() <= labels.items())


def _put_right(raw: Raw, data: Raw) -> Raw:
    labels = {**(meta(raw).get("labels") or {}), **LABELS}
    return {**raw, "metadata": {**meta(raw), "labels": labels}, "data": data}


ROOT_CERTIFICATES = Controller(name="root certificates", reads=frozenset({"Namespace", "ConfigMap"}), desired=desired)
