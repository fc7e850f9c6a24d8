"""What decode says of objects: all faults in one go, each with path, position, and what was meant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from meshgate.api import (
    Abort,
    Decoder,
    Delay,
    Destination,
    Exact,
    Prefix,
    Present,
    Problem,
    Ref,
    Regex,
    SecretBytes,
    VirtualService,
    codes,
    decode,
    decode_all,
    documents,
    unimplemented,
)
from tests.api import objects
from tests.api.objects import REMOVED, Raw, changed


def _problems(raw: Raw) -> list[Problem]:
    resource, problems = decode(raw)
    assert resource is None
    return list(problems)


def _spec(raw: Raw) -> Any:
    resource, problems = decode_all(raw)
    assert resource is not None, problems
    return resource.spec


@pytest.mark.parametrize("raw", objects.ALL, ids=lambda raw: raw["kind"])
def test_a_valid_object_of_each_kind_is_accepted(raw: Raw) -> None:
    resource, problems = decode(raw)
    assert not problems
    assert resource is not None
    namespace = "" if raw["kind"] == "Namespace" else raw["metadata"]["namespace"]
    assert resource.ref == Ref(raw["kind"], namespace, raw["metadata"]["name"])


def test_all_faults_are_told_in_one_go_with_their_places() -> None:
    text = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: web
spec:
  hosts:
  - 5
  htp: []
  http:
  - match:
    - uri: {prefx: /a}
    timeout: 3
    retries:
      attempts: many
    route:
    - destination:
        host: web
        port: {number: 70000}
      weight: -1
  tcp: [{match: [{sourceSubnet: 10.0.0.0/8}], route: [{destination: {host: web}}]}]
"""
    (document,), _ = documents(text, "web.yaml")
    resource, problems = decode(document.raw, document.position)
    assert resource is None
    assert [(problem.position, problem.path, problem.code) for problem in problems] == [
        ("web.yaml:7", "spec.hosts[0]", codes.WRONG_TYPE),
        ("web.yaml:8", "spec.htp", codes.UNKNOWN_FIELD),
        ("web.yaml:11", "spec.http[0].match[0].uri.prefx", codes.UNKNOWN_FIELD),
        ("web.yaml:12", "spec.http[0].timeout", codes.WRONG_TYPE),
        ("web.yaml:14", "spec.http[0].retries.attempts", codes.WRONG_TYPE),
        ("web.yaml:18", "spec.http[0].route[0].destination.port.number", codes.WRONG_TYPE),
        ("web.yaml:20", "spec.tcp[0].match[0].sourceSubnet", codes.NOT_IMPLEMENTED),
        ("web.yaml:19", "spec.http[0].route[0].weight", codes.INVALID),
    ]
    assert {problem.ref for problem in problems} == {Ref("VirtualService", "default", "web")}


@pytest.mark.parametrize(
    ("path", "value", "place", "code", "words"),
    [
        pytest.param("spec.hots", [], "spec.hots", codes.UNKNOWN_FIELD, 'nearest: "hosts"', id="nearest name"),
        pytest.param("spec.xyzzy", 1, "spec.xyzzy", codes.UNKNOWN_FIELD, "", id="nothing near"),
        pytest.param(
            "spec.export_too", 1, "spec.export_too", codes.UNKNOWN_FIELD, "export_to", id="nearest in snake case"
        ),
        pytest.param("sepc", {}, "sepc", codes.UNKNOWN_FIELD, 'nearest: "spec"', id="top level"),
        pytest.param("metadata.lables", {}, "metadata.lables", codes.UNKNOWN_FIELD, "labels", id="metadata"),
        pytest.param("spec.hosts", "web", "spec.hosts", codes.WRONG_TYPE, "a list", id="text for a list"),
        pytest.param("spec", [], "spec", codes.WRONG_TYPE, "an object", id="list for an object"),
        pytest.param(
            "spec.http.0.timeout", 5, "spec.http[0].timeout", codes.WRONG_TYPE, '"5s"', id="number for duration"
        ),
        pytest.param("spec.http.0.timeout", "5", "spec.http[0].timeout", codes.WRONG_TYPE, "1m30s", id="no unit"),
        pytest.param(
            "spec.http.0.name", True, "spec.http[0].name", codes.WRONG_TYPE, '"true"', id="boolean for a text"
        ),
        pytest.param("spec.http.0.name", 1, "spec.http[0].name", codes.WRONG_TYPE, '"1"', id="number for a text"),
        pytest.param("spec.http.0.tls", [], "spec.http[0].tls", codes.UNKNOWN_FIELD, "", id="field of something else"),
        pytest.param(
            "spec.tcp",
            [{"match": [{"sourceSubnet": "10.0.0.0/8"}], "route": [{"destination": {"host": "web"}}]}],
            "spec.tcp[0].match[0].sourceSubnet",
            codes.NOT_IMPLEMENTED,
            "not implemented yet",
            id="not implemented",
        ),
        pytest.param("metadata.name", REMOVED, "metadata.name", codes.BAD_METADATA, "needs a name", id="no name"),
        pytest.param("metadata.name", "A_b", "metadata.name", codes.BAD_METADATA, "no name of a", id="bad name"),
        pytest.param(
            "metadata.labels", {"a b": "c"}, "metadata.labels[a b]", codes.BAD_METADATA, "label key", id="key"
        ),
        pytest.param(
            "metadata.labels", {"a": "b c"}, "metadata.labels.a", codes.BAD_METADATA, "label value", id="value"
        ),
    ],
)
def test_fault(path: str, value: object, place: str, code: str, words: str) -> None:
    (problem,) = _problems(changed(objects.VIRTUAL_SERVICE, path, value))
    assert (problem.path, problem.code, problem.severity) == (place, code, "error")
    assert words in f"{problem.text}; {problem.hint}"


