"""The unit of an endpoint's job and the socket before it, as systemd has them. Its words are used as they are."""

import os

from trigger import paths
from trigger.dispatcher.systemd_bus import Failed

_OVER = ("inactive", "failed")
_LATEST = "/run/systemd/units/invocation:"  # links by which systemd tells journald


class Activation:
    """The unit's latest. active, sub: str, its states. invocation: str, "" before the first."""

    __slots__ = ("active", "invocation", "sub")

    def __init__(self, active, sub, invocation):
        self.active = active
        self.sub = sub
        self.invocation = invocation.hex()

    def is_still(self, invocation):
        """Whether it is that one, and has not ended. invocation: str, or None for none."""
        return self.invocation == invocation and self.active not in _OVER and self.sub != "auto-restart"


class JobUnit:
    """name: str, of the endpoint. manager: systemd_bus.Manager. say: a function that writes a line to the journal. All
    methods raise Failed, unless they say otherwise."""

    def __init__(self, name, manager, say):
        units = paths.Units(name)
        self._service, self._socket = units.job, units.run_socket
        self._manager = manager
        self._say = say
        self.socket_is_away = False

    def properties(self, *names):
        """Return what systemd calls so, list."""
        return self._manager.unit(self._service, *names)

    def activation(self):
        """Return the Activation."""
        return Activation(*self.properties("ActiveState", "SubState", "InvocationID"))

    def is_latest(self, invocation):
        """Whether an activation is the unit's latest. invocation: str."""
        try:
            if os.readlink(_LATEST + self._service) == invocation:
                return True  # what every run has to ask, in a hundredth of the time
        except OSError:
            pass
        return self.activation().invocation == invocation

    def is_over(self):
        """Whether the job and all that it has started have ended."""
        (active,) = self.properties("ActiveState")
        return active in _OVER

    def stopped_for(self):
        """What it is being stopped for: "shutdown" or "order"."""
        return "shutdown" if self._manager.is_stopping() else "order"

    def stop(self):
        """Order systemd to stop it, without waiting for it."""
        self._manager.stop(self._service)

    def try_stop(self):
        """The same; where systemd refuses, it is said, and nothing raised."""
        try:
            self.stop()
        except Failed as failed:
            self._say("<4>%s cannot be stopped: %s" % (self._service, failed))

    def take_socket_away(self):
        """Stop socket and unit: systemd would go on trying to start it for a connection that waits in the socket, also
        when that is closed."""
        self._manager.stop(self._socket)
        self.try_stop()
        self.socket_is_away = True

    def bring_socket_back(self):
        """Undo that. It starts only when the unit is over."""
        if self.socket_is_away:
            self._manager.start(self._socket)
            self.socket_is_away = False

    def try_start_socket(self):
        """Start the socket, which somebody has stopped, or which has met its trigger limit. Raises nothing."""
        try:
            self._manager.start(self._socket)
        except Failed as failed:
            self._say("<3>%s" % failed)
