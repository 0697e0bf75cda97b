"""The acceptor behind the front end, by real sockets: whom it believes what, and what becomes of it."""

import contextlib
import errno
import hashlib
import json
import os
import pwd
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import front
import pytest
from message import message

from trigger import endpoint, entry, spool
from trigger.acceptor import credentials, loop
from trigger.acceptor.handler import Handler
from trigger.dispatcher import history
from trigger.dispatcher.claims import Claims

SECRET = hashlib.sha256(b"of this test").hexdigest()
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
ALICE = {
    "X-Trigger-Frontend": SECRET,
    "X-Remote-User": "alice",
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
}
# The same endpoint, asked by nginx, by the second Unix socket of somebody, and by TCP.
DOOR, UNIX, TCP = "door", "unix", "tcp"
ELSEWHERE = pytest.mark.parametrize("way", [UNIX, TCP])


def without(name):
    return {key: value for key, value in ALICE.items() if key != name}


class Host:
    """An endpoint as the role writes it, and its sockets. One request is one life of its acceptor."""

    def __init__(self, directory, keys, options):
        self.directory = directory
        self.finishing = None
        keys.setdefault("runs_api", True)
        (directory / "hello.json").write_text(front.configuration(front.endpoint(**keys), **options))
        self.endpoint = endpoint.load("hello", str(directory))
        self.endpoint.linger = 0
        self.endpoint.socket_path = f"{directory}/door"
        for name in ("spool", "claimed", "runs"):
            (directory / name).mkdir()
            setattr(self.endpoint, name, f"{directory}/{name}")
        self.endpoint.output_file = f"{directory}/output"
        self.listeners = {DOOR: self._listen(socket.AF_UNIX, f"{directory}/door")}
        self.listeners[UNIX] = self._listen(socket.AF_UNIX, f"{directory}/unix")
        self.listeners[TCP] = self._listen(socket.AF_INET, ("127.0.0.1", 0))
        self.port = self.listeners[TCP].getsockname()[1]

    def _listen(self, family, address):
        listener = socket.socket(family)
        listener.bind(address)
        listener.listen()
        listener.setblocking(False)
        return listener

    def hand_over(self, content):
        """What systemd lays out as the credential `frontend`: bytes, or None for no file."""
        (self.directory / "frontend").unlink(missing_ok=True)
        if content is not None:
            (self.directory / "frontend").write_bytes(content)

    def ask(self, fields=(), target="/hello/", way=DOOR, method="POST", body=b"", host=b"hooks.example"):
        """Send a request and return the answer: status, headers and body."""
        whole = message(fields, body, target, method).replace(b"hooks.example", host, 1)
        listener = self.listeners[way]
        with socket.socket(listener.family) as client:
            client.settimeout(60)
            client.connect(listener.getsockname())
            client.sendall(whole)
            client.shutdown(socket.SHUT_WR)
            self._serve()
            return answer(client)

    def _serve(self):
        guard, _ = credentials.load_guard(self.endpoint)
        door, self.problem = credentials.load_proxy(self.endpoint)
        stored = spool.Spool(self.endpoint.spool, self.endpoint.claimed)
        served = loop.Loop(
            self.endpoint, list(self.listeners.values()), Handler(self.endpoint, stored, guard, None, door)
        )
        assert served.serve() == 0

    def waiting(self):
        """The names in the spool, drafts among them."""
        return sorted(os.listdir(self.endpoint.spool))

    def told(self):
        """What the one request in the spool tells its job: dict of str."""
        (name,) = self.waiting()
        fd = os.open(f"{self.endpoint.spool}/{name}", os.O_RDONLY)
        variables, _ = entry.read_variables(fd, os.fstat(fd).st_size)
        os.close(fd)
        return {key.decode(): value.decode("latin-1") for key, value in variables.items()}

    def finish(self, run_id):
        """Let a run have ended."""
        history.write(self.endpoint, [run_id], time.time(), {"state": "succeeded", "exit_code": 0})

    def finish_when_spooled(self):
        """The same, for the next request, as soon as it is there."""

        def wait():
            until = time.monotonic() + 60
            while time.monotonic() < until:
                names = [name for name in self.waiting() if entry.is_id(name)]
                if names:
                    self.finish(names[0])
                    return
                time.sleep(0.005)

        self.finishing = threading.Thread(target=wait, daemon=True)
        self.finishing.start()


