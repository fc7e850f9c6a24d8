"""Where a pod's files are: sockets and secrets in memory, what may be large on disk, logs.

    RUN/p/<id>/ads/      the socket to the control plane, mounted into the sidecar's view alone
    RUN/p/<id>/admin/    Envoy's admin socket
    RUN/p/<id>/v/<name>  volumes with Secrets, ConfigMaps, fields of the pod; memory-backed emptyDirs
    RUN/edge/<uid>/      a gateway's sockets, on which the edge delivers (the whole of RUN/edge is in the edge's view)
    DATA/pods/<uid>/     emptyDirs on disk
    DATA/logs/<namespace>_<name>_<uid>/<container>/<run>.log

RUN is the capsule's tmpfs (gone with it, so no secret is on disk). <id> is short: the path of a Unix socket has 107
bytes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from msgspec import Struct

_ID_LENGTH = 12
VIEW_ADS = "/run/meshgate/ads"
VIEW_ADMIN = "/run/meshgate/admin"
VIEW_EDGE = "/run/meshgate/edge"
VIEW_BOOTSTRAP = "/run/meshgate/envoy.json"
ADS_SOCKET = "xds"
ADMIN_SOCKET = "admin"


class Places(Struct, frozen=True, kw_only=True):
    """The mesh's directories."""

    data: Path
    run: Path

    def pod(self, uid: str, namespace: str, name: str) -> PodPlaces:
        short = uid.replace("-", "")[:_ID_LENGTH]
        return PodPlaces(
            memory=self.run / "p" / short,
            edge=self.run / "edge" / uid,
            disk=self.data / "pods" / uid,
            logs=self.data / "logs" / f"{namespace}_{name}_{uid}",
        )


class PodPlaces(Struct, frozen=True, kw_only=True):
    memory: Path
    edge: Path
    disk: Path
    logs: Path

    @property
    def ads(self) -> Path:
        return self.memory / "ads"

    @property
    def admin(self) -> Path:
        return self.memory / "admin"

    def volume_in_memory(self, name: str) -> Path:
        return self.memory / "v" / name

    def volume_on_disk(self, name: str) -> Path:
        return self.disk / name

    def log(self, container: str, run: int) -> Path:
        return self.logs / container / f"{run}.log"

    def remove(self) -> None:
        """The pod is gone: so is all of it but its logs' last state, which goes as well, as on a cluster."""
        for directory in (self.memory, self.edge, self.disk, self.logs):
            shutil.rmtree(directory, ignore_errors=True)
