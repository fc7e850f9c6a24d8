"""Which cases and calls are in scope, by the table of what is implemented."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api import kind_of, unimplemented
from tests.conformance.cases import Raw
from tests.conformance.integration.cases import Environment, IntegrationCase, LiveCall
from tests.conformance.integration.compiled import is_known


def why_case_is_out(environment: Environment, case: IntegrationCase) -> str:
    """What the case needs and is not implemented; empty if it is in scope."""
    if case.skip:
        return f"skipped by Istio: {case.skip}"
    needs = {need for raw in case.config for need in _needs(raw)}
    needs |= {f"no {proxy} in the environment" for proxy in _proxies(case) if not is_known(environment, proxy)}
    return ", ".join(sorted(needs))


def why_expectation_is_out(call: LiveCall) -> str:
    """Why the walk alone can't say what the client would see; empty if it can."""
    if not call.simulated:
        return "not simulated by Istio"
    if call.scheme not in ("http", "grpc"):
        return f"only a running mesh shows it ({call.scheme})"
    if call.follow_redirects:
        return "only a running mesh shows it (redirects are followed)"
    return ""


def _proxies(case: IntegrationCase) -> set[str]:
    return {one.proxy for call in case.calls for one in call.simulated}


def _needs(raw: Raw) -> Iterator[str]:
    kind = str(raw.get("kind"))
    if kind_of(str(raw.get("apiVersion")), kind) is None:
        yield kind
    yield from unimplemented(raw)