@pytest.mark.parametrize(
    ("api_version", "kind", "code", "words"),
    [
        pytest.param(
            "networking.istio.io/v1", "VirtualServce", codes.UNKNOWN_KIND, 'nearest: "VirtualService"', id="typo"
        ),
        pytest.param(
            "networking.istio.io/v2", "Gateway", codes.UNKNOWN_KIND, "networking.istio.io/v1beta1", id="version"
        ),
        pytest.param(
            "security.istio.io/v1", "AuthorizationPolicy", codes.NOT_IMPLEMENTED, "not implemented", id="later"
        ),
        pytest.param(
            "gateway.networking.k8s.io/v1", "Gateway", codes.NOT_IMPLEMENTED, "not implemented", id="namesake"
        ),
        pytest.param("", "Gateway", codes.NOT_AN_OBJECT, "apiVersion", id="no version"),
        pytest.param("v1", "", codes.NOT_AN_OBJECT, "kind", id="no kind"),
        pytest.param("v1", 5, codes.NOT_AN_OBJECT, "the number 5", id="kind is no text"),
    ],
)
def test_kind(api_version: str, kind: Any, code: str, words: str) -> None:
    (problem,) = _problems({**objects.GATEWAY, "apiVersion": api_version, "kind": kind})
    assert problem.code == code
    assert words in f"{problem.text}; {problem.hint}"


def test_a_mistyped_field_is_not_missing_too() -> None:
    (problem,) = _problems(changed(objects.SERVICE_ENTRY, "spec.hosts", "web"))
    assert problem.code == codes.WRONG_TYPE


def test_names_get_the_namespace_default() -> None:
    resource, _ = decode(changed(objects.VIRTUAL_SERVICE, "metadata.namespace", REMOVED))
    assert resource is not None
    assert resource.ref == Ref("VirtualService", "default", "web")


def test_a_namespace_has_no_namespace() -> None:
    (problem,) = _problems(changed(objects.NAMESPACE, "metadata.namespace", "shop"))
    assert problem.path == "metadata.namespace"


