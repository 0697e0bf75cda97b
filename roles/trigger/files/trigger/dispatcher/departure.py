"""A runner that was told to leave, until it has left: then systemd has ended all that its job has started, too."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.dispatcher.job_unit import JobUnit

SILENCE = 30.0  # seconds for which it may stay
LOOK_EVERY = 0.25  # seconds between two looks at a unit; more often at the first, for one that is about to stop
LOOK_FIRST = 0.005


class Departure:
    """unit: the runner's."""

    def __init__(self, unit: "JobUnit") -> None:
        self._unit = unit
        self.invocation: str = None  # of the activation that is to leave
        self._told_at = 0.0

    def expect(self, invocation: "str | None") -> None:
        """An activation was told to leave; None where it is not known which."""
        self.invocation = invocation
        self._told_at = time.monotonic()

    def is_over(self) -> bool:
        """Whether nobody is to leave any more. Raises Failed."""
        if self.invocation is not None and not self._unit.activation().is_still(self.invocation):
            self.invocation = None
        return self.invocation is None

    def look_again_in(self) -> float:
        """It is not over: in how many seconds to look again."""
        self.insist()
        return min(LOOK_EVERY, max(LOOK_FIRST, (time.monotonic() - self._told_at) / 4))

    def insist(self) -> None:
        """Have one stopped that has stayed for too long. Raises Failed."""
        if time.monotonic() - self._told_at > SILENCE and not self.is_over():
            self._unit.try_stop()
            self._told_at = time.monotonic()
