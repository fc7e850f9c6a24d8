"""Who must prove what to whom: the TLS that a proxy's ports take, and the TLS that it opens to each destination.

Reads emitted Envoy resources as bytes, gives frozen values. It says what is so; why it is so the planner's rules say.
Pure; may import envoy, plan, proto, errors.
"""

from meshgate.explain.authn.accepts import Accepted, accepted
from meshgate.explain.authn.sends import Sent, sent
from meshgate.explain.authn.transports import PLAINTEXT, Kind, Transport

__all__ = ["PLAINTEXT", "Accepted", "Kind", "Sent", "Transport", "accepted", "sent"]