@pytest.mark.parametrize(
    ("path", "value", "attribute", "expected"),
    [
        pytest.param(
            "fault.delay", {"fixedDelay": "5s"}, "fault.delay.fixed_delay", timedelta(seconds=5), id="duration"
        ),
        pytest.param("fault.delay", {"percentage": {"value": 10}}, "fault.delay.percentage", 10.0, id="percentage"),
        pytest.param("fault.delay", {"percentage": {}}, "fault.delay.percentage", 0.0, id="empty percentage"),
        pytest.param("fault.delay", {"percent": 10}, "fault.delay", Delay(percentage=10.0), id="old percent"),
        pytest.param(
            "fault.delay", {"percent": 10, "percentage": {"value": 2}}, "fault.delay.percentage", 2.0, id="old and new"
        ),
        pytest.param("fault.abort", {"httpStatus": "503"}, "fault.abort", Abort(http_status=503), id="number as text"),
        pytest.param("mirrorPercent", 5, "mirror_percentage", 5.0, id="old mirrorPercent"),
        pytest.param("mirror_percent", 5, "mirror_percentage", 5.0, id="old mirror_percent"),
        pytest.param(
            "mirror", {"host": "a", "port": {"number": 80}}, "mirror", Destination(host="a", port=80), id="port"
        ),
        pytest.param("redirect", {"derivePort": 1}, "redirect.derive_port", "FROM_REQUEST_PORT", id="number of a word"),
        pytest.param("timeout", None, "timeout", None, id="null is not given"),
        pytest.param(
            "corsPolicy", {"allowOrigin": ["*"]}, "cors_policy.allow_origins", (Exact(value="*"),), id="origin"
        ),
        pytest.param(
            "directResponse",
            {"status": 200, "body": {"string": "é"}},
            "direct_response.body",
            "é".encode(),
            id="text body",
        ),
        pytest.param(
            "directResponse",
            {"status": 200, "body": {"bytes": "_-8="}},
            "direct_response.body",
            b"\xff\xef",
            id="bytes",
        ),
    ],
)
def test_spelling(path: str, value: object, attribute: str, expected: object) -> None:
    raw = changed(objects.VIRTUAL_SERVICE, f"spec.http.0.{path}", value)
    if path in ("redirect", "directResponse"):
        raw = changed(raw, "spec.http.0.route", [])
        raw = changed(raw, "spec.http.0.redirect.uri", "/") if path == "redirect" else raw
    found = _spec(raw).http[0]
    for name in attribute.split("."):
        found = getattr(found, name)
    assert found == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({"exact": "a"}, Exact(value="a"), id="exact"),
        pytest.param({"prefix": "a"}, Prefix(value="a"), id="prefix"),
        pytest.param({"regex": "a"}, Regex(value="a"), id="regex"),
        pytest.param({}, Present(), id="presence"),
    ],
)
def test_header_match(raw: Raw, expected: object) -> None:
    spec = _spec(changed(objects.VIRTUAL_SERVICE, "spec.http.0.match", [{"headers": {"x": raw}}]))
    assert spec.http[0].match[0].headers == (("x", expected),)


def test_an_empty_match_of_the_path_is_none() -> None:
    spec = _spec(changed(objects.VIRTUAL_SERVICE, "spec.http.0.match", [{"uri": {}}]))
    assert spec.http[0].match[0].uri is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        pytest.param("match", [{"uri": {"exact": "a", "regex": "b"}}], "only one of exact", id="string match"),
        pytest.param("fault", {"abort": {"httpStatus": 500, "grpcStatus": "OK"}}, "only one of httpStatus", id="abort"),
        pytest.param("match", [None], "null", id="null in a list"),
    ],
)
def test_what_only_the_schema_refuses(path: str, value: object, words: str) -> None:
    _, problems = decode_all(changed(objects.VIRTUAL_SERVICE, f"spec.http.0.{path}", value))
    assert [problem.code for problem in problems] == [codes.SCHEMA]
    assert words in problems[0].text


def test_both_spellings_of_one_field_are_a_fault() -> None:
    raw = changed(objects.VIRTUAL_SERVICE, "spec.exportTo", ["."])
    (problem,) = _problems(changed(raw, "spec.export_to", ["*"]))
    assert problem.code == codes.DUPLICATE_KEY


def test_an_old_field_is_warned_about_where_istio_does() -> None:
    resource, problems = decode_all(changed(objects.VIRTUAL_SERVICE, "spec.http.0.mirrorPercent", 5))
    assert resource is not None
    assert [(problem.severity, problem.path) for problem in problems] == [("warning", "spec.http[0].mirrorPercent")]


def test_kubectls_note_is_no_part_of_the_value() -> None:
    note = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}
    resource, _ = decode(changed(objects.VIRTUAL_SERVICE, "metadata.annotations", note))
    assert resource is not None
    assert resource.meta.annotations == (("a", "b"),)


def test_what_changes_with_every_write_is_no_part_of_the_value() -> None:
    raw = changed(objects.VIRTUAL_SERVICE, "metadata.resourceVersion", "5")
    raw = changed(raw, "metadata.managedFields", [{}])
    assert decode(raw)[0] == decode(objects.VIRTUAL_SERVICE)[0]


def test_secrets_are_decoded_and_never_shown() -> None:
    raw = changed(objects.SECRET, "stringData", {"key": "over", "other": "text"})
    spec = _spec(raw)
    assert spec.data == (("key", SecretBytes(b"over")), ("other", SecretBytes(b"text")))
    assert "over" not in repr(spec)
    for wrong in ("not base64!", 12345):
        (problem,) = _problems(changed(objects.SECRET, "data.key", wrong))
        assert str(wrong) not in str(problem)


PEM_OF_NO_KEY = "-----BEGIN PRIVATE KEY-----\nMEECAQAw\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ("QUI=", True),
        ("QU\r\nI=\n", True),
        ("++//", True),
        ("QUI", False),
        ("--__", False),
        ("QUJD QUJD", False),
        (PEM_OF_NO_KEY, False),
    ],
)
def test_data_is_base64_as_kubernetes_takes_it(given: str, is_taken: bool) -> None:
    for raw in (changed(objects.SECRET, "data.key", given), changed(objects.CONFIG_MAP, "binaryData", {"key": given})):
        assert (decode(raw)[0] is not None) is is_taken


