"""Objects are named as kubectl's users name them."""

from __future__ import annotations

import pytest

from meshgate.api import KINDS
from meshgate.cli.resources import kind_named, parse_named, printed_name
from meshgate.errors import UsageError


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("pods", "Pod"),
        ("po", "Pod"),
        ("Pod", "Pod"),
        ("deploy", "Deployment"),
        ("deployments.apps", "Deployment"),
        ("vs", "VirtualService"),
        ("virtualservices.networking.istio.io", "VirtualService"),
        ("gateways.v1.networking.istio.io", "Gateway"),
        ("svc", "Service"),
    ],
)
def test_a_kind_has_kubectls_words(word: str, kind: str) -> None:
    assert kind_named(word).kind == kind


def test_an_unknown_word_gets_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        kind_named("virtualservice5")
    assert "virtualservice" in caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["pods"], [("Pod", "")]),
        (["pods,svc"], [("Pod", ""), ("Service", "")]),
        (["pod", "a", "b"], [("Pod", "a"), ("Pod", "b")]),
        (["pod/a", "svc/b"], [("Pod", "a"), ("Service", "b")]),
    ],
)
def test_arguments_name_objects(arguments: list[str], named: list[tuple[str, str]]) -> None:
    assert [(each.kind.kind, each.name) for each in parse_named(arguments)] == named


@pytest.mark.parametrize("arguments", [[], ["pod", "svc/b"], ["pods,svc", "a"]])
def test_a_mixture_is_called_wrongly(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_named(arguments)


def test_messages_name_objects_with_their_group() -> None:
    printed = {kind.kind: printed_name(kind, "x") for kind in KINDS}
    assert printed["Pod"] == "pod/x"
    assert printed["Gateway"] == "gateway.networking.istio.io/x"
