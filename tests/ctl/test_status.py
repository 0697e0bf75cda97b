"""triggerctl: the state of an endpoint, and what the doctor makes of it."""

from types import SimpleNamespace

import pytest
from sights import CRASHED, DISABLED, FRESH, GIVEN_UP, HANDED_OVER, MASKED, NOW, OLD, STOPPED, seen

from trigger import paths
from trigger.ctl.doctor import host, units

STATES = [
    ("idle", {}),
    ("accepting", {"acceptor": {"ActiveState": "active"}}),
    ("running", {"claimed": [OLD], "job": {"ActiveState": "active"}}),
    ("running", {"claimed": [OLD], "socket": STOPPED}),
    ("idle", {"waiting": [FRESH], "dispatcher": {"ActiveState": "active"}}),
    ("idle", {"job": {"ActiveState": "active"}}),  # a runner stands ready
    ("paused", {"paused": True}),
    ("pausing", {"paused": True, "claimed": [OLD]}),
    ("stopped", {"socket": STOPPED}),
    ("disabled", {"socket": DISABLED}),
    ("stopped", {"socket": MASKED}),
    ("idle", {"socket": {**MASKED, "ActiveState": "active"}}),  # it goes on until it is stopped
    ("failed", {"socket": {"ActiveState": "failed"}}),
    ("failed", {"dispatch_socket": {"ActiveState": "failed"}}),
    ("failed", {"run_socket": {"ActiveState": "failed"}}),
    ("failed", {"acceptor": {"ActiveState": "activating", "SubState": "auto-restart"}}),
    ("failed", {"dispatcher": {"ActiveState": "activating", "SubState": "auto-restart"}}),
    ("failed", {"waiting": [FRESH], "cannot_start": "its unit ends with exit-code"}),
    ("running", {**HANDED_OVER, "job": {"ActiveState": "active"}}),
    ("idle", HANDED_OVER),
    ("failed", {**HANDED_OVER, "job": CRASHED}),
    ("failed", {**HANDED_OVER, "job": GIVEN_UP}),
    ("stopped", {**HANDED_OVER, "socket": {**HANDED_OVER["socket"], **STOPPED}, "job": GIVEN_UP}),  # by drain
    ("failed", {**HANDED_OVER, "socket": {**HANDED_OVER["socket"], **STOPPED}, "job": CRASHED}),
    ("idle", {"job": GIVEN_UP}),
    ("idle", {"job": CRASHED}),  # the dispatcher tells when it is to be told
]


@pytest.mark.parametrize(("state", "changes"), STATES)
def test_the_state(state, changes):
    assert seen(**changes).state == state


def test_addresses_are_those_that_are_listened_on():
    assert seen().listening == ["127.0.0.1:1"]
    assert seen(socket=STOPPED).listening == []
    assert seen(socket=STOPPED).addresses == ["127.0.0.1:1"]


WRONG = [
    ("problem", "not loaded", {"job": {"LoadState": "not-found"}}),
    ("problem", "have changed", {"dispatcher": {"NeedDaemonReload": "yes"}}),
    ("problem", "nobody can connect", {"socket": {"ActiveState": "failed", "Result": "resources"}}),
    ("problem", "after the next boot", {"socket": {"UnitFileState": "disabled"}}),
    ("note", "drained", {"socket": STOPPED}),
    ("note", "disabled", {"socket": DISABLED}),
    ("problem", "acceptor does not start", {"acceptor": {"ActiveState": "activating", "SubState": "auto-restart"}}),
    ("note", "paused, 1 request waiting", {"paused": True, "waiting": [OLD]}),
    ("problem", "no run begins", {"dispatch_socket": STOPPED}),
    ("problem", "no run begins", {"run_socket": {"ActiveState": "failed"}}),
    ("problem", "with the next boot", {"run_socket": {"UnitFileState": "disabled"}}),
    ("problem", "no run begins", {"dispatcher": {"ActiveState": "activating", "SubState": "auto-restart"}}),
    ("problem", "because of it", {"waiting": [FRESH], "cannot_start": "because of it"}),
    ("problem", "not recorded", {"claimed": [OLD]}),
    ("problem", "for 1h", {"waiting": [OLD]}),
    ("problem", "the calendar starts no run", {"timer": STOPPED}),
    ("problem", "the calendar starts no run", {"timer": {"ActiveState": "failed"}}),
    ("problem", "trigger-fire@x.timer will not start", {"timer": {"UnitFileState": "disabled"}}),
    ("note", "no time that is still to come", {"timer": {"SubState": "elapsed"}}),
    ("problem", "has not run", {"fire": {"ActiveState": "failed", "Result": "exit-code"}}),
    ("note", "drained", {"socket": STOPPED, "timer": STOPPED}),
    ("problem", "the server does not start (exit-code)", {**HANDED_OVER, "job": CRASHED}),
    ("problem", "the server does not start (exit-code)", {**HANDED_OVER, "job": GIVEN_UP}),
    ("note", "drained", {**HANDED_OVER, "socket": {**HANDED_OVER["socket"], **STOPPED}, "job": GIVEN_UP}),
]


@pytest.mark.parametrize(("severity", "what", "changes"), WRONG)
def test_what_is_wrong_is_found(severity, what, changes):
    findings = list(units.findings(seen(**changes), NOW))
    assert [finding.severity for finding in findings] == [severity]
    assert what in findings[0].what
    assert findings[0].mend


@pytest.mark.parametrize("state", [{}, {"ActiveState": "active"}, {"LoadState": "loaded"}])
@pytest.mark.parametrize("unit", ["socket", "acceptor", "dispatch_socket", "dispatcher", "run_socket", "job", "timer"])
def test_of_what_is_masked_that_alone_is_told(unit, state):
    """systemd enables and starts none of it. Where only its files say so yet, nothing was loaded since."""
    name = getattr(paths.Units("x"), unit)
    (finding,) = units.findings(seen(**{unit: {**MASKED, **state}}), NOW)
    assert finding.severity == "problem" and finding.what.startswith(f"{name} is masked")
    assert finding.mend == f"systemctl unmask {name}; then " + (
        "triggerctl resume x" if unit in ("socket", "timer") else "run the playbook again"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"claimed": [OLD], "job": {"ActiveState": "active"}},
        {"claimed": [OLD], "waiting": [OLD], "job": {"ActiveState": "deactivating"}},
        {"claimed": [OLD], "dispatcher": {"ActiveState": "active"}},  # it is about to record
        {"claimed": [OLD], "job": {"ActiveState": "active"}, "run_socket": STOPPED},  # begun by an earlier release
        {"waiting": [FRESH]},
        {"waiting": [OLD], "dispatcher": {"ActiveState": "active"}},  # it waits for a lock, or for quiet
        {"job": {"ActiveState": "failed"}},  # that is the job's own business
        {"fire": {"ActiveState": "activating"}},
        HANDED_OVER,
        {**HANDED_OVER, "job": {"ActiveState": "active"}},
    ],
)
def test_what_is_well_is_left_alone(changes):
    assert list(units.findings(seen(**changes), NOW)) == []


def disk(free, inodes, files=10**6):
    return SimpleNamespace(f_bavail=free // 4096, f_frsize=4096, f_favail=inodes, f_files=files)


def test_room():
    assert list(host.room("/var", disk(1 << 30, 10**5))) == []
    assert ["MiB" in finding.what for finding in host.room("/var", disk(1 << 20, 10))] == [True, False]
    assert list(host.room("/var", disk(1 << 30, 0, files=0))) == []  # btrfs counts none
