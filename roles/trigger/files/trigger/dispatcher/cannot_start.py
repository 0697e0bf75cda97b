"""A job that cannot start: its requests wait, and somebody has to be told."""

import os
import stat
import time

from trigger import entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10.0  # seconds after which `on_failure` is told, once
_UNTOLD, _TOLD = 0o644, 0o444  # modes of the mark, by which the next dispatcher knows


class CannotStart:
    """mark: the file that says so to those who look at the endpoint, with the reason in it; one that is there was made
    by the dispatcher before, and its mode says whether that has told. say: a function that writes a line to the
    journal. tell: one that starts the units of `on_failure`, for the request of an id."""

    def __init__(self, mark: str, say: "Callable[[str], None]", tell: "Callable[[str], None]") -> None:
        self._mark, self._say, self._tell = mark, say, tell
        self._since = self._told = None
        try:
            told = stat.S_IMODE(os.stat(mark).st_mode) == _TOLD
        except FileNotFoundError:
            return
        self._since, self._told = time.monotonic(), told

    def __bool__(self) -> bool:
        return self._since is not None

    def met(self, reason: str, waiting: "list[str]") -> None:
        """It is so. waiting: whom it keeps waiting. Raises NotNow where telling has to wait."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._told = now, False
            self._say("<3>the job cannot start: %s; %d requests wait for it" % (reason, len(waiting)))
            try:
                with open(self._mark, "w") as file:
                    os.fchmod(file.fileno(), _UNTOLD)
                    file.write(reason + "\n")
            except OSError:
                pass  # it is a sign, and the journal has it
        elif not self._told and now >= self._since + PATIENCE:
            # An acceptor chooses names in the spool, and this becomes part of the name of a unit of root's.
            self._tell(next(filter(entry.is_id, waiting), None) or entry.Ids().next())
            self._told = True
            try:
                os.chmod(self._mark, _TOLD)
            except OSError:
                pass  # the next dispatcher tells it once more

    def over(self) -> None:
        """It is not so any more, or nobody waits. Raises OSError."""
        if self._since is not None:
            self._since = None
            try:
                os.unlink(self._mark)
            except FileNotFoundError:
                pass
