"""What a client may ask for about its run."""

import pytest
import role
from hypothesis import example, given
from hypothesis import strategies as st

from trigger import http
from trigger.acceptor import runs_api
from trigger.acceptor.exchange import Exchange

ID = "01a208b6-4822-7c03-87e7-cc541deca7e0"


def request(path, method="GET", **fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: a"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return http.parse_head("\r\n".join(lines).encode() + b"\r\n\r\n")


def parse(endpoint, asked):
    exchange = Exchange()
    exchange.endpoint = endpoint
    return runs_api.parse(exchange.runs_path, asked)


def refused(endpoint, *arguments, **fields):
    with pytest.raises(http.Refusal) as caught:
        parse(endpoint, request(*arguments, **fields))
    return caught.value.status


@pytest.mark.parametrize(
    ("path", "base"), [("/", ""), ("/hook", "/hook"), ("/hook/", "/hook"), ("/a/b", "/a/b"), ("/runs", "/runs")]
)
def test_where_runs_are_told_about(path, base):
    endpoint = role.endpoint(path=path)
    call = parse(endpoint, request(f"{base}/runs/{ID}"))
    assert (call.run_id, call.output, call.follow) == (ID, False, False)
    call = parse(endpoint, request(f"{base}/runs/{ID}/output?follow=1"))
    assert (call.run_id, call.output, call.follow) == (ID, True, True)
    assert parse(endpoint, request(f"{base}/runs?limit=7")).limit == 7
    assert parse(endpoint, request(f"{base}/runs")).run_id is None


@pytest.mark.parametrize("path", ["/", "/other", "/runsx", "/run", "/hook/runs/" + ID, "//runs", "/a/runs"])
def test_other_paths_are_for_somebody_else(path):
    assert parse(role.endpoint(), request(path)) is None


def test_a_path_of_the_endpoint_itself_is_no_call():
    assert parse(role.endpoint(path="/runs"), request("/runs")) is None


@pytest.mark.parametrize(
    "tail",
    ["x", ID.upper(), ID + "x", ID[:-1], ID + "/", ID + "/x", ID + "/output/", ID + "/output/x", "//", "/" + ID, "..",
     ID.replace("7c03", "4c03"), ID.replace("-", "0")],
)  # fmt: skip
def test_what_is_no_id_is_not_known(tail):
    assert refused(role.endpoint(), "/runs/" + tail) == 404


def test_runs_can_be_looked_at_and_cancelled_only():
    for method in ("POST", "PUT", "PATCH", "OPTIONS"):
        assert refused(role.endpoint(), f"/runs/{ID}", method) == 405
    call = parse(role.endpoint(), request(f"/runs/{ID}", "DELETE"))
    assert (call.run_id, call.cancel) == (ID, True)
    assert not parse(role.endpoint(), request(f"/runs/{ID}")).cancel
    for path in ("/runs", "/runs/", f"/runs/{ID}/output", f"/runs/{ID}/"):
        assert refused(role.endpoint(), path, "DELETE") == 405
    assert refused(role.endpoint(), "/runs/x", "DELETE") == 404
    assert refused(role.endpoint(), f"/runs/{ID}", Content_Length="1") == 400
    assert parse(role.endpoint(), request(f"/runs/{ID}", "HEAD")).run_id == ID


@pytest.mark.parametrize("limit", ["0", "101", "", "-1", "1.0", "00001", "a", "²"])
def test_a_limit_is_a_number_in_bounds(limit):
    with pytest.raises(http.Refusal) as caught:
        parse(role.endpoint(), request("/runs?limit=" + limit))
    assert caught.value.status == 400


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, blacklist_characters="?#"), max_size=60))
@example("%")
@example("/output")
def test_any_path_below_runs_is_a_call_or_refused(tail):
    try:
        call = parse(role.endpoint(), request("/runs/" + tail))
    except http.Refusal as refusal:
        status, call = refusal.status, None
    else:
        status = 200
    assert status in (200, 400, 404)
    assert call is None or call.run_id is None or tail.startswith(call.run_id)
