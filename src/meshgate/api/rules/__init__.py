"""The rules that need only one object, as istiod's webhook and Kubernetes have them: a file for each kind or topic."""

from meshgate.api.rules.all_rules import findings_of
from meshgate.api.rules.finding import Finding

__all__ = ["Finding", "findings_of"]
