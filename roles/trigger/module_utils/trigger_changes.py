# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What there is to do on a host: what is there, compared with what shall be."""

from __future__ import annotations

import grp
import os
import pwd

from .trigger_files import Directory, File, Link, mounts_below, shared_mounts_below
from .trigger_host import (
    COMPANIONS,
    JOBS_GECOS,
    METRICS,
    PAGE,
    Endpoint,
    account,
    earlier_versions,
    enabled,
    found_names,
    gecos,
    own_directories,
    programs_places,
    unfinished,
)
from .trigger_inotify import InotifyLimit
from .trigger_metrics import stale_metrics
from .trigger_names import (
    CONFIGURATION,
    CREDENTIALS,
    CURRENT,
    JOBS,
    JOBS_USER,
    LAUNCHER,
    LIBRARY,
    LOADED_CREDENTIALS,
    NGINX,
    ROOT,
    ROOT_PARTS,
    RUNTIME,
    SPOOL,
    STATE,
    SYSCTL,
    UNITS,
    VERSIONS,
)
from .trigger_nginx import Frontend
from .trigger_systemd import show

ROOT_UNIT = "trigger-root.service"  # binds together what acceptors see of the host
NGINX_UNFINISHED = ".nginx"  # among the names of endpoints that are unfinished


class Changes:
    """What one call has to do. plan: dict with `shared`, `version` and `endpoints`, from the action plugin. purge: bool
    and state: str, the module's arguments."""

    def __init__(self, plan, purge, state):
        self.purge_all = state == "absent"
        self.shared = [] if self.purge_all else [File.decode(item) for item in plan["shared"]]
        self.programs = None if self.purge_all else Link(CURRENT, f"versions/{plan['version']}")
        paths = [file.path for file in self.shared]
        self.companions = [companion for companion in COMPANIONS if companion.socket_file in paths]
        self.unwanted = [companion for companion in COMPANIONS if companion not in self.companions]
        gone = [File(path, None) for companion in self.unwanted for path in companion.files]
        self.shared += [file for file in gone if file.changed]
        self.frontend = Frontend(None if self.purge_all else plan["frontend"])
        self.shared_paths = [item["path"] for item in plan["shared"]]
        (self.root_unit,) = [File.decode(item) for item in plan["shared"] if item["path"] == f"{UNITS}/{ROOT_UNIT}"]
        self.wanted = [
            Endpoint(item["name"], item)
            for item in plan["endpoints"]
            if item["state"] != "absent" and not self.purge_all
        ]
        found = set(found_names())
        kept = {endpoint.name for endpoint in self.wanted}
        named = {item["name"] for item in plan["endpoints"]}
        removed = found - kept if purge or self.purge_all else found & (named - kept)
        self.removed = [Endpoint(name) for name in sorted(removed)]
        # Neither wanted nor to be removed: they stay, and keep their users.
        self.others = [Endpoint(name) for name in sorted(found - kept - removed)]
        self.unfinished = unfinished()
        self.inotify = InotifyLimit(len(self.wanted) + len(self.others))
        self.stale_metrics = self._stale_metrics()
        # To look at a unit makes systemd load it, so only at those that tell something.
        looked_at = self.wanted + self.removed + self.others
        units = [unit for e in looked_at for unit in (e.socket, e.path, e.job)]
        self.states = show([ROOT_UNIT, *(unit for companion in COMPANIONS for unit in companion.units), *units])
        self.warnings = list(self.frontend.warnings)
        self.warnings += [
            f"{e.name}: it is paused, so no run begins; `triggerctl resume {e.name}` on the host ends that"
            for e in self.wanted
            if e.paused
        ]

    def files(self):
        """All that are written, stay or go: list of File."""
        return [*self.shared, *(file for endpoint in self.wanted for file in endpoint.files), *self.frontend.files]

    def file_changes(self):
        return [file for file in self.files() if file.changed]

    def nginx_changes(self):
        """What changes of that which nginx reads: list of Files."""
        gone = [File(path, None) for endpoint in self.removed for path in endpoint.frontend_files]
        return [file for file in self.file_changes() + gone if file.path.startswith(NGINX) and file.changed]

    def shared_changed(self, *prefixes):
        return any(file.changed for file in self.shared if file.path.startswith(prefixes))

    def programs_changed(self):
        """Whether a process that runs has other programs than those that it shall have."""
        return self.programs.changed or self.shared_changed(VERSIONS, LAUNCHER)

    def units_changed(self):
        return any(file.path.startswith(UNITS) for file in self.file_changes())

    def is_active(self, unit):
        return self.states.get(unit, {}).get("ActiveState") == "active"

    def is_known(self, unit):
        """Whether systemd had a file of it when it was looked at."""
        return self.states.get(unit, {}).get("LoadState") != "not-found"

    def replaces_socket(self, endpoint):
        """Whether the socket has to be made anew: only what stands in [Socket] asks for that."""
        if not self.is_active(endpoint.socket):
            return False
        if not endpoint.listens or endpoint.name in self.unfinished:
            return True
        paths = (f"{UNITS}/trigger@.socket", endpoint.drop_in(endpoint.socket))
        files = [file for file in self.shared + endpoint.files if file.path in paths]
        return any(_section(file.before) != _section(file.content) for file in files)

    def stops_acceptor(self, endpoint):
        """Whether a running acceptor has to make place for one that knows the change."""
        if endpoint.hands_over and self.shared_changed(f"{UNITS}/trigger-run@.service"):
            return True
        return (
            endpoint.name in self.unfinished
            or self.binds_root()
            or self.frontend.secret_changed
            or (endpoint.hands_over and any(file.changed for file in endpoint.files))
            or endpoint.changed(endpoint.configuration)
            or endpoint.changed(endpoint.auth_file)
            or endpoint.changed(endpoint.drop_in(endpoint.acceptor))
            or self.shared_changed(f"{UNITS}/trigger@.service")
            or self.programs_changed()
        )

    def binds_root(self):
        """Whether what acceptors see of the host has to be bound together, or anew: a folder that was removed and made
        again is another one."""
        return bool(self.wanted) and (not self.is_active(ROOT_UNIT) or any(map(is_stale, ROOT_PARTS)))

    def secures_root(self):
        """Whether what is bound already is to be made private and read-only as the unit has it now. It stays where it
        is: an acceptor that runs notices nothing."""
        if not self.wanted or self.binds_root():
            return False
        return self.root_unit.changed or bool(shared_mounts_below(ROOT))

    def nginx_waits(self):
        """Whether nginx has to be started, or told of a change."""
        waits = self.nginx_changes() or self.frontend.makes_certificate or NGINX_UNFINISHED in self.unfinished
        return bool(waits) or not self.frontend.runs()

    def page_changed(self):
        """Whether a running page has to make place for one that knows the change."""
        if PAGE not in self.companions:
            return False
        drop_ins = [file for e in self.wanted for file in e.files if file.path.startswith(PAGE.drop_ins)]
        return (
            any(file.changed for file in drop_ins)
            or self.frontend.secret_changed
            or self.shared_changed(f"{UNITS}/{PAGE.service}")
            or self.programs_changed()
        )

    def waiting_units(self):
        """The units that shall be enabled and active: they wait for requests, in the spool and on the network."""
        units = [e.path for e in self.wanted if not e.hands_over] + [e.socket for e in self.wanted if e.listens]
        return units + [companion.socket for companion in self.companions]

    def to_start(self):
        """Those of them that are not active."""
        return [unit for unit in self.waiting_units() if not self.is_active(unit) and unit not in self.paused()]

    def paused(self):
        """The path units that wait for nothing, until somebody says `triggerctl resume`."""
        return [e.path for e in self.wanted if e.paused]

    def to_stop(self):
        """Path units that shall not be active: of endpoints that hand their socket over now, which would start the
        server without it."""
        units = [e.path for e in self.wanted if e.hands_over]
        return [unit for unit in units if self.is_active(unit)]

    def unwanted_units(self):
        """The units of companions that nobody wants any more and that do something, list of str."""
        quiet = ("inactive", "failed", None)
        units = [unit for companion in self.unwanted for unit in companion.units]
        return [unit for unit in units if self.states.get(unit, {}).get("ActiveState") not in quiet]

    def links(self):
        """The units to enable and to disable: two lists."""
        enable = self.waiting_units()
        disable = [unit for e in self.wanted for unit in (e.path, e.socket) if unit not in enable]
        disable += [companion.socket for companion in self.unwanted]
        for endpoint in self.removed:
            disable += [endpoint.socket, endpoint.path]
        return [u for u in enable if not enabled(u)], [u for u in disable if enabled(u)]

    def missing_users(self):
        names = [endpoint.user for endpoint in self.wanted]
        if self.wanted or self.shared:
            names.append(JOBS_USER)
        names += [companion.user for companion in self.companions]
        return [name for name in names if not account(pwd.getpwnam, name)]

    def place_changes(self):
        """The directories that are missing, and what has other rights than it shall, beside Files: list of Place. What
        would belong to a user that does not exist yet is left out."""
        paths = {file.path for file in self.files() if file.content is not None}
        places = own_directories(paths)
        if self.wanted:
            places += [Directory(path) for path in (JOBS, SPOOL, STATE)] + [Directory(CREDENTIALS, 0o700)]
        places += [d for e in self.wanted if account(grp.getgrnam, e.user) for d in e.directories()]
        places += self.frontend.places()
        if self.programs:
            places += [place for place in programs_places(self.obsolete()) if place.path not in paths]
        return [place for place in {place.path: place for place in places}.values() if place.changed]

    def obsolete(self):
        """Versions of the programs that may go, list of str. The last but one is kept: what runs since before may still
        load parts of it."""
        return earlier_versions(self.programs.target)[:-1] if self.programs else []

    def _stale_metrics(self):
        """The metrics that were written where they are not any more, also those that an earlier run had to leave."""
        unit = METRICS.files[1]
        before = File(unit, None).before or b""
        after = b"".join(file.content or b"" for file in self.shared if file.path == unit)
        return stale_metrics(before, after, [path for path in self.unfinished if path.startswith("/")])

    def leftovers(self):
        """What is to be removed from the file system."""
        paths = [path for endpoint in self.removed for path in endpoint.leftovers()]
        if self.purge_all:
            paths += [path for path in self.shared_paths if not path.startswith(LIBRARY)]
            paths += [ROOT, CONFIGURATION, LIBRARY, SPOOL, STATE, RUNTIME, SYSCTL]
            paths += [path for companion in COMPANIONS for path in companion.files]
        return [path for path in paths if os.path.lexists(path)]

    def users_to_remove(self):
        names = [e.user for e in self.removed]
        if self.purge_all and gecos(JOBS_USER) == JOBS_GECOS:
            names.append(JOBS_USER)
        if self.purge_all or self.shared:
            names += [companion.user for companion in self.unwanted if gecos(companion.user) == companion.gecos]
        return [name for name in names if account(pwd.getpwnam, name)]

    def any(self):
        return bool(
            self.file_changes()
            or (self.programs and self.programs.changed)
            or self.to_start()
            or self.to_stop()
            or self.unwanted_units()
            or any(self.links())
            or self.missing_users()
            or self.place_changes()
            or self.obsolete()
            or self.inotify.files()
            or self.stale_metrics
            or self.leftovers()
            or self.users_to_remove()
            or self.unfinished
            or self.binds_root()
            or self.secures_root()
            or self.nginx_waits()
            or any(self.replaces_socket(endpoint) for endpoint in self.wanted)
        )


def is_stale(part, root=ROOT):
    """Whether acceptors find at a part of the host another folder than the host has there, or below it, at a mount
    point of either; credentials come and go."""
    real = os.path.realpath(part)
    below = {point[len(top) :] for top in (real, root + part) for point in mounts_below(top)}
    places = {""} if part == LOADED_CREDENTIALS else {"", *below}
    return os.path.exists(real) and not all(_is_same(real + place, root + part + place) for place in places)


def _is_same(path, bound):
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
