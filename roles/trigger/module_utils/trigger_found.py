# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is found on a host, compared with what shall be there. All the looking is done when it begins; what follows from
it is told without."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import PurePosixPath
from typing import Any

from . import trigger_later
from .trigger_earlier import UNFINISHED as EARLIER_UNFINISHED
from .trigger_earlier import Earlier
from .trigger_files import HOST, Directory, File, Link, Place, draft_of, mounts_below, on_host, unsecured_mounts_below
from .trigger_host import (
    COMPANIONS,
    JOBS_GECOS,
    METRICS,
    OF_ALL,
    PAGE,
    UNFINISHED,
    Companion,
    Endpoint,
    account,
    earlier_versions,
    enabled,
    found_names,
    gecos,
    hands,
    noted_user,
    own_directories,
    programs_places,
    repeating,
    unfinished,
)
from .trigger_metrics import stale_metrics
from .trigger_names import (
    CONFIGURATION,
    CREDENTIALS,
    CURRENT,
    ENDED,
    FRONTEND_CREDENTIALS,
    JOBS,
    JOBS_USER,
    LAUNCHER,
    LIBRARY,
    LOADED_CREDENTIALS,
    MANAGED,
    NGINX,
    PROXY_FILES,
    ROOT,
    ROOT_PARTS,
    ROOT_UNIT,
    RUNTIME,
    SHARE,
    SPOOL,
    STATE,
    UNITS,
    VERSIONS,
)
from .trigger_nginx import Frontend
from .trigger_overrides import Overrides, in_order, template_of
from .trigger_systemd import show

# Among the names of endpoints that are unfinished.
NGINX_UNFINISHED = ".nginx"
METRICS_UNFINISHED = ".metrics"
# The same of what is there for all endpoints goes by its unit's file.
RUNNERS = "trigger-run@.socket"
INNER_SOCKETS = (RUNNERS, "trigger-dispatch@.socket")
DISPATCHERS = "trigger-dispatch@.service"
_QUIET = ("inactive", "failed", None)


