"""Envoy's API in Python, from the schema that the Envoy binary carries.

Reads bytes (a binary, or the descriptors found in one); gives message classes under one fixed name each
(`v3.Cluster`, see `names`). A leaf: imports nothing of ours but `errors`.
"""

from meshgate.proto import v3
from meshgate.proto.messages import any_of, from_json, to_json, type_url, unpack
from meshgate.proto.scan import scan
from meshgate.proto.schema import load

__all__ = ["any_of", "from_json", "load", "scan", "to_json", "type_url", "unpack", "v3"]
