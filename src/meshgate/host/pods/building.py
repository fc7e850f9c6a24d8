"""From a pod's container to what the runtime starts: command, variables, user, view.

The applications of a pod share one user (on a cluster they would all be root: they hand each other files in volumes,
and nothing else of theirs can be touched: each has a PID and mount namespace of its own); the sidecar has another
one. They get a view with their volumes, private /tmp and /dev/shm, and nothing of the mesh's. A pod made by `meshgate
run` (an annotation, which only who may use the API can write) runs as its caller, in its caller's directory.
"""

from __future__ import annotations

import json
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

import meshgate
from meshgate.api import Container
from meshgate.host.network import SIDECAR_GID, PodNet
from meshgate.host.pods.environment import environment, expand_all
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.images import command_line
from meshgate.host.pods.injection import PROXY
from meshgate.host.pods.objects import Objects, PodResource, Whereabouts, pod_field
from meshgate.host.pods.places import Places, PodPlaces
from meshgate.host.pods.users import PodIds, UserIds
from meshgate.host.pods.volumes import Volumes
from meshgate.host.runtime import Attached, ContainerSpec, Logged
from meshgate.host.views import (
    CONTAINER_PATH,
    HOME,
    Empty,
    FileToWrite,
    Machine,
    Mounted,
    PodFiles,
    ThisMachine,
    User,
    View,
    plan_view,
    pod_files,
)

RUN_AS_CALLER = "meshgate.io/run"
"""Annotation: JSON with `uid`, `gid`, `groups`, `cwd` of whoever called `meshgate run`."""
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_AGAINST_ROOT = (
    Mounted(target="/proc/sys", source="/proc/sys", read_only=True),
    Mounted(target="/proc/sysrq-trigger", source="/dev/null", read_only=True),
)
"""What uid 0 may write to even without capabilities, and what is the whole machine's."""
_EMPTY = (Empty(target="/tmp"), Empty(target="/var/tmp"), Empty(target="/dev/shm"))


class Caller(Struct, frozen=True, kw_only=True):
    """Who called `meshgate run`, and where."""

    user: User
    cwd: str


class Bundle(Struct, frozen=True, kw_only=True):
    """A file of certificate authorities that takes the place of the system's."""

    file: Path
    targets: tuple[str, ...] = (SYSTEM_BUNDLE,)

    def mounts(self, others: Sequence[Mounted]) -> tuple[Mounted, ...]:
        """Where nobody has mounted something of their own."""
        return tuple(
            Mounted(target=target, source=str(self.file), read_only=True)
            for target in self.targets
            if not any(target == other.target or target.startswith(f"{other.target}/") for other in others)
        )


class MeshOnMachine(Struct, frozen=True, kw_only=True):
    """What is the same for all pods of a mesh."""

    objects: Objects
    places: Places
    users: UserIds
    private: tuple[str, ...]
    """The data directory and the directory of the API's socket."""
    envoy: Path
    node_name: str = "meshgate"
    host_address: str = ""
    domain: str = "cluster.local"
    bundle: Bundle | None = None
    """Certificate authorities that containers trust; None: the machine's."""
    machine: Machine = ThisMachine()

    @property
    def reachable(self) -> tuple[str, ...]:
        """Interpreter, packages, meshgate's own folder and Envoy: a home that holds them may be closed to others.

        Not all of sys.path: that has the folder from which the mesh was started, and who knows what is in there.
        """
        own = Path(meshgate.__file__).parents[1]
        return tuple(dict.fromkeys([sys.prefix, sys.base_prefix, str(own), str(self.envoy)]))

    @property
    def search_path(self) -> str:
        """`python3` is the interpreter that meshgate runs with, everything else is the machine's."""
        return f"{Path(sys.executable).parent}:{CONTAINER_PATH}"


