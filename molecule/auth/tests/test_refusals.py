"""Who is let in, who is not, and what he is told."""

import itertools
import json
import re
import time
from pathlib import Path

import pytest
from callers import (
    PORTS,
    SECRETS,
    bearer,
    digest,
    github_fields,
    new_id,
    nothing_starts,
    request,
    seen_by_job,
    sign,
    standard_fields,
    stranger,
)
from host import connect, exchange, field, journal, read_all, request_id, run, status, wait_until

BODY = b'{"some": "body"}'
EVERY = PORTS["every"]


def stamped(body, timestamp, signed_timestamp=None):
    signed = f"{signed_timestamp or timestamp}.".encode() + body
    return [f"X-Timestamp: {timestamp}", f"X-Stamped: v0={sign(SECRETS['stamped'], signed, 'sha512')[1]}"]


def now():
    return int(time.time())


# The label that the journal shows for an entry of `every`, and what the entry accepts.
RIGHT = {
    "token[1]": lambda: [bearer(SECRETS["token"])],
    "token[2]": lambda: [bearer(SECRETS["next_token"])],
    "token[3]": lambda: [f"X-Api-Key: {SECRETS['api_key']}"],
    "hmac[4]": lambda: [f"X-Signature: {sign(SECRETS['hmac'], BODY)[0]}"],
    "hmac[5]": lambda: stamped(BODY, now()),
    "hmac[6]": lambda: [f"X-Old-Signature: sha1={sign(SECRETS['sha1'], BODY, 'sha1')[0]}"],
    "github[7]": lambda: github_fields(BODY),
    "gitea[8]": lambda: [f"X-Gitea-Signature: {sign(SECRETS['gitea'], BODY)[0]}"],
    "gitlab[9]": lambda: [f"X-Gitlab-Token: {SECRETS['gitlab']}"],
    "gitlab[10]": lambda: standard_fields(SECRETS["gitlab_signing"], BODY),
    "standard_webhooks[11]": lambda: standard_fields(SECRETS["standard"], BODY),
}


def test_each_entry_lets_in_and_the_journal_tells_which():
    """Two tokens are both accepted, as while one of them is replaced."""
    since = time.time()
    expected = {}
    for label, fields in RIGHT.items():
        expected[request_id(exchange(EVERY, request("POST", "/", fields(), BODY)))] = label

    def told():
        line = r"request=(\S+) peer=127\.0\.0\.1 user=- auth=(\S+) "
        return dict(re.findall(line, journal("trigger@every.service", since)))

    wait_until(lambda: len(told()) >= len(expected))
    assert told() == expected


def test_a_token_may_stand_in_the_query_where_that_is_configured():
    request_id(exchange(EVERY, request(path=f"/?key={SECRETS['token']}")))
    with nothing_starts("every", "near"):
        # The entry beside it has no `query`, and neither has the other endpoint.
        assert status(exchange(EVERY, request(path=f"/?key={SECRETS['next_token']}"), stranger())) == 401
        assert status(exchange(PORTS["near"], request(path=f"/?key={SECRETS['token']}"))) == 401


def github(signature):
    return [f"X-Hub-Signature-256: {signature}"]


def standard(fields, index, old, new):
    """Fields of Standard Webhooks with one of them changed behind the signature."""
    fields = list(fields)
    changed = fields[index].replace(old, new, 1)
    assert changed != fields[index]
    fields[index] = changed
    return fields


def _wrong():
    signature = sign(SECRETS["hmac"], BODY)[0]
    hub = sign(SECRETS["github"], BODY)[0]
    present = now()
    good = standard_fields(SECRETS["standard"], BODY, timestamp=present)
    key = SECRETS["token"]
    return {
        "nothing": [],
        "an empty token": ["Authorization: Bearer "],
        "another token": [bearer("x" * len(key))],
        "a longer token": [bearer(key + "x")],
        "a shorter token": [bearer(key[:-1])],
        "another scheme": [f"Authorization: Basic {key}"],
        "another header": [f"X-Api-Key: {key}"],
        "the other way round": [bearer(SECRETS["api_key"])],
        "the digest that is stored": [bearer(digest(key))],
        "no api key": ["X-Api-Key:"],
        "another gitlab token": ["X-Gitlab-Token: " + SECRETS["gitlab"].upper()],
        "a signing token as a token": [f"X-Gitlab-Token: {SECRETS['gitlab_signing']}"],
        "an empty signature": ["X-Signature:"],
        "a signature of another body": [f"X-Signature: {sign(SECRETS['hmac'], BODY + b' ')[0]}"],
        "a signature with another key": [f"X-Signature: {sign(SECRETS['github'], BODY)[0]}"],
        "a signature that is cut": [f"X-Signature: {signature[:-1]}"],
        "a signature in another header": [f"X-Old-Signature: sha1={signature}"],
        "a weaker hash": [f"X-Signature: {sign(SECRETS['hmac'], BODY, 'sha1')[0]}"],
        "the secret itself": [f"X-Signature: {SECRETS['hmac']}"],
        "an old timestamp": stamped(BODY, now() - 400),
        "a timestamp to come": stamped(BODY, now() + 400),
        "another timestamp": stamped(BODY, present, present - 1),
        "no timestamp": stamped(BODY, now())[1:],
        "a timestamp that is none": stamped(BODY, f"{now()}.0"),
        "github without a secret": github("sha256="),
        "github without the prefix": github(hub),
        "github's weak signature": github("sha1=" + sign(SECRETS["github"], BODY, "sha1")[0]),
        "gitea without a secret": ["X-Gitea-Signature:"],
        "gitea signed as github": [f"X-Gitea-Signature: {hub}"],
        "standard, another id": standard(good, 0, "webhook-id: ", "webhook-id: x"),
        "standard, another time": standard(good, 1, str(present), str(present - 10)),
        "standard, another version": standard(good, 2, "v1,", "v2,"),
        "standard, no version": standard(good, 2, "v1,", ""),
        "standard, old": standard_fields(SECRETS["standard"], BODY, timestamp=now() - 400),
        "standard, to come": standard_fields(SECRETS["standard"], BODY, timestamp=now() + 400),
        "standard, no id": good[1:],
    }


