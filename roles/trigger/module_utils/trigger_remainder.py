# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What trigger_later has put off, done by a unit of its own, when the run has ended and is recorded."""

from __future__ import annotations

import math
import os
import pwd
import time
from collections.abc import Callable, Iterator

from .trigger_application import (
    busy,
    daemon_reload,
    forget_failed,
    forget_unfinished,
    mark_unfinished,
    remove,
    remove_user,
    stop_endpoints,
    write_metrics,
)
from .trigger_changes import changes
from .trigger_found import Found
from .trigger_host import (
    METRICS,
    OF_ALL,
    Endpoint,
    Mistake,
    account,
    claimed,
    enabled,
    found_names,
    noted_user,
    unfinished,
)
from .trigger_later import forget, load
from .trigger_steps import Outcome, Step, call_systemctl
from .trigger_systemd import Failed
from .trigger_turn import turn

LOOK_EVERY = 0.2  # seconds


def main(say: Callable[[str], None]) -> str | None:
    """Wait for the end of the run, and remove what there is to remove. say: writes a line to the journal. Returns why
    it has failed, None when it has not."""
    work = load()
    if work is None:
        return None
    name, everything, plan = work
    endpoint = Endpoint(name)
    while _runs(endpoint):
        time.sleep(LOOK_EVERY)
    try:
        with turn(patience=math.inf):  # nobody else would come back for it
            forget()  # nobody can call it off any more
            for step in changes(Found(plan, False, "absent")) if everything else _removes(endpoint):
                say(step.says)
                for warning in (step.do() or Outcome()).warnings:
                    say(warning)
    except (Mistake, Failed, OSError) as error:
        return str(error)
    return None


def _runs(endpoint: Endpoint) -> bool:
    """Whether it is at work; the dispatcher gives a claim back when the run is recorded."""
    return bool(busy([endpoint]) if endpoint.handoff else claimed(endpoint.name))


def _removes(endpoint: Endpoint) -> Iterator[Step]:
    note = noted_user(endpoint.user)
    yield mark_unfinished([note])
    yield from call_systemctl("disable", filter(enabled, endpoint.sockets), "--no-reload", "--quiet")
    yield stop_endpoints([endpoint])
    yield from remove([path for path in endpoint.leftovers() if os.path.lexists(path)])
    if set(found_names()) <= {endpoint.name}:
        yield from remove([path for path in OF_ALL if os.path.lexists(path)])
    yield daemon_reload()
    if os.path.lexists(METRICS.files[1]):
        yield from write_metrics()
    yield from forget_failed([endpoint])
    if account(pwd.getpwnam, endpoint.user):
        yield remove_user(endpoint.user)
    yield forget_unfinished(unfinished() - {note})
