"""A runner that was told to leave, until it has left: then systemd has ended all that its job has started, too."""

import time

SILENCE = 30.0  # seconds for which it may stay
LOOK_EVERY = 0.25  # seconds between two looks at a unit; more often at the first, for one that is about to stop
LOOK_FIRST = 0.005


class Departure:
    """unit: job_unit.JobUnit."""

    def __init__(self, unit):
        self._unit = unit
        self.invocation = None  # of the activation that is to leave
        self._told_at = 0.0

    def expect(self, invocation):
        """An activation was told to leave: str, or None where it is not known which."""
        self.invocation = invocation
        self._told_at = time.monotonic()

    def is_over(self):
        """Whether nobody is to leave any more. Raises Failed."""
        if self.invocation is not None and not self._unit.activation().is_still(self.invocation):
            self.invocation = None
        return self.invocation is None

    def look_again_in(self):
        """It is not over: in how many seconds to look again."""
        self.insist()
        return min(LOOK_EVERY, max(LOOK_FIRST, (time.monotonic() - self._told_at) / 4))

    def insist(self):
        """Have one stopped that has stayed for too long. Raises Failed."""
        if time.monotonic() - self._told_at > SILENCE and not self.is_over():
            self._unit.try_stop()
            self._told_at = time.monotonic()
