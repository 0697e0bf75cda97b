"""The page as a process of its own on a socket that systemd would hold, with real acceptors behind it."""

import concurrent.futures
import json
import os
import re
import select
import signal
import socket
import threading
import time
import urllib.parse

import pytest
from page_host import SECRET, claim, head, prints, queue, record, request_id, tree, visitor

from trigger import cancellations, responses, runs
from trigger.page import form, server, submit

PATIENCE = 20  # seconds; what is waited for is there much sooner
PROBLEM = "application/problem+json"


class Answer:
    def __init__(self, received):
        whole, _, body = received.partition(b"\r\n\r\n")
        lines = whole.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
        self.is_whole = True
        self.body = self._unchunk(body) if self.field("Transfer-Encoding") == "chunked" else body

    def field(self, name):
        found = [value for key, value in self.fields if key == name]
        assert len(found) < 2
        return found[0] if found else None

    def _unchunk(self, coded):
        body = b""
        while coded:
            size, _, coded = coded.partition(b"\r\n")
            length = int(size, 16)
            body += coded[:length]
            assert coded[length : length + 2] == b"\r\n"
            coded = coded[length + 2 :]
            if length == 0:
                assert coded == b""
                return body
        self.is_whole = False
        return body


class Client:
    """A connection to the page, as nginx has one."""

    def __init__(self, host, sent=b""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(host.page_path)
        self.socket.sendall(sent)
        self.received = b""

    def until(self, text):
        while text not in self.received:
            part = self.socket.recv(65536)
            assert part, self.received
            self.received += part
        return self

    def end(self):
        while True:
            part = self.socket.recv(65536)
            if not part:
                self.socket.close()
                return Answer(self.received)
            self.received += part


def get(host, path="/", method="GET", **told):
    return Client(host, head(method, path, **{"Accept": "text/html", **told})).end()


def post(host, path, filled, **told):
    body = urllib.parse.urlencode(filled).encode()
    told = {"Content_Type": "application/x-www-form-urlencoded", "Content_Length": str(len(body)), **told}
    told = {"Accept": "text/html", **told}
    return Client(host, head("POST", path, **told) + body).end()


def send_form(host, made, user="alice", **filled):
    return post(host, f"/{made.name}/start", {form.TOKEN: visitor(user=user).token(made), **filled}, user=user)


def main(answer):
    parts = [part if isinstance(part, str) else part.text for part in tree(answer.body).one("main").content]
    return " ".join(" ".join(parts).split())


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def page(host):
    return host.start_page()


# HTTP


def test_an_answer(host, page):
    host.put()
    answer = get(host)
    assert answer.status == 200 and "hello" in main(answer)
    assert answer.field("Content-Type") == "text/html; charset=utf-8"
    assert answer.field("Content-Length") == str(len(answer.body))
    assert answer.field("Connection") == "close"
    assert answer.field("Cache-Control") == "no-store"
    assert answer.field("X-Content-Type-Options") == "nosniff"
    assert answer.field("Content-Security-Policy").startswith("default-src 'none'; style-src 'sha256-")
    assert answer.field("Referrer-Policy") == "same-origin"


def test_every_answer_is_guarded(host, page):
    made = host.put()
    record(made, request_id())
    answers = [
        get(host, "/x"),
        get(host, method="PUT"),
        get(host, secret="x"),
        get(host, f"/hello/runs/{request_id()}"),
    ]
    for answer in answers:
        assert answer.field("Content-Security-Policy") and answer.field("Cache-Control") == "no-store"
        assert tree(answer.body).one("html")


def test_head_is_get_without_a_body(host, page):
    made = host.put()
    record(made, request_id())
    for path in ("/", "/hello/", f"/hello/runs/{request_id()}", "/nothing"):
        told, empty = get(host, path), get(host, path, "HEAD")
        assert empty.status == told.status and empty.body == b""
        assert empty.field("Content-Length") == told.field("Content-Length")


def test_http_1_0_knows_no_chunks(host, page):
    made = host.put()
    record(made, request_id())
    answer = get(host, f"/hello/runs/{request_id()}", version="1.0")
    assert answer.field("Transfer-Encoding") is None and tree(answer.body).one("dl")
    chunked = get(host, f"/hello/runs/{request_id()}")
    assert chunked.is_whole and tree(chunked.body).one("dl")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [(None, responses.PLAIN), ("*/*", responses.PLAIN), ("application/json", PROBLEM),
     ("text/html, application/json", PROBLEM), ("text/html, */*;q=0.8", "text/html; charset=utf-8")],
)  # fmt: skip
def test_html_is_for_who_asks_for_it(host, page, accept, content_type):
    """As nginx tells its own refusals."""
    host.put()
    refusals = [("POST", "/", 405), ("PUT", "/hello/start", 405), ("POST", "/hello/start", 403),
                ("POST", "/hello/cancel", 403), ("GET", "/nothing", 404), ("GET", "/hello/runs/x", 404)]  # fmt: skip
    for method, path, status in refusals:
        answer = get(host, path, method, Accept=accept)
        assert (answer.status, answer.field("Content-Type")) == (status, content_type), (method, path)
    assert get(host, method="POST", Accept=accept).field("Allow") == "GET, HEAD"


