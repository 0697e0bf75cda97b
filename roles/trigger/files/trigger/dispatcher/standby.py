"""The runner for the next run: it is asked for, greets, stands ready, and is handed over or dismissed."""

import time

from trigger import entry, records, run_protocol
from trigger.dispatcher import freshness, schedule
from trigger.dispatcher.departure import SILENCE, Departure
from trigger.dispatcher.link import Link, Lost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.dispatcher.cannot_start import CannotStart
    from trigger.dispatcher.job_unit import JobUnit
    from trigger.endpoint import Endpoint
    from trigger.paths import Paths
    from trigger.run_protocol import Message

RETRY = 1.0  # seconds before a runner is asked for again that has left without beginning
# Seconds between two looks at a runner that was asked for and has not greeted: until the first, behind one that has met
# another activation, and at the most. In between a tenth of the time since it was asked for: what starts and ends
# without a pause shows itself at once, and a repair takes long.
PATIENCE, PATIENCE_NEW, PATIENCE_MOST = 0.1, 0.02, 1.0
SEEN = 2  # activations that may be seen until a runner greets: the one before, and its own


class Call:
    """A runner that was asked for. stamp: freshness.stamp() of then. linger: seconds for which it is kept.

    look_at: when to look why it has not greeted. invocation: which activation it is, once it has greeted, and stands
    ready; None before.
    """

    __slots__ = ("asked_at", "invocation", "keep_until", "link", "look_at", "stamp", "tried")

    def __init__(self, link: Link, stamp: "freshness.Stamp | None", linger: float) -> None:
        self.link = link
        self.stamp = stamp
        self.tried: set[bytes] = set()  # the activations that were seen since
        self.ask_anew()
        self.keep_until = self.asked_at + linger
        self.invocation: str = None

    def ask_anew(self) -> None:
        """Count its time from now on."""
        self.asked_at = time.monotonic()
        self.look_at = self.asked_at + PATIENCE

    def look_later(self) -> None:
        """It has been looked at, and goes on to be waited for."""
        now = time.monotonic()
        self.look_at = now + min(PATIENCE_MOST, max(PATIENCE, (now - self.asked_at) / 10))


