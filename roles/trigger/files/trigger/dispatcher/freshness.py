"""Whether a runner that was prepared is still what its unit would start now."""

import os

from trigger import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from trigger.endpoint import Endpoint

    Stamp = list[tuple[str, Optional[tuple[int, int, int]]]]

_UNITS = ("/etc/systemd/system", "/run/systemd/system")
# What systemd makes anew whenever it reads units (systemd.generator(7)): a runner that began between the writing of a
# unit and the daemon-reload is of the unit before.
_READ = ("/run/systemd/generator", "/run/systemd/generator.early", "/run/systemd/generator.late")


def stamp(endpoint: "Endpoint") -> "Stamp":
    """Return a value that changes with the unit of the job, its drop-ins, what systemd has read of them, the endpoint's
    configuration, credentials and programs."""
    template, unit = paths.Units("").job, paths.Units(endpoint.name).job
    files = [*_READ, endpoint.configuration, paths.LIBRARY + "/current", *endpoint.job_files]
    for directory in _UNITS:
        for each in (template, unit):
            files += [directory + "/" + each, *_drop_ins(directory + "/" + each + ".d")]
    return [(path, _stamp(path)) for path in files]


def _drop_ins(directory: str) -> "list[str]":
    try:
        return [directory + "/" + name for name in sorted(os.listdir(directory))]
    except OSError:
        return []


def _stamp(path: str) -> "tuple[int, int, int] | None":
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
