"""When systemd starts a run by itself, as it says of the expressions of a schedule: the page may not ask for timers."""

from __future__ import annotations

import calendar
import subprocess
import time

from trigger import programs

PATIENCE = 2.0  # seconds
UNKNOWN_FOR = 60.0  # seconds for which counts that there is no time
_known: dict[tuple[str, ...], tuple[float | None, float]] = {}  # what was said, and until when it counts
_ELAPSES, _IN_UTC, _FORM = "Next elapse: ", "(in UTC): ", "%Y-%m-%d %H:%M:%S"


def next_run(expressions: list[str]) -> float | None:
    """Return when the first of them comes next, in seconds since the epoch; None where none does any more, or systemd
    does not say it. A random delay comes on top."""
    key = tuple(expressions)
    found, until = _known.get(key, (None, 0.0))
    if until <= time.time():
        found = min(_times(_ask(key)), default=None)
        _known[key] = found, time.time() + UNKNOWN_FOR if found is None else found
    return found


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
