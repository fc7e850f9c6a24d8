"""Tokens of ServiceAccounts: the subresource `token` issues them (TokenRequest), a TokenReview says whose one is.

Rules and words are Kubernetes' (`kubernetes:pkg/registry/core/serviceaccount/storage/token.go`). What keeps the key is
a part of the program that is asked by a Protocol; no token is in any fault or log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from meshgate.api import KINDS
from meshgate.ca.tokens import AccountToken, BoundPod, TokenRefused
from meshgate.store.core import Cause, StatusFault, bad_request, meta, not_found

from .answers import respond
from .call import Call
from .deps import KubeDeps
from .reading import found
from .requests import body_of

VERSION = "authentication.k8s.io/v1"
LIFETIME = timedelta(hours=1)
SHORTEST = timedelta(minutes=10)
LONGEST = timedelta(seconds=1 << 32)
_POD = next(kind for kind in KINDS if kind.kind == "Pod")


async def create_token(call: Call) -> web.StreamResponse:
    """POST .../serviceaccounts/NAME/token"""
    account = found(call)
    request = await _body(call.request, "TokenRequest")
    spec = _mapping(request, "spec")
    audiences = _texts(spec, "audiences") or [call.deps.tokens.api_audience]
    lifetime = _lifetime(spec)
    pod = _bound_pod(call, spec)
    text, expires = call.deps.tokens.issue(account, audiences, lifetime, pod)
    answer = {
        **_head("TokenRequest"),
        "metadata": {"name": call.target.name, "namespace": call.target.namespace},
        "spec": {**spec, "audiences": audiences, "expirationSeconds": int(lifetime.total_seconds())},
        "status": {"token": text, "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ")},
    }
    return respond(answer, code=201)


async def review_token(request: web.Request, deps: KubeDeps) -> web.StreamResponse:
    """POST /apis/authentication.k8s.io/v1/tokenreviews"""
    spec = _mapping(await _body(request, "TokenReview"), "spec")
    text = spec.get("token")
    if not isinstance(text, str) or not text:
        raise bad_request("token is required for TokenReview in authentication")
    audiences = _texts(spec, "audiences") or [deps.tokens.api_audience]
    told = {"audiences": audiences} if spec.get("audiences") else {}
    try:
        token = deps.tokens.review(text, audiences)
    except TokenRefused as refused:
        status: dict[str, Any] = {"authenticated": False, "user": {}, "error": refused.text}
    else:
        status = {
            "authenticated": True,
            "user": _user(token),
            "audiences": [each for each in audiences if each in token.audiences],
        }
    return respond({**_head("TokenReview"), "metadata": {}, "spec": told, "status": status}, code=201)


def _user(token: AccountToken) -> Mapping[str, Any]:
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{token.namespace}", "system:authenticated"]
    user: dict[str, Any] = {"username": token.user, "uid": token.account_uid, "groups": groups}
    if token.pod is not None:
        pod = "authentication.kubernetes.io/pod"
        user["extra"] = {f"{pod}-name": [token.pod.name], f"{pod}-uid": [token.pod.uid]}
    return user


def _head(kind: str) -> Mapping[str, str]:
    return {"kind": kind, "apiVersion": VERSION}


async def _body(request: web.Request, kind: str) -> Mapping[str, Any]:
    raw = await body_of(request)
    if not isinstance(raw, Mapping) or raw.get("kind", kind) != kind or raw.get("apiVersion", VERSION) != VERSION:
        raise bad_request(f"the body of the request is no {kind} of {VERSION}")
    return raw


def _mapping(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key) or {}
    if not isinstance(value, Mapping):
        raise bad_request(f"{key}: expected a mapping")
    return value


def _texts(spec: Mapping[str, Any], key: str) -> list[str]:
    values = spec.get(key) or []
    if not isinstance(values, list) or not all(isinstance(each, str) and each for each in values):
        raise bad_request(f"spec.{key}: expected a list of texts")
    return values


def _lifetime(spec: Mapping[str, Any]) -> timedelta:
    seconds = spec.get("expirationSeconds")
    if seconds is None:
        return LIFETIME
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise bad_request("spec.expirationSeconds: expected a number")
    if seconds < SHORTEST.total_seconds():
        raise _invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > LONGEST.total_seconds():
        raise _invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    return timedelta(seconds=seconds)


def _bound_pod(call: Call, spec: Mapping[str, Any]) -> BoundPod | None:
    """The pod that a token is bound to: it must be there, and run as the account."""
    ref = _mapping(spec, "boundObjectRef")
    if not ref:
        return None
    kind, name, uid = (str(ref.get(key) or "") for key in ("kind", "name", "uid"))
    if kind != "Pod" or ref.get("apiVersion", "v1") != "v1":
        raise _invalid("spec.boundObjectRef.kind", kind, "tokens can be bound to pods only")
    pod = call.store.get("Pod", call.target.namespace, name)
    if pod is None:
        raise not_found(_POD, name)
    if uid and uid != meta(pod)["uid"]:
        text = f"the UID in the bound object reference ({uid}) does not match the UID in record"
        raise StatusFault(text, code=409, reason="Conflict")
    account = pod.get("spec", {}).get("serviceAccountName") or "default"
    if account != call.target.name:
        raise bad_request(f'cannot bind token for serviceaccount "{call.target.name}" to pod running with "{account}"')
    return BoundPod(name=name, uid=str(meta(pod)["uid"]))


def _invalid(field: str, value: object, message: str) -> StatusFault:
    cause = Cause(field=field, message=f"Invalid value: {value}: {message}")
    text = f'TokenRequest.authentication.k8s.io "" is invalid: {cause.field}: {cause.message}'
    return StatusFault(text, code=422, reason="Invalid")