class Building:
    """Makes the container specs of one pod, once it has its network."""

    def __init__(self, pod: PodResource, mesh: MeshOnMachine, net: PodNet, ids: PodIds) -> None:
        self.pod = pod
        self.mesh = mesh
        self.net = net
        self.places: PodPlaces = mesh.places.pod(pod.meta.uid, pod.meta.namespace, pod.meta.name)
        self._ids = ids
        self.volumes = Volumes(pod, self.places, ids.pod)
        self._at = Whereabouts(net.address, mesh.node_name, mesh.host_address)

    def prepare_volumes(self) -> None:
        self.volumes.prepare(self.mesh.objects, self.field)

    def field(self, path: str) -> str:
        return pod_field(self.pod, path, self._at)

    def user(self, container: Container) -> User:
        """The pod's user, unless the spec names one; the proxy has one of its own, whatever the spec says.

        Root of a container is not root of this machine: 0 counts as none.
        """
        caller = self._caller(container)
        if caller is not None:
            return caller.user
        if container.name == PROXY:
            return User(uid=self._ids.proxy, gid=self._ids.pod, groups=(self._ids.pod,))
        wanted, of_pod = container.security_context, self.pod.spec.security_context
        uid = (wanted and wanted.run_as_user) or (of_pod and of_pod.run_as_user) or self._ids.pod
        gid = (wanted and wanted.run_as_group) or (of_pod and of_pod.run_as_group) or self._ids.pod
        groups = [self._ids.pod, *([of_pod.fs_group] if of_pod and of_pod.fs_group else [])]
        return _not_a_sidecar(User(uid=uid, gid=gid, groups=tuple(groups)))

    def environment(self, container: Container) -> dict[str, str]:
        given = environment(container, self.pod, self.mesh.objects, self.mesh.search_path, self.field)
        variables = {"HOSTNAME": self.hostname, **given}  # as container runtimes do, not the kubelet
        caller = self._caller(container)
        return variables if caller is None else {**variables, "HOME": _home(caller.user)}

    def working_directory(self, container: Container) -> str:
        caller = self._caller(container)
        return container.working_dir or (caller.cwd if caller is not None else "/")

    async def application(self, container: Container, run: int) -> ContainerSpec:
        """The spec of an application's run; CannotStart if something that it needs is missing."""
        self.prepare_volumes()
        variables = self.environment(container)
        user = self.user(container)
        argv = expand_all(command_line(container, self.mesh.objects), variables)
        mounts = (*self.volumes.mounts(container), *(_AGAINST_ROOT if user.uid == 0 else ()))
        empty = _EMPTY if self._caller(container) is None else ()
        return ContainerSpec(
            id=self.container_id(container, run),
            argv=argv,
            env=variables,
            user=user,
            cwd=self.working_directory(container),
            hostname=self.hostname,
            view=plan_view(self.view(user, mounts, empty=empty), self.mesh.machine),
            netns_fd=self.net.netns_fd,
            stdio=self.logged(container, run),
            note=self.note(),
        )

    def container_id(self, container: Container, run: int) -> str:
        return container_id(self.pod.meta.uid, container.name, run)

    def logged(self, container: Container, run: int) -> Logged | Attached:
        return Logged(pod_id=log_id(self.pod.meta.uid), path=self.places.log(container.name, run))

    def note(self) -> str:
        """For a control plane after this one: the ids that are in use."""
        return json.dumps({"ids": self._ids})

    @property
    def hostname(self) -> str:
        """As the kubelet: the pod's name, cut to what a kernel takes."""
        return (self.pod.spec.hostname or self.pod.meta.name)[:63].rstrip("-.")

    @property
    def full_name(self) -> str:
        """With `subdomain` and the cluster's domain; empty without a subdomain."""
        subdomain = self.pod.spec.subdomain
        return f"{self.hostname}.{subdomain}.{self.pod.meta.namespace}.svc.{self.mesh.domain}" if subdomain else ""

    def view(
        self,
        user: User,
        mounts: tuple[Mounted, ...],
        *,
        files: tuple[FileToWrite, ...] = (),
        empty: tuple[Empty, ...] = _EMPTY,
    ) -> View:
        """What a container of this pod sees, besides what is its own."""
        aliases = tuple((alias.ip, alias.hostnames) for alias in self.pod.spec.host_aliases)
        about = PodFiles(
            hostname=self.hostname,
            full_name=self.full_name,
            address=self.net.address,
            resolv_conf=self.net.resolv_conf,
            aliases=aliases,
        )
        return View(
            user=user,
            hidden=("/run",),
            private=self.mesh.private,
            reachable=self.mesh.reachable,
            files=(*pod_files(about, user, _host_files()), *files),
            empty=empty,
            mounts=(*(self.mesh.bundle.mounts(mounts) if self.mesh.bundle else ()), *mounts),
        )

    def _caller(self, container: Container) -> Caller | None:
        """Whoever called `meshgate run`; the sidecar is not theirs."""
        text = self.pod.meta.annotation(RUN_AS_CALLER)
        return _parse_caller(text) if text and container.name != PROXY else None


def container_id(pod_id: str, container: str, run: int) -> str:
    return f"{container_prefix(pod_id)}{container}/{run}"


def container_prefix(pod_id: str) -> str:
    """How the ids of all containers of a pod begin."""
    return f"pod/{pod_id}/"


def log_id(pod_id: str) -> str:
    """What the runtime calls the pod's log; others than pods have logs too."""
    return f"pod/{pod_id}"


def parse_container_id(text: str) -> tuple[str, str, int] | None:
    """Pod, container and run; None for what is no container of a pod.

    >>> parse_container_id("pod/1234/app/2"), parse_container_id("edge/envoy/0")
    (('1234', 'app', 2), None)
    """
    parts = text.split("/")
    if len(parts) != 4 or parts[0] != "pod":
        return None
    return parts[1], parts[2], int(parts[3])


def _host_files() -> dict[str, str]:
    names = {name: Path("/etc") / name for name in ("nsswitch.conf", "passwd")}
    return {name: path.read_text() for name, path in names.items() if path.exists()}


def _parse_caller(text: str) -> Caller:
    try:
        given = json.loads(text)
        groups = tuple(int(gid) for gid in given.get("groups", ()))
        user = User(uid=int(given["uid"]), gid=int(given["gid"]), groups=groups)
        return Caller(user=_not_a_sidecar(user), cwd=str(given["cwd"]))
    except (ValueError, KeyError, TypeError) as fault:
        raise CannotStart(f"annotation {RUN_AS_CALLER} cannot be read: {fault}") from fault


def _not_a_sidecar(user: User) -> User:
    if SIDECAR_GID in (user.uid, user.gid, *user.groups):
        raise CannotStart(f"uid and gid {SIDECAR_GID} are the sidecar's: its traffic is not captured")
    return user


def _home(user: User) -> str:
    try:
        return pwd.getpwuid(user.uid).pw_dir
    except KeyError:
        return HOME
