"""What a job is told about its request: the meta-variables of RFC 3875, section 4.1."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from trigger.http import Request

SOFTWARE = b"trigger"

NAMES = frozenset(
    (
        b"GATEWAY_INTERFACE",
        b"SERVER_SOFTWARE",
        b"SERVER_PROTOCOL",
        b"SERVER_NAME",
        b"SERVER_PORT",
        b"REQUEST_METHOD",
        b"SCRIPT_NAME",
        b"PATH_INFO",
        b"QUERY_STRING",
        b"REMOTE_ADDR",
        b"REMOTE_HOST",
        b"REMOTE_USER",
        b"AUTH_TYPE",
        b"HTTPS",
        b"CONTENT_LENGTH",
        b"CONTENT_TYPE",
    )
)


def meta_variables(
    request: "Request",
    script_name: bytes,
    body_length: int,
    remote: bytes,
    server_port: bytes,
    pass_headers: "Iterable[str]" = (),
    user: bytes = b"",
    is_https: bool = False,
    auth_type: bytes = b"",
) -> "list[tuple[bytes, bytes]]":
    """Return the variables as a list of (bytes, bytes).

    script_name: the endpoint's path. body_length: after the transfer coding was taken off. remote: the client's address
    or b"" on a Unix socket. server_port: b"" on a Unix socket. pass_headers: the names, in lower case, of the fields
    that become a variable of their own; with any other a client could set HTTP_PROXY. user: whom the front end knows,
    and auth_type: by what; is_https: whether the client came by TLS.
    """
    host, port = _host_and_port(request.fields.get(b"host", b""))
    variables = [
        (b"GATEWAY_INTERFACE", b"CGI/1.1"),
        (b"SERVER_SOFTWARE", SOFTWARE),
        (b"SERVER_PROTOCOL", b"HTTP/%d.%d" % request.version),
        (b"SERVER_NAME", host or b"localhost"),
        (b"SERVER_PORT", server_port or port or (b"443" if is_https else b"80")),
        (b"REQUEST_METHOD", request.method),
        (b"SCRIPT_NAME", script_name),
        (b"PATH_INFO", b""),
        (b"QUERY_STRING", request.query),
        (b"REMOTE_ADDR", remote),
        (b"REMOTE_HOST", remote),
    ]
    if user:
        variables += [(b"REMOTE_USER", user), (b"AUTH_TYPE", auth_type)]
    if is_https:  # not of the RFC, but what everybody looks for
        variables.append((b"HTTPS", b"on"))
    if body_length:
        variables.append((b"CONTENT_LENGTH", b"%d" % body_length))
    if b"content-type" in request.fields:
        variables.append((b"CONTENT_TYPE", request.fields[b"content-type"]))
    for name in pass_headers:
        if name.encode() in request.fields:
            variables.append((header_variable(name), request.fields[name.encode()]))
    return variables


def header_variable(name: str) -> bytes:
    """The variable of a field (RFC 3875, section 4.1.18)."""
    return b"HTTP_" + name.upper().replace("-", "_").encode()


def _host_and_port(host):
    name, colon, port = host.rpartition(b":")
    if colon and port.isdigit():
        return name, port
    return host, b""
