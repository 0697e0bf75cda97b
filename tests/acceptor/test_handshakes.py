"""What senders ask before they send, by a real acceptor on a real socket: answered to who knows the secret, and nothing
starts."""

import hashlib
import hmac
import json
import os
import socket
import time
from types import SimpleNamespace

import pytest
import role
from message import message

from trigger import spool
from trigger.acceptor import credentials, loop, rate_limit, replay
from trigger.acceptor.handler import Handler

SECRET = "0123456789abcdef0123456789abcdef"
VERIFY_TOKEN = "meatyhamhock-meatyhamhock"
# "Request URL Configuration & Verification" of https://api.slack.com/events/url_verification
SLACK = {
    "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
    "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
    "type": "url_verification",
}
# "Validate your webhook endpoint" of https://developers.zoom.us/docs/api/webhooks/; the answer is that of elastic/beats
# x-pack/filebeat/input/http_endpoint/handler_test.go validate_CRC_request @b2d6d4c652
ZOOM_SECRET = "secretValueTest"
ZOOM = {
    "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
    "event_ts": 1654503849680,
    "event": "endpoint.url_validation",
}
ENCRYPTED = "70c1f2e2e6ca2d39297490d1f9142c7d701415ea8e6151f6562a08fa657a40ff"
# "Verification Requests" of https://developers.facebook.com/docs/graph-api/webhooks/getting-started
META = f"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={VERIFY_TOKEN}"


class Host:
    def __init__(self, directory, auth, **keys):
        self.endpoint = role.endpoint(auth=list(auth), allow_weak_secret=True, replay_window="10min", **keys)
        self.endpoint.linger = 0.0
        for name in ("spool", "claimed", "runs"):
            (directory / name).mkdir()
            setattr(self.endpoint, name, str(directory / name))
        self.rate_file = f"{directory}/spool/.rate"
        (directory / "auth").write_text(json.dumps(role.guard_entries(*auth, allow_weak_secret=True)))

    def ask(self, fields=(), body=b"", **options):
        """One request, one life of the acceptor."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            guard, problem = credentials.load_guard(self.endpoint)
            assert problem is None
            memory = replay.Deliveries(f"{self.endpoint.spool}/.deliveries", self.endpoint.replay_window)
            rate = rate_limit.Rate(self.rate_file, *self.endpoint.max_rate) if self.endpoint.max_rate else None
            stored = spool.Spool(self.endpoint.spool, self.endpoint.claimed, memory)
            served = loop.Loop(self.endpoint, [listener], Handler(self.endpoint, stored, guard, rate))
            with socket.create_connection(listener.getsockname()) as client:
                client.settimeout(20)
                client.sendall(message(fields, body, **options))
                client.shutdown(socket.SHUT_WR)
                assert served.serve() == 0
                received = b"".join(iter(lambda: client.recv(65536), b""))
        head, _, content = received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return SimpleNamespace(status=int(status.split()[1]), headers=headers, body=content)

    def waiting(self):
        return [name for name in os.listdir(self.endpoint.spool) if not name.startswith(".")]


@pytest.fixture
def make(tmp_path, monkeypatch):
    if os.getuid():
        monkeypatch.setattr(os, "fchown", lambda *_: None)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return lambda *auth, **keys: Host(tmp_path, auth, **keys)


def signed(prefix, body, secret, age=0):
    now = str(int(time.time()) - age)
    mac = hmac.new(secret.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
    return {f"{prefix}-Request-Timestamp": now, f"{prefix}-Signature": f"v0={mac}", "Content-Type": "application/json"}


def slack(said, secret=SECRET, age=0):
    body = json.dumps(said).encode()
    return signed("X-Slack", body, secret, age), body


def zoom(said, secret=ZOOM_SECRET):
    body = json.dumps(said).encode()
    return signed("x-zm", body, secret), body


SLACK_AUTH = {"slack": {"secret": SECRET}}
ZOOM_AUTH = {"zoom": {"secret": ZOOM_SECRET}}
META_AUTH = {"meta": {"secret": SECRET, "verify_token": VERIFY_TOKEN}}
# What no handshake has to do with.
STRICT = {"methods": ["POST"], "max_rate": "1/h", "only_if": [{"from": "json:/never", "equals": "there"}],
          "parameters": [{"name": "ref", "from": "json:/ref", "pattern": "x"}]}  # fmt: skip


def test_slack_is_answered_as_often_as_it_asks(make):
    host = make(SLACK_AUTH, **STRICT)
    for _ in range(2):
        answer = host.ask(*slack(SLACK))
        assert (answer.status, answer.body) == (200, SLACK["challenge"].encode())
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert host.waiting() == []


def test_zoom_is_answered_as_often_as_it_asks(make):
    host = make(ZOOM_AUTH, **STRICT)
    for _ in range(2):
        answer = host.ask(*zoom(ZOOM))
        assert answer.status == 200
        assert json.loads(answer.body) == {"plainToken": ZOOM["payload"]["plainToken"], "encryptedToken": ENCRYPTED}
        assert answer.headers["content-type"] == "application/json"
    assert host.waiting() == []


def test_meta_is_answered_as_often_as_it_asks(make, capfd):
    host = make(META_AUTH, **STRICT)
    for _ in range(2):
        answer = host.ask(method="GET", target=f"/?{META}")
        assert (answer.status, answer.body) == (200, b"1158201444")
    assert host.waiting() == []
    logged = capfd.readouterr().err
    assert "answered hub.challenge" in logged
    assert VERIFY_TOKEN not in logged


def test_a_second_secret_is_tried_too(make):
    other = "x" * 32
    host = make({"slack": {"secret": other}}, SLACK_AUTH, {"meta": {"secret": other, "verify_token": other}}, META_AUTH)
    assert host.ask(*slack(SLACK)).body == SLACK["challenge"].encode()
    assert host.ask(method="GET", target=f"/?{META}").body == b"1158201444"
    assert host.ask(method="GET", target=f"/?{META.replace(VERIFY_TOKEN, other)}").body == b"1158201444"


@pytest.mark.parametrize(
    "ask",
    [
        lambda host: host.ask(*slack(SLACK, "y" * 32)),
        lambda host: host.ask(*slack(SLACK, age=400)),
        lambda host: host.ask({"Content-Type": "application/json"}, json.dumps(SLACK).encode()),
        lambda host: host.ask(*zoom(ZOOM, "y" * 32)),
        lambda host: host.ask({"Content-Type": "application/json"}, json.dumps(ZOOM).encode()),
        lambda host: host.ask(method="GET", target=f"/?{META[:-1]}"),
        lambda host: host.ask(method="GET", target=f"/?{META}x"),
        lambda host: host.ask(method="GET", target=f"/?{META}&hub.verify_token={VERIFY_TOKEN}"),
        lambda host: host.ask(method="GET", target=f"/?{META.replace(VERIFY_TOKEN, '')}"),
        lambda host: host.ask(method="GET", target="/?hub.mode=subscribe&hub.challenge=1"),
    ],
)
def test_who_does_not_know_the_secret_is_told_nothing(make, ask, capfd):
    host = make(SLACK_AUTH, ZOOM_AUTH, META_AUTH)
    answer = ask(host)
    assert answer.status == 401
    assert answer.body == b"401 not authorized\n"
    assert host.waiting() == []
    assert VERIFY_TOKEN[:-1] not in capfd.readouterr().err


@pytest.mark.parametrize("challenge", [None, "", 5, ["a"], "a b", "<b>", "a:b", "v0:1:{}", "\n", "x" * 257, "ä"])
def test_a_challenge_that_no_sender_makes_is_not_sent_back(make, challenge):
    """Zoom's is signed with the secret for deliveries: what it signs must be none of them."""
    host = make(SLACK_AUTH, ZOOM_AUTH)
    assert host.ask(*slack({**SLACK, "challenge": challenge})).status == 400
    assert host.ask(*zoom({**ZOOM, "payload": {"plainToken": challenge}})).status == 400
    assert host.ask(*zoom({**ZOOM, "payload": challenge})).status == 400
    assert host.waiting() == []


