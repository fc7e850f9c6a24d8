"""The exception tree: what goes wrong in the environment or in how meshgate is called.

Faults in a user's configuration are values (`api.Problem`), never exceptions, until a shell has to refuse
a whole request: then they travel inside `Refused`. Bugs of ours are assertions.

    MeshgateError            text, hint, exit_code
    ├── UsageError           called wrongly (flag, argument)                     64
    ├── Refused              user's objects were refused; carries the problems   65
    ├── NotRunning           no mesh answers at this data directory               1
    ├── ApiError             the API answered with a Status                       1
    └── EnvironmentFault     the machine: a port taken, no namespaces, Envoy      1
"""

from __future__ import annotations

from collections.abc import Sequence


class MeshgateError(Exception):
    """What is wrong and where (`text`), and what to do (`hint`, may be empty). Lower case, no full stop."""

    exit_code = 1

    def __init__(self, text: str, *, hint: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


class UsageError(MeshgateError):
    """A command was called wrongly. Exit code 64, as istioctl's."""

    exit_code = 64


class Refused(MeshgateError):
    """Objects were refused, nothing was changed. `problems` are `api.Problem` values; exit code 65 as istioctl's."""

    exit_code = 65

    def __init__(self, text: str, *, hint: str = "", problems: Sequence[object] = ()) -> None:
        super().__init__(text, hint=hint)
        self.problems = tuple(problems)


class NotRunning(MeshgateError):
    """No mesh answers at the data directory in use."""


class ApiError(MeshgateError):
    """The API answered with a Kubernetes `Status` of failure."""

    def __init__(self, text: str, *, code: int, reason: str, hint: str = "") -> None:
        super().__init__(text, hint=hint)
        self.code = code
        """HTTP status code."""
        self.reason = reason
        """Kubernetes reason, such as `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`."""


class EnvironmentFault(MeshgateError):
    """The machine does not give what is needed. Always chained with `from` where an OSError is behind it."""
