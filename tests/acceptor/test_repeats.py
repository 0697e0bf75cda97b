"""A delivery that comes again, to a real acceptor on a real socket: whose it is, and what its sender is told before,
during and after the run of the first."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import socket
import threading
import time
from types import SimpleNamespace

import pytest
import role
from message import message

from trigger import entry, output, records, runs, spool
from trigger.acceptor import credentials, loop
from trigger.acceptor.handler import Handler
from trigger.acceptor.replay import Deliveries
from trigger.dispatcher import history

A, B, KEY = "a" * 40, "b" * 40, "k" * 40
GITHUB = {"github": {"secret": KEY}}
TOKENS = [{"token": {"secret": A}}, {"token": {"secret": B}}]


class Host:
    """An endpoint with its directories, and who may call it; the runs are made by hand."""

    def __init__(self, directory, auth, **keys):
        keys = {"runs_api": True, "replay_window": "10min", **keys}
        self.directory = directory
        self.endpoint = role.endpoint(auth=auth, **keys)
        self.endpoint.linger = 60.0
        for name in ("spool", "claimed", "runs"):
            (directory / name).mkdir(exist_ok=True)
            setattr(self.endpoint, name, str(directory / name))
        self.endpoint.deliveries = f"{directory}/spool/.deliveries"
        self.endpoint.output_file = f"{directory}/output"
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.listener.setblocking(False)
        self.let_in(auth)

    def let_in(self, auth):
        """Change who may call."""
        (self.directory / "auth").write_text(json.dumps(role.guard_entries(*auth)))

    def serve(self, clients):
        """One life of an acceptor, in which a function plays the clients. Returns what that returns."""
        guard, problem = credentials.load_guard(self.endpoint)
        assert problem is None
        known = Deliveries(self.endpoint.deliveries, self.endpoint.replay_window)
        stored = spool.Spool(self.endpoint.spool, self.endpoint.claimed, known)
        served = loop.Loop(self.endpoint, [self.listener], Handler(self.endpoint, stored, guard))
        result = []

        def play():
            try:
                result.append(clients())
            except BaseException as error:
                result.append(error)
            finally:
                served.stop()
                socket.create_connection(self.listener.getsockname()).close()

        playing = threading.Thread(target=play)
        playing.start()
        served.serve()
        playing.join()
        if isinstance(result[0], BaseException):
            raise result[0]
        return result[0]

    def send(self, fields=(), body=b"", **options):
        """Send a request. Returns its client, whose answer is still to be read."""
        client = socket.create_connection(self.listener.getsockname())
        client.settimeout(20)
        client.sendall(message(fields, body, **options))
        return client

    def ask(self, *arguments, **options):
        """Send a request and return its answer."""
        return answer(self.send(*arguments, **options))

    def waiting(self):
        return sorted(filter(entry.is_id, os.listdir(self.endpoint.spool)))

    def begin(self):
        """Wait for a request, and let its run print something. Returns its id."""
        request_id = wait_until(self.waiting)[-1]
        with open(self.endpoint.output_file, "w") as file:
            file.write("printed\n")
        (self.directory / "claimed" / request_id).touch()
        return request_id

    def end(self, request_id, state="failed", recorded=True, damaged=False):
        """Let its run end; without a record, as one that was let go meanwhile, or with one that cannot be read."""
        os.rename(self.endpoint.output_file, output.path(self.endpoint, request_id))
        if recorded and not damaged:
            history.write(self.endpoint, [request_id], time.time(), {"state": state, "exit_code": 7})
        else:
            with open(records.path(self.endpoint, request_id) + ("" if damaged else ".new"), "w") as file:
                file.write("{")
            if not damaged:
                os.unlink(file.name)
        os.unlink(f"{self.endpoint.spool}/{request_id}")
        os.unlink(f"{self.endpoint.claimed}/{request_id}")


def is_answered(client):
    client.setblocking(False)
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        client.settimeout(20)


def answer(client):
    with client:
        received = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(body.split(b"\r\n")[1::2])
    return SimpleNamespace(status=int(status.split()[1]), headers=headers, body=body)


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return condition()


@pytest.fixture
def make(tmp_path, monkeypatch):
    if os.getuid():
        monkeypatch.setattr(os, "fchown", lambda *_: None)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    made = []

    def make(auth, **keys):
        made.append(Host(tmp_path, auth, **keys))
        return made[-1]

    yield make
    for host in made:
        host.listener.close()


def token(secret=A, key=None):
    fields = {"Authorization": f"Bearer {secret}"}
    return {**fields, "Idempotency-Key": key} if key else fields


def github(body, **fields):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(KEY.encode(), body, "sha256").hexdigest(), **fields}


def is_closed(one):
    """Whether an answer opens neither the run nor its output."""
    return not {"x-request-id", "location", "x-run-exit-code"} & set(one.headers) and b"printed" not in one.body


# Whose it is


def ids_of(host, *requests):
    """Send requests one after the other. Returns for each the id in its answer, or the status where that has none."""

    def clients():
        answers = [host.ask(**asked) for asked in requests]
        return [one.headers.get("x-request-id", one.status) for one in answers]

    return host.serve(clients)


def test_who_lets_it_in_has_ids_of_his_own(make):
    host = make(TOKENS)
    fields = token(A, "r1"), token(B, "r1"), token(A, "r1"), token(B, "r1")
    first, second, *again = ids_of(host, *({"fields": each} for each in fields))
    assert again == [first, second]
    assert first != second
    assert host.waiting() == [first, second]


def test_an_entry_keeps_its_ids_wherever_it_stands_in_the_list(make):
    host = make([*TOKENS, GITHUB])
    (first,) = ids_of(host, {"fields": token(B, "r1")})
    for auth in itertools.permutations([*TOKENS, GITHUB]):
        host.let_in(auth)
        assert ids_of(host, {"fields": token(B, "r1")}) == [first]
    host.let_in([{"token": {"secret": B, "header": "X-Own"}}])
    assert ids_of(host, {"fields": {"X-Own": B, "Idempotency-Key": "r1"}}) == [first]


@pytest.mark.parametrize("field", ["webhook-id", "X-GitHub-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery"])
def test_ids_in_other_fields_are_the_senders_too(make, field):
    host = make(TOKENS)
    mine, other, again = ids_of(host, *({"fields": {**token(who), field: "1"}} for who in (A, B, A)))
    assert again == mine
    assert other != mine


@pytest.mark.parametrize(
    ("one", "other"),
    [("r1", '"r1"'), ('"r1"', 'r1'), ('"r1"', '"r1";a=1'), ('"r1"', '"r1" ; a'), (r'"a\"b\\c"', r'a"b\c')],
)  # fmt: skip
def test_an_idempotency_key_is_the_same_with_and_without_quotes(make, one, other):
    first, again = ids_of(make(TOKENS), {"fields": token(A, one)}, {"fields": token(A, other)})
    assert again == first


@pytest.mark.parametrize(
    ("one", "other"),
    [("r1", "r2"), ("r1", "R1"), ("r1", '"r1'), ("r1", 'r1"'), ("r1", '"r1"x'), ("r1", '"r1""'), ("r1", 'r1;a=1')],
)  # fmt: skip
def test_other_idempotency_keys_are_others(make, one, other):
    first, second = ids_of(make(TOKENS), {"fields": token(A, one)}, {"fields": token(A, other)})
    assert second != first


OTHERS = {
    "another body": {"body": b"other"},
    "no body": {},
    "another method": {"body": b"body", "method": "PUT"},
    "another query": {"body": b"body", "target": "/?a=2"},
    "the query before the body": {"body": b"", "target": "/?a=1body"},
}


@pytest.mark.parametrize("size", [1, 50_000])
@pytest.mark.parametrize("other", OTHERS)
def test_an_idempotency_key_stands_for_one_request(make, other, size):
    """A larger body is in a file, and that of the first is not kept for comparison."""
    host = make(TOKENS, methods=["POST", "PUT"])
    first = {"fields": token(A, "r1"), "body": b"body" * size}
    differs = {"fields": token(A, '"r1"'), **OTHERS[other]}
    differs["body"] = differs.get("body", b"") * size
    if "query" in other:
        first["target"] = "/?a=1"
    identifier, refused, again = ids_of(host, first, differs, first)
    assert (refused, again) == (422, identifier)
    assert host.waiting() == [identifier]
    assert ids_of(host, differs, first) == [422, identifier]  # another life of the acceptor


def test_a_field_with_a_parameter_belongs_to_it(make):
    """Others may differ each time, such as those of a trace."""
    host = make(TOKENS, parameters=[{"name": "v", "from": "header:X-V"}], pass_headers=["Traceparent"])
    first, again, refused = ids_of(
        host,
        *({"fields": {**token(A, "r1"), "X-V": value, "Traceparent": trace}}
          for value, trace in (("1", "1"), ("1", "2"), ("2", "1"))),
    )  # fmt: skip
    assert (again, refused) == (first, 422)


@pytest.mark.parametrize("sent", [(None, ""), ("", None), (None, None), ("", "")])
def test_a_field_that_is_empty_is_not_one_that_is_not_there(make, sent):
    """Whose parameter has its default."""
    host = make(TOKENS, parameters=[{"name": "v", "from": "header:X-V", "default": "1"}])
    asked = ({"fields": {**token(A, "r1"), **({} if value is None else {"X-V": value})}} for value in sent)
    first, second = ids_of(host, *asked)
    assert second == (first if sent[0] == sent[1] else 422)


def test_a_parameter_in_a_field_that_the_endpoint_has_since_makes_no_other_request(make):
    """Nor an upgrade: before, fields had no part in it."""
    host = make(TOKENS)
    asked = {"fields": {**token(A, "r1"), "X-V": "1"}}
    (first,) = ids_of(host, asked)
    host = make(TOKENS, parameters=[{"name": "v", "from": "header:X-V"}])
    other = {**asked, "fields": {**token(A, "r1"), "X-V": "2"}, "body": b"other"}
    assert ids_of(host, asked, other) == [first, 422]


@pytest.mark.parametrize("field", ["webhook-id", "X-GitHub-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery"])
def test_an_id_that_is_empty_is_none(make, field):
    """As of a variable that is not set, it would make repeats of all that comes after the first."""
    host = make(TOKENS)
    ids = ids_of(host, *({"fields": {**token(A), field: ""}, "body": body} for body in (b"1", b"2", b"2")))
    assert host.waiting() == ids and len(set(ids)) == 3


@pytest.mark.parametrize("empty", ["", '""', '"";a=1'])
def test_an_idempotency_key_that_is_empty_is_refused(make, empty):
    host = make(TOKENS)
    assert ids_of(host, {"fields": {**token(A), "Idempotency-Key": empty}}) == [400]
    assert host.waiting() == []


def test_so_it_does_where_two_come_in_the_same_moment(make):
    host = make(TOKENS)
    sent = [host.send(token(A, "r1"), body) for body in (b"one", b"other", b"one")]
    sent.append(host.send(token(B, "r1"), b"other"))
    answers = host.serve(lambda: [answer(client) for client in sent])
    assert [one.status for one in answers] == [200, 422, 200, 200]
    ids = [one.headers.get("x-request-id") for one in answers]
    assert ids[0] == ids[2]
    assert host.waiting() == sorted({ids[0], ids[3]})


def test_a_token_in_the_query_is_no_part_of_the_request(make):
    """So it can be brought in another way the next time."""
    host = make([{"token": {"secret": A, "query": "key"}}])
    fields = {"Idempotency-Key": "r1"}
    first, again = ids_of(
        host, {"fields": fields, "target": f"/?a=1&key={A}"}, {"fields": token(A, "r1"), "target": "/?a=1"}
    )
    assert again == first


@pytest.mark.parametrize("field", ["X-GitHub-Delivery", "Idempotency-Key", "webhook-id"])
def test_an_id_that_is_not_signed_makes_no_other_body_a_repeat(make, field):
    """Anybody on the way could have changed it. The same body is known under any."""
    host = make([GITHUB])
    one, other, again, renamed = ids_of(
        host,
        *({"fields": github(body, **{field: name}), "body": body} for body, name in
          ((b"one", "1"), (b"other", "1"), (b"one", "1"), (b"other", "2"))),
    )  # fmt: skip
    assert (again, renamed) == (200, 200)
    assert host.waiting() == [one, other]


def standard(name, body, at, *secrets):
    """A delivery as standardwebhooks.com has it, signed with secrets, in base64."""
    signed = f"{name}.{at}.".encode() + body
    macs = [hmac.new(base64.b64decode(secret), signed, "sha256").digest() for secret in secrets or ("a" * 40,)]
    signature = " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)
    fields = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}
    return {"fields": fields, "body": body}


def test_an_id_that_is_signed_does(make):
    """Sent again, it has another time and so another signature."""
    host = make([{"standard_webhooks": {"secret": "whsec_" + "a" * 40}}])
    now = int(time.time())
    first, again, other = ids_of(host, standard("1", b"x", now), standard("1", b"x", now - 1), standard("2", b"x", now))
    assert again == 200
    assert host.waiting() == [first, other]


def test_an_id_that_is_signed_with_several_secrets_counts_for_each(make):
    """While a secret is changed: the retry may come when the sender knows only one of them any more."""
    secrets = "a" * 40, "b" * 40
    host = make([{"standard_webhooks": {"secret": "whsec_" + secret}} for secret in secrets])
    now = int(time.time())
    (first,) = ids_of(host, standard("1", b"x", now, *secrets))
    for number, secret in enumerate(secrets, 1):
        assert ids_of(host, standard("1", b"x", now - number, secret)) == [200]
    assert host.waiting() == [first]


def test_of_several_signatures_each_is_known(make):
    """Who has overheard them might send only one."""
    old = {"hmac": {"secret": KEY, "header": "X-Old", "algorithm": "sha1"}}
    for auth in ([GITHUB, old], [old, GITHUB]):
        host = make(auth)
        body = os.urandom(8)
        both = github(body, **{"X-Old": hmac.new(KEY.encode(), body, "sha1").hexdigest()})
        (first,) = ids_of(host, {"fields": both, "body": body})
        for name in both:
            assert ids_of(host, {"fields": {name: both[name]}, "body": body}) == [200]
        assert host.waiting()[-1] == first


@pytest.mark.parametrize("field", ["Idempotency-Key", "X-GitHub-Delivery", "webhook-id"])
def test_what_release_0_2_remembered_is_known(make, field):
    host = make(TOKENS)
    before = entry.Ids().next()
    name = field.lower().encode()
    key = hashlib.sha256(name + b"\0" + b"r1").hexdigest()
    with open(host.endpoint.deliveries, "w") as file:
        file.write(f"{time.time():.0f} {before} {key}\n")
    assert ids_of(host, {"fields": {**token(A), field: "r1"}}) == [before]


# What its sender is told

WAYS = pytest.mark.parametrize("signs", [False, True])


def auth_and_request(signs):
    return ([GITHUB], {"fields": github(b"body"), "body": b"body"}) if signs else (TOKENS, {"fields": token(A, "r1")})


@WAYS
def test_without_wait_it_is_told_as_the_first_time(make, signs):
    """Who brings a signature may have overheard it: he is not told what opens the run."""
    auth, request = auth_and_request(signs)
    host = make(auth, response={"status": 202, "body": "taken\n"})
    first, again = host.serve(lambda: [host.ask(**request) for _ in range(2)])
    assert (first.status, first.body) == (again.status, again.body) == (202, b"taken\n")
    assert first.headers["location"] == "/runs/" + first.headers["x-request-id"]
    assert is_closed(again) == signs
    assert again.headers.get("x-delivery") == ("repeated" if signs else None)
    assert again.headers.get("x-request-id") == (None if signs else first.headers["x-request-id"])


@WAYS
def test_two_of_the_same_moment_are_the_first_and_its_repeat(make, signs):
    auth, request = auth_and_request(signs)
    host = make(auth)
    sent = [host.send(**request) for _ in range(2)]
    first, again = host.serve(lambda: [answer(client) for client in sent])
    assert (first.status, again.status) == (200, 200)
    assert "x-request-id" in first.headers
    assert is_closed(again) == signs


@pytest.mark.parametrize(("state", "status"), [("succeeded", 200), ("failed", 500), ("damaged", 500)])
@WAYS
def test_with_wait_it_is_told_how_the_run_ended(make, signs, state, status):
    """Before the run, during, and however often after it. Those that come before its end wait for it."""
    auth, request = auth_and_request(signs)
    host = make(auth, wait="1h")

    def clients():
        sent = [host.send(**request)]
        wait_until(host.waiting)
        sent.append(host.send(**request))
        request_id = host.begin()
        sent.append(host.send(**request))
        assert not any(map(is_answered, sent))
        host.end(request_id, state)
        answers = [answer(client) for client in sent]
        time.sleep(2 * runs.COARSE)  # from here on nothing tells any more that a run has ended
        return answers + [host.ask(**request) for _ in range(4)]

    first, *again = host.serve(clients)
    assert [one.status for one in (first, *again)] == [status] * 7
    assert {one.headers["x-run-state"] for one in (first, *again)} == {state}
    assert first.body == b"printed\n"
    assert [is_closed(one) for one in again] == [signs] * 6
    if not signs:
        assert {(one.headers["x-request-id"], one.body) for one in again} == {
            (first.headers["x-request-id"], b"printed\n")
        }


@WAYS
def test_with_wait_it_is_not_told_of_a_run_whose_record_is_gone(make, signs):
    """Neither that it goes on nor how it ended would be true. Nobody waits for what will not come."""
    auth, request = auth_and_request(signs)
    host = make(auth, wait="15s")

    def clients():
        sent = [host.send(**request)]
        request_id = host.begin()
        sent.append(host.send(**request))
        host.end(request_id, recorded=False)
        return [answer(client) for client in sent] + [host.ask(**request) for _ in range(3)]

    answers = host.serve(clients)
    assert [one.status for one in answers] == [410] * 5
    assert [is_closed(one) for one in answers[1:]] == [signs] * 4


@WAYS
def test_with_wait_it_is_not_told_of_a_run_whose_record_is_damaged(make, signs):
    auth, request = auth_and_request(signs)
    host = make(auth, wait="15s")

    def clients():
        sent = [host.send(**request)]
        request_id = host.begin()
        sent.append(host.send(**request))
        host.end(request_id, damaged=True)
        return [answer(client) for client in sent] + [host.ask(**request) for _ in range(3)]

    assert [one.status for one in host.serve(clients)] == [503] * 5


@WAYS
def test_who_waits_no_longer_than_the_run_takes_is_told_so(make, signs):
    auth, request = auth_and_request(signs)
    host = make(auth, wait="15s")
    request["fields"] = {**request["fields"], "Prefer": "wait=0"}
    answers = host.serve(lambda: [host.ask(**request) for _ in range(2)])
    assert [one.status for one in answers] == [202, 202]
    assert is_closed(answers[1]) == signs


@WAYS
def test_a_stream_is_repeated_from_its_beginning(make, signs):
    auth, request = auth_and_request(signs)
    host = make(auth, stream=True)

    def clients():
        sent = [host.send(**request)]
        wait_until(host.waiting)
        sent.append(host.send(**request))
        request_id = host.begin()
        sent.append(host.send(**request))
        if signs:  # they wait for nothing
            answers = [answer(client) for client in sent[1:]]
            host.end(request_id)
            return [answer(sent[0]), *answers, host.ask(**request)]
        wait_until(lambda: all(map(is_answered, sent)))
        host.end(request_id)
        return [answer(client) for client in sent] + [host.ask(**request)]

    first, *again = host.serve(clients)
    assert first.status == 200
    assert b"printed" in first.body
    assert b"failed" in first.body
    assert [one.status for one in again] == [200] * 3
    assert [is_closed(one) for one in again] == [signs] * 3
    if not signs:
        assert {one.headers["x-request-id"] for one in again} == {first.headers["x-request-id"]}
        assert [b"printed" in one.body and b"failed" in one.body for one in again] == [True] * 3


def test_a_stream_ends_when_nothing_more_is_known_of_its_run(make):
    host = make(TOKENS, stream=True)

    def clients():
        sent = [host.send(token(A, "r1"))]
        request_id = host.begin()
        sent.append(host.send(token(A, "r1")))
        wait_until(lambda: all(map(is_answered, sent)))
        host.end(request_id, recorded=False)
        return [answer(client) for client in sent], host.ask(token(A, "r1"))

    followed, after = host.serve(clients)
    assert [(one.status, b"[no longer known]" in one.body) for one in followed] == [(200, True)] * 2
    assert after.status == 410


def test_what_comes_in_a_stamp_that_was_looked_at_is_seen(tmp_path, monkeypatch):
    """The kernel gives what happens within some milliseconds the same one, however often it is looked at meanwhile."""
    now = [1000.0]
    monkeypatch.setattr(runs.time, "monotonic", lambda: now[0])
    endings = runs.Endings(SimpleNamespace(runs=str(tmp_path)))
    assert [endings.changed() for _ in range(5)] == [True] * 5
    now[0] += 0.01
    assert endings.changed()
    now[0] += 1
    assert not endings.changed()
    os.utime(tmp_path, (1, 1))
    assert [endings.changed() for _ in range(5)] == [True] * 5
