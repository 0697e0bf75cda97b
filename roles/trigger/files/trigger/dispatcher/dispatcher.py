"""What is to be done next, from the first byte until nothing is left to do.

A request goes from the spool (what waits) to a runner that stands ready (standby), is claimed and handed over to it
(handover), and watched until its end is recorded (watch). Whatever is killed, the other goes on: the claim says which
activation of the job's unit it was handed to, and a dispatcher that finds one asks that runner.
"""

import os
import select
import time

from trigger import cancellations, entry, paths
from trigger import endpoint as configuration
from trigger.dispatcher import schedule
from trigger.dispatcher.cannot_start import CannotStart
from trigger.dispatcher.claims import Claims
from trigger.dispatcher.departure import LOOK_EVERY
from trigger.dispatcher.job_unit import JobUnit
from trigger.dispatcher.link import Lost
from trigger.dispatcher.standby import Standby
from trigger.dispatcher.systemd_bus import Manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.dispatcher.exclusive import Exclusive
    from trigger.dispatcher.link import Link
    from trigger.dispatcher.recorder import Recorder
    from trigger.dispatcher.watch import Watch

HEAR_EVERY = 0.25  # seconds between two bytes that are heard during a run, whose runner can write any number
LISTED = 0.1  # seconds; a spool of thousands is not listed for each step, and who takes something away leaves no byte
STAY = 1.0  # seconds at the least; or a flood of bytes would be a flood of starts


