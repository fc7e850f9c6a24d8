"""The rules that need only one object, as istiod's webhook and Kubernetes have them: a file for each kind or topic."""

from meshgate.api.fault import Fault
from meshgate.api.kinds import Kind
from meshgate.api.meta import Meta


def faults_of(kind: Kind, meta: Meta, spec: object) -> list[Fault]:
    return []
