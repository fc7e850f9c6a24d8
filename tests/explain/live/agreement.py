"""One live Envoy, and how its answers are held against those of the simulation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import count

import msgspec
from msgspec import Struct

from meshgate.explain import (
    Call,
    Configuration,
    DirectResponse,
    Failure,
    Redirect,
    Result,
    ToCluster,
    ToWeighted,
    simulate,
)
from meshgate.explain.simulate.call import REDIRECTED_TO
from meshgate.proto import v3
from tests.explain.live.client import Answer, send
from tests.explain.live.echo import Upstreams, running_upstreams
from tests.explain.live.own_network import Run, own_network
from tests.explain.live.rehosted import is_bound, rehosted
from tests.live_envoy import LiveEnvoy, running_envoy


class Agreement:
    """Walks and sends calls, and says where the answers differ."""

    def __init__(self, run: Run, envoy: LiveEnvoy, upstreams: Upstreams) -> None:
        self._run, self._envoy, self._upstreams = run, envoy, upstreams
        self._ports = count(20000)
        """Never used twice, and below those that the kernel hands out to upstreams and clients."""
        self.count = 0
        """Calls compared so far."""

    def differences(self, made: Configuration, calls: Iterable[Call]) -> list[str]:
        """One text for each call that ends elsewhere; Envoy must take the resources."""
        return self._run(lambda: list(self._compared(made, calls)))

    def _compared(self, made: Configuration, calls: Iterable[Call]) -> Iterator[str]:
        ports = {one.name: next(self._ports) for one in made.listeners}
        self._envoy.apply(())  # two listeners of one address, old and new, are refused
        self._envoy.apply(rehosted(made, ports, self._upstreams.ports(made.clusters)))
        for call in calls:
            difference = self._difference(made, call, ports)
            if difference:
                yield difference

    def _difference(self, made: Configuration, call: Call, ports: dict[str, int]) -> str:
        entry = _entry(made, call)
        if entry is None or (call.arrival == "outbound" and _is_bound_port(made, call.port)):
            return ""  # nothing to connect to, or handed over to a socket that has been moved
        self.count += 1
        result, answer = simulate(made, call), send(call, ports[entry.name])
        difference = mismatch(result, answer)
        if not difference:
            return ""
        return f"{difference}: {_given(call)}: simulated {_given(result)}, Envoy answers {_given(answer)}"


@contextlib.contextmanager
def agreeing_envoy() -> Iterator[Agreement]:
    """An Envoy with its upstreams in a network of its own."""
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(own_network())
        upstreams = run(lambda: stack.enter_context(running_upstreams()))
        envoy = run(lambda: stack.enter_context(running_envoy(isolated=False)))
        yield Agreement(run, envoy, upstreams)


def _given(value: Struct) -> str:
    """What differs from the defaults."""
    shown = msgspec.structs.asdict(value)
    defaults = {field.name: field.default for field in msgspec.structs.fields(type(value))}
    return str({name: one for name, one in shown.items() if one != defaults[name] and name != "origins"})


def _entry(made: Configuration, call: Call) -> v3.Listener | None:
    """The listener whose socket the kernel would give the connection to."""
    port = REDIRECTED_TO.get(call.arrival, call.port)
    bound = [one for one in made.listeners if is_bound(one) and one.address.socket_address.port_value == port]
    exact = [one for one in bound if one.address.socket_address.address == call.address]
    return next(iter((*exact, *bound)), None)


def _is_bound_port(made: Configuration, port: int) -> bool:
    return any(is_bound(one) and one.address.socket_address.port_value == port for one in made.listeners)


def mismatch(result: Result, answer: Answer) -> str:
    """What is wrong, empty if nothing is."""
    if result.error is not None:
        return _error_mismatch(result.error, answer)
    match result.action:
        case ToCluster(name):
            is_same = answer.cluster == name
        case ToWeighted(shares):
            is_same = answer.cluster in {share.cluster for share in shares if share.weight}
        case Redirect(status, location):
            is_same = (answer.status, answer.location) == (status, location)
        case DirectResponse(status):
            is_same = answer.status == status and not answer.cluster
        case _:
            return "no action"
    if not is_same or answer.route not in ("", "-", result.route):
        return "another action"
    return _forwarded_mismatch(result, answer) or _response_mismatch(result, answer)


def _forwarded_mismatch(result: Result, answer: Answer) -> str:
    """What the upstream got; with weights only if Envoy drew the same cluster."""
    expected = result.forwarded
    if expected is None or not answer.forwarded or answer.cluster != expected.cluster:
        return ""
    first, *lines = answer.forwarded.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
    got = _by_name(line.partition(": ")[::2] for line in lines)
    wanted = {"host": expected.host, **{name: _joined(values) for name, values in expected.headers}}
    wrong = {name: got.get(name) for name, value in wanted.items() if got.get(name) != value}
    path = first.split(" ")[1]
    return f"forwarded otherwise: {path} {wrong}" if wrong or path != expected.path else ""


def _response_mismatch(result: Result, answer: Answer) -> str:
    """Headers that the route adds; upstreams here send none of their own by these names."""
    got = _by_name(answer.headers)
    wrong = {name: got.get(name) for name, values in result.response if got.get(name) != _joined(values)}
    return f"answered with other headers: {wrong}" if answer.headers and wrong else ""


def _joined(values: tuple[str, ...]) -> str | None:
    return ",".join(values) if values else None


def _by_name(pairs: Iterable[tuple[str, str] | list[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


_STATUS = {
    Failure.BAD_REQUEST: 400,
    Failure.NO_VIRTUAL_HOST: 404,
    Failure.NO_ROUTE: 404,
    Failure.TLS_REQUIRED: 301,
}


def _error_mismatch(error: Failure, answer: Answer) -> str:
    if error is Failure.NOT_SIMULATED:
        return ""
    if answer.cluster:
        return "an upstream was reached"
    match error:
        case Failure.NO_FILTER_CHAIN | Failure.TLS | Failure.CLIENT_CERTIFICATE:
            is_same = answer.status is None
        case Failure.PROTOCOL:
            is_same = answer.status in (None, 400)
        case Failure.NO_CLUSTER:
            is_same = answer.status is None or answer.status >= 500
        case _:
            is_same = answer.status == _STATUS.get(error)
    return "" if is_same or answer.status == 0 else "another error"
