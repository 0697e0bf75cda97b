# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The front end: checks `trigger_frontend_*` and each endpoint's `frontend`, and puts both into the form that nginx,
acceptors and page need. No message repeats a password or a key."""

from __future__ import annotations

import difflib
import ipaddress
import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

from . import host, values

SERVER_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
MAP_WORDS = ("default", "include")  # of nginx' map, so no names there
CATCH_ALLS = ("_", "*")  # as others write it for any name
USER = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
# yescrypt, bcrypt, SHA-256 and SHA-512 of crypt(5): what takes some effort to guess, and no ":".
HASH = re.compile(r"\$(y|2[aby]|[56])\$[!-9;-~]{20,}", re.ASCII)
LOCATION = re.compile(r"/([A-Za-z0-9~_-][A-Za-z0-9.~_-]*/)+", re.ASCII)
PASSWORD_LENGTH = 8  # characters, at least
PASSWORD_LIMIT = 511  # bytes, of crypt(3)
PEM = "-----BEGIN "
PRIVATE = "PRIVATE KEY-----"
AUTHORITY = "-----BEGIN CERTIFICATE-----"
REDIRECTED_PORT = 80
DAY = 24 * 60 * 60

# What nginx refuses by itself, and says of it beside the status' name. 408 is none of them: it closes without a word.
DETAILS = {
    308: "it stands elsewhere, see the field Location",
    400: "the front end cannot read this request, or it came without TLS",
    401: "a name and a password are needed",
    403: "this address may not call",
    404: "nothing is served here",
    405: "this method starts nothing",
    411: "the request does not say how long it is",
    413: "the body is larger than is taken here",
    414: "the request target is too long",
    416: "there is no such part of it",
    421: "this host is not known by that name",
    429: "more requests than are taken here",
    431: "the head of the request is too large",
    500: "the front end is out of order; its error log says more",
    501: "the front end does not know how to do this",
    502: "the endpoint does not answer; it may be switched off",
    503: "the front end takes no requests at present",
    504: "the endpoint did not answer in time",
    505: "HTTP/1.1 is spoken here",
}
REFUSED = {status: (host.http.REASONS[status], detail) for status, detail in DETAILS.items()}

SOCKET_ACCESS = ("SocketMode", "SocketUser", "SocketGroup")
# What nginx says of a client, see files/trigger/proxy_headers.py. It is taken out of each request.
FIELDS = {name.decode() for name in host.proxy_headers.FIELDS}


class Frontend:
    """What stands in `trigger_frontend_*`, checked.

    addresses: those that serve; redirects: those that only send on to TLS. certificate, key, client_ca: path or text.
    users: each with name, password and password_hash. mistakes: what is wrong.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        """settings: the variables, named without trigger_frontend_."""
        self.mistakes: list[str] = []
        self.warnings: list[str] = []
        self.names: list[str] = settings["server_name"].split()
        self.snippet: str = settings["snippet"]
        self.worker_connections: int = settings["worker_connections"]
        self.users: list[dict[str, Any]] = settings["users"]
        tls = settings["tls"]
        self.certificate: str | None = tls.get("certificate")
        self.key: str | None = tls.get("key")
        self.is_self_signed = bool(tls.get("self_signed"))
        self.client_ca: str | None = settings["client_ca"] or None
        self._check_names()
        self._check_tls()
        self._check_client_ca()
        self.addresses, self.redirects = self._sort_addresses(settings["listen"])
        self._check_plain(settings["plain"])
        self._check_users()

    @property
    def has_tls(self) -> bool:
        return self.is_self_signed or bool(self.certificate)

    @property
    def details(self) -> dict[int, str]:
        """What nginx says of refusals in other words than DETAILS."""
        if not self.client_ca:
            return {}
        has_passwords = any(has_password(user) for user in self.users)
        return {
            400: f"{DETAILS[400]}, or with a client certificate that is not valid",
            401: "a client certificate, or a name and a password, are needed"
            if has_passwords
            else "a client certificate is needed",
        }

    def _wrong(self, key, text):
        self.mistakes.append(f"trigger_frontend_{key}: {text}")

    def _check_names(self):
        if not self.names:
            self._wrong("server_name", "it is needed: the name by which clients call this host")
        known = set()
        for name in self.names:
            if not _is_name(name):
                hint = "; name the host, there is no catch-all here" if name in CATCH_ALLS else ""
                self._wrong("server_name", f"{name!r} is not a valid host name{hint}")
            elif name.lower() in known:
                self._wrong("server_name", f"{name!r} is there twice")
            known.add(name.lower())

    def _check_tls(self):
        given = {"certificate": self.certificate, "key": self.key}
        if self.is_self_signed and any(given.values()):
            self._wrong("tls", "either certificate and key, or self_signed: true")
        elif bool(self.certificate) != bool(self.key):
            self._wrong("tls", "certificate and key are needed together")
        for key, value in given.items():
            if value and not value.lstrip().startswith(PEM) and not _is_path(value):
                self._wrong("tls", f"{key} must be an absolute path on the host, or the text that begins with {PEM}…")
        if PRIVATE in (self.certificate or ""):
            self._wrong("tls", "certificate holds a private key, and everybody may read it; give that as key alone")

    def _check_client_ca(self):
        text = self.client_ca
        if text is None:
            return
        if not self.has_tls:
            self._wrong("client_ca", "certificates are shown by TLS alone; give trigger_frontend_tls, or leave it out")
        if PRIVATE in text:
            self._wrong("client_ca", "it holds a private key, and everybody may read it; give the certificate alone")
        elif not _is_path(text) and not text.lstrip().startswith(AUTHORITY):
            hint = f"an absolute path on the host, or the text that begins with {AUTHORITY}"
            self._wrong("client_ca", f"it must be {hint}")

    def _sort_addresses(self, listen):
        """Into those that serve, and those that only redirect."""
        addresses = []
        for text in listen:
            try:
                address = values.Address(text)
            except ValueError as error:
                self._wrong("listen", str(error))
                continue
            if address.path:
                self._wrong("listen", f"{text!r} is the path of a Unix socket; name a port, or address:port")
            elif "%" in text:
                self._wrong("listen", f"{text!r} names an interface, and nginx takes none")
            addresses.append(address)
        for one, other in itertools.combinations(addresses, 2):
            if one.overlaps(other):
                self._wrong("listen", f"{one.text} and {other.text} are the same place")
        redirects = [a for a in addresses if self.has_tls and a.port == REDIRECTED_PORT]
        return [a for a in addresses if a not in redirects], redirects

    def _check_plain(self, plain):
        if not self.addresses and not self.mistakes:
            self._wrong("listen", "nothing is left that serves: what listens on port 80 only redirects; add 443")
        exposed = ", ".join(address.text for address in self.addresses if not address.is_local)
        if exposed and not self.has_tls:
            if plain:
                self.warnings.append(f"the front end speaks plain HTTP on {exposed}: passwords pass as clear text")
            else:
                self._wrong(
                    "tls",
                    f"without a certificate passwords would pass as clear text on {exposed}. Give certificate and key, "
                    "or self_signed: true, listen on 127.0.0.1 or [::1], or set trigger_frontend_plain: true",
                )

    def _check_users(self):
        names = [user["name"] for user in self.users]
        for number, user in enumerate(self.users, 1):
            label = f"users[{number}] ({user['name']})"
            password, hashed = user.get("password"), user.get("password_hash")
            if not USER.fullmatch(user["name"]):
                self._wrong("users", f"[{number}]: name: use letters, digits and . _ - @, 64 at most")
                continue
            if names.index(user["name"]) != number - 1:
                self._wrong(label, "this name is there twice")
            if self.client_ca and not has_password(user):
                continue  # a certificate will do
            if (password is None) == (hashed is None):
                self._wrong(label, "exactly one of password and password_hash is needed")
            elif password is not None and not password.isprintable():
                self._wrong(label, "password: it holds a control character")
            elif password is not None and len(password) < PASSWORD_LENGTH:
                self._wrong(label, f"password: it is shorter than {PASSWORD_LENGTH} characters, so it could be guessed")
            elif password is not None and len(password.encode()) > PASSWORD_LIMIT:
                self._wrong(label, f"password: it is longer than {PASSWORD_LIMIT} bytes, which crypt(3) does not take")
            elif hashed is not None and not HASH.fullmatch(hashed):
                self._wrong(label, "password_hash: it is not a hash of crypt(5) that begins with $y$, $2b$, $6$ or $5$")
            elif hashed is not None and _is_dear(hashed):
                text = "nginx computes it anew for each request, and all of its sites wait meanwhile"
                self.warnings.append(f"trigger_frontend_{label}: password_hash: it takes long; {text}")