@pytest.mark.parametrize("challenge", ["", "%20", "%3Cb%3E", "1&hub.challenge=2", "x" * 257])
def test_a_challenge_of_a_query_is_checked_too(make, challenge):
    host = make(META_AUTH)
    answer = host.ask(method="GET", target=f"/?{META.replace('1158201444', challenge)}")
    assert answer.status == 400
    assert challenge.encode() not in answer.body or not challenge


@pytest.mark.parametrize(
    "said",
    [{"type": "event_callback", "text": "url_verification"}, ["url_verification"], {"event": "url_verification"},
     {**SLACK, "text": "x" * 4096}],
)  # fmt: skip
def test_a_delivery_that_speaks_of_it_is_no_handshake(make, said):
    host = make(SLACK_AUTH)
    assert host.ask(*slack(said)).status == 200
    assert len(host.waiting()) == 1


def test_a_get_without_a_handshake_meets_the_endpoint_as_it_is(make):
    host = make(META_AUTH, methods=["POST"])
    assert host.ask(method="GET", target="/?hub.challenge=1").status == 405
    assert host.ask(method="GET", target=f"/elsewhere?{META}").status == 404
    assert host.ask(target=f"/?{META}").status == 401


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("auth", "ask", "said"), [(SLACK_AUTH, slack, SLACK), (ZOOM_AUTH, zoom, ZOOM)])
def test_a_token_beside_it_changes_nothing(make, auth, ask, said, order):
    """A sender is given the address with the token in it, and signs nevertheless."""
    token = {"token": {"secret": SECRET[::-1], "query": "key"}}
    host = make(*[token, auth][::order], **STRICT)
    with_token = f"/?key={SECRET[::-1]}"
    fields, body = ask(said)
    answer = host.ask(fields, body, target=with_token)
    assert answer.status == 200
    assert answer.body == host.ask(fields, body).body
    forged = ask(said, "x" * 32)
    assert host.ask(*forged).status == 401
    assert b"ignored" in host.ask(*forged, target=with_token).body
    assert host.waiting() == []


def test_a_delivery_with_token_and_signature_is_known_by_its_body(make):
    token = {"token": {"secret": SECRET[::-1], "header": "X-Key"}}
    host = make(token, SLACK_AUTH)
    for age in (60, 30, 0):
        fields, body = slack({"type": "event_callback"}, age=age)
        assert host.ask({**fields, "X-Key": SECRET[::-1]}, body).status == 200
    assert len(host.waiting()) == 1


def test_without_a_verify_token_nothing_is_answered(make):
    host = make({"meta": {"secret": SECRET}}, methods=["POST"])
    assert host.ask(method="GET", target=f"/?{META}").status == 405


def test_zooms_way_answers_no_slack(make):
    host = make(ZOOM_AUTH)
    assert host.ask(*zoom(SLACK)).body != SLACK["challenge"].encode()
    assert len(host.waiting()) == 1
