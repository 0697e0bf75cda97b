"""A delivery that comes again is answered as the first time, and starts nothing."""

import json
import time
from pathlib import Path

from callers import (
    PORTS,
    SECRETS,
    bearer,
    github_fields,
    log_of,
    new_id,
    nothing_starts,
    request,
    standard_fields,
    stranger,
)
from host import (
    burst,
    exchange,
    field,
    run,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_served,
)

ONCE = PORTS["once"]
BEFORE = Path("/root/before-the-reboot.json")


def told(answer):
    """What makes an answer the same as another."""
    return status(answer), field(answer, "X-Request-Id"), answer.partition(b"\r\n\r\n")[2]


def is_repeat(answer, first):
    """Whether it says that the delivery was known, as the first time, and nothing that opens the run: who sends it may
    have overheard it."""
    code, identifier, body = told(first)
    return told(answer) == (code, None, body) and field(answer, "X-Delivery") == "repeated" and identifier


def with_token(identifier, name="Idempotency-Key", body=b""):
    return request("POST", "/", [bearer(SECRETS["token"]), f"{name}: {identifier}"], body)


def signed(body, identifier=None):
    return request("POST", "/", github_fields(body, identifier), body)


def runs_of(name, identifier):
    wait_for_record(name, identifier)
    wait_until_served(name)
    return [words[0] for words in log_of(name)].count(identifier)


