"""The unit of an endpoint's job and the socket before it, as systemd has them. Its words are used as they are."""

import os

from trigger import paths
from trigger.dispatcher.systemd_bus import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from trigger.dispatcher.systemd_bus import Manager

_OVER = ("inactive", "failed")
_LATEST = "/run/systemd/units/invocation:"  # links by which systemd tells journald


class Activation:
    """The unit's latest. active, sub: its states. invocation: as systemd has it, empty before the first; the attribute
    is the same in hex, as INVOCATION_ID has it."""

    __slots__ = ("active", "invocation", "sub")

    def __init__(self, active: str, sub: str, invocation: bytes) -> None:
        self.active = active
        self.sub = sub
        self.invocation = invocation.hex()

    def is_still(self, invocation: "str | None") -> bool:
        """Whether it is that one, and has not ended."""
        return self.invocation == invocation and self.active not in _OVER and self.sub != "auto-restart"


class JobUnit:
    """name: of the endpoint. say: a function that writes a line to the journal. All methods raise Failed, unless they
    say otherwise."""

    def __init__(self, name: str, manager: "Manager", say: "Callable[[str], None]") -> None:
        units = paths.Units(name)
        self._service, self._socket = units.job, units.run_socket
        self._manager = manager
        self._say = say
        self.socket_is_away = False

    def properties(self, *names: str) -> "list[Any]":
        """Return what systemd calls so."""
        return self._manager.unit(self._service, *names)

    def activation(self) -> Activation:
        """Return the Activation."""
        return Activation(*self.properties("ActiveState", "SubState", "InvocationID"))

    def is_latest(self, invocation: str) -> bool:
        """Whether an activation is the unit's latest."""
        try:
            if os.readlink(_LATEST + self._service) == invocation:
                return True  # what every run has to ask, in a hundredth of the time
        except OSError:
            pass
        return self.activation().invocation == invocation

    def is_over(self) -> bool:
        """Whether the job and all that it has started have ended."""
        (active,) = self.properties("ActiveState")
        return active in _OVER

    def stopped_for(self) -> str:
        """What it is being stopped for: "shutdown" or "order"."""
        return "shutdown" if self._manager.is_stopping() else "order"

    def stop(self) -> None:
        """Order systemd to stop it, without waiting for it."""
        self._manager.stop(self._service)

    def try_stop(self) -> None:
        """The same; where systemd refuses, it is said, and nothing raised."""
        try:
            self.stop()
        except Failed as failed:
            self._say("<4>%s cannot be stopped: %s" % (self._service, failed))

    def take_socket_away(self) -> None:
        """Stop socket and unit: systemd would go on trying to start it for a connection that waits in the socket, also
        when that is closed."""
        self._manager.stop(self._socket)
        self.try_stop()
        self.socket_is_away = True

    def bring_socket_back(self) -> None:
        """Undo that. It starts only when the unit is over."""
        if self.socket_is_away:
            self._manager.start(self._socket)
            self.socket_is_away = False

    def try_start_socket(self) -> None:
        """Start the socket, which somebody has stopped, or which has met its trigger limit. Raises nothing."""
        try:
            self._manager.start(self._socket)
        except Failed as failed:
            self._say("<3>%s" % failed)
