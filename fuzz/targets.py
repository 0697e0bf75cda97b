"""What is fuzzed: functions that take any bytes, raise nothing, and say with `assert` what has to hold.

A client's bytes are refused by http.Refusal or parameters.Invalid, those of a damaged spool by entry.Damaged; each is
caught where it is allowed. Whatever else leaves a function is a finding.
"""

import contextlib
import json
import os
import socket
import tempfile
from pwd import getpwuid

import role
from readers import Refused, bytes_handled, differences, ours, single_bytes
from seeds import IDS, SEPARATOR

from trigger import conditions, entry, http, parameters, responses, sources, strict_json
from trigger.acceptor import auth, handshakes
from trigger.dispatcher.claims import Claims

# A client's HTTP


def http_message(data):
    """Any bytes mean the same however they arrive, and are looked at a few times each; what is taken, h11 and llhttp
    read no differently."""
    outcome, _ = ours([data])
    cut = len(data) // 3
    assert ours(single_bytes(data))[0] == outcome
    assert ours([data[:cut], data[cut:]])[0] == outcome
    assert bytes_handled(single_bytes(data)) <= 20 * len(data) + 1000  # or a slow client would be dear
    if not isinstance(outcome, Refused):
        assert differences(data) == []


# A client's values

FORM, JSON = b"application/x-www-form-urlencoded", b"application/json"
ENDPOINT = role.endpoint(
    parameters=[
        {"name": "text", "default": "a"},
        {"name": "word", "pattern": "[a-z]+(-[a-z]+)?", "max_length": 8, "from": ["query:w", "form:w", "json:/w/0/x"]},
        {"name": "choice", "choices": ["one", "two"], "sensitive": True},
        {"name": "count", "type": "integer", "min": -5, "max": 10**30},
        {"name": "share", "type": "number", "max": 1.5, "from": ["json:/a~1b/~0", "header:X-Field"]},
        {"name": "sure", "type": "boolean", "default": False},
    ],
    job={"command": ["/bin/true"], "args": ["{text}", "--sure={sure}"]},
    extra_parameters="ignore",
    only_if=[
        {"from": "query:w", "matches": "[^x]*"},
        {"from": "json:/w", "in": ["1", "true"], "not": True},
        {"from": "header:X-Field", "equals": "x", "not": True},
    ],
)
STRICT = role.endpoint(parameters=[{"name": "w", "required": True}, {"name": "n", "type": "number"}])


def client_values(data):
    """What a request may say is an argument and a variable of the job, and is the same when it comes from the spool."""
    request, body = _request(data)
    if request is None:
        return
    for endpoint in (ENDPOINT, STRICT):
        found = sources.Sources(request, lambda: body)
        try:
            conditions.first_unmet(endpoint.only_if, found)
            values = parameters.collect(endpoint.parameters, found, endpoint.known_names)
        except (http.Refusal, parameters.Invalid):
            continue
        stored = _stored(parameters.variables(values))
        assert parameters.read_back(endpoint.parameters, stored) == values
        assert b"\0" not in "".join(parameters.expand(endpoint.command, values)).encode()
    try:
        value = strict_json.decode_body(body)
    except strict_json.Malformed:
        return
    assert value == json.loads(body, parse_int=strict_json.Number, parse_float=strict_json.Number)


def _request(data):
    """A request whose query, media type and further field are the first lines, and its body, which is the rest."""
    query, media_type, field, body = [*data.split(b"\n", 3), b"", b"", b""][:4]
    media_type = {b"f": FORM, b"j": JSON}.get(media_type, media_type)
    head = b"POST /?%s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nX-Field: %s\r\n\r\n" % (query, media_type, field)
    try:
        return http.parse_head(head[: http.head_end(head)]), body
    except http.Refusal:
        return None, b""


def _stored(variables):
    """The variables, as they come back from an entry of the spool."""
    content = entry.encode(variables)
    with tempfile.TemporaryFile(dir=MEMORY) as file:
        file.write(content)
        file.flush()
        return entry.read_variables(file.fileno(), len(content))[0]


# A client's signatures

KEY = os.urandom(24).hex()  # which no bytes can know
WHSEC = "whsec_" + KEY
OWN = {"header": "X-A", "separator": " ", "prefix": "s=", "timestamp_prefix": "t=", "id_prefix": "i="}
GUARD = auth.Guard(
    role.guard_entries(
        {"hmac": {"secret": KEY, **OWN, "signed": "{id}/{timestamp};{body}"}},
        {"svix": {"secret": WHSEC}},
        {"meta": {"secret": KEY, "verify_token": KEY}},
        *({name: {"secret": KEY}} for name in ("github", "gitea", "stripe", "slack", "zoom", "shopify", "pagerduty")),
        {"basic": {"user": "a", "secret": KEY}},
    )
)
NOW = 1700000000


