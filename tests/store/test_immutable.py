"""What is set once: clients may not change it, controllers may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from meshgate.api import Problem, Ref
from meshgate.store.admission import Admission
from meshgate.store.core import Change, Create, Modify, Raw, StatusFault, Update
from meshgate.store.sqlite import Store
from tests.store.objects import config_map, pod, service


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


async def admit(changes: Sequence[Change]) -> tuple[Problem, ...]:
    return ()


def deployment(app: str) -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"app": app}}, "template": {"metadata": {"labels": {"app": app}}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def secret(value: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": value}, **fields}


def with_spec(raw: Raw, **fields: Any) -> dict[str, Any]:
    return {**raw, "spec": {**raw["spec"], **fields}}


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (deployment("a"), deployment("b"), 'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is'),
        (service(clusterIP="1.2.3.4"), service(clusterIP="1.2.3.5"), 'spec.clusterIP: Invalid value: "1.2.3.5":'),
        (secret("YQ=="), secret("YQ==", type="x"), 'type: Invalid value: "x": field is immutable'),
        (secret("YQ==", immutable=True), secret("Yg==", immutable=True), "data: Forbidden: field is immutable when"),
        (secret("YQ==", immutable=True), secret("YQ=="), "immutable: Forbidden"),
        (config_map(data={"a": "1"}) | {"immutable": True}, config_map(data={"a": "2"}), "data: Forbidden"),
        (pod(), with_spec(pod(), hostname="x"), "spec: Forbidden: pod updates may not change fields other than"),
        (pod(), with_spec(pod(), containers=[]), "spec: Forbidden"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_client_may_not_change_it_and_a_controller_may(store: Store, before: Raw, after: Raw, text: str) -> None:
    store.transact([Create(raw=before)])
    with pytest.raises(StatusFault) as refused:
        asyncio.run(Admission(store, admit).write([Update(raw=after)]))
    assert (refused.value.code, text in refused.value.text) == (422, True), refused.value.text
    assert refused.value.write_index == 0
    assert "Yg==" not in refused.value.text
    store.transact([Update(raw=after)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (deployment("a"), with_spec(deployment("a"), replicas=3)),
        (service(), service(clusterIP="1.2.3.4")),
        (service(clusterIP="1.2.3.4"), service(type="ExternalName", externalName="x")),
        (secret("YQ=="), secret("Yg==", immutable=True)),
        (pod(), with_spec(pod(), containers=[{"name": "app", "command": ["true"], "image": "new"}])),
        (pod(), with_spec(pod(), activeDeadlineSeconds=5)),
        (pod(), pod(labels={"a": "b"})),
    ],
    ids=lambda value: value["kind"],
)
def test_a_client_may_change_what_is_free(store: Store, before: Raw, after: Raw) -> None:
    store.transact([Create(raw=before)])
    written = asyncio.run(Admission(store, admit).write([Update(raw=after)]))
    assert written.results[0].outcome == "configured"


def test_a_service_that_is_replaced_keeps_its_address(store: Store) -> None:
    store.transact([Create(raw=service(ports=[{"port": 80}]))])
    ref = Ref("Service", "default", "web")
    store.transact([Modify(ref=ref, change=lambda raw: with_spec(raw, clusterIP="1.2.3.4", clusterIPs=["1.2.3.4"]))])
    (result,) = asyncio.run(Admission(store, admit).write([Update(raw=service(ports=[{"port": 81}]))])).results
    assert (result.raw["spec"]["clusterIP"], result.raw["spec"]["clusterIPs"]) == ("1.2.3.4", ["1.2.3.4"])
