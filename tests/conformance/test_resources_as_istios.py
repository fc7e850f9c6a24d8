"""Our route configurations and clusters are Istio's, field by field, where a case is in scope and both make that name.

The calls of the cases look at little more than names and clusters; this looks at the rest: retries, timeouts, metadata,
domains.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from meshgate.host.envoy_binary import load_schema
from meshgate.proto import to_json
from tests.conformance.accepted import unexplained
from tests.conformance.cases import SIMULATION, case_files, read_cases
from tests.conformance.compiled import compile_case
from tests.conformance.istio_xds import read_istio_xds
from tests.conformance.scope import why_case_is_out

_WITHOUT_CLUSTERS = ("TestInboundClusters",)
"""Istio's test makes its services by hand, without the names that are written into a cluster."""
FILES = list(case_files([SIMULATION / "cases"])) if SIMULATION.is_dir() else []


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="../shared/conformance is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_resources_as_istios(path: Path) -> None:
    load_schema()
    xds = read_istio_xds(SIMULATION / "xds" / f"{path.stem}.json.gz")
    for case in read_cases(path):
        if why_case_is_out(case):
            continue
        theirs, ours = xds[case.id], compile_case(case)
        for name in theirs.route_configurations.keys() & ours.route_configurations.keys():
            routes = [_by_name(to_json(one.route_configurations[name])) for one in (theirs, ours)]
            assert [str(one) for one in unexplained(*routes)] == [], (case.id, name)
        for name in theirs.clusters.keys() & ours.clusters.keys() if path.stem not in _WITHOUT_CLUSTERS else ():
            clusters = [to_json(one.clusters[name]) for one in (theirs, ours)]
            assert [str(one) for one in unexplained(*clusters)] == [], (case.id, name)


def _by_name(routes: Mapping[str, object]) -> dict[str, object]:
    """With the virtual hosts by name: their order says nothing to Envoy."""
    hosts = routes["virtual_hosts"]
    assert isinstance(hosts, list)
    return {**routes, "virtual_hosts": {host["name"]: host for host in hosts}}
