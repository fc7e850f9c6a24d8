"""What is wrong with certificates is told at the Secret, and at each object that asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meshgate.api import ExtensionProvider, MeshConfig, SdsProvider
from meshgate.mesh import Facts, next_change, out_of_date
from tests.certificates import certificate
from tests.mesh.objects import built, istio, pod
from tests.mesh.secret_objects import config_map, secret

LEAF, OTHER = certificate("leaf"), certificate("other")
ROOT = certificate("root", is_ca=True)
GATEWAY_POD = pod("gw-1", "10.0.0.1", namespace="edge", app="gw")
GOOD = {"tls_crt": LEAF.pem, "tls_key": LEAF.key, "ca_crt": ROOT.pem}
BAD = {"tls_crt": LEAF.pem, "tls_key": OTHER.key, "ca_crt": b"hello"}
SERVER = "Gateway/default/gw spec.servers[0]"
MISSING = 'no Secret "web" in namespace "edge", where the gateway\'s pods are'
NOT_THAT = 'the private key is not that of the certificate "CN=leaf"'


def gateway(tls: str, hosts: str = "['*']", selector: str = "{app: gw}") -> str:
    server = f"{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: {hosts}, tls: {tls}}}"
    return istio("Gateway", "gw", f"{{selector: {selector}, servers: [{server}]}}")


def rule(tls: str, rest: str = "") -> str:
    entry = "{hosts: [a.org], ports: [{number: 443, name: http, protocol: HTTP}], resolution: DNS}"
    spec = f"{{host: a.org, trafficPolicy: {{portLevelSettings: [{{port: {{number: 443}}, tls: {tls}}}]}}{rest}}}"
    return istio("ServiceEntry", "out", entry) + istio("DestinationRule", "dr", spec)


SIMPLE = gateway("{mode: SIMPLE, credentialName: web}")
MUTUAL = gateway("{mode: MUTUAL, credentialName: web}")
ORIGINATE = rule("{mode: MUTUAL, credentialName: web}")
RULE = "DestinationRule/default/dr spec.trafficPolicy.portLevelSettings[0].tls.credentialName"


def found(text: str) -> list[str]:
    return [str(problem) for problem in built(text)[1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            SIMPLE + GATEWAY_POD,
            [f"{SERVER}.tls.credentialName: {MISSING} [IST0101]"],
            id="missing",
        ),
        pytest.param(
            SIMPLE + GATEWAY_POD + secret("web", "default", GOOD) + secret("web", "shop", GOOD),
            [
                f'{SERVER}.tls.credentialName: no Secret "web" in namespace "edge", where the gateway\'s pods are; '
                'the one in "default" and "shop" is not used; create it in "edge" with: -n edge [IST0101]'
            ],
            id="in other namespaces",
        ),
        pytest.param(
            SIMPLE + GATEWAY_POD + secret("web", "edge", BAD),
            [
                f"{SERVER}.tls.credentialName: Secret/edge/web cannot be used: data[tls.key]: {NOT_THAT} [IST0161]",
                f"Secret/edge/web data[tls.key]: {NOT_THAT} [MG0151]",
            ],
            id="broken",
        ),
        pytest.param(
            MUTUAL + GATEWAY_POD + secret("web", "edge", tls_crt=LEAF.pem, tls_key=LEAF.key),
            [
                f"{SERVER}.tls.credentialName: Secret/edge/web cannot be used: data: it has no certificates of an "
                'authority; its keys: tls.crt, tls.key; a key "ca.crt" with PEM text is expected [IST0161]',
                "Secret/edge/web data: it has no certificates of an authority; its keys: tls.crt, tls.key; "
                'a key "ca.crt" with PEM text is expected [MG0151]',
            ],
            id="no roots",
        ),
        pytest.param(
            gateway("{mode: MUTUAL, credentialName: web, caCertCredentialName: roots}")
            + GATEWAY_POD
            + secret("web", "edge", GOOD),
            [
                f'{SERVER}.tls.caCertCredentialName: no Secret "roots" in namespace "edge", '
                "where the gateway's pods are [IST0101]"
            ],
            id="roots of their own",
        ),
        pytest.param(
            gateway("{mode: MUTUAL, credentialName: web, caCertCredentialName: 'configmap://shop/roots'}")
            + GATEWAY_POD
            + secret("web", "edge", GOOD),
            [f'{SERVER}.tls.caCertCredentialName: no ConfigMap "roots" in namespace "shop" [IST0101]'],
            id="map",
        ),
        pytest.param(
            gateway("{mode: SIMPLE, credentialNames: [web, none]}") + GATEWAY_POD + secret("web", "edge", GOOD),
            [
                f'{SERVER}.tls.credentialNames[1]: no Secret "none" in namespace "edge", '
                "where the gateway's pods are [IST0101]"
            ],
            id="second of two",
        ),
        pytest.param(
            gateway("{mode: SIMPLE, credentialName: 'kubernetes://shop/web'}")
            + GATEWAY_POD
            + secret("web", "shop", GOOD),
            [
                f'{SERVER}.tls.credentialName: "kubernetes://shop/web" is of another namespace than "edge", '
                "where the gateway's pods are; it is not used [IST0101]"
            ],
            id="another namespace by name",
        ),
        pytest.param(
            secret("web", kind="kubernetes.io/tls", tls_crt=LEAF.pem, tls_key=OTHER.key),
            [f"Secret/default/web data[tls.key]: {NOT_THAT} [MG0151]"],
            id="a Secret for TLS that nobody uses",
        ),
        pytest.param(
            ORIGINATE + SIMPLE + GATEWAY_POD + secret("web", "edge", tls_crt=LEAF.pem, tls_key=LEAF.key),
            [
                f"{RULE}: Secret/edge/web cannot be used: data: it has no certificates of an authority; its keys: "
                'tls.crt, tls.key; a key "ca.crt" with PEM text is expected [MG0151]',
                "Secret/edge/web data: it has no certificates of an authority; its keys: tls.crt, tls.key; "
                'a key "ca.crt" with PEM text is expected [MG0151]',
            ],
            id="rule for gateways",
        ),
        pytest.param(
            rule("{mode: SIMPLE, credentialName: web}", ", workloadSelector: {matchLabels: {app: gw}}")
            + pod("a", "10.0.0.2", app="gw")
            + secret("web", "edge", GOOD),
            [
                f'{RULE}: no Secret "web" in namespace "default", where the rule\'s workloads are; '
                'the one in "edge" is not used; create it in "default" with: -n default [IST0101]'
            ],
            id="rule for workloads",
        ),
        pytest.param(
            gateway("{mode: SIMPLE, credentialName: web}", "[a.org, x.b.org, y.x.b.org, '*.b.org', c.org, '*.c.org']")
            + GATEWAY_POD
            + secret("web", "edge", tls_crt=(made := certificate("a", dns=("a.org", "*.b.org"))).pem, tls_key=made.key),
            [
                f'{SERVER}.hosts[{place}]: the certificate "CN=a" of Secret/edge/web is not for "{host}"; '
                "it is for a.org, *.b.org; clients that verify it refuse it [MG0154]"
                for place, host in ((2, "y.x.b.org"), (4, "c.org"), (5, "*.c.org"))
            ],
            id="hosts",
        ),
    ],
)
def test_what_is_wrong(text: str, expected: list[str]) -> None:
    assert found(text) == expected


def test_a_doubtful_chain_is_told_at_the_secret() -> None:
    text = secret("web", "edge", kind="kubernetes.io/tls", tls_crt=LEAF.pem + OTHER.pem, tls_key=LEAF.key)
    [problem] = found(text)
    assert problem.startswith("Secret/edge/web data[tls.crt]: certificate 2 of the chain")
    assert problem.endswith("[MG0152]")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SIMPLE + GATEWAY_POD + secret("web", "edge", GOOD), id="there"),
        pytest.param(MUTUAL + GATEWAY_POD + secret("web", "edge", GOOD), id="mutual"),
        pytest.param(
            MUTUAL
            + GATEWAY_POD
            + secret("web", "edge", tls_crt=LEAF.pem, tls_key=LEAF.key)
            + secret("web-cacert", "edge", ca_crt=ROOT.pem),
            id="companion",
        ),
        pytest.param(
            gateway("{mode: MUTUAL, credentialName: web, caCertCredentialName: 'configmap://shop/roots'}")
            + GATEWAY_POD
            + secret("web", "edge", tls_crt=LEAF.pem, tls_key=LEAF.key)
            + config_map("roots", "shop", ca_crt=ROOT.pem),
            id="map",
        ),
        pytest.param(gateway("{mode: PASSTHROUGH, credentialName: web}") + GATEWAY_POD, id="passthrough"),
        pytest.param(SIMPLE, id="no workloads at all"),
        pytest.param(ORIGINATE, id="rule without any gateway"),
        pytest.param(
            ORIGINATE
            + SIMPLE
            + GATEWAY_POD
            + pod("gw-2", "10.0.0.3", namespace="other", app="gw2")
            + secret("web", "edge", GOOD)
            + gateway("{mode: PASSTHROUGH}", selector="{app: gw2}").replace("name: gw,", "name: gw2,"),
            id="rule, and one gateway has it",
        ),
        pytest.param(secret("web", tls_crt=b"x", tls_key=b"y"), id="a generic Secret that nobody uses"),
    ],
)
def test_what_is_right(text: str) -> None:
    assert found(text) == []


def test_certificates_expire() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    made = certificate("a", begin=noon, end=noon + timedelta(days=90))
    text = SIMPLE + GATEWAY_POD + secret("web", "edge", tls_crt=made.pem, tls_key=made.key)
    validities = built(text)[0].validities

    def told(now: datetime) -> list[str]:
        return [str(problem) for problem in out_of_date(validities, now)]

    before, end = noon - timedelta(seconds=1), noon + timedelta(days=90)
    early = "is not valid yet: it will be from 2026-03-01 12:00:00 UTC on; look at this machine's clock [MG0153]"
    late = "has expired: it was valid until 2026-05-30 12:00:00 UTC; clients refuse it; renew it [MG0153]"
    assert told(before) == [
        f'{SERVER}.tls.credentialName: certificate "CN=a" of Secret/edge/web {early}',
        f'Secret/edge/web data[tls.crt]: certificate "CN=a" {early}',
    ]
    assert told(noon) == []
    assert told(end) == [
        f'{SERVER}.tls.credentialName: certificate "CN=a" of Secret/edge/web {late}',
        f'Secret/edge/web data[tls.crt]: certificate "CN=a" {late}',
    ]
    assert [next_change(validities, now) for now in (before, noon, end)] == [noon, end, None]


def test_no_problem_shows_a_key() -> None:
    lines = [line.decode() for line in OTHER.key.split(b"\n")[1:-2]]
    text = MUTUAL + ORIGINATE + GATEWAY_POD + secret("web", "edge", BAD, ca_crt=OTHER.key)
    snapshot, problems = built(text)
    shown = "".join(map(repr, problems)) + repr(snapshot)
    assert problems
    assert not [line for line in lines if line in shown]


NOT_GIVEN = 'nobody gives the secret "sds://{}": '
HINT = "name a service for it in extensionProviders of the mesh configuration, or a Secret here [IST0101]"
SECRETS = SdsProvider(service="default/secrets.org", port=8443)
ENTRY = "{hosts: [secrets.org], ports: [{number: PORT, name: grpc, protocol: GRPC}], resolution: STATIC}"


@pytest.mark.parametrize(
    ("text", "provider", "expected"),
    [
        pytest.param(
            "", None, "the mesh configuration has no provider of secrets (extensionProviders of kind sds)", id="none"
        ),
        pytest.param("", SECRETS, 'the provider "mine" is at "secrets.org", which is no service', id="no service"),
        pytest.param("443", SECRETS, 'the provider "mine" is at "secrets.org", which has no port 8443', id="no port"),
        pytest.param("8443", SECRETS, "", id="good"),
    ],
)
def test_secrets_of_a_service(text: str, provider: SdsProvider | None, expected: str) -> None:
    facts = Facts(mesh=MeshConfig(extension_providers=(ExtensionProvider(name="mine", sds=provider),)))
    entry = istio("ServiceEntry", "secrets", ENTRY.replace("PORT", text)) if text else ""
    objects = gateway("{mode: SIMPLE, credentialName: 'sds://web'}") + rule(
        "{mode: SIMPLE, credentialName: 'sds://web'}"
    )
    problems = [str(problem) for problem in built(objects + GATEWAY_POD + entry, facts)[1]]
    asking = ((RULE, "web-cacert"), (f"{SERVER}.tls.credentialName", "web"))
    told = [f"{field}: {NOT_GIVEN.format(name)}{expected}; {HINT}" for field, name in asking]
    assert [problem for problem in problems if "sds://web" in problem] == (told if expected else [])
    assert not [problem for problem in problems if "no Secret" in problem or "another namespace" in problem]
