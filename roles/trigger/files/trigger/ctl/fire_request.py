"""What was typed for `fire`, as the request that a client would have sent. No I/O."""

from __future__ import annotations

import copy
import urllib.parse

from trigger import admission, cgi, http, origin, parameters, sources, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from trigger.endpoint import Endpoint

_GIVEN = "given"  # the place of a value that was typed


class Given(sources.Sources):
    """Where values stand: what was typed first, then the body. values: names and texts."""

    def __init__(
        self, request: http.Request, body: bytes, values: list[tuple[str, str]], body_type: str = "auto"
    ) -> None:
        super().__init__(request, lambda: body, body_type)
        self._given = {}
        for name, text in values:
            self._given.setdefault(name, []).append(text)

    def find(self, place: list, texts: Collection[str] = ()) -> list:
        """As sources.Sources.find()."""
        kind, name = place
        return self._given.get(name, []) if kind == _GIVEN else super().find(place, texts)


class Fired:
    """A request that keeps the endpoint's rules: `body`, and its `variables` without an id."""

    def __init__(self, body: bytes, variables_: list[tuple[bytes, bytes]]) -> None:
        self.body = body
        self._variables = variables_

    def variables(self, request_id: str) -> list[tuple[bytes, bytes]]:
        """As they stand in its entry."""
        return [*self._variables, (b"TRIGGER_REQUEST_ID", request_id.encode())]


def make(
    endpoint: Endpoint,
    values: list[tuple[str, str]],
    body: bytes,
    content_type: str | None = None,
    source: str = origin.FIRE,
    hops: Sequence[str] = (),
) -> Fired:
    """Return Fired, or raise http.Refusal as a client would see it.

    values: names of parameters, and texts. source, hops: see origin. What guards the network and what picks among
    senders (only_if) does not apply.
    """
    # Without parameters nobody looks at the query but the job.
    query = [] if endpoint.parameters is not None else values
    head = _head(endpoint.path, query, body, content_type or _type_of(body))
    http.head_end(head)  # which has a limit
    request = http.parse_head(head)
    http.Body(request, endpoint.body_limit)
    names = {name for name, _ in values}
    found = _check(
        _as_typed(endpoint, names), Given(request, body, values, endpoint.body_type), _unknown(endpoint, names)
    )
    if endpoint.body == "discard":
        body = b""
    told = cgi.meta_variables(request, endpoint.path.encode(), len(body), b"", b"", endpoint.pass_headers)
    told += [(b"TRIGGER_ENDPOINT", endpoint.name.encode()), *origin.variables(source, [*hops])]
    admission.check_execution(endpoint, found, told)
    return Fired(body, told + parameters.variables(found))


def _check(endpoint, given, errors):
    """Return the parameters. errors: those that are known already, which a client would be told with the others."""
    try:
        found, _ = admission.check_values(endpoint, given)
    except http.Refusal as refusal:
        if refusal.errors:
            refusal.errors = [*refusal.errors, *errors]
        raise
    if errors:
        raise admission.wrong_values(endpoint, errors)
    return found


def _unknown(endpoint, names):
    if endpoint.parameters is None:
        return []
    unknown = names - {parameter["name"] for parameter in endpoint.parameters}
    return [(name, "is not a parameter here") for name in sorted(unknown)]


def _as_typed(endpoint, names):
    """The endpoint as it looks to somebody who names parameters: these are looked for nowhere else."""
    local = copy.copy(endpoint)
    local.only_if = []
    if endpoint.parameters is None:
        return local
    local.parameters = [
        {**parameter, "places": [[_GIVEN, parameter["name"]]]} if parameter["name"] in names else parameter
        for parameter in endpoint.parameters
    ]
    return local


def _head(path, query, body, content_type):
    target = path
    if query:
        target += "?" + urllib.parse.urlencode(query, errors="surrogateescape")
    lines = ["POST %s HTTP/1.1" % target, "Host: localhost", "Content-Length: %d" % len(body)]
    if body:
        if "\r\n" in content_type:
            raise http.Refusal(400, "the type of the body has a line break")  # another field would begin there
        lines.append("Content-Type: " + content_type)
    # What was typed need not be UTF-8.
    return "".join(line + "\r\n" for line in [*lines, ""]).encode(errors="surrogateescape")


def _type_of(body):
    """Take for JSON what can be read as an object or array of it."""
    if body.lstrip()[:1] in (b"{", b"["):
        try:
            strict_json.decode_body(body)
            return "application/json"
        except strict_json.Malformed:
            pass
    return "application/octet-stream"