def test_whoever_is_wrong_is_told_the_same_and_starts_nothing():
    """Unknown, missing, wrong and too old look alike from outside. Each comes from an address of its own, because
    a peer's second failure is answered late."""
    with nothing_starts("every"):
        answers = {
            what: exchange(EVERY, request("POST", "/", fields, BODY), stranger()) for what, fields in _wrong().items()
        }
        twice = request(path=f"/?key={SECRETS['token']}&key={SECRETS['token']}")
        answers["a token twice in the query"] = exchange(EVERY, twice, stranger())
        signature = sign(SECRETS["gitea"], b"{}")[0]
        fields = [f"X-Gitea-Signature: {signature}", "Content-Type: application/x-www-form-urlencoded"]
        beside = request("POST", "/", fields, b"payload=%7B%7D&x=1")
        answers["a field beside the signed one"] = exchange(EVERY, beside, stranger())
    assert {what: status(answer) for what, answer in answers.items()} == dict.fromkeys(answers, 401)
    # All but the second in which it was sent.
    assert len({re.sub(rb"\r\nDate: [^\r]*", b"", answer) for answer in answers.values()}) == 1
    assert field(answers["nothing"], "WWW-Authenticate") == 'Bearer realm="trigger"'


def test_where_only_signatures_count_there_is_no_challenge_to_name():
    with nothing_starts("github"):
        answer = exchange(PORTS["github"], request("POST", "/", [], BODY), stranger())
    assert status(answer) == 401
    assert field(answer, "WWW-Authenticate") is None


def test_a_body_that_nobody_answers_for_is_not_read():
    """Announced and not sent: to wait for it would end in 408."""
    announced = ["Content-Length: 1000000"]
    with nothing_starts("every"):
        answer = exchange(EVERY, request("POST", "/", announced), stranger())
        assert status(answer) == 401
        with connect(EVERY, stranger()) as client:
            client.sendall(request("POST", "/", ["Expect: 100-continue", *announced]))
            assert status(read_all(client)) == 401  # instead of `100 Continue`


def test_a_signed_body_that_is_too_large_is_not_read_either():
    """A signature can only be judged when the whole body is there."""
    limit = json.loads(Path("/etc/trigger/every.json").read_text())["body_limit"]
    fields = [f"Content-Length: {limit + 1}", f"X-Signature: {sign(SECRETS['hmac'], BODY)[0]}"]
    with nothing_starts("every"):
        assert status(exchange(EVERY, request("POST", "/", fields), stranger())) == 413


def test_head_starts_nothing():
    head = "HEAD"
    with nothing_starts("every", "hostile"):
        assert status(exchange(PORTS["hostile"], request(head))) == 200
        assert status(exchange(EVERY, request(head, "/", [bearer(SECRETS["token"])]))) == 200
        refused = exchange(EVERY, request(head), stranger())
        assert status(refused) == 401
        assert refused.endswith(b"\r\n\r\n")


TOKEN = request(fields=[bearer(SECRETS["token"])])


@pytest.mark.parametrize(
    ("name", "source", "is_let_in"),
    [
        # An IPv4 client of a socket that listens on both families counts as IPv4.
        ("near", "127.0.0.1", True),
        ("near", "127.0.0.3", True),
        ("near", "127.0.0.4", False),
        ("near", "::1", False),
        ("six", "::1", True),
        ("six", "127.0.0.1", False),
    ],
)
def test_allow_from(name, source, is_let_in):
    address = ("::1" if ":" in source else "127.0.0.1", PORTS[name])
    if is_let_in:
        identifier = request_id(exchange(address, TOKEN, source))
        assert seen_by_job(name, identifier)["environment"]["REMOTE_ADDR"] == source
    else:
        with nothing_starts(name):
            assert status(exchange(address, TOKEN, source)) == 403