ID_FIELDS = ["webhook-id", "X-GitHub-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "Idempotency-Key"]


def test_an_id_that_was_seen_before_starts_nothing():
    """The acceptor leaves after each answer (linger: 0), so its memory is what stands on the disk."""
    first = {}
    for name in ID_FIELDS:
        identifier = new_id()
        first[name] = identifier, exchange(ONCE, with_token(identifier, name))
    assert len({told(answer) for _, answer in first.values()}) == len(ID_FIELDS)
    wait_until_idle("once")
    with nothing_starts("once"):
        for name, (identifier, answer) in first.items():
            assert status(answer) == 202
            assert told(exchange(ONCE, with_token(identifier, name))) == told(answer)
            # Also from another address; with another body an Idempotency-Key is a mistake of its sender's.
            other = exchange(ONCE, with_token(identifier, name, b"other"), stranger())
            assert status(other) == 422 if name == "Idempotency-Key" else told(other) == told(answer)
    for _, answer in first.values():
        assert runs_of("once", told(answer)[1]) == 1


def test_a_signed_body_under_a_new_id_starts_nothing():
    """GitHub signs no id, so whoever has seen a delivery could send it again under another one, or under none."""
    body = new_id().encode()
    first = exchange(ONCE, signed(body))
    assert status(first) == 202
    with nothing_starts("once"):
        assert is_repeat(exchange(ONCE, signed(body)), first)
        unnamed = [line for line in github_fields(body) if "Delivery" not in line]
        assert is_repeat(exchange(ONCE, request("POST", "/", unnamed, body)), first)
    assert runs_of("once", told(first)[1]) == 1


def test_another_body_under_a_known_id_that_is_not_signed_is_a_new_delivery():
    """Or somebody on the way, who can change the id, could have it swallowed."""
    identifier, bodies = new_id(), [new_id().encode() for _ in range(2)]
    ids = {told(exchange(ONCE, signed(body, identifier)))[1] for body in bodies}
    assert len(ids) == 2
    assert [runs_of("once", each) for each in ids] == [1, 1]


def test_nobody_uses_up_anothers_id():
    """`every` lets two tokens in. Each has ids of its own."""
    identifier = new_id()
    mine, his = (
        request("POST", "/", [bearer(SECRETS[name]), f"Idempotency-Key: {identifier}"])
        for name in ("token", "next_token")
    )
    first, second = exchange(PORTS["every"], mine), exchange(PORTS["every"], his)
    assert told(first)[1] != told(second)[1]
    for message, answer in ((mine, first), (his, second)):
        wait_for_record("every", told(answer)[1])
        assert told(exchange(PORTS["every"], message)) == told(answer)


def test_an_idempotency_key_is_the_same_with_and_without_quotes():
    identifier = new_id()
    first = exchange(ONCE, with_token(f'"{identifier}"'))
    assert told(exchange(ONCE, with_token(identifier))) == told(first)


def test_a_delivery_of_standard_webhooks_starts_one_run():
    """Its id is signed. Sent again it carries a new time, so another signature."""
    identifier, body = new_id(), b"{}"
    first = exchange(ONCE, request("POST", "/", standard_fields(SECRETS["standard"], body, identifier), body))
    assert status(first) == 202
    later = standard_fields(SECRETS["standard"], body, identifier, int(time.time()) + 1)
    with nothing_starts("once"):
        assert is_repeat(exchange(ONCE, request("POST", "/", later, body)), first)
    other = exchange(ONCE, request("POST", "/", standard_fields(SECRETS["standard"], body), body))
    assert told(other) != told(first)


def test_fifty_at_once_are_one():
    message = signed(new_id().encode(), new_id())
    answers = burst(ONCE, 50, message)
    assert [answer for answer in answers if isinstance(answer, OSError)] == []
    (first,) = [answer for answer in answers if field(answer, "X-Request-Id")]
    assert status(first) == 202
    assert [answer for answer in answers if answer is not first and not is_repeat(answer, first)] == []
    assert runs_of("once", told(first)[1]) == 1


def test_an_id_counts_only_from_somebody_who_is_known():
    """Or anybody could have a delivery swallowed by naming its id first."""
    identifier = new_id()
    spoilers = [
        request("POST", "/", [f"Idempotency-Key: {identifier}"]),
        request("POST", "/", [f"Idempotency-Key: {identifier}", bearer("x" * 30)]),
        request("POST", "/", [f"X-GitHub-Delivery: {identifier}", "X-Hub-Signature-256: sha256=" + "0" * 64], b"x"),
    ]
    with nothing_starts("once"):
        for message in spoilers:
            assert status(exchange(ONCE, message, stranger())) == 401
    first = exchange(ONCE, with_token(identifier))
    assert status(first) == 202
    assert runs_of("once", told(first)[1]) == 1
    with nothing_starts("once"):
        # And to know an id is not to be known.
        for message in spoilers[:2]:
            answer = exchange(ONCE, message, stranger())
            assert status(answer) == 401
            assert told(first)[1].encode() not in answer


def test_where_nobody_is_asked_who_he_is_ids_count_for_nothing():
    message = request("POST", "/", [f"Idempotency-Key: {new_id()}"])
    first, second = (exchange(PORTS["hostile"], message) for _ in range(2))
    assert status(first) == status(second) == 200
    assert told(first) != told(second)


def test_endpoints_remember_for_themselves():
    message = with_token(new_id())
    assert told(exchange(ONCE, message))[1] != told(exchange(PORTS["every"], message))[1]


def test_head_spoils_no_id():
    identifier = new_id()
    fields = [bearer(SECRETS["token"]), f"Idempotency-Key: {identifier}"]
    with nothing_starts("brief"):
        assert status(exchange(PORTS["brief"], request("HEAD", "/", fields))) == 200
    first = exchange(PORTS["brief"], request("GET", "/", fields))
    assert runs_of("brief", told(first)[1]) == 1


def test_a_delivery_is_forgotten_when_its_window_is_over():
    message = with_token(new_id())
    first = exchange(PORTS["brief"], message)
    assert told(exchange(PORTS["brief"], message)) == told(first)
    wait_until(lambda: told(exchange(PORTS["brief"], message)) != told(first))
    second = exchange(PORTS["brief"], message)
    assert runs_of("brief", told(first)[1]) == runs_of("brief", told(second)[1]) == 1


def test_others_cannot_read_what_is_remembered():
    path = Path("/var/spool/trigger/once/.deliveries")
    assert path.read_bytes()
    assert run("stat", "-c", "%U %a", path).strip() == "trigger-once 600"


def test_before_a_reboot():
    body = new_id().encode()
    message = signed(body)
    answer = exchange(ONCE, message)
    assert status(answer) == 202
    BEFORE.write_text(json.dumps([message.decode(), told(answer)[1]]))


def test_after_a_reboot():
    message, identifier = json.loads(BEFORE.read_text())
    with nothing_starts("once"):
        answer = exchange(ONCE, message.encode())
        assert (*told(answer)[:2], field(answer, "X-Delivery")) == (202, None, "repeated")
    assert runs_of("once", identifier) == 1
