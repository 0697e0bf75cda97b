# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Making the changes on a host, in an order in which no request is lost."""

from __future__ import annotations

import os
import time

from .trigger_changes import NGINX_UNFINISHED, ROOT_UNIT
from .trigger_files import mounts_below, remove
from .trigger_host import (
    METRICS,
    PAGE,
    UNFINISHED,
    Mistake,
    enabled,
    mark_unfinished,
    pending,
)
from .trigger_inotify import LIMIT as INOTIFY_LIMIT
from .trigger_names import (
    COMMAND,
    LAUNCHER,
    LIBRARY,
    ROOT,
    SYSUSERS,
    UNITS,
)
from .trigger_systemd import SYSTEMCTL, SYSTEMD_SYSUSERS, Failed, journal, run, show, systemctl

UMOUNT = "/bin/umount"
ENTRIES = (LAUNCHER, COMMAND)  # what calls the programs


def apply(changes):
    """Make changes, a trigger_changes.Changes; adds to its warnings, and to what was `done` to endpoints and front end.
    Raises trigger_host.Mistake, trigger_nginx.Refused and trigger_systemd.Failed; the next run goes on from there."""
    replaced = [e for e in changes.wanted if changes.replaces_socket(e)]
    stopped = [e for e in changes.wanted if changes.stops_acceptor(e)]
    reload = changes.units_changed() or any(state.get("NeedDaemonReload") == "yes" for state in changes.states.values())
    nginx_waits, nginx_changes = changes.nginx_waits(), changes.nginx_changes()  # before anything is gone
    unfinished = [e.name for e in replaced + stopped] + ([NGINX_UNFINISHED] if nginx_waits else [])
    unfinished += changes.stale_metrics
    if unfinished:
        mark_unfinished(unfinished)
    # While their files are there, from which systemd knows what belongs to them.
    systemctl("stop", changes.unwanted_units())
    if METRICS not in changes.companions:
        _remove_stale_metrics(changes)
    _make_users(changes)
    _write_files(changes)
    changes.inotify.write()
    _remove_endpoints(changes)
    enable, disable = changes.links()
    systemctl("enable", enable, "--no-reload", "--quiet")
    systemctl("disable", disable, "--no-reload", "--quiet")
    # Before systemd knows the acceptors' unit that needs it: one whose start was ordered under an older unit waits for
    # nothing, and would find no root directory. A unit that is not known yet needs no daemon-reload.
    binds, secures = changes.binds_root(), changes.secures_root()
    binds_early = binds and not changes.is_known(ROOT_UNIT)
    if binds_early:
        systemctl("start", [ROOT_UNIT])
    if reload or enable or disable or changes.removed:
        run(SYSTEMCTL, "daemon-reload")
    if METRICS in changes.companions:
        _remove_stale_metrics(changes)
    if binds and not binds_early:
        systemctl("restart", [ROOT_UNIT])
    if secures:
        systemctl("reload", [ROOT_UNIT])
    _switch_programs(changes)
    _write_configurations(changes)
    _replace_sockets(changes, replaced, stopped)
    if changes.shared_changed(f"{UNITS}/trigger-run@.path"):
        systemctl("try-restart", [e.path for e in changes.wanted])
    anew = [c for c in changes.companions if changes.shared_changed(c.socket_file) or not changes.is_active(c.socket)]
    _let_go([c.service for c in anew])  # no socket starts beside its service, also one that is tried again and again
    systemctl("try-restart", [c.socket for c in anew])
    if changes.page_changed():
        _let_go([PAGE.service])  # the next reader starts the new one
    _start(changes)
    if METRICS in changes.companions and changes.shared_changed(METRICS.files[1]):
        systemctl("start", [METRICS.service], "--no-block")  # in another directory the first count may be far off
    if nginx_waits:
        changes.frontend.start_or_reload(nginx_changes)
    for path in changes.obsolete():
        remove(path)
    changes.frontend.tidy()
    if os.path.isdir(PAGE.drop_ins) and not os.listdir(PAGE.drop_ins):
        os.rmdir(PAGE.drop_ins)
    _forget_removed(changes)
    if os.path.exists(UNFINISHED):
        os.unlink(UNFINISHED)


def _make_users(changes):
    missing = changes.missing_users()
    files = [*changes.shared, *(file for endpoint in changes.wanted for file in endpoint.files)]
    files = [file for file in files if file.path.startswith(SYSUSERS)]
    changed = [file for file in files if file.changed]
    for file in changed:
        file.write()
    if missing or changed:
        run(SYSTEMD_SYSUSERS, *(file.path for file in files if file.content is not None))


def _write_files(changes):
    for place in changes.place_changes():
        place.write()
    for file in changes.shared:
        if file.changed and file.path not in ENTRIES:
            file.write()
    for endpoint in changes.wanted:
        endpoint.write(file for file in endpoint.files if file.path != endpoint.configuration)
    changes.frontend.write()
    if changes.programs:
        run("/usr/bin/python3", "-m", "compileall", "-q", f"{LIBRARY}/{changes.programs.target}")
        for place in changes.place_changes():
            place.write()


def _switch_programs(changes):
    """All of them at once: a process has the programs of before, or those of now, whenever it begins. What calls them
    knows both, so it comes first."""
    if not changes.programs:
        return
    for file in changes.shared:
        if file.changed and file.path in ENTRIES:
            file.write()
    if changes.programs.changed:
        changes.programs.write()


