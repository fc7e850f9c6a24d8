"""Which listener takes the connection.

The kernel gives a connection to the listener that is bound to its address and port; a redirected one to whoever is
bound to the port it was redirected to. That listener's filters run, among them `original_dst`, which puts the dialled
address back. If the listener says `use_original_dst`, the connection is then handed to the listener of that address:
exact, else the wildcard of the same family and port, bound or not; else it stays. The new listener's filters run, too.

https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listener_filters/original_dst_filter
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from msgspec.structs import replace

from meshgate.explain.simulate.call import REDIRECTED_TO, Call
from meshgate.explain.simulate.connection import Connection, IpAddress, dialled
from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.listener_filters import run_listener_filters
from meshgate.explain.simulate.result import Failure, Stop
from meshgate.proto import v3


def accept(
    listeners: tuple[v3.Listener, ...], call: Call, deviations: Deviations
) -> tuple[v3.Listener, Connection] | Stop:
    """The listener whose filter chains decide, and the connection after all listener filters."""
    if deviations.listeners_by_name:
        return _accept_by_name(listeners, call)
    connection = dialled(call)
    redirected_to = REDIRECTED_TO.get(call.arrival)
    if redirected_to is None:
        first = _listener_at(_bound(listeners), connection.address, connection.port)
    else:
        first = next((one for one in _bound(listeners) if redirected_to in _ports(one)), None)
        connection = replace(connection, port=redirected_to)
    if first is None:
        return Stop(Failure.NO_LISTENER)
    connection = run_listener_filters(first, connection, call)
    if first.use_original_dst.value and connection.restored:
        other = _listener_at(listeners, connection.address, connection.port)
        if other is not None and other is not first:
            return other, run_listener_filters(other, connection, call)
    return first, connection


def _accept_by_name(listeners: tuple[v3.Listener, ...], call: Call) -> tuple[v3.Listener, Connection] | Stop:
    by_name = {one.name: one for one in reversed(listeners)}
    if call.arrival == "inbound":
        found = by_name.get("virtualInbound")
    else:
        found = next((one for one in listeners if (call.address, call.port) in _texts(one)), None)
        found = found or next((one for one in listeners if ("0.0.0.0", call.port) in _texts(one)), None)
        found = found or by_name.get("virtualOutbound")
    if found is None:
        return Stop(Failure.NO_LISTENER)
    return found, run_listener_filters(found, dialled(call), call)


def _bound(listeners: Iterable[v3.Listener]) -> tuple[v3.Listener, ...]:
    return tuple(one for one in listeners if not one.HasField("bind_to_port") or one.bind_to_port.value)


def _listener_at(listeners: tuple[v3.Listener, ...], address: IpAddress, port: int) -> v3.Listener | None:
    """The exact address wins over the wildcard, in the kernel and in Envoy's hand-over alike."""
    wildcard = ip_address("0.0.0.0") if address.version == 4 else ip_address("::")
    for wanted in (address, wildcard):
        for one in listeners:
            if (wanted, port) in _sockets(one):
                return one
    return None


def _sockets(listener: v3.Listener) -> Iterator[tuple[IpAddress, int]]:
    for socket in _socket_addresses(listener):
        address = ip_address(socket.address)
        yield address, socket.port_value
        if socket.ipv4_compat and address == ip_address("::"):
            yield ip_address("0.0.0.0"), socket.port_value


def _ports(listener: v3.Listener) -> set[int]:
    return {port for _, port in _sockets(listener)}


def _texts(listener: v3.Listener) -> set[tuple[str, int]]:
    return {(socket.address, socket.port_value) for socket in _socket_addresses(listener)}


def _socket_addresses(listener: v3.Listener) -> Iterator[v3.SocketAddress]:
    """TCP only; pipes and internal addresses cannot be dialled by an address and a port."""
    for address in (listener.address, *(additional.address for additional in listener.additional_addresses)):
        is_socket = address.WhichOneof("address") == "socket_address"
        if is_socket and address.socket_address.protocol == v3.SocketAddress.TCP:
            yield address.socket_address