def answer(client):
    received = b""
    while True:
        part = client.recv(65536)
        if not part:
            break
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return SimpleNamespace(status=int(status.split()[1]), headers=headers, body=body)


@pytest.fixture
def make(monkeypatch):
    """Makes the Host, of an endpoint's keys; `front` and `defaults` as front.files has them."""
    if os.getuid():
        monkeypatch.setattr(os, "fchown", lambda *_: None)
    made = []
    with tempfile.TemporaryDirectory() as directory:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", directory)

        def make(**keys):
            options = {key: keys.pop(key) for key in ("front", "defaults") if key in keys}
            host = Host(Path(directory), keys, options)
            host.hand_over(DIGEST.encode() + b"\n")
            made.append(host)
            return host

        yield make
        signal.set_wakeup_fd(-1)
        for host in made:
            if host.finishing:
                host.finishing.join()
            for listener in host.listeners.values():
                listener.close()


# Who is let in


def test_a_request_of_a_user_is_accepted(make):
    host = make()
    got = host.ask(ALICE)
    assert got.status == 200
    assert host.waiting() == [got.headers["x-request-id"]]


@pytest.mark.parametrize(
    "fields",
    [
        without("X-Trigger-Frontend"),
        {**ALICE, "X-Trigger-Frontend": ""},
        {**ALICE, "X-Trigger-Frontend": DIGEST},
        {**ALICE, "X-Trigger-Frontend": SECRET[:-1]},
        {**ALICE, "X-Trigger-Frontend": SECRET + "0"},
        {**ALICE, "X-Trigger-Frontend": SECRET.upper()},
        {**ALICE, "X-Trigger-Frontend": "é"},
        {**ALICE, "X-Trigger-Frontend": SECRET + ", " + SECRET},
        [*ALICE.items(), ("X-Trigger-Frontend", SECRET)],
        [*ALICE.items(), ("X-Trigger-Frontend", "")],
        [("X-Trigger-Frontend", "wrong"), *ALICE.items()],
        {**without("X-Trigger-Frontend"), "X_Trigger_Frontend": SECRET},
        {**without("X-Trigger-Frontend"), "X-Trigger-Frontend2": SECRET},
    ],
)
@pytest.mark.parametrize("target", ["/hello/", "/hello/runs", "/elsewhere"])
def test_without_the_secret_there_is_nothing_here(make, fields, target):
    host = make()
    method = "GET" if "runs" in target else "POST"
    got = host.ask(fields, target, method=method, body=b"" if method == "GET" else b"x" * 100_000)
    assert (got.status, got.body) == (403, b"403 only the front end may call here\n")
    assert host.waiting() == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"-",
        b"-\n",
        b"\n",
        DIGEST[:-2].encode(),
        DIGEST.encode() + b"00",
        b"zz" * 32,
        b"\xff" * 64,
        DIGEST[:-1].encode() + b"\xc3\xa9",
        DIGEST.upper().encode(),
        DIGEST[:32].encode() + b" " + DIGEST[32:].encode(),
    ],
    ids=str.split("no-file empty fallback fallback-line blank short long no-hex binary accent capitals with-a-blank"),
)
@pytest.mark.parametrize("secret", [SECRET, "", "wrong"], ids=["right", "none", "wrong"])
def test_without_a_credential_nobody_is_let_in(make, content, secret, capfd):
    host = make()
    host.hand_over(content)
    got = host.ask({**ALICE, "X-Trigger-Frontend": secret})
    assert got.status == 503
    assert int(got.headers["retry-after"]) > 0
    assert host.waiting() == []
    assert "503" in host.problem
    shown = (content or b"\0").strip()
    assert not shown.strip(b"-") or shown.decode("latin-1") not in host.problem + capfd.readouterr().err
    got = host.ask(target="/", way=UNIX)  # who needs no front end is not touched by it
    assert got.status == 200


