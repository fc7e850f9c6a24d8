"""What Kubernetes takes for names of parts of objects."""

from __future__ import annotations

import re
from typing import Final

from meshgate.api.metadata import is_label_key
from meshgate.api.rules.finding import Finding, Findings, at_key
from meshgate.api.value import Labels

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PORT_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
_DATA_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_VARIABLE: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")


def is_dns_label(text: str) -> bool:
    """A part of a DNS name, in lower case, of at most 63 characters."""
    return len(text) <= 63 and _LABEL.fullmatch(text) is not None


def is_dns_name(text: str) -> bool:
    """A DNS name, in lower case, of at most 253 characters."""
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def is_port_name(text: str) -> bool:
    """The name of a container's port: at most 15 characters, a letter among them."""
    return len(text) <= 15 and _PORT_NAME.fullmatch(text) is not None


def is_data_key(text: str) -> bool:
    """A key of a Secret or ConfigMap: it may become the name of a file."""
    return len(text) <= 253 and _DATA_KEY.fullmatch(text) is not None and not text.startswith("..") and text != "."


def is_variable(text: str) -> bool:
    """The name of a variable of the environment."""
    return _VARIABLE.fullmatch(text) is not None


def label_pairs(path: str, pairs: Labels) -> Findings:
    """Labels, or a selector."""
    for key, value in pairs:
        if not is_label_key(key):
            yield Finding(at_key(path, key), f'"{key}" is no label key')
        if len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            yield Finding(at_key(path, key), f'"{value}" is no label value')