def signatures(data):
    """Nobody is let in without the secret, and nothing but a challenge is sent back."""
    head, _, body = data.partition(b"\n\n")
    request = http.parse_head(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    for line in head.split(b"\n"):
        name, _, value = line.partition(b": ")
        request.fields[name.lower()] = value
    request.query = request.fields.pop(b"query", b"")
    reply = None
    try:
        reply = GUARD.answer_query(request)
        attempt = GUARD.begin(request)
        attempt.feed(body)
        attempt.finish(NOW, lambda: body)
    except http.Refusal:
        assert reply is None
    else:
        raise AssertionError("let in")
    for name in ("url_verification", "endpoint.url_validation"):
        try:
            reply = handshakes.of_body(name, KEY.encode(), body)
        except http.Refusal:
            continue
        if reply is not None:
            told = (
                strict_json.decode(reply.body.decode()) if reply.content_type != responses.PLAIN else {"": reply.body}
            )
            assert not any(character in str(text) for text in told.values() for character in ":<{\n")
            assert KEY not in str(told)


# The spool, in the form that an acceptor gives it, or somebody who has taken its place

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
SECRET = b"what no run may see"
SPOOLED = role.endpoint(parameters=[{"name": "p", "type": "integer", "required": True}], body_limit="1KiB")
SPOOLED.user = getpwuid(os.geteuid()).pw_name


def one_entry(data):
    """What is read of a file is all of it, and has one form."""
    with tempfile.TemporaryFile(dir=MEMORY) as file:
        file.write(data)
        file.flush()
        try:
            variables, length = entry.read_variables(file.fileno(), len(data))
        except entry.Damaged:
            return
    items = data[length : -entry.MARK_SIZE].split(b"\0")
    assert items.pop() == b""
    assert dict(item.split(b"=", 1) for item in items) == variables
    assert data == data[:length] + entry.encode([tuple(item.split(b"=", 1)) for item in items])


def spool(data):
    """Whatever lies in the spool, the dispatcher takes proper entries and sets the rest aside: nothing remains that
    would stop the next one, no link is followed, and the job learns nothing but known variables."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        for name in ("spool", "claimed"):
            os.mkdir(f"{directory}/{name}")
            setattr(SPOOLED, name, f"{directory}/{name}")
        _file(f"{directory}/secret", SECRET + entry.encode([(b"TRIGGER_REQUEST_ID", IDS[0].encode())]))
        plain = _lay_out(directory, data)
        with contextlib.closing(Claims(SPOOLED)) as claims:
            _claim(claims, plain)


def _claim(claims, plain):
    """What the dispatcher does, but for the job. plain: set of the names of plain files."""
    claim, _, _ = claims.take(claims.waiting(), "")
    ids = claims.ids()
    assert claims.waiting() == []
    assert set(ids) <= plain
    assert (claim.ids if claim else []) == ids
    if claim:
        with open(claim.stdin, "rb") as body:
            assert SECRET not in body.read()
        parameters.expand(SPOOLED.command, parameters.read_back(SPOOLED.parameters, claim.variables))
        assert all(name and b"\0" not in name + value and b"=" not in name for name, value in claim.variables.items())
    claims.remove(ids)
    claims.release(ids)
    assert claims.waiting() == claims.ids() == []


def _lay_out(directory, data):
    """Fill the spool. Of each part of data, the first byte says what it is, the first line its name, where a digit
    stands for a request's id, and the rest what is in it. Returns the names of plain files."""
    plain = set()
    for part in data.split(SEPARATOR)[:10]:
        name, _, content = part[1:].partition(b"\n")
        name = IDS[name[0] - 0x30] if len(name) == 1 and name.isdigit() else os.fsdecode(name.replace(b"/", b""))
        path = f"{directory}/spool/{name}"
        try:
            _MAKE.get(part[:1], _file)(path, content.replace(b"ID", name.encode(errors="replace")), directory)
        except (OSError, ValueError):
            continue  # no file can be called so, or there is one
        if os.path.isfile(path) and not os.path.islink(path):
            plain.add(name)
    return plain


def _file(path, content, _directory=None):
    with open(path, "xb") as file:
        file.write(content)


def _entry(path, content, directory):
    """Content whose last line is the variables, with a space between them."""
    body, _, variables = content.rpartition(b"\n")
    pairs = [tuple((item + b"=").split(b"=", 2)[:2]) for item in variables.split(b" ")]
    _file(path, body + entry.encode(pairs), directory)


def _symbolic_link(path, content, directory):
    os.symlink(directory.encode() + b"/" + content, path)


def _second_name(path, _content, directory):
    os.link(f"{directory}/secret", path)


def _directory(path, content, _directory):
    os.mkdir(path)
    _file(f"{path}/file", content)


def _pipe(path, _content, _directory):
    os.mkfifo(path)


def _socket(path, _content, _directory):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)


def _sparse(path, _content, _directory):
    with open(path, "xb") as file:
        file.truncate(1 << 40)


_MAKE = {
    b"e": _entry,
    b"l": _symbolic_link,
    b"n": _second_name,
    b"d": _directory,
    b"p": _pipe,
    b"s": _socket,
    b"t": _sparse,
}

TARGETS = {
    "http": http_message,
    "values": client_values,
    "signatures": signatures,
    "entry": one_entry,
    "spool": spool,
}
