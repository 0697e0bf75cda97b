"""The way to an endpoint's acceptor, as one client of it among others: it alone checks values and spools."""

from __future__ import annotations

import http.client
import socket
import urllib.parse

from trigger import entry, sources, strict_json
from trigger.page.status import DAMAGED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint

TIME_LIMIT = 30.0  # seconds; an acceptor that does not start is tried once a second
ANSWER_LIMIT = 64 * 1024  # bytes of a refusal that are read

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class Unreachable(Exception):
    """The acceptor could not be asked. str(error) is for the log. was_asked: whether it may have heard."""

    def __init__(self, message: str, was_asked: bool) -> None:
        super().__init__(message)
        self.was_asked = was_asked


class Composed:
    """Values, laid out as an endpoint looks for them. values: of declared parameters.

    content_type: the body's, or None. errors: names, and what is wrong, of values that no place takes.
    """

    def __init__(self, endpoint: Endpoint, values: dict[str, str]) -> None:
        self._query = []
        self._form = []
        self._document = {}  # of one member at most, named "", which is the JSON
        self.headers = []
        self.errors = []
        for parameter in endpoint.parameters or ():
            if parameter["name"] in values:
                self._put(parameter, values[parameter["name"]])
        self.query = urllib.parse.urlencode(self._query)
        self.body, self.content_type = self._compose_body()

    def _put(self, parameter, value):
        if not any(self._put_at(place, parameter, value) for place in parameter["places"]):
            self.errors.append((parameter["name"], "holds something that this form cannot pass on"))

    def _put_at(self, place, parameter, value):
        """Put a value at a place. Returns whether that is possible."""
        kind, name = place
        if kind == "json":
            return _put_into(self._document, ["", *name], _as_json(parameter, value))
        if kind == "header":
            # What is not printable could end the field, and blanks around it are no part of it.
            if not value.isprintable() or value != value.strip(" "):
                return False
            self.headers.append((name, value.encode()))
        elif kind == "query":
            self._query.append((name, value))
        else:
            self._form.append((name, value))
        return True

    def _compose_body(self):
        if "" not in self._document:
            return (urllib.parse.urlencode(self._form).encode(), _FORM) if self._form else (b"", None)
        document = strict_json.encode(self._document[""])
        if not self._form:
            return document.encode(), _JSON
        return urllib.parse.urlencode([*self._form, (sources.FORM_JSON, document)]).encode(), _FORM


class Answer:
    """What the acceptor said. request_id: None where nothing was started. text: a sentence for people, "" where there
    is none. errors: names, and what is wrong."""

    def __init__(
        self,
        status: int,
        request_id: str | None,
        retry_after: str | None,
        text: str,
        errors: list[tuple[str, str]],
    ) -> None:
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.text = text
        self.errors = errors


def ask(endpoint: Endpoint, composed: Composed, fields: list[tuple[str, bytes]]) -> Answer:
    """Have a run started. fields: who asks (access.Visitor.fields). Raises Unreachable."""
    target = endpoint.frontend["location"] + ("?" + composed.query if composed.query else "")
    told = [*fields, ("Prefer", b"respond-async"), *composed.headers]
    return _talk(endpoint, "POST", target, told, composed.body, composed.content_type)


def cancel(endpoint: Endpoint, request_id: str, fields: list[tuple[str, bytes]]) -> Answer:
    """Have a run cancelled. fields: as for ask(). Raises Unreachable."""
    return _talk(endpoint, "DELETE", "%sruns/%s" % (endpoint.frontend["location"], request_id), fields)


def _talk(endpoint, method, target, fields, body=b"", content_type=None):
    connection = _Connection(endpoint.socket_path)
    try:
        connection.connect()
    except OSError as error:
        raise Unreachable("the acceptor cannot be reached: %s" % (error.strerror or error), False) from None
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in (*fields, ("Connection", b"close"), ("Accept", b"application/problem+json")):
            connection.putheader(name, value)
        if content_type:
            connection.putheader("Content-Type", content_type)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return _read(connection.getresponse())
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable("the acceptor does not answer: %s" % type(error).__name__, True) from None
    finally:
        connection.close()  # also where the run's output would follow: its page has that


class _Connection(http.client.HTTPConnection):
    """By a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=TIME_LIMIT)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _read(response):
    request_id = response.getheader("X-Request-Id", "")
    if response.status < 400 and entry.is_id(request_id):
        return Answer(response.status, request_id, None, "", [])
    body = response.read(ANSWER_LIMIT)
    is_problem = response.getheader("Content-Type", "").startswith("application/problem+json")
    text, errors = _problem(body) if is_problem else (body.decode(errors="replace").strip(), [])
    return Answer(response.status, None, response.getheader("Retry-After"), text, errors)


def _problem(body):
    """Read problem details (RFC 9457): what happened, and a list of (name, what is wrong)."""
    try:
        problem = strict_json.decode(body.decode())
        errors = [(error["parameter"], error["detail"]) for error in problem.get("errors", ())]
        if all(isinstance(text, str) for text in (problem["detail"], *sum(errors, ()))):
            return problem["detail"], errors
    except DAMAGED:
        pass
    return "", []


def _as_json(parameter, value):
    """A value as JSON has it, where that is the same value; the acceptor takes text for any type, too."""
    try:
        if parameter["type"] == "boolean":
            return {"true": True, "false": False}[value]
        number = {"integer": int, "number": float}[parameter["type"]](value)
        is_same = repr(number) == value and value[-1:].isdigit()  # nan and inf are no JSON
        return number if is_same else value
    except (LookupError, ValueError):
        return value


def _put_into(document, tokens, value):
    """Put a value where a JSON pointer leads to, through objects. Returns whether nothing else is there."""
    *path, last = tokens
    for token in path:
        document = document.setdefault(token, {})
        if not isinstance(document, dict):
            return False
    if last in document:
        return False
    document[last] = value
    return True
