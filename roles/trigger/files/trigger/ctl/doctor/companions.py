"""Whether what is there for all endpoints does its work, where the role has put it: the pages, and the metrics."""

from __future__ import annotations

import os
import shlex

from trigger import paths
from trigger.ctl import status, systemd
from trigger.ctl.doctor import drop_ins, units
from trigger.ctl.doctor.finding import AGAIN, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# What is there where the role has put it, a socket, its service, how people call that, and what follows where one of
# them does not start.
_COMPANIONS = (
    (paths.SITE, paths.PAGE_SOCKET, paths.PAGE_SERVICE, "the program of the pages", "nobody sees the pages"),
    (
        "%s/%s" % (paths.UNITS, paths.METRICS_SOCKET),
        paths.METRICS_SOCKET,
        paths.METRICS_SERVICE,
        "the program of the metrics",
        "the metrics stay as they are",
    ),
)


def findings() -> Iterator[Finding]:
    """Yield a Finding for each thing that is wrong. Raises Failure and OSError."""
    for mark, socket, service, who, so in _COMPANIONS:
        if os.path.exists(mark):
            states = systemd.show([socket, service])
            yield from _look_at(socket, states[socket], service, states[service], who, so)


def _look_at(socket, socket_state, service, state, who, so):
    yield from units.loaded(None, socket, socket_state)
    yield from units.loaded(None, service, state)
    yield from units.listens(None, socket, socket_state, so)
    yield from units.comes_back(None, socket, socket_state)
    missing = [path for path in _written_to(state) if not os.path.isdir(path)]
    for path in missing:
        mend = "make it, or name another one in trigger_metrics_dir and " + AGAIN
        yield Finding(None, "%s is missing, so %s" % (path, so), mend)
    if not missing and (status.is_tried_again(state) or state["ActiveState"] == "failed"):
        yield units.does_not_start(None, who, service, state, so)
    yield from drop_ins.of_service(None, service, state, "take it out")


def _written_to(state):
    """The directories that the service's own file lets it write to: one of the metrics, none of the pages."""
    if not state["FragmentPath"]:
        return []
    with open(state["FragmentPath"], encoding="utf-8") as file:
        found = [value for key, value in drop_ins.directives(file.read()) if key == "ReadWritePaths"]
    return [path.replace("%%", "%") for value in found for path in shlex.split(value)]
