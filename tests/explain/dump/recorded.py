"""What a real Envoy said of resources that we have made: recorded, and how it is recorded.

`pytest tests/explain/dump -m envoy --update-golden` records anew. What differs from run to run (directories, the
list of Envoy's extensions) is left out, and so no table shows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from meshgate.api import documents
from meshgate.app.translate import translate
from meshgate.envoy import CLUSTER, SECRET, Resource
from meshgate.envoy.resource import resource_of
from meshgate.envoy.spelling import ads
from meshgate.explain.dump import Dump, Hosts
from meshgate.proto import any_of, v3
from tests.live_envoy import LiveEnvoy
from tests.live_secrets import secret_body

HERE = Path(__file__).parent
CONFIG_DUMP = HERE / "recorded" / "config_dump.json"
CLUSTERS = HERE / "recorded" / "clusters.json"


def recorded_dump() -> Dump:
    return Dump(CONFIG_DUMP.read_bytes())


def recorded_hosts() -> Hosts:
    return Hosts(CLUSTERS.read_bytes())


def resources() -> tuple[Resource, ...]:
    """What the proxy of `web` is told, and a cluster that wants a certificate."""
    text = (HERE / "mesh.yaml").read_text()
    found, problems = documents(text, "mesh.yaml")
    assert problems == ()
    translated = translate(found, "web.default")
    planned = [resource for named in translated.table.types.values() for resource in named.values()]
    return (*planned, secured_cluster(), *(secret(name) for name in ("default", "ROOTCA")))


def secured_cluster() -> Resource:
    def asked(name: str) -> v3.SdsSecretConfigDict:
        # asked for in two ways one secret would have two subscriptions, and Envoy's stream answers only the first
        return {"name": name, "sds_config": ads()}

    tls = v3.UpstreamTlsContext(
        common_tls_context={
            "tls_certificate_sds_secret_configs": [asked("default")],
            "validation_context_sds_secret_config": asked("ROOTCA"),
        }
    )
    cluster = v3.Cluster(
        name="outbound|9443||secured.default.svc.cluster.local",
        type="STATIC",
        connect_timeout={"seconds": 1},
        transport_socket={"name": "envoy.transport_sockets.tls", "typed_config": any_of(tls)},
    )
    return resource_of(cluster.name, CLUSTER, cluster.SerializeToString(deterministic=True))


def secret(name: str) -> Resource:
    return resource_of(name, SECRET, secret_body(name))


def said(envoy: LiveEnvoy) -> Iterator[tuple[Path, str]]:
    """What the Envoy says, under the files in which it is recorded."""
    for path, question in ((CONFIG_DUMP, "/config_dump?include_eds"), (CLUSTERS, "/clusters?format=json")):
        told = json.loads(envoy.admin(question).replace(str(envoy.directory), "/run/mg"))
        for config in told.get("configs", []):
            config.get("bootstrap", {}).get("node", {}).pop("extensions", None)
        yield path, json.dumps(told, indent=1) + "\n"
