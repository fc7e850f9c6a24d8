"""HTTP filters: one file for each, and one table of their order.

Reads the filters of a connection manager's plan, and what routes say to them; gives their spelling.
"""

from meshgate.envoy.http_filters.order import http_filters

__all__ = ["http_filters"]
