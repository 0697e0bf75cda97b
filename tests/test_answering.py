"""What a client may ask for and is told about its run: runs_api, preferences, cgi_output, answers."""

import pytest
import role
from hypothesis import example, given
from hypothesis import strategies as st

from trigger import cgi_response, http, responses
from trigger.acceptor import prefer as preferences
from trigger.acceptor import runs_api

ID = "01a208b6-4822-7c03-87e7-cc541deca7e0"


def request(path, method="GET", **fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: a"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return http.parse_head("\r\n".join(lines).encode() + b"\r\n\r\n")


def refused(endpoint, *arguments, **fields):
    with pytest.raises(http.Refusal) as caught:
        runs_api.parse(endpoint, request(*arguments, **fields))
    return caught.value.status


# runs_api


@pytest.mark.parametrize(
    ("path", "base"), [("/", ""), ("/hook", "/hook"), ("/hook/", "/hook"), ("/a/b", "/a/b"), ("/runs", "/runs")]
)
def test_where_runs_are_told_about(path, base):
    endpoint = role.endpoint(path=path)
    assert runs_api.location(endpoint, ID) == f"{base}/runs/{ID}"
    call = runs_api.parse(endpoint, request(runs_api.location(endpoint, ID)))
    assert (call.run_id, call.output, call.follow) == (ID, False, False)
    call = runs_api.parse(endpoint, request(f"{base}/runs/{ID}/output?follow=1"))
    assert (call.run_id, call.output, call.follow) == (ID, True, True)
    assert runs_api.parse(endpoint, request(f"{base}/runs?limit=7")).limit == 7
    assert runs_api.parse(endpoint, request(f"{base}/runs")).run_id is None


@pytest.mark.parametrize("path", ["/", "/other", "/runsx", "/run", "/hook/runs/" + ID, "//runs", "/a/runs"])
def test_other_paths_are_for_somebody_else(path):
    assert runs_api.parse(role.endpoint(), request(path)) is None


def test_a_path_of_the_endpoint_itself_is_no_call():
    assert runs_api.parse(role.endpoint(path="/runs"), request("/runs")) is None


def test_switched_off_it_hears_nothing():
    assert runs_api.parse(role.endpoint(runs_api=False), request(f"/runs/{ID}")) is None


@pytest.mark.parametrize(
    "tail",
    ["x", ID.upper(), ID + "x", ID[:-1], ID + "/", ID + "/x", ID + "/output/", ID + "/output/x", "//", "/" + ID, "..",
     ID.replace("7c03", "4c03"), ID.replace("-", "0")],
)  # fmt: skip
def test_what_is_no_id_is_not_known(tail):
    assert refused(role.endpoint(), "/runs/" + tail) == 404


def test_runs_can_be_looked_at_only():
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert refused(role.endpoint(), f"/runs/{ID}", method) == 405
    assert refused(role.endpoint(), f"/runs/{ID}", Content_Length="1") == 400
    assert runs_api.parse(role.endpoint(), request(f"/runs/{ID}", "HEAD")).run_id == ID


@pytest.mark.parametrize("limit", ["0", "101", "", "-1", "1.0", "00001", "a", "²"])
def test_a_limit_is_a_number_in_bounds(limit):
    with pytest.raises(http.Refusal) as caught:
        runs_api.parse(role.endpoint(), request("/runs?limit=" + limit))
    assert caught.value.status == 400


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, blacklist_characters="?#"), max_size=60))
@example("%")
@example("/output")
def test_any_path_below_runs_is_a_call_or_refused(tail):
    try:
        call = runs_api.parse(role.endpoint(), request("/runs/" + tail))
    except http.Refusal as refusal:
        status, call = refusal.status, None
    else:
        status = 200
    assert status in (200, 400, 404)
    assert call is None or call.run_id is None or tail.startswith(call.run_id)


# preferences


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (None, (30.0, None)),
        ("", (30.0, None)),
        ("wait=10", (10.0, "wait=10")),
        ("Wait = 10", (10.0, "wait=10")),
        ('wait="10"', (10.0, "wait=10")),
        ("wait=10; q=1", (10.0, "wait=10")),
        ("handling=lenient, wait=10", (10.0, "wait=10")),
        ("wait=10, wait=20", (10.0, "wait=10")),
        ("wait=3600", (30.0, "wait=30")),
        ("wait=0", (0.0, "wait=0")),
        ("wait", (30.0, None)),
        ("wait=-1", (30.0, None)),
        ("wait=1.5", (30.0, None)),
        ("wait=1e9", (30.0, None)),
        ("wait=9999999999999999", (30.0, None)),
        ("respond-async", (0.0, "respond-async")),
        ("RESPOND-ASYNC", (0.0, "respond-async")),
        ("respond-async, wait=10", (10.0, "wait=10")),
        ("respond-asynchronously", (30.0, None)),
        (", ,,", (30.0, None)),
    ],
)
def test_how_long_a_client_waits(prefer, expected):
    fields = {} if prefer is None else {"Prefer": prefer}
    assert preferences.waiting_time(role.endpoint(wait="30s"), request("/", **fields)) == expected


def test_where_nobody_waits_nothing_is_granted():
    assert preferences.waiting_time(role.endpoint(), request("/", Prefer="wait=10")) == (0.0, None)