class Dispatcher:
    """name: of the endpoint. fifo: the descriptor on which bytes arrive."""

    def __init__(self, name: str, fifo: int) -> None:
        self._fifo = fifo
        self._configuration: tuple[int, int] = None
        self._claims: Claims = None
        self._load(name)
        self._manager = Manager()
        self._unit = JobUnit(name, self._manager, self._say)
        cannot_start = CannotStart(self._endpoint.cannot_start, self._say, self._tell_hindrance)
        self._standby = Standby(paths.Paths(name), self._unit, cannot_start, self._say)
        self._watch: Watch = None  # over the run, while one is under way
        self._lock: Exclusive = None  # while it is held or waited for
        self._awaits_lock = False  # whether to look when it comes
        self._waiting: list[str] = []  # the names of the requests that wait; empty when they are to be listed
        self._list_again_at = 0.0
        self._first_seen: float = None  # when the requests were first seen that wait now
        self._stay_until = time.monotonic() + STAY
        self._heard_at = time.monotonic()
        self._may_cancel = True  # whether there may be something that somebody wants to have cancelled
        self._stopping = False

    def stop(self) -> None:
        """Leave as soon as what is known is written down."""
        self._stopping = True
        self._standby.prepares = False

    def serve(self, awake: int) -> None:
        """Serve until nothing is left to do. awake: a descriptor that becomes readable with a signal. Raises OSError
        and Failed; the next dispatcher goes on from there."""
        while True:
            self._empty_fifo()  # first: what comes from here on leaves a byte
            seconds = self._step()
            if seconds is None:
                return
            self._wait(seconds, awake)

    def _step(self) -> "float | None":
        """Do what is to be done. Returns in how many seconds to look again, or None to leave."""
        self._hear()
        if self._stopping and not (self._watch and self._watch.is_about_to_begin()):
            self._standby.leave()
            return None
        if self._watch is None:
            ids = self._claims.ids()
            if ids:
                self._watch_over(ids, self._claims.invocation())
        if self._may_cancel:
            self._cancel()
        if self._watch is not None:
            if self._lock is not None and not self._locked:
                self._awaits_lock = False
                self._give_lock_up()  # that it was waited for while `exclusive` was another's
            return self._follow()
        departure = self._standby.departure
        if self._locked and departure.invocation is not None:
            if not departure.is_over():
                return departure.look_again_in()
            self._release_lock()
        return self._look_for_work()

    def _wait(self, seconds: float, awake: int) -> None:
        poll = select.poll()
        link = (self._watch or self._standby).link
        fifo = self._fifo
        if self._watch and link:
            # All that may be wanted meanwhile is to cancel the run.
            deaf_for = self._heard_at + HEAR_EVERY - time.monotonic()
            if deaf_for > 0:
                fifo, seconds = None, min(seconds, deaf_for)
            if self._may_cancel:
                seconds = min(seconds, HEAR_EVERY)  # some of it is left
        for fd in (fifo, awake, link, self._lock.fileno() if self._awaits_lock else None):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        if seconds >= LOOK_EVERY:
            self._manager.close()  # systemd would keep for us whatever its units do
        for fd, _ in poll.poll(None if seconds == schedule.FOREVER else max(0, int(seconds * 1000 + 0.999))):
            if fd == awake:
                os.read(awake, 64)

    def _empty_fifo(self) -> None:
        try:
            if os.read(self._fifo, 65536):
                self._stay()
                self._heard_at = time.monotonic()
                self._may_cancel = True
                self._waiting = []
        except BlockingIOError:
            pass

    def _stay(self) -> None:
        self._stay_until = time.monotonic() + STAY

    def _load(self, name: str) -> None:
        """Read the configuration, when it has changed. Requests are taken by the one that they were accepted by."""
        status = os.stat(paths.Paths(name).configuration)
        version = (status.st_ino, status.st_mtime_ns)
        if version != self._configuration:
            self._endpoint = configuration.load(name)
            if self._claims is not None:
                self._claims.close()
            self._claims = Claims(self._endpoint)
            self._configuration = version

    # No run is under way.

    def _look_for_work(self) -> "float | None":
        self._awaits_lock = False
        if self._unit.socket_is_away:
            if not self._unit.is_over():
                return LOOK_EVERY / 5
            self._unit.bring_socket_back()
        now = time.monotonic()
        self._load(self._endpoint.name)
        if not self._waiting or now >= self._list_again_at:
            self._waiting = self._claims.waiting()
            self._list_again_at = now + LISTED
        waiting = self._waiting
        step, seconds = schedule.decide(self._seen(waiting, now), now)
        if step != schedule.TAKE_LOCK and self._lock is not None and not self._locked:
            self._give_lock_up()
        if step == schedule.CONNECT:
            self._standby.ask(self._endpoint)
            _load_what_comes_next()
        elif step == schedule.CLAIM:
            self._claim()
        elif step == schedule.DISMISS:
            self._standby.dismiss()
        elif step == schedule.TAKE_LOCK:
            return self._take_lock()
        elif step == schedule.RELEASE_LOCK:
            self._release_lock()
        elif step == schedule.LEAVE:
            # A job that has stopped its runner, and said in its name that it has ended, would live on.
            departure = self._standby.departure
            return None if departure.is_over() else departure.look_again_in()
        elif waiting:
            self._standby.look(waiting)
        return seconds

    def _seen(self, waiting: "list[str]", now: float) -> schedule.Seen:
        standby = self._standby
        waits = bool(waiting) and not os.path.exists(self._endpoint.pause_mark)
        if not waits:
            self._first_seen = None
            if not waiting:
                standby.cannot_start.over()
        elif self._first_seen is None:
            self._first_seen = now
        return schedule.Seen(
            waits=waits,
            quiet_at=self._quiet_at(waiting, now) if waits and self._endpoint.debounce else now,
            exclusive=self._endpoint.exclusive is not None,
            locked=self._locked,
            runner=standby.state(self._endpoint, waits),
            hindered=bool(standby.cannot_start),
            look_at=standby.look_at,
            retry_at=standby.retry_at,
            keep_until=standby.keep_until,
            stay_until=self._stay_until,
        )

    def _quiet_at(self, waiting: "list[str]", now: float) -> float:
        stamps = [entry.second_of(name) for name in waiting if entry.is_id(name)]
        quiet_at = now + schedule.quiet_in(self._endpoint, stamps, time.time())
        # A clock that was set back must not let requests wait for longer than was said.
        return min(quiet_at, self._first_seen + self._endpoint.debounce_max)

    def _take_lock(self) -> float:
        waited = self._lock is not None
        if not waited:
            from trigger.dispatcher.exclusive import Exclusive

            self._lock = Exclusive(self._endpoint.name, self._endpoint.exclusive, self._is_over)
        if self._lock.take():
            return 0
        self._awaits_lock = True
        if not waited:
            self._say("waiting for the lock %s" % self._endpoint.exclusive)
        return LOOK_EVERY if self._lock.holder else schedule.FOREVER

    def _give_lock_up(self) -> None:
        """It was asked for, and is not wanted now: others that name it need not wait until it is wanted again."""
        if self._lock.give_up():
            self._lock = None
        else:
            self._awaits_lock = True

    def _is_over(self, name: str) -> bool:
        return JobUnit(name, self._manager, self._say).is_over()

    @property
    def _locked(self) -> bool:
        return self._lock is not None and self._lock.is_held

    def _release_lock(self) -> None:
        self._lock.release()
        self._lock = None

    # A run.

    def _claim(self) -> None:
        """Take what the next run serves, and hand it over to the runner that stands ready."""
        from trigger.dispatcher import handover

        self._waiting = []
        claim = handover.take(self._endpoint, self._claims, self._recorder(), self._standby.call.invocation)
        if claim is None:
            return
        self._first_seen = None
        invocation = self._standby.call.invocation
        self._watch_over(claim.ids, invocation, self._standby.hand_over())
        try:
            handover.hand_over(self._endpoint, claim, self._watch.link)
        except Lost as lost:
            self._watch.lose(lost)
            self._look_whether_over()
        finally:
            os.close(claim.stdin)

    def _watch_over(self, ids: "list[str]", invocation: "str | None", link: "Link | None" = None) -> None:
        from trigger.dispatcher.watch import Run, Watch

        run = Run(ids, invocation, handed=link is not None)
        self._watch = Watch(run, link, self._endpoint, self._unit, self._standby, self._recorder())

    def _recorder(self) -> "Recorder":
        from trigger.dispatcher.recorder import Recorder

        return Recorder(self._endpoint, self._claims, self._manager.start, self._say)

    def _cancel(self) -> None:
        """Do what clients want to have cancelled."""
        self._may_cancel = False
        if cancellations.asked(self._endpoint.spool):
            from trigger.dispatcher import cancel

            self._may_cancel = cancel.look(self._endpoint, self._watch, self._say)

    def _hear(self) -> None:
        if self._watch is not None:
            self._watch.hear()
            self._look_whether_over()
        if self._watch is None:
            self._standby.hear(self._claims.waiting)

    def _follow(self) -> float:
        seconds = self._watch.follow()
        self._look_whether_over()
        return seconds

    def _look_whether_over(self) -> None:
        if self._watch.is_over:
            self._watch = None
            self._stay()
            if self._locked and self._standby.departure.invocation is None:  # it was given back
                self._release_lock()

    def _tell_hindrance(self, request_id: str) -> None:
        told = {"endpoint": self._endpoint.name, "id": request_id, "state": "cannot-start"}
        self._recorder().follow_up(told)

    def _say(self, line: str) -> None:
        """Write a line to the journal; its level comes first, as sd-daemon(3) has it."""
        level, line = (line[:3], line[3:]) if line[0] == "<" else ("", line)
        try:
            print("%s%s: %s" % (level, self._endpoint.name, line), flush=True)
        except OSError:
            pass  # a journal that is gone stops nobody


def _load_what_comes_next() -> None:
    """While the runner starts, which takes longer."""
    from trigger.dispatcher import handover, recorder, watch  # noqa: F401
