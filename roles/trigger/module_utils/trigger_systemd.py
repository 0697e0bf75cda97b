# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd on the host, by its own commands; each is called once for any number of units."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import time
from typing import Any

from .trigger_names import UNITS

PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "NeedDaemonReload", "Listen")

# By their paths, which hold on Debian 11 to 13, with a merged /usr and without.
SYSTEMCTL = "/bin/systemctl"
JOURNALCTL = "/bin/journalctl"
SYSTEMD_SYSUSERS = "/bin/systemd-sysusers"
ANALYZE = "/usr/bin/systemd-analyze"
# Of a play's own environment, and of whoever runs it, the programs are told nothing.
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "SYSTEMD_LOG_COLOR": "0",  # systemd 247 colours what it says even where it is not a terminal
}

TRIALS = "/run/systemd/system"
# By itself systemd would wait for a oneshot without an end, and the play with it.
TRIAL = "[Unit]\nCollectMode=inactive-or-failed\n\n[Service]\nType=oneshot\nTimeoutStartSec=30s\n"

ATTEMPTS = 100
PAUSE = 0.1  # seconds between two of them


class Failed(Exception):
    """A command failed. str(error) is what it said."""


def run(*command: str) -> str:
    """Run a command, a program's path and its arguments. Returns its standard output. Raises Failed."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    if done.returncode:
        raise Failed(f"{' '.join(command[:6])}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def systemctl(verb: str, units: list[str], *options: str) -> None:
    """Call systemctl for units; not at all where there are none. Raises Failed."""
    if units:
        run(SYSTEMCTL, verb, *options, "--", *units)


def version() -> int:
    """systemd's version."""
    return int(run(SYSTEMCTL, "--version").split()[1])


def show(units: list[str]) -> dict[str, dict[str, Any]]:
    """The state of units: PROPERTIES by name; `Listen` is a list."""
    states: dict[str, dict[str, Any]] = {}
    if not units:
        return states
    output = run(SYSTEMCTL, "show", "--property", ",".join(PROPERTIES), "--", *units)
    for block in output.strip().split("\n\n"):
        state: dict[str, Any] = {"Listen": []}
        for line in block.splitlines():
            key, value = line.split("=", 1)
            if key == "Listen":
                state["Listen"].append(value.rpartition(" (")[0])
            else:
                state[key] = value
        states[state["Id"]] = state
    return states


def drop_ins(unit: str) -> list[str]:
    """The paths of the drop-ins that systemd has read for a unit, in the order in which they count."""
    return run(SYSTEMCTL, "show", "--property=DropInPaths", "--value", "--", unit).split()


def main_pid(unit: str) -> int:
    """The process id of a service; 0 when it does not run."""
    return int(run(SYSTEMCTL, "show", "--property", "MainPID", "--value", "--", unit).strip() or 0)


def is_quiet(state: dict[str, Any]) -> bool:
    """Whether a unit does nothing. state: as show() returns it."""
    return state["ActiveState"] in ("inactive", "failed")


def stop(units: list[str]) -> None:
    """Stop those units that do something: there may be no file of the others, as of other releases. Raises Failed."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            systemctl("stop", [unit for unit, state in show(units).items() if not is_quiet(state)])
            break
        except Failed as failed:
            # An acceptor that starts at this moment wants its companions, which cancels our order.
            if "canceled" not in str(failed) or attempt == ATTEMPTS:
                raise
        time.sleep(PAUSE)


def reset_failed(units: list[str]) -> None:
    """Have systemd forget that units have failed, which stay listed until then."""
    try:
        systemctl("reset-failed", [unit for unit, state in show(units).items() if state["ActiveState"] == "failed"])
    except Failed:
        pass  # systemd has forgotten one of them by itself meanwhile


def verify(root: str, units: list[str]) -> list[tuple[str, str, str]]:
    """Check unit files before they are put in place. root: a directory that holds them as / would.

    Returns for each mistake the path below the root, the line number or "", and the message. Unknown keys, on which
    systemd-analyze only warns, count as mistakes.
    """
    directory = root + UNITS
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", *(f"{directory}/{unit}" for unit in units)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={
            "SYSTEMD_UNIT_PATH": directory + ":",
            **ENVIRONMENT,
        },
    )
    found = re.findall(rf"^{re.escape(directory)}/(\S+?):(?:(\d+):)? (.*)$", done.stderr, re.MULTILINE)
    if done.returncode and not found:
        return [("", "", line) for line in done.stderr.splitlines()]
    return found


def trial(service: str, drop_in: str = "", name: str = "") -> None:
    """Have systemd start a service that is there for this alone. service: its directives. drop_in: those that come
    behind what the host has for all services, in a file of that name. Raises Failed, with what was said, and
    OSError."""
    unit = f"trigger-trial-{secrets.token_hex(4)}.service"
    path = f"{TRIALS}/{unit}"
    try:
        with open(path, "w") as file:
            file.write(f"{TRIAL}{service}")
        if drop_in:
            os.mkdir(f"{path}.d", 0o755)
            with open(f"{path}.d/{name}", "w") as file:
                file.write(f"[Service]\n{drop_in}")
        systemctl("start", [unit])  # of a unit that is new systemd reads the files without a daemon-reload
    except Failed as failed:
        said = [line for line in journal(unit, 20).splitlines() if unit not in line]
        raise Failed("; ".join(said) or str(failed)) from None
    finally:
        shutil.rmtree(f"{path}.d", ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def why_no_time(expression: str) -> str | None:
    """Why systemd cannot take a calendar expression, None where it can."""
    try:
        run(ANALYZE, "calendar", "--", expression)
    except Failed as error:
        return str(error).splitlines()[0].rpartition(": ")[2]  # a hint may follow
    return None


def journal(unit: str, lines: int = 5) -> str:
    """The last lines that a unit and systemd wrote about it."""
    try:
        return run(JOURNALCTL, "--unit", unit, "--lines", str(lines), "--output", "cat", "--no-pager").strip()
    except Failed as error:
        return str(error)
