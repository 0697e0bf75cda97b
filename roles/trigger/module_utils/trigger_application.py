# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps that take more than one call, and how each is done."""

from __future__ import annotations

import grp
import os
import pwd
import time
from collections.abc import Iterable
from functools import partial

from .trigger_files import File, mounts_below
from .trigger_files import remove as remove_path
from .trigger_host import (
    METRICS,
    UNFINISHED,
    Endpoint,
    Mistake,
    account,
    claim_lock,
    claimed,
    hands,
    keep_unfinished,
    pending,
    programs_places,
    unfinished,
)
from .trigger_host import mark_unfinished as mark
from .trigger_names import LIBRARY, ROOT, ROOT_UNIT, SPOOL
from .trigger_steps import Outcome, Step, call_systemctl
from .trigger_systemd import (
    SYSTEMCTL,
    SYSTEMD_SYSUSERS,
    Failed,
    is_quiet,
    journal,
    reset_failed,
    run,
    show,
    stop,
    systemctl,
)

UMOUNT = "/bin/umount"
USERDEL = "/usr/sbin/userdel"
GROUPDEL = "/usr/sbin/groupdel"
LOOK_EVERY = 0.1  # seconds
PATIENCE = 10  # seconds


def mark_unfinished(names: list[str]) -> Step:
    """Names of endpoints and the like, before their change begins."""
    return Step(f"{UNFINISHED} written", partial(mark, names))


def forget_unfinished(but: set[str]) -> Step:
    return Step(f"{UNFINISHED} {'written' if but else 'removed'}", partial(keep_unfinished, but))


def make_users(files: list[str], missing: list[str]) -> Step:
    """By the sysusers.d files; `missing` are those that are known to be."""
    return Step(f"{SYSTEMD_SYSUSERS} {' '.join(missing)}".strip(), partial(_make_users, files))


def compile_programs(target: str) -> Step:
    """Those of a version, below the library, so that nobody has to do it at each start."""
    return Step(f"{LIBRARY}/{target} compiled", partial(_compile, f"{LIBRARY}/{target}"))


def daemon_reload() -> Step:
    return Step("systemctl daemon-reload", _daemon_reload)


def let_go(services: list[str]) -> list[Step]:
    """A step that stops services behind sockets that may listen on; none where there are no services."""
    return [Step(f"systemctl stop {' '.join(services)}", partial(_let_go, services))] if services else []


def replace_sockets(replaced: list[Endpoint], stopped: list[Endpoint], servers: list[Endpoint]) -> Step:
    """Sockets are made anew, and acceptors make place for others. servers: endpoints that need neither dispatcher nor
    runner any more."""
    names = [e.socket for e in replaced] + [e.acceptor for e in replaced + stopped]
    names += [unit for e in servers for unit in (e.dispatch_socket, e.run_socket)]
    names += [unit for e in replaced + stopped if e.changes_hands for unit in (e.job, e.own_acceptor)]
    names = list(dict.fromkeys(names))
    tells = {e.name: ["stopped listening"] for e in replaced if not e.listens}
    return Step(f"systemctl stop {' '.join(names)}", partial(_replace_sockets, replaced, stopped, servers), tells)


def renew_inner_sockets(endpoints: list[Endpoint], renews_runners: bool) -> Step:
    """Those of dispatchers, and where it is asked for those of runners, are stopped, to be started with what stands in
    their units now. A runner that has a run keeps its socket, by which the next dispatcher asks for it."""
    names = [unit for e in endpoints for unit in (e.dispatch_socket, e.run_socket)[: 1 + renews_runners]]
    return Step(f"systemctl stop {' '.join(names)}", partial(_renew_inner_sockets, endpoints, renews_runners))


def start(units: list[str], tells: dict[str, list[str]]) -> Step:
    """Units that wait for requests. The step raises Mistake when one of them does not start."""
    return Step(f"systemctl start {' '.join(units)}", partial(_start, units), tells)


def stop_endpoints(endpoints: list[Endpoint]) -> Step:
    """Those that are to be removed. What waits is dropped."""
    return Step(f"{', '.join(e.name for e in endpoints)}: removed", partial(_stop_endpoints, endpoints))


def stop_accepting(endpoint: Endpoint) -> Step:
    """One whose run goes on. What waits for another run is dropped."""
    tells = {endpoint.name: ["stopped listening"]}
    return Step(f"systemctl stop {endpoint.socket}", partial(_stop_accepting, endpoint), tells)