def test_the_pages_themselves_are_html_for_everybody(host, page):
    host.put()
    for path in ("/", "/hello/"):
        assert get(host, path, Accept=None).field("Content-Type") == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET /\n\n", 400), (b"\x16\x03\x01", 400),
     (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000, 431), (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505)],
)  # fmt: skip
def test_what_is_no_request_is_refused(host, page, sent, status):
    answer = Client(host, sent).end()
    assert (answer.status, answer.field("Content-Type")) == (status, responses.PLAIN)


def test_a_request_that_is_cut_short(host, page):
    client = Client(host, head()[:-3])
    client.socket.shutdown(socket.SHUT_WR)
    assert client.end().status == 400
    client = Client(host, head("POST", "/hello/start", Content_Length="5") + b"1234")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.end().status == 400


def test_a_request_that_comes_in_parts(host, page):
    made = host.put(when_busy="queue")
    host.start_acceptor("hello")
    body = urllib.parse.urlencode({form.TOKEN: visitor().token(made)}).encode()
    told = {"Content_Type": "application/x-www-form-urlencoded", "Content_Length": str(len(body))}
    client = Client(host)
    for byte in head("POST", "/hello/start", **told) + body:
        client.socket.sendall(bytes((byte,)))
    assert client.end().status == 303


def test_who_takes_too_long_is_told(host):
    host.start_page("server.REQUEST_TIME = 0.2")
    assert Client(host, head()[:-2]).end().status == 408
    assert Client(host, head("POST", "/hello/start", Content_Length="5")).end().status == 408


def test_a_body_is_limited(host, page):
    made = host.put()
    token = visitor().token(made)
    for content in (server.BODY_LIMIT + 1, 500_000):
        answer = post(host, "/hello/start", {form.TOKEN: token, "p": "x" * content})
        assert answer.status == 413 and tree(answer.body).one("h1")
    head_only = Client(host, head("POST", "/hello/start", Content_Length=str(10**12)))
    assert head_only.end().status == 413


# The secret


@pytest.mark.parametrize("secret", [None, "", "x", SECRET[::-1]])
def test_without_the_right_secret_nothing_is_told(host, page, secret):
    made = host.put()
    for method, path in (("GET", "/"), ("GET", "/hello/"), ("POST", "/hello/start")):
        answer = get(host, path, method, secret=secret, Content_Length="0")
        assert answer.status == 403 and b"hello" not in answer.body and b"alice" not in answer.body
    assert runs.Runs(made).spooled() == []


@pytest.mark.parametrize("credential", [None, "-", SECRET[:-1]])
def test_without_a_credential_nobody_is_let_in(host, credential):
    host.put()
    page = host.start_page(credential=credential)
    for secret in (SECRET, "-"):
        answer = get(host, secret=secret)
        assert answer.status == 503 and answer.field("Retry-After") and b"hello" not in answer.body
        page.wait(PATIENCE)  # at once, since the next one may find it
        told = page.stderr.read().decode()
        assert told.startswith("<3>its secret cannot be loaded") and SECRET[:-1] not in told
        page = host.restart_page(credential=credential)
    page.kill()


