"""Runs that no client asks for: by the calendar, and one after another."""

import json
import os
import subprocess
import time
from pathlib import Path

from client import fire, open_gate, wait_for_state
from host import (
    is_active,
    is_over,
    journal,
    property_of,
    records,
    run,
    spooled,
    wait_for_record,
    wait_until,
    wait_until_served,
)

TIMER = "trigger-fire@tick.timer"


def of_source(name, source):
    return [record for record in records(name) if record["source"] == source]


def test_the_calendar_starts_runs_with_their_parameters():
    wait_until(lambda: len(of_source("tick", "schedule")) >= 2)
    for record in of_source("tick", "schedule"):
        assert (record["state"], record["parameters"]["do"]) == ("succeeded", "orders")
        assert "hops" not in record


def test_another_unit_starts_runs_without_them():
    """A start that comes while the calendar's is under way is one with it, and that run is the calendar's."""

    def started():
        run("systemctl", "start", "trigger-fire@tick.service")
        wait_until_served("tick")
        return of_source("tick", "unit")

    wait_until(started)
    assert all(record["parameters"]["do"] == "succeed" for record in of_source("tick", "unit"))


def test_who_asks_otherwise_is_told_apart():
    assert wait_for_record("tick", fire("tick"))["source"] == "http"
    request = json.loads(run("triggerctl", "fire", "--json", "tick"))["id"]
    assert wait_for_record("tick", request)["source"] == "fire"


def test_the_list_says_when_it_runs_next():
    def listed():
        return {row["endpoint"]: row["next"] for row in json.loads(run("triggerctl", "list", "--json"))}

    # While it fires, systemd knows no next time.
    found = wait_until(lambda: next((rows for rows in [listed()] if rows["tick"]), None))
    assert found["tick"].endswith("Z")
    assert [name for name in sorted(found) if found[name]] == ["tick", "tick-late"]
    assert found["tick-late"].endswith("-01-01T00:00:00.000Z")


def test_a_disabled_endpoint_has_no_timer():
    assert not os.path.exists("/etc/systemd/system/trigger-fire@unlit.timer")
    assert not is_active("trigger-fire@unlit.timer")
    assert is_active(TIMER)
    assert property_of(TIMER, "UnitFileState") == "enabled"


def test_what_a_host_has_slept_through_is_made_up_for_once():
    assert records("tick-late") == []
    stamp = Path("/var/lib/systemd/timers/stamp-trigger-fire@tick-late.timer")
    run("systemctl", "stop", "trigger-fire@tick-late.timer")
    years_ago = time.time() - 800 * 86400
    os.utime(stamp, (years_ago, years_ago))
    run("systemctl", "start", "trigger-fire@tick-late.timer")
    wait_until(lambda: of_source("tick-late", "schedule"))
    wait_until(lambda: is_over("trigger-fire@tick-late.service"))  # or another start would be one with this
    run("systemctl", "restart", "trigger-fire@tick-late.timer")
    # Had it elapsed once more, this would be taken for the calendar's.
    run("systemctl", "start", "trigger-fire@tick-late.service")
    wait_until(lambda: of_source("tick-late", "unit"))
    assert len(records("tick-late")) == 2


def test_who_is_drained_is_not_fired():
    run("triggerctl", "drain", "tick")
    try:
        assert not is_active(TIMER)
        found = json.loads(run("triggerctl", "list", "--json"))
        assert [row["next"] for row in found if row["endpoint"] == "tick"] == [None]
        told = json.loads(run("triggerctl", "doctor", "tick", "--json"))
        assert [finding["severity"] for finding in told] == ["note"]
    finally:
        run("triggerctl", "resume", "tick")
    assert is_active(TIMER)


def problems(name):
    done = subprocess.run(["triggerctl", "doctor", name, "--json"], capture_output=True, text=True, check=False)
    return [each["what"] for each in json.loads(done.stdout) if each["severity"] == "problem"]


def test_the_doctor_looks_at_timers():
    assert problems("tick-late") == []
    run("systemctl", "disable", "--quiet", "--now", "trigger-fire@tick-late.timer")
    try:
        assert problems("tick-late") == [
            "trigger-fire@tick-late.timer is inactive, so the calendar starts no run",
            "trigger-fire@tick-late.timer will not start with the next boot",
        ]
    finally:
        run("systemctl", "enable", "--quiet", "--now", "trigger-fire@tick-late.timer")


def test_what_cannot_be_fired_is_told():
    unit = "trigger-fire@tick-needs.service"
    assert subprocess.run(["systemctl", "start", unit], check=False).returncode
    assert "tick-needs is not fired: the parameters are invalid; word is required" in journal(unit)
    (problem,) = problems("tick-needs")
    assert problem == f"{unit} has failed (exit-code): what it was started for has not run"
    run("systemctl", "reset-failed", unit)
    assert problems("tick-needs") == []


def test_a_paused_one_lets_it_wait():
    run("triggerctl", "pause", "tick")
    try:
        wait_until(lambda: not [name for name in os.listdir("/var/lib/trigger/tick/claimed") if name[0] != "."])
        before = len(spooled("tick"))
        wait_until(lambda: len(spooled("tick")) > before)
    finally:
        run("triggerctl", "resume", "tick")
    wait_until(lambda: not spooled("tick"))


def test_a_run_under_way_that_rejects_others_rejects_this_too():
    request = fire("tick-alone", "hold", gate="calendar")
    wait_for_state("tick-alone", request, "running")
    run("systemctl", "start", "trigger-fire@tick-alone.service")
    assert "tick-alone is not fired: a run is already under way" in journal("trigger-fire@tick-alone")
    open_gate("tick-alone", "calendar")
    wait_for_record("tick-alone", request)


def test_a_circle_ends_after_sixteen_hops():
    fire("ring-a")
    wait_until(lambda: "is not started, it would be the 17th in a row" in journal("trigger-dispatch@ring-a"), 60)
    assert "ring-a, ring-b, ring-a" in journal("trigger-dispatch@ring-a")
    runs = records("ring-a") + records("ring-b")
    assert sorted(len(record.get("hops", [])) for record in runs) == list(range(17))
