"""What one proxy must do: all of Istio's meaning, as values that name Envoy's parts and spell none (`plan.values`).

Reads a `mesh.Snapshot` and a `Proxy`, gives a `Plan` and Problems; may import mesh and api. Pure.
"""

from meshgate.mesh import Memo
from meshgate.plan import names
from meshgate.plan.certificate_files import SYSTEM_BUNDLE, FileUse, client_files, paths_of, server_files
from meshgate.plan.compose import Part, Plan, client_scope, plan
from meshgate.plan.endpoints import load_assignments
from meshgate.plan.proxy import Proxy
from meshgate.plan.secret_names import part_secret_names, secret_names

__all__ = [
    "SYSTEM_BUNDLE",
    "FileUse",
    "Memo",
    "Part",
    "Plan",
    "Proxy",
    "client_files",
    "client_scope",
    "load_assignments",
    "names",
    "part_secret_names",
    "paths_of",
    "plan",
    "secret_names",
    "server_files",
]