# What is started


def test_a_start_leads_to_the_page_of_its_run(host, page):
    made = host.put(parameters=[{"name": "p", "required": True}, {"name": "q"}, {"name": "r", "from": "header:X-R"}])
    host.start_acceptor("hello")
    answer = send_form(host, made, p="a b&c", q="", r="ä")
    assert answer.status == 303 and answer.body == b""
    (one,) = runs.Runs(made).spooled()
    assert answer.field("Location") == f"/hello/runs/{one}"
    with open(f"{made.spool}/{one}", "rb") as file:
        entry = file.read()
    for variable in ("TRIGGER_PARAM_P=a b&c", "TRIGGER_PARAM_R=ä", "REMOTE_USER=alice", "REMOTE_ADDR=192.0.2.7",
                     "HTTPS=on", "SERVER_NAME=ci.example", "SERVER_PORT=8443"):  # fmt: skip
        assert variable.encode() + b"\0" in entry
    assert b"TRIGGER_PARAM_Q" not in entry and SECRET.encode() not in entry and b".token" not in entry


def test_a_button_starts(host, page):
    made = host.put()
    host.start_acceptor("hello")
    button = tree(get(host).body).one("form")
    hidden = button.one("input")
    answer = post(host, button["action"], {hidden["name"]: hidden["value"]}, Origin="https://ci.example:8443",
                  Sec_Fetch_Site="same-origin")  # fmt: skip
    assert answer.status == 303 and len(runs.Runs(made).spooled()) == 1


# What is cancelled


def cancel(host, made, request, user="alice", token=None, **told):
    token = visitor(user=user).token(made) if token is None else token
    return post(host, f"/{made.name}/cancel", {form.TOKEN: token, form.RUN: request}, user=user, **told)


def test_a_run_can_be_cancelled_from_its_page(host, page):
    made = running(host)
    host.start_acceptor("hello")
    client = follow(host).until(b"Cancel this run")
    button = tree(client.received[client.received.index(b"<form") :].partition(b"</form>")[0] + b"</form>").one("form")
    filled = {found["name"]: found["value"] for found in button.all("input")}
    answer = post(host, button["action"], filled, Origin="https://ci.example:8443", Sec_Fetch_Site="same-origin")
    assert (answer.status, answer.field("Location")) == (303, f"/hello/runs/{request_id()}")
    assert cancellations.asked(made.spool) == [request_id()]
    # What the dispatcher makes of it.
    record(made, request_id(), state="cancelled", exit_code=None, signal="TERM")
    assert "Cancelled. Somebody stopped it." in main(client.end())


def test_a_request_that_waits_can_be_cancelled_and_one_that_has_ended_is_told(host, page):
    made = host.put()
    host.start_acceptor("hello")
    queue(made, request_id())
    assert cancel(host, made, request_id()).status == 303
    assert cancellations.asked(made.spool) == [request_id()]
    record(made, request_id(1))
    assert cancel(host, made, request_id(1)).field("Location") == f"/hello/runs/{request_id(1)}"
    assert tree(get(host, f"/hello/runs/{request_id(1)}").body).all(class_="cancel") == []
    answer = cancel(host, made, request_id(2))
    assert answer.status == 404 and "Nothing was cancelled" in main(answer)
    assert cancellations.asked(made.spool) == [request_id()]


@pytest.mark.parametrize(
    ("told", "status"),
    [({"token": ""}, 403), ({"token": "0" * 64}, 403), ({"user": "bob"}, 403), ({"user": None}, 403),
     ({"Origin": "https://evil.example"}, 403), ({"Origin": "http://ci.example:8443"}, 403),
     ({"Sec_Fetch_Site": "same-site"}, 403), ({"request": "x"}, 400), ({"request": ""}, 400),
     ({"request": "../" + request_id()}, 400)],
)  # fmt: skip
def test_who_may_not_start_cancels_nothing(host, page, told, status):
    made = running(host)
    host.start_acceptor("hello")
    assert cancel(host, made, **{"request": request_id(), **told}).status == status
    assert cancellations.asked(made.spool) == []


