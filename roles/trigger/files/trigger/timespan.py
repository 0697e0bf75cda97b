"""Times as people write and read them. No I/O."""

import calendar
import re

_UNITS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = r"(\d+(?:\.\d+)?)\s*(%s)?\s*" % "|".join(sorted(_UNITS, key=len, reverse=True))
_SHOWN = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def parse_span(text: str) -> float:
    """Return the seconds of a time span such as 90, 30s or 1h 30min (systemd.time(7)). Raises ValueError."""
    if not re.fullmatch("(?:%s)+" % _PART, text):
        raise ValueError("%r is not a valid time span; write for example 30s or 5min" % text)
    return sum(float(number) * _UNITS[unit or "s"] for number, unit in re.findall(_PART, text))


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
