# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host sets for all of its services, and what of the role's that undoes.

Images of containers do that: distrobuilder, which makes those of Incus, LXD and LXC, has zzz-lxc-service.conf in
/run/systemd/system/service.d for a container that may not nest. It empties LoadCredential=, without which no secret
reaches an acceptor or a job, and switches off what needs mounts that such a container is denied."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .trigger_systemd import drop_ins

# Behind the host's, by its name. An admin's own drop-ins (override.conf) are repeated in it, so they go on winning.
REPEATING = "zzzz-trigger.conf"
# What is repeated: what such a host can do nevertheless. The rest of what it switches off could keep units from
# starting.
REPEATED = ("LoadCredential", "NoNewPrivileges")
_PLACES = ("/etc/systemd/system", "/run/systemd/system")
_WITNESS = "systemd-journald.service"  # one that every host has


class Directive(NamedTuple):
    """A line of a unit."""

    key: str
    value: str


class Overrides:
    """The drop-ins for all services of this host. paths: where they are."""

    def __init__(self, paths: Iterable[str] | None = None) -> None:
        found = drop_ins(_WITNESS) if paths is None else paths
        self.paths = [path for path in found if os.path.basename(os.path.dirname(path)) == "service.d"]
        self._contents = {path: _read(path) for path in self.paths}
        self._keys = {path: {line.key for line in service_lines(text)} for path, text in self._contents.items()}

    @property
    def keys(self) -> set[str]:
        """What they set."""
        return {key for keys in self._keys.values() for key in keys}

    def where(self, key: str) -> str:
        """The path of the last one that sets a directive."""
        return [path for path in self.paths if key in self._keys[path]][-1]

    def repeat(self, texts: Iterable[bytes | None]) -> str:
        """What of some files' [Service] has to be said again behind them, as text of a drop-in; "" where there is
        nothing. texts: the files of one unit, in the order in which systemd reads them."""
        repeated = [key for key in REPEATED if key in self.keys]
        lines = [line for text in texts for line in service_lines(text or b"") if line.key in repeated]
        return "".join(f"{line.key}={line.value}\n" for line in lines)

    def taker(self, of_unit: Mapping[str, bytes | None], own: str) -> str | None:
        """The name of the drop-in that takes a credential from a unit for good, or None. of_unit: the unit's, by name.
        own: the name of the one that says which it shall have."""
        contents = {**{os.path.basename(path): text for path, text in self._contents.items()}, **of_unit}
        present: set[str] = set()
        found = None
        for name in sorted(contents):
            for value in _credentials(contents[name]):
                if value:
                    present.add(value)
                else:
                    present, found = set(), name
        return found if set(_credentials(of_unit.get(own))) - present else None

    def undone(self, texts: Iterable[bytes | None]) -> list[str]:
        """The directives that are in files and stay undone: their names."""
        keys = {line.key for text in texts for line in service_lines(text or b"")}
        return sorted(keys & self.keys - set(REPEATED))


def template_of(unit: str) -> str:
    """What a unit is an instance of; the unit itself where it is none."""
    return re.sub("@[^.]+", "@", unit)


def in_order(unit: str, ours: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    """The contents of a unit's drop-ins, and of its template's, by name, in systemd's order. ours: those of the role,
    as they shall be; others are an admin's, as they are."""
    directories = [f"{place}/{name}.d" for name in (template_of(unit), unit) for place in reversed(_PLACES)]
    # Of one name the last one counts.
    found = {os.path.basename(path): path for each in directories for path in glob.glob(f"{glob.escape(each)}/*.conf")}
    contents = {**{name: _read(path) for name, path in found.items() if name != REPEATING}, **ours}
    return {name: contents[name] for name in sorted(contents)}


def service_lines(text: bytes) -> Iterator[Directive]:
    """What stands in [Service] of a unit's file."""
    section = ""
    for line in re.sub(r"\\\n", " ", text.decode(errors="replace")).splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and line[0] not in "#;":
            key, value = line.split("=", 1)
            yield Directive(key.strip(), value.strip())


def _credentials(text):
    """The names of those that are loaded; "" for those before to be forgotten."""
    lines = service_lines(text or b"")
    return [line.value.partition(":")[0] for line in lines if line.key == "LoadCredential"]


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # masked, or it has just gone
