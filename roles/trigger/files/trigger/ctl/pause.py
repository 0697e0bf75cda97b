"""pause, drain and resume.

A pause is a file in /run that the dispatcher looks for before each claim. So it needs nothing that runs, and it ends
with a boot.
"""

from __future__ import annotations

import os
import time

from trigger import paths, timespan, wake
from trigger.ctl import show, status, systemd
from trigger.ctl.errors import OK, Failure
from trigger.dispatcher.claim_lock import ClaimLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from trigger.ctl.terminal import Screen

LOOK_EVERY = 0.2  # seconds


def pause(arguments: Namespace, screen: Screen) -> int:
    """Begin no run any more."""
    seen = _look(arguments.name)
    if seen.handoff:
        raise Failure("%s hands its socket to a server, so nothing can wait; drain stops it" % seen.name)
    os.makedirs(paths.RUNTIME, mode=0o755, exist_ok=True)
    os.close(os.open(paths.Paths(seen.name).pause_mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    with ClaimLock(status.load(seen.name)):
        pass  # who claims at this moment has not seen the file
    seen = _look(seen.name)
    text = "%s is paused until `triggerctl resume %s` or the next boot; requests are accepted and wait" % (
        seen.name,
        seen.name,
    )
    if seen.running:
        text += ". The run under way goes on"
    return _tell(seen, text, screen)


def resume(arguments: Namespace, screen: Screen) -> int:
    """Undo pause and drain."""
    seen = _look(arguments.name)
    _check_can_be_started(seen)
    done = []
    if seen.paused:
        os.unlink(paths.Paths(seen.name).pause_mark)
        done.append("runs begin again")
    _see_to_the_runs(seen)
    if seen.has_timer and seen.of(seen.units.timer) != "active":
        systemd.order("start", seen.units.timer)
        done.append("the calendar starts runs again")
    if seen.enabled(seen.units.socket) and not seen.listening:
        # No socket starts beside its service.
        systemd.order("stop", seen.units.job if seen.handoff else seen.units.acceptor)
        systemd.order("start", seen.units.socket)
        done.append("it listens again")
    if seen.state == "disabled":
        done.append(_how_it_listens(seen))
    text = ", ".join(done) or "it was neither paused nor drained"
    return _tell(_look(seen.name), "%s: %s" % (seen.name, text), screen)


def drain(arguments: Namespace, screen: Screen) -> int:
    """Stop listening, and wait until nothing is left to do."""
    seen = _look(arguments.name)
    _check_can_end(seen)
    systemd.order("stop", seen.units.socket, *([seen.units.timer] if seen.has_timer else []))
    screen.note("%s: it no longer listens" % seen.name)
    # The acceptor has the socket, too; it answers what it holds before it goes.
    systemd.order("stop", seen.units.job if seen.handoff else seen.units.acceptor)
    _see_to_the_runs(seen)
    try:
        seen = _wait_until_idle(seen.name, screen)
    except KeyboardInterrupt:
        screen.note("\n%s still does not listen, and what waits is run; `triggerctl resume` undoes that" % seen.name)
        raise
    return _tell(seen, "%s is drained; %s" % (seen.name, _how_it_listens(seen)), screen)


def _check_can_be_started(seen):
    """Whether systemd may start what resume has it start."""
    units = [unit for unit in (seen.units.socket, seen.units.dispatch_socket, seen.units.timer) if unit in seen.states]
    masked = " ".join(filter(seen.is_masked, units))
    if masked:
        raise Failure("%s: systemd may not start %s; `systemctl unmask %s` comes first" % (seen.name, masked, masked))


def _look(name):
    status.check_name(name)
    return status.look([name])[0]


def _check_can_end(seen):
    """Whether what is left can be seen, since nothing is over only because it cannot be read, and is run."""
    if seen.is_hidden:
        raise Failure("%s: %s; `triggerctl doctor` tells what to do" % (seen.name, status.problem_of(seen)))
    if seen.paused and seen.waiting:
        raise Failure(
            "%s is paused, so the %s would wait for ever; `triggerctl resume %s` comes first"
            % (seen.name, timespan.count(len(seen.waiting), "request"), seen.name)
        )


def _how_it_listens(seen):
    """Say what lets an endpoint listen that does not."""
    if seen.is_masked(seen.units.socket):
        return "it listens again with `systemctl unmask %s` and `triggerctl resume %s`" % (seen.units.socket, seen.name)
    if seen.state == "disabled":
        return "it does not listen, since the playbook says `state: disabled`"
    return "it listens again with `triggerctl resume %s`, the next boot or playbook run" % seen.name


def _see_to_the_runs(seen):
    """Have the dispatcher look into the spool, also where somebody has stopped its socket."""
    if seen.handoff:
        return
    if seen.of(seen.units.dispatch_socket) != "active":
        systemd.start_socket(seen.units.dispatch_socket, seen.units.dispatcher)
    wake.wake(seen.name)


def _wait_until_idle(name, screen):
    said = None
    while True:
        seen = _look(name)
        _check_can_end(seen)
        left = "%s: %s, %s" % (
            name,
            "a run is under way" if seen.running else "no run is under way",
            timespan.count(len(seen.waiting), "request") + " left to run",
        )
        if not seen.waiting and not seen.running:
            return seen
        if seen.state == "failed":
            left += ", and the job cannot start (see `triggerctl doctor %s`)" % name
        if left != said:
            said = left
            screen.note(left)
        time.sleep(LOOK_EVERY)


def _tell(seen, text, screen):
    if screen.as_json:
        screen.json(show.told(seen))
    else:
        screen.say(text)
    return OK
