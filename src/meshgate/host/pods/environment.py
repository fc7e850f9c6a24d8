"""A container's variables and command line, by Kubernetes' rules.

Later variables win; `$(NAME)` in a value refers to what is defined before it, `$$(NAME)` is the text `$(NAME)`, an
unknown name stays as it is written. Nothing of the control plane's own environment is passed on: only PATH and HOME
are there besides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from meshgate.api import Container, EnvFromSource, EnvSource
from meshgate.host.pods.fault import CannotStart
from meshgate.host.pods.objects import Objects, PodResource, config_map_data, secret_data
from meshgate.host.views import HOME

_REFERENCE = re.compile(r"\$(\$|\(([^()]*)\))")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
Field = Callable[[str], str]


def environment(container: Container, pod: PodResource, objects: Objects, path: str, field: Field) -> dict[str, str]:
    """All variables. `field` gives a pod's field by its path; CannotStart where something that is named is missing."""
    found = {"PATH": path, "HOME": HOME}
    for source in container.env_from:
        found |= _whole(source, pod.meta.namespace, objects)
    for variable in container.env:
        if variable.value_from is None:
            found[variable.name] = expand(variable.value, found)
            continue
        value = _value_from(variable.value_from, pod.meta.namespace, objects, field)
        if value is not None:
            found[variable.name] = value
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace references.

    >>> expand("$(A)-$$(A)-$(B)-$A", {"A": "1"})
    '1-$(A)-$(B)-$A'
    """

    def replace(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return variables.get(match[2], match[0])

    return _REFERENCE.sub(replace, text)


def expand_all(words: Iterable[str], variables: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(expand(word, variables) for word in words)


def _whole(source: EnvFromSource, namespace: str, objects: Objects) -> dict[str, str]:
    """All keys that can be names of variables, as the kubelet does."""
    if source.config_map_ref is not None:
        ref, kind, data = (
            source.config_map_ref,
            "configmap",
            config_map_data(objects, namespace, source.config_map_ref.name),
        )
    elif source.secret_ref is not None:
        ref, kind, data = source.secret_ref, "secret", secret_data(objects, namespace, source.secret_ref.name)
    else:
        return {}
    if data is None:
        if ref.optional:
            return {}
        raise CannotStart(f'{kind} "{ref.name}" not found')
    named = {source.prefix + key: _text(value, f'{kind} "{ref.name}", key "{key}"') for key, value in data.items()}
    return {name: value for name, value in named.items() if _VARIABLE.fullmatch(name)}


def _value_from(source: EnvSource, namespace: str, objects: Objects, field: Field) -> str | None:
    """None: an optional key that is not there."""
    if source.field_ref is not None:
        return field(source.field_ref.field_path)
    if source.secret_key_ref is not None:
        ref, kind, data = source.secret_key_ref, "secret", secret_data(objects, namespace, source.secret_key_ref.name)
    elif source.config_map_key_ref is not None:
        ref, kind = source.config_map_key_ref, "configmap"
        data = config_map_data(objects, namespace, ref.name)
    else:
        return ""
    if data is not None and ref.key in data:
        return _text(data[ref.key], f'{kind} "{ref.name}", key "{ref.key}"')
    if ref.optional:
        return None
    if data is None:
        raise CannotStart(f'{kind} "{ref.name}" not found')
    raise CannotStart(f"couldn't find key {ref.key} in {kind} {namespace}/{ref.name}")


def _text(value: bytes, where: str) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise CannotStart(f"{where} is not text: a variable cannot hold it") from None
    if "\0" in text:
        raise CannotStart(f"{where} holds a zero byte: a variable cannot hold it")
    return text