def test_unknown_names_of_kubernetes_kinds_are_refused_and_idle_ones_accepted() -> None:
    idle = changed(objects.POD, "spec.containers.0.resources", {"limits": {"cpu": 1}})
    assert decode(idle)[0] == decode(objects.POD)[0]
    (problem,) = _problems(changed(objects.POD, "spec.containers.0.comand", []))
    assert 'nearest: "command"' in problem.hint
    (problem,) = _problems(changed(objects.POD, "spec.hostNetwork", True))
    assert problem.code == codes.NOT_IMPLEMENTED


def test_kubernetes_kinds_have_no_snake_case_and_no_numbers_as_texts() -> None:
    (problem,) = _problems(changed(objects.POD, "spec.host_aliases", []))
    assert problem.code == codes.UNKNOWN_FIELD
    (problem,) = _problems(changed(objects.SERVICE, "spec.ports.0.port", "80"))
    assert problem.code == codes.WRONG_TYPE


@pytest.mark.parametrize(
    ("raw", "status", "expected"),
    [
        pytest.param(objects.POD, {"podIP": "10.0.0.1"}, ("10.0.0.1",), id="pod"),
        pytest.param(
            objects.POD, {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd::1"}]}, ("10.0.0.1", "fd::1"), id="pod's two"
        ),
        pytest.param(
            objects.SERVICE,
            {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "x"}]}},
            ("1.2.3.4", "x"),
            id="lb",
        ),
        pytest.param(
            objects.SERVICE_ENTRY, {"addresses": [{"value": "240.240.0.1"}]}, ("240.240.0.1",), id="service entry"
        ),
        pytest.param(objects.SERVICE, {"loadBalancer": {"ingress": "x"}}, (), id="nonsense"),
        pytest.param(objects.GATEWAY, {"addresses": [{"value": "1.2.3.4"}]}, (), id="kind without"),
        pytest.param(objects.POD, None, (), id="none"),
    ],
)
def test_addresses_in_the_status(raw: Raw, status: object, expected: tuple[str, ...]) -> None:
    resource, problems = decode({**raw, "status": status})
    assert not problems
    assert resource is not None
    assert resource.status_addresses == expected


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        pytest.param(objects.VIRTUAL_SERVICE, "spec.http.0.name", id="text"),
        pytest.param(objects.SECRET, "stringData.key", id="secret"),
        pytest.param(objects.ISTIO_OPERATOR, "spec.meshConfig.trustDomain", id="kept as it is"),
    ],
)
def test_texts_are_unicode(raw: Raw, path: str) -> None:
    (problem,) = _problems(changed(raw, path, "\ud800"))
    assert problem.code == codes.WRONG_TYPE


def test_objects_that_istio_made_need_not_obey_its_rules() -> None:
    raw = changed(objects.VIRTUAL_SERVICE, "metadata.annotations", {"internal.istio.io/parents": "x"})
    assert decode(raw)[0] is None
    resource, problems = Decoder({}, rules=False).decode(raw)
    assert not problems
    assert resource is not None
    assert isinstance(resource.spec, VirtualService)


@pytest.mark.parametrize("place", ["headers", "withoutHeaders"])
@pytest.mark.parametrize("key", ["@request.auth.claims.group", "@Request.auth.Claims[group]"])
def test_claims_of_jwts_wait_for_their_authentication(place: str, key: str) -> None:
    match = [{place: {"x-user": {"exact": "a"}, key: {"exact": "a"}}}]
    raw = changed(changed(objects.VIRTUAL_SERVICE, "spec.gateways", ["web"]), "spec.http.0.match", match)
    (problem,) = _problems(raw)
    assert problem.path == f"spec.http[0].match[0].{place}[{key}]"
    assert problem.code == codes.NOT_IMPLEMENTED
    assert "RequestAuthentication" in problem.text
    assert decode_all(raw)[0] is not None


def test_what_is_not_implemented_is_listed_for_the_conformance_runner() -> None:
    raw = changed(objects.VIRTUAL_SERVICE, "spec.tcp", [{"match": [{"sourceSubnet": "10.0.0.0/8"}]}])
    assert unimplemented(raw) == ("VirtualService.spec.tcp.match.sourceSubnet",)
    assert unimplemented({**raw, "apiVersion": "networking.istio.io/v1", "kind": "ProxyConfig"}) == ("ProxyConfig",)
    assert unimplemented(objects.VIRTUAL_SERVICE) == ()