class Found:
    """What one call has found. plan: with `shared`, `version` and `endpoints`, from the action plugin. purge and state:
    the module's arguments. own: the endpoint whose job this call is part of, and must not stop."""

    def __init__(self, plan: dict[str, Any], purge: bool, state: str, own: str | None = None) -> None:
        self.plan = plan
        self.own = own
        self.purge_all = state == "absent"
        self.shared_paths = [item["path"] for item in plan["shared"]]
        self.shared = [] if self.purge_all else [File.decode(item) for item in plan["shared"]]
        self.programs = None if self.purge_all else Link(CURRENT, f"versions/{plan['version']}")
        paths = [file.path for file in self.shared]
        self.companions = [companion for companion in COMPANIONS if companion.socket_file in paths]
        self.unwanted = [companion for companion in COMPANIONS if companion not in self.companions]
        gone = [File(path, None) for companion in self.unwanted for path in companion.files]
        self.shared += [file for file in gone if file.changed]
        (self.root_unit,) = [File.decode(item) for item in plan["shared"] if item["path"] == f"{UNITS}/{ROOT_UNIT}"]
        self.frontend = Frontend(None if self.purge_all else plan["frontend"])
        self._sort_endpoints(plan["endpoints"], purge)
        self.overrides = Overrides()
        self.warnings = list(self.frontend.warnings)
        self.undone = self._repeat_what_host_undoes()
        self._look_at_what_is_put_off()
        self.unfinished = unfinished()
        # What concerns endpoints that this play does not name is left to one that does.
        self.left_to_others = self.unfinished.intersection(note for e in self.others for note in (e.name, hands(e)))
        self.was_interrupted = os.path.lexists(UNFINISHED) and not 0 < len(self.unfinished) == len(self.left_to_others)
        # It holds the note of what is unfinished, so it goes behind all else.
        self.last_to_go = [STATE] if self.purge_all and os.path.lexists(STATE) else []
        # Of others there may be but a folder, which somebody else has made.
        staying = self.wanted + [e for e in self.others if os.path.exists(e.configuration)]
        self.earlier = Earlier(staying, self.removed, EARLIER_UNFINISHED in self.unfinished)
        # Those that a dispatcher and a runner are for. Endpoints that the play does not name share their units.
        self.dispatched = [e for e in (staying if self.earlier.is_there else self.wanted) if not e.handoff]
        self.stale_metrics = self._stale_metrics()
        # Versions of the programs that may go. The last but one is kept: what runs since before may still load parts.
        self.obsolete = earlier_versions(self.programs.target)[:-1] if self.programs else []
        self.missing_users = [name for name in self._users() if not account(pwd.getpwnam, name)]
        self.places = self._places()
        self.possible_leftovers = self._possible_leftovers()
        self.leftovers = [path for path in self.possible_leftovers if os.path.lexists(path)]
        self.users_to_remove = self._users_to_remove()
        self.emptied = self._emptied()
        self._look_at_units()
        self._look_who_holds_sockets()
        self._nginx_runs = self.frontend.runs()
        for path in dict.fromkeys(map(self.overrides.where, self.undone)):
            keys = ", ".join(f"{key}=" for key in self.undone if self.overrides.where(key) == path)
            self.warnings.append(
                f"{path} sets {keys} for all services, so what the role's units say of it has no effect"
            )
        self.warnings += [
            f"{e.name}: it is paused, so no run begins; `triggerctl resume {e.name}` on the host ends that"
            for e in self.wanted
            if e.paused
        ]

    # Looking.

    def _sort_endpoints(self, items: list[dict[str, Any]], purge: bool) -> None:
        """Into those that are wanted, those to remove, and others, which stay and keep their users."""
        self.wanted = [
            Endpoint(item["name"], item) for item in items if item["state"] != "absent" and not self.purge_all
        ]
        found = set(found_names())
        kept = {endpoint.name for endpoint in self.wanted}
        named = {item["name"] for item in items}
        to_remove = found - kept if purge or self.purge_all else found & (named - kept)
        self.removed = [Endpoint(name) for name in sorted(to_remove - {self.own})]
        self.others = [Endpoint(name) for name in sorted(found - kept - to_remove | to_remove & {self.own})]
        self.leaving = [endpoint for endpoint in self.others if endpoint.name in to_remove]
        for endpoint in self.leaving:
            endpoint.leaves = True

    def _repeat_what_host_undoes(self) -> list[str]:
        """Adds drop-ins that come behind the host's own. Returns the directives of the role that stay undone."""
        templates = {file.path: file.content for file in self.shared}
        undone: set[str] = set()
        for endpoint in self.wanted:
            for unit in endpoint.services:
                own = endpoint.drop_in(unit)
                ours = {os.path.basename(own): file.content for file in endpoint.files if file.path == own}
                drop_ins = in_order(unit, ours)
                texts = [templates[f"{UNITS}/{template_of(unit)}"], *drop_ins.values()]
                repeated = self._repeating(unit, texts)
                endpoint.files += repeated
                undone.update(self.overrides.undone(texts))
                drop_ins.update({os.path.basename(file.path): file.content for file in repeated})
                taker = self.overrides.taker(drop_ins, os.path.basename(own))
                if taker:
                    what = f"the drop-in {taker} takes LoadCredential= from {unit}, so no secret reaches it"
                    self.warnings.append(f"{endpoint.name}: {what}")
        for companion in COMPANIONS:
            template = templates.get(companion.files[1])
            texts = [template, *in_order(companion.service, {}).values()] if companion in self.companions else []
            self.shared += self._repeating(companion.service, texts)
            undone.update(self.overrides.undone(texts))
        return sorted(undone)

    def _repeating(self, service: str, texts: list[bytes | None]) -> list[File]:
        """The drop-in that a service needs, or does not need any more."""
        lines = self.overrides.repeat(texts)
        why = f"Behind {', '.join(self.overrides.paths)}, where the host undoes this for all services."
        content = f"# {MANAGED}\n# {why}\n\n[Service]\n{lines}".encode() if lines else None
        file = File(repeating(service), content)
        return [file] if lines or file.changed else []

    def _look_at_what_is_put_off(self) -> None:
        pending = trigger_later.pending()
        self.puts_off = trigger_later.Work(self.leaving[0].name, self.purge_all) if self.leaving else None
        # A play that comes later knows better.
        names = [endpoint.name for endpoint in self.wanted + self.removed + self.leaving]
        self.is_put_off = self.puts_off is not None and pending == self.puts_off
        self.calls_off = bool(pending) and not self.is_put_off and (pending.everything or pending.endpoint in names)

    def _look_at_units(self) -> None:
        """To look at a unit makes systemd load it, so only at those that tell something."""
        looked_at = self.wanted + self.removed + self.others
        units = [unit for e in looked_at for unit in (*e.sockets, e.job)]
        timers = [e.timer for e in looked_at if e.has_timer or os.path.lexists(e.timer_file)]
        self.states = show(
            [ROOT_UNIT, *(unit for companion in COMPANIONS for unit in companion.units), *units, *timers]
        )
        units = [unit for e in looked_at for unit in e.sockets] + timers
        units += [companion.socket for companion in COMPANIONS]
        self.enabled = {unit for unit in units if enabled(unit)}
        # A folder that was removed and is made again is another one.
        made = {place.path for place in self.places if place.before is None}
        differs = any(is_stale(part) or os.path.realpath(part) in made for part in ROOT_PARTS)
        # Whether what acceptors see of the host has to be bound together, or anew.
        self.binds_root = bool(self.wanted) and (not self.is_active(ROOT_UNIT) or differs)
        # Whether what is bound already is to be made private and read-only as the unit has it now. It stays where it
        # is: an acceptor that runs notices nothing. What was refused, as while something was busy, is tried again.
        secures = self.root_unit.changed or bool(unsecured_mounts_below(ROOT, SPOOL, LOADED_CREDENTIALS))
        self.secures_root = bool(self.wanted) and secures and not self.binds_root

    def _look_who_holds_sockets(self) -> None:
        """Files tell who shall hold one; who was to let it go, when an earlier run was cut short, its note alone."""
        for endpoint in self.wanted:
            # No runner's socket is up beside a server: where it is, what runs is a run, as behind a boot.
            may_be_server = endpoint.handoff or not self.is_active(endpoint.run_socket)
            endpoint.changes_hands |= hands(endpoint) in self.unfinished and may_be_server

    def _stale_metrics(self) -> list[str]:
        """The metrics that were written where they are not any more, also those that an earlier run had to leave."""
        unit = METRICS.files[1]
        before = File(unit, None).before or b""
        after = b"".join(file.content or b"" for file in self.shared if file.path == unit)
        return stale_metrics(before, after, [path for path in self.unfinished if path.startswith("/")])

    def _users(self) -> list[str]:
        names = [endpoint.user for endpoint in self.wanted]
        if self.wanted or self.shared:
            names.append(JOBS_USER)
        return names + [companion.user for companion in self.companions]

    def _users_that_go(self) -> list[str]:
        names = [e.user for e in self.removed]
        if self.purge_all and gecos(JOBS_USER) == JOBS_GECOS:
            names.append(JOBS_USER)
        if self.purge_all or self.shared:
            names += [companion.user for companion in self.unwanted if gecos(companion.user) == companion.gecos]
        return names

    def _users_to_remove(self) -> list[str]:
        """Those that are there, and those of which an earlier run has left but the group. Of others that it has noted,
        another play may want that they stay."""
        noted = [each[: -len(noted_user(""))] for each in self.unfinished if each.endswith(noted_user(""))]
        groups = [each for each in noted if not account(pwd.getpwnam, each) and account(grp.getgrnam, each)]
        users = [name for name in self._users_that_go() if account(pwd.getpwnam, name)]
        return users + [name for name in sorted(groups) if name not in self._users()]

    def _places(self) -> list[Place]:
        """The directories that are missing, and what has other rights than it shall, beside Files."""
        paths = {file.path for file in self.files() if file.content is not None}
        places: list[Place] = list(own_directories(paths))
        if self.wanted:
            places += [Directory(path) for path in (JOBS, SPOOL, STATE)] + [Directory(CREDENTIALS, 0o700)]
        if self.wanted and os.path.isdir(ENDED):
            places.append(Directory(ENDED, 0o700))  # up to 0.3.0 all could read it
        places += [directory for e in dict.fromkeys(self.wanted + self.dispatched) for directory in e.directories()]
        places += self.frontend.places()
        if self.programs:
            places += [place for place in programs_places(self.obsolete) if place.path not in paths]
        return [place for place in {place.path: place for place in places}.values() if place.changed]

    def _possible_leftovers(self) -> list[str]:
        """All that may have to be removed from the file system."""
        paths = [path for endpoint in self.removed for path in endpoint.leftovers()]
        paths += [path for endpoint in self.leaving for path in endpoint.frontend_files]
        if not self.wanted + self.others:
            paths += OF_ALL
        if self.purge_all:
            files = [path for path in self.shared_paths if not path.startswith(LIBRARY)]
            files += [path for companion in COMPANIONS for path in companion.files]
            paths += [*files, *map(draft_of, files), ROOT, CONFIGURATION, LIBRARY, SPOOL, RUNTIME]
        return paths

    def _emptied(self) -> list[str]:
        """The directories in which nothing is left, inner ones first."""
        stays = {file.path for file in self.files() if file.content is not None}
        stays_below = {str(parent) for path in stays for parent in PurePosixPath(path).parents}
        files = {file.path for file in self.file_changes()}
        goes = {*files, *map(draft_of, files), *self.possible_leftovers}
        directories = [PROXY_FILES, FRONTEND_CREDENTIALS, *(companion.drop_ins for companion in COMPANIONS)]
        directories += [path for e in self.wanted for path in e.drop_ins + e.credentials]
        # Where nothing else of the role is, an empty one is the host's.
        directories += SHARE if self.last_to_go else ()
        emptied: list[str] = []
        for directory in directories:
            if (
                os.path.isdir(directory)
                and not os.path.islink(directory)
                and all(f"{directory}/{name}" in goes for name in os.listdir(directory))
                and directory not in stays_below
            ):
                emptied.append(directory)
                goes.add(directory)
        return emptied

    # What follows.

    def files(self) -> list[File]:
        """All that are written, stay or go."""
        return [*self.shared, *(file for endpoint in self.wanted for file in endpoint.files), *self.frontend.files]

    def file_changes(self) -> list[File]:
        return [file for file in self.files() if file.changed]

    def nginx_changes(self) -> list[File]:
        """What changes of that which nginx reads."""
        gone = [File(path, None) for endpoint in self.removed + self.leaving for path in endpoint.frontend_files]
        return [file for file in self.file_changes() + gone if file.path.startswith(NGINX) and file.changed]

    def counts_anew(self) -> bool:
        """Whether the metrics are to be written now: in another directory the first count may be far off, and nobody
        else tells that an endpoint is gone."""
        anew = self.removed or self.shared_changed(METRICS.files[1]) or METRICS_UNFINISHED in self.unfinished
        return METRICS in self.companions and (bool(anew) or METRICS in self.companions_to_renew())

    def shared_changed(self, *prefixes: str) -> bool:
        return any(file.changed for file in self.shared if file.path.startswith(prefixes))

    def programs_changed(self) -> bool:
        """Whether a process that runs has other programs than those that it shall have."""
        return bool(self.programs) and (self.programs.changed or self.shared_changed(VERSIONS, LAUNCHER))

    def needs_reload(self) -> bool:
        """Whether systemd knows other units than those that shall be there. An earlier run may not have come so far."""
        paths = [file.path for file in self.file_changes()] + self.leftovers
        return (
            self.earlier.is_there
            or self.was_interrupted
            or any(path.startswith(UNITS) for path in paths)
            or any(state.get("NeedDaemonReload") == "yes" for state in self.states.values())
        )

    def is_active(self, unit: str) -> bool:
        return self.states.get(unit, {}).get("ActiveState") == "active"

    def _is_at_work(self, unit):
        return self.states.get(unit, {}).get("ActiveState") not in _QUIET

    def is_known(self, unit: str) -> bool:
        """Whether systemd had a file of it when it was looked at."""
        return self.states.get(unit, {}).get("LoadState") != "not-found"

    def replaces_socket(self, endpoint: Endpoint) -> bool:
        """Whether the socket has to be made anew: only what stands in [Socket] asks for that."""
        if not self.is_active(endpoint.socket):
            return False
        if not endpoint.listens or endpoint.name in self.unfinished:
            return True
        paths = (f"{UNITS}/trigger@.socket", endpoint.drop_in(endpoint.socket))
        files = [file for file in self.shared + endpoint.files if file.path in paths]
        return any(_section(file.before) != _section(file.content) for file in files)

    def stops_acceptor(self, endpoint: Endpoint) -> bool:
        """Whether a running acceptor has to make place for one that knows the change."""
        if endpoint.handoff and self.shared_changed(f"{UNITS}/trigger-run@.service"):
            return True
        return (
            endpoint.name in self.unfinished
            or self.binds_root
            or self.frontend.secret_changed
            or (endpoint.handoff and any(file.changed for file in endpoint.files))
            or endpoint.changed(endpoint.configuration)
            or endpoint.changed(endpoint.auth_file)
            or endpoint.changed(endpoint.drop_in(endpoint.acceptor))
            or endpoint.changed(repeating(endpoint.acceptor))
            or self.shared_changed(f"{UNITS}/trigger@.service")
            or self.programs_changed()
        )

    def nginx_waits(self) -> bool:
        """Whether nginx has to be started, or told of a change."""
        waits = self.nginx_changes() or self.frontend.makes_certificate or NGINX_UNFINISHED in self.unfinished
        return bool(waits) or not self._nginx_runs

    def page_changed(self) -> bool:
        """Whether a running page has to make place for one that knows the change."""
        if PAGE not in self.companions:
            return False
        drop_ins = [file for e in self.wanted for file in e.files if file.path.startswith(PAGE.drop_ins)]
        return (
            PAGE.service in self.unfinished
            or any(file.changed for file in drop_ins)
            or any(path.startswith(PAGE.drop_ins) for path in self.leftovers)
            or self.frontend.secret_changed
            or self.shared_changed(f"{UNITS}/{PAGE.service}", PAGE.drop_ins)
            or self.programs_changed()
        )

    def waiting_units(self) -> list[str]:
        """The units that shall be enabled and active: they wait for requests, in the spool and on the network, or for
        their time."""
        units = [unit for e in self.dispatched for unit in (e.dispatch_socket, e.run_socket)]
        units += [e.socket for e in self.wanted if e.listens]
        units += [e.timer for e in self.wanted if e.has_timer]
        return units + [companion.socket for companion in self.companions]

    def timers_to_stop(self) -> list[str]:
        """Those of endpoints that have no schedule any more, or that go."""
        timers = [e.timer for e in self.wanted + self.removed + self.leaving if not e.has_timer]
        return [timer for timer in timers if timer in self.enabled or self.is_active(timer)]

    def timers_to_renew(self) -> list[str]:
        """Those that wait for another time than they shall. At a daemon-reload they would make up for those that the
        new schedule has had since they elapsed last."""
        return [e.timer for e in self.wanted if e.has_timer and e.changed(e.timer_file) and self.is_active(e.timer)]

    def units_to_start(self) -> list[str]:
        """Those of them that are not active. A run that an earlier release has begun goes on without a runner's socket;
        the dispatcher starts that when it has ended."""
        runs = [e.run_socket for e in self.dispatched if self.states[e.job].get("ActiveState") not in _QUIET]
        return [unit for unit in self.waiting_units() if not self.is_active(unit) and unit not in runs]

    def dispatchers_to_renew(self) -> list[str]:
        """Those that may run and have to make place for one that knows the change."""
        changed = self.changes_dispatchers()
        return [e.dispatcher for e in self.dispatched if changed or self.stops_acceptor(e)]

    def changes_dispatchers(self) -> bool:
        """Whether the unit of all dispatchers becomes another."""
        return DISPATCHERS in self.unfinished or self.shared_changed(f"{UNITS}/{DISPATCHERS}")

    def servers_with_runners(self) -> list[Endpoint]:
        """Endpoints that hand their socket over, and of which another still leads to the job: that would start the
        server without its own."""
        return [e for e in self.wanted if e.handoff and any(map(self.is_active, (e.dispatch_socket, e.run_socket)))]

    def changes_socket(self, unit: str) -> bool:
        """Whether what stands in [Socket] of a unit's file that is there becomes another."""
        files = [file for file in self.shared if file.path == f"{UNITS}/{unit}" and file.before]
        return unit in self.unfinished or any(_section(file.before) != _section(file.content) for file in files)

    def unwanted_units(self) -> list[str]:
        """The units of companions that nobody wants any more, of which one does something: it may start the other."""
        return [
            unit
            for companion in self.unwanted
            if any(map(self._is_at_work, companion.units))
            for unit in companion.units
            if self._is_at_work(unit) or self.states.get(unit, {}).get("LoadState") == "loaded"
        ]

    def units_to_enable(self) -> list[str]:
        return [unit for unit in self.waiting_units() if unit not in self.enabled]

    def units_to_disable(self) -> list[str]:
        """Those that stay on the host, and the sockets of companions."""
        units = [unit for e in self.wanted for unit in e.sockets]
        units += [companion.socket for companion in self.unwanted]
        wanted = self.waiting_units()
        return [unit for unit in units if unit in self.enabled and unit not in wanted]

    def companions_to_renew(self) -> list[Companion]:
        """Those that do not listen, or whose sockets change."""
        return [c for c in self.companions if self.changes_socket(c.socket) or not self.is_active(c.socket)]


def is_stale(part: str, root: str = ROOT) -> bool:
    """Whether acceptors find at a part of the host another folder than the host has there, or below it, at a mount
    point of either; credentials come and go."""
    real = os.path.realpath(part)
    if not os.path.exists(on_host(real)):
        return False
    below = {point[len(top) :] for top in (real, root + part) for point in mounts_below(top, HOST)}
    places = {""} if part == LOADED_CREDENTIALS else {"", *below}
    return not all(_is_same(real + place, root + part + place) for place in places)


def _is_same(path, bound):
    path, bound = on_host(path), on_host(bound)
    return os.path.exists(path) and os.path.exists(bound) and os.path.samefile(path, bound)


def _section(content):
    """The directives of [Socket] in a unit file, in order; comments do not count."""
    lines, inside = [], False
    for line in (content or b"").decode().splitlines():
        if line.startswith("["):
            inside = line.strip() == "[Socket]"
        elif inside and line.strip() and line[0] not in "#;":
            lines.append(line.strip())
    return lines
