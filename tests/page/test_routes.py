"""Which page an address leads to; from requests as bytes to HTML, on real files."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from page_host import record, request_id
from pages import main, refusal

PATHS = ["/x/", "/hello", "/hello/x", "//hello/", "/hello//", "/./hello/", "/x/../hello/", "/hello/../hello/",
         "/%68ello/", "/HELLO/", "/hello/start/", "/hello/starts", "/hello/runs/", "/hello/runs/x",
         "/hello/runs/..", f"/hello/runs/{request_id()}/", f"/hello/runs/{request_id()}/output",
         f"/hello/runs/{request_id().upper()}x", "/favicon.ico", "/hell", "/hello/hello/"]  # fmt: skip


SERVED = {"/", *("/hello/" + place for place in ("", "page", "start", "cancel", "runs"))}


@pytest.mark.parametrize("path", PATHS)
def test_nothing_else_exists(ask, host, path):
    host.put()
    for method in ("GET", "POST"):
        assert refusal(ask, path, method).status == 404


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#"), max_size=40))
@example("%00")
@example("runs/%2e%2e/x")
@example("page")
@example("hello/")
def test_no_path_leads_anywhere_else(ask, host, path):
    """Also of those that Hypothesis takes out of the code that it tests."""
    host.put()
    for each in {"/hello/" + path, "/" + path} - SERVED:
        assert refusal(ask, each).status == 404


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [("/", "POST", "GET, HEAD"), ("/hello/", "POST", "GET, HEAD"), ("/hello/", "PUT", "GET, HEAD"),
     ("/hello/runs", "POST", "GET, HEAD"), ("/hello/start", "GET", "POST"), ("/hello/start", "HEAD", "POST"),
     ("/hello/cancel", "GET", "POST"),
     (f"/hello/runs/{request_id()}", "DELETE", "GET, HEAD")],
)  # fmt: skip
def test_methods(ask, host, path, method, allowed):
    host.put()
    told = refusal(ask, path, method)
    assert (told.status, dict(told.headers)) == (405, {"Allow": allowed})


def test_a_query_says_nothing(ask, host):
    host.put()
    assert ask("/hello/?p=x")[0].status == 200


@pytest.mark.parametrize("user", ["bob", None, "", "alice, alice", "Alice", "alic\xe9"])
def test_endpoints_of_others_are_not_shown(ask, host, user):
    host.put()
    one = record(host.put("own", users=["bob"]), request_id())["id"]
    for path, method in (("/hello/", "GET"), ("/hello/start", "POST"), (f"/hello/runs/{one}", "GET")):
        assert refusal(ask, path, method, user=user and user.encode("latin-1").decode("latin-1")).status == 403
    assert "hello" not in main(ask(user=user)[1])


def test_where_nobody_is_asked_everybody_may(ask, host):
    host.put(users=None)
    for user in ("alice", None):
        assert ask("/hello/", user=user)[0].status == 200
        assert "hello" in main(ask(user=user)[1])


def test_an_endpoint_without_a_page_has_none(ask, host):
    host.put(page=False)
    for path, method in (("/hello/", "GET"), ("/hello/start", "POST"), (f"/hello/runs/{request_id()}", "GET")):
        assert refusal(ask, path, method).status == 404
