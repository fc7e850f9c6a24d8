"""A control plane for tests: hands its connection to the holder over to the test process, then stays until it is
killed.
"""

from __future__ import annotations

import os
import socket
import sys

if __name__ == "__main__":
    holder = int(os.environ["MESHGATE_HOLDER_FD"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as test:
        test.connect(sys.argv[1])
        socket.send_fds(test, [b"h"], [holder])
        status = test.recv(1)
    sys.exit(status[0] if status else 0)
