"""The capsule's init and what it forks: the holder's loop, containers' PID 1, the log shim.

Reads frames of JSON with file descriptors from the control plane (spawn.py is the other end), gives answers and
exits. Standard library and `host.namespaces` only: it must start fast, stay small, and never fail. Run by path:
`python -I -S holder/`.
"""