def test_without_a_directory_of_credentials_nobody_is_let_in(make, monkeypatch):
    host = make()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert host.ask(ALICE).status == 503
    assert "frontend is damaged or missing" in host.problem


def test_what_is_wrong_with_the_file_is_told(make):
    host = make()
    host.hand_over(None)
    (host.directory / "frontend").mkdir()
    assert host.ask(ALICE).status == 503
    assert os.strerror(errno.EISDIR) in host.problem


@pytest.mark.parametrize(
    "user", ["bob", "", "Alice", "alice ", "alice\t", "alic", "alice2", "alice, alice", "alice, bob", "é", "*"]
)
def test_another_user_is_refused(make, user):
    host = make(frontend={"users": ["alice"]})
    expected = 200 if user.strip() == "alice" else 403  # blanks at the end are none of a field's value
    got = host.ask({**ALICE, "X-Remote-User": user})
    assert got.status == expected
    assert len(host.waiting()) == (expected == 200)
    assert host.ask({**ALICE, "X-Remote-User": user}, "/hello/runs", method="GET").status == expected


def test_a_user_has_to_be_named(make):
    host = make()
    got = host.ask(without("X-Remote-User"))
    assert (got.status, got.body) == (403, b"403 this user may not call\n")
    assert host.ask([*ALICE.items(), ("X-Remote-User", "bob")]).status == 403
    assert host.waiting() == []


@pytest.mark.parametrize("name", ["alice", "mallory", ""])
def test_where_nobody_is_asked_a_name_says_nothing(make, name, capfd):
    host = make(frontend={"users": []}, allow_unauthenticated=True)
    assert host.ask({**ALICE, "X-Remote-User": name}).status == 200
    assert not {"REMOTE_USER", "AUTH_TYPE"} & set(host.told())
    assert host.told()["REMOTE_ADDR"] == "192.0.2.7"
    assert host.ask({**ALICE, "X-Remote-User": name}, "/hello/runs", method="GET").status == 403
    assert "user=- " in capfd.readouterr().err


@pytest.mark.parametrize(
    "address", [None, "", "unix:", "hooks.example", "192.0.2", "192.0.2.7, 192.0.2.8", "192.0.2.7:80", "[::1]", "::g"]
)
def test_an_address_has_to_be_named(make, address):
    host = make()
    fields = without("X-Forwarded-For") if address is None else {**ALICE, "X-Forwarded-For": address}
    assert host.ask(fields).status == 400
    assert host.waiting() == []


def test_the_endpoints_own_auth_is_asked_beside(make):
    keys = {"auth": [{"token": {"secret": front.SECRET, "header": "X-Api-Key"}}], "frontend": {"users": ["alice"]}}
    host = make(**keys)
    written = front.files(front.endpoint(**keys))["/etc/trigger/credentials/hello/acceptor/auth"]
    (host.directory / "auth").write_text(written["content"])
    assert host.ask(ALICE).status == 401
    assert host.waiting() == []
    assert host.ask({**ALICE, "X-Api-Key": front.SECRET, "X-Remote-User": "bob"}).status == 403
    assert host.ask(ALICE, "/hello/runs", method="GET").status == 401
    assert host.ask({**ALICE, "X-Api-Key": front.SECRET}, "/hello/runs", method="GET").status == 200
    assert host.ask({**ALICE, "X-Api-Key": front.SECRET}).status == 200
    assert len(host.waiting()) == 1


# What the job is told


def test_the_job_is_told_who_calls_and_from_where(make):
    host = make()
    assert host.ask(ALICE, "/hello/?a=1").status == 200
    told = host.told()
    expected = {
        "REMOTE_USER": "alice",
        "AUTH_TYPE": "Basic",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_HOST": "192.0.2.7",
        "HTTPS": "on",
        "SERVER_NAME": "hooks.example",
        "SERVER_PORT": "443",
        "SCRIPT_NAME": "/hello/",
        "PATH_INFO": "",
        "QUERY_STRING": "a=1",
        "REQUEST_METHOD": "POST",
    }
    assert {key: told.get(key) for key in expected} == expected
    assert not [value for value in told.values() if SECRET in value]


