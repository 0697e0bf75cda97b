"""triggerctl: the state of an endpoint, and what the doctor makes of it."""

from types import SimpleNamespace

import pytest

from trigger import paths
from trigger.ctl import systemd
from trigger.ctl.doctor import host, units
from trigger.ctl.status import Sight

NOW = 1_780_000_000
OLD = "%08x-%04x-7000-8000-000000000000" % divmod((NOW - 3600) * 1000, 1 << 16)
FRESH = "%08x-%04x-7000-8000-000000000000" % divmod((NOW - 1) * 1000, 1 << 16)


def seen(paused=False, waiting=(), claimed=(), **changes):
    """An idle endpoint, but for changes: unit to dict of properties."""
    names = paths.Units("x")
    usual = {
        "socket": {"ActiveState": "active", "UnitFileState": "enabled", "Listen": ["127.0.0.1:1 (Stream)"]},
        "acceptor": {"ActiveState": "inactive"},
        "path": {"ActiveState": "active", "UnitFileState": "enabled"},
        "job": {"ActiveState": "inactive"},
        "pause": {"ActiveState": "inactive"},
    }
    states = {}
    for unit, properties in usual.items():
        state = dict.fromkeys(systemd.PROPERTIES, "")
        state.update(LoadState="loaded", NeedDaemonReload="no", Listen=[])
        states[getattr(names, unit)] = {**state, **properties, **changes.get(unit, {})}
    return Sight("x", states, paused, list(waiting), list(claimed), None)


STOPPED = {"ActiveState": "inactive"}
DISABLED = {"ActiveState": "inactive", "UnitFileState": "disabled"}
STATES = [
    ("idle", {}),
    ("accepting", {"acceptor": {"ActiveState": "active"}}),
    ("running", {"claimed": [OLD], "job": {"ActiveState": "active"}}),
    ("running", {"claimed": [OLD], "socket": STOPPED}),
    ("idle", {"waiting": [FRESH], "job": {"ActiveState": "activating"}}),
    ("paused", {"paused": True, "path": STOPPED}),
    ("pausing", {"paused": True, "path": STOPPED, "claimed": [OLD]}),
    ("stopped", {"socket": STOPPED}),
    ("disabled", {"socket": DISABLED}),
    ("failed", {"socket": {"ActiveState": "failed"}}),
    ("failed", {"path": {"ActiveState": "failed"}}),
    ("failed", {"acceptor": {"ActiveState": "activating", "SubState": "auto-restart"}}),
    ("failed", {"waiting": [FRESH], "job": {"ActiveState": "failed"}, "pause": {"ActiveState": "activating"}}),
    ("running", {"socket": {"Triggers": "trigger-run@x.service"}, "job": {"ActiveState": "active"}}),
    ("idle", {"job": {"ActiveState": "failed"}}),
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
    ("problem", "have changed", {"path": {"NeedDaemonReload": "yes"}}),
    ("problem", "nobody can connect", {"socket": {"ActiveState": "failed", "Result": "resources"}}),
    ("problem", "after the next boot", {"socket": {"UnitFileState": "disabled"}}),
    ("note", "drained", {"socket": STOPPED}),
    ("note", "disabled", {"socket": DISABLED}),
    ("problem", "acceptor does not start", {"acceptor": {"ActiveState": "activating", "SubState": "auto-restart"}}),
    ("note", "paused, 1 request waiting", {"paused": True, "path": STOPPED, "waiting": [OLD]}),
    ("problem", "inotify", {"path": {"ActiveState": "failed", "Result": "resources"}}),
    ("problem", "no run begins", {"path": STOPPED}),
    ("problem", "with the next boot", {"path": {"UnitFileState": "disabled"}}),
    ("problem", "cannot start", {"waiting": [FRESH], "pause": {"ActiveState": "activating"}}),
    ("problem", "not recorded", {"claimed": [OLD]}),
    ("problem", "for 1h", {"waiting": [OLD]}),
]


@pytest.mark.parametrize(("severity", "what", "changes"), WRONG)
def test_what_is_wrong_is_found(severity, what, changes):
    findings = list(units.findings(seen(**changes), NOW))
    assert [finding.severity for finding in findings] == [severity]
    assert what in findings[0].what
    assert findings[0].mend


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"claimed": [OLD], "job": {"ActiveState": "active"}},
        {"claimed": [OLD], "waiting": [OLD], "job": {"ActiveState": "deactivating"}},
        {"waiting": [FRESH]},
        {"waiting": [OLD], "job": {"ActiveState": "activating"}},  # it waits for a lock
        {"job": {"ActiveState": "failed"}},  # that is the job's own business
        {"socket": {"Triggers": "trigger-run@x.service"}, "path": DISABLED},
    ],
)
def test_what_is_well_is_left_alone(changes):
    assert list(units.findings(seen(**changes), NOW)) == []


def test_a_request_may_wait_for_a_quiet_time():
    assert list(units.findings(seen(waiting=[OLD]), NOW, debounce=3600)) == []


def test_inotify():
    assert list(host.inotify(128, 64)) == []
    assert "128" in next(host.inotify(128, 65)).what


def disk(free, inodes, files=10**6):
    return SimpleNamespace(f_bavail=free // 4096, f_frsize=4096, f_favail=inodes, f_files=files)


def test_room():
    assert list(host.room("/var", disk(1 << 30, 10**5))) == []
    assert ["MiB" in finding.what for finding in host.room("/var", disk(1 << 20, 10))] == [True, False]
    assert list(host.room("/var", disk(1 << 30, 0, files=0))) == []  # btrfs counts none
