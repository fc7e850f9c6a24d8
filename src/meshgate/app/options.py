"""What the control plane is started with: written by `meshgate up`, read once by the control plane it starts.

It travels as JSON on the command line of the control plane, so that the holder can start it again with the same.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
LB_CIDR = "10.245.0.0/24"
XDS_PORT = 15010
XDS_TLS_PORT = 15012


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All paths are absolute."""

    data_dir: str
    """Holds the store and the logs; 0700."""
    api_socket: str
    """Where the REST API listens, on the host's side of the data directory."""
    files: tuple[str, ...] = ()
    """YAML files and directories that are watched and own their objects (`-f`)."""
    settings: tuple[str, ...] = ()
    """`PATH=VALUE` of `--set`, in the order given."""
    pod_cidr: str = POD_CIDR
    service_cidr: str = SERVICE_CIDR
    lb_cidr: str = LB_CIDR
    host_address: str = "127.0.0.1"
    """Where the edge Envoy listens."""
    http_port: int = 80
    """Host port of the default ingress gateway's port 80."""
    https_port: int = 443
    xds_port: int = XDS_PORT
    """Loopback port of the plaintext ADS; 0: none."""
    xds_tls_port: int = XDS_TLS_PORT
    """Port of the host where proxies elsewhere get certificates and join; 0: none."""
    dns_upstream: str = ""
    """`ADDRESS:PORT` that names outside the mesh are asked of; empty: the host's resolvers."""

    lab: bool = False
    """With an outside world of its own."""

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir)

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Options:
        return msgspec.json.decode(text, type=cls)