@pytest.mark.parametrize(
    ("said", "told"), [("CLIENT_CERT", "CLIENT_CERT"), ("", "Basic"), ("client_cert", "Basic"), ("anything", "Basic")]
)
def test_the_job_is_told_by_what_its_caller_is_known(make, said, told):
    host = make()
    assert host.ask({**ALICE, "X-Trigger-Auth-Type": said}).status == 200
    assert (host.told()["REMOTE_USER"], host.told()["AUTH_TYPE"]) == ("alice", told)


@pytest.mark.parametrize(
    ("protocol", "host_field", "https", "port"),
    [
        ("https", b"hooks.example", "on", "443"),
        ("https", b"hooks.example:8443", "on", "8443"),
        ("http", b"hooks.example", None, "80"),
        ("http", b"hooks.example:8080", None, "8080"),
        ("https", b"[::1]:8443", "on", "8443"),
        ("HTTPS", b"hooks.example", None, "80"),
        ("https, http", b"hooks.example", None, "80"),
        (None, b"hooks.example", None, "80"),
    ],
)
def test_the_job_is_told_whether_it_was_tls(make, protocol, host_field, https, port):
    host = make()
    fields = without("X-Forwarded-Proto") if protocol is None else {**ALICE, "X-Forwarded-Proto": protocol}
    assert host.ask(fields, host=host_field).status == 200
    assert (host.told().get("HTTPS"), host.told()["SERVER_PORT"]) == (https, port)


def test_an_ipv6_client_is_told_as_such(make):
    host = make(allow_from=["2001:db8::/32"])
    assert host.ask({**ALICE, "X-Forwarded-For": "2001:db8::7"}).status == 200
    assert host.told()["REMOTE_ADDR"] == "2001:db8::7"


def test_a_place_of_its_own_is_the_jobs_script_name(make):
    host = make(frontend={"location": "/a/b.c/"})
    assert host.ask(ALICE).status == 404
    got = host.ask(ALICE, "/a/b.c/")
    assert got.status == 200
    assert host.told()["SCRIPT_NAME"] == "/a/b.c/"
    assert got.headers["location"] == f"/a/b.c/runs/{got.headers['x-request-id']}"


# Spoofed elsewhere


@ELSEWHERE
def test_on_other_sockets_nothing_of_it_is_believed(make, way):
    """Not even with the secret."""
    host = make(frontend={"users": ["bob"]})
    got = host.ask({**ALICE, "X-Remote-User": "bob", "X-Trigger-Auth-Type": "CLIENT_CERT"}, "/", way)
    assert got.status == 200
    told = host.told()
    assert not {"REMOTE_USER", "AUTH_TYPE", "HTTPS"} & set(told)
    assert told["REMOTE_ADDR"] == ("127.0.0.1" if way == TCP else "")
    assert told["SCRIPT_NAME"] == "/"
    assert not [value for value in told.values() if SECRET in value or "192.0.2.7" in value or value == "bob"]
    assert got.headers["location"] == f"/runs/{got.headers['x-request-id']}"


@ELSEWHERE
def test_on_other_sockets_the_fields_are_dropped(make, way):
    """Nobody reads them further on, by whatever key: here one of the endpoint's own, put in behind the role's back."""
    host = make(parameters=[{"name": "who"}])
    host.endpoint.parameters[0]["places"] = [["header", name] for name in ("x-remote-user", "x-forwarded-for")]
    host.endpoint.pass_headers = ["x-remote-user", "x-forwarded-for", "x-forwarded-proto", "x-trigger-frontend"]
    assert host.ask(ALICE, "/", way).status == 200
    assert not [name for name in host.told() if name.startswith(("HTTP_", "TRIGGER_PARAM_"))]
    os.unlink(f"{host.endpoint.spool}/{host.waiting()[0]}")
    assert host.ask(ALICE).status == 200  # behind the door neither
    assert not [name for name in host.told() if name.startswith(("HTTP_", "TRIGGER_PARAM_"))]


