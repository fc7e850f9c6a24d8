"""Path normalisation of the connection manager, before any route is looked at.

Escaped slashes are kept, refused or unescaped. Then `normalize_path` does what a browser does to a URL's path:
backslash becomes slash, what needs no escape is unescaped, what needs one gets it, `.` and `..` are resolved (also with
`;parameters`, which some servers cut off). Then `merge_slashes` makes one slash of several. The query is left alone.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
"""

from __future__ import annotations

import re

from meshgate.explain.simulate.result import Failure, Stop
from meshgate.proto import v3

_ESCAPED_UNRESERVED = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_MUST_ESCAPE = re.compile(rb"[\x00-\x20\"<>^`{|}\x7f-\xff]")
_ESCAPED_SLASH = re.compile(r"%2f|%5c", re.IGNORECASE)
_SLASHES = re.compile(r"/{2,}")


def normalised_path(path: str, hcm: v3.HttpConnectionManager) -> str | Stop:
    """The path that routes see, query included; `Stop` if the connection manager refuses it."""
    if "#" in path:
        return Stop(Failure.BAD_REQUEST, "the path has a fragment")
    bare, mark, query = path.partition("?")
    unescaped = _without_escaped_slashes(bare, hcm)
    if isinstance(unescaped, Stop):
        return unescaped
    if hcm.normalize_path.value:
        if "%00" in unescaped:
            return Stop(Failure.BAD_REQUEST, "the path has an escaped nil")
        unescaped = canonical_path(unescaped)
    if hcm.merge_slashes:
        unescaped = _SLASHES.sub("/", unescaped)
    return unescaped + mark + query


def canonical_path(path: str) -> str:
    """The path as a browser would send it."""
    raw = path.replace("\\", "/").encode()
    raw = _ESCAPED_UNRESERVED.sub(lambda found: _unescaped(found[0]), raw)
    raw = _MUST_ESCAPE.sub(lambda found: b"%%%02X" % found[0][0], raw)
    return _without_dot_segments(raw.decode("ascii"))


def _unescaped(escape: bytes) -> bytes:
    byte = int(escape[1:], 16)
    return bytes([byte]) if byte in _UNRESERVED else escape


def _without_dot_segments(path: str) -> str:
    first, *segments = path.split("/")
    kept: list[str] = []
    for segment in segments:
        match segment.partition(";")[0]:
            case "..":
                del kept[-1:]
            case ".":
                pass
            case _:
                kept.append(segment)
    if segments and segments[-1].partition(";")[0] in (".", ".."):
        kept.append("")
    return "/".join([first, *kept])


def _without_escaped_slashes(path: str, hcm: v3.HttpConnectionManager) -> str | Stop:
    action = v3.HttpConnectionManager
    if not _ESCAPED_SLASH.search(path) or hcm.path_with_escaped_slashes_action in (
        action.IMPLEMENTATION_SPECIFIC_DEFAULT,
        action.KEEP_UNCHANGED,
    ):
        return path
    if hcm.path_with_escaped_slashes_action == action.REJECT_REQUEST:
        return Stop(Failure.BAD_REQUEST, "the path has an escaped slash")
    if hcm.path_with_escaped_slashes_action == action.UNESCAPE_AND_REDIRECT:
        return Stop(Failure.NOT_SIMULATED, "the path has an escaped slash, answered by a redirect to itself")
    return _ESCAPED_SLASH.sub(lambda found: "/" if found[0].lower() == "%2f" else "\\", path)
