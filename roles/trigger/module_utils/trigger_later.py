# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a play that an endpoint's own job runs has to put off: the removal of that endpoint, or of everything. The run
goes on, and is recorded; then a transient unit does the rest, by trigger_remainder, of which it has a copy."""

from __future__ import annotations

import inspect
import json
import sys
from functools import partial
from typing import Any, NamedTuple

from .trigger_files import Directory, File, remove
from .trigger_steps import Step, call_systemctl
from .trigger_systemd import is_quiet, reset_failed, run, show

UNIT = "trigger-later.service"
DIRECTORY = "/run/trigger-later"
SYSTEMD_RUN = "/usr/bin/systemd-run"

_WORK = DIRECTORY + "/work.json"
_PACKAGE = "role"  # below the directory
_MAIN = f"""\
import sys
from functools import partial

from {_PACKAGE}.trigger_remainder import main

sys.exit(main(partial(print, flush=True)))
"""


class Work(NamedTuple):
    """endpoint: its name, of the run that goes on. everything: whether all goes with it."""

    endpoint: str
    everything: bool


def pending() -> Work | None:
    """What is put off at present."""
    work = load()
    return work and Work(*work[:2]) if work and not is_quiet(show([UNIT])[UNIT]) else None


def load() -> tuple[str, bool, dict[str, Any]] | None:
    """What put_off() has written: the parts of a Work, and the plan."""
    try:
        with open(_WORK) as file:
            return tuple(json.load(file))
    except FileNotFoundError:
        return None


def put_off(work: Work, plan: dict[str, Any]) -> Step:
    """plan: that of the play."""
    what = "everything is" if work.everything else "it is"
    sentence = f"{what} removed when its run has ended"
    return Step(f"{work.endpoint}: {sentence}", partial(_put_off, work, plan), {work.endpoint: [sentence]})


def call_off() -> list[Step]:
    """A play has other plans."""
    return call_systemctl("stop", [UNIT])


def forget() -> None:
    """It is about to be done."""
    remove(DIRECTORY)


def _put_off(work: Work, plan: dict[str, Any]) -> None:
    from . import trigger_remainder  # noqa: F401 - which imports this module; it is among those that are copied

    remove(DIRECTORY)
    Directory(DIRECTORY, 0o700).write()
    prefix = f"{__package__}.trigger_"
    for name, module in list(sys.modules.items()):
        if name.startswith(prefix):
            path = f"{DIRECTORY}/{_PACKAGE}/{name.rpartition('.')[2]}.py"
            File(path, inspect.getsource(module).encode(), 0o600).write()
    File(f"{DIRECTORY}/__main__.py", _MAIN.encode(), 0o600).write()
    kept = {**plan, "endpoints": [], "frontend": None}  # no secrets, which nobody needs any more
    File(_WORK, json.dumps([*work, kept]).encode(), 0o600).write()
    reset_failed([UNIT])
    description = f"Trigger {work.endpoint}, removed when its run has ended"
    run(SYSTEMD_RUN, "--quiet", f"--unit={UNIT}", f"--description={description}", "/usr/bin/python3", "-I", DIRECTORY)
