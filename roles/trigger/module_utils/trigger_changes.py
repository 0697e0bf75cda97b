# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What there is to do on a host, in an order in which no request is lost and nothing is refused, and with one
daemon-reload at most. It follows from what was found, without another look."""

from __future__ import annotations

from collections.abc import Iterator

from .trigger_application import (
    compile_programs,
    daemon_reload,
    forget_failed,
    forget_unfinished,
    let_go,
    make_users,
    mark_unfinished,
    remove,
    remove_empty,
    remove_user,
    renew_inner_sockets,
    replace_sockets,
    start,
    stop_accepting,
    stop_endpoints,
    unbind_root,
    write_metrics,
)
from .trigger_earlier import UNFINISHED as EARLIER_UNFINISHED
from .trigger_found import (
    DISPATCHERS,
    INNER_SOCKETS,
    METRICS_UNFINISHED,
    NGINX_UNFINISHED,
    RUNNERS,
    Found,
)
from .trigger_host import METRICS, PAGE, hands, noted_user
from .trigger_later import call_off, put_off
from .trigger_names import COMMAND, ENDED, LAUNCHER, ROOT_UNIT, STATE, SYSUSERS
from .trigger_steps import Step, call_systemctl, write

ENTRIES = (LAUNCHER, COMMAND)  # what calls the programs


def changes(found: Found) -> list[Step]:
    """The steps to take; none where all is as it shall be."""
    steps = call_off() if found.calls_off else []
    if found.purge_all and found.leaving:
        return steps + list(_until_everything_goes(found))
    steps += _until_it_listens(found)
    if steps or found.units_to_start():
        steps += _starts(found)  # also to see that none of them was harmed
    return [*steps, *_afterwards(found)]


def _until_everything_goes(found: Found) -> Iterator[Step]:
    """The run that this is part of needs the programs and their units until it is recorded."""
    if not found.is_put_off:
        yield from _timers(found)
        yield from _stops(found)
        yield put_off(found.puts_off, found.plan)


def _until_it_listens(found: Found) -> Iterator[Step]:
    if _unfinished(found):
        yield mark_unfinished(_unfinished(found))
    yield from found.earlier.holds_runs()
    # While their files are there, from which systemd knows what belongs to them.
    yield from call_systemctl("stop", found.unwanted_units())
    yield from _timers(found)
    if METRICS not in found.companions:
        yield from remove(found.stale_metrics)
    yield from _users(found)
    yield from _files(found)
    yield from _removals(found)
    yield from _units(found)
    yield from _programs(found)
    yield from _sockets(found)
    yield from _companions(found)


def _timers(found: Found) -> Iterator[Step]:
    """What the calendar fires no more, and what it fires at other times, which is started again with all others."""
    yield from call_systemctl("stop", found.timers_to_stop() + found.timers_to_renew())
    enabled = [timer for timer in found.timers_to_stop() if timer in found.enabled]
    yield from call_systemctl("disable", enabled, "--no-reload", "--quiet")


def _afterwards(found: Found) -> Iterator[Step]:
    if found.nginx_waits():
        yield found.frontend.takes_effect(found.nginx_changes())
    yield from remove(found.obsolete)
    yield from remove_empty(found.emptied)
    # Users go last, when nothing runs as them.
    yield from forget_failed(found.removed)
    yield from map(remove_user, found.users_to_remove)
    if found.leaving and not found.is_put_off:
        yield put_off(found.puts_off, found.plan)
    if found.purge_all and (found.last_to_go or _unfinished(found)):
        yield from remove([STATE])
    elif _unfinished(found) or found.was_interrupted:
        yield forget_unfinished(found.left_to_others)
    if found.secures_root:
        # It fails while somebody writes where nobody shall: then all else is done, and the next run tries again.
        yield from call_systemctl("reload", [ROOT_UNIT])


def _unfinished(found: Found) -> list[str]:
    """What the next run has to take up again, when this one is cut short: nothing on the host would tell it then."""
    endpoints = [e for e in found.wanted if found.replaces_socket(e) or found.stops_acceptor(e)]
    names = [e.name for e in endpoints] + [hands(e) for e in endpoints if e.changes_hands]
    names += [NGINX_UNFINISHED] if found.nginx_waits() else []
    names += [EARLIER_UNFINISHED] if found.earlier.is_there else []
    names += [METRICS_UNFINISHED] if found.counts_anew() else []
    names += [template for template in INNER_SOCKETS if found.changes_socket(template)]
    names += [DISPATCHERS] if found.changes_dispatchers() else []
    names += [companion.socket for companion in found.companions_to_renew()]
    names += [PAGE.service] if found.page_changed() else []
    names += [noted_user(name) for name in found.users_to_remove]
    return names + found.stale_metrics


def _users(found: Found) -> Iterator[Step]:
    """Before the files, of which some are theirs."""
    files = [*found.shared, *(file for e in found.wanted for file in e.files)]
    present = [file.path for file in files if file.path.startswith(SYSUSERS) and file.content is not None]
    yield from write(file for file in found.shared if file.path.startswith(SYSUSERS))
    for endpoint in found.wanted:
        yield from write((file for file in endpoint.files if file.path.startswith(SYSUSERS)), endpoint.name)
    if found.missing_users or any(file.changed for file in files if file.path.startswith(SYSUSERS)):
        yield make_users(present, found.missing_users)


def _files(found: Found) -> Iterator[Step]:
    """All but what acceptors read as soon as it is there."""
    yield from write(place for place in found.places if place.path != ENDED)
    yield from write(file for file in found.shared if not file.path.startswith((SYSUSERS, *ENTRIES)))
    for endpoint in found.wanted:
        later = (SYSUSERS, endpoint.configuration)
        yield from write((file for file in endpoint.files if not file.path.startswith(later)), endpoint.name)
    yield from found.frontend.steps()
    # What calls the programs knows those of before as well, and says so in one line where one is not there yet: a unit
    # of now may be started as soon as systemd knows it, which is before its programs.
    yield from write(file for file in found.shared if file.path in ENTRIES)
    if found.programs_changed():
        yield compile_programs(found.programs.target)
    yield from found.earlier.goes()


def _removals(found: Found) -> Iterator[Step]:
    yield from _stops(found)
    if found.purge_all and found.is_active(ROOT_UNIT):
        yield unbind_root(found.root_unit, found.states[ROOT_UNIT].get("NeedDaemonReload") == "yes")
    yield from remove(found.leftovers, found.possible_leftovers)


def _stops(found: Found) -> Iterator[Step]:
    leaving = [] if found.is_put_off else found.leaving
    enabled = [unit for e in found.removed + leaving for unit in e.sockets if unit in found.enabled]
    yield from call_systemctl("disable", enabled, "--no-reload", "--quiet")
    if found.removed:
        yield stop_endpoints(found.removed)
    yield from map(stop_accepting, leaving)


def _units(found: Found) -> Iterator[Step]:
    """systemd learns of the units."""
    enable, disable = found.units_to_enable(), found.units_to_disable()
    yield from call_systemctl("enable", enable, "--no-reload", "--quiet")
    yield from call_systemctl("disable", disable, "--no-reload", "--quiet")
    # Before systemd knows the acceptors' unit that needs it: one whose start was ordered under an older unit waits for
    # nothing, and would find no root directory. A unit that is not known yet needs no daemon-reload.
    binds_early = found.binds_root and not found.is_known(ROOT_UNIT)
    if binds_early:
        yield from call_systemctl("start", [ROOT_UNIT])
    if found.needs_reload() or enable or disable or found.removed:
        yield daemon_reload()
    if METRICS in found.companions and found.stale_metrics:
        # Now that systemd knows where the service writes from here on.
        yield from call_systemctl("stop", [METRICS.service])
        yield from remove(found.stale_metrics)
    if found.binds_root and not binds_early:
        yield from call_systemctl("restart", [ROOT_UNIT])


def _programs(found: Found) -> Iterator[Step]:
    """All of them at once: a process has the programs of before, or those of now, whenever it begins."""
    if found.programs:
        yield from write([found.programs])
    # When systemd knows the units: an acceptor that starts now finds the credentials that it is told of. And behind the
    # programs: those of now understand what was written for those of before.
    for endpoint in found.wanted:
        yield from write((file for file in endpoint.files if file.path == endpoint.configuration), endpoint.name)


def _sockets(found: Found) -> Iterator[Step]:
    replaced = [e for e in found.wanted if found.replaces_socket(e)]
    stopped = [e for e in found.wanted if found.stops_acceptor(e) and e not in replaced]
    if replaced or stopped or found.servers_with_runners():
        yield replace_sockets(replaced, stopped, found.servers_with_runners())
    yield from found.earlier.hands_on()
    if found.dispatched and any(map(found.changes_socket, INNER_SOCKETS)):
        yield renew_inner_sockets(found.dispatched, found.changes_socket(RUNNERS))
    yield from call_systemctl("try-restart", found.dispatchers_to_renew())
    # Behind the dispatchers of before, which would let all read it again.
    yield from write(place for place in found.places if place.path == ENDED)


def _companions(found: Found) -> Iterator[Step]:
    # No socket starts beside its service, and one that listens would start it again; in one call, it is told to do
    # neither. They are started with all others.
    yield from call_systemctl("stop", [unit for companion in found.companions_to_renew() for unit in companion.units])
    if found.page_changed():
        yield from let_go([PAGE.service])  # the next reader starts the new one


def _starts(found: Found) -> Iterator[Step]:
    units = found.waiting_units()
    new = set(found.units_to_start())
    if units:
        yield start(units, {e.name: [f"{u} started" for u in (*e.sockets, e.timer) if u in new] for e in found.wanted})
    # Their sockets start them where something waits, but may have been there already, as when a host went back to an
    # earlier release for a while.
    yield from call_systemctl("start", [e.dispatcher for e in found.dispatched] if found.earlier.is_there else [])
    if found.counts_anew():
        yield from write_metrics()