def unbind_root(unit: File, needs_reload: bool) -> Step:
    """What acceptors see of the host goes, by the unit of now: up to release 0.2.0 it took the host's own mounts away
    together with ours."""
    return Step(f"systemctl stop {ROOT_UNIT}", partial(_unbind_root, unit, needs_reload))


def remove(present: list[str], possible: Iterable[str] = ()) -> list[Step]:
    """A step that removes what is there now, and of what is possible that which is there then; none where nothing is
    there now."""
    diff = [{"before": f"{path}\n", "after": ""} for path in present]
    do = partial(_remove, [*present, *possible])
    return [Step(f"{', '.join(present)} removed", do, diff=diff)] if present else []


def remove_empty(directories: list[str]) -> list[Step]:
    """A step that lets directories go in which nothing is left by then."""
    return [Step(f"{', '.join(directories)} removed", partial(_remove_empty, directories))] if directories else []


def write_metrics() -> list[Step]:
    """Anew, also where the service is at it and has read what was there before. Nobody waits for it: the directory may
    be missing."""
    return call_systemctl("restart", [METRICS.service], "--no-block")


def forget_failed(endpoints: list[Endpoint]) -> list[Step]:
    """Failed instances stay listed until they are reset."""
    units = [unit for e in endpoints for unit in (*e.units, e.fire)]
    return [Step("systemctl reset-failed", partial(reset_failed, units))] if units else []


def remove_user(name: str) -> Step:
    """With the group of that name, unless others are in it."""
    program = USERDEL if account(pwd.getpwnam, name) else GROUPDEL
    return Step(f"{program} {name}", partial(_remove_user, name))


# How they are done.


def _daemon_reload() -> None:
    run(SYSTEMCTL, "daemon-reload")


def _make_users(files: list[str]) -> None:
    run(SYSTEMD_SYSUSERS, *files)


def _compile(directory: str) -> None:
    run("/usr/bin/python3", "-m", "compileall", "-q", directory)
    for place in programs_places([], directory):
        if place.changed:
            place.write()


def _let_go(services: list[str]) -> None:
    """A client who comes meanwhile makes systemd cancel that order and start the next process behind the one that
    leaves, which is as good."""
    try:
        systemctl("stop", services)
    except Failed as error:
        if "canceled" not in str(error):
            raise


def _replace_sockets(replaced: list[Endpoint], stopped: list[Endpoint], servers: list[Endpoint]) -> Outcome | None:
    """systemd starts no socket while its service is active. So: the sockets down, the acceptors let go when they have
    answered, the sockets up."""
    begun = time.monotonic()
    systemctl("stop", [e.socket for e in replaced])
    _let_go([e.acceptor for e in replaced + stopped])
    _stop_dispatchers(servers)
    stop([e.run_socket for e in servers])
    # Whoever held a socket before that is now another's: an acceptor, or a server that it was handed over to.
    changing = [e for e in replaced + stopped if e.changes_hands]
    systemctl("stop", [unit for e in changing for unit in (e.job, e.own_acceptor)])
    if changing:  # what holds it from here on is the right one, and may be at work when this play is repeated
        keep_unfinished(unfinished().difference(map(hands, changing)))
    again = [e for e in replaced if e.listens]
    try:
        systemctl("start", [e.socket for e in again])
    except Failed:
        pass  # which of them, and why, is told when all are started
    if not again:
        return None
    window = f"not listening for {(time.monotonic() - begun) * 1000:.0f} ms"
    names = ", ".join(e.name for e in again)
    warning = f"{names}: [Socket] changed, so the socket was replaced; {window}"
    return Outcome({e.name: [f"socket replaced, {window}"] for e in again}, [warning])


def _stop_dispatchers(endpoints: list[Endpoint]) -> None:
    """The sockets first, or a byte would start the next one. Before those of runners, which a dispatcher starts anew
    where something waits."""
    stop([e.dispatch_socket for e in endpoints])
    stop([e.dispatcher for e in endpoints])