def test_without_an_acceptor_nothing_is_cancelled(host, page):
    assert cancel(host, running(host), request_id()).status == 503


def ask_acceptor(host, method, path, **told):
    """What nginx passes on of a program's request."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(f"{host.runtime}/hello.sock")
        client.sendall(head(method, path, **told))
        return Answer(b"".join(iter(lambda: client.recv(65536), b"")))


def test_a_program_cancels_by_delete(host):
    made = running(host)
    host.start_acceptor("hello")
    path = f"/hello/runs/{request_id()}"
    for told in ({"secret": None}, {"secret": "x"}, {"user": "bob"}, {"user": None}, {"Origin": "https://evil.example"},
                 {"Sec_Fetch_Site": "cross-site"}):  # fmt: skip
        assert ask_acceptor(host, "DELETE", path, **told).status == 403
    assert ask_acceptor(host, "DELETE", "/hello/runs").status == 405
    assert ask_acceptor(host, "DELETE", path, Content_Length="1").status == 400
    assert cancellations.asked(made.spool) == []
    answer = ask_acceptor(host, "DELETE", path)
    assert answer.status == 202 and json.loads(answer.body)["state"] == "running"
    assert cancellations.asked(made.spool) == [request_id()]
    record(made, request_id())
    assert ask_acceptor(host, "DELETE", path).status == 409
    assert ask_acceptor(host, "DELETE", f"/hello/runs/{request_id(1)}").status == 404


def test_who_may_look_reads_outputs_and_cancels_and_starts_nothing(host):
    made = running(host)
    told = {key: value for key, value in vars(made).items() if key != "name"}
    host.write("hello", json.dumps({**told, "frontend": {**made.frontend, "viewers": ["bob"]}}))
    host.start_acceptor("hello")
    path = f"/hello/runs/{request_id()}"
    for looked in (path, path + "/output", "/hello/runs"):
        assert ask_acceptor(host, "GET", looked, user="bob").status == 200
        assert ask_acceptor(host, "GET", looked, user="carol").status == 403
    assert ask_acceptor(host, "DELETE", path, user="bob").status == 403
    assert ask_acceptor(host, "POST", "/hello/", user="bob", Content_Length="0").status == 403
    assert cancellations.asked(made.spool) == []


# Where nobody is asked


def test_where_nobody_is_asked_nobody_is_named(host, page):
    made = host.put(users=None)
    host.start_acceptor("hello")
    assert send_form(host, made, user=None).status == 303
    (one,) = runs.Runs(made).spooled()
    with open(f"{made.spool}/{one}", "rb") as file:
        assert b"REMOTE_USER" not in file.read()


@pytest.mark.parametrize("keys", [{"wait": "10min"}, {"stream": True}, {"response": {"status": 204, "body": ""}}])
def test_it_does_not_wait_for_the_run(host, page, keys):
    made = host.put(**keys)
    host.start_acceptor("hello")
    assert send_form(host, made).status == 303
    assert len(runs.Runs(made).spooled()) == 1


def test_mistakes_come_back_with_the_form(host, page):
    made = host.put(parameters=[
        {"name": "count", "type": "integer", "max": 9}, {"name": "key", "sensitive": True, "max_length": 3},
        {"name": "text", "required": True},
    ])  # fmt: skip
    host.start_acceptor("hello")
    answer = send_form(host, made, count="10", key="geheim", text="<kept>")
    assert answer.status == 400
    returned = tree(answer.body)
    assert [item.text for item in returned.one(role="alert").all("li")] == [
        "count is more than 9", "key is longer than 3 characters",
    ]  # fmt: skip
    assert returned.one(id="error-count").text == "count is more than 9"
    assert returned.one("input", name="count")["value"] == "10"
    assert returned.one("input", name="text")["value"] == "<kept>"
    assert b"geheim" not in answer.body
    assert returned.one("title").text.startswith("Error: ")
    assert runs.Runs(made).spooled() == []
    again = {field["name"]: field.attributes.get("value") or "" for field in returned.one("form").all("input")}
    assert post(host, "/hello/start", {**again, "count": "9", "key": "abc"}).status == 303


def test_a_value_that_cannot_be_passed_on_comes_back(host, page):
    made = host.put(parameters=[{"name": "p", "from": "header:X-P"}])
    answer = send_form(host, made, p="a\r\nX-Remote-User: root")
    assert answer.status == 400 and tree(answer.body).one(id="error-p")


@pytest.mark.parametrize(
    ("filled", "told", "status"),
    [({}, {}, 403), ({form.TOKEN: "0" * 64}, {}, 403), (None, {"Origin": "https://evil.example"}, 403),
     (None, {"Sec_Fetch_Site": "cross-site"}, 403), (None, {"user": "bob"}, 403), ({"q": "1"}, {}, 400)],
)  # fmt: skip
def test_what_is_not_our_form_starts_nothing(host, page, filled, told, status):
    made = host.put()
    host.start_acceptor("hello")
    token = {form.TOKEN: visitor().token(made)}
    filled = {**token, **filled} if filled == {"q": "1"} else token if filled is None else filled
    answer = post(host, "/hello/start", filled, **told)
    assert answer.status == status and tree(answer.body).one("main").all("a")
    assert runs.Runs(made).spooled() == []


def test_refusals_are_told_in_plain_words(host, page):
    made = host.put(when_busy="reject", response={"status": 200, "body": "x"})
    host.start_acceptor("hello")
    assert send_form(host, made).status == 303
    answer = send_form(host, made)
    assert answer.status == 409 and "A run is already under way" in main(answer)
    assert tree(answer.body).one("main").one("a")["href"] == "/hello/"


def test_a_rate_is_told_with_the_time_to_wait(host, page):
    made = host.put(max_rate="1/h")
    host.start_acceptor("hello")
    assert send_form(host, made).status == 303
    answer = send_form(host, made)
    assert answer.status == 429 and int(answer.field("Retry-After")) > 3000
    assert "more often than it may be" in main(answer)


def test_a_queue_that_is_full(host, page):
    made = host.put(queue_limit=1)
    host.start_acceptor("hello")
    assert send_form(host, made).status == 303
    answer = send_form(host, made)
    assert answer.status == 503 and answer.field("Retry-After") and "Too many requests wait." in main(answer)


def test_what_is_ignored_is_told(host, page):
    made = host.put(parameters=[{"name": "p"}], only_if=[{"from": "form:p", "equals": "go"}])
    host.start_acceptor("hello")
    answer = send_form(host, made, p="stay")
    assert answer.status == 200 and "found nothing to do. It says: Not what only_if" in main(answer)
    assert send_form(host, made, p="go").status == 303


def test_an_endpoint_that_does_not_listen(host, page):
    made = host.put()
    answer = send_form(host, made)
    assert answer.status == 503 and "is not listening" in main(answer)


# A server in the acceptor's place that says what an acceptor hardly ever says.


def length_in(received):
    return int(re.search(rb"\r\nContent-Length: (\d+)\r\n", received)[1])


def answering(host, answer, name="hello"):
    """Serve one request with fixed bytes. Returns a list into which the request comes."""
    listener = host.listen(name + ".sock")
    got = []

    def serve():
        with listener, listener.accept()[0] as connection:
            received = b""
            while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < length_in(received):
                received += connection.recv(65536)
            got.append(received)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return got


def response(status, body=b"", **told):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in told.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_what_the_acceptor_is_asked(host, page):
    made = host.put(parameters=[{"name": "p", "from": "query:p"}, {"name": "q", "from": "header:X-Q"}])
    got = answering(host, response(202, X_Request_Id=request_id()))
    assert send_form(host, made, p="a b", q="c").status == 303
    lines = got[0].decode().split("\r\n")
    assert lines[0] == "POST /hello/?p=a+b HTTP/1.1"
    assert sorted(lines[1:-2]) == sorted([
        f"X-Trigger-Frontend: {SECRET}", "X-Remote-User: alice", "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: https", "Host: ci.example:8443", "Connection: close", "Prefer: respond-async",
        f"Accept: {PROBLEM}", "x-q: c", "Content-Length: 0",
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (response(500, b"oops"), 500, "It says: Oops."),
        (response(302, Location="https://evil.example/"), 200, "found nothing to do"),
        (response(200, b"ignored: <b>x</b>"), 200, "It says: <b>x</b>."),
        (response(200, b"x", X_Request_Id="../../x"), 200, "found nothing to do"),
        (response(400, b'{"detail": "it is not valid JSON"}', Content_Type=PROBLEM), 400, "It is not valid JSON."),
        (response(400, b'{"detail": 1, "errors": [1]}', Content_Type=PROBLEM), 400, "Nothing was started"),
        (response(400, b'{"errors": {}}', Content_Type=PROBLEM), 400, "Nothing was started"),
        (response(400, b"[" * 60000, Content_Type=PROBLEM), 400, "Nothing was started"),
        (response(429, b"", Retry_After="x\ty"), 429, "more often"),
        (b"HTTP/1.1 503 X\r\nContent-Length: 10\r\n\r\nshort", 503, "It says: Short."),
        (b"nonsense\r\n\r\n", 504, "latest runs show whether"),
        (b"", 504, "latest runs show whether"),
    ],
)
def test_odd_answers(host, page, answer, status, says):
    made = host.put()
    answering(host, answer)
    told = send_form(host, made)
    assert told.status == status and says in main(told)
    assert told.field("Location") is None and tree(told.body).one("main").one("a")["href"] == "/hello/"


def test_errors_without_a_field_are_told_too(host, page):
    made = host.put(parameters=[{"name": "p"}])
    problem = b'{"detail": "x", "errors": [{"parameter": "", "detail": "all values are too large"}]}'
    answering(host, response(400, problem, Content_Type=PROBLEM))
    told = send_form(host, made, p="x")
    assert told.status == 400 and tree(told.body).one(role="alert").one("li").text == "all values are too large"


def test_an_acceptor_that_never_answers(host):
    host.start_page("from trigger.page import submit; submit.TIME_LIMIT = 0.2")
    made = host.put()
    listener = host.listen("hello.sock")
    answer = send_form(host, made)
    assert answer.status == 504 and "latest runs show whether" in main(answer)
    listener.close()
    assert submit.TIME_LIMIT == 30


# Output that arrives


def running(host, **keys):
    made = host.put(**keys)
    queue(made, request_id())
    claim(made, request_id())
    return made


def follow(host):
    """A client of the page of a run, up to where nothing more comes until something is printed."""
    return Client(host, head(path=f"/hello/runs/{request_id()}?follow=1")).until(b"<pre").until(b"\r\n1\r\n\n\r\n")


def test_output_arrives_while_the_run_goes_on(host, page):
    made = running(host)
    client = follow(host)
    assert b"X-Accel-Buffering: no\r\n" in client.received
    for number in range(5):
        prints(made, b"line %d\n" % number)
        client.until(b"line %d\n" % number)
    assert b"Succeeded" not in client.received
    record(made, request_id())
    answer = client.end()
    assert answer.is_whole and "Succeeded" in tree(answer.body).one(role="status").text


def test_who_asks_again_holds_nothing_while_the_run_goes_on(host, page):
    """However many do."""
    made = running(host)
    prints(made, b"begun\n")
    path = f"/hello/runs/{request_id()}"
    for _ in range(server.STREAMS + 1):
        answer = get(host, path)
        assert answer.status == 200 and answer.is_whole
    (query,) = re.findall(rb'data-again="([^"]+)"', answer.body)
    assert b"begun" in answer.body and b"Cancel this run" in answer.body
    prints(made, b"more\n")
    told = get(host, path + query.decode())
    assert tree(told.body).one("pre").text == "\nmore\n" and len(told.body) < 2000 < len(answer.body)
    get(host, "/?again=")
    assert len(get(host, "/hello/?again=").body) < 2000
    assert b"</html>" in get(host, "/hello/runs?again=").body  # which does not ask, whatever the query says
    # The journal is told of what somebody opens, not of what goes on by itself.
    opened = [path] * (server.STREAMS + 1) + ["/hello/runs"]
    told = [line.partition(" status")[0] for line in lines_of(page)]
    assert told == [f"user=alice method=GET path={each}" for each in opened]


def test_much_output_arrives_whole(host, page):
    made = running(host, output_limit="8MiB")
    content = ("0123456789abcdef€<\n" * 200_000).encode()
    client = follow(host)
    prints(made, b"begin\n")
    client.until(b"begin")  # of what is there already, the end would do
    writing = threading.Thread(target=lambda: (prints(made, content), record(made, request_id())))
    writing.start()
    answer = client.end()
    writing.join()
    assert tree(answer.body).one("pre").text == "\nbegin\n" + content.decode()


def threads_of(process):
    return len(os.listdir(f"/proc/{process.pid}/task"))


def test_who_goes_away_is_noticed_while_nothing_is_printed(host, page):
    running(host)
    client = follow(host)
    assert threads_of(page) == 2
    client.socket.close()
    eventually(lambda: threads_of(page) == 1)


def test_who_goes_away_is_noticed_while_much_is_printed(host, page):
    made = running(host)
    client = follow(host)
    prints(made, b"x" * 1_000_000)
    client.until(b"xxx")
    client.socket.close()
    eventually(lambda: threads_of(page) == 1)


def test_who_takes_nothing_is_let_go(host):
    page = host.start_page("server.SEND_TIME = 0.3")
    made = running(host, output_limit="8MiB")
    client = follow(host)
    prints(made, b"x" * 4_000_000)
    eventually(lambda: threads_of(page) == 1)
    client.socket.close()


# Many at once


def readable(client, seconds):
    """Whether an answer comes within a time."""
    poll = select.poll()
    poll.register(client.socket, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def test_many_at_once(host, page):
    made = host.put(when_busy="queue")
    host.start_acceptor("hello")
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: send_form(host, made), range(200)))
    assert [answer.status for answer in answers] == [303] * 200
    assert len({answer.field("Location") for answer in answers}) == len(runs.Runs(made).spooled()) == 200


def test_too_many_are_told_to_come_back(host):
    host.start_page("server.THREADS = 3")
    made = running(host)
    clients = [follow(host) for _ in range(3)]
    answer = get(host)
    assert answer.status == 503 and answer.field("Retry-After") == "5" and tree(answer.body).one("main")
    assert get(host, secret="x").status == 403
    # Beyond twice as many the kernel keeps them, until there is room.
    silent = [Client(host, head()[:-2]) for _ in range(3)]
    late = Client(host, head())
    assert not readable(late, 0.2)
    for client in silent:
        client.socket.close()
    assert late.end().status == 503
    record(made, request_id())
    assert all(client.end().is_whole for client in clients)
    eventually(lambda: get(host).status == 200)


# Coming and going


def test_it_leaves_when_nobody_has_come_for_a_while(host):
    assert server.LINGER == 5
    made = running(host)
    page = host.start_page("server.LINGER = 0.3")
    client = follow(host)
    begun = time.monotonic()
    assert not readable(client, 0.6) and page.poll() is None
    record(made, request_id())
    client.end()
    page.wait(PATIENCE)
    assert page.returncode == 0 and time.monotonic() - begun > 0.9
    client = Client(host, head())
    page = host.restart_page("server.LINGER = 0.3")
    assert client.end().status == 200
    assert page.wait(PATIENCE) == 0


def test_it_leaves_also_when_nobody_came_at_all(host):
    assert host.start_page("server.LINGER = 0.2").wait(PATIENCE) == 0


def test_nobody_is_lost_between_two_of_its_lives(host):
    """A new one is started whenever it left, as systemd does; the clients come all the time."""
    page = host.start_page("server.LINGER = 0")
    stop = threading.Event()

    def restart():
        current = page
        while not stop.is_set():
            current.wait(PATIENCE)
            current = host.restart_page("server.LINGER = 0.01")
        current.kill()

    again = threading.Thread(target=restart)
    again.start()
    try:
        assert [get(host).status for _ in range(30) if time.sleep(0.01) is None] == [200] * 30
    finally:
        stop.set()
        again.join()


def test_asked_to_leave_it_ends_streams_and_finishes_what_is_short(host, page):
    made = running(host)
    host.put("slow")
    listener = host.listen("slow.sock")
    client = follow(host)
    body = urllib.parse.urlencode({form.TOKEN: visitor().token(host.put("slow"))}).encode()
    told = {"Content_Type": "application/x-www-form-urlencoded", "Content_Length": str(len(body))}
    starting = Client(host, head("POST", "/slow/start", **told) + body)
    acceptor = listener.accept()[0]
    page.send_signal(signal.SIGTERM)
    answer = client.end()
    assert answer.is_whole and "cannot follow it any longer" in main(answer)
    assert page.poll() is None
    late = Client(host, head())
    acceptor.sendall(response(202, X_Request_Id=request_id()))
    assert starting.end().status == 303
    assert page.wait(PATIENCE) == 0
    host.restart_page()
    assert late.end().status == 200
    acceptor.close()
    listener.close()
    assert runs.Runs(made).find(request_id())["state"] == "running"


def test_without_descriptors_it_leaves_as_failed(host):
    page = host.start_page("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))")
    silent = [Client(host, head()[:-2]) for _ in range(12)]
    told = page.stderr.readline()
    assert told.startswith(b"<3>the host has no room for a connection: ")
    for client in silent:
        client.socket.close()
    assert page.wait(PATIENCE) == 1
    assert b"no room" not in page.stderr.read()  # it has not gone on trying


# The journal


def lines_of(page):
    page.send_signal(signal.SIGTERM)
    page.wait(PATIENCE)
    return page.stderr.read().decode().splitlines()


def test_one_line_for_each_request_without_what_was_filled_in(host, page):
    made = host.put(parameters=[{"name": "p"}])
    host.start_acceptor("hello")
    get(host, "/?secret=1")
    send_form(host, made, p="geheim")
    send_form(host, made, p="geheim\n")
    get(host, user='a b"\x1b'.replace("\x1b", ""))
    get(host, secret="x")
    Client(host).socket.close()
    lines = lines_of(page)
    (one,) = runs.Runs(made).spooled()
    wanted = [
        'user=alice method=GET path=/ status=200 reason="the list"',
        f'user=alice method=POST path=/hello/start status=303 reason="started {one}"',
        'user=alice method=POST path=/hello/start status=400 reason="the parameters are invalid"',
        'user=a\\x20b" method=GET path=/ status=200 reason="an empty list"',
        'user=- method=GET path=/ status=403 reason="only the front end may call here"',
    ]
    assert [re.sub(r" ms=\d+\.\d$", "", line) for line in lines] == wanted


def test_a_page_that_cannot_be_drawn_is_told(host, page):
    made = host.put()
    record(made, request_id(), parameters={"p": "geheim"}, result=["geheim"])
    assert not get(host, f"/hello/runs/{request_id()}").is_whole
    os.rename(host.etc, host.etc + "x")
    answer = get(host)
    os.rename(host.etc + "x", host.etc)
    assert answer.status == 500 and "journal says more" in main(answer)
    assert get(host).status == 200
    lines = lines_of(page)
    for wrong in (r"TypeError at .*labels\.py:\d+", r"FileNotFoundError at .*status\.py:\d+"):
        assert sum(bool(re.fullmatch("<3>a page cannot be drawn: " + wrong, line)) for line in lines) == 1
    assert "geheim" not in "".join(lines)


def test_runs_that_are_looked_at_leave_room_for_other_pages(host):
    host.start_page("server.STREAMS = 2")
    made = running(host)
    clients = [follow(host) for _ in range(2)]
    answer = get(host, f"/hello/runs/{request_id()}?follow=1")
    assert answer.status == 503 and answer.field("Retry-After") == "5"
    assert get(host).status == get(host, f"/hello/runs/{request_id()}").status == 200
    record(made, runs.Runs(made).claimed()[0])
    assert all(client.end().is_whole for client in clients)
