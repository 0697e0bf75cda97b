"""What nginx answers by itself, and to whom in which way."""

import json
import re
import socket

import pytest
from front import BLIND, FORM, READER, ask, basic, post, runs, send, tell, told, variables

TEXT, PROBLEM, HTML = "text/plain; charset=utf-8", "application/problem+json", "text/html; charset=utf-8"

# (status, what provokes it, the options of ask() for that)
REFUSALS = [
    (308, "/environment/?a=b", {"method": "POST", "body": b"x", "tls": False, "port": 80, "user": None}),
    (401, "/", {"user": None}),
    (401, "/environment/", {"user": None, "method": "POST"}),
    (401, "/environment/", {"method": "POST", "user": None, **basic("bob", "wrong")}),
    (403, "/far/", {"method": "POST"}),
    (404, "/nosuch.html", {}),
    (404, "/nosuch/", {"method": "POST"}),
    (404, "/.trigger", {}),
    (404, "/nosuch.json", {"method": "DELETE"}),
    (405, "/environment/", {"method": "TRACE"}),
    (405, "/", {"method": "POST"}),
    (403, "/environment/start", {"method": "POST"}),
    (403, "/environment/cancel", {"method": "POST"}),
    (413, "/limited/", {"method": "POST", "body": b"x" * 2049}),
    (413, "/limited", {"method": "POST", "body": b"x" * 2049}),
    (431, "/environment/", {"method": "POST", "X_Long": "x" * 20000}),
    (414, "/environment/?" + "x" * 20000, {"method": "POST"}),
    (501, "/environment/", {"method": "POST", "Transfer_Encoding": "gzip"}),
    (502, "/switched-off/", {"method": "POST"}),
    (504, "/unanswered/", {}),
]
# (Accept, how it is told)
ACCEPTS = [
    (None, TEXT),
    ("*/*", TEXT),
    ("text/plain", TEXT),
    ("application/json", PROBLEM),
    ("application/problem+json", PROBLEM),
    ("APPLICATION/JSON; charset=utf-8;q=0.1, */*", PROBLEM),
    ("text/html, application/json", PROBLEM),
    ("application/json;q=0", TEXT),
    ("application/json;q=0.000, text/html", HTML),
    ("application/jsonp", TEXT),
    ("text/html;q=0, */*", TEXT),
    ("text/html" + "; " * 500 + ";q=0", TEXT),
    ("text/html", HTML),
    (READER["Accept"], HTML),
]


def check(answer, status, content_type):
    """Assert that an answer is a refusal, told in a way."""
    assert (answer.status, answer.headers.get_all("Content-Type")) == (status, [content_type]), answer
    body = answer.body.decode()
    assert "nginx" not in body and "X-Request-Id" not in answer.headers
    if content_type == PROBLEM:
        problem = json.loads(body)
        assert list(problem) == ["title", "status", "detail"] and problem["status"] == status
        assert problem["title"] and problem["detail"]
    elif content_type == TEXT:
        assert re.fullmatch(r"%d [^<>\n]+\n" % status, body)
    else:
        assert body.startswith("<!DOCTYPE html>\n<html lang=")


@pytest.mark.parametrize(("accept", "content_type"), ACCEPTS)
def test_each_is_told_in_his_way(host, nothing_starts, accept, content_type):
    with nothing_starts("environment", "limited"):
        for status, path, options in REFUSALS:
            wanted = TEXT if status == 414 else content_type  # of the head not even the first line was read
            check(ask(host, path, Accept=accept, **options), status, wanted)


# Where nginx has no other site that it gives what has no name of ours.
@pytest.mark.parametrize("host", ["debian12"], indirect=True)
@pytest.mark.parametrize(("accept", "content_type"), ACCEPTS)
def test_by_another_name_it_is_told_so(host, accept, content_type):
    for name in ("evil.test", "127.0.0.1", f"{host}.test.evil"):
        for path in ("/", "/environment/", "/nosuch"):
            check(ask(host, path, "POST", port=8443, Host=name, Accept=accept), 421, content_type)


