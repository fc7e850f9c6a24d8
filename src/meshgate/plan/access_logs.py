"""Access logs of the mesh configuration: `accessLogFile`, `accessLogFormat`, `accessLogEncoding`.

(istio:pilot/pkg/model/telemetry_logging.go)
"""

from __future__ import annotations

import json

from meshgate.api import AccessLogEncoding, MeshConfig
from meshgate.plan.values import FileAccessLog, JsonFormat, ResponseFlagFilter, TextFormat

DEFAULT_TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)

DEFAULT_JSON = (
    ("authority", "%REQ(:AUTHORITY)%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("duration", "%DURATION%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("route_name", "%ROUTE_NAME%"),
    ("start_time", "%START_TIME%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
)

NO_FILTER_CHAIN = ResponseFlagFilter(flags=("NR",))


def access_logs(mesh: MeshConfig) -> tuple[FileAccessLog, ...]:
    """Of requests and connections."""
    return (FileAccessLog(path=mesh.access_log_file, format=_format(mesh)),) if mesh.access_log_file else ()


def listener_access_logs(mesh: MeshConfig) -> tuple[FileAccessLog, ...]:
    """Of connections that no filter chain took."""
    if not mesh.access_log_file or mesh.disable_envoy_listener_log:
        return ()
    return (FileAccessLog(path=mesh.access_log_file, format=_format(mesh), filter=NO_FILTER_CHAIN),)


def _format(mesh: MeshConfig) -> TextFormat | JsonFormat:
    given = mesh.access_log_format
    if mesh.access_log_encoding is AccessLogEncoding.JSON:
        return JsonFormat(text=json.dumps(_json_fields(given) or dict(DEFAULT_JSON), sort_keys=True))
    text = given or DEFAULT_TEXT
    return TextFormat(text=text if text.endswith("\n") else f"{text}\n")


def _json_fields(given: str) -> dict[str, object]:
    """The fields of a format that is a JSON object; none, which means Istio's own, for anything else."""
    try:
        fields = json.loads(given)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
