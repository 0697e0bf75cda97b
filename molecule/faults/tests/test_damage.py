"""An entry in the spool that was damaged after it was answered: it is set aside and recorded, and the others run."""

import os
from pathlib import Path

import pytest
from endpoints import ENDPOINTS, paused, slow
from host import exchange, run, status, wait_for_record, wait_until_running, wait_until_served
from oracle import Oracle

SPOOL = Path("/var/spool/trigger/plain")


def cut(size):
    return lambda path: os.truncate(path, max(0, size if size >= 0 else path.stat().st_size + size))


def written(offset, data):
    """data: bytes to stand at an offset, from the end where it is negative."""

    def damage(path):
        content = bytearray(path.read_bytes())
        start = offset % len(content)
        content[start : start + len(data)] = data
        path.write_bytes(content[: max(len(content), start + len(data))])

    return damage


def replaced(old, new):
    return lambda path: path.write_bytes(path.read_bytes().replace(old, new, 1))


DAMAGES = {
    "emptied": (cut(0), "it has no end mark"),
    "cut short": (cut(-1), "it has no end mark"),
    "cut to its body": (cut(4), "it has no end mark"),
    "zeros, as after a crash": (lambda path: path.write_bytes(bytes(path.stat().st_size)), "it has no end mark"),
    "something behind it": (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "it has no end mark"),
    "a mark that is no number": (written(-23, b"x"), "its end mark is malformed"),
    "a mark that is too large": (written(-23, b"00ffffff"), "its end mark does not fit its size"),
    "a mark that is larger than the file": (written(-23, b"00001000"), "its end mark does not fit its size"),
    "a mark that is too small": (written(-23, b"00000003"), "one of its variables has no name"),
    "no end of the variables": (written(-24, b"x"), "its variables are cut short"),
    "a variable without a name": (
        replaced(b"SERVER_SOFTWARE=", b"=ERVER_SOFTWARE="),
        "one of its variables has no name",
    ),
    "another id": (replaced(b"TRIGGER_REQUEST_ID=0", b"TRIGGER_REQUEST_ID=1"), "it carries another request's id"),
    "no id": (replaced(b"TRIGGER_REQUEST_ID=", b"TRIGGER_REQUEST_IE="), "it carries another request's id"),
    "a stranger's": (lambda path: os.chown(path, 65534, 65534), "it belongs to a stranger"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry(damage):
    harm, reason = DAMAGES[damage]
    oracle = Oracle("damaged entry", "plain", **ENDPOINTS["plain"])
    with paused("plain"):
        victim = oracle.ask()
        harm(SPOOL / victim.request)
        oracle.faults += 1
        assert oracle.ask().code == 200
    record = wait_for_record("plain", victim.request)
    assert (record["state"], record["reason"]) == ("damaged", reason)
    wait_until_served("plain")
    # The oracle knows of no damage, and should not.
    oracle.told.remove(victim)
    os.unlink(f"/var/lib/trigger/plain/runs/{victim.request}.json")
    (aside,) = SPOOL.glob(".damaged-*")
    aside.unlink()
    assert oracle.judge()["ran"] == 1


@pytest.mark.parametrize("survives", [True, False])
@pytest.mark.parametrize("name", ["the claim", ".invocation", ".outcome"])
def test_what_root_keeps_of_a_run_is_damaged(name, survives):
    """While the job runs, and the dispatcher goes on, or another comes. It is not run again."""
    oracle = Oracle("damaged claim", "plain", **ENDPOINTS["plain"])
    with slow():
        request = oracle.ask().request
        wait_until_running("plain", request)
        os.truncate(Path("/var/lib/trigger/plain/claimed", request if name == "the claim" else name), 0)
        oracle.faults += 1
        if not survives:
            run("systemctl", "kill", "--signal=KILL", "trigger-dispatch@plain.service")
    assert oracle.ask().code == 200
    told = oracle.judge()
    knows_nothing = name == ".invocation" and not survives
    assert told["interrupted" if knows_nothing else "succeeded"] == (1 if knows_nothing else 2)


def test_a_damaged_record_stops_no_acceptor():
    """Who asks for it is told that it cannot be read, who asks for another gets it."""
    oracle = Oracle("damaged record", "plain", **ENDPOINTS["plain"])
    first, second = oracle.ask(), oracle.ask()
    for client in (first, second):
        wait_for_record("plain", client.request)
    record = Path(f"/var/lib/trigger/plain/runs/{second.request}.json")
    kept = record.read_bytes()
    os.truncate(record, 10)
    oracle.faults += 1
    try:
        for client, code in ((first, 200), (second, 503)):
            message = f"GET /runs/{client.request} HTTP/1.1\r\nHost: test\r\n\r\n"
            assert status(exchange(ENDPOINTS["plain"]["port"], message.encode())) == code
    finally:
        record.write_bytes(kept)
    oracle.judge()
