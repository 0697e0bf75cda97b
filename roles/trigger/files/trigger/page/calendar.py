"""When systemd starts a run by itself, as it says of the expressions of a schedule: the page may not ask for timers."""

from __future__ import annotations

import calendar
import subprocess
import time

from trigger import programs

PATIENCE = 2.0  # seconds
_known: dict[tuple[str, ...], float] = {}  # what was said counts until that time has come
_ELAPSES, _IN_UTC, _FORM = "Next elapse: ", "(in UTC): ", "%Y-%m-%d %H:%M:%S"


def next_run(expressions: list[str]) -> float | None:
    """Return when the first of them comes next, in seconds since the epoch; None where none does any more, or systemd
    does not say it. A random delay comes on top."""
    key = tuple(expressions)
    if _known.get(key, 0.0) <= time.time():
        _known[key] = min(_times(_ask(key)), default=0.0)
    return _known[key] or None


def _ask(expressions):
    command = [programs.SYSTEMD_ANALYZE, "calendar", "--", *expressions]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=programs.ENVIRONMENT,
            timeout=PATIENCE,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _times(said):
    """The times in UTC: of each block, the line that says it so, or the only one where that is the host's zone."""
    for block in said.split("\n\n"):
        lines = [line.strip() for line in block.splitlines()]
        found = [line.partition(": ")[2] for line in lines if line.startswith((_ELAPSES, _IN_UTC))]
        words = found[-1].split() if found else []  # such as Mon 2026-11-30 06:30:00 UTC, or never
        if len(words) == 4 and words[3] == "UTC":
            yield calendar.timegm(time.strptime(" ".join(words[1:3]).partition(".")[0], _FORM))
