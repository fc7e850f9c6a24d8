"""A small Kubernetes REST client over a Unix socket.

Gives objects, watches, transactions, logs and exec of a running mesh; reads nothing but its socket's path.
May import api, aio, errors. Used by cli, tour and (for a cluster) by store.
"""
