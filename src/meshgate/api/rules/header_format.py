"""The form of header values: text with Envoy's `%COMMAND%` and `%COMMAND(arguments)%` in it.

Envoy refuses a whole route configuration for one wrong value, so it is checked here, by the states of Istio's parser.
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#custom-request-response-headers
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto


class _State(Enum):
    LITERAL = auto()
    NAME = auto()
    ARGUMENTS = auto()
    """After the opening parenthesis: a list of JSON texts, or anything else up to the closing one."""
    ITEM = auto()
    TEXT = auto()
    """A JSON text, or that anything else: as in Istio, either ends at a quote or at a closing parenthesis."""
    ESCAPE = auto()
    AFTER_ITEM = auto()
    AFTER_LIST = auto()
    AFTER_ARGUMENTS = auto()


class _Unexpected(Exception):
    pass


def header_format_fault(value: str) -> str:
    """Why Envoy would refuse the value; empty if it would not.

    >>> header_format_fault("%DOWNSTREAM_REMOTE_ADDRESS%"), header_format_fault("100%")
    ('', 'there is a single "%" at the end')
    """
    if "%" not in value:
        return ""
    state = _State.LITERAL
    begin = 0
    position = 0
    while position < len(value):
        character = value[position]
        if state is _State.LITERAL and character == "%":
            if value.startswith("%%", position):
                position += 2
                continue
            if position + 1 == len(value):
                return 'there is a single "%" at the end'
            state, begin = _State.NAME, position
        elif state is not _State.LITERAL:
            try:
                state = _NEXT[state](character)
            except _Unexpected as error:
                return f'in "{value[begin:]}": expected {error}, got "{character}"'
        position += 1
    return "" if state is _State.LITERAL else f'"{value[begin:]}" is not closed by "%"'


def _name(character: str) -> _State:
    return {"%": _State.LITERAL, "(": _State.ARGUMENTS}.get(character, _State.NAME)


def _arguments(character: str) -> _State:
    return {" ": _State.ARGUMENTS, "[": _State.ITEM}.get(character, _State.TEXT)


def _text(character: str) -> _State:
    ends = {"\\": _State.ESCAPE, '"': _State.AFTER_ITEM, ")": _State.AFTER_ARGUMENTS}
    return ends.get(character, _State.TEXT)


def _escape(character: str) -> _State:
    return _State.TEXT


def _expecting(state: _State, following: dict[str, _State]) -> Callable[[str], _State]:
    def step(character: str) -> _State:
        if character in following:
            return following[character]
        if character != " ":
            raise _Unexpected(" or ".join(f"'{expected}'" for expected in following))
        return state

    return step


_NEXT: dict[_State, Callable[[str], _State]] = {
    _State.NAME: _name,
    _State.ARGUMENTS: _arguments,
    _State.ITEM: _expecting(_State.ITEM, {'"': _State.TEXT}),
    _State.TEXT: _text,
    _State.ESCAPE: _escape,
    _State.AFTER_ITEM: _expecting(_State.AFTER_ITEM, {",": _State.ITEM, "]": _State.AFTER_LIST}),
    _State.AFTER_LIST: _expecting(_State.AFTER_LIST, {")": _State.AFTER_ARGUMENTS}),
    _State.AFTER_ARGUMENTS: _expecting(_State.AFTER_ARGUMENTS, {"%": _State.LITERAL}),
}
