"""Why a container cannot be started yet: the waiting reason and message that its status shows."""

from __future__ import annotations

from meshgate.errors import EnvironmentFault

CONFIG_ERROR = "CreateContainerConfigError"
"""The kubelet's reason when an object that the spec names is missing."""


class CannotStart(EnvironmentFault):
    """Tried again with back-off: what is missing may come."""

    def __init__(self, message: str, *, reason: str = CONFIG_ERROR) -> None:
        super().__init__(message)
        self.reason = reason
        """A kubelet's word where it has one; users grep for these."""