def test_allow_from_does_not_stand_in_for_a_token_nor_a_token_for_it():
    with nothing_starts("near"):
        assert status(exchange(PORTS["near"], request())) == 401
        assert status(exchange(PORTS["near"], TOKEN, "127.0.0.9")) == 403
        # Who may not call is not told whether his token would fit.
        assert status(exchange(PORTS["near"], request(fields=[bearer("x" * 20)]), "127.0.0.9")) == 403


EVIL = "https://evil.example"
CROSS_SITE = [
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-site"],  # http://localhost:8080 is of the site of http://localhost:3000
    ["Sec-Fetch-Site: cross-site", f"Origin: {EVIL}"],
    [f"Origin: {EVIL}"],
    ["Origin: null"],
    ["Origin: http://test.evil.example"],
    ["Origin: http://test:8080"],
]


@pytest.mark.parametrize("fields", CROSS_SITE)
def test_a_page_of_another_site_starts_nothing_with_a_token_or_without(fields):
    with nothing_starts("hostile", "every", "sites"):
        for method in ("GET", "POST", "HEAD"):
            assert status(exchange(PORTS["hostile"], request(method, fields=fields))) == 403
        assert status(exchange(PORTS["sites"], request(fields=fields))) == 403
        assert status(exchange(EVERY, request(fields=[*fields, bearer(SECRETS["token"])]))) == 403
        assert status(exchange(EVERY, request(path=f"/?key={SECRETS['token']}", fields=fields))) == 403


@pytest.mark.parametrize(
    "fields",
    [["Sec-Fetch-Site: same-origin", "Origin: http://test"], ["Sec-Fetch-Site: none"], ["Origin: http://test:80"]],
)
def test_a_page_of_the_host_itself_may_call(fields):
    request_id(exchange(PORTS["hostile"], request("POST", fields=fields)))


def test_allow_origins_lets_in():
    fields = ["Sec-Fetch-Site: cross-site", "Origin: https://intranet.example"]
    request_id(exchange(PORTS["sites"], request("POST", fields=fields)))
    request_id(exchange(PORTS["sites"], request("POST", fields=["Origin: https://Intranet.EXAMPLE"])))
    with nothing_starts("hostile", "sites"):
        # One place's list is not another's, and an origin is a whole.
        assert status(exchange(PORTS["hostile"], request("POST", fields=fields))) == 403
        for origin in ("http://intranet.example", "https://intranet.example:8443", "https://intranet.example.evil"):
            assert status(exchange(PORTS["sites"], request("POST", fields=[f"Origin: {origin}"]))) == 403


def _spellings():
    """What a server has to take for `key=TOKEN`, and what looks like it, with something broken or doubled."""
    token = SECRETS["token"]
    encoded = "".join(f"%{ord(character):02x}" for character in token)
    for name, value in itertools.product(("key", "k%65y", "%6B%65%79"), (token, encoded, encoded.upper())):
        yield f"{name}={value}"
    for name, broken in itertools.product(("key", "k%65y"), ("%", "%zz", "%f")):
        yield f"{name}={token}{broken}"
    yield f"key={token}&key={token}"
    yield f"key={token}&k%65y=x"
    yield f"key={token}&&key"


@pytest.mark.parametrize("spelling", _spellings())
def test_a_token_in_the_query_reaches_nobody(spelling):
    """Another token in the header lets the request in, whatever the query holds."""
    message = request(path=f"/?a=b&{spelling}&x=1", fields=[bearer(SECRETS["next_token"])])
    identifier = request_id(exchange(EVERY, message))
    assert seen_by_job("every", identifier)["environment"]["QUERY_STRING"].replace("&&", "&") == "a=b&x=1"


def test_a_token_in_the_query_is_no_parameter():
    message = request(path=f"/?x=1&key={SECRETS['from_file']}")
    seen = seen_by_job("vaulted", request_id(exchange(PORTS["vaulted"], message)))
    assert seen["argv"] == ["1"]
    assert seen["environment"]["QUERY_STRING"] == "x=1"


def test_vaulted_secrets_let_in():
    """One from an encrypted string in the playbook, one from an encrypted file beside it."""
    for secret in ("inline", "from_file"):
        request_id(exchange(PORTS["vaulted"], request(fields=[bearer(SECRETS[secret])])))
    assert status(exchange(PORTS["vaulted"], TOKEN)) == 401


def test_curl_and_openssl_make_what_is_accepted():
    """Not our own code on both sides."""
    script = """
        signature=$(printf %s "$BODY" | openssl dgst -sha256 -hmac "$KEY" -r | cut -d ' ' -f 1)
        curl --silent --fail --show-error --data-raw "$BODY" \
            --header "X-GitHub-Delivery: $ID" --header "X-Hub-Signature-256: sha256=$signature" http://127.0.0.1:$PORT/
    """
    variables = {"BODY": BODY.decode() + new_id(), "KEY": SECRETS["github"], "ID": new_id(), "PORT": str(EVERY)}
    assert run("sh", "-c", script, env={"PATH": "/usr/bin:/bin", **variables}) == "OK\n"
