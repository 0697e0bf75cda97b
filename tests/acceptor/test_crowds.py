"""What crowds can cost an acceptor: the real program, in a process of its own, on a real socket."""

import contextlib
import hashlib
import hmac
import json
import os
import resource
import select
import signal
import time
import urllib.parse

import pytest
from crowds import host, read_all
from page_host import claim, prints, record, request_id

from trigger import entry, http, room
from trigger.acceptor import backoff, eviction, replay
from trigger.spool import MEMORY_LIMIT

MIB = 1024 * 1024
PLACES = 1023  # and one for who comes later
SECRET = "0123456789abcdef-of-a-sender"
MAC = hmac.new(SECRET.encode(), b"x", "sha256").hexdigest().encode()
SIGNATURE = b"X-Hub-Signature-256: sha256=0"
GITHUB = {"github": {"secret": SECRET}}
AUTH = [GITHUB, {"gitlab": {"secret": SECRET}}]
# MemoryMax= of the unit is 256M; what the kernel keeps for sockets counts as well, some 8 KiB of each connection.
MOST = 190 * MIB


@pytest.fixture(autouse=True)
def more_files():
    """As many clients at once as the machine allows."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, before[1:] * 2)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def head(method=b"POST", *fields):
    return b"\r\n".join([method + b" / HTTP/1.1", b"Host: a", *fields, b"", b""])


def filled(fields, *more):
    """A head as large as may be, of so many fields."""
    begin = head(b"POST", *more)
    room = http.HEAD_LIMIT - len(begin)
    lines = [b"f%03d:" % number + b"x" * (room // fields - 7) + b"\r\n" for number in range(fields)]
    return begin[:-2] + b"".join(lines) + b"\r\n"


@contextlib.contextmanager
def crowd(acceptor, message, count=PLACES, source=None):
    """Clients that send a message and stay."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(count):
            clients.append(stack.enter_context(acceptor.connect(source)))
            with contextlib.suppress(ConnectionError):
                clients[-1].sendall(message)
        yield clients


def answered(clients, patience=0):
    """How many of them have something to read, or have been closed."""
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN)
    return len(poll.poll(1000 * patience))


def served(acceptor, message):
    with acceptor.connect() as client:
        client.sendall(message)
        return read_all(client)


def test_many_tiny_fields_are_refused(tmp_path):
    fields = [b"%x:" % number for number in range(2700)]
    message = head(b"POST", b"X-Hub-Signature-256: sha256=0", b"Content-Length: 9", *fields)
    assert len(message) < http.HEAD_LIMIT
    with host(tmp_path, auth=AUTH) as acceptor:
        assert served(acceptor, message).startswith(b"HTTP/1.1 431 ")


KINDS = {
    "an unfinished head": filled(1)[:-4],
    "a head of many fields, and a body in memory": filled(
        http.FIELDS_LIMIT - 5, b"X-Hub-Signature-256: sha256=0", b"Content-Length: 65536"
    ) + b"x" * 60000,
    "a large query, and a body in parts": head(
        b"POST /?" + b"q" * 15000, b"X-Hub-Signature-256: sha256=0", b"Transfer-Encoding: chunked"
    ).replace(b" / HTTP", b" HTTP") + b"10000\r\n" + b"x" * 65536 + b"\r\n" + b"1" * 200,
    "a head of many fields, a body in memory and a trailer": filled(
        http.FIELDS_LIMIT - 5, b"X-Hub-Signature-256: sha256=0", b"Transfer-Encoding: chunked"
    ) + b"%x\r\n" % 60000 + b"x" * 60000 + b"\r\n0\r\nx: " + b"x" * (http.TRAILER_LIMIT - 10),
}  # fmt: skip


