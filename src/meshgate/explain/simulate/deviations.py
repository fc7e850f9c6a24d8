"""Where another simulator differs from Envoy, as named switches.

Istio's unit tests hold a small simulator of Envoy. Its answers are the best statement of what Istio means, but it is
looser than Envoy in some places. To compare with it, and only then, these switches bend the walk the same way. Nothing
of meshgate but that comparison uses any of them.
"""

from __future__ import annotations

from msgspec import Struct

from meshgate.explain.simulate.result import Failure


class Deviations(Struct, frozen=True, kw_only=True):
    """All off, as by default: Envoy itself."""

    listeners_by_name: bool = False
    """Inbound: `virtualInbound`; else by (address, port), (0.0.0.0, port) whatever the family, `virtualOutbound`."""
    sni_without_inspection: bool = False
    """Server names are compared without a TLS inspector, too; `*` is a wildcard for all."""
    prefix_zero_matches_nothing: bool = False
    """A range of length 0 contains no address."""
    mtls_certificate: str = ""
    """If given: a chain speaks mTLS if this is its first SDS certificate and it requires the client's; chain and call
    must agree on it."""
    lenient_requests: bool = False
    """A request needs no host; codec, path normalisation and existence of clusters are not looked at."""
    path_only_routes: bool = False
    """Of a route's match only the path is looked at: no headers, methods, query parameters, fractions."""
    loose_paths: bool = False
    """Regular expressions match anywhere in the path, `path_separated_prefix` is a plain prefix."""

    @classmethod
    def istio_harness(cls, mtls_certificate: str = "default") -> Deviations:
        """The simulator in Istio's tests (`istio:pilot/test/xdstest`, `pkg/simulation`)."""
        return cls(
            listeners_by_name=True,
            sni_without_inspection=True,
            prefix_zero_matches_nothing=True,
            mtls_certificate=mtls_certificate,
            lenient_requests=True,
            path_only_routes=True,
            loose_paths=True,
        )


ISTIO_ERRORS: dict[Failure, str] = {
    Failure.NO_LISTENER: "ErrNoListener",
    Failure.NO_FILTER_CHAIN: "ErrNoFilterChain",
    Failure.MULTIPLE_FILTER_CHAINS: "ErrMultipleFilterChain",
    Failure.TLS: "ErrTLSError",
    Failure.CLIENT_CERTIFICATE: "ErrMTLSError",
    Failure.PROTOCOL: "ErrProtocolError",
    Failure.NO_ROUTE_CONFIGURATION: "ErrNoVirtualHost",
    Failure.NO_VIRTUAL_HOST: "ErrNoVirtualHost",
    Failure.NO_ROUTE: "ErrNoRoute",
    Failure.TLS_REQUIRED: "ErrTLSRedirect",
}
"""How Istio's simulator names what went wrong; a failure that is not here cannot come up in it."""
