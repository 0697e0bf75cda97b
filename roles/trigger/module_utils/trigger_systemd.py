# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd on the host, by its own commands; each is called once for any number of units."""

from __future__ import annotations

import re
import subprocess

from .trigger_names import UNITS

PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "NeedDaemonReload", "Listen")

# By their paths, which hold on Debian 11 to 13, with a merged /usr and without.
SYSTEMCTL = "/bin/systemctl"
JOURNALCTL = "/bin/journalctl"
SYSTEMD_SYSUSERS = "/bin/systemd-sysusers"
ANALYZE = "/usr/bin/systemd-analyze"
# Of a play's own environment, and of whoever runs it, the programs are told nothing.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Failed(Exception):
    """A command failed. str(error) is what it said."""


def run(*command):
    """Run a command, a program's path and its arguments. Returns its standard output, str. Raises Failed."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    if done.returncode:
        raise Failed(f"{' '.join(command[:6])}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def systemctl(verb, units, *options):
    """Call systemctl for units, a list; not at all for an empty one. Raises Failed."""
    if units:
        run(SYSTEMCTL, verb, *options, "--", *units)


def version():
    """Return systemd's version, int."""
    return int(run(SYSTEMCTL, "--version").split()[1])


def show(units):
    """Return the state of units: dict of name to dict of PROPERTIES; `Listen` is a list."""
    states = {}
    if not units:
        return states
    output = run(SYSTEMCTL, "show", "--property", ",".join(PROPERTIES), "--", *units)
    for block in output.strip().split("\n\n"):
        state = {"Listen": []}
        for line in block.splitlines():
            key, value = line.split("=", 1)
            if key == "Listen":
                state["Listen"].append(value.rpartition(" (")[0])
            else:
                state[key] = value
        states[state["Id"]] = state
    return states


def stop(units: list[str]) -> None:
    """Stop those units that do something: there may be no file of the others, as of other releases. Raises Failed."""
    systemctl(
        "stop", [unit for unit, state in show(units).items() if state["ActiveState"] not in ("inactive", "failed")]
    )


def verify(root, units):
    """Check unit files before they are put in place.

    root: str, a directory that holds them as / would. units: list of str.
    Returns a list of (path below the root, line number or "", message), empty when all is well.
    Unknown keys, on which systemd-analyze only warns, count as mistakes.
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
            "SYSTEMD_LOG_COLOR": "0",  # systemd 247 colours what it says even where it is not a terminal
            **ENVIRONMENT,
        },
    )
    found = re.findall(rf"^{re.escape(directory)}/(\S+?):(?:(\d+):)? (.*)$", done.stderr, re.MULTILINE)
    if done.returncode and not found:
        return [("", "", line) for line in done.stderr.splitlines()]
    return found


def journal(unit, lines=5):
    """Return the last lines that a unit and systemd wrote about it, str."""
    try:
        return run(JOURNALCTL, "--unit", unit, "--lines", str(lines), "--output", "cat", "--no-pager").strip()
    except Failed as error:
        return str(error)
