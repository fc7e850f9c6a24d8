"""What users are told about mistakes that are often made: where, what was expected, what to do."""

from __future__ import annotations

import pytest

from meshgate.api import decode, documents

_HEADS = "apiVersion: networking.istio.io/v1\nkind: {}\nmetadata: {{name: x}}\nspec: "

_MISTAKES = {
    "text for a list": ("VirtualService", "{hosts: web}", "spec.hosts", 'write it as a list: ["web"]'),
    "item for a list": ("Gateway", "{servers: {hosts: [a]}}", "spec.servers", "put a dash in front"),
    "list for a text": ("WorkloadEntry", "{address: [a]}", "spec.address", 'it is one text, no list: "a"'),
    "number for an object": ("ServiceEntry", "{ports: [80]}", "spec.ports[0]", "fields: number, protocol, name"),
    "selector as kubectl takes it": ("Gateway", "{selector: app=gw}", "spec.selector", 'write {app: "gw"}'),
    "per cent": ("VirtualService", '{tcp: [{route: [{weight: "50%"}]}]}', "spec.tcp[0].route[0].weight", "alone: 50"),
    "long duration": ("VirtualService", "{http: [{timeout: 99999999h}]}", "timeout", '"99999999h" is too long'),
    "small percentage": (
        "VirtualService",
        "{http: [{fault: {abort: {httpStatus: 500, percentage: {value: 0.00001}}}}]}",
        "abort.percentage",
        "0.00001 is no percentage",
    ),
    "yes": ("VirtualService", '{http: [{match: [{ignoreUriCase: "yes"}]}]}', "spec.http[0].match[0]", "write true"),
    "unknown field of few": ("VirtualService", "{http: [{headers: {x: y}}]}", "headers.x", "request, response"),
    "number that is no label": ("DestinationRule", "{subsets: [{labels: {v: 1}}]}", "labels.v", 'in quotes: "1"'),
    "URL for a host": ("VirtualService", '{hosts: ["http://web"]}', "spec.hosts[0]", 'leave out "http://"'),
    "port at a host": ("DestinationRule", '{host: "web:80"}', "spec.host", "leave out the port"),
    "underscore": ("ServiceEntry", "{hosts: [my_web.com]}", "spec.hosts[0]", 'a host name has no "_"'),
    "address for a host": ("ServiceEntry", "{hosts: [10.0.0.1]}", "spec.hosts[0]", "spec.addresses"),
    "no host": ("DestinationRule", "{subsets: []}", "spec.host", "name the service"),
    "no number": ("ServiceEntry", "{ports: [{name: http}]}", "spec.ports[0].number", "a port needs its number"),
    "no protocol": ("Gateway", "{servers: [{port: {number: 80}}]}", "port.protocol", "a port needs a protocol"),
    "no tls": (
        "Gateway",
        "{servers: [{port: {number: 443, name: a, protocol: HTTPS}}]}",
        "spec.servers[0].tls",
        "credentialName",
    ),
}


@pytest.mark.parametrize(
    ("kind", "spec", "path", "words"), [pytest.param(*mistake, id=name) for name, mistake in _MISTAKES.items()]
)
def test_a_mistake_is_told_with_what_to_do(kind: str, spec: str, path: str, words: str) -> None:
    (document,), _ = documents(_HEADS.format(kind) + spec, "a.yaml")
    _, problems = decode(document.raw, document.position)
    found = [problem for problem in problems if path in problem.path and words in f"{problem.text}; {problem.hint}"]
    assert found, problems
    assert found[0].position == "a.yaml:4"


def test_a_broken_item_does_not_hide_the_faults_of_the_others() -> None:
    spec = (
        "{hosts: [a.com], resolution: STATIC, endpoints: [{address: b.com}, 5, {address: 1.2.3}], ports: [{number: 1}]}"
    )
    (document,), _ = documents(_HEADS.format("ServiceEntry") + spec, "a.yaml")
    _, problems = decode(document.raw)
    assert [problem.path for problem in problems] == [
        "spec.endpoints[1]",
        "spec.ports[0].name",
        "spec.endpoints[0].address",
        "spec.endpoints[2].address",
    ]
