"""After each change of the front door: verify.yml."""

import http.client
import json
from pathlib import Path

import pytest
from front import BLIND, HOSTS, READER, SECRETS, ask, basic, post, variables


def as_alice(password):
    return basic("alice", SECRETS[password])


def test_after_the_change_the_new_password_opens_and_the_old_one_does_not(host):
    assert post(host, "/environment/", None, **as_alice("alice")).status == 401
    assert variables(post(host, "/environment/", None, **as_alice("alice_next")))["REMOTE_USER"] == "alice"
    assert post(host, "/environment/", "erin").status == 401
    for user in ("bob", "carol", "dave@example.org"):
        assert post(host, "/environment/", user).status == 200


def test_after_the_change_no_request_was_lost(host):
    """A client that never stopped saw both certificates, and no mistake."""
    noted = json.loads(Path("/root/load.json").read_text())[host]
    assert noted["errors"] == []
    assert len(noted["certificates"]) == 2
    assert len(noted["accepted"]) == len(set(noted["accepted"])) > 50


def test_after_the_change_all_of_it_holds(host):
    assert post(host, "/private/").status == 200
    assert ask(host, "/private/", **READER).status == 200
    assert variables(post(host, "/elsewhere/"))["SCRIPT_NAME"] == "/elsewhere/"
    assert post(host, "/tools/moved.here/").status == 404
    # The snippet.
    answer = ask(host, "/robots.txt", user=None)
    assert (answer.status, answer.body) == (200, b"User-agent: *\nDisallow: /\n")
    # What an authority of certificates looks for, by way of port 80 (docs/frontend.md).
    path = "/.well-known/acme-challenge/token"
    assert ask(host, path, user=None, tls=False, port=80).headers["Location"] == f"https://{host}.test{path}"
    assert ask(host, path, user=None).body == b"it is me\n"


def test_after_a_broken_change_the_old_one_serves(host):
    test_after_the_change_the_new_password_opens_and_the_old_one_does_not(host)
    test_after_the_change_all_of_it_holds(host)


def test_without_a_front_door(host):
    for tls, port in ((True, 443), (False, 80)):
        for path in ("/", "/environment/", "/robots.txt"):
            # Its certificate is another site's now.
            connection = http.client.HTTPSConnection(f"{host}.test", port, timeout=30, context=BLIND)
            if not tls:
                connection = http.client.HTTPConnection(f"{host}.test", port, timeout=30)
            connection.request("POST", path, b"", basic("bob"))
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            assert answer.status in (200, 404, 405) and b"deploy" not in body
            assert "X-Request-Id" not in answer.headers and answer.headers["WWW-Authenticate"] is None
    if host == "debian12":
        with pytest.raises(ConnectionRefusedError):
            ask(host, "/", port=8443)


@pytest.mark.parametrize("site", ["by TLS", "on port 80", "on its port", "by any name, TLS", "by any name"])
def test_the_other_sites_were_served_all_the_time(site):
    seen = json.loads(Path("/root/watch.json").read_text())
    assert seen.keys() == set(HOSTS)
    for sites in seen.values():
        assert sites[site]["errors"][:3] == []
        assert sites[site]["answers"] > 200
