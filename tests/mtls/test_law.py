"""Whatever PeerAuthentications and DestinationRules say: what is sent is taken, or is refused as it must be."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgate.host.envoy_binary import load_schema
from meshgate.mesh import Facts, MtlsMode
from meshgate.plan import Proxy
from tests.mesh.objects import istio
from tests.mtls.ends import TARGET, ends, is_taken
from tests.plan.planned import PLAIN, ROUTER, SIDECAR, mesh

MODES = st.sampled_from(["", "UNSET", "DISABLE", "PERMISSIVE", "STRICT"])
NAMES = ("tcp", "http", "http2", "auto")
SPEAKING_HTTP = {"tcp": (False,), "http": (True,), "http2": (True,), "auto": (False, True)}
RULES = [
    *(("", "") for _ in range(6)),  # where nothing is said most is decided
    *itertools.product(("", "DISABLE", "ISTIO_MUTUAL"), repeat=2),
]
"""What a DestinationRule says for the host, and for the port."""


@pytest.fixture(scope="module", autouse=True)
def _schema() -> None:
    load_schema()


def policy(name: str, mode: str, rest: str = "", namespace: str = "default") -> str:
    if not mode:
        return ""
    return istio("PeerAuthentication", name, f"{{mtls: {{mode: {mode}}}{rest}}}", namespace=namespace)


def rule(of_host: str, of_port: str) -> str:
    """A DestinationRule; what it says for the port goes before what it says for the host."""
    if not of_host and not of_port:
        return ""
    port = f"portLevelSettings: [{{port: {{number: 80}}, tls: {{mode: {of_port}}}}}]" if of_port else ""
    host = f"tls: {{mode: {of_host}}}" if of_host else ""
    return istio("DestinationRule", "web", f"{{host: web, trafficPolicy: {{{', '.join(filter(None, (host, port)))}}}}}")


def takes(modes: tuple[str, str, str, str]) -> MtlsMode:
    """What the port takes: the narrowest policy that says anything decides. The modes are those of the mesh, of the
    namespace, of the workload and of its port; a policy for a port is one for a workload, too."""
    return next((MtlsMode(mode) for mode in reversed(modes) if mode not in ("", "UNSET")), MtlsMode.PERMISSIVE)


def sends_plain(rules: tuple[str, str], label: str, facts: Facts, modes: tuple[str, str, str, str]) -> bool:
    """Whether plaintext is sent: a rule decides, else what the endpoint takes. As in Istio a namespace that wants
    plaintext gets it, though a workload there says otherwise."""
    said = rules[1] or rules[0]
    if said:
        return said == "DISABLE"
    of_namespace = takes((*modes[:2], "", ""))
    is_unwanted = MtlsMode.DISABLE in (takes(modes), of_namespace)
    return label != "istio" or not facts.mesh.enable_auto_mtls or is_unwanted


@pytest.mark.slow
@settings(max_examples=300)
@given(
    modes=st.tuples(MODES, MODES, MODES, MODES),
    rules=st.sampled_from(RULES),
    label=st.sampled_from(["istio", "istio", "istio", "disabled", ""]),
    name=st.sampled_from(NAMES),
    facts=st.sampled_from([PLAIN, PLAIN, PLAIN, mesh(enable_auto_mtls=False)]),
    client=st.sampled_from([SIDECAR, ROUTER]),
)
def test_what_is_sent_is_what_is_taken(
    modes: tuple[str, str, str, str],
    rules: tuple[str, str],
    label: str,
    name: str,
    facts: Facts,
    client: Proxy,
) -> None:
    in_mesh, in_namespace, of_workload, of_workload_port = modes
    of_host, of_port = rules
    ports = f", portLevelMtls: {{{TARGET}: {{mode: {of_workload_port}}}}}" if of_workload_port else ""
    selector = f", selector: {{matchLabels: {{app: web}}}}{ports}"
    objects = (
        policy("mesh", in_mesh, namespace="istio-system")
        + policy("namespace", in_namespace)
        + policy("workload", of_workload or ("UNSET" if of_workload_port else ""), selector)
        + rule(of_host, of_port)
    )
    both = ends(name, objects, label=label, facts=facts, client=client)
    wanted = takes(modes)
    is_plain = sends_plain(rules, label, facts, modes)
    assert (both.sent is None) is is_plain
    fits = wanted is not MtlsMode.STRICT if is_plain else wanted is not MtlsMode.DISABLE
    for speaks_http in SPEAKING_HTTP[name]:
        if client is SIDECAR or speaks_http:
            assert is_taken(both, speaks_http=speaks_http) is fits
    contradicts_namespace = MtlsMode.DISABLE is takes((in_mesh, in_namespace, "", "")) and wanted is MtlsMode.STRICT
    if rules == ("", "") and label == "istio" and facts is PLAIN and not contradicts_namespace:
        assert fits, "automatic mutual TLS is always taken"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["PERMISSIVE", "STRICT"])
def test_tls_that_is_not_the_mesh_s_is_the_workload_s_own(name: str, mode: str) -> None:
    """A port of bytes passes it on where plaintext would be taken, too; HTTP of the mesh is never such TLS."""
    both = ends(name, policy("namespace", mode) + rule("SIMPLE", ""))
    speaks_http = name != "tcp"
    passes = mode == "PERMISSIVE" and name in ("tcp", "auto")
    assert is_taken(both, speaks_http=speaks_http) is passes
