"""Whether systemd does for an endpoint what it should. No I/O."""

from __future__ import annotations

from trigger import entry, timespan
from trigger.ctl import status
from trigger.ctl.doctor.finding import AGAIN, NOTE, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from trigger.ctl.status import Sight

RELOAD = "systemctl daemon-reload"
PATIENCE = 60  # seconds that a request may wait although nobody looks after it
_AT_WORK = ("active", "activating", "deactivating", "reloading")


def findings(seen: Sight, now: float) -> Iterator[Finding]:
    """What is wrong. now: seconds since the epoch."""
    resumed = (seen.units.socket, seen.units.timer)
    for unit, state in seen.states.items():
        yield from loaded(seen.name, unit, state, "triggerctl resume " + seen.name if unit in resumed else AGAIN)
    yield from _socket(seen)
    if seen.has_no_server:
        unit = seen.units.job
        yield does_not_start(seen.name, "the server", unit, seen.states[unit], "clients wait")
    if not seen.handoff:
        yield from _acceptor(seen)
        yield from _dispatcher(seen)
        yield from _job(seen, now)
        yield from _calendar(seen)


def _socket(seen):
    unit = seen.units.socket
    state = seen.of(unit)
    if seen.is_masked(unit):
        return  # of which loaded() tells
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
    if seen.is_tried_again(unit) or seen.of(unit) == "failed":
        yield does_not_start(seen.name, "the acceptor", unit, seen.states[unit], "clients wait")


def _dispatcher(seen):
    if seen.paused:
        what = "it is paused, %s" % timespan.count(len(seen.waiting), "request") + " waiting"
        yield Finding(seen.name, what, "triggerctl resume " + seen.name, NOTE)
    for unit in (seen.units.dispatch_socket, seen.units.run_socket):
        if seen.is_masked(unit):
            continue
        if not _is_left_to_an_old_run(seen, unit):
            yield from listens(seen.name, unit, seen.states[unit], "no run begins")
        yield from comes_back(seen.name, unit, seen.states[unit])
    unit = seen.units.dispatcher
    if seen.is_tried_again(unit):
        yield does_not_start(seen.name, "the dispatcher", unit, seen.states[unit], "no run begins")


def _is_left_to_an_old_run(seen, unit):
    """A run that an earlier release began has no such socket, and none can start beside it."""
    return unit == seen.units.run_socket and bool(seen.claimed) and seen.of(seen.units.job) in _AT_WORK


def _job(seen, now):
    unit = seen.units.job
    see = "see `journalctl -u %s -u %s -n 20`; it resumes by itself once fixed" % (seen.units.dispatcher, unit)
    waiting = timespan.count(len(seen.waiting), "request")
    if seen.cannot_start is not None:
        what = "the job cannot start, with %s waiting: %s" % (waiting, seen.cannot_start)
        yield Finding(seen.name, what, see)
    elif seen.claimed and seen.of(unit) not in _AT_WORK and seen.of(seen.units.dispatcher) not in _AT_WORK:
        what = "%s claimed by a run that is over and not recorded" % timespan.count(len(seen.claimed), "request")
        yield Finding(seen.name, what, see)
    elif seen.waiting and not (seen.paused or seen.claimed) and seen.of(seen.units.dispatcher) not in _AT_WORK:
        age = now - entry.second_of(seen.waiting[0])
        if age > PATIENCE:
            yield Finding(seen.name, "%s waiting, for %s, and no run begins" % (waiting, timespan.span(age)), see)


def _calendar(seen):
    timer, fire = seen.units.timer, seen.units.fire
    if seen.has_timer and not seen.is_masked(timer):
        is_drained = seen.of(seen.units.socket) != "active"  # of which `_socket` tells
        if seen.of(timer) != "active" and not is_drained:
            what = "%s is %s, so the calendar starts no run" % (timer, seen.of(timer))
            yield Finding(seen.name, what, "systemctl start " + timer)
        elif seen.of(timer, "SubState") == "elapsed":
            what = "its schedule names no time that is still to come"
            yield Finding(seen.name, what, "name one in `schedule.on_calendar`, and " + AGAIN, NOTE)
        yield from comes_back(seen.name, timer, seen.states[timer])
    if seen.of(fire) == "failed":
        what = "%s has failed (%s): what it was started for has not run" % (fire, seen.of(fire, "Result"))
        mend = "see `journalctl -u %s -n 20`; `systemctl reset-failed %s` when that is settled" % (fire, fire)
        yield Finding(seen.name, what, mend)


def _restart(unit):
    return "see `journalctl -u %s -n 20`, then systemctl restart %s" % (unit, unit)


# What an endpoint's units have in common with those that are there for all (companions). endpoint: its name, or None.
# state: what systemd knows of the unit (systemd.show). so: what follows.


def loaded(endpoint: str | None, unit: str, state: dict, then: str = AGAIN) -> Iterator[Finding]:
    """What is wrong with what systemd has read of a unit. then: what starts one again that was masked."""
    if status.is_masked(state):
        what = "%s is masked, so systemd does not start it" % unit
        yield Finding(endpoint, what, "systemctl unmask %s; then %s" % (unit, then))
    elif state["LoadState"] != "loaded":
        yield Finding(endpoint, "%s is not loaded (%s)" % (unit, state["LoadState"]), AGAIN)
    elif state["NeedDaemonReload"] == "yes":
        yield Finding(endpoint, "the files of %s have changed since systemd read them" % unit, RELOAD)


def listens(endpoint: str | None, unit: str, state: dict, so: str) -> Iterator[Finding]:
    """What is wrong with a socket that always has to listen."""
    if state["ActiveState"] != "active":
        mend = "see `journalctl -u %s -n 20`, then systemctl start %s" % (unit, unit)
        yield Finding(endpoint, "%s is %s, so %s" % (unit, state["ActiveState"], so), mend)


def comes_back(endpoint: str | None, unit: str, state: dict) -> Iterator[Finding]:
    """What is wrong with a unit that the next boot has to start."""
    if not status.is_enabled(state):
        yield Finding(endpoint, "%s will not start with the next boot" % unit, "systemctl enable " + unit)


def does_not_start(endpoint: str | None, who: str, unit: str, state: dict, so: str) -> Finding:
    """The Finding of a service that has failed. who: how people call it."""
    how = "it is tried once a second" if status.is_tried_again(state) else "its socket starts it again"
    what = "%s does not start (%s): %s" % (who, state["Result"], so)
    return Finding(endpoint, what, "see `journalctl -u %s -n 20`; %s" % (unit, how))
