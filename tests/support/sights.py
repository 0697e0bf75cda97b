"""What triggerctl sees of an endpoint."""

from trigger import paths
from trigger.ctl import systemd
from trigger.ctl.status import Sight

NOW = 1_780_000_000
OLD = "%08x-%04x-7000-8000-000000000000" % divmod((NOW - 3600) * 1000, 1 << 16)
FRESH = "%08x-%04x-7000-8000-000000000000" % divmod((NOW - 1) * 1000, 1 << 16)


def seen(paused=False, waiting=(), claimed=(), cannot_start=None, **changes):
    """An idle endpoint, but for changes: unit to dict of properties."""
    names = paths.Units("x")
    usual = {
        "socket": {"ActiveState": "active", "UnitFileState": "enabled", "Listen": ["127.0.0.1:1 (Stream)"]},
        "acceptor": {"ActiveState": "inactive"},
        "dispatch_socket": {"ActiveState": "active", "UnitFileState": "enabled"},
        "dispatcher": {"ActiveState": "inactive"},
        "run_socket": {"ActiveState": "active", "UnitFileState": "enabled"},
        "job": {"ActiveState": "inactive"},
        "fire": {"ActiveState": "inactive"},
        "timer": {"ActiveState": "active", "SubState": "waiting", "UnitFileState": "enabled"},
    }
    states = {}
    for unit, properties in usual.items():
        state = dict.fromkeys(systemd.PROPERTIES, "")
        state.update(LoadState="loaded", NeedDaemonReload="no", Listen=[])
        states[getattr(names, unit)] = {**state, **properties, **changes.get(unit, {})}
    return Sight("x", states, paused, list(waiting), list(claimed), None, cannot_start)


STOPPED = {"ActiveState": "inactive"}
DISABLED = {"ActiveState": "inactive", "UnitFileState": "disabled"}
CRASHED = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code"}
GIVEN_UP = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"}
MASKED = {"LoadState": "masked", "UnitFileState": "masked", "ActiveState": "inactive"}
HANDED_OVER = {
    "socket": {"Triggers": "trigger-run@x.service"},
    "dispatch_socket": DISABLED,
    "run_socket": DISABLED,
}
