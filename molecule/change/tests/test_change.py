"""Each stage of verify.yml, looked at from inside."""

import glob
import json
import os
import pwd
from pathlib import Path

import load
import pytest
from host import (
    connect,
    exchange,
    inode_of,
    is_active,
    property_of,
    records,
    request_id,
    run,
    spooled,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
)

NOTES = Path("/root/notes.json")
LOG = Path("/var/log/trigger-change")


def look():
    """What must stay as it is while something else changes."""
    return {
        "job": property_of("trigger-run@changing.service", "MainPID"),
        "socket": inode_of(3000),
        "neighbour": inode_of(3001),
        "acceptor": property_of("trigger@neighbour.service", "MainPID"),
        "unix": os.stat("/run/neighbour.sock").st_ino,
    }


def test_at_the_beginning():
    LOG.write_text("")
    Path("/run/hold").touch()
    ids = [request_id(exchange(3000)) for _ in range(3)]
    wait_until(lambda: LOG.read_text())
    request_id(exchange(3001))
    notes = look()
    assert notes["acceptor"] != "0"
    NOTES.write_text(json.dumps({"ids": ids, **notes}))


def test_a_changed_job_waits_for_the_running_one():
    """Nothing is killed, nothing lost; what waits runs as the new user with the new program."""
    notes = json.loads(NOTES.read_text())
    ids = notes.pop("ids")
    assert look() == notes
    assert len(spooled("changing")) == 3
    Path("/run/hold").unlink()
    run("systemctl", "kill", "trigger-run@changing.service")
    for identifier in ids:
        wait_for_record("changing", identifier)
    assert LOG.read_text().split("\n")[:3] == [f"{ids[0]} old root", f"{ids[1]} new other", f"{ids[2]} new other"]
    assert property_of("trigger-run@changing.service", "RuntimeMaxUSec") == "1h"


def test_a_refusal_leaves_all_as_it_was():
    notes = json.loads(NOTES.read_text())
    assert inode_of(3000) == notes["socket"]
    assert inode_of(3001) == notes["neighbour"]
    assert inode_of(3999) is None
    assert property_of("trigger@neighbour.service", "MainPID") == notes["acceptor"]
    assert not glob.glob("/etc/systemd/system/trigger*/*.new") and not glob.glob("/tmp/trigger-verify-*")
    assert "Bogus" not in run("systemctl", "cat", "trigger-run@changing.service")
    assert property_of("trigger@changing.socket", "NeedDaemonReload") == "no"
    wait_for_record("changing", request_id(exchange(3000)))


def test_a_changed_address():
    """The old one is closed, the new ones answer; the neighbour's socket stays, and no client noticed anything."""
    notes = json.loads(NOTES.read_text())
    with pytest.raises(ConnectionRefusedError):
        connect(3000)
    for address in (3002, ("::1", 3002)):
        wait_for_record("changing", request_id(exchange(address)))
    assert inode_of(3001) == notes["neighbour"]
    assert exchange(3001).endswith(b"changed")
    assert property_of("trigger-run@neighbour.service", "RuntimeMaxUSec") == "1min"
    calls = load.stop()
    print(len(calls), "calls under load")
    assert calls
    assert [call for call in calls if call.get("status") not in (200, 503)] == []


def test_swapped_addresses():
    assert [record["endpoint"] for record in records("changing")][-1:] == ["changing"]
    wait_for_record("changing", request_id(exchange(3001)))
    wait_for_record("changing", request_id(exchange("/run/neighbour.sock")))
    wait_for_record("neighbour", request_id(exchange(3002)))


def test_disabled():
    with pytest.raises(ConnectionRefusedError):
        connect(3000)
    wait_for_record("neighbour", request_id(exchange(3001)))
    assert is_active("trigger-run@changing.path")
    wait_until_idle("changing")
    # For the next stage: a request that nobody will run.
    run("systemctl", "stop", "trigger-run@changing.path")
    run("cp", "/etc/hostname", "/var/spool/trigger/changing/note")


def leftovers(pattern):
    return run("find", "/etc", "/run", "/srv", "/usr/local", "/var", "-name", pattern).splitlines()


def test_one_absent():
    assert leftovers("*changing*") == []
    assert "changing" not in run("systemctl", "list-units", "--all", "--plain", "--no-legend", "trigger*")
    with pytest.raises(KeyError):
        pwd.getpwnam("trigger-changing")
    wait_for_record("neighbour", request_id(exchange(3001)))


def test_everything_absent():
    assert [path for path in leftovers("trigger*") if path not in (str(LOG), "/var/lib/dpkg/triggers")] == []
    assert run("systemctl", "list-units", "--all", "--plain", "--no-legend", "trigger*") == ""
    assert [user.pw_name for user in pwd.getpwall() if user.pw_name.startswith("trigger")] == []
    assert not os.path.exists("/run/neighbour.sock")
    with pytest.raises(ConnectionRefusedError):
        connect(3001)


def test_put_back():
    wait_for_record("changing", request_id(exchange(3000)))
    wait_for_record("neighbour", request_id(exchange(3001)))
    assert status(exchange("/run/neighbour.sock")) == 200
