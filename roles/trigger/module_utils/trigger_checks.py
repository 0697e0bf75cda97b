# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is checked on a host before anything is changed there."""

from __future__ import annotations

import os
import re
import stat
import tempfile

from .trigger_addresses import is_of_process, port, why_not_free
from .trigger_files import HOST, mounts_below
from .trigger_found import Found
from .trigger_host import Mistake
from .trigger_names import ROOT, ROOT_UNIT, UNITS
from .trigger_nginx import Refused
from .trigger_overrides import REPEATING
from .trigger_preflight import CONTAINER, check_room, check_set_gid, check_that_systemd_mounts, check_writable
from .trigger_systemd import Failed, main_pid, trial, verify, why_no_time

# What systemd says of a directive that it takes nevertheless. Whatever else it says is a mistake.
HARMLESS = re.compile(r"not safe|unsafe|deprecated|obsolete|legacy", re.IGNORECASE)

_LOADS = """\
User=daemon
ExecStart=/bin/sh -euc 'test -r "$$CREDENTIALS_DIRECTORY/trial"'
ExecStart=+/bin/sh -euc 'cd /run/credentials; test -e %n/trial; \\
    ! setpriv --reuid=nobody --regid=nogroup --clear-groups test -r %n/trial'
"""


def check(found: Found) -> None:
    """Look whether the host can be changed; adds to the warnings. Raises trigger_host.Mistake, which says why not."""
    _check_own_server(found)
    _check_writable(found)
    _check_room(found)
    _check_mounts(found)
    _check_that_systemd_mounts(found)
    _check_credentials(found)
    _check_units(found)
    _check_addresses(found)
    _check_nginx(found)


def _check_own_server(found):
    """systemd starts no socket beside its service, and the play would end with that."""
    for endpoint in found.wanted:
        server = endpoint.handoff or endpoint.changes_hands
        if (
            endpoint.name == found.own
            and server
            and (found.replaces_socket(endpoint) or found.stops_acceptor(endpoint))
        ):
            raise Mistake(
                f"nothing was changed.\nendpoint {endpoint.name!r}: the server behind its socket has to be stopped, "
                "and runs this play; run it from elsewhere"
            )


def _check_writable(found):
    paths = [file.path for file in found.file_changes()] + [place.path for place in found.places]
    paths += found.leftovers + found.last_to_go + found.obsolete
    if found.units_to_enable() or found.units_to_disable():
        paths.append(f"{UNITS}/sockets.target.wants")
    check_writable(paths, found.own)
    if any(place.rights.mode & stat.S_ISGID for place in found.places):
        check_set_gid(found.own)


def _check_room(found):
    if found.wanted and (found.file_changes() or found.places):
        check_room()


def _check_mounts(found):
    """Nothing is removed through what the host has mounted: it may be shared with others."""
    paths = found.leftovers + found.last_to_go + found.obsolete
    messages = [
        f"{path} is to be removed, but {mounted} is mounted; unmount it first"
        for path in paths + [path for e in found.leaving for path in e.leftovers()]
        if path != ROOT
        for mounted in mounts_below(path, HOST)
    ]
    if messages:
        raise Mistake("\n".join(["nothing was changed.", *messages]))


def _check_that_systemd_mounts(found):
    if found.binds_root and not found.is_active(ROOT_UNIT):
        check_that_systemd_mounts()


def _check_credentials(found):
    """Where the host takes LoadCredential= from all services, whether systemd can load secrets when it is told again:
    for the service's user, for nobody else, and where acceptors find them."""
    files = [file for file in found.file_changes() if os.path.basename(file.path) == REPEATING]
    if not any(b"\nLoadCredential=" in (file.content or b"") for file in files):
        return
    with tempfile.NamedTemporaryFile(prefix="trigger-", dir="/run") as secret:
        secret.write(b"secret")
        secret.flush()
        try:
            trial(_LOADS, f"LoadCredential=trial:{secret.name}\n", REPEATING)
        except Failed as failed:
            raise Mistake(
                f"nothing was changed: {found.overrides.where('LoadCredential')} empties LoadCredential= of all "
                f"services, and systemd cannot load secrets on this host when it is told again ({failed}), so `auth`, "
                f"`credentials` and the front end would not work. {CONTAINER}"
            ) from None


