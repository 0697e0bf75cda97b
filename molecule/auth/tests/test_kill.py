"""SIGKILL to the acceptor while deliveries come in: none is lost, and none runs twice."""

import itertools
import json
import os
import shutil
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from callers import (
    PORTS,
    SECRETS,
    bearer,
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
    record_of,
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
    "it is being written": lambda known: any(name.startswith(".accepted") for name in os.listdir(SPOOL)),
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
        # Who signs is not told the id once more, when the delivery was accepted before.
        return answer.startswith(b"HTTP/1.1 2") and (field(answer, "X-Request-Id") or field(answer, "X-Delivery"))

    ids[number] = wait_until(accepted)


def _acceptor_behind(killed):
    """Its process id, or 0 as long as systemd has not seen that the one before was killed."""
    pid = int(property_of("trigger@killed.service", "MainPID"))
    return pid if pid != killed else 0


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
    pid = 0
    (SPOOL / ".deliveries").touch()
    run("chown", "trigger-killed:", SPOOL / ".deliveries")
    try:
        for number, moment in zip(range(rounds), itertools.cycle(MOMENTS)):
            connect(PORTS["killed"]).close()  # a look whether somebody listens starts the acceptor
            pid = wait_until(partial(_acceptor_behind, pid))
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
    wait_until(lambda: len(log_of("killed")) - before >= rounds)
    wait_until_served("killed")
    ran = [(int(number), identifier) for identifier, number in log_of("killed")[before:]]
    assert sorted(number for number, _ in ran) == list(range(rounds))
    for number, identifier in ran:
        assert wait_for_record("killed", identifier)["state"] == "succeeded"
        assert ids[number] in (identifier, "repeated")
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
    path.chmod(0o600)  # as up to release 0.2
    shutil.chown(path, "trigger-once", "trigger-once")


@pytest.mark.parametrize("name", [".draft-1", ".accepted-1", f".accepted-{next_request_id()}"])
def test_what_was_left_and_nothing_remembers_is_removed_and_no_client_notices(name):
    wait_until_idle("once")
    _leave(name, b"half of a bo")
    assert status(exchange(PORTS["once"], known_as(new_id()))) == 202
    assert not os.path.exists(f"/var/spool/trigger/once/{name}")


def _entry(identifier, body):
    """An entry whose job notes down that it ran."""
    return body + entry.encode([(b"TRIGGER_ENDPOINT", b"once"), (b"TRIGGER_REQUEST_ID", identifier.encode())])


def _remember(delivery, identifier):
    """Have the next acceptor know a delivery as that of a request."""
    first = exchange(PORTS["once"], known_as(delivery))
    wait_for_record("once", field(first, "X-Request-Id"))
    wait_until_idle("once")
    memory = Path("/var/spool/trigger/once/.deliveries")
    memory.write_text(memory.read_text().replace(field(first, "X-Request-Id"), identifier))


def test_what_was_accepted_and_whose_delivery_is_remembered_becomes_an_entry():
    """Between the two the acceptor was killed, so its client has no answer, and comes again."""
    delivery, identifier = new_id(), next_request_id()
    _remember(delivery, identifier)
    _leave(f".accepted-{identifier}", _entry(identifier, b"body"))
    answer = exchange(PORTS["once"], known_as(delivery))
    assert (status(answer), field(answer, "X-Request-Id")) == (202, identifier)
    wait_for_record("once", identifier)
    wait_until_served("once")
    assert log_of("once").count([identifier]) == 1
    assert not os.path.exists(f"/var/spool/trigger/once/.accepted-{identifier}")


def test_a_draft_that_ends_like_an_entry_is_not_run_and_has_no_delivery_forgotten():
    """Of a request whose record has been let go. Nobody can tell it from what a stranger has sent."""
    delivery, identifier = new_id(), next_request_id()
    _remember(delivery, identifier)
    before = log_of("once")
    _leave(".draft-1", _entry(identifier, b"body"))
    answer = exchange(PORTS["once"], known_as(delivery))
    assert (status(answer), field(answer, "X-Request-Id")) == (202, identifier)
    wait_until_idle("once")
    assert log_of("once") == before
    assert not os.path.exists("/var/spool/trigger/once/.draft-1")


def test_a_strangers_body_that_ends_like_an_entry_is_never_run():
    """With the id of a request whose delivery is remembered, and the acceptor killed while it comes."""
    wait_until_idle("once")
    genuine = new_id().encode()
    delivery = request("POST", "/", github_fields(genuine), genuine)
    identifier = field(exchange(PORTS["once"], delivery), "X-Request-Id")
    record = wait_for_record("once", identifier)
    wait_until_idle("once")
    looks_like = _entry(identifier, b"evil" * 17000)
    wrong = ["X-Hub-Signature-256: sha256=" + "0" * 64, "Content-Length: 200000"]
    spool = Path("/var/spool/trigger/once")
    with connect(PORTS["once"]) as stranger:
        stranger.sendall(request("POST", "/", wrong) + looks_like[:65000])
        stranger.sendall(looks_like[65000:])  # with this it is more than the acceptor holds in memory
        wait_until(lambda: [draft for draft in spool.glob(".draft-*") if draft.read_bytes() == looks_like])
        since = time.time()
        os.kill(int(property_of("trigger@once.service", "MainPID")), signal.SIGKILL)
        assert status(exchange(PORTS["once"], known_as(new_id()))) == 202
    wait_until_idle("once")
    assert "status=9/KILL" in journal("trigger@once.service", since)
    assert list(spool.glob(".draft-*")) == []
    assert log_of("once").count([identifier]) == 1
    assert record_of("once", identifier) == record
    # The delivery is known as before.
    before = log_of("once")
    assert status(exchange(PORTS["once"], delivery)) == 202
    wait_until_idle("once")
    assert log_of("once") == before


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
