"""An echo application for whole-mesh tests: it says what it received, and calls others as it is told to.

    python3 -m tests.echo --name b --serve 18080 --serve-tls 18443 --serve-first 16060 --control 3333

Every port speaks HTTP/1, HTTP/2 (gRPC, too) and plain TCP, whichever comes. The control port takes orders in JSON, one
a line. It imports little: it starts in a pod, many times.
"""
