"""One host after the other was changed, under load on all of them."""

import json
from pathlib import Path

import load
import pytest
from host import exchange, records, request_id, run, wait_for_record


@pytest.fixture(scope="module")
def told():
    """What the role has told of each endpoint: dict of name to list of str."""
    return json.loads(Path("/root/told.json").read_text())


@pytest.fixture(scope="module")
def calls():
    return load.stop()


def of(calls, port):
    return [call for call in calls if call["port"] == port]


def test_where_the_address_stays_nobody_noticed(calls, told):
    visits = of(calls, 3000)
    print(len(visits), "calls during the change")
    assert visits
    assert [call for call in visits if call.get("status") != 200] == []
    assert load.unserved("visits", [call["id"] for call in visits]) == []
    assert not [line for line in told["visits"] if "replaced" in line]


def test_the_jobs_have_logged_their_ids(calls):
    runs = [record["id"] for record in records("visits")]
    log = [line.split() for line in Path("/var/lib/trigger/visits/job/log").read_text().splitlines()]
    assert [identifier for identifier, _ in log] == runs
    editions = [edition for _, edition in log]
    assert editions == sorted(editions)  # earlier, first, second: no run went back
    assert editions[-1] == "second"


def test_where_it_changes_the_window_is_short_and_told(calls, told):
    """Refused or reset within one window only, and what was answered has run."""
    moving = of(calls, 3002)
    failed = [number for number, call in enumerate(moving) if "error" in call]
    (replaced,) = [line for line in told["moving"] if line.startswith("socket replaced, not listening for ")]
    if failed:
        assert failed == list(range(failed[0], failed[-1] + 1))
        assert {moving[number]["error"].partition("(")[0] for number in failed} <= {
            "ConnectionRefusedError",
            "ConnectionResetError",
        }
        window = moving[failed[-1]]["ended"] - moving[failed[0]]["began"]
        print(f"the client met nobody for {window * 1000:.0f} ms; the role says: {replaced}")
    answered = [call["id"] for call in moving if "error" not in call]
    assert answered and {call["status"] for call in moving if "error" not in call} == {200}
    assert load.unserved("moving", answered) == []
    for port in (3002, 3003):
        wait_for_record("moving", request_id(exchange(port)))


def test_triggerctl_finds_all_well():
    run("triggerctl", "doctor")
