"""What pods may reach outside of the mesh, as commands: the mesh configuration's `outboundTrafficPolicy`."""

from __future__ import annotations

from meshgate.tour.scenario import Step

_SET = """
meshgate apply -f - <<EOF
apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data:
  mesh: |
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {{mode: {mode}}}
EOF""".strip()
_UNSET = "meshgate delete --ignore-not-found configmap istio -n istio-system"


def registry_only() -> Step:
    """Only hosts that the mesh knows."""
    return Step(command=_SET.format(mode="REGISTRY_ONLY"), undo=_UNSET)


def allow_any() -> Step:
    """All hosts, as where nothing is said."""
    return Step(command=_SET.format(mode="ALLOW_ANY"), undo=_UNSET)
