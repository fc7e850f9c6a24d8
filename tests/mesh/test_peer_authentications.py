"""Which policy decides what a port takes, and what is said of policies that decide nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import decode_all
from meshgate.mesh import (
    BoundPeerAuthentication,
    Facts,
    Memo,
    MtlsMode,
    PeerAuthenticationIndex,
    WorkloadMtls,
    build,
    workload_mtls,
)
from tests.mesh.objects import built, istio, pod, resources, service, snapshot

ROOT = "istio-system"
LABELS = (("app", "web"), ("version", "v1"))


def policy(name: str, spec: str, *, namespace: str = "shop", year: int = 2020) -> str:
    return istio("PeerAuthentication", name, spec, namespace=namespace, created=f"{year}-01-01T00:00:00Z")


def mode(value: str) -> str:
    return f"{{mtls: {{mode: {value}}}}}"


def for_web(value: str, ports: str = "") -> str:
    mtls = f", mtls: {{mode: {value}}}" if value else ""
    own = f", portLevelMtls: {{{ports}}}" if ports else ""
    return f"{{selector: {{matchLabels: {{app: web}}}}{mtls}{own}}}"


def mtls_of(text: str, namespace: str = "shop", labels: tuple[tuple[str, str], ...] = LABELS) -> WorkloadMtls:
    policies = snapshot(text).world.peer_authentications
    return Memo().nest(workload_mtls, policies, ROOT, namespace, labels)


MESH_STRICT = policy("default", mode("STRICT"), namespace=ROOT)
SHOP_DISABLED = policy("default", mode("DISABLE"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "PERMISSIVE", id="nobody says anything"),
        pytest.param(MESH_STRICT, "STRICT", id="the mesh"),
        pytest.param(MESH_STRICT + SHOP_DISABLED, "DISABLE", id="the namespace goes before the mesh"),
        pytest.param(SHOP_DISABLED + policy("web", for_web("STRICT")), "STRICT", id="workload before namespace"),
        pytest.param(MESH_STRICT + policy("default", "{}"), "STRICT", id="an empty policy leaves it open"),
        pytest.param(MESH_STRICT + policy("default", mode("UNSET")), "STRICT", id="UNSET leaves it open"),
        pytest.param(policy("default", mode("UNSET"), namespace=ROOT), "PERMISSIVE", id="UNSET for the mesh"),
        pytest.param(MESH_STRICT + SHOP_DISABLED + policy("web", for_web("UNSET")), "DISABLE", id="UNSET for it"),
        pytest.param(policy("one", "{selector: {}, mtls: {mode: STRICT}}"), "STRICT", id="a selector without labels"),
        pytest.param(policy("web", for_web("STRICT"), namespace="other"), "PERMISSIVE", id="another namespace"),
        pytest.param(policy("web", for_web("STRICT"), namespace=ROOT), "PERMISSIVE", id="a selector in the root"),
        pytest.param(
            policy("a", "{selector: {matchLabels: {app: web, version: v2}}, mtls: {mode: STRICT}}"),
            "PERMISSIVE",
            id="labels that the workload lacks",
        ),
        pytest.param(policy("z", mode("STRICT")) + policy("a", mode("DISABLE"), year=2021), "STRICT", id="the oldest"),
        pytest.param(policy("z", mode("STRICT")) + policy("a", mode("DISABLE")), "DISABLE", id="of one age by name"),
        pytest.param(
            policy("z", mode("UNSET")) + policy("a", mode("DISABLE"), year=2021) + MESH_STRICT,
            "STRICT",
            id="the oldest decides though it leaves it open",
        ),
        pytest.param(
            policy("z", for_web("STRICT")) + policy("a", for_web("DISABLE"), year=2021),
            "STRICT",
            id="oldest for it",
        ),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert mtls_of(text) == WorkloadMtls(mode=MtlsMode(expected))


def test_ports_inherit_what_they_leave_open() -> None:
    ports = '"8080": {mode: DISABLE}, "9090": {}, "70": {mode: UNSET}'
    found = mtls_of(MESH_STRICT + policy("web", for_web("", ports)))
    assert found.ports == ((70, MtlsMode.STRICT), (8080, MtlsMode.DISABLE), (9090, MtlsMode.STRICT))
    assert [found.of(port) for port in (70, 8080, 443)] == [MtlsMode.STRICT, MtlsMode.DISABLE, MtlsMode.STRICT]


def test_ports_of_a_newer_policy_do_not_count() -> None:
    newer = policy("newer", for_web("", '"8080": {mode: DISABLE}'), year=2021)
    assert mtls_of(policy("web", for_web("STRICT")) + newer).of(8080) is MtlsMode.STRICT


def test_workloads_of_the_root_namespace_have_the_meshs_policy() -> None:
    text = MESH_STRICT + policy("web", for_web("DISABLE"), namespace=ROOT)
    assert mtls_of(text, ROOT) == WorkloadMtls(mode=MtlsMode.STRICT)


def test_the_policies_of_a_workload_are_told_from_narrow_to_wide() -> None:
    text = MESH_STRICT + SHOP_DISABLED + policy("web", for_web(""))
    index = PeerAuthenticationIndex(snapshot(text).world.peer_authentications, ROOT)
    assert [str(found.ref) for found in index.policies_of("shop", LABELS)] == [
        "PeerAuthentication/shop/web",
        "PeerAuthentication/shop/default",
        f"PeerAuthentication/{ROOT}/default",
    ]
    assert [str(found.ref) for found in index.policies_of(ROOT, LABELS)] == [f"PeerAuthentication/{ROOT}/default"]


def test_what_did_not_change_is_the_same() -> None:
    memo = Memo()
    given = resources(MESH_STRICT + pod("web", "10.0.0.1", "shop", app="web"))
    first = build(given, Facts(), memo)[0].world
    again = build(resources(MESH_STRICT) + given[1:], Facts(), memo)[0].world
    assert again.peer_authentications[0] is first.peer_authentications[0]


MODES = st.sampled_from(["UNSET", "DISABLE", "PERMISSIVE", "STRICT"])
NAMESPACES = st.sampled_from(["shop", "other", ROOT])
SELECTORS = st.sampled_from([None, {"app": "web"}, {"app": "web", "version": "v1"}, {"app": "other"}])


def _spec(selector: dict[str, str] | None, mode: str, port_mode: str | None) -> dict[str, Any]:
    spec: dict[str, Any] = {"mtls": {"mode": mode}}
    if selector is not None:
        spec["selector"] = {"matchLabels": selector}
        if port_mode is not None:
            spec["portLevelMtls"] = {"8080": {"mode": port_mode}}
    return spec


POLICY = st.fixed_dictionaries(
    {
        "apiVersion": st.just("security.istio.io/v1"),
        "kind": st.just("PeerAuthentication"),
        "metadata": st.fixed_dictionaries(
            {
                "name": st.sampled_from(["a", "b", "c"]),
                "namespace": NAMESPACES,
                "creationTimestamp": st.sampled_from([f"{year}-01-01T00:00:00Z" for year in (2020, 2021, 2022)]),
            }
        ),
        "spec": st.builds(_spec, SELECTORS, MODES, st.none() | MODES),
    }
)


def _name(raw: Any) -> tuple[str, str]:
    return raw["metadata"]["name"], raw["metadata"]["namespace"]


POLICIES = st.lists(POLICY, max_size=6, unique_by=_name)


def _index(raws: list[dict[str, Any]]) -> PeerAuthenticationIndex:
    decoded = [decode_all(raw)[0] for raw in raws]
    assert all(one is not None for one in decoded)
    world = build([one for one in decoded if one is not None], Facts())[0].world
    return PeerAuthenticationIndex(world.peer_authentications, ROOT)


@given(raws=POLICIES, namespace=NAMESPACES, data=st.data())
def test_the_order_of_objects_does_not_matter(raws: list[dict[str, Any]], namespace: str, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(raws))
    assert _index(raws).workload_mtls(namespace, LABELS) == _index(shuffled).workload_mtls(namespace, LABELS)


@given(raws=POLICIES, namespace=NAMESPACES)
def test_the_narrowest_that_says_something_decides(raws: list[dict[str, Any]], namespace: str) -> None:
    index = _index(raws)
    chosen = index.policies_of(namespace, LABELS)
    found = index.workload_mtls(namespace, LABELS)
    said = [one.mode for one in chosen if one.mode is not None]
    assert found.mode is (said[0] if said else MtlsMode.PERMISSIVE)
    assert [_width(one) for one in chosen] == sorted({_width(one) for one in chosen})
    own = dict(chosen[0].ports) if chosen else {}
    assert found.of(8080) is (own.get(8080) or found.mode)


@given(raws=POLICIES, namespace=NAMESPACES, port=st.sampled_from([80, 8080, 9090]))
def test_who_decides_is_who_was_planned_by(raws: list[dict[str, Any]], namespace: str, port: int) -> None:
    index = _index(raws)
    decision = index.decision(namespace, LABELS, port)
    assert decision.mode == index.workload_mtls(namespace, LABELS).of(port)
    assert (decision.origin is None) == (decision.level == "default")


def test_who_decides_is_named_with_the_field() -> None:
    def said(text: str, port: int = 8080) -> tuple[str, str, str]:
        policies = snapshot(text).world.peer_authentications
        decision = PeerAuthenticationIndex(policies, ROOT).decision("shop", LABELS, port)
        return decision.mode.value, decision.level, str(decision.origin)

    everyone = MESH_STRICT + SHOP_DISABLED
    assert said("") == ("PERMISSIVE", "default", "None")
    assert said(MESH_STRICT) == ("STRICT", "mesh", f"PeerAuthentication/{ROOT}/default spec.mtls.mode")
    assert said(everyone) == ("DISABLE", "namespace", "PeerAuthentication/shop/default spec.mtls.mode")
    own = everyone + policy("web", for_web("STRICT", "8080: {mode: PERMISSIVE}"))
    assert said(own) == ("PERMISSIVE", "port", "PeerAuthentication/shop/web spec.portLevelMtls[8080].mode")
    assert said(own, 9090) == ("STRICT", "workload", "PeerAuthentication/shop/web spec.mtls.mode")


@given(raws=POLICIES)
def test_policies_elsewhere_change_nothing(raws: list[dict[str, Any]]) -> None:
    near = [raw for raw in raws if raw["metadata"]["namespace"] in ("shop", ROOT)]
    assert _index(raws).workload_mtls("shop", LABELS) == _index(near).workload_mtls("shop", LABELS)


def _width(policy: BoundPeerAuthentication) -> int:
    return 0 if policy.selector else 2 if policy.namespace == ROOT else 1


WEB = pod("web-1", "10.0.0.1", "shop", app="web", version="v1") + service(
    "web", "http:80:8080", "metrics:90:web", namespace="shop", selector="web"
)


def problems(text: str) -> list[str]:
    codes = ("MG0131", "MG0132", "MG0133", "IST0127")
    return [
        f"{found.code} {found.ref and found.ref.name} {found.path}: {found.text}"
        for found in built(text)[1]
        if found.code in codes
    ]


def test_a_second_policy_for_a_namespace_or_the_mesh() -> None:
    second = policy("second", mode("STRICT"), year=2021) + policy("mesh", mode("STRICT"), namespace=ROOT, year=2021)
    assert problems(WEB + MESH_STRICT + SHOP_DISABLED + second) == [
        f"MG0131 mesh spec: PeerAuthentication/{ROOT}/default is older and for all of the mesh, too: that one alone "
        "counts",
        'MG0131 second spec: PeerAuthentication/shop/default is older and for all of namespace "shop", too: that one '
        "alone counts",
    ]


def test_a_second_policy_for_a_workload() -> None:
    second = policy("second", "{selector: {matchLabels: {version: v1}}, mtls: {mode: STRICT}}", year=2021)
    assert problems(WEB + policy("web", for_web("DISABLE")) + second) == [
        "MG0131 second spec.selector: PeerAuthentication/shop/web is older and selects workloads with the labels "
        '"app=web, version=v1", too: that one counts'
    ]
    assert problems(WEB + SHOP_DISABLED + second) == []


def test_policies_for_different_workloads_stand_beside_each_other() -> None:
    other = pod("other", "10.0.0.2", "shop", app="other")
    second = policy("other", "{selector: {matchLabels: {app: other}}, mtls: {mode: STRICT}}", year=2021)
    assert problems(WEB + other + policy("web", for_web("DISABLE")) + second) == []


def test_a_selector_for_nobody() -> None:
    gone = policy("gone", "{selector: {matchLabels: {app: gone}}, mtls: {mode: STRICT}}")
    assert problems(WEB + gone) == [
        'IST0127 gone spec.selector: no workload of namespace "shop" has the labels "app=gone"'
    ]
    assert problems(gone) == []


def test_a_selector_in_the_root_namespace() -> None:
    assert problems(WEB + policy("web", for_web("STRICT"), namespace=ROOT)) == [
        f'MG0132 web spec.selector: in the root namespace "{ROOT}" a policy that selects workloads counts for nothing'
    ]


@pytest.mark.parametrize("port", [8080, 80, 90, 9999])
def test_ports_that_the_workloads_have(port: int) -> None:
    found = problems(WEB + policy("web", for_web("STRICT", f'"{port}": {{mode: DISABLE}}')))
    mistakes = {
        80: '80 is a port of service "web.shop.svc.cluster.local"; the workloads have port 8080 for it',
        90: '90 is a port of service "web.shop.svc.cluster.local"; the workloads have port 8080 for it',
        9999: "no service leads to port 9999 of the workloads that are selected, and none of their containers has it",
    }
    assert found == ([f"MG0133 web spec.portLevelMtls[{port}]: {mistakes[port]}"] if port in mistakes else [])


def test_ports_of_workloads_without_services_are_unknown() -> None:
    alone = pod("web-1", "10.0.0.1", "shop", app="web")
    assert problems(alone + policy("web", for_web("STRICT", '"9999": {mode: DISABLE}'))) == []
