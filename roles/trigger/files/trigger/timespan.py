"""Times as people write and read them. No I/O."""

import calendar
import re

_UNITS = {
    **dict.fromkeys(("usec", "us", "µs"), 1e-6),
    **dict.fromkeys(("msec", "ms"), 1e-3),
    **dict.fromkeys(("seconds", "second", "sec", "s", ""), 1.0),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60.0),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), 86400.0),
    **dict.fromkeys(("weeks", "week", "w"), 604800.0),
    **dict.fromkeys(("months", "month", "M"), 2629800.0),
    **dict.fromkeys(("years", "year", "y"), 31557600.0),
}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Zµ]*)\s*")
_SHOWN = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def parse_span(text: str) -> float:
    """Return the seconds of a time span such as 90, 30s or 1h 30min, float("inf") of infinity (systemd.time(7),
    "Parsing Time Spans"). Raises ValueError."""
    if text.strip() == "infinity":
        return float("inf")
    seconds, end = 0.0, 0
    while end < len(text):
        part = _PART.match(text, end)
        if not part or part[2] not in _UNITS:
            break
        seconds += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not text or end < len(text):
        raise ValueError("%r is not a valid time span; write for example 90s, 5min or '1h 30min'" % text)
    return seconds


def span(seconds: float) -> str:
    """Say how long something took: 205ms, 3.2s, 1min 5s, 2h 10min."""
    if seconds < 0.9995:
        return "%dms" % round(seconds * 1000)
    if seconds < 59.95:
        return ("%.1f" % seconds).replace(".0", "") + "s"
    left = round(seconds)
    parts = []
    for unit, size in _SHOWN:
        if left >= size:
            parts.append("%d%s" % (left // size, unit))
            left %= size
    return " ".join(parts[:2])


def ago(seconds: float) -> str:
    """Say how long ago something was. Clocks that differ a little make no future."""
    return "just now" if seconds < 1 else span(int(seconds)) + " ago"


def second_of(timestamp: str) -> float:
    """Undo records.timestamp(): seconds since the epoch."""
    parts = timestamp[:4], timestamp[5:7], timestamp[8:10], timestamp[11:13], timestamp[14:16], timestamp[17:19]
    return calendar.timegm(tuple(map(int, parts))) + float(timestamp[19:-1] or 0)


def count(number: int, noun: str) -> str:
    """Say how many: 1 request, 2 requests."""
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")
