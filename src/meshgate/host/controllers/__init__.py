"""What the objects should be: Deployments' pods, Services' addresses, EndpointSlices, gateways, accounts.

Each controller is a pure function from the objects to the writes that are missing; `reconcile` runs them on a store
until nothing is missing. May import host.pods, store, api.
"""

from meshgate.host.controllers.reconcile import CONTROLLERS, KINDS_READ, reconcile
from meshgate.host.controllers.view import Controller, Settings, View

__all__ = ["CONTROLLERS", "KINDS_READ", "Controller", "Settings", "View", "reconcile"]
