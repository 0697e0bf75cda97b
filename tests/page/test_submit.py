"""What a form starts, and what it does not."""

import pytest
from page_host import SECRET, parsed, visitor
from pages import refusal, submit

from trigger import http
from trigger.page import form
from trigger.page.access import Door


def start(ask, host, body, **told):
    return refusal(ask, "/hello/start", "POST", body, **told)


def token_of(host, **told):
    (made,) = [each for each in [host.put()] if each.name == "hello"]
    return b".token=" + visitor(**told).token(made).encode()


@pytest.mark.parametrize(
    "told",
    [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "https://ci.example"},
        {"Origin": "https://ci.example:8443.evil.example"}, {"Origin": "ftp://ci.example:8443"},
        {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "x"},
        {"Origin": "https://ci.example:8443", "Sec_Fetch_Site": "cross-site"},
    ],
)  # fmt: skip
def test_another_site_starts_nothing(ask, host, told):
    body = token_of(host)
    told = start(ask, host, body, **told)
    assert (told.status, told.reason) == (403, "a page of another site may not call")


def test_origins_that_programs_may_have_are_none_of_the_forms(ask, host):
    body = token_of(host)
    host.put(allow_origins=["https://evil.example"])
    assert start(ask, host, body, Origin="https://evil.example").status == 403


@pytest.mark.parametrize("body", [b"", b".token=", b".token=x", b".token=" + b"0" * 64, b"token=x", b".token=%C3%A9"])
def test_without_the_right_token_nothing_starts(ask, host, body):
    host.put()
    told = start(ask, host, body)
    assert told.status == 403 and "go back, load the page again" in told.reason


def test_the_token_of_another_user_or_endpoint_is_not_the_right_one(ask, host):
    host.put(users=["alice", "bob"])
    other = host.put("other")
    for token in (visitor(user="bob").token(host.put(users=["alice", "bob"])), visitor().token(other)):
        assert start(ask, host, b".token=" + token.encode()).status == 403


@pytest.mark.parametrize("required", [False, True])
def test_a_sensitive_field_that_was_emptied_is_not_left_out_in_silence(ask, host, required):
    made = host.put(parameters=[
        {"name": "n", "from": "header:n"}, {"name": "s", "sensitive": True, "required": required},
    ])  # fmt: skip
    # A value that the form cannot pass on, so that no acceptor is needed to refuse it.
    page = submit(ask, made, "n=%07&s=secret")[1]
    field = page.one(id="field-s")
    assert "value" not in field.attributes and "aria-invalid" not in field.attributes
    assert page.one(id="again-s").text == "It is not kept here: type it again."
    assert "again-s" in field["aria-describedby"]
    emptied = page.one("input", name=form.EMPTIED)
    assert (emptied["type"], emptied["value"]) == ("hidden", "s")

    # It is sent without, although it was there before.
    reply, page = submit(ask, made, "n=1&s=&.emptied=s")
    assert reply.status == 400
    assert page.one(id="error-s").text.startswith("s was filled in before and is ")
    assert ("start without it" in page.one(id="error-s").text) is not required
    assert page.one(id="field-s")["aria-invalid"] == "true"
    assert page.one(id="field-n")["value"] == "1"
    # That is said once: the next one is meant so.
    assert not page.all("input", name=form.EMPTIED)
    # What was typed again is taken, and what is not a sensitive field of the form is nothing to it.
    for body in ("n=1&s=secret&.emptied=s", "n=1&.emptied=n+x"):
        assert submit(ask, made, body)[0].status == 503  # there is no acceptor


def test_a_field_that_is_forged_starts_nothing(ask, host):
    assert start(ask, host, token_of(host) + b"&q=1").status == 400


def test_a_form_of_a_page_without_tls_starts_nothing(ask, host):
    made = host.put()
    token = Door(SECRET).enter(parsed()).token(made)
    with pytest.raises(http.Refusal) as caught:
        ask("/hello/start", "POST", f"token={token}".encode(), Origin="http://ci.example:8443")
    assert caught.value.status == 403