def test_fields_that_belong_to_a_status_stay(host):
    for fields in ({}, READER, {"Accept": "application/json"}):
        assert post(host, "/environment/", None, **fields).headers.get_all("WWW-Authenticate") == [
            'Basic realm="trigger"'
        ]
        assert ask(host, "/environment/", "TRACE", **fields).headers.get_all("Allow") == ["GET, HEAD, POST"]
        assert ask(host, "/environment/", "PUT", **fields).headers.get_all("Allow") == ["POST"]
        answer = ask(host, "/?a=b", tls=False, port=80, **fields)
        assert answer.headers.get_all("Location") == [f"https://{host}.test/?a=b"]
        answers = [ask(host, "/rated-too/", **fields) for _ in range(7)]
        assert answers[-1].status == 429
        assert answers[-1].headers.get_all("Retry-After") == ["20"]
        for name in ("Retry-After", "Allow", "WWW-Authenticate"):
            assert post(host, "/environment/", **fields).headers[name] is None
    check(ask(host, "/rated-too/"), 429, TEXT)
    check(post(host, "/rated-too", **READER), 429, HTML)
    check(ask(host, "/rated-too/", Accept="application/json"), 429, PROBLEM)


def test_a_team_behind_one_address_may_watch_a_run(host):
    """Only pages that go on by themselves are limited, which are for browsers without scripts."""
    starting, response = send(host, "/deploy/", "POST", b"")
    path = response.headers["Location"]
    assert response.read1(65536) == b"fetching main\n"
    try:
        followers = [starting]
        for _ in range(16):
            connection, response = send(host, f"{path}?follow=1", **READER)
            assert response.status == 200
            followers.append(connection)
        for accept, content_type in (("text/html, */*", HTML), (READER["Accept"], HTML)):
            answer = ask(host, f"{path}?follow=1", Accept=accept)
            check(answer, 429, content_type)
            assert b"too many runs are followed from this address; close one of these pages" in answer.body
        for user in ("bob", "alice", "carol") * 10:
            answer = ask(host, path, user=user, **READER)
            assert answer.status == 200 and b"fetching main" in answer.body
    finally:
        tell(host, "end")
    for connection in followers:
        connection.close()


