"""The outside world's name server: it knows its own hosts and nobody else.

IPv4 only: every other type of record is "no data" for a name that is known, and an unknown name does not exist.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from ipaddress import IPv4Network

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from meshgate.apps.outside.hosts import find_host

TTL_S = 30
_LARGEST_UDP_BYTES = 4096
_IDLE_S = 10.0


def answer(wire: bytes, network: IPv4Network) -> bytes | None:
    """The answer to a query in wire form; None for what is no query."""
    try:
        query = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError, struct.error):
        return None
    if query.flags & dns.flags.QR or len(query.question) != 1:
        return None
    response = dns.message.make_response(query, recursion_available=True)
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True)
    host = find_host(name)
    if query.opcode() != dns.opcode.QUERY or question.rdclass != dns.rdataclass.IN:
        response.set_rcode(dns.rcode.NOTIMP)
    elif host is None:
        response.set_rcode(dns.rcode.NXDOMAIN)
    elif question.rdtype == dns.rdatatype.A:
        address = str(host.address(name.lower(), network))
        response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "A", address))
    response.flags |= dns.flags.AA
    return response.to_wire()


class _Datagrams(socketserver.UDPServer):
    """Answers on a socket that is bound already."""

    max_packet_size = _LARGEST_UDP_BYTES

    def __init__(self, bound: socket.socket, network: IPv4Network) -> None:
        super().__init__(bound.getsockname()[:2], _Datagram, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self.network = network


class _Datagram(socketserver.BaseRequestHandler):
    server: _Datagrams

    def handle(self) -> None:
        wire, asked = self.request
        found = answer(wire, self.server.network)
        if found is not None:
            asked.sendto(found, self.client_address)


class _Connections(socketserver.ThreadingTCPServer):
    """Answers on a socket that listens already."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, network: IPv4Network) -> None:
        super().__init__(listening.getsockname()[:2], _Connection, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.network = network


class _Connection(socketserver.StreamRequestHandler):
    server: _Connections
    timeout = _IDLE_S

    def handle(self) -> None:
        """One query after the other, each with its length in front (RFC 7766), until the client goes or is silent."""
        try:
            while len(head := self.rfile.read(2)) == 2:
                found = answer(self.rfile.read(struct.unpack(">H", head)[0]), self.server.network)
                if found is None:
                    return
                self.wfile.write(struct.pack(">H", len(found)) + found)
        except OSError:
            return


def serve_names(network: IPv4Network, datagrams: socket.socket, connections: socket.socket) -> None:
    """Answer on a bound UDP socket and a listening TCP one, in threads of their own, as long as the process lives."""
    for server in (_Datagrams(datagrams, network), _Connections(connections, network)):
        threading.Thread(target=server.serve_forever, daemon=True).start()


def open_sockets(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A bound UDP and a listening TCP socket of one number, any where 0 is given."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connections = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connections.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    datagrams.bind((address, port))
    connections.bind(datagrams.getsockname())
    connections.listen()
    return datagrams, connections
