"""What is seen of an endpoint, and in which state that is."""

from __future__ import annotations

import os
import re

from trigger import endpoint as configuration
from trigger import paths, runs
from trigger.ctl import errors, systemd
from trigger.ctl.errors import FAILED, UNKNOWN, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


NEVER = 2**64 - 1  # of systemd's times


class Sight:
    """One look at an endpoint. states: what systemd knows of each unit (systemd.show). waiting: ids of the requests
    that no run has taken. claimed: ids of those that the present run serves. last: the record of the run that ended
    last. cannot_start: why no job begins. problem: what hides requests and runs. next_run: when the calendar
    starts one, seconds since the epoch."""

    def __init__(
        self,
        name: str,
        states: dict[str, dict[str, Any]],
        paused: bool,
        waiting: list[str],
        claimed: list[str],
        last: dict[str, Any] | None,
        cannot_start: str | None = None,
        problem: OSError | None = None,
        next_run: float | None = None,
    ) -> None:
        self.name = name
        self.units = paths.Units(name)
        self.states = states
        self.paused = paused
        self.waiting = waiting
        self.claimed = claimed
        self.last = last
        self.cannot_start = cannot_start
        self.problem = problem
        self.next_run = next_run

    def of(self, unit: str, key: str = "ActiveState") -> Any:
        """Return a property of a unit."""
        return self.states[unit][key]

    @property
    def handoff(self) -> bool:
        """Whether the socket goes to the job itself (handoff), so that there are neither requests nor records."""
        return self.units.job in self.of(self.units.socket, "Triggers").split()

    @property
    def is_hidden(self) -> bool:
        """Whether it has requests and runs that cannot be read."""
        return self.problem is not None and not self.handoff

    @property
    def listening(self) -> list[str]:
        """The addresses that are listened on now."""
        if self.of(self.units.socket) != "active":
            return []
        return self.addresses

    @property
    def addresses(self) -> list[str]:
        """Those of the configuration."""
        return [text.rpartition(" (")[0] for text in self.of(self.units.socket, "Listen")]

    @property
    def running(self) -> bool:
        """Whether a run is under way; one that only waits for its turn is not."""
        return bool(self.claimed) or (self.handoff and self.of(self.units.job) == "active")

    @property
    def state(self) -> str:
        """In one word: failed, paused, pausing (the last run is still under way), running, disabled, stopped (until
        resume or the next boot), accepting or idle."""
        units = self.units
        if self._broken():
            return "failed"
        if self.paused:
            return "pausing" if self.running else "paused"
        if self.running:
            return "running"
        if self.of(units.socket) == "inactive":
            # The playbook masks nothing.
            return "stopped" if self.enabled(units.socket) or self.is_masked(units.socket) else "disabled"
        return "accepting" if self.of(units.acceptor) in ("active", "activating") else "idle"

    @property
    def has_timer(self) -> bool:
        """Whether the calendar fires it."""
        return self.units.timer in self.states

    def enabled(self, unit: str) -> bool:
        """Whether systemd starts the unit at boot."""
        return is_enabled(self.states[unit])

    def is_masked(self, unit: str) -> bool:
        """Whether somebody has forbidden systemd to start the unit."""
        return is_masked(self.states[unit])

    def is_tried_again(self, service: str) -> bool:
        """Whether a service has failed, and systemd starts it again and again."""
        return is_tried_again(self.states[service])

    @property
    def has_no_server(self) -> bool:
        """Whether with handoff the server does not start. One that was stopped may have ended in any way."""
        has_failed = self.of(self.units.job) == "failed" and self.of(self.units.socket) == "active"
        return self.handoff and (has_failed or self.is_tried_again(self.units.job))

    def _broken(self):
        units = self.units
        sockets, services = [units.socket], [units.acceptor]
        if not self.handoff:
            sockets += [units.dispatch_socket, units.run_socket]
            services.append(units.dispatcher)
        return (
            self.is_hidden
            or self.cannot_start is not None
            or self.has_no_server
            or any(self.of(socket) == "failed" for socket in sockets)
            or any(map(self.is_tried_again, services))
        )