RAW = [
    (b"GET /\x00 HTTP/1.1\r\nHost: {host}.test\r\n\r\n", 400),
    (b"nonsense\r\n\r\n", 400),
    (b"\x00\x01\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: {host}.test\r\nHost: {host}.test\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: {host}.test\r\nContent-Length: x\r\n\r\n", 400),
    (b"POST /open/ HTTP/1.1\r\nHost: {host}.test\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    (b"GET / HTTP/3.0\r\nHost: {host}.test\r\n\r\n", 505),
]


def exchange(host, message, port=443, tls=True):
    """Send bytes, and return the status and the fields and the body of what comes, as text."""
    plain = socket.create_connection((f"{host}.test", port), timeout=30)
    with BLIND.wrap_socket(plain, server_hostname=f"{host}.test") if tls else plain as client:
        client.sendall(message.replace(b"{host}", host.encode()))
        received = b""
        while part := client.recv(65536):
            received += part
    head, _, body = received.decode().partition("\r\n\r\n")
    return int(head.split(" ")[1]), head.lower(), body


@pytest.mark.parametrize("host", ["debian12"], indirect=True)
@pytest.mark.parametrize(("message", "status"), RAW)
def test_what_is_no_request_is_refused_in_text(host, message, status):
    code, head, body = exchange(host, message, 8443)
    assert code == status
    assert "\r\ncontent-type: text/plain; charset=utf-8" in head and body.startswith(f"{status} ")
    assert "nginx" not in body


# At the port where nginx has no other site for who does not say whom he calls.
@pytest.mark.parametrize("host", ["debian12"], indirect=True)
@pytest.mark.parametrize(
    "head",
    [
        "POST /open/ HTTP/1.0",
        "POST /open/ HTTP/1.0\r\nHost: {host}.test",
        "POST http://{host}.test/open/ HTTP/1.1\r\nHost: evil.test\r\nConnection: close",
    ],
)
def test_a_job_is_told_by_which_name_its_host_was_called(host, head):
    status, _, body = exchange(host, f"{head}\r\nContent-Length: 0\r\n\r\n".encode(), 8443)
    assert (status, f"\nSERVER_NAME={host}.test\n" in body) == (200, True), body


def test_a_request_without_tls_at_the_port_of_tls(host):
    for accept, content_type in (("*/*", "text/plain"), ("application/json", PROBLEM), ("text/html", "text/html")):
        message = f"GET / HTTP/1.1\r\nHost: {host}.test\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
        status, head, body = exchange(host, message.encode(), tls=False)
        assert (status, f"content-type: {content_type}" in head, "nginx" in body) == (400, True, False), (head, body)
        assert "without TLS" in body


# Without the slash at the end


@pytest.mark.parametrize("fields", [{}, FORM, READER, {"Accept": "application/json"}], ids=str)
def test_a_post_without_the_slash_starts_as_with_it(host, fields):
    for path, script in (("/environment", "/environment/"), ("/tools/moved.here", "/tools/moved.here/")):
        answer = post(host, f"{path}?a=%2Fb", body=b"a=b", **fields)
        seen = variables(answer)
        assert (seen["SCRIPT_NAME"], seen["REQUEST_METHOD"], seen["QUERY_STRING"]) == (script, "POST", "a=%2Fb")
        assert seen["CONTENT_LENGTH"] == "3"
        assert told(host, answer.headers["Location"])["state"] == "succeeded"


def test_whatever_has_a_place_has_it_without_the_slash(host, nothing_starts):
    with nothing_starts("environment", "open"):
        assert ask(host, "/environment", "GET").status == 405
        assert ask(host, "/environment", "PUT").headers["Allow"] == "POST"
        assert post(host, "/environment", None).status == 401
        assert post(host, "/private").status == post(host, "/far").status == 403
        assert post(host, "/environment/start").status in (400, 403)
        answer = ask(host, "/environment?a=b", **READER)
        assert (answer.status, answer.headers["Location"]) == (308, "/environment/?a=b")
    assert json.loads(ask(host, "/server?c=d").body)["path"] == "/server/?c=d"
    assert post(host, "/hook", None).status == 401
    before = runs(host, "/page/")
    assert ask(host, "/page").body == b"<p id=made>for bob\n"
    assert len(runs(host, "/page/")) == len(before) + 1


def test_head_is_answered_and_starts_nothing(host, nothing_starts):
    with nothing_starts("environment", "open", "page", "both"):
        for name in ("environment", "open", "page", "both"):
            for path in (f"/{name}/", f"/{name}"):
                for fields in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
                    answer = ask(host, path, "HEAD", **fields)
                    assert (answer.status, answer.body) == (200, b""), (path, answer)
                    assert "X-Request-Id" not in answer.headers
    assert ask(host, "/private/", "HEAD").status == 403
    assert ask(host, "/environment/", "HEAD", user=None).status == 401
    # Of a run it is told as it is with GET.
    location = post(host, "/environment/").headers["Location"]
    assert ask(host, location, "HEAD").headers["Content-Type"] == "application/json"


def test_an_answer_of_the_endpoints_own_stays_its_own(host):
    """Also with a status that nginx has an answer for."""
    connection, response = send(host, "/environment/", "PUT", Accept="text/html")
    assert (response.status, response.headers["Content-Type"]) == (405, TEXT)
    assert response.read() == b"405 this method starts nothing\n"
    connection.close()