@ELSEWHERE
def test_other_sockets_keep_path_and_methods(make, way):
    host = make()
    assert host.ask(target="/", way=way, method="GET").status == 200
    assert len(host.waiting()) == 1
    assert host.ask(target="/hello/", way=way).status == 404
    assert len(host.waiting()) == 1


def test_the_real_address_is_not_believed_elsewhere(make):
    host = make(allow_from=["192.0.2.0/24"])
    assert host.ask(ALICE, "/", TCP).status == 403
    assert host.waiting() == []


@pytest.mark.parametrize(
    ("address", "status"), [("192.0.2.7", 200), ("192.0.2.255", 200), ("198.51.100.1", 403), ("::1", 403)]
)
def test_allow_from_looks_at_the_real_address(make, address, status):
    host = make(allow_from=["192.0.2.0/24"])
    assert host.ask({**ALICE, "X-Forwarded-For": address}).status == status
    assert len(host.waiting()) == (status == 200)


@pytest.mark.parametrize("keys", [{"frontend": False}, {"front": False}])
def test_without_a_front_end_the_socket_is_one_like_others(make, keys):
    host = make(**keys)
    assert host.endpoint.frontend is None
    assert host.ask(ALICE).status == 404
    assert host.ask(ALICE, "/").status == 200
    told = host.told()
    assert (told["REMOTE_ADDR"], "REMOTE_USER" in told, "HTTPS" in told) == ("", False, False)
    assert host.problem is None


# Methods and other sites


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_behind_the_door_only_post_starts(make, method):
    host = make()
    got = host.ask(ALICE, method=method)
    assert (got.status, got.headers["allow"]) == (405, "POST")
    assert host.waiting() == []
    assert host.ask(ALICE, "/").status == 404


