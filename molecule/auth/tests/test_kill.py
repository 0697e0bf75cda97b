"""SIGKILL to the acceptor while deliveries come in: none is lost, and none runs twice."""

import itertools
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

from callers import (
    PORTS,
    SECRETS,
    bearer,
    deliveries,
    entry,
    github_fields,
    log_of,
    new_id,
    next_request_id,
    request,
)
from host import (
    connect,
    exchange,
    field,
    is_active,
    journal,
    property_of,
    run,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_served,
)

SPOOL = Path("/var/spool/trigger/killed")
MOMENTS = {
    "as soon as it runs": lambda known: True,
    "a draft is there": lambda known: any(name.startswith(".draft") for name in os.listdir(SPOOL)),
    "it is remembered": lambda known: known < (SPOOL / ".deliveries").stat().st_size,
    "it is an entry": lambda known: any(name[0] != "." for name in os.listdir(SPOOL)),
}


def _deliver(number, ids, tries):
    """Send a delivery until it is accepted, as a sender does that repeats under the same id."""
    body = json.dumps({"number": number, "unique": new_id()}).encode()
    fields = [*github_fields(body), "Content-Type: application/json"]

    def accepted():
        tries.append(number)
        try:
            answer = exchange(PORTS["killed"], request("POST", "/", fields, body))
        except OSError:
            return None
        return answer.startswith(b"HTTP/1.1 2") and field(answer, "X-Request-Id")

    ids[number] = wait_until(accepted)


def test_a_delivery_that_was_accepted_is_neither_lost_nor_run_twice():
    """SIGKILL to the acceptor at each step of twenty deliveries. The kills are followed by shorter pauses than
    systemd would make, to fit in more of them."""
    drop_in = Path("/run/systemd/system/trigger@killed.service.d/pause.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nRestartSec=20ms\n")
    run("systemctl", "daemon-reload")
    rounds = 20
    ids, tries = {}, []
    since = time.time()
    before = len(log_of("killed"))
    (SPOOL / ".deliveries").touch()
    run("chown", "trigger-killed:", SPOOL / ".deliveries")
    try:
        for number, moment in zip(range(rounds), itertools.cycle(MOMENTS)):
            connect(PORTS["killed"]).close()  # a look whether somebody listens starts the acceptor
            pid = wait_until(lambda: int(property_of("trigger@killed.service", "MainPID")))
            known = (SPOOL / ".deliveries").stat().st_size
            sender = threading.Thread(target=_deliver, args=(number, ids, tries))
            sender.start()
            deadline = time.monotonic() + 5
            # No pause: the moments are short.
            while not MOMENTS[moment](known) and number not in ids and time.monotonic() < deadline:
                pass
            os.kill(pid, signal.SIGKILL)
            sender.join(60)
    finally:
        drop_in.unlink()
        run("systemctl", "daemon-reload")
    known = journal("trigger@killed.service", since).count('reason="delivered before"')
    print(len(tries) - rounds, "kills before the answer,", known, "of them when the delivery was on the disk already")
    assert sorted(ids) == list(range(rounds))
    for identifier in ids.values():
        assert wait_for_record("killed", identifier)["state"] == "succeeded"
    wait_until_served("killed")
    assert sorted(log_of("killed")[before:]) == sorted([identifier, str(number)] for number, identifier in ids.items())
    assert [name for name in os.listdir(SPOOL) if name != ".deliveries"] == []
    assert is_active("trigger@killed.socket")
    # A kill costs the sender one more try. What it leaves behind costs nobody anything.
    assert {number: tries.count(number) for number in ids if tries.count(number) > 2} == {}


def known_as(delivery):
    return request("POST", "/", [bearer(SECRETS["token"]), f"Idempotency-Key: {delivery}"])


def _leave(name, content):
    """A file in the spool of `once`, as an acceptor that was killed would have left it."""
    path = Path("/var/spool/trigger/once", name)
    with open(path, "ab") as file:
        file.write(content)
    shutil.chown(path, "trigger-once", "trigger-once")


def test_a_draft_that_was_left_is_removed_and_no_client_notices():
    wait_until_idle("once")
    _leave(".draft-1", b"half of a bo")
    assert status(exchange(PORTS["once"], known_as(new_id()))) == 202
    assert not os.path.exists("/var/spool/trigger/once/.draft-1")


def test_a_draft_whose_delivery_is_remembered_already_becomes_an_entry():
    """Between the two the acceptor was killed, so its client has no answer, and comes again."""
    wait_until_idle("once")
    delivery, identifier = new_id(), next_request_id()
    variables = [(b"TRIGGER_ENDPOINT", b"once"), (b"TRIGGER_REQUEST_ID", identifier.encode())]
    _leave(".draft-1", b"body" + entry.encode(variables))
    (key,) = deliveries.keys(SimpleNamespace(fields={b"idempotency-key": delivery.encode()}), None)
    _leave(".deliveries", f"{time.time():.0f} {identifier} {key}\n".encode())
    answer = exchange(PORTS["once"], known_as(delivery))
    assert (status(answer), field(answer, "X-Request-Id")) == (202, identifier)
    wait_for_record("once", identifier)
    wait_until_served("once")
    assert log_of("once").count([identifier]) == 1
    assert not os.path.exists("/var/spool/trigger/once/.draft-1")


def test_a_line_that_was_damaged_is_passed_over():
    """In the memory of deliveries, as after a crash of the file system; what stands beside it still counts."""
    delivery = new_id()
    first = exchange(PORTS["once"], known_as(delivery))
    assert status(first) == 202
    wait_until_idle("once")
    remembered = Path("/var/spool/trigger/once/.deliveries")
    before = remembered.read_bytes()
    _leave(".deliveries", b"\n\0\0\0\0\xff damaged\n")
    try:
        again = exchange(PORTS["once"], known_as(delivery))
        assert field(again, "X-Request-Id") == field(first, "X-Request-Id")
        assert status(exchange(PORTS["once"], known_as(new_id()))) == 202
    finally:
        wait_until_idle("once")
        remembered.write_bytes(before)
