"""systemd on this host, by its own command; called once for any number of units."""

from __future__ import annotations

import subprocess

from trigger import programs
from trigger.ctl.errors import Failure, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROPERTIES = (
    "Id",
    "Description",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "UnitFileState",
    "NeedDaemonReload",
    "Triggers",
    "User",
    "WorkingDirectory",
    "FragmentPath",
    "DropInPaths",
    "Listen",
)


def show(units: list[str]) -> dict[str, dict]:
    """Return what systemd knows of units: dict of name to dict of PROPERTIES to str; `Listen` is a list. Raises
    Failure."""
    states = {}
    if not units:
        return states
    for block in _run("show", "--property", ",".join(PROPERTIES), "--", *units).strip().split("\n\n"):
        state: dict[str, Any] = dict.fromkeys(PROPERTIES, "")
        state["Listen"] = []
        for line in block.splitlines():
            key, _, value = line.partition("=")
            if key == "Listen":
                state[key].append(value)
            else:
                state[key] = value
        states[state["Id"]] = state
    return states


def order(verb: str, *units: str) -> None:
    """Call systemctl, and wait until it is done. Raises Failure."""
    _run(verb, "--", *units)


def order_only(verb: str, *units: str) -> None:
    """The same without waiting."""
    _run(verb, "--no-block", "--", *units)


def start_socket(socket: str, service: str) -> None:
    """Start a socket, which systemd does not beside its service. Raises Failure."""
    order("stop", service)
    order("start", socket)


def _run(*arguments):
    try:
        done = subprocess.run(
            [programs.SYSTEMCTL, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=programs.ENVIRONMENT,
        )
    except OSError as error:
        raise Failure("systemctl cannot be called: %s" % told(error)) from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise Failure("systemctl %s: %s" % (arguments[0], said or "exit status %d" % done.returncode))
    return done.stdout