def _check_units(found):
    """Every unit that changes, through systemd's own parser."""
    _check_calendar([e for e in found.wanted if e.changed(e.timer_file)])
    units = [u for e in found.wanted for u in e.units if e.changed(e.drop_in(u))]
    units += [e.timer for e in found.wanted if e.has_timer and e.changed(e.timer_file)]
    for companion in found.companions:
        if found.shared_changed(*companion.files):
            units += [companion.socket, companion.service]
    if found.wanted and found.shared_changed(UNITS):
        units += [ROOT_UNIT, *found.wanted[0].units, found.wanted[0].fire]  # the templates, by one instance
    if not units:
        return
    with tempfile.TemporaryDirectory(prefix="trigger-verify-") as root:
        for file in [*found.shared, *(file for e in found.wanted for file in e.files)]:
            if file.path.startswith(UNITS) and file.content is not None:
                file.write(root)
        messages = _judge(found, root, verify(root, units))
    if messages:
        raise Mistake(
            "systemd refuses what would be written; nothing was changed.\n" + "\n".join(dict.fromkeys(messages))
        )


def _check_calendar(endpoints):
    """Expressions of systemd.time(7), each by itself, so that the one is named that is wrong."""
    messages = []
    for endpoint in endpoints:
        for expression in endpoint.item.get("on_calendar", ()):
            problem = why_no_time(expression)
            if problem:
                messages.append(f"endpoint {endpoint.name!r}: schedule.on_calendar: {expression!r}: {problem}")
    if messages:
        raise Mistake("\n".join(["systemd does not understand when; nothing was changed.", *messages]))


def _judge(found, root, findings):
    """Sort what systemd found below root into warnings and mistakes; return the latter, list of str."""
    messages = []
    jobs = [f"Command {file.path} is not executable" for e in found.wanted for file in e.files if file.content]
    for path, line, message in findings:
        if any(job in message for job in jobs):
            continue  # it is written in a moment
        if HARMLESS.search(message):
            found.warnings.append(f"{message} ({path}, line {line})")
            continue
        instance = re.match(r"trigger(?:-run|-fire)?@([^.]+)\.(\w+)", path)
        label = f"endpoint {instance[1]!r}: {instance[2]} unit: " if instance else ""
        said = f"{_line(root, path, line)}: " if line else ""
        messages.append(f"{label}{said}{message}" + (f" ({path}, line {line})" if line else ""))
    return messages


def _line(root, path, number):
    """A line of a unit file; older systemds complain about a value and do not say of which directive."""
    with open(f"{root}{UNITS}/{path}") as file:
        return file.read().splitlines()[int(number) - 1]


def _check_addresses(found):
    """Every address that is new must be free, or belong to a socket that this call closes."""
    closing = [e.socket for e in found.removed + found.leaving] + [
        e.socket for e in found.wanted if found.replaces_socket(e)
    ]
    closed = {port(text) for unit in closing for text in found.states.get(unit, {}).get("Listen", ())}
    for endpoint in found.wanted:
        if not endpoint.listens or (found.is_active(endpoint.socket) and not found.replaces_socket(endpoint)):
            continue
        for address in endpoint.item["addresses"]:
            problem = why_not_free(address, endpoint.item)
            if problem and port(address["text"]) not in closed and not _is_let_go(found, endpoint, address):
                problem = _other_owner(found, address) or problem
                raise Mistake(f"endpoint {endpoint.name!r}: listen: {address['text']} {problem}")


def _is_let_go(found, endpoint, address):
    """Whether a service holds it that this call stops, since one that was cut short came no further than its socket."""
    holders = (endpoint.own_acceptor, endpoint.job)
    return endpoint.name in found.unfinished and any(is_of_process(address["port"], main_pid(unit)) for unit in holders)


def _other_owner(found, address):
    """Which endpoint that this call leaves alone is the one in the way. Returns a sentence or None."""
    for other in found.others:
        if port(address["text"]) in map(port, found.states[other.socket]["Listen"]):
            return (
                f"is taken by endpoint {other.name!r}, which is on the host and not in the list; "
                "remove it with state: absent, or with trigger_purge: true"
            )
    return None


def _check_nginx(found):
    """The front end's addresses, and the whole of nginx's configuration as it would be, through nginx itself."""
    problem = found.frontend.check_addresses()
    if problem:
        raise Mistake(f"nothing was changed.\n{problem}")
    files = found.nginx_changes()
    if files or found.frontend.makes_certificate or found.frontend.verifies_clients:
        try:
            found.frontend.try_out(files)
        except Refused as refused:
            raise Mistake(f"nginx refuses what would be written; nothing was changed.\n{refused}") from None
