"""Run by path (`python -I -S …/host/holder FD`): makes the capsule's namespaces and becomes their init.

FD is a pipe with the settings as JSON, for an environment must not be readable in `ps`. This process forks the init
into the new PID namespace, tells its pid on the status pipe and goes; the init mounts its own /proc and the runtime
directory and serves.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # Isolated mode has no site-packages: append the folder that holds meshgate, after the standard library.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(here))))
    from meshgate.host.holder.launch import launch

    launch(int(sys.argv[1]))