def test_methods_that_are_said_start_behind_the_door_too(make):
    host = make(methods=["GET", "PUT"])
    assert host.ask(ALICE, method="POST").status == 405
    assert host.ask(ALICE, method="HEAD").status == 200
    assert host.waiting() == []
    assert host.ask(ALICE, method="GET").status == 200
    assert host.ask(ALICE, method="PUT").status == 200
    assert len(host.waiting()) == 2


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://hooks.example"}, 403),  # whoever is on the way can make such a page
        ({"Origin": "https://hooks.example"}, 200),
        ({"Origin": "http://hooks.example", "X-Forwarded-Proto": "http"}, 200),
        ({"Origin": "https://hooks.example", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_a_page_of_another_site_starts_nothing(make, fields, status):
    host = make()
    assert host.ask({**ALICE, **fields}).status == status
    assert len(host.waiting()) == (status == 200)


# Runs


def test_a_user_may_list_the_runs_without_a_token(make):
    host = make()
    request_id = host.ask(ALICE).headers["x-request-id"]
    got = host.ask(ALICE, "/hello/runs", method="GET")
    assert (got.status, got.headers["content-type"]) == (200, "application/json")
    assert [(run["id"], run["state"]) for run in json.loads(got.body)] == [(request_id, "queued")]
    assert host.ask(ALICE, "/runs", method="GET").status == 404


@ELSEWHERE
def test_elsewhere_a_name_lists_nothing(make, way):
    host = make()
    request_id = host.ask(ALICE).headers["x-request-id"]
    assert host.ask(ALICE, "/runs", way, "GET").status == 403
    assert host.ask(ALICE, f"/runs/{request_id}", way, "GET").status == 200  # an id that nobody guesses
    assert host.ask(ALICE, "/hello/runs", way, "GET").status == 404


def test_where_runs_are_told_about_leads_back_through_the_door(make):
    host = make()
    got = host.ask(ALICE)
    location = got.headers["location"]
    assert location == f"/hello/runs/{got.headers['x-request-id']}"
    told = host.ask(ALICE, location, method="GET")
    assert json.loads(told.body)["id"] == got.headers["x-request-id"]
    assert host.ask({**ALICE, "X-Remote-User": "carol"}, location, method="GET").status == 403


@pytest.mark.parametrize("way", [DOOR, UNIX])
def test_without_runs_api_nothing_is_told_about_runs(make, way):
    host = make(runs_api=False)
    base = "/hello" if way == DOOR else ""
    got = host.ask(ALICE, base + "/", way)
    assert "location" not in got.headers
    assert host.ask(ALICE, f"{base}/runs/{got.headers['x-request-id']}", way, "GET").status == 404
    assert host.ask(ALICE, base + "/runs", way, "GET").status == 404


def test_an_answer_that_waits_leads_there_too(make):
    host = make(wait="2min")
    host.finish_when_spooled()
    got = host.ask(ALICE)
    assert (got.status, got.headers["x-run-state"]) == (200, "succeeded")
    assert got.headers["location"] == f"/hello/runs/{got.headers['x-request-id']}"


def test_a_stream_is_not_buffered_and_all_else_is(make):
    host = make(stream=True)
    host.finish_when_spooled()
    got = host.ask(ALICE)
    assert got.headers["x-accel-buffering"] == "no"
    assert got.headers["location"].startswith("/hello/runs/")
    assert b"[succeeded, exit code 0" in got.body
    run = f"/hello/runs/{got.headers['x-request-id']}"
    assert host.ask(ALICE, run + "/output?follow=1", method="GET").headers["x-accel-buffering"] == "no"
    for target in (run, run + "/output", run + "/output?follow=0", "/hello/runs"):
        got = host.ask(ALICE, target, method="GET")
        assert got.status == 200
        assert "x-accel-buffering" not in got.headers
    for refused in (host.ask(ALICE, "/x"), host.ask(without("X-Trigger-Frontend"))):
        assert "x-accel-buffering" not in refused.headers


@pytest.mark.parametrize("prefer", ["respond-async", "wait=1", ""])
@pytest.mark.parametrize("keys", [{}, {"wait": "2min"}])
def test_who_does_not_want_a_stream_gets_none(make, keys, prefer):
    host = make(stream=True, **keys)
    host.finish_when_spooled()
    got = host.ask({**ALICE, "Prefer": prefer})
    told = got.status, got.headers.get("preference-applied"), b"[succeeded" in got.body
    assert told == ((202, "respond-async", False) if prefer == "respond-async" else (200, None, True))
    assert got.headers["location"].startswith("/hello/runs/")


@pytest.mark.parametrize("keys", [{}, {"wait": "2min"}])
def test_an_answer_that_is_whole_may_be_buffered(make, keys):
    host = make(**keys)
    host.finish_when_spooled()
    assert "x-accel-buffering" not in host.ask(ALICE).headers


# Journal and records


def test_the_journal_names_the_real_client(make, capfd):
    host = make()
    host.ask(ALICE)
    host.ask({**ALICE, "X-Remote-User": "mallory"})
    host.ask(ALICE, "/", TCP)
    host.ask({**ALICE, "X-Trigger-Frontend": "wrong"})
    told = capfd.readouterr().err
    assert [line.split("peer=")[1].split(" auth=")[0] for line in told.splitlines()] == [
        "192.0.2.7 user=alice",
        "192.0.2.7 user=mallory",
        "127.0.0.1 user=-",
        "unix user=-",
    ]
    assert SECRET not in told and DIGEST not in told


@pytest.mark.parametrize(
    ("way", "target", "expected"),
    [
        (DOOR, "/hello/", ("192.0.2.7", "alice")),
        (TCP, "/", ("127.0.0.1", None)),
        (UNIX, "/", (None, None)),
    ],
)
def test_a_record_tells_who_asked(make, way, target, expected):
    host = make()
    assert host.ask(ALICE, target, way).status == 200
    (request_id,) = host.waiting()
    host.endpoint.user = pwd.getpwuid(os.getuid()).pw_name
    with contextlib.closing(Claims(host.endpoint)) as claims:
        claim, damaged, _ = claims.take([request_id], "")
        os.close(claim.stdin)
        assert damaged == []
        written = claims.told(request_id)
    assert (written["remote_addr"], written["remote_user"]) == expected
    assert SECRET not in json.dumps(written)
