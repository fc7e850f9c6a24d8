"""Does the chain's transport socket understand what the client sends first?"""

from __future__ import annotations

from meshgate.explain.simulate.call import Call
from meshgate.explain.simulate.configuration import unpack_as
from meshgate.explain.simulate.deviations import Deviations
from meshgate.explain.simulate.result import Failure, Stop
from meshgate.proto import v3


def is_encrypted_after_transport(chain: v3.FilterChain, call: Call, deviations: Deviations) -> bool | Stop:
    """Whether the filters get bytes that are still TLS; `Stop` where the handshake fails."""
    if not chain.HasField("transport_socket"):
        return call.tls != "plaintext"
    config = chain.transport_socket.typed_config
    if unpack_as(config, v3.RawBuffer) is not None:
        return call.tls != "plaintext"
    tls = unpack_as(config, v3.DownstreamTlsContext)
    if tls is None:
        return Stop(Failure.NOT_SIMULATED, f"transport socket {chain.transport_socket.name!r}")
    if call.tls == "plaintext":
        return Stop(Failure.TLS)
    return False if _is_certificate_fit(tls, call, deviations) else Stop(Failure.CLIENT_CERTIFICATE)


def _is_certificate_fit(tls: v3.DownstreamTlsContext, call: Call, deviations: Deviations) -> bool:
    required = tls.require_client_certificate.value
    if not deviations.mtls_certificate:
        return call.tls == "mtls" or not required
    certificates = tls.common_tls_context.tls_certificate_sds_secret_configs
    is_mtls_chain = bool(required and certificates and certificates[0].name == deviations.mtls_certificate)
    return is_mtls_chain == (call.tls == "mtls")
