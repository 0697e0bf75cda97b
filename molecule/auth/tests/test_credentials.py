"""A secret that is not there lets nobody in, and is told; when it is back, so is the endpoint."""

import contextlib
import json
import time
from pathlib import Path

import pytest
from callers import PORTS, SECRETS, bearer, github_fields, new_id, nothing_starts, request, stranger
from host import (
    exchange,
    field,
    is_active,
    journal,
    request_id,
    run,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
)

CREDENTIAL = Path("/etc/trigger/credentials/frail/acceptor/auth")
DROP_IN = Path("/etc/systemd/system/trigger@frail.service.d/endpoint.conf")
PORT = PORTS["frail"]
TOKEN = request(fields=[bearer(SECRETS["token"])])


def signed():
    body = new_id().encode()
    return request("POST", "/", github_fields(body), body)


@contextlib.contextmanager
def changed(path, content, then=()):
    """Another content in a file, None for no file. then: a command, after the change and after it is undone."""
    before = path.read_bytes()
    if content is None:
        path.rename(path.with_suffix(".aside"))
    else:
        path.write_bytes(content)  # in place, so its mode stays
    try:
        if then:
            run(*then)
        yield
    finally:
        if content is None:
            path.with_suffix(".aside").rename(path)
        else:
            path.write_bytes(before)
        if then:
            run(*then)


def told():
    """What a right token is told, a right signature, nothing at all, a token that stands in place of the secrets."""
    with nothing_starts("frail"):
        messages = [TOKEN, signed(), request(), request(fields=[bearer("-")]), request("HEAD")]
        answers = [exchange(PORT, message, stranger()) for message in messages]
    assert all(field(answer, "Retry-After") for answer in answers if status(answer) == 503)
    return [status(answer) for answer in answers]


NOBODY_IS_LET_IN = [503] * 5


def is_back():
    """By itself: an acceptor without secrets does not stay."""
    answers = []
    wait_until(lambda: answers.append(exchange(PORT, TOKEN)) or status(answers[-1]) == 200)
    assert wait_for_record("frail", request_id(answers[-1]))["state"] == "succeeded"
    assert status(exchange(PORT, request(), stranger())) == 401
    assert is_active("trigger@frail.socket")


def test_a_missing_file():
    wait_until_idle("frail")
    since = time.time()
    with changed(CREDENTIAL, None):
        assert told() == NOBODY_IS_LET_IN
        request_id(exchange(PORTS["near"], TOKEN))  # its neighbours have their own
        wait_until(lambda: "its secrets cannot be loaded" in journal("trigger@frail.service", since))
    is_back()


def without_hash(content):
    *others, last = json.loads(content)
    return json.dumps([*others, {key: last[key] for key in last if key != "algorithm"}]).encode()


DAMAGES = {
    "empty": lambda content: b"",
    "what stands in for a missing one": lambda content: b"-",
    "cut short": lambda content: content[: len(content) // 2],
    "no text": lambda content: b"\xff" + content,
    "null": lambda content: b"null",
    "no entries": lambda content: b"[]",
    "an empty entry": lambda content: b"[{}]",
    "no entry": lambda content: b"[1]",
    "an entry without its hash": without_hash,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file(damage):
    wait_until_idle("frail")
    with changed(CREDENTIAL, DAMAGES[damage](CREDENTIAL.read_bytes())):
        assert told() == NOBODY_IS_LET_IN


def test_after_all_the_damage():
    is_back()


def test_without_the_line_that_loads_them():
    wait_until_idle("frail")
    with changed(DROP_IN, None, ["systemctl", "daemon-reload"]):
        assert told() == NOBODY_IS_LET_IN
    is_back()
