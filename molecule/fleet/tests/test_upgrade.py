"""From an earlier release of the role to the present one, while a job runs, requests wait and clients call."""

import json
import os
import re
import time
from pathlib import Path

import load
from host import (
    exchange,
    inode_of,
    journal,
    post,
    property_of,
    record_of,
    records,
    request_id,
    run,
    spooled,
    wait_for_record,
    wait_until_running,
)

NOTES = Path("/root/notes.json")
HOLD = Path("/run/hold")
LOG = Path("/var/lib/trigger/orders/job/log")
SECRET = json.loads(Path("secrets.json").read_text())["secrets"]["orders"]


def order(delivery):
    fields = [f"Authorization: Bearer {SECRET}", f"Idempotency-Key: {delivery}"]
    return request_id(exchange(3001, post(b"", fields=fields)))


def look():
    """What must stay as it is."""
    return {
        "job": property_of("trigger-run@orders.service", "MainPID"),
        "sockets": [inode_of(port) for port in (3000, 3001, 3002)],
    }


def test_before_the_upgrade():
    recorded = order("recorded")
    wait_for_record("orders", recorded)
    HOLD.touch()
    ids = [order(delivery) for delivery in ("first", "second", "third")]
    wait_until_running("orders", ids[0])
    locked = {}
    if os.path.exists("/etc/trigger/counting.json"):
        locked["counting"] = request_id(exchange(3007))
        wait_until_running("counting", locked["counting"])
        locked["selling"] = request_id(exchange(3008))
    NOTES.write_text(json.dumps({"locked": locked, "since": time.time(), "recorded": recorded, "ids": ids, **look()}))


def test_a_lock_is_kept_until_the_run_of_before_is_over():
    for name, identifier in json.loads(NOTES.read_text())["locked"].items():
        assert spooled(name) == [identifier]
        assert record_of(name, identifier) is None


def test_the_running_job_went_on_and_what_waited_runs_in_the_new_way():
    notes = json.loads(NOTES.read_text())
    recorded, ids = notes["recorded"], notes["ids"]
    assert {key: notes[key] for key in look()} == look()
    assert sorted(spooled("orders")) == ids
    HOLD.unlink()
    assert [wait_for_record("orders", identifier)["state"] for identifier in ids] == ["succeeded"] * 3
    editions = ["earlier", "earlier", "first", "first"]
    assert LOG.read_text().split() == [word for pair in zip([recorded, *ids], editions) for word in pair]


def test_who_waited_for_the_lock_has_run_behind_it():
    locked = json.loads(NOTES.read_text())["locked"]
    ran = [wait_for_record(name, identifier) for name, identifier in locked.items()]
    assert {record["state"] for record in ran} <= {"succeeded"}
    assert [record["finished"] for record in ran[:1]] <= [record["started"] for record in ran[1:]]


def test_what_was_written_before_is_read():
    notes = json.loads(NOTES.read_text())
    order_of_runs = [notes["recorded"], *notes["ids"]]
    told = json.loads(run("triggerctl", "runs", "--json", "orders"))
    assert [one["id"] for one in reversed(told)] == order_of_runs
    assert {one["state"] for one in told} == {"succeeded"}
    (listed,) = [one for one in json.loads(run("triggerctl", "list", "--json")) if one["endpoint"] == "orders"]
    assert (listed["state"], listed["pending"]) in (("idle", 0), ("accepting", 0))
    assert notes["recorded"] in run("triggerctl", "runs", "orders")


def test_deliveries_of_before_are_known():
    notes = json.loads(NOTES.read_text())
    before = len(records("orders"))
    assert [order(delivery) for delivery in ("recorded", "third")] == [notes["recorded"], notes["ids"][2]]
    assert spooled("orders") == []
    assert len(records("orders")) == before


def test_no_client_noticed_and_all_that_was_answered_has_run():
    calls = load.stop()
    print(len(calls), "calls while the role was upgraded")
    assert [call for call in calls if call.get("status") != 200] == []
    for name, port in (("visits", 3000), ("moving", 3002)):
        ids = [call["id"] for call in calls if call["port"] == port]
        assert ids
        assert load.unserved(name, ids) == []
        assert {record["state"] for record in records(name)} == {"succeeded"}


def test_no_program_met_the_other_version():
    since = json.loads(NOTES.read_text())["since"]
    journals = "".join(journal(f"{unit}@*", since) for unit in ("trigger", "trigger-dispatch", "trigger-run"))
    said = [line for line in journals.splitlines() if "Error" in line or "Traceback" in line or "Failed" in line]
    # Of units of before: what had claimed nothing was stopped, the lock of one was kept by systemd, and acceptors want
    # a path unit that has gone. Of those of now: a dispatcher that was there before its program.
    expected = [
        r".* trigger-run@\w+\.path\b.*",
        r"trigger-run@\w+\.service: Failed with result 'signal'\.",
        r"trigger-run@counting\.service: Failed to add fd to store: Exchange full",
    ]
    if "comes with an upgrade" in journals:
        expected.append(r"trigger-dispatch@\w+\.service: Failed with result 'exit-code'\.")
    unexpected = [line for line in said if not any(re.fullmatch(each, line) for each in expected)]
    assert not unexpected, "\n".join(unexpected)
