"""When systemd starts a run by itself, as it says of the expressions of a schedule: the page may not ask for timers."""

from __future__ import annotations

import calendar
import subprocess
import time

from trigger import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE = 2.0  # seconds
UNKNOWN_FOR = 60.0  # seconds for which counts that there is no time
_known: dict[str, tuple[float | None, float]] = {}  # of each expression: what was said, and until when it counts
_ELAPSES, _IN_UTC, _FORM = "Next elapse: ", "(in UTC): ", "%Y-%m-%d %H:%M:%S"


def next_run(expressions: list[str]) -> float | None:
    """Return when the first of them comes next, in seconds since the epoch; None where none does any more, or systemd
    does not say it. A random delay comes on top."""
    learn(expressions)
    times = [_known[each][0] for each in expressions]
    return min((each for each in times if each is not None), default=None)


def learn(expressions: Iterable[str]) -> None:
    """Ask systemd at once for what next_run() is to know of all of them: a call takes a third of a page's time."""
    now = time.time()
    asked = [each for each in dict.fromkeys(expressions) if _known.get(each, (None, 0.0))[1] <= now]
    if not asked:
        return
    for expression, block in zip(asked, _ask(asked)):
        found = _time(block)
        _known[expression] = found, now + UNKNOWN_FOR if found is None else found


def _ask(expressions):
    """What systemd says of each, str, which may be nothing."""
    command = [programs.SYSTEMD_ANALYZE, "calendar", "--", *expressions]
    try:
        said = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=programs.ENVIRONMENT,
            timeout=PATIENCE,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return [""] * len(expressions)
    blocks = [block for block in said.split("\n\n") if block.strip()]
    if len(blocks) == len(expressions):
        return blocks
    if len(expressions) == 1:
        return [""]
    return [_ask([each])[0] for each in expressions]  # one of them is no expression, which says nothing of the others


def _time(block):
    """The time in UTC: of a block, the line that says it so, or the only one where that is the host's zone."""
    lines = [line.strip() for line in block.splitlines()]
    found = [line.partition(": ")[2] for line in lines if line.startswith((_ELAPSES, _IN_UTC))]
    words = found[-1].split() if found else []  # such as Mon 2026-11-30 06:30:00 UTC, or never
    if len(words) != 4 or words[3] != "UTC":
        return None
    return calendar.timegm(time.strptime(" ".join(words[1:3]).partition(".")[0], _FORM))