@given(st.binary(max_size=60))
def test_any_preference_keeps_the_bound(prefer):
    asked = request("/")
    asked.fields[b"prefer"] = prefer
    seconds, granted = preferences.waiting_time(role.endpoint(wait="30s"), asked)
    assert 0 <= seconds <= 30
    assert granted is None or granted in ("respond-async", f"wait={seconds:.0f}")


# cgi_output


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"Content-Type: text/html\n\nx", (200, [("Content-Type", "text/html")])),
        (b"content-type:text/html\r\n\r\nx", (200, [("Content-Type", "text/html")])),
        (b"Status: 404 Not Found\nContent-Type: a/b\n\nx", (404, [("Content-Type", "a/b")])),
        (b"Status: 204\nContent-Type: a/b\n\nx", (204, [("Content-Type", "a/b")])),
        (b"Location: /x\n\nx", (302, [("Location", "/x")])),
        (b"Location: /x\nStatus: 301\n\nx", (301, [("Location", "/x")])),
        (b"X-Own: 1\nSet-Cookie: a\nContent-Type: a/b\n\nx", (200, [("Content-Type", "a/b")])),
        (b"Content-Type: a/b;\tc=d\n\nx", (200, [("Content-Type", "a/b;\tc=d")])),
    ],
)
def test_a_head_of_cgi(output, expected):
    *found, body = cgi_response.parse_head(output)
    assert tuple(found) == expected
    assert output[body:] == b"x"


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\n",
        b"\n\nx",
        b"just text",
        b"just text\n\n",
        b"Content-Type: a/b",
        b"Content-Type: a/b\n",
        b"Content-Type\n\n",
        b": a\n\n",
        b"Status: 200\n\nx",
        b"Status: 99\nContent-Type: a/b\n\n",
        b"Status: 100\nContent-Type: a/b\n\n",
        b"Status: 600\nContent-Type: a/b\n\n",
        b"Status: 20\nContent-Type: a/b\n\n",
        b"Status: 2000\nContent-Type: a/b\n\n",
        b"Status: 200OK\nContent-Type: a/b\n\n",
        b"Status: \xb2\xb2\xb2\nContent-Type: a/b\n\n",
        b"Status: +20\nContent-Type: a/b\n\n",
        b"Status:\nContent-Type: a/b\n\n",
        b"Content-Type: a/b\nContent-Type: c/d\n\n",
        b"Content-Type: a/b\ncontent-type: a/b\n\n",
        b"Content-Type: a\0b\n\n",
        b"Content-Type: a/b\rX: y\n\n",
        b"Content-Type: \xc3\xa4\n\n",
        b"Content-Type : a/b\n\n",
        b" Content-Type: a/b\n\n",
        b"Content-Type: a/b\n folded\n\n",
        b"Content-Type:\n\n",
        b"Location:\n\n",
        b"X: " + b"a" * cgi_response.HEAD_LIMIT + b"\nContent-Type: a/b\n\n",
    ],
)
def test_a_head_that_is_none(output):
    with pytest.raises(cgi_response.Malformed):
        cgi_response.parse_head(output)


LINES = st.sampled_from(
    [b"Status: ", b"Content-Type: ", b"Location: ", b":", b"\n", b"\r", b"\r\n", b" ", b"200", b"/"]
)


@given(st.lists(LINES | st.binary(max_size=8), max_size=20).map(b"".join))
def test_no_output_makes_a_head_that_could_be_read_in_two_ways(output):
    try:
        status, headers, body = cgi_response.parse_head(output)
    except cgi_response.Malformed:
        return
    assert 200 <= status <= 599
    assert {name for name, _ in headers} <= {"Content-Type", "Location"}
    assert all(
        value == value.strip() and value.replace("\t", "").isprintable() and value.isascii() for _, value in headers
    )
    assert output[:body].endswith((b"\n\n", b"\n\r\n", b"\n\r\r\n"))
    # What is made of it is one head of ours.
    answer = http.response_head(status, headers)
    assert answer.count(b"\r\n\r\n") == 1
    assert b"\n" not in answer.replace(b"\r\n", b"")


# answers


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (None, b"\n[the run goes on]\n"),
        ({"state": "succeeded", "exit_code": 0, "duration": 1.26}, b"\n[succeeded, exit code 0, 1.3 s]\n"),
        ({"state": "failed", "exit_code": 3, "signal": None, "duration": 0}, b"\n[failed, exit code 3, 0.0 s]\n"),
        ({"state": "failed", "exit_code": None, "signal": "KILL"}, b"\n[failed, signal KILL]\n"),
        ({"state": "interrupted", "duration": None}, b"\n[interrupted]\n"),
    ],
)
def test_the_last_line_of_a_stream(record, line):
    assert responses.result_line(record) == line


def test_the_fields_that_tell_how_a_run_ended():
    assert responses.run_headers({"state": "failed", "exit_code": 3}) == [
        ("X-Run-State", "failed"),
        ("X-Run-Exit-Code", "3"),
    ]
    assert responses.run_headers({"state": "running", "exit_code": None}) == [("X-Run-State", "running")]
    assert ("X-Run-Exit-Code", "0") in responses.run_headers({"state": "succeeded", "exit_code": 0})