def is_enabled(state: dict) -> bool:
    """Whether systemd starts a unit at boot. state: what it knows of it (systemd.show)."""
    return state["UnitFileState"].startswith("enabled")


def is_masked(state: dict) -> bool:
    """Whether somebody has forbidden systemd to start a unit. state: as above."""
    return state["LoadState"] == "masked" or state["UnitFileState"].startswith("masked")


def is_tried_again(state: dict) -> bool:
    """Whether a service has failed, and systemd starts it again and again. state: as above."""
    return state["SubState"] == "auto-restart"


def names() -> list[str]:
    """The endpoints of this host."""
    try:
        found = os.listdir(paths.CONFIGURATION)
    except OSError as error:
        what = "%s cannot be read: %s" % (paths.CONFIGURATION, error.strerror)
        raise Failure("%s; %s" % (what, errors.MOUNT)) from None
    return sorted(file[:-5] for file in found if file.endswith(".json") and re.fullmatch(paths.NAME, file[:-5]))


def problem_of(seen: Sight) -> str:
    """Say what hides an endpoint's requests and runs. seen: one that is_hidden."""
    return "its requests and runs cannot be read: %s" % errors.told(seen.problem)


def check_name(name: str) -> None:
    """Raise Failure unless there is an endpoint of that name."""
    known = names()
    if name not in known:
        import difflib

        near = difflib.get_close_matches(name, known, 1)
        hint = "did you mean %s?" % near[0] if near else "`triggerctl list` shows those that are there"
        raise Failure("there is no endpoint %r on this host; %s" % (name, hint), UNKNOWN)


def load(name: str) -> configuration.Endpoint:
    """Return the endpoint.Endpoint called name. Raises Failure."""
    check_name(name)
    try:
        return configuration.load(name)
    except (OSError, ValueError) as error:
        raise Failure(
            "%s/%s.json cannot be read: %s; run the playbook again, it writes the file anew"
            % (paths.CONFIGURATION, name, error),
            FAILED,
        ) from None


def look(chosen: list[str]) -> list[Sight]:
    """Look at endpoints. chosen: their names. Raises Failure."""
    # The requests last: what a unit was seen to do is then not newer than what waits for it.
    units = {name: _units(name) for name in chosen}
    states = systemd.show([unit for name in chosen for unit in units[name]])
    return [_look_at(name, {unit: states[unit] for unit in units[name]}) for name in chosen]


def _units(name):
    """Those that tell something; a timer only where there is a schedule."""
    units = paths.Units(name)
    timer = [units.timer] if os.path.exists(paths.Paths(name).timer) else []
    return [*units.all(), units.fire, *timer]


def _look_at(name, states):
    places = paths.Paths(name)
    found = runs.Runs(places)
    claimed, waiting, last, problem = [], [], None, None
    try:
        claimed = found.claimed()
        waiting = [request for request in found.spooled() if request not in claimed]
        last = found.last()
    except OSError as error:
        problem = error
    paused, cannot_start = os.path.exists(places.pause_mark), _reason(places.cannot_start)
    timer = paths.Units(name).timer
    next_run = _elapses(timer) if timer in states else None
    return Sight(name, states, paused, waiting, claimed, last, cannot_start, problem, next_run)


def _elapses(timer):
    """When a timer does next, seconds since the epoch; None where it does not."""
    from trigger.dispatcher import systemd_bus

    manager = systemd_bus.Manager()
    try:
        (elapses,) = manager.unit(timer, "NextElapseUSecRealtime")
    except systemd_bus.Failed as error:
        raise Failure("systemd cannot be asked for %s: %s" % (timer, error)) from None
    finally:
        manager.close()
    return elapses / 1e6 if 0 < elapses < NEVER else None


def _reason(path):
    """What the dispatcher says there, str, or None."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None
