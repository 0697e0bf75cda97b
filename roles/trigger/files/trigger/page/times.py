"""When something was, as an element that people read and programs, too. No I/O."""

import time

from trigger import timespan
from trigger.page.markup import Markup, element


def short(timestamp: str, now: float) -> Markup:
    """Say how long ago something was, and on request when. timestamp: as records.timestamp() makes it. now: seconds
    since the epoch."""
    ago = timespan.ago(now - timespan.second_of(timestamp))
    return element("time", ago, datetime=timestamp, title=_written(timestamp), class_="ago")


def full(timestamp: str) -> Markup:
    """Say when something was, in the host's own time zone."""
    return element("time", _written(timestamp), datetime=timestamp)


def _written(timestamp):
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(timespan.second_of(timestamp)))
