"""Whether a runner that was prepared is still what its unit would start now."""

import os

from trigger import paths

_UNITS = ("/etc/systemd/system", "/run/systemd/system")


class Freshness:
    """unit: job_unit.JobUnit."""

    def __init__(self, unit):
        self._unit = unit
        self._loaded = None  # the files of which systemd is known to have loaded the units

    def stamp(self, endpoint):
        """Return a value that changes with what a runner would be started with now: the unit of the job, its drop-ins,
        the endpoint's configuration, credentials and programs. endpoint: endpoint.Endpoint. Raises Failed."""
        files = _files(endpoint)  # first: what is reloaded from here on shows by needs_reload(), or by these
        if files != self._loaded:
            if self._unit.needs_reload():
                return files, "systemd goes by the units before"
            self._loaded = files
        return files, "loaded"


def _files(endpoint):
    template, unit = paths.Units("").job, paths.Units(endpoint.name).job
    files = [endpoint.configuration, paths.LIBRARY + "/current", *endpoint.job_files]
    for directory in _UNITS:
        for each in (template, unit):
            files += [directory + "/" + each, *_drop_ins(directory + "/" + each + ".d")]
    return [(path, _stamp(path)) for path in files]


def _drop_ins(directory):
    try:
        return [directory + "/" + name for name in sorted(os.listdir(directory))]
    except OSError:
        return []


def _stamp(path):
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
