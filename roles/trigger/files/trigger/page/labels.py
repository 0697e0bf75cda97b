"""What became of a run, and other things, in words. No I/O."""

from __future__ import annotations

from trigger.page.markup import Markup, element

# Of each state: how it is called, its mark, and its tone, which is a colour. The word says it all; mark and tone are
# for the eye alone.
_STATES = {
    "succeeded": ("Succeeded", "✓", "good"),
    "failed": ("Failed", "✗", "bad"),
    "timed-out": ("Timed out", "✗", "bad"),
    "damaged": ("Damaged", "✗", "bad"),
    "interrupted": ("Interrupted", "!", "odd"),
    "cancelled": ("Cancelled", "!", "odd"),
    "running": ("Running", "▶", "busy"),
    "queued": ("Waiting", "⋯", "busy"),
    "paused": ("Paused", "!", "odd"),
    "disabled": ("Disabled", "○", "calm"),
    "cannot-start": ("Cannot start", "✗", "bad"),
    "idle": ("Idle", "○", "calm"),
    "never": ("None yet", "○", "calm"),
    "unknown": ("Not known", "?", "odd"),
}
# systemd's words (systemd.exec(5), $SERVICE_RESULT) for what exit code and signal do not tell.
_REASONS = {
    "oom-kill": "It took more memory than it may have.",
    "core-dump": "It crashed.",
    "watchdog": "It gave no sign of life in time.",
    "resources": "The host lacked what was needed to start it.",
    "exec-condition": "A condition for starting it was not met.",
}


def badge(state: str) -> Markup:
    """Return an element that tells a state. state: of a run, or idle, never or unknown."""
    word, mark, tone = _STATES.get(state, (state, "?", "odd"))
    return _badge(word, mark, tone)


def word(state: str) -> str:
    """Return what a state is called. state: as badge() takes it."""
    return _STATES.get(state, (state,))[0]


def tone(state: str) -> str:
    """Return the tone of a state: good, bad, odd, busy or calm."""
    return _STATES.get(state, _STATES["unknown"])[2]


def waiting(count: int) -> Markup:
    """Return an element that says how many requests wait."""
    _, mark, tone = _STATES["queued"]
    return _badge("%d waiting" % count, mark, tone)


def goes_on(running: int, waiting: int) -> str:
    """Say what is under way, "" where nothing is. running, waiting: how many runs."""
    return ", ".join(["%d running" % running] * bool(running) + ["%d waiting" % waiting] * bool(waiting))


def size(count: int) -> str:
    """Say how much some bytes are."""
    return "%d KiB" % (count // 1024) if count < 1024 * 1024 else "%.1f MiB" % (count / 1024 / 1024)


def _badge(word, mark, tone):
    return element("span", element("span", mark, aria_hidden="true"), " ", word, class_="state " + tone)


def ending(run: dict) -> list[str]:
    """Say how a run ended, in sentences. run: as runs.Runs.find() returns it."""
    told = [_REASONS[run["result"]]] if run["result"] in _REASONS else []
    if run["state"] == "timed-out":
        told.append("It exceeded its time limit and was stopped.")
    elif run["state"] == "interrupted":
        told.append("It was interrupted by a shutdown, or nobody saw its end, and is not repeated.")
    elif run["state"] == "damaged":
        told.append("Its request could not be read any more, so it did not begin.")
    elif run["state"] == "cancelled":
        told.append("It was taken back before it began." if run["started"] is None else "Somebody stopped it.")
    if run["exit_code"] is not None:
        told.append("Its exit code was %d." % run["exit_code"])
    if run["signal"]:
        told.append("It was ended by the signal %s." % run["signal"])
    return told
