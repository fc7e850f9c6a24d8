"""How Envoy's API writes what occurs everywhere: durations, optional numbers, addresses, packed configurations.

Nested parts are mappings, not messages: protobuf copies a message given to a constructor (by serialising it), a
mapping it fills in at once. A `timedelta` given as it is costs three times a mapping of seconds and nanoseconds.
"""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from google.protobuf.message import Message

from meshgate.plan.values import Address, CidrRange, PipeAddress, SocketAddress
from meshgate.proto import type_url, v3

XDS_CLUSTER = "xds-grpc"
"""The control plane, as the bootstrap has it."""


def duration(value: timedelta) -> v3.DurationDict:
    return {"seconds": value.days * 86400 + value.seconds, "nanos": value.microseconds * 1000}


def packed(message: Message) -> v3.AnyDict:
    """The message for a field of type `Any`; maps sorted by key, so that equal messages are equal bytes."""
    return {"type_url": type_url(message), "value": message.SerializeToString(deterministic=True)}


def address(value: Address) -> v3.AddressDict:
    match value:
        case SocketAddress():
            return {"socket_address": {"address": value.address, "port_value": value.port}}
        case PipeAddress():
            return {"pipe": {"path": value.path, "mode": value.mode}}
        case _:
            assert_never(value)


def cidr_range(value: CidrRange) -> v3.CidrRangeDict:
    return {"address_prefix": value.address, "prefix_len": {"value": value.prefix_length}}


def fraction(per_million: int) -> v3.FractionalPercentDict:
    return {"numerator": per_million, "denominator": "MILLION"}


def ads() -> v3.ConfigSourceDict:
    """From the same stream. Istio's `initial_fetch_timeout` of 0 waits for ever: rather late than with half a mesh."""
    return {"ads": {}, "initial_fetch_timeout": {"seconds": 0}, "resource_api_version": "V3"}
