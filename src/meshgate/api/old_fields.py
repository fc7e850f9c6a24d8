"""Old spellings that Istio and Kubernetes still accept, and what they read as.

An old field is implemented where the field is that it reads as.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

import msgspec

from meshgate.api.config import Secret
from meshgate.api.fault import Fault, locate, wrong_type
from meshgate.api.scalars import INT32, INVALID, Reader, integer_reader, read_secret_text, read_text
from meshgate.api.secret_bytes import SecretBytes
from meshgate.api.string_match import Exact
from meshgate.api.value import Bounds, Pairs, Value, pairs_of
from meshgate.api.virtual_service import CorsPolicy, Delay, HTTPRoute
from meshgate.api.workload import Pod


class OldField(msgspec.Struct, frozen=True):
    """How one old field is read."""

    target: str
    """The attribute that it reads as."""
    read: Reader
    merge: Callable[[object, object], object]
    """The attribute's value, given that of the attribute itself (None if that was not given) and of the old field."""
    instead: str = ""
    """What to write instead, where istiod warns."""


def _new_wins(new: object, old: object) -> object:
    return old if new is None else new


def _percentage(bounds: Bounds, most: int) -> Reader:
    """Reads whole percents; what is above `most` counts as that."""
    read_integer = integer_reader(bounds, texts=True)

    def read(raw: object, faults: list[Fault]) -> object:
        value = read_integer(raw, faults)
        return float(min(value, most)) if isinstance(value, int) else value

    return read


def _exact_matches(raw: object, faults: list[Fault]) -> object:
    if not isinstance(raw, list):
        faults.append(wrong_type("a list", raw))
        return INVALID
    texts = []
    for index, item in enumerate(raw):
        before = len(faults)
        texts.append(read_text(item, faults))
        locate(faults, before, index)
    return tuple(Exact(value=text) for text in texts if isinstance(text, str) and text)


def _secret_texts(raw: object, faults: list[Fault]) -> object:
    if not isinstance(raw, dict):
        faults.append(wrong_type("an object", raw))
        return INVALID
    secrets = {}
    for key, item in raw.items():
        before = len(faults)
        secrets[key] = read_secret_text(item, faults)
        locate(faults, before, key)
    return pairs_of({key: value for key, value in secrets.items() if value is not INVALID})


def _texts_over_data(data: object, texts: object) -> object:
    below = cast("Pairs[SecretBytes]", data or ())
    above = cast("Pairs[SecretBytes]", texts)
    return pairs_of(dict(below) | dict(above))


_UINT32: Final = Bounds(0, 2**32 - 1)
_MIRROR_PERCENT: Final = OldField(
    "mirror_percentage", _percentage(_UINT32, _UINT32.most), _new_wins, instead="mirrorPercentage"
)

OLD_FIELDS: Final[Mapping[type[Value], Mapping[str, OldField]]] = {
    # Istio does not check it, and Envoy takes what is above 100 as all
    Delay: {"percent": OldField("percentage", _percentage(INT32, 100), _new_wins)},
    HTTPRoute: {"mirrorPercent": _MIRROR_PERCENT, "mirror_percent": _MIRROR_PERCENT},
    CorsPolicy: {
        "allowOrigin": OldField("allow_origins", _exact_matches, _new_wins),
        "allow_origin": OldField("allow_origins", _exact_matches, _new_wins),
    },
    Secret: {"stringData": OldField("data", _secret_texts, _texts_over_data)},
    Pod: {"serviceAccount": OldField("service_account_name", read_text, _new_wins)},
}