class Standby:
    """say: a function that writes a line to the journal. Methods raise OSError and Failed."""

    def __init__(
        self, places: "Paths", unit: "JobUnit", cannot_start: "CannotStart", say: "Callable[[str], None]"
    ) -> None:
        self._places = places
        self._unit = unit
        self._say = say
        self.cannot_start = cannot_start
        self.departure = Departure(unit)  # of the runner before
        self.call: Call = None
        self.retry_at = 0.0
        self.prepares = True  # whether a runner may be asked for ahead

    @property
    def link(self) -> "Link | None":
        """The connection to that runner."""
        return self.call.link if self.call else None

    @property
    def look_at(self) -> float:
        """When to look why it does not come."""
        return self.call.look_at if self.call else 0.0

    @property
    def keep_until(self) -> float:
        """How long it is kept where nothing waits for it."""
        return self.call.keep_until if self.call else 0.0

    def state(self, endpoint: "Endpoint", waits: bool) -> str:
        """Return what there is of a runner, as schedule has it. waits: whether a request waits for it."""
        if self.call is None:
            return schedule.NONE
        if self.call.invocation is None:
            return schedule.ASKED
        return schedule.STALE if waits and self.call.stamp != freshness.stamp(endpoint) else schedule.IDLE

    def ask(self, endpoint: "Endpoint") -> None:
        """Ask for a runner. systemd starts it, once a second where that fails, and the connection waits meanwhile."""
        self.departure.insist()
        stamp = freshness.stamp(endpoint)
        try:
            self.call = Call(Link(self._places.run_socket_path), stamp, endpoint.job_linger)
        except OSError as error:
            self.retry_later()
            self._mend_socket(error)

    def ask_ahead(self, endpoint: "Endpoint") -> None:
        """Ask for the next one, after a run that succeeded."""
        if self.prepares and not endpoint.exclusive and endpoint.job_linger > 0:
            self.ask(endpoint)

    def ask_again(self) -> "Link | None":
        """Ask the runner of a run that goes on. Returns None when it does not answer or was asked just now."""
        if time.monotonic() < self.retry_at:
            return None
        self.retry_later()
        try:
            return Link(self._places.run_socket_path)
        except OSError:
            return None  # somebody has stopped the socket; or the job is an earlier release's, which had none

    def retry_later(self) -> None:
        """Ask nobody for a while."""
        self.retry_at = time.monotonic() + RETRY

    def hear(self, waiting: "Callable[[], list[str]]") -> None:
        """Take in what the runner says. waiting: a function that returns the names of the requests that wait."""
        if self.call is None:
            return
        try:
            for message in self.call.link.messages():
                self._take_message(message)
        except Lost as lost:
            self._lose(lost, waiting())

    def look(self, waiting: "list[str]") -> None:
        """See why it does not come. waiting: who waits for it."""
        call = self.call
        if call is None or call.invocation is not None or time.monotonic() < call.look_at:
            return
        active, sub, result, invocation = self._unit.properties("ActiveState", "SubState", "Result", "InvocationID")
        call.look_later()
        is_new = invocation not in call.tried
        call.tried.add(invocation)
        silent = active == "active" and time.monotonic() > call.asked_at + SILENCE
        if sub == "exited" or silent:
            self._unit.try_stop()  # RemainAfterExit= of somebody's, or a runner that a job has stopped
            call.ask_anew()
        elif sub == "auto-restart":
            self.cannot_start.met("its unit ends with %s" % result, waiting)
        elif len(call.tried) > SEEN:
            # It ends in a way after which systemd starts it again at once, for as long as a connection waits: also one
            # that we have closed.
            self._lose(Lost("it ends at once"), waiting)
            self._unit.take_socket_away()
        else:
            if active == "failed":
                self.cannot_start.met("its unit ends with %s" % result, waiting)
            if is_new:
                call.look_at = time.monotonic() + PATIENCE_NEW

    def hand_over(self) -> Link:
        """Return the Link of the runner that stands ready, which is another's from now on."""
        link, self.call = self.call.link, None
        return link

    def take_back(self, link: Link, invocation: str) -> None:
        """The same undone, by a dispatcher that came later: that runner has not begun, and stands ready."""
        self.call = Call(link, None, 0.0)
        self.call.invocation = invocation

    def dismiss(self) -> None:
        """Let it go, whether it has come or not."""
        call, self.call = self.call, None
        if call.invocation is not None:
            call.link.leave()
            self.departure.expect(call.invocation)
        else:
            call.link.close()
            self._unit.take_socket_away()

    def leave(self) -> None:
        """The dispatcher leaves."""
        self._unit.bring_socket_back()
        if self.call is not None and self.call.invocation is not None:
            self.call.link.leave()

    def hear_of_another(self, link: Link, message: "Message") -> None:
        """A runner tells of a run that is not the claimed one. Raises Lost, unless that run is recorded: by a
        dispatcher that was killed before the runner had heard of it."""
        run_id = message.run_id
        if message.kind != run_protocol.ENDED or not entry.is_id(run_id) or not records.has(self._places, run_id):
            self._unit.try_stop()
            raise Lost("it tells of a run that nobody asked for")
        failed = (message.code, message.status) != (run_protocol.EXITED, 0)
        link.noted(run_id, "failed" if failed else "succeeded")
        link.close()

    def _take_message(self, message: "Message") -> None:
        if message.kind == run_protocol.IDLE and self.call.invocation is None:
            invocation = activation_in(message)
            if invocation == self.departure.invocation:
                raise Lost("it was told to leave")
            if not self._unit.is_latest(invocation):
                # Its variables are the job's user's where he can write to an EnvironmentFile=. One that was believed
                # would seem to have left while it goes on: beside its lock, and without its time limit.
                self._unit.try_stop()
                raise Lost("it says that it is another activation; does EnvironmentFile= set INVOCATION_ID?")
            self.call.invocation = invocation
            self.departure.expect(None)  # systemd has started this one behind it
        elif message.kind == run_protocol.STOPPING:
            raise Lost("it is being stopped")
        else:
            self.hear_of_another(self.call.link, message)
            self.call = None
            self.retry_later()  # it should have left, and until it has, it may say so to whoever connects

    def _lose(self, lost: Lost, waiting: "list[str]") -> None:
        """The connection is over."""
        self.call.link.close()
        was_ready = self.call.invocation is not None
        self.call = None
        self.retry_later()
        if waiting and not was_ready:
            self.cannot_start.met("no runner stands ready (%s)" % lost, waiting)

    def _mend_socket(self, error: OSError) -> None:
        """The runner's socket is not there: it was stopped, or has met its trigger limit; or the job's unit still is
        that of an earlier release, beside which it cannot start."""
        self._say("<4>the runner's socket does not answer (%s), so it is started" % error.strerror)
        if self._unit.is_over():
            self._unit.try_start_socket()


def activation_in(greeting: "Message") -> str:
    """Which activation greets. Raises Lost."""
    if len(greeting.invocation) != 32 or not greeting.invocation.isalnum():
        raise Lost("it does not say which activation it is")
    return greeting.invocation