def check(
    endpoint: dict[str, Any], frontend: Frontend | None, given: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The endpoint with its `door`, and what is wrong with its `frontend`.

    The door is None where the endpoint is not behind the front end, otherwise a dict of `location`, `users` (list, or
    None where nobody is asked), `methods`, `page`, `shows_runs`, `viewers`, `group`, `confirm` and `allow_from`, which
    the host is told, and of `rate` and `read_timeout`, for nginx.

    endpoint: else complete and checked. given: what the user has written down of it.
    """
    key = endpoint["frontend"]
    location = key["location"] or f"/{endpoint['name']}/"
    networks, wrong = values.read_networks(key["allow_from"])
    wrong += _check_location(location)
    if key["group"] is not None and not (key["group"].strip() and key["group"].isprintable()):
        wrong.append("group: it must be one line of text")
    rate, read_timeout = _read(key["rate"], _rate), _read(key["read_timeout"], _finite_span)
    for name, found in (("rate", rate), ("read_timeout", read_timeout)):
        if isinstance(found, ValueError):
            wrong.append(f"{name}: {found}")
    if frontend is None or not key["enabled"]:
        return {**endpoint, "door": None}, [f"frontend: {text}" for text in wrong]
    wrong += [*_check_known("users", endpoint, frontend), *_check_known("viewers", endpoint, frontend)]
    wrong += _check_users(endpoint, frontend)
    methods = endpoint["methods"] if given.get("methods") is not None else ["POST"]
    # People start by a form, which is a POST and brings no token or signature, and are told of runs.
    has_runs = not endpoint["handoff"] and given.get("runs_api") is not False
    has_page = has_runs and not endpoint["guard"] and "POST" in methods
    users = _users(key["users"], frontend)
    door = {
        "location": location,
        "users": users,
        "viewers": sorted(key["viewers"] or ()),
        "methods": methods,
        "allow_from": networks,
        "rate": rate,
        "read_timeout": read_timeout or _read_timeout(endpoint),
        "page": has_page,
        # What has no form can be looked at by those who sign in.
        "shows_runs": has_page or (has_runs and (users is not None or bool(key["viewers"]))),
        "group": key["group"],
        "confirm": key["confirm"],
    }
    if door["confirm"] and not door["page"]:
        wrong.append("confirm: the endpoint has no page that could ask")
    wrong += _check_viewers(endpoint, door)
    return {**endpoint, "door": door, **_with_own_socket(endpoint)}, [
        *_check_way_in(endpoint),
        *_check_fields(endpoint),
        *(f"frontend: {text}" for text in wrong),
    ]


def _check_location(location):
    if not LOCATION.fullmatch(location):
        yield (
            f"location: {location!r} does not begin and end with a slash, or holds something else than letters, digits "
            "and . ~ _ -; / itself is the page"
        )


def _check_known(key, endpoint, frontend):
    known = [user["name"] for user in frontend.users]
    for name in endpoint["frontend"][key] or ():
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield f"{key}: {name!r} is not one of trigger_frontend_users{hint}"


def _check_viewers(endpoint, door):
    if not door["viewers"]:
        return
    if not door["shows_runs"]:
        yield "viewers: with handoff or runs_api: false there are no runs that could be shown"
    elif door["page"] and door["users"] is None:
        yield "viewers: with users: [] nobody is asked for a password, so they could not be told from others"
    elif any(entry["kind"] == "basic" for entry in endpoint["guard"]):
        yield "viewers: a password of theirs would come in the field in which auth wants the endpoint's own"


def _check_users(endpoint, frontend):
    users = endpoint["frontend"]["users"]
    if users is None and not frontend.users:
        yield (
            "users: nobody could sign in, since trigger_frontend_users is empty. Name somebody there, keep the "
            "endpoint out with frontend: false, or let nobody be asked with users: []"
        )
    if users == [] and not endpoint["guard"] and not endpoint["allow_unauthenticated"]:
        yield (
            "users: with an empty list everybody could start the job. Say with auth who may, or set "
            "allow_unauthenticated: true if that is wanted"
        )
    if users and endpoint["handoff"]:
        yield "users: with handoff there is no acceptor that could tell them apart; leave the key out for all users"
    if users != [] and any("authorization" in _fields(entry) and not entry.get("query") for entry in endpoint["guard"]):
        yield (
            "users: a request has one Authorization field, so it cannot bring a password and what auth asks for. Set "
            "users: [], or let it be a token in a header of its own"
        )


def _check_way_in(endpoint):
    for directive in SOCKET_ACCESS:
        if directive in endpoint["socket"]:
            yield f"socket: {directive}= belongs to the role, since the front end shall connect and nobody else"
    own = host.own_socket(endpoint["name"])
    for address in endpoint["addresses"]:
        if address.path and address.path != own:
            yield (
                f"listen: behind the front end {own} is the only Unix socket, since nginx' user could start the job by "
                f"{address.text} without its secret. Leave that out, or keep the endpoint out with frontend: false"
            )


def _check_fields(endpoint):
    """What nginx says is taken out of each request, before anything else looks at its fields."""
    hint = "is what the front end says; REMOTE_ADDR, REMOTE_USER and HTTPS tell it to the job"
    for name in FIELDS.intersection(endpoint["pass_headers"]):
        yield f"pass_headers: {name} {hint}"
    for name in FIELDS.intersection(set().union(*map(_fields, endpoint["guard"]))):
        yield f"auth: {name} {hint}"
    asked = [("parameters", parameter["places"]) for parameter in endpoint["declared"] or ()]
    asked += [("only_if", [condition["place"]]) for condition in endpoint["conditions"]]
    for key, places in asked:
        for kind, name in places:
            if kind == "header" and name in FIELDS:
                yield f"{key}: {name} {hint}"


def _fields(entry):
    """The header fields that an entry of the guard needs: set of str."""
    if entry["kind"] != "signature":
        return {entry["header"]}
    return {header for way in entry["headers"] for header in way.values()}


def _users(chosen, frontend):
    if chosen == []:
        return None
    return sorted(chosen if chosen is not None else (user["name"] for user in frontend.users))


def _read_timeout(endpoint):
    """Long enough for all that an acceptor may keep its client waiting for; at most a day. Who follows an output hears
    nothing until the run begins, whatever it waits for."""
    if not endpoint["handoff"] and (endpoint["stream"] or endpoint["runs_api"]):
        return DAY
    seconds = [endpoint["seconds"].get(key, 0) for key in ("wait", "timeout")]
    return min(sum(seconds) + 60, DAY)


def _with_own_socket(endpoint):
    """nginx comes by the endpoint's own Unix socket, beside which it may listen elsewhere: `listen` and `addresses`."""
    address = values.Address(host.own_socket(endpoint["name"]))
    new = [address] if all(address.path != other.path for other in endpoint["addresses"]) else []
    return {
        "listen": [*endpoint["listen"], *(address.text for address in new)],
        "addresses": [*endpoint["addresses"], *new],
    }


def conflicts(endpoints: list[dict[str, Any]], frontend: Frontend | None) -> Iterator[str]:
    """What is wrong between endpoints, and between one and the front end."""
    for endpoint in endpoints if frontend else ():
        for mine, theirs in itertools.product(endpoint.get("addresses", ()), frontend.addresses + frontend.redirects):
            if mine.overlaps(theirs):
                yield f"endpoint {endpoint['name']!r}: listen: {mine.text} is taken by trigger_frontend_listen"
    behind = [endpoint for endpoint in endpoints if endpoint.get("door")]
    for one, other in itertools.permutations(behind, 2):
        if other["door"]["location"].startswith(one["door"]["location"]):
            yield (
                f"endpoint {other['name']!r}: frontend: location: {other['door']['location']} lies within that of "
                f"endpoint {one['name']!r}, {one['door']['location']}"
            )


def _read(text, parse):
    """What is read from text, None where there is none, or the ValueError."""
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        return error


def _rate(text):
    """nginx counts per second or minute: (count, "s" or "m")."""
    count, seconds = values.parse_rate(text)
    if seconds not in (1.0, 60.0):
        raise ValueError(f"{text!r}: nginx counts by the second or the minute; write for example 5/s or 30/min")
    return count, "s" if seconds == 1.0 else "m"


def accepts(name: str) -> str:
    """The expression by which nginx' map finds out whether an Accept field takes a media type by name, with the answer
    of responses.accepts(). name: a regular expression for it."""
    # A stranger chooses the field, so no character of it may be taken in two ways: nginx would look for very long.
    weightless = "(?:;(?![ \\t]*q=)[^;,]*)*"
    return f"~*(^|,)[ \\t]*{name}[ \\t]*{weightless}(,|$|;[ \\t]*q=(?![0.]*[ \\t]*([;,]|$)))"


# A part of a subject that is not its CN: RFC 2253 as OpenSSL writes it, in which what would end a value is escaped.
# \x5c is the backslash, which nginx would want to have escaped once more.
_OTHER = r"(?!CN=)[A-Za-z0-9.-]+=(?:[^\x5c,+]|\x5c.)*"


def common_name(before: str) -> str:
    """The expression by which nginx' map finds the name in the subject of a certificate: its one CN, a user's name in
    plain characters. Anything else is nobody's. before: what stands before the subject."""
    return f"~^{before} (?:{_OTHER},)*CN=(?<trigger_cn>{USER.pattern})(?:,{_OTHER})*$"


def has_password(user: dict[str, Any]) -> bool:
    """Whether somebody of `users` signs in by password, too."""
    return user.get("password") is not None or user.get("password_hash") is not None


def pause(rate: tuple[int, str]) -> int:
    """The seconds after which nginx takes one request more. rate: (count, "s" or "m")."""
    count, period = rate
    return math.ceil({"s": 1, "m": 60}[period] / count)


def _finite_span(text):
    """nginx would take less than a second for 0."""
    seconds = values.parse_span(text)
    if not 1 <= seconds < float("inf"):
        raise ValueError(f"{text!r}: it must be a second or longer, and end")
    return seconds


def _is_name(name):
    """Whether nginx and its map take it for a name of this host."""
    if name.startswith("["):
        try:
            return name.endswith("]") and "%" not in name and bool(ipaddress.IPv6Address(name[1:-1]))
        except ValueError:
            return False
    return bool(SERVER_NAME.fullmatch(name)) and name not in (*MAP_WORDS, *CATCH_ALLS)


def _is_dear(hashed):
    """Whether a hash takes longer than some ten milliseconds."""
    rounds = re.match(r"\$[56]\$rounds=(\d+)\$", hashed)
    cost = re.match(r"\$2[aby]\$(\d\d)\$", hashed)
    return bool((rounds and int(rounds[1]) > 20000) or (cost and int(cost[1]) > 7))


def _is_path(text):
    return text.startswith("/") and text.isprintable() and not set(text) & set(" ;{}\"'\\$")
