"""When something was and how long it took, for people. No I/O."""

import time

from trigger.page.markup import element
from trigger.timespan import second_of

_SHOWN = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def span(seconds):
    """Say how long something took: 205 ms, 3.2 s, 1 min 5 s, 2 h 10 min."""
    if seconds < 0.9995:
        return "%d ms" % round(seconds * 1000)
    if seconds < 59.95:
        return ("%.1f" % seconds).replace(".0", "") + " s"
    return " ".join(_parts(round(seconds))[:2])


def ago(seconds):
    """Say how long ago something was: just now, 40 s ago, 3 min ago. Clocks that differ a little make no future."""
    return _parts(int(seconds))[0] + " ago" if seconds >= 1 else "just now"


def short(timestamp, now):
    """Return an element that says how long ago something was, and on request when. timestamp: str, as
    records.timestamp() makes it. now: seconds since the epoch."""
    return element("time", ago(now - second_of(timestamp)), datetime=timestamp, title=_written(timestamp))


def full(timestamp):
    """Return an element that says when something was, in the host's own time zone."""
    return element("time", _written(timestamp), datetime=timestamp)


def _written(timestamp):
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(second_of(timestamp)))


def _parts(left):
    parts = []
    for unit, size in _SHOWN:
        if left >= size:
            parts.append("%d %s" % (left // size, unit))
            left %= size
    return parts