def _write_configurations(changes):
    """When systemd knows the units: an acceptor that starts now finds the credentials that it is told of. And behind
    the programs: those of now understand what was written for those of before."""
    for endpoint in changes.wanted:
        endpoint.write(file for file in endpoint.files if file.path == endpoint.configuration)


def _remove_stale_metrics(changes):
    """When nothing writes them any more: the service is gone, or systemd knows where it writes now."""
    if changes.stale_metrics and METRICS in changes.companions:
        systemctl("stop", [METRICS.service])
    for path in changes.stale_metrics:
        remove(path)


def _replace_sockets(changes, replaced, stopped):
    """systemd starts no socket while its service is active. So: the sockets down, the acceptors let go
    when they have answered, the sockets up."""
    start = time.monotonic()
    systemctl("stop", [e.socket for e in replaced])
    systemctl("stop", changes.to_stop())
    _let_go([e.acceptor for e in dict.fromkeys(replaced + stopped)])
    # Whoever held a socket before that is now another's: an acceptor, or a server that it was handed over to.
    systemctl("stop", [unit for e in replaced if e.changes_hands for unit in (e.job, e.own_acceptor)])
    again = [e for e in replaced if e.listens]
    try:
        systemctl("start", [e.socket for e in again])
    except Failed:
        pass  # _start() tells which, and why
    window = (time.monotonic() - start) * 1000
    for endpoint in again:
        endpoint.done.append(f"socket replaced, not listening for {window:.0f} ms")
    if again:
        names = ", ".join(e.name for e in again)
        changes.warnings.append(
            f"{names}: [Socket] changed, so the socket was replaced; not listening for {window:.0f} ms"
        )
    for endpoint in replaced:
        if not endpoint.listens:
            endpoint.done.append("stopped listening")


def _let_go(services):
    """Stop services behind sockets that may listen on. A client who comes meanwhile makes systemd cancel that order and
    start the next process behind the one that leaves, which is as good."""
    try:
        systemctl("stop", services)
    except Failed as error:
        if "canceled" not in str(error):
            raise


def _start(changes):
    units = [unit for unit in changes.waiting_units() if unit not in changes.paused()]
    try:
        systemctl("start", units)
    except Failed:
        pass  # which of them, and why, comes next
    states = show(units)
    failed = [unit for unit in units if states[unit]["ActiveState"] != "active"]
    if failed:
        raise Mistake("\n".join(_why_it_did_not_start(unit) for unit in failed))
    for endpoint in changes.wanted:
        for unit in (endpoint.path, endpoint.socket):
            if unit in states and not changes.is_active(unit):
                endpoint.done.append(f"{unit} started")


def _why_it_did_not_start(unit):
    told = f"{unit} did not start:\n{journal(unit)}"
    if unit.endswith(".path") and "'resources'" in told:
        with open(INOTIFY_LIMIT) as file:
            limit = file.read().strip()
        told += (
            f"\nroot has no inotify instance left for it: programs and containers have used up the {limit} of "
            "fs.inotify.max_user_instances. Stop some, or raise the limit: sysctl fs.inotify.max_user_instances=512"
        )
    return told


def _remove_endpoints(changes):
    units = [e.socket for e in changes.removed] + [e.path for e in changes.removed]
    if units:
        systemctl("disable", [unit for unit in units if enabled(unit)], "--no-reload", "--quiet")
        systemctl("stop", [e.socket for e in changes.removed] + [e.path for e in changes.removed])
        systemctl("stop", [e.acceptor for e in changes.removed])
        systemctl("stop", [unit for e in changes.removed for unit in (e.job, e.pause)])
    for endpoint in changes.removed:
        dropped = pending(endpoint.name)
        endpoint.done.append("removed" + (f"; {dropped} pending requests were dropped" if dropped else ""))
        if dropped:
            changes.warnings.append(f"{endpoint.name}: {dropped} pending requests were dropped")
    if changes.purge_all and changes.is_active(ROOT_UNIT):
        _unbind_root(changes)
    if changes.purge_all:
        changes.inotify.take_back()
    for path in changes.leftovers():
        _unbind(path)
        remove(path)


def _unbind(path):
    """What the host has unmounted there may still be bound for acceptors, and nobody could remove where it was."""
    while path != ROOT and mounts_below(ROOT + path):
        run(UMOUNT, "--lazy", mounts_below(ROOT + path)[0])


def _unbind_root(changes):
    """By the unit of now: up to release 0.2.0 it took the host's own mounts away together with ours."""
    if changes.root_unit.changed:
        changes.root_unit.write()
    if changes.root_unit.changed or changes.states[ROOT_UNIT].get("NeedDaemonReload") == "yes":
        run(SYSTEMCTL, "daemon-reload")
    systemctl("stop", [ROOT_UNIT])


def _forget_removed(changes):
    """Failed instances stay listed until they are reset; users go last, when nothing runs as them."""
    units = [unit for e in changes.removed for unit in e.units]
    states = show(units)
    try:
        systemctl("reset-failed", [u for u in units if states[u]["ActiveState"] == "failed"])
    except Failed:
        pass  # systemd has forgotten one of them by itself meanwhile
    for name in changes.users_to_remove():
        try:
            run("/usr/sbin/userdel", name)
        except Failed as error:
            changes.warnings.append(f"the user {name} was kept: {error}")
