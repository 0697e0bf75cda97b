"""Whether systemd does for an endpoint what it should. No I/O."""

from __future__ import annotations

from trigger import entry, timespan
from trigger.ctl.doctor.finding import AGAIN, NOTE, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

RELOAD = "systemctl daemon-reload"
PATIENCE = 60  # seconds that a request may wait although no run is under way
_AT_WORK = ("active", "activating", "deactivating", "reloading")


def findings(seen, now, debounce=0.0):
    """Yield a Finding for each thing that is wrong. seen: sight.Sight. now: seconds since the epoch. debounce: seconds
    that a run may wait for, as the endpoint's configuration says."""
    yield from _loaded(seen)
    yield from _socket(seen)
    if not seen.handoff:
        yield from _acceptor(seen)
        yield from _path(seen)
        yield from _job(seen, now, debounce)


def _loaded(seen):
    for unit, state in seen.states.items():
        if state["LoadState"] != "loaded":
            yield Finding(seen.name, "%s is not loaded (%s)" % (unit, state["LoadState"]), AGAIN)
        elif state["NeedDaemonReload"] == "yes":
            yield Finding(seen.name, "the files of %s have changed since systemd read them" % unit, RELOAD)


def _socket(seen):
    unit = seen.units.socket
    state = seen.of(unit)
    if state == "failed":
        yield Finding(
            seen.name, "%s has failed (%s): nobody can connect" % (unit, seen.of(unit, "Result")), _restart(unit)
        )
    elif state == "active" and not seen.enabled(unit):
        yield Finding(seen.name, "%s listens, but will not after the next boot" % unit, "systemctl enable " + unit)
    elif state != "active" and seen.enabled(unit):
        what = "it does not listen: it was drained, or its socket stopped"
        yield Finding(seen.name, what, "triggerctl resume " + seen.name, NOTE)
    elif state != "active":
        what = "it does not listen: it is disabled"
        yield Finding(seen.name, what, "without `state: disabled`, " + AGAIN, NOTE)


def _acceptor(seen):
    unit = seen.units.acceptor
    if seen.of(unit, "SubState") == "auto-restart" or seen.of(unit) == "failed":
        what = "the acceptor does not start (%s): clients wait" % seen.of(unit, "Result")
        yield Finding(seen.name, what, "see `journalctl -u %s -n 20`; it is tried once a second" % unit)


def _path(seen):
    unit = seen.units.path
    state = seen.of(unit)
    if seen.paused:
        what = "it is paused, %s" % timespan.count(len(seen.waiting), "request") + " waiting"
        yield Finding(seen.name, what, "triggerctl resume " + seen.name, NOTE)
    elif state == "failed" and seen.of(unit, "Result") == "resources":
        what = "%s has failed: the host has no inotify instance left for it, so no run begins" % unit
        mend = "raise fs.inotify.max_user_instances (sysctl), then systemctl restart " + unit
        yield Finding(seen.name, what, mend)
    elif state != "active":
        yield Finding(seen.name, "%s is %s, so no run begins" % (unit, state), _restart(unit))
    if not seen.enabled(unit):
        yield Finding(seen.name, "%s will not start with the next boot" % unit, "systemctl enable " + unit)


def _job(seen, now, debounce):
    unit = seen.units.job
    state = seen.of(unit)
    see = "see `journalctl -u %s -n 20`; it resumes by itself once fixed" % unit
    waiting = timespan.count(len(seen.waiting), "request")
    if seen.waiting and not seen.claimed and seen.of(seen.units.pause) == "activating":
        yield Finding(seen.name, "the job cannot start, with %s waiting" % waiting, see)
    elif seen.claimed and state not in _AT_WORK:
        what = "%s claimed by a run that is over and not recorded" % timespan.count(len(seen.claimed), "request")
        yield Finding(seen.name, what, see)
    elif seen.waiting and not seen.paused and state not in _AT_WORK:
        age = now - entry.second_of(seen.waiting[0])
        if age > PATIENCE + debounce:
            yield Finding(seen.name, "%s waiting, for %s, and no run begins" % (waiting, timespan.span(age)), see)


def _restart(unit):
    return "see `journalctl -u %s -n 20`, then systemctl restart %s" % (unit, unit)
