"""Calls the front doors from outside, as programs do: by name, with TLS that is checked, and a password."""

import base64
import collections
import functools
import http.client
import json
import socket
import ssl
from pathlib import Path
from urllib.parse import urlencode

HOSTS = ("debian11", "debian12", "debian13")
SELF_SIGNED = ("debian11",)
SECRETS, MARKS = json.loads(Path(__file__).with_name("secrets.json").read_text()).values()
PASSWORDS = {
    "alice": SECRETS["alice"],
    "bob": SECRETS["bob"],
    "carol": SECRETS["carol"],
    "dave@example.org": SECRETS["dave"],
    "erin": SECRETS["erin"],
}
# What a browser asks for when somebody opens a page.
READER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
# An id looks so, and none of them is from 2024.
UNKNOWN = "018d0000-0000-7000-8000-000000000000"

Answer = collections.namedtuple("Answer", "status headers body")

BLIND = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
BLIND.check_hostname = False
BLIND.verify_mode = ssl.CERT_NONE


@functools.lru_cache(None)
def trust(host):
    """What a client of a host needs to check its certificate."""
    if host in SELF_SIGNED:
        return ssl.create_default_context(cadata=ssl.get_server_certificate((f"{host}.test", 443)))
    return ssl.create_default_context(cafile="/root/ca.pem")


def connect(host, port=443, name=None, context=None):
    """Return a connection with TLS. name: by which the host is called, when not by its own."""
    name = name or f"{host}.test"
    plain = socket.create_connection((f"{host}.test", port), timeout=30)
    return (context or trust(host)).wrap_socket(plain, server_hostname=name)


def basic(user, password=None):
    """The field that names a user, whose password is his own if no other is given."""
    pair = f"{user}:{PASSWORDS[user] if password is None else password}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def send(host, path, method="GET", body=None, user="bob", port=443, tls=True, **fields):
    """Send a request, and return the connection and its response, of which the head has arrived.

    user: str, None for nobody. fields: further ones; an underscore stands for a dash, None leaves one out.
    """
    if tls:
        connection = http.client.HTTPSConnection(f"{host}.test", port, timeout=60, context=trust(host))
    else:
        connection = http.client.HTTPConnection(f"{host}.test", port, timeout=60)
    headers = {key.replace("_", "-"): value for key, value in fields.items() if value is not None}
    connection.request(method, path, body, {**(basic(user) if user else {}), **headers})
    return connection, connection.getresponse()


def ask(host, path, method="GET", body=None, user="bob", **options):
    """Return the whole Answer. Options: those of send()."""
    connection, response = send(host, path, method, body, user, **options)
    try:
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def post(host, path, user="bob", body=b"", **options):
    return ask(host, path, "POST", body, user, **options)


def variables(answer):
    """What a job that prints its environment was told: dict."""
    assert (answer.status, answer.headers["X-Run-State"]) == (200, "succeeded"), answer
    return dict(line.split("=", 1) for line in answer.body.decode().splitlines())


def told(host, location, user="bob", **fields):
    """What the runs API tells of a request: dict. location: as an answer had it."""
    answer = ask(host, location, user=user, **fields)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json"), answer
    return json.loads(answer.body)


def runs(host, location, user="bob", **fields):
    """The ids of the latest requests of an endpoint, newest first."""
    return [run["id"] for run in told(host, f"{location}runs?limit=100", user, **fields)]


def tell(host, *lines):
    """Give the job of `deploy` lines to print; `end` ends it."""
    for line in lines:
        answer = post(host, "/tell/", body=urlencode({"line": line}).encode(), **FORM)
        assert (answer.status, answer.headers["X-Run-State"]) == (200, "succeeded"), answer


def look(host):
    """What only the host sees: whether the acceptor of `slow` runs, and how often the job of `open` has."""
    answer = post(host, "/look/")
    assert (answer.status, answer.headers["X-Run-State"]) == (200, "succeeded"), answer
    return answer.body.decode().split()


FORM = {"Content_Type": "application/x-www-form-urlencoded"}


@functools.lru_cache(None)
def own_address(host):
    """The address from which a host sees us."""
    with socket.create_connection((f"{host}.test", 80)) as client:
        return client.getsockname()[0]