@pytest.mark.parametrize("message", KINDS.values(), ids=KINDS)
def test_what_is_not_complete(tmp_path, message):
    with host(tmp_path, auth=AUTH) as acceptor, crowd(acceptor, message) as clients:
        settle(acceptor)
        assert answered(clients) == 0
        print(acceptor.peak() // MIB)
        assert acceptor.peak() < MOST


def settle(acceptor):
    """The acceptor has read what was sent: an answer to one who came later has to wait for it."""
    served_one = acceptor.connect()
    with served_one:
        served_one.sendall(head(b"BREW"))
        read_all(served_one)


# Who guesses

GUESS = head(b"POST", b"X-Gitlab-Token: wrong", b"Content-Length: 0")
RIGHT = head(b"POST", b"X-Gitlab-Token: " + SECRET.encode(), b"Content-Length: 0")
LATER = "from trigger.acceptor import backoff; backoff.FIRST = backoff.LONGEST = 8.0"  # time to send some MiB
FOR_EVER = "from trigger.acceptor import backoff; backoff.FIRST = backoff.LONGEST = 1000.0"


def test_guessers_are_held_or_closed_and_take_nobodys_place(tmp_path):
    """More guesses than wait at the same time: of none of them is told that it is wrong, and who waits for a run
    waits on."""
    with host(tmp_path, auth=AUTH, before=FOR_EVER, wait="1h") as acceptor, crowd(acceptor, RIGHT, 1) as waiting:
        assert served(acceptor, GUESS).startswith(b"HTTP/1.1 401 ")  # the first one is told at once
        with crowd(acceptor, GUESS, backoff.DELAYED_LIMIT + 300) as guessers:
            with crowd(acceptor, RIGHT, 1) as late:
                settle(acceptor)
                assert answered(late) == answered(waiting) == 0
            assert wait_until(lambda: answered(guessers) >= 300)
            assert answered(guessers) == 300
            assert [client.recv(1) for client in guessers if answered([client])] == [b""] * 300


def test_who_repeats_what_he_has_overheard_takes_nobodys_place(tmp_path):
    """Past half of those who may wait, repeats are told at once that the run goes on; others wait for theirs."""
    message = head(b"POST", b"X-Hub-Signature-256: sha256=" + MAC, b"Content-Length: 1") + b"x"
    settings = {"auth": AUTH, "wait": "1h", "replay_window": "1h"}
    with host(tmp_path, before=FOR_EVER, **settings) as acceptor, crowd(acceptor, message, 1200) as repeats:
        assert wait_until(lambda: answered(repeats) == 1200 - 512)
        with crowd(acceptor, RIGHT, 100) as others:
            settle(acceptor)
            assert answered(others) == 0
        (told,) = {client.recv(12) for client in repeats if answered([client])}
        assert told == b"HTTP/1.1 202"


def test_what_guessers_have_sent_is_not_kept(tmp_path):
    message = filled(http.FIELDS_LIMIT - 5, b"X-Gitlab-Token: wrong", b"Content-Length: 1") + b"x" * 300_000
    with host(tmp_path, auth=AUTH, before=FOR_EVER) as acceptor, crowd(acceptor, message, backoff.DELAYED_LIMIT):
        settle(acceptor)
        print(acceptor.peak() // MIB)
        assert acceptor.peak() < MOST // 2


def test_whose_large_body_is_refused_is_told_so(tmp_path):
    """Although nobody reads it, and the answer comes later: clients look for one when they have sent all."""
    message = head(b"POST", b"X-Gitlab-Token: wrong", b"Content-Length: 9000000")
    with host(tmp_path, auth=AUTH, body_limit="10MiB", before=LATER) as acceptor:
        served(acceptor, GUESS)
        assert served(acceptor, message + b"x" * 3 * MIB).startswith(b"HTTP/1.1 401 ")


def test_who_goes_on_sending_while_he_waits_is_closed(tmp_path):
    with host(tmp_path, wait="1h") as acceptor, acceptor.connect() as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(head(b"GET") + b"x" * 9 * MIB)
        assert read_all(client) == b""


# Who waits, or reads slowly


def test_what_those_have_sent_who_wait_for_their_run_is_not_kept(tmp_path):
    """Their values would be four times as large in memory."""
    text = ("x" * 5000 + "\U0001f600").encode()
    body = b"&".join(b"p%d=%s" % (number, urllib.parse.quote(text).encode()) for number in range(12))
    message = filled(100, FORM, b"Content-Length: %d" % len(body)) + body + b"x" * 100_000
    parameters = [{"name": f"p{number}", "max_length": 6000} for number in range(12)]
    settings = {"wait": "1h", "parameters": parameters, "queue_limit": 2000}
    with host(tmp_path, **settings) as acceptor, crowd(acceptor, message, 1024) as clients:
        settle(acceptor)
        assert answered(clients) == 0
        print(acceptor.peak() // MIB)
        assert acceptor.peak() < MOST


FORM = b"Content-Type: application/x-www-form-urlencoded"


def test_those_who_do_not_read_a_long_answer(tmp_path):
    with host(tmp_path, runs_api=True) as acceptor:
        with open(acceptor.endpoint.output_file, "wb") as file:
            file.write(b"x" * 8 * MIB)
        identifier = request_id()
        record(acceptor.endpoint, identifier)
        message = head(b"GET").replace(b" / ", b" /runs/%s/output " % identifier.encode())
        with crowd(acceptor, message) as clients:
            assert wait_until(lambda: answered(clients) == len(clients))
            settle(acceptor)
            print(acceptor.peak() // MIB)
            assert acceptor.peak() < MOST // 2


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return True


# Bodies that are larger when they are read

LARGE = {
    "arrays": ("json", lambda size: b"[" + b"[]," * (size // 3 - 2) + b"1]"),
    "objects": ("json", lambda size: b"[" + b"{}," * (size // 3 - 2) + b"1]"),
    "numbers": ("json", lambda size: b"[" + b"1," * (size // 2 - 2) + b"1]"),
    "strings": ("json", lambda size: b"[" + b'"ab",' * (size // 5 - 2) + b"1]"),
    "a text": ("json", lambda size: b'{"a": "' + "\U0001f600".encode() + b"x" * (size - 20) + b'"}'),
    "names and no values": ("form", lambda size: b"ab&" * (size // 3)),
    "percent signs": ("form", lambda size: b"a=" + b"%41" * (size // 3 - 2)),
    "a text in a form": ("form", lambda size: b"a=" + "\U0001f600".encode() + b"x" * (size - 20)),
    "JSON in a form": ("form", lambda size: b"payload=[" + b"1," * (size // 2 - 10) + b"1]"),
}
TYPES = {"json": b"Content-Type: application/json", "form": FORM}


@pytest.mark.parametrize(("kind", "make"), LARGE.values(), ids=LARGE)
def test_a_body_that_grows_when_it_is_read(tmp_path, kind, make):
    body = make(MIB)
    message = head(b"POST", TYPES[kind], b"Content-Length: %d" % len(body)) + body
    parameters = [{"name": "a", "max_length": 1000}]
    with host(tmp_path, parameters=parameters, body_limit="1MiB") as acceptor:
        answer = served(acceptor, message)
        assert answer[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 400")
        print(acceptor.peak() // MIB)
        assert acceptor.peak() < 80 * MIB


def push(size):
    """What GitHub sends when somebody pushes all that a push may have: 2048 commits, and the names of their files."""
    commit = {
        "id": "0" * 40,
        "message": "Tidy up \U0001f9f9",
        "author": {"name": "Jane", "email": "jane@example.org"},
        "added": [],
    }
    commits = [commit | {"added": list(commit["added"])} for _ in range(2048)]
    names = (size // 2048 - len(json.dumps(commit, ensure_ascii=False).encode())) // 48
    for number, each in enumerate(commits):
        each["added"] += ["roles/web/files/%05d/%05d/index.en.html" % (number, name) for name in range(names)]
    return json.dumps({"commits": commits, "ref": "refs/heads/main"}, ensure_ascii=False).encode()


def test_a_push_of_any_size_is_looked_into(tmp_path):
    """A character beyond the first plane makes all of the text four times as large."""
    size = 25 * MIB
    body = push(size)
    assert 0.9 * size < len(body) < size
    message = head(b"POST", TYPES["json"], sign(body), b"Content-Length: %d" % len(body)) + body
    only_if = [{"from": "json:/ref", "equals": "refs/heads/main"}]
    with host(tmp_path, auth=[GITHUB], only_if=only_if, body_limit="25MiB") as acceptor:
        answer = served(acceptor, message)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"OK\n")
        print(acceptor.peak() // MIB)
        assert acceptor.peak() < 210 * MIB


def test_what_would_not_fit_is_refused(tmp_path):
    body = b"[" + b"[]," * 8 * MIB + b"1]"
    message = head(b"POST", TYPES["json"], sign(body), b"Content-Length: %d" % len(body)) + body
    parameters = [{"name": "a", "from": "json:/a"}]
    with host(tmp_path, auth=[GITHUB], parameters=parameters, body_limit="25MiB") as acceptor:
        answer = served(acceptor, message)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"more than 192 MiB" in answer
        wait_until(lambda: 'status=413 reason="the JSON would take more than 192 MiB' in acceptor.journal())
        print(acceptor.peak() // MIB)
        assert acceptor.peak() < 110 * MIB


def test_many_large_requests_that_become_complete_at_the_same_moment(tmp_path):
    body = b"x" * 60000
    message = filled(100, b"Content-Length: %d" % len(body)) + body
    with host(tmp_path, queue_limit=2000) as acceptor, crowd(acceptor, message[:-1]) as clients:
        settle(acceptor)
        os.kill(acceptor.process.pid, signal.SIGSTOP)
        for client in clients:
            client.sendall(message[-1:])
        os.kill(acceptor.process.pid, signal.SIGCONT)
        assert all(read_all(client).startswith(b"HTTP/1.1 200 ") for client in clients)
        print(acceptor.peak() // MIB)
        assert acceptor.peak() < MOST


# Files of those who have proved nothing


def sign(body):
    return b"X-Hub-Signature-256: sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()


def stored(acceptor):
    """Bytes of all files in the spool; some go meanwhile."""
    found = 0
    with os.scandir(acceptor.endpoint.spool) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                found += entry.stat().st_size
    return found


def test_who_sends_a_signed_body_is_served_beside_those_who_fill_the_disk(tmp_path):
    """They have sent nearly all of a body, and now and then send a byte."""
    body = b"x" * MIB
    unfinished = head(b"POST", b"X-Hub-Signature-256: sha256=0", b"Content-Length: %d" % len(body)) + body[:-10]
    whole = head(b"POST", sign(body), b"Content-Length: %d" % len(body)) + body
    with host(tmp_path, auth=[GITHUB]) as acceptor, crowd(acceptor, unfinished, 100) as clients:
        remaining = room.STRANGERS // (MIB - MEMORY_LIMIT) + 1  # a part of each is in memory
        wait_until(lambda: answered(clients) >= 100 - remaining)
        wait_until(lambda: stored(acceptor) <= room.STRANGERS)  # what has just come may be a part too much
        for _ in range(3):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(b"x")
            assert served(acceptor, whole).startswith(b"HTTP/1.1 200 ")
        refused = read_all(clients[0])
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5" in refused


def test_whose_token_is_right_is_no_stranger(tmp_path):
    body = b"x" * (MIB - 10)
    unfinished = head(b"POST", b"X-Gitlab-Token: " + SECRET.encode(), b"Content-Length: 1048576") + body
    with host(tmp_path, auth=AUTH) as acceptor, crowd(acceptor, unfinished, 80) as clients:
        settle(acceptor)
        assert answered(clients) == 0


def test_what_went_is_no_longer_counted(tmp_path):
    """Bodies that are accepted, refused or given up, many times what there may be at the same time."""
    body = b"x" * MIB
    fields = b"Content-Length: %d" % len(body)
    wrong = head(b"POST", b"X-Hub-Signature-256: sha256=0", fields) + body
    right = head(b"POST", sign(body), fields) + body
    given_up = wrong[:-10]
    with host(tmp_path, auth=[GITHUB], queue_limit=2000, before=FOR_EVER) as acceptor:
        for _ in range(2):
            with crowd(acceptor, given_up, 50), crowd(acceptor, wrong, 1):
                assert served(acceptor, right).startswith(b"HTTP/1.1 200 ")
        for _ in range(70):
            assert served(acceptor, right)[:12] == b"HTTP/1.1 200"
        with crowd(acceptor, given_up, 60) as clients:
            settle(acceptor)
            assert answered(clients) == 0


def test_all_that_there_may_be_at_the_same_time(tmp_path):
    """Each kind of place taken by the dearest clients, and then a body that grows."""
    parameters = [{"name": f"p{number}", "max_length": 6000} for number in range(12)]
    settings = {
        "auth": AUTH, "wait": "1h", "runs_api": True, "parameters": parameters, "queue_limit": 2000,
        "replay_window": "1h",
    }  # fmt: skip
    token = b"X-Gitlab-Token: " + SECRET.encode()
    values = b"&".join(b"p%d=" % number + b"x" * 5000 for number in range(12))
    unknown = {
        "guessers": KINDS["a head of many fields, and a body in memory"].replace(SIGNATURE, b"X-Gitlab-Token: wrong"),
        "waiting": filled(300, token, FORM, b"Content-Length: %d" % len(values)) + values + b"x" * 100_000,
    }
    with host(tmp_path, before=FOR_EVER, **settings) as acceptor, contextlib.ExitStack() as stack:
        remember_all_that_may_be(acceptor)
        assert served(acceptor, delivery(token, b"1", b"Prefer: respond-async")).startswith(b"HTTP/1.1 202 ")
        identifier = request_id()
        claim(acceptor.endpoint, identifier)
        prints(acceptor.endpoint, b"x" * 100_000)
        follow = head(b"GET").replace(b" / ", b" /runs/%s/output?follow=1 " % identifier.encode())
        following = stack.enter_context(crowd(acceptor, follow, 1024))
        for client in following:
            read_until(client, 100_000)
        for message in unknown.values():
            stack.enter_context(crowd(acceptor, message, 1024))
            settle(acceptor)
        dearest = KINDS["a head of many fields, a body in memory and a trailer"]
        incomplete = stack.enter_context(crowd(acceptor, dearest))
        settle(acceptor)
        assert answered(incomplete) == 0
        prints(acceptor.endpoint, b"x" * 8 * MIB)  # which those who follow do not read
        wait_until(lambda: answered(following) == len(following))
        body = LARGE["numbers"][1](MIB)
        message = head(b"POST", token, TYPES["json"], b"Content-Length: %d" % len(body)) + body
        assert served(acceptor, message).startswith(b"HTTP/1.1 202 ")
        print(acceptor.peak() // MIB)
        assert served(acceptor, delivery(token, b"2")).startswith(b"HTTP/1.1 202 ")
        with open(acceptor.endpoint.spool + "/.deliveries", "rb") as file:
            assert len(file.readlines()) == replay.LIMIT + 1  # it was written anew
        print(acceptor.peak() // MIB)
        assert acceptor.peak() < MOST


def remember_all_that_may_be(acceptor):
    """Deliveries, each with an id in every field that may have one, and something signed."""
    ids = entry.Ids()
    now = int(time.time())
    with open(acceptor.endpoint.spool + "/.deliveries", "w", encoding="ascii") as file:
        for number in range(replay.LIMIT * 5 // 4):
            first, *others = [f"{number:060x}{key:04x}" for key in range(6)]
            print(now, ids.next(), first + ":" + first, *others, file=file)


def delivery(token, name, *fields):
    return head(b"POST", token, b"webhook-id: " + name, b"Content-Length: 0", *fields)


def read_until(client, size):
    while size > 0:
        size -= len(client.recv(65536))


# Who is slow


def test_who_sends_does_not_give_way_for_a_crowd_that_is_taken_in_at_once(tmp_path):
    """All of it has just come when the acceptor goes on, and the one who sends has been there longer."""
    part = b"x" * 8192
    with host(tmp_path) as acceptor, acceptor.connect() as client:
        client.sendall(head(b"POST", b"Content-Length: %d" % (2 * len(part))) + part)
        began = time.monotonic()
        settle(acceptor)
        os.kill(acceptor.process.pid, signal.SIGSTOP)
        with crowd(acceptor, b"", 1100) as silent:
            wait_until(lambda: time.monotonic() - began > eviction.UNTOUCHED)
            os.kill(acceptor.process.pid, signal.SIGCONT)
            wait_until(lambda: answered(silent) == 1100 - PLACES)
            client.sendall(part)
            assert read_all(client).startswith(b"HTTP/1.1 200 ")


def test_whoever_has_sent_something_meanwhile_does_not_give_way(tmp_path):
    """All places are taken by silent clients. When others come, most of them have just sent a byte."""
    with host(tmp_path) as acceptor, crowd(acceptor, b"", PLACES + 1) as silent:
        came = time.monotonic()
        settle(acceptor)
        wait_until(lambda: time.monotonic() - came > eviction.UNTOUCHED)
        speaking = [client for client in silent if not answered([client])][:900]
        os.kill(acceptor.process.pid, signal.SIGSTOP)
        for client in speaking:
            client.send(b"G")
        with crowd(acceptor, b"", 100) as newcomers:
            os.kill(acceptor.process.pid, signal.SIGCONT)
            wait_until(lambda: answered(silent) >= 100)
            assert answered(newcomers) == 0
            assert answered(speaking) == 0
