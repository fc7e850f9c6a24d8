"""What `meshgate delete` says it has done."""

from __future__ import annotations

from meshgate.api import Ref
from meshgate.cli.delete import deletion_lines
from meshgate.client import ObjectResult


def test_only_what_was_there_is_said_to_be_deleted() -> None:
    there = ObjectResult(ref=Ref("VirtualService", "shop", "web"), outcome="deleted", object={})
    missing = ObjectResult(ref=Ref("Service", "shop", "web"), outcome="unchanged", object=None)
    assert list(deletion_lines([missing, there])) == ['virtualservice.networking.istio.io "web" deleted']
