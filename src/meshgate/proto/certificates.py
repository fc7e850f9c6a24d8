"""The two messages of Istio's certificate service, which Envoy's schema does not have: `istio.v1.auth`.

Their shape is a public interface (istio-api:security/v1alpha1/ca.proto); it is said here by descriptors of our own, in
a pool of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf import descriptor_pb2, struct_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from msgspec import Struct

SERVICE: Final = "istio.v1.auth.IstioCertificateService"
METHOD: Final = "CreateCertificate"

_Field = descriptor_pb2.FieldDescriptorProto
_STRUCT = struct_pb2.DESCRIPTOR


class CertificateRequest(Struct, frozen=True, kw_only=True):
    """What a proxy asks for."""

    csr: bytes
    """PKCS #10 in PEM."""
    validity_s: int = 0
    """0: whatever is usual."""
    metadata: tuple[str, ...] = ()
    """The names of the further wishes."""


def parse_certificate_request(raw: bytes) -> CertificateRequest | None:
    """An `IstioCertificateRequest`; None for other bytes."""
    try:
        message = _REQUEST.FromString(raw)
    except DecodeError:
        return None
    return CertificateRequest(
        csr=_get(message, "csr").encode(),
        validity_s=_get(message, "validity_duration"),
        metadata=tuple(sorted(_get(message, "metadata").fields)),
    )


def certificate_request(request: CertificateRequest) -> bytes:
    """The request of a client, without further wishes."""
    return _REQUEST(csr=request.csr.decode(), validity_duration=request.validity_s).SerializeToString()


def certificate_response(chain_pem: Iterable[str]) -> bytes:
    """An `IstioCertificateResponse`: the certificate, those that lead to the root, the root."""
    return _RESPONSE(cert_chain=list(chain_pem)).SerializeToString()


def parse_certificate_response(raw: bytes) -> tuple[str, ...]:
    """The chain of an `IstioCertificateResponse`."""
    return tuple(_get(_RESPONSE.FromString(raw), "cert_chain"))


def _file() -> descriptor_pb2.FileDescriptorProto:
    request = descriptor_pb2.DescriptorProto(name="IstioCertificateRequest")
    request.field.add(name="csr", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    request.field.add(name="validity_duration", number=3, type=_Field.TYPE_INT64, label=_Field.LABEL_OPTIONAL)
    request.field.add(
        name="metadata",
        number=4,
        type=_Field.TYPE_MESSAGE,
        type_name=".google.protobuf.Struct",
        label=_Field.LABEL_OPTIONAL,
    )
    response = descriptor_pb2.DescriptorProto(name="IstioCertificateResponse")
    response.field.add(name="cert_chain", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_REPEATED)
    return descriptor_pb2.FileDescriptorProto(
        name="istio/v1/auth/ca.proto",
        package="istio.v1.auth",
        syntax="proto3",
        dependency=[_STRUCT.name],
        message_type=[request, response],
    )


def _classes() -> tuple[type[Message], type[Message]]:
    pool = DescriptorPool()
    pool.AddSerializedFile(_STRUCT.serialized_pb)
    pool.Add(_file())
    names = "istio.v1.auth.IstioCertificateRequest", "istio.v1.auth.IstioCertificateResponse"
    request, response = (GetMessageClass(pool.FindMessageTypeByName(name)) for name in names)
    return request, response


def _get(message: Message, name: str) -> Any:
    return getattr(message, name)


_REQUEST, _RESPONSE = _classes()