def _renew_inner_sockets(endpoints: list[Endpoint], renews_runners: bool) -> Outcome | None:
    _stop_dispatchers(endpoints)
    if not renews_runners:
        return None
    idle = [e for e in endpoints if not claimed(e.name)]
    deadline = time.monotonic() + PATIENCE  # a runner that stands ready leaves with its dispatcher
    while busy(idle) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
    kept = busy(endpoints)
    stop([e.run_socket for e in endpoints if e not in kept])
    names = ", ".join(e.run_socket for e in kept)
    left = f"{names}: [Socket] changed, which takes effect when it is started next; its run goes on with what was there"
    return Outcome(warnings=[left]) if kept else None


def busy(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Those of which the job's unit does something now."""
    states = show([e.job for e in endpoints])
    return [e for e in endpoints if not is_quiet(states[e.job])]


def _start(units: list[str]) -> None:
    units = _without_old_runs(units)
    try:
        systemctl("start", units)
    except Failed:
        pass  # which of them, and why, comes next
    states = show(units)
    failed = [unit for unit in units if states[unit]["ActiveState"] != "active"]
    if failed:
        raise Mistake("\n".join(_why_it_did_not_start(unit) for unit in failed))


def _without_old_runs(units: list[str]) -> list[str]:
    """Those that can start: a runner's socket does not beside a run that an earlier release has begun."""
    jobs = {unit: unit.replace(".socket", ".service") for unit in units if unit.startswith("trigger-run@")}
    states = show([*jobs, *jobs.values()])
    old = [unit for unit, job in jobs.items() if is_quiet(states[unit]) and not is_quiet(states[job])]
    return [unit for unit in units if unit not in old]


def _why_it_did_not_start(unit: str) -> str:
    return f"{unit} did not start:\n{journal(unit)}"


def _stop_endpoints(endpoints: list[Endpoint]) -> Outcome:
    stop([e.socket for e in endpoints])
    stop([unit for e in endpoints for unit in (e.own_acceptor, e.fire)])
    _stop_dispatchers(endpoints)
    stop([e.run_socket for e in endpoints])
    stop([e.job for e in endpoints])
    dropped = {e.name: _how_many_dropped(len(pending(e.name))) for e in endpoints if pending(e.name)}
    tells = {e.name: [f"removed; {dropped[e.name]}" if e.name in dropped else "removed"] for e in endpoints}
    return Outcome(tells, [f"{name}: {text}" for name, text in dropped.items()])


def _how_many_dropped(count: int) -> str:
    return f"{count} pending requests were dropped"


def _stop_accepting(endpoint: Endpoint) -> Outcome:
    stop([endpoint.socket])
    stop([endpoint.own_acceptor, endpoint.fire])
    with claim_lock(endpoint):
        dropped = set(pending(endpoint.name)) - claimed(endpoint.name)
        for name in dropped:
            remove_path(f"{SPOOL}/{endpoint.name}/{name}")
    words = [_how_many_dropped(len(dropped))] if dropped else []
    return Outcome({endpoint.name: words}, [f"{endpoint.name}: {text}" for text in words])


def _unbind_root(unit: File, needs_reload: bool) -> None:
    if unit.changed:
        unit.write()
    if unit.changed or needs_reload:
        _daemon_reload()
    systemctl("stop", [ROOT_UNIT])


def _remove(paths: list[str]) -> None:
    for path in paths:
        # What the host has unmounted there may still be bound for acceptors, and nobody could remove where it was.
        while path != ROOT and mounts_below(ROOT + path):
            run(UMOUNT, "--lazy", mounts_below(ROOT + path)[0])
        remove_path(path)


def _remove_empty(directories: list[str]) -> None:
    for directory in directories:
        if os.path.isdir(directory) and not os.listdir(directory):
            os.rmdir(directory)


def _remove_user(name: str) -> Outcome | None:
    try:
        if account(pwd.getpwnam, name):
            run(USERDEL, name)
    except Failed as error:
        return Outcome(warnings=[f"the user {name} was kept: {error}"])
    group = account(grp.getgrnam, name)
    return _remove_group(group) if group else None


def _remove_group(group: grp.struct_group) -> Outcome | None:
    """One that userdel has left: it has other members, or login.defs says so (USERGROUPS_ENAB)."""
    try:
        if group.gr_mem:
            raise Failed(f"it has other members: {', '.join(group.gr_mem)}")
        run(GROUPDEL, group.gr_name)
    except Failed as error:
        return Outcome(warnings=[f"the group {group.gr_name} was kept: {error}"])
    return None
